"""Moving house between us and other programs: what they wrote is imported, what we export they read."""
import imaplib
import json
import mailbox
import os
import re
import subprocess

from harness.cases import PASSWORD, expect
from interop.bench import case, expect_equal, lines_lf
from interop.boxes import dovecot, expect_same, quoted, unpack, without_ends
from interop.fetching import serving, unpacking


def bring(bench, path, *options):
    bench.server.command("import", "--account", bench.account, path, *options)


def take_out(bench, form):
    path = os.path.join(bench.directory, "out")
    bench.server.command("export", "--account", bench.account, path, "--format", form)
    return path


def give_to_reader(path):
    """The files are ours; Dovecot reads as somebody else."""
    for folder, _, names in os.walk(path):
        for name in [".", *names]:
            os.chown(os.path.join(folder, name), 65534, 65534)


def same_letters(found, wanted, what):
    expect(len(found) == len(wanted), f"{what}: {len(found)} letters, wanted {len(wanted)}")
    for one, other in zip(found, wanted):
        expect_equal(lines_lf(one), lines_lf(other), what)


@case("import of Dovecot's Maildir++ with flags, keywords and folders, and back by export", modes=("",))
def dovecot_maildir(bench, _):
    append, _, as_user = dovecot(bench, f"maildir:{bench.directory}/Maildir")
    letters = [bench.letter(f"n{n}") for n in range(5)]
    for letter in letters:
        append(lines_lf(letter))
    run = dovecot_runner(bench, as_user)
    run("flags", "add", "\\Flagged \\Answered work", "mailbox", "INBOX", "1")
    run("mailbox", "create", "lists.Entwürfe")
    run("save", "-m", "lists.Entwürfe", stdin=letters[0])
    bring(bench, os.path.join(bench.directory, "Maildir"))
    stored = bench.stored()
    same_letters([octets for _, octets in stored], letters, "what we have of Dovecot's")
    expect({"\\Flagged", "\\Answered", "work"} <= stored[0][0] and not stored[1][0], f"flags: {stored[0][0]}, {stored[1][0]}")
    same_letters([octets for _, octets in bench.stored('"lists/Entw&APw-rfe"')], letters[:1], "the subfolder")

    out = take_out(bench, "maildir++")
    if as_user:
        give_to_reader(out)
    _, fetch, _ = dovecot(bench, f"maildir:{out}")
    expect_same(without_ends(fetch()), without_ends(lines_lf(letter) for letter in letters), "what Dovecot reads of our export")
    expect_same(without_ends(fetch("lists.Entwürfe")), without_ends([lines_lf(letters[0])]), "what Dovecot reads in the folder")
    flags = dovecot_runner(bench, as_user)("fetch", "flags", "mailbox", "INBOX")
    expect(b"\\Answered" in flags and b"\\Flagged" in flags and b"work" in flags, f"Dovecot sees {flags}")


def dovecot_runner(bench, as_user):
    """doveadm with the configuration that dovecot() wrote last."""
    root = unpack("dovecot", "dovecot-core")
    environment = {"LD_LIBRARY_PATH": f"{root}/usr/lib/dovecot:{root}/usr/lib/x86_64-linux-gnu", "USER": "anna", "HOME": bench.directory}

    def run(*words, stdin=b""):
        return bench.run(*as_user, f"{root}/usr/bin/doveconf", "-f", "service=doveadm", "-c", f"{bench.directory}/dovecot.conf", "-m", "doveadm",
                         "-e", f"{root}/usr/bin/doveadm", *words, stdin=stdin, environment=environment)
    return run


