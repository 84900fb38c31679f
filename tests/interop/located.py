"""Accounts whose mail lies in place ([location]): Python and mutt read and change the boxes, IMAP and POP3 the mailboxes."""
import contextlib
import json
import mailbox
import os
import signal
import threading
import time

from harness.cases import expect
from harness.server import Failure
from interop.bench import TRACE, case, expect_equal, lines_lf
from interop.boxes import python_mbox
from interop.mutt import Mutt

SECONDS = 60  # a line of [location] counts within a minute
_file = threading.Lock()  # of the configuration, which all cases share


def eventually(look, what):
    """Waits until look() says None; what it says else is what is missing."""
    give_up = time.monotonic() + SECONDS
    while missing := look():
        if time.monotonic() > give_up:
            raise Failure(f"{what}: {missing}")
        time.sleep(0.2)


def anew(box):
    """Another object, for Python's keep what they have read; an mbox with its locks: one that is being rewritten has halves of messages."""
    return python_mbox(box._path) if isinstance(box, mailbox.mbox) else contextlib.nullcontext(type(box)(box._path, create=False))


def there(box):
    """[(flags as a Maildir has them, subject)]"""
    found = []
    for key in sorted(box.keys()):
        message = box.get_message(key)
        # An mbox says R for read and A for answered, a Maildir S and R.
        told = message.get_flags().translate({ord("R"): "S", ord("A"): "R", ord("O"): None}) if isinstance(box, mailbox.mbox) \
            else message.get_flags()
        found.append((set(told), message["Subject"].split()[0]))
    return found


class Located:
    """A case's account with a location, and its box as Python sees it."""

    def __init__(self, bench, location, box):
        self.bench, self.box = bench, box
        with _file:
            bench.server.configure([("location", f'"{bench.account}"', f'"{location}"')])
            bench.server.command("config", "check")
            bench.server.process.send_signal(signal.SIGHUP)

    def here(self):
        """[(UID, flags, octets)]"""
        session = self.bench.imap()
        try:
            untagged, _ = session.command("SELECT INBOX")
            if b"* 0 EXISTS" in [text for text, _ in untagged]:
                return []
            untagged, _ = session.command("UID FETCH 1:* (UID FLAGS BODY.PEEK[])")
            return [(int(items[b"UID"]), {f.decode() for f in items[b"FLAGS"]} - {"\\Recent"}, items[b"BODY[]"])
                    for items in session.fetched(untagged)]
        finally:
            session.close()

    def expect_there(self, *wanted):
        wanted = sorted((sorted(flags), subject) for flags, subject in wanted)

        def look():
            try:
                with anew(self.box) as box:
                    found = sorted((sorted(flags), subject) for flags, subject in there(box))
            except (KeyError, FileNotFoundError):
                return "a file of the Maildir got another name meanwhile"
            return None if found == wanted else f"the box has {found}, wanted {wanted}"
        eventually(look, "what is done here does not come to the box")

    def expect_here(self, *wanted):
        """(flags, tag), in the order of UIDs; the UIDs."""
        wanted = [(set(flags), tag) for flags, tag in wanted]

        def look():
            found = [(flags, octets) for _, flags, octets in self.here()]
            told = [(flags, tag_of(octets)) for flags, octets in found]
            return None if told == wanted else f"the mailbox has {told}, wanted {wanted}"
        eventually(look, "what is done in the box does not come here")
        return [uid for uid, _, _ in self.here()]


def tag_of(octets):
    return next(line.split()[1].decode() for line in octets.split(b"\r\n") if line.startswith(b"Subject: "))


