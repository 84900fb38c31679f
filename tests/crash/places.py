"""Where mail is laid down: how the configuration says it, and what lies there, read strictly.

`found()` of a place gives {number: how often whole} and how many beginnings of letters a kill has left; all else raises Failure.
"""
import os
import re

from crash import letters
from harness.server import Failure

SEPARATOR = re.compile(rb"From \S+ (?:Mon|Tue|Wed|Thu|Fri|Sat|Sun) (?:Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec) [ \d]\d \d\d:\d\d:\d\d \d{4}\n")
SIZE = re.compile(r",S=(\d+),W=(\d+)")
TORN_SEPARATOR = re.compile(rb"F(?:r|ro|rom|rom [^\n]*)?\n\n?")
TRACE_NAMES = (b"Return-Path: ", b"Delivered-To: ", b"Received: ", b"Message-ID: ")


class Letters:
    """The letters of a course, which can be made again from their numbers; the sender is always the same."""

    def __init__(self, seed, sender):
        self.seed, self.sender = seed, sender

    def make(self, number, size):
        return re.sub(rb"From: sender[^\r]*", b"From: " + self.sender.encode(), letters.make(self.seed, number, size), count=1)

    def number_of(self, text):
        """Of a whole letter with CR LF."""
        if (who := letters.identify(text)) is None:
            raise Failure(f"no letter of this course: {text[:300]!r}")
        if wrong := letters.difference(text, self.make(*who[:2])):
            raise Failure(f"letter {who[0]}: {wrong}")
        return who[0]


class Place:
    """`user` names the user of the host whose rights lay it down; None: the server's."""

    def __init__(self, name, course_letters, user=None):
        self.name, self.letters, self.user = name, course_letters, user

    def address(self, number):
        return f"{self.user}@example.test" if self.user else f"n{number}@{self.name}.test"

    def settings(self):
        if self.user:
            return [("delivery", f'"{self.user}@example.test"', f'"{self.target()}"')]
        return [("transport", f'"{self.name}.test"', f'"target {self.target()}"')]

    def count(self, found, text, where=""):
        try:
            number = self.letters.number_of(text)
        except Failure as failure:
            raise Failure(f"{self.name} {where}: {failure}") from None
        found[number] = found.get(number, 0) + 1


class Mbox(Place):
    def __init__(self, name, folder, *more):
        super().__init__(name, *more)
        self.path = os.path.join(folder, "box")
        # As a kill leaves it; one in the middle of writing is rare.
        beginning = self.letters.make(0, 3000).replace(b"\r\n", b"\n")[:150]
        with open(self.path, "wb") as f:
            f.write(b"From a@b.test Sun Nov 22 11:00:00 2026\nReturn-Path: <a@b.test>\n" + beginning)
        owner = os.stat(folder)
        os.chown(self.path, owner.st_uid, owner.st_gid)

    def target(self):
        return f"mbox:{self.path}"

    def found(self):
        with open(self.path, "rb") as f:
            octets = f.read()
        starts = [match.start() for match in re.finditer(rb"(?:\A|(?<=\n\n))From ", octets) if SEPARATOR.match(octets, match.start())]
        if octets and starts[:1] != [0]:
            raise Failure(f"{self.name}: it does not begin with a separator: {octets[:300]!r}")
        found, torn = {}, 0
        for start, end in zip(starts, starts[1:] + [len(octets)]):
            number, beginnings = self.judge(octets[SEPARATOR.match(octets, start).end():end])
            torn += beginnings
            if number is not None:
                found[number] = found.get(number, 0) + 1
        return found, torn

    def judge(self, entry):
        """What stands behind a separator: (the number of a whole letter or None, how many beginnings of letters stand here)."""
        at = entry.find(b"Message-ID: <")
        trace, rest = (entry, b"") if at < 0 else (entry[:at], entry[at:])
        who = letters.identify(rest)
        if who is None:  # torn before one could tell what it was
            if all(line.startswith((b"\t", b" ", *TRACE_NAMES)) for line in entry.rstrip(b"\n").split(b"\n")[:-1]):
                return None, 1
        elif letters.TRACE.match(trace.replace(b"\n", b"\r\n")):
            stored = re.sub(rb"(?m)^(>*From )", rb">\1", self.letters.make(*who[:2]).replace(b"\r\n", b"\n")) + b"\n"
            if rest == stored:
                return who[0], 0
            # A separator that was torn reads as the last line of the message before it.
            if rest.startswith(stored) and TORN_SEPARATOR.fullmatch(rest, len(stored)):
                return who[0], 1
            # Who came next has ended the torn line, and the message by a blank one.
            if any(rest.endswith(b"\n" * cut) and stored.startswith(rest[:len(rest) - cut]) for cut in (0, 1, 2)):
                return None, 1
        raise Failure(f"{self.name}: what stands behind a separator is neither a letter nor the beginning of one, {len(entry)} octets: "
                      f"{entry[:600]!r} ... {entry[-300:]!r}")

    def leftovers(self):
        """Files beside the box: locks, and names that were on their way to be one."""
        return [name for name in os.listdir(os.path.dirname(self.path)) if name != "box"]


