#!/usr/bin/env python3
"""located.py BINARY [--kills N] [--seed S] [--user NAME] [--keep]: kills a server that keeps mailboxes and boxes of other programs the same ([location]).

Alice's mail lies in a Maildir, Bob's in an mbox file. Clients bring mail by LMTP and APPEND, flag and remove it by IMAP, and give it keywords, which the Maildir has, too; another program, which goes on
while no server is there, brings mail into the boxes, flags and removes it there, under their locks. At a random moment, also while it starts, kill -9 hits the
server. When both sides have come to rest every letter that was acknowledged, and that nobody began to remove, is once in the mailbox and once in the box, with
its octets and flags; what was removed is in neither; what was not acknowledged is in both or in neither. One that came here, was given to the box and removed there
or here before that was noted, when the kill came, comes back: so many of them at most as are noted together.

With --user the boxes are that user's of the host, the mbox file in a folder like /var/mail, and the server, which has a user of its own, reaches them by its
steward; root alone can do that.
"""
import fcntl
import grp
import os
import pwd
import random
import re
import signal
import sys
import threading
import time

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
from crash import letters  # noqa: E402
from crash.course import PASSWORD, Course, main  # noqa: E402
from harness.server import Failure  # noqa: E402
from harness.wire import Gone, Imap, Refused, Smtp, stuff  # noqa: E402

SETTLE_SECONDS = 60  # a look every other second while somebody reads; a lock that a kill left; a busy machine
LOCK_SECONDS = 20  # what a kill left is nobody's, and goes by the server's next look; by its age alone it would go after five minutes
NOTED_TOGETHER = 64  # kNotedTogether of location
COMPARED_EACH = 8  # kills between comparisons
SIZE = 2048
KEYWORDS = ("work", "later", "$Label1")
SERVERS_USER = "nobody"
SPOOL_GROUP = "mail"
SEPARATOR = re.compile(rb"(?:\A|(?<=\n\n))From \S+ [A-Z][a-z]{2} [A-Z][a-z]{2} [ \d]\d \d\d:\d\d:\d\d \d{4}\n")


class Letter:
    """What is known of one: whether it was acknowledged, and what its owner has begun, and heard the end of."""

    def __init__(self):
        self.here = self.removing = self.removed = self.began_here = False
        self.told = set()  # "F" and keywords


def give(path, user):
    """To the user of the host whose boxes these are, if they are one's."""
    if user:
        os.chown(path, user.pw_uid, user.pw_gid)


class Maildir:
    """As another program uses it: nothing is locked, names change and files go at any time."""
    tells = {"F", *KEYWORDS}

    def __init__(self, folder, user):
        self.path, self.user = os.path.join(folder, "maildir"), user
        for part in ("", "tmp", "new", "cur"):
            os.makedirs(os.path.join(self.path, part))
            give(os.path.join(self.path, part), user)
        # A table of keywords is made only where Dovecot keeps its numbers.
        numbers = os.path.join(self.path, "dovecot-uidlist")
        with open(numbers, "w", encoding="ascii") as f:
            f.write("3 V1700000000 N1\n")
        give(numbers, user)
        self.location = f"maildir:{self.path}"

    def files(self):
        """[path, with flags]"""
        return [os.path.join(self.path, part, name) for part in ("new", "cur") for name in os.listdir(os.path.join(self.path, part))]

    @staticmethod
    def flags(path):
        return path.rpartition(":2,")[2] if ":2," in path else ""

    def bring(self, number, text):
        name = f"{time.time_ns()}.{number}.elsewhere"
        with open(os.path.join(self.path, "tmp", name), "wb") as f:
            f.write(text.replace(b"\r\n", b"\n"))
        give(os.path.join(self.path, "tmp", name), self.user)
        os.rename(os.path.join(self.path, "tmp", name), os.path.join(self.path, "new", name))
        return True

    def found(self):
        """[(octets with CRLF, "F" and keywords)]"""
        result = []
        table = os.path.join(self.path, "dovecot-keywords")
        names = {}
        if os.path.exists(table):
            with open(table, encoding="ascii") as f:
                names = {chr(ord("a") + int(number)): name for number, name in (line.split() for line in f)}
        for path in self.files():
            try:
                with open(path, "rb") as f:
                    result.append((f.read().replace(b"\n", b"\r\n"), {names.get(c, c) for c in self.flags(path)} & {"F", *KEYWORDS}))
            except FileNotFoundError:  # got another name, or is gone: the next look tells
                pass
        return result

    def change(self, chance, course):
        """Removes one, or flags one."""
        path = chance.choice(self.files() or [None])
        if path is None:
            return
        try:
            with open(path, "rb") as f:
                number = letters.identify(f.read())[0]
            if chance.random() < 0.4:
                course.begin_removal(number)
                os.unlink(path)
                course.end_removal(number)
            else:
                base = os.path.basename(path).partition(":2,")[0]
                os.rename(path, os.path.join(self.path, "cur", base + ":2," + "".join(sorted(set(self.flags(path)) | {"F"}))))
                course.tell(number, "F")
        except FileNotFoundError:
            pass


