"""Accounts whose mail lies in place ([location]): Python and mutt read and change the boxes, IMAP and POP3 the mailboxes."""
import mailbox
import os
import signal
import threading
import time

from harness.cases import expect
from harness.server import Failure
from interop.bench import TRACE, case, expect_equal, lines_lf
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

    def there(self):
        """[(flags as a Maildir has them, subject)]"""
        found = []
        for key in sorted(self.box.keys()):
            message = self.box.get_message(key)
            # An mbox says R for read and A for answered, a Maildir S and R.
            told = message.get_flags().translate({ord("R"): "S", ord("A"): "R", ord("O"): None}) if isinstance(self.box, mailbox.mbox) \
                else message.get_flags()
            found.append((set(told), message["Subject"].split()[0]))
        return found

    def expect_there(self, *wanted):
        wanted = sorted((sorted(flags), subject) for flags, subject in wanted)

        def look():
            # A new object: Python's keep what they have read.
            self.box = type(self.box)(self.box._path, create=False)
            found = sorted((sorted(flags), subject) for flags, subject in self.there())
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
    located.box.add(lines_lf(first))
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
    mutt.press(path, "<first-entry><delete-message><next-entry><set-flag>r")
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
