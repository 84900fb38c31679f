"""mutt's mbox files and Maildirs: beside our deliveries, imported, and with mail(1) at the same box."""
import calendar
import itertools
import mailbox
import os
import pty
import re
import select
import signal
import time

from harness.cases import expect
from harness.server import Failure
from interop.bench import case, expect_equal, lines_lf
from interop.boxes import deliver, expect_same, imported, quoted, side_by_side, unpack, unquoted
from interop.moving import told

SCREEN_SECONDS = 30
STATE = re.compile(rb"(?m)^(Status|X-Status|Content-Length|Lines): .*\n")


def on_screen(command, environment, directory):
    """Runs a program that wants a terminal until it ends."""
    process, screen = pty.fork()
    if process == 0:
        os.chdir(directory)
        os.execve(command[0], command, environment)
    said = b""
    give_up = time.monotonic() + SCREEN_SECONDS
    try:
        while time.monotonic() < give_up:
            if select.select([screen], [], [], 0.5)[0]:
                try:
                    said += os.read(screen, 65536)
                except OSError:  # it closed its side
                    break
        else:
            os.kill(process, signal.SIGKILL)
            raise Failure(f"{command[0]} did not end:\n{said[-2000:]!r}")
    finally:
        os.close(screen)
        _, status = os.waitpid(process, 0)
    expect(status == 0, f"{command[0]} ended with {status}:\n{said[-2000:]!r}")


class Mutt:
    """mutt with a configuration of its own; what it makes is an mbox or a Maildir, as `kind` says."""

    def __init__(self, bench, kind):
        self.bench = bench
        root = unpack("mutt", "mutt")
        self.program = bench.program(f"{root}/usr/bin/mutt")
        self.environment = {"HOME": bench.directory, "TERM": "vt100", "LC_ALL": "C.UTF-8", "PATH": os.environ["PATH"], "TZ": "UTC",
                            "LD_LIBRARY_PATH": f"{root}/usr/lib/x86_64-linux-gnu", "TMPDIR": bench.directory}
        self.common = f"set dotlock_program={root}/usr/bin/mutt_dotlock\nset mbox_type={kind}\nset folder={bench.directory}\n"
        self.numbers = itertools.count()

    def send(self, subject, path):
        """A letter of mutt's own, kept in the box by its "record"."""
        setting = self.bench.write("send", self.common + f"set copy=yes\nset record={path}\nset sendmail=/bin/true\nset from=them@interop.test\n")
        self.bench.run(self.program, "-n", "-F", setting, "-s", subject, "us@interop.test", stdin=b"From the start\n", environment=self.environment)

    def press(self, path, keys, *options):
        """Opens the box and presses keys, as mutt names them, then the one that writes it anew and leaves it."""
        setting = self.bench.write(f"press{next(self.numbers)}", self.common + "set confirmappend=no\nset confirmcreate=no\nset quit=yes\n"
                                   f"set delete=yes\nset wait_key=no\nset mark_old=no\nset move=no\nset sort=mailbox-order\nset resolve=no\npush '{keys}<quit>'\n")
        on_screen([self.program, "-n", "-F", setting, *options, "-f", path], self.environment, self.bench.directory)

    def copy(self, path, to):
        """All of a box into another."""
        self.press(path, f"<tag-pattern>~A<enter><tag-prefix><copy-message><kill-line>{to}<enter>", "-R")

    def saver(self, path):
        """append(letter) that saves it from a box of its own into this one."""
        def append(letter):
            own = os.path.join(self.bench.directory, f"own{next(self.numbers)}")
            mailbox.Maildir(own).add(letter)
            self.press(own, f"<save-message><kill-line>{path}<enter>")
            expect(len(mailbox.Maildir(own)) == 0, "mutt kept what it saved")
        return append

    def read(self, path):
        """[(flags as a Maildir has them, octets without mutt's fields)] of a box, as mutt sees it."""
        to = os.path.join(self.bench.directory, f"copy{next(self.numbers)}")
        Mutt(self.bench, "Maildir").copy(path, to)
        box = mailbox.Maildir(to, create=False)
        return [(set(box.get_message(key).get_flags()), STATE.sub(b"", box.get_bytes(key))) for key in box.keys()]