class Mbox:
    """As another program uses it: under a dot lock and an fcntl lock, in its place."""
    tells = {"F"}

    def __init__(self, folder, user):
        os.makedirs(os.path.join(folder, "spool"))
        os.makedirs(os.path.join(folder, "folders"))
        self.path = os.path.join(folder, "spool", "bob")
        open(self.path, "wb").close()
        if user:
            # As /var/mail is on Debian: files are made there by who is in the group.
            os.chown(os.path.dirname(self.path), 0, grp.getgrnam(SPOOL_GROUP).gr_gid)
            os.chmod(os.path.dirname(self.path), 0o2775)
            os.chmod(self.path, 0o660)
            os.chown(self.path, user.pw_uid, grp.getgrnam(SPOOL_GROUP).gr_gid)
            give(os.path.join(folder, "folders"), user)
        self.location = f"mbox:{folder}/folders:INBOX={self.path}"

    def expect_owner(self, user):
        """Nobody else's, and nothing is left beside it."""
        status = os.stat(self.path)
        mode = status.st_mode & 0o777
        if (status.st_uid, status.st_gid, mode) != (user.pw_uid, grp.getgrnam(SPOOL_GROUP).gr_gid, 0o660):
            raise Failure(f"the spool is of {status.st_uid}:{status.st_gid}, {mode:o}")

    def locked(self, work):
        """work(file) under both locks; False: they were not to be had."""
        try:
            os.close(os.open(self.path + ".lock", os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o644))
        except FileExistsError:
            return False
        try:
            with open(self.path, "r+b") as f:
                fcntl.lockf(f, fcntl.LOCK_EX)
                return work(f)
        finally:
            os.unlink(self.path + ".lock")

    def bring(self, _, text):
        def work(f):
            f.seek(0, os.SEEK_END)
            quoted = re.sub(rb"(?m)^(>*From )", rb">\1", text.replace(b"\r\n", b"\n"))
            f.write(b"From a@b.test Sun Nov 22 11:00:00 2026\n" + quoted + b"\n")
            return True
        return self.locked(work)

    @staticmethod
    def entries(octets):
        """[(begin, end)]"""
        starts = [match.start() for match in SEPARATOR.finditer(octets)]
        if octets.strip() and starts[:1] != [0]:
            raise Failure(f"the mbox does not begin with a separator: {octets[:300]!r}")
        return list(zip(starts, starts[1:] + [len(octets)]))

    def found(self):
        give_up = time.monotonic() + LOCK_SECONDS
        while (octets := self.octets()) is None:
            if time.monotonic() > give_up:
                raise Failure("the dot lock of the mbox is never to be had")
            time.sleep(0.05)
        return [self.read(octets[begin:end]) for begin, end in self.entries(octets)]

    def octets(self):
        read = []
        return read[0] if self.locked(lambda f: read.append(f.read()) or True) else None

    @staticmethod
    def read(entry):
        header, _, body = entry.partition(b"\n\n")
        status = b"".join(re.findall(rb"(?m)^X-Status: (.*)$", header))
        header = re.sub(rb"(?m)^(?:From |X-UID|X-Keywords|Status|X-Status|X-IMAP|Content-Length|Lines)[^\n]*\n?", b"", header + b"\n").strip(b"\n")
        body = re.sub(rb"(?m)^>(>*From )", rb"\1", body.removesuffix(b"\n"))
        return (header + b"\n\n" + body).replace(b"\n", b"\r\n"), {"F"} if b"F" in status else set()

    def change(self, chance, course):
        """Removes one. What a kill has cut off in the middle is left for who began it: then there is a journal."""
        def work(f):
            octets = f.read()
            if os.path.exists(self.path + ".rewrite") or not (entries := self.entries(octets)):
                return False
            begin, end = chance.choice(entries)
            number = letters.identify(octets[begin:end])[0]
            course.begin_removal(number)
            f.seek(begin)
            f.write(octets[end:])
            f.truncate()
            course.end_removal(number)
            return True
        if chance.random() < 0.3:
            self.locked(work)