class Files(Place):
    """A folder in which each letter is a file of its own, whole from the moment it has its name."""

    def read(self, folder):
        found = {}
        for name in os.listdir(folder):
            with open(os.path.join(folder, name), "rb") as f:
                text = f.read()
            self.count(found, text.replace(b"\n", b"\r\n"), name)
            if (match := SIZE.search(name)) and (int(match.group(1)), int(match.group(2))) != (len(text), len(text) + text.count(b"\n")):
                raise Failure(f"{self.name}: {name} has {len(text)} octets")
        return found, 0


class Maildir(Files):
    """`below`: a folder of it, as Maildir++ has them (".Work")."""

    def __init__(self, name, folder, below, *more):
        super().__init__(name, *more)
        self.path = os.path.join(folder, "Maildir", below) if below else os.path.join(folder, "Maildir")

    def target(self):
        return f"maildir:{self.path}/"

    def found(self):
        if other := set(os.listdir(self.path)) - {"tmp", "new", "cur", "maildirfolder", "maildirsize", ".Work"}:
            raise Failure(f"{self.name}: beside the three folders there are {other}")
        if os.listdir(os.path.join(self.path, "cur")):
            raise Failure(f"{self.name}: somebody wrote into cur")
        return self.read(os.path.join(self.path, "new"))

    def leftovers(self):
        return os.listdir(os.path.join(self.path, "tmp"))


class Command(Files):
    """A command that gives a letter its name once it has read what it takes for all of it."""

    def __init__(self, name, folder, *more):
        super().__init__(name, *more)
        self.folder = folder
        for part in ("tmp", "new"):
            os.mkdir(os.path.join(folder, part))

    def target(self):
        # It opens its input anew: whoever it runs as may do so.
        return f"pipe:cd {self.folder} && cat /dev/stdin > tmp/$$ && exec mv tmp/$$ new/$(date +%s%N).$$"

    def found(self):
        return self.read(os.path.join(self.folder, "new"))

    def leftovers(self):
        return os.listdir(os.path.join(self.folder, "tmp"))


class Far(Place):
    """Another server."""

    def __init__(self, elsewhere, *more):
        super().__init__(*more)
        self.elsewhere = elsewhere

    def settings(self):
        return [("transport", f'"{self.name}.test"', f'"lmtp {self.elsewhere.way}"')]

    def found(self):
        return self.elsewhere.noted()[0], 0

    def leftovers(self):
        return []


class Own(Place):
    """The own store."""

    def __init__(self, account, read, *more):
        super().__init__(*more)
        self.account, self.read = account, read

    def address(self, number):
        return f"{self.account}@example.test"

    def settings(self):
        return []

    def found(self):
        found = {}
        for text in self.read(self.account):
            self.count(found, text)
        return found, 0

    def leftovers(self):
        return []