def beside_deliveries(bench, kind, path, read):
    """mutt appends by its "record" and copies all it reads into a box of its own."""
    mutt = Mutt(bench, kind)
    sent = []

    def append(letter):
        sent.append(letter)
        mutt.send(f"theirs{len(sent)}", path)
    target = f"mbox:{path}" if kind == "mbox" else f"maildir:{path}/"
    deliver(bench, target, "first")  # so that mutt need not ask whether to make it
    wanted = [lines_lf(bench.letter("first"))] + [letter for letter in side_by_side(bench, target, append) if letter not in sent]
    copied = [octets for _, octets in mutt.read(path)]
    theirs = [octets for octets in copied if b"Subject: theirs" in octets]
    expect(len(theirs) == len(sent), f"mutt read {len(theirs)} of {len(sent)} that it wrote")
    expect(all(octets.endswith(b"\n\nFrom the start\n") for octets in theirs), f"mutt's own letters are not whole: {theirs[0][-200:]!r}")
    expect_same([octets for octets in copied if octets not in theirs], [read(letter) for letter in wanted], "what mutt read of ours")


@case("mutt, mbox", modes=("",))
def mutt_mbox(bench, _):
    # It takes no quoting away.
    beside_deliveries(bench, "mbox", os.path.join(bench.directory, "box"), quoted)


@case("mutt, Maildir", modes=("",))
def mutt_maildir(bench, _):
    beside_deliveries(bench, "Maildir", os.path.join(bench.directory, "Maildir"), lambda letter: letter)


class Source:
    """Letters in every state that an mbox tells, and the dates at which they came, in an mbox made by Python: mutt's boxes are made from it."""
    STATES = [("", set()), ("RO", {"\\Seen"}), ("F", {"\\Flagged"}), ("ROF", {"\\Flagged", "\\Seen"}), ("ROA", {"\\Answered", "\\Seen"}),
              ("ROFA", {"\\Answered", "\\Flagged", "\\Seen"})]

    def __init__(self, bench):
        self.path = os.path.join(bench.directory, "source")
        self.letters = [lines_lf(bench.letter(f"n{number}")) for number in range(len(self.STATES))]
        box = mailbox.mbox(self.path)
        for number, (flags, _) in enumerate(self.STATES):
            message = mailbox.mboxMessage(self.letters[number])
            message.set_flags(flags)
            message.set_from("them@interop.test", time.gmtime(self.date(number)))
            box.add(message)
        box.close()

    def date(self, number):
        return 1195736561 + 3600 * number


def in_state(messages):
    """{octets: (flags, seconds since 1970)} of what told() found, without fields of mutt's."""
    state = {}
    for octets, flags, date in messages:
        when = calendar.timegm(time.strptime(date.decode().strip(), "%d-%b-%Y %H:%M:%S +0000"))
        state[STATE.sub(b"", unquoted(octets))] = ({flag.decode() for flag in flags}, when)
    expect(len(state) == len(messages), "a message is there twice")
    return state