class Side:
    """An account and its box, and what is owed of its letters."""

    def __init__(self, course, account, box):
        self.course, self.account, self.box = course, account, box
        self.letters = {}
        self.back = 0
        self.lock = threading.Lock()

    def user(self):
        return f"{self.account}@example.test"

    def begin(self, here=True):
        number = self.course.next_number()
        with self.lock:
            self.letters[number] = Letter()
            self.letters[number].began_here = here
        return number, letters.make(self.course.options.seed, number, SIZE)

    def acknowledge(self, number):
        self.letters[number].here = True

    def begin_removal(self, number):
        self.letters[number].removing = True

    def end_removal(self, number):
        self.letters[number].removed = True

    def tell(self, number, what):
        self.letters[number].told.add(what)

    # Who works on it

    def elsewhere(self, chance):
        """The other program."""
        while not self.course.over.is_set():
            if chance.random() < 0.5:
                number, text = self.begin(here=False)
                if self.box.bring(number, text):
                    self.acknowledge(number)
                else:
                    with self.lock:
                        del self.letters[number]
            else:
                self.box.change(chance, self)
            time.sleep(chance.uniform(0.01, 0.1))

    def lmtp(self, chance):
        session = Smtp(self.course.server.port("lmtp"), hello="LHLO")
        while not self.course.ending:
            number, text = self.begin()
            session.command("MAIL FROM:<a@b.test>", 250)
            session.command(f"RCPT TO:<{self.user()}>", 250)
            session.command("DATA", 354)
            session.send(stuff(text))
            session.reply(250)
            self.acknowledge(number)
            time.sleep(chance.uniform(0, 0.1))

    def imap(self, chance):
        session = Imap(self.course.server.port("imap"), self.user(), PASSWORD)
        session.command("SELECT INBOX")
        while not self.course.ending:
            if chance.random() < 0.4:
                number, text = self.begin()
                session.command("APPEND INBOX ", text)
                self.acknowledge(number)
            elif shown := self.shown(session, "BODY.PEEK[HEADER]"):
                uid, _, octets = chance.choice(shown)
                number = letters.identify(octets)[0]
                if chance.random() < 0.4:
                    self.begin_removal(number)
                    session.command(f"UID STORE {uid} +FLAGS.SILENT (\\Deleted)")
                    session.command(f"UID EXPUNGE {uid}")
                    self.end_removal(number)
                else:
                    flag = chance.choice(("\\Flagged", *KEYWORDS))
                    told, _ = session.command(f"UID STORE {uid} +FLAGS ({flag})")
                    # One that the other side has removed meanwhile is told nothing of.
                    if any(flag.encode() in text for text, _ in told):
                        self.tell(number, "F" if flag == "\\Flagged" else flag)
            time.sleep(chance.uniform(0, 0.05))

    @staticmethod
    def shown(session, what):
        """[(UID, flags, octets)]"""
        untagged, _ = session.command(f"UID FETCH 1:* (UID FLAGS {what})")
        key = what.replace(".PEEK", "").encode()
        return [(int(items[b"UID"]), items[b"FLAGS"], items[key]) for items in session.fetched(untagged) if b"UID" in items and key in items]

    # What is there beside what is owed

    def wrong(self):
        """None when both sides are what they have to be, else what is not so."""
        session = Imap(self.course.server.port("imap"), self.user(), PASSWORD)
        try:
            session.command("SELECT INBOX")
            here = self.known([(octets, {"F" if flag == b"\\Flagged" else flag.decode() for flag in flags} & {"F", *KEYWORDS})
                               for _, flags, octets in self.shown(session, "BODY.PEEK[]")], "the mailbox")
        finally:
            session.close()
        there = self.known(self.box.found(), "the box")
        back = 0
        for number, letter in self.letters.items():
            one, other = here.get(number, []), there.get(number, [])
            if letter.removed:
                owed = len(one) == len(other) <= letter.began_here
                back += len(one)
            elif letter.here and not letter.removing:
                owed = len(one) == len(other) == 1
            else:
                owed = len(one) == len(other) <= 1
            if owed and one:
                owed = letter.told <= one[0] and letter.told & self.box.tells <= other[0]
            if not owed:
                return f"{self.account}: letter {number} {vars(letter)} is in the mailbox {one}, in the box {other}"
        if back > NOTED_TOGETHER * self.course.kills:
            return f"{self.account}: {back} letters that were removed came back"
        self.back = back
        return None

    def known(self, found, where):
        """{number: [what is told of it]}"""
        result = {}
        for octets, flags in found:
            who = letters.identify(octets)
            if who is None or who[0] not in self.letters:
                raise Failure(f"{self.account}: in {where} is no letter of this course: {octets[:300]!r}")
            if differs := letters.difference(octets, letters.make(self.course.options.seed, *who[:2])):
                raise Failure(f"{self.account}: letter {who[0]} in {where}: {differs}")
            result.setdefault(who[0], []).append(flags)
        return result