@case("import of a Dovecot account by IMAP: folders, flags, keywords, dates, subscriptions; again it brings only what is new", modes=("",))
def dovecot_by_imap(bench, _):
    with unpacking:
        root = unpack("dovecot-servers", "dovecot-core", "dovecot-imapd", "dovecot-pop3d")
    append, _, as_user = dovecot(bench, f"maildir:{bench.directory}/Maildir")
    letters = [bench.letter(f"n{n}") for n in range(300)]
    run = dovecot_runner(bench, as_user)
    for letter in letters[:6]:
        append(lines_lf(letter))
    run("flags", "add", "\\Flagged \\Answered work", "mailbox", "INBOX", "1")
    run("mailbox", "create", "-s", "lists.Entwürfe")
    run("mailbox", "create", "quiet")
    for number, letter in enumerate(letters[6:]):
        with open(os.path.join(bench.directory, "Maildir", "new", f"1600000000.{number}.far"), "wb") as file:
            file.write(lines_lf(letter))
    if as_user:
        give_to_reader(os.path.join(bench.directory, "Maildir"))
    run("copy", "lists.Entwürfe", "mailbox", "INBOX", "1:2")
    run("expunge", "mailbox", "INBOX", "2")
    with serving(bench, "imap", root, as_user) as port:
        def import_all():
            done = bench.server.command("import", "--account", bench.account, f"imap+plain://anna@127.0.0.1:{port}", "--password-stdin", "--json",
                                        stdin=PASSWORD + "\n")
            return json.loads(done.stdout)
        first = import_all()
        expect(first["report"]["imported"] == 301 and not first["report"]["defects"], f"the report: {first}")
        stored = bench.stored()
        same_letters(sorted(octets for _, octets in stored), sorted(letters[:1] + letters[2:]), "what we have of Dovecot's")
        expect({"\\Flagged", "\\Answered", "work"} <= stored[0][0] and not stored[1][0], f"flags: {stored[0][0]}, {stored[1][0]}")
        same_letters([octets for _, octets in bench.stored('"lists/Entw&APw-rfe"')], letters[:2], "the subfolder")
        again = import_all()
        expect(again["plan"]["already_there"] == 301 and again["report"]["imported"] == 0, f"the second report: {again}")
        append(lines_lf(letters[1]))
        third = import_all()
        expect(third["report"]["imported"] == 1, f"the third report: {third}")
    expect(len(bench.stored()) == 300, "each letter once")


def entered(port, user):
    """A session; Dovecot's asks for no password here."""
    session = imaplib.IMAP4("127.0.0.1", port, timeout=60)
    if session.state == "NONAUTH":
        session.login(user, PASSWORD)
    return session


def told(port, user, folders):
    """Octets, flags and date of every message of these folders, in the order of the server."""
    session = entered(port, user)
    try:
        all_of = {}
        for here, there in folders.items():
            answer, count = session.select(f'"{there}"', readonly=True)
            expect(answer == "OK", f"there is no {there}")
            rows = session.fetch("1:*", "(FLAGS INTERNALDATE BODY.PEEK[])")[1] if int(count[0]) else []
            all_of[here] = [(one[1], frozenset(imaplib.ParseFlags(one[0])) - {b"\\Recent"}, re.search(rb'INTERNALDATE "([^"]*)"', one[0]).group(1))
                            for one in rows if isinstance(one, tuple)]
        return all_of
    finally:
        session.logout()


def count_at(port, user):
    session = entered(port, user)
    try:
        return int(session.select("INBOX", readonly=True)[1][0])
    finally:
        session.logout()