def imported_from(bench, kind, path):
    """What mutt made of boxes comes with flags and dates, its changes in place make no message another one."""
    mutt, source = Mutt(bench, kind), Source(bench)
    mutt.copy(source.path, path)
    name = "box" if kind == "mbox" else "INBOX"
    port = bench.server.port("imap")
    wanted = {unquoted(letter): (Source.STATES[number][1], source.date(number)) for number, letter in enumerate(source.letters)}

    expect(imported(bench, path) == len(wanted), "not all that mutt wrote was imported")
    found = in_state(told(port, bench.account, {name: name})[name])
    expect(found == wanted, f"what mutt wrote came as {sorted(found.values())}")

    # It deletes three, changes the flags of two and saves the box over itself.
    # By subject: a Maildir has the order of its files' inodes.
    mutt.press(path, "<delete-pattern>~s \"n[124]\"<enter><tag-pattern>~s n0<enter><tag-prefix><set-flag>!<tag-prefix><clear-flag>N<untag-pattern>~A<enter>"
                     "<tag-pattern>~s n5<enter><tag-prefix><clear-flag>!<untag-pattern>~A<enter><sync-mailbox>")
    mutt.send("later", path)
    expect(imported(bench, path) == 1, "of what mutt left, changed and added, not the new one alone was imported")
    messages = told(port, bench.account, {name: name})[name]
    expect(len(messages) == len(wanted) + 1, f"{len(messages)} messages are here")
    octets, flags, _ = messages[-1]
    expect(b"Subject: later" in octets and octets.endswith(b"\r\n\r\nFrom the start\r\n") and flags == {b"\\Seen"}, f"mutt's own letter: {flags}, {octets!r}")

    # Into another mailbox it comes as it is now.
    bench.server.command("import", "--account", bench.account, path, "--into", "Anew")
    found = in_state(told(port, bench.account, {"Anew": "Anew"})["Anew"])
    last, = [letter for letter in found if b"Subject: later" in letter]
    del found[last]
    was = list(wanted.items())
    left = {was[0][0]: ({"\\Flagged", "\\Seen"}, source.date(0)), was[3][0]: was[3][1], was[5][0]: ({"\\Answered", "\\Seen"}, source.date(5))}
    expect(found == left, f"what mutt left came as {sorted(found.values())}")


@case("import of an mbox that mutt wrote and saved over itself", modes=("",))
def import_mbox(bench, _):
    imported_from(bench, "mbox", os.path.join(bench.directory, "box"))


@case("import of a Maildir that mutt wrote and changed", modes=("",))
def import_maildir(bench, _):
    imported_from(bench, "Maildir", os.path.join(bench.directory, "Maildir"))


@case("mail(1) reads and changes an mbox that mutt wrote, and mutt reads what it became", modes=("",))
def mail_and_mutt(bench, _):
    path = os.path.join(bench.directory, "box")
    mutt, source = Mutt(bench, "mbox"), Source(bench)
    mutt.copy(source.path, path)

    def mail(*words, typed=""):
        return bench.run(bench.server.binary, "mail", "-n", "-N", "-f", path, *words, stdin=typed.encode()).decode()

    def listed():
        """The letter that tells the state, of each message."""
        lines = mail("-H").splitlines()[1:]
        expect([line.split()[-2] for line in lines] == [f"n{number}" for number in range(len(lines))], f"the list: {lines}")
        return [line[1] for line in lines]
    expect(listed() == ["N", " ", "F", "F", "A", "F"], f"the states: {listed()}")
    text = mail(typed="p 1\nflag 5\nd 2\nq\n")
    expect("Grüße aus Köln" in text, f"what is shown:\n{text}")
    found = {unquoted(octets): flags for flags, octets in mutt.read(path)}
    letters = [unquoted(letter) for letter in source.letters]
    wanted = dict(zip(letters, map(set, ("S", "", "F", "FS", "FRS", "FRS"))))
    del wanted[letters[1]]
    expect(found == wanted, f"mutt reads the states {list(found.values())}")
    # mutt goes on in what mail(1) wrote, and mail(1) in that.
    mutt.press(path, "<first-entry><delete-message><last-entry><clear-flag>!<sync-mailbox>")
    mutt.send("later", path)
    listed = mail("-H").splitlines()[1:]
    expect([(line[1], line.split()[-2]) for line in listed[:3]] == [("F", "n2"), ("F", "n3"), ("F", "n4")], f"the list: {listed}")
    expect(listed[3][1] == "A" and listed[4].endswith(" later"), f"the list: {listed}")