def both_sides(bench, located, kind, path):
    first, second, third = (bench.letter(tag) for tag in ("one", "two", "three"))
    with anew(located.box) as box:
        box.add(lines_lf(first))
    uids = located.expect_here(([], "one"))
    expect_equal(located.here()[0][2], first, "what Python put into the box")

    session = bench.imap()
    try:
        session.command("SELECT INBOX")
        session.command("APPEND INBOX (\\Seen) ", second)
        session.command(f"UID STORE {uids[0]} +FLAGS (\\Flagged)")
    finally:
        session.close()
    located.expect_there(("F", "one"), ("S", "two"))

    mutt = Mutt(bench, kind)
    mutt.press(path, "<search>~s one<enter><delete-message><search>~s two<enter><set-flag>r")
    uids = located.expect_here((["\\Seen", "\\Answered"], "two"))
    bench.deliver(third)
    located.expect_there(("RS", "two"), ("", "three"))
    expect([octets for _, _, octets in located.here()][0] == second, "a letter changed on its way")
    expect(located.here()[0][0] == uids[0], "a UID changed")
    stored = located.here()[1][2]
    expect_equal(stored[len(TRACE.match(stored).group(0)):], third, "what was delivered")

    session = bench.pop3()
    session.command("DELE 1")
    session.command("QUIT")
    located.expect_there(("", "three"))


@case("a Maildir in place", modes=("",))
def maildir_in_place(bench, _):
    path = os.path.join(bench.directory, "Maildir")
    box = mailbox.Maildir(path)
    located = Located(bench, f"maildir:{path}", box)
    both_sides(bench, located, "Maildir", path)
    folder = box.add_folder("Work.Paper")
    folder.add(lines_lf(bench.letter("four")))

    def look():
        stored = bench.stored("Work/Paper") if any("Work/Paper" in line for line in names(bench)) else []
        return None if [tag_of(octets) for _, octets in stored] == ["four"] else f"the folder holds {len(stored)} messages here"
    eventually(look, "a folder does not come here")


@case("an mbox spool and folder in place", modes=("",))
def mbox_in_place(bench, _):
    path = bench.write("spool", b"")
    folders = os.path.join(bench.directory, "mail")
    os.makedirs(folders)
    located = Located(bench, f"mbox:{folders}:INBOX={path}", mailbox.mbox(path))
    both_sides(bench, located, "mbox", path)
    session = bench.imap()
    try:
        session.command("CREATE papers")
        session.command("APPEND papers ", bench.letter("four"))
    finally:
        session.close()

    def look():
        file = os.path.join(folders, "papers")
        subjects = [message["Subject"].split()[0] for message in mailbox.mbox(file)] if os.path.exists(file) else []
        return None if subjects == ["four"] else f"the file has {subjects}"
    eventually(look, "a mailbox does not come to the folder")


def names(bench):
    session = bench.imap()
    try:
        untagged, _ = session.command('LIST "" *')
        return [text.decode() for text, _ in untagged]
    finally:
        session.close()


def octets_of(path):
    """Every file below with its octets."""
    if os.path.isfile(path):
        with open(path, "rb") as f:
            return {path: f.read()}
    found = {}
    for folder, _, files in os.walk(path):
        for name in files:
            with open(os.path.join(folder, name), "rb") as f:
                found[os.path.join(folder, name)] = f.read()
    return found


