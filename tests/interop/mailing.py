"""`angarium mail` with servers of others: Dovecot's imap and pop3 on a socket that we hand them, and Postfix to send by."""
import json
import time

from harness.cases import PASSWORD, expect
from interop.bench import TRACE, case, expect_equal, lines_lf
from interop.boxes import dovecot, unpack
from interop.fetching import serving, unpacking
from interop.moving import dovecot_runner
from interop.peers import Postfix, one_postfix

SECONDS = 60
TEXT = "Grüße aus der Datei\n.\nFrom here on\n"


def mail_at(bench, protocol, port):
    """The command, for Dovecot's account; its output, as JSON where that is asked for."""
    secret = bench.write("secret", PASSWORD + "\n")

    def mail(*words, more=(), stdin="", good=(0,)):
        told = bench.run(bench.server.binary, "mail", *words, f"--{protocol}", f"{protocol}+plain://127.0.0.1:{port}", "--user", "anna",
                         "--password-file", secret, *more, stdin=stdin.encode(), good=good)
        return json.loads(told) if "--json" in words else told
    return mail


def peer(bench):
    with unpacking:
        root = unpack("dovecot-servers", "dovecot-core", "dovecot-imapd", "dovecot-pop3d")
    return (root, *dovecot(bench, f"maildir:{bench.directory}/Maildir"))


@case("angarium mail with Dovecot by IMAP, sending by Postfix", modes=("",))
def by_imap(bench, _):
    root, append, fetch, as_user = peer(bench)
    letters = [bench.letter(f"m{n}") for n in range(4)]
    for letter in letters:
        append(lines_lf(letter))
    run = dovecot_runner(bench, as_user)
    run("mailbox", "create", "Archive")
    with serving(bench, "imap", root, as_user) as port:
        mail = mail_at(bench, "imap", port)
        rows = mail("list", "--json")["messages"]
        expect([row["subject"] for row in rows] == [f"m{n} grüßt" for n in range(4)], f"the list: {rows}")
        ids = [row["id"] for row in rows]
        expect([row["id"] for row in mail("list", "--subject", "m2 grüßt", "--json")["messages"]] == [ids[2]], "search in UTF-8")
        expect_equal(mail("read", ids[1], "--raw"), letters[1], "a message as it is read")
        expect("Grüße aus Köln" in mail("read", ids[1], "--json")["text"], "its text")
        expect([row["id"] for row in mail("list", "--unread", "--json")["messages"]] == [ids[0], *ids[2:]], "it is read")
        mail("save", ids[0], "whole.eml")
        expect_equal(bench.read("whole.eml"), letters[0], "what was saved")
        mail("flag", ids[0], "--set", "flagged")
        # What another client marked stays when we remove ours.
        run("flags", "add", "\\Deleted", "mailbox", "INBOX", "uid", ids[3])
        mail("delete", ids[2])
        mail("move", ids[1], more=("--to", "Archive"))
        expect([row["id"] for row in mail("list", "--json")["messages"]] == [ids[0], ids[3]], "what is left")
        expect_equal(sorted(fetch()), sorted([lines_lf(letters[0]), lines_lf(letters[3])]), "what Dovecot has")
        expect_equal(fetch("Archive"), [lines_lf(letters[1])], "what was moved")
        expect("no message" in mail("read", ids[2], "--json", good=(1,))["error"], "what is gone")
        with one_postfix:
            postfix = Postfix(bench.directory + "/postfix", bench.server, "lmtp", "lmtp_tls_security_level = none")
            try:
                postfix.start()
                more = ("--smtp", f"submission+plain://127.0.0.1:{postfix.port}", "--no-smtp-login", "--address", "anna@postfix.interop.test")
                sent = mail("send", bench.account, "-s", "Größe", "--attach", "whole.eml", "--json", more=more, stdin=TEXT)
                mail("reply", ids[0], more=more, stdin="Yes.\n")
                end = time.monotonic() + SECONDS
                while len(bench.stored()) < 2:
                    expect(time.monotonic() < end, "the letters did not come:\n" + postfix.log())
                    time.sleep(0.1)
            finally:
                postfix.stop()
        stored = [octets[TRACE.match(octets).end():] for _, octets in bench.stored()]
        letter, = [octets for octets in stored if sent["message_id"].encode() in octets]
        expect(b"\r\nSubject: =?" in letter and b"whole.eml" in letter, f"the letter: {letter}")
        copies = [row["subject"] for row in mail("list", "Sent", "--json")["messages"]]
        expect(copies == ["Größe", "Re: m0 grüßt"], f"the copies: {copies}")
        expect("answered" in mail("list", "--json")["messages"][0]["flags"], "it is answered")


@case("angarium mail with Dovecot by POP3", modes=("",))
def by_pop3(bench, _):
    root, append, fetch, as_user = peer(bench)
    letters = [bench.letter(f"m{n}") for n in range(3)]
    for letter in letters:
        append(lines_lf(letter))
    with serving(bench, "pop3", root, as_user) as port:
        mail = mail_at(bench, "pop3", port)
        rows = mail("list", "--json")["messages"]
        expect([row["subject"] for row in rows] == [f"m{n} grüßt" for n in range(3)], f"the list: {rows}")
        expect_equal(mail("read", rows[1]["id"], "--raw"), letters[1], "a message as it is read")
        mail("save", "last", "whole.eml")
        expect_equal(bench.read("whole.eml"), letters[2], "what was saved")
        mail("delete", rows[1]["id"])
        expect_equal(sorted(fetch()), sorted([lines_lf(letters[0]), lines_lf(letters[2])]), "what Dovecot has")