class Run(Course):
    def __init__(self, options, directory):
        super().__init__(options, directory, 27000)
        self.over = threading.Event()
        self.complaints = []
        self.sides = []
        self.host_user = pwd.getpwnam(options.user) if options.user else None
        for account, make in (("alice", Maildir), ("bob", Mbox)):
            folder = os.path.join(directory, account)
            os.mkdir(folder)
            self.sides.append(Side(self, account, make(folder, self.host_user)))

    def prepare(self):
        settings, of_user = [], ""
        if self.host_user:
            os.chmod(self.directory, 0o755)  # other users pass
            settings = [("server", "user", f'"{SERVERS_USER}"'), ("local", "system_users", "true"), ("local", "uid_min", "1"),
                        ("local", "spool_group", f'"{SPOOL_GROUP}"')]
            of_user = f":USER={self.options.user}"
        self.server.init(settings + [("location", f'"{side.user()}"', f'"{side.box.location}{of_user}"') for side in self.sides])
        for side in self.sides:
            self.server.add_account(side.account, PASSWORD)
        self.start()

    def client(self, work):
        def until_gone(chance):
            try:
                work(chance)
            except (Gone, ConnectionError) as gone:
                if not self.ending:
                    self.complaints.append(f"the server ended a connection: {gone}")
            except Refused as refused:
                if not self.ending:
                    self.complaints.append(f"refused: {refused}")
        return until_gone

    def kill(self):
        self.ending = True
        self.server.end(signal.SIGKILL)
        self.kills += 1

    def under_load(self):
        threads = []
        for side in self.sides:
            for work in (side.lmtp, side.imap):
                threads += self.begin_load(self.client(work), 1)
        time.sleep(self.chance.uniform(0.05, 1.5))
        self.expect_running()
        self.kill()
        self.join(threads)
        if self.complaints:
            raise Failure("; ".join(self.complaints))
        if self.chance.random() < 0.25 and self.kills < self.options.kills:
            self.server.spawn()
            time.sleep(self.chance.uniform(0, 0.8))
            self.kill()
        self.start()

    def expect_settled(self):
        """With nobody at work."""
        give_up = time.monotonic() + SETTLE_SECONDS
        for side in self.sides:
            while (wrong := side.wrong()) is not None:
                if time.monotonic() > give_up:
                    raise Failure(f"{wrong}; the log:\n{self.server.log_tail()}")
                time.sleep(0.3)

    def expect_owners(self):
        """All is the user's, and nobody else can read it."""
        for side in self.sides:
            if isinstance(side.box, Mbox):
                side.box.expect_owner(self.host_user)
                continue
            for path in side.box.files():
                if os.stat(path).st_uid != self.host_user.pw_uid:
                    raise Failure(f"{path} is of user {os.stat(path).st_uid}")

    def work(self):
        self.prepare()
        compared = 0
        while self.kills < self.options.kills:
            self.over.clear()
            others = [threading.Thread(target=side.elsewhere, args=(random.Random(f"{self.options.seed}.{self.kills}.{side.account}"),), daemon=True)
                      for side in self.sides]
            for thread in others:
                thread.start()
            try:
                for _ in range(min(COMPARED_EACH, self.options.kills - self.kills)):
                    if self.kills < self.options.kills:
                        self.under_load()
            finally:
                self.over.set()
            self.join(others)
            self.expect_settled()
            compared += 1
        self.end_well()
        if self.host_user:
            self.expect_owners()
        told = []
        for side in self.sides:
            all_of_it = side.letters.values()
            told.append(f"{side.account}: {sum(one.here for one in all_of_it)} letters acknowledged, {sum(one.removed for one in all_of_it)} removed ({side.back} came back), "
                        f"{sum(bool(one.told) for one in all_of_it)} marked")
        return f"{'; '.join(told)}: compared {compared} times, none lost, none doubled"


if __name__ == "__main__":
    sys.exit(main(__doc__, "located", 32, Run,
                  lambda parser: parser.add_argument("--user", default="", help="of the host, whose boxes they are")))