def moves_in(bench, located, kind, path, letters=30):
    """While a session is open, letters come by LMTP and another program writes to the box."""
    def command(*words, good=0):
        done = bench.server.command(*words, check=False)
        expect(done.returncode == good, f"angarium {' '.join(words)} ended with {done.returncode}: {done.stdout}{done.stderr}")
        return done

    def bring(good=0):
        return json.loads(command("import", "--account", bench.account, "--from-location", "--json", good=good).stdout)["report"]

    with anew(located.box) as box:
        box.add(lines_lf(bench.letter("first")))
    uids = located.expect_here(([], "first"))
    refused = command("import", "--account", bench.account, path, good=1)
    expect("--from-location" in refused.stderr, f"the refusal says {refused.stderr}")
    command("import", "--account", bench.account, bench.directory, "--dry-run", good=1)
    plan = json.loads(command("import", "--account", bench.account, "--from-location", "--dry-run", "--json").stdout)["plan"]
    expect(plan["moved_in"] is None and [(one["path"], one["messages"]) for one in plan["boxes"]][:1] == [(path, 1)], f"{plan}")

    session = bench.imap()
    failures = []

    def others():
        try:
            for number in range(letters):
                with anew(located.box) as box:
                    box.add(lines_lf(bench.letter(f"there{number}")))
        except Exception as failure:  # told below
            failures.append(failure)

    try:
        session.command("SELECT INBOX")
        session.command(f"UID STORE {uids[0]} +FLAGS (\\Flagged)")
        writing = threading.Thread(target=others)
        writing.start()
        for number in range(letters):
            bench.deliver(bench.letter(f"here{number}"))
            if number == letters // 2:
                report = bring()
        writing.join()
        expect(not failures, f"the other program: {failures}")
        expect(report["moved_in"], f"{report}")
        bring()
        session.command("NOOP")
        untagged, _ = session.command("UID FETCH 1:* (UID FLAGS)")
        shown = {int(items[b"UID"]) for items in session.fetched(untagged)}
    finally:
        session.close()
    here = located.here()
    tags = sorted(tag_of(octets) for _, _, octets in here)
    expect(tags == sorted(["first", *(f"{side}{number}" for side in ("here", "there") for number in range(letters))]), f"here is {tags}")
    expect({uid for uid, _, _ in here} == shown and here[0][:2] == (uids[0], {"\\Flagged"}), "the open session has other messages")

    files = octets_of(path)
    session = bench.imap()
    try:
        session.command("SELECT INBOX")
        session.command("UID STORE 1:* +FLAGS (\\Seen)")
        session.command(f"UID STORE {uids[0]} +FLAGS (\\Deleted)")
        session.command("EXPUNGE")
    finally:
        session.close()
    time.sleep(6)  # the time of a few looks: what would be wrong would happen in it
    expect(octets_of(path) == files, "the boxes of an account that has moved in were changed")
    Mutt(bench, kind).press(path, "<search>~s there1<enter><delete-message>")
    with anew(located.box) as box:
        box.add(lines_lf(bench.letter("late")))
    command("import", "--account", bench.account, path, good=1)
    expect(bring()["imported"] == 1 and bring()["imported"] == 0, "what came since did not come once")
    expect(len(located.here()) == 2 * letters + 1, "what mutt removed is gone here, or what was removed here is back")

    shown = json.loads(command("account", "show", bench.account, "--json").stdout)
    expect(shown["moved_in"] and path in shown["location"], f"{shown}")
    expect(any(one["address"] == bench.account and one["moved_in"] for one in json.loads(command("account", "list", "--json").stdout)), "no list tells")
    expect(json.loads(command("status", "--json").stdout)["accounts_moved_in"] >= 1, "no status tells")
    command("verify")

    back = json.loads(command("export", "--account", bench.account, "--to-location", "--json").stdout)["report"]
    expect(back["moved_in"] is None, f"{back}")
    # What was removed here came back with its box, and what mutt removed there from here.
    tags.append("late")
    expect(sorted(tag_of(octets) for _, _, octets in located.here()) == sorted(tags), "not all is here again")
    session = bench.imap()
    try:
        session.command("SELECT INBOX")
        session.command("UID STORE 1:* +FLAGS (\\Deleted)")
        session.command("EXPUNGE")
    finally:
        session.close()
    located.expect_there()


@case("a Maildir in place moves into the own store while it is in use, and back", modes=("",))
def maildir_moves_in(bench, _):
    path = os.path.join(bench.directory, "Maildir")
    box = mailbox.Maildir(path)
    moves_in(bench, Located(bench, f"maildir:{path}", box), "Maildir", path)


@case("an mbox spool in place moves into the own store while it is in use, and back", modes=("",))
def mbox_moves_in(bench, _):
    path = bench.write("spool", b"")
    folders = os.path.join(bench.directory, "mail")
    os.makedirs(folders)
    moves_in(bench, Located(bench, f"mbox:{folders}:INBOX={path}", mailbox.mbox(path)), "mbox", path)