@case("export to a Dovecot account by IMAP, killed three times and run again: every message once, with octets, flags, keywords and date", modes=("",))
def export_to_dovecot(bench, _):
    with unpacking:
        root = unpack("dovecot-servers", "dovecot-core", "dovecot-imapd", "dovecot-pop3d")
    _, _, as_user = dovecot(bench, f"maildir:{bench.directory}/Maildir")
    source = mailbox.Maildir(os.path.join(bench.directory, "Source"))
    for number in range(1500):
        # Some are the same to the octet.
        message = mailbox.MaildirMessage(lines_lf(bench.letter(f"n{number // 2}")))
        message.set_subdir("cur")
        message.set_flags(("", "S", "FS", "RT", "D")[number % 5])
        message.set_date(1195736561 + number // 4)
        source.add(message)
    for name in ("lists.Entw&APw-rfe", "Sent"):
        folder = source.add_folder(name)
        for number in range(20):
            folder.add(mailbox.MaildirMessage(lines_lf(bench.letter(f"{name}{number}"))))
    if as_user:
        give_to_reader(os.path.join(bench.directory, "Source"))
    bring(bench, os.path.join(bench.directory, "Source"))
    ours = {"INBOX": "INBOX", "lists": "lists/Entw&APw-rfe", "Sent": "Sent"}
    session = entered(bench.server.port("imap"), bench.account)
    session.select("INBOX")
    session.store("3:5", "+FLAGS", "(work $Forwarded)")
    session.logout()
    wanted = told(bench.server.port("imap"), bench.account, ours)
    expect(len(wanted["INBOX"]) == 1500 and {b"work", b"$Forwarded"} <= wanted["INBOX"][3][1], "what is to be exported")
    with serving(bench, "imap", root, as_user) as port:
        words = ["export", "--account", bench.account, f"imap+plain://anna@127.0.0.1:{port}", "--password-stdin"]
        plan = json.loads(bench.server.command(*words, "--dry-run", "--json", stdin=PASSWORD + "\n").stdout)["plan"]
        expect(plan["messages"] == 1540 and plan["already_there"] == 0 and count_at(port, "anna") == 0, f"the plan: {plan}")
        for _ in range(3):
            before = count_at(port, "anna")
            command = subprocess.Popen([bench.server.binary, *words[:1], "--dir", bench.server.directory, *words[1:]], stdin=subprocess.PIPE,
                                       stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
            command.stdin.write(PASSWORD.encode() + b"\n")
            command.stdin.close()
            while command.poll() is None and count_at(port, "anna") == before:
                pass
            command.kill()
            command.wait()
        report = json.loads(bench.server.command(*words, "--json", stdin=PASSWORD + "\n").stdout)["report"]
        expect(report["exported"] + report["already_there"] == 1540 and not report["defects"], f"the report: {report}")
        found = told(port, "anna", {"INBOX": "INBOX", "lists": "lists.Entw&APw-rfe", "Sent": "Sent"})
        for name, messages in wanted.items():
            expect(len(found[name]) == len(messages), f"{name}: {len(found[name])} of {len(messages)}")
            for number, (one, other) in enumerate(zip(found[name], messages)):
                expect(one == other, f"{name} {number}: {one[1:]} is not {other[1:]}, or {one[0]!r} not {other[0]!r}")
        again = json.loads(bench.server.command(*words, "--json", stdin=PASSWORD + "\n").stdout)["report"]
        expect(again["exported"] == 0 and again["already_there"] == 1540, f"the second report: {again}")


@case("import of an mbox that Python wrote, and back by export to Python and Dovecot", modes=("",))
def python_mbox(bench, _):
    path = os.path.join(bench.directory, "Old")
    box = mailbox.mbox(path)
    letters = [bench.letter(f"n{n}") for n in range(5)]
    for n, letter in enumerate(letters):
        message = mailbox.mboxMessage(lines_lf(letter))
        message.set_flags("RAF" if n == 0 else "")
        box.add(message)
    box.close()
    bring(bench, path)
    stored = bench.stored("Old")
    same_letters([octets for _, octets in stored], letters, "what we have of Python's")
    expect({"\\Seen", "\\Answered", "\\Flagged"} <= stored[0][0], f"flags: {stored[0][0]}")

    out = os.path.join(take_out(bench, "mbox"), "Old.mbox")
    there = mailbox.mbox(out, create=False)
    found = [there.get_message(key) for key in there.keys()]
    expect(set(found[0].get_flags()) >= {"R", "A", "F"}, f"Python sees {found[0].get_flags()}")
    state = re.compile(rb"(?m)^(Status|X-Status|X-Keywords): .*\n")
    same_letters([state.sub(b"", there.get_bytes(key)) for key in there.keys()], [quoted(lines_lf(letter)) for letter in letters], "what Python reads")
    there.close()
    _, _, as_user = dovecot(bench, f"mbox:{bench.directory}/mail:INBOX={out}:INDEX=MEMORY")
    if as_user:
        give_to_reader(os.path.join(bench.directory, "out"))
    flags = dovecot_runner(bench, as_user)("fetch", "flags", "mailbox", "INBOX")
    expect(flags.count(b"flags:") == 5 and b"\\Answered" in flags, f"Dovecot sees {flags}")
