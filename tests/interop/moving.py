"""Moving house between us and other programs: what they wrote is imported, what we export they read."""
import json
import mailbox
import os
import re

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
