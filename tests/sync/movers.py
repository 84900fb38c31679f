"""Clients that change the account on the server: each works on random messages until it is told to end, and says what it added and deleted."""
import os
import random
import subprocess
import threading

from harness.cases import PASSWORD
from harness.server import Failure
from harness.wire import Gone, Imap, Refused
from interop.mutt import on_screen

HERE = os.path.dirname(os.path.abspath(__file__))
BOXES = ("INBOX", "Work", "Archive")
FLAGS = ("\\Seen", "\\Answered", "\\Flagged", "\\Draft")
RUN_SECONDS = 120  # of a client that is started for one round
MESSAGES_MAX = 60  # of a mailbox, beyond which no more are added


class Ledger:
    """What was added and what somebody meant to delete, by Message-ID: what was never deleted must be there in the end."""

    def __init__(self):
        self.lock = threading.Lock()
        self.added, self.deleted, self.rounds = set(), set(), {}

    def add(self, names):
        with self.lock:
            self.added.update(names)

    def delete(self, names):
        with self.lock:
            self.deleted.update(names)

    def count(self, who):
        with self.lock:
            self.rounds[who] = self.rounds.get(who, 0) + 1

    def take(self, line):
        """A line of a client: "added ID" or "deleted ID"."""
        word, _, name = line.strip().partition(" ")
        if word in ("added", "deleted") and name:
            (self.add if word == "added" else self.delete)([name])


def letter(name, rng):
    """A letter whose Message-ID is the name, with contents of any length."""
    body = "".join(rng.choice(("words and more words", "Gr\u00fc\u00dfe aus K\u00f6ln", ".", "", "From the start")) + "\r\n" for _ in range(rng.randrange(1, 40)))
    return (f"Message-ID: {name}\r\nFrom: them@sync.test\r\nTo: us@sync.test\r\nSubject: {name[1:-1]}\r\nDate: Sat, 21 Nov 2026 10:00:00 +0000\r\n"
            f"MIME-Version: 1.0\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: 8bit\r\n\r\n{body}").encode()


class Mover:
    """One client; `act()` is one round of it."""
    name = ""

    def __init__(self, bench, ledger, seed):
        self.bench, self.ledger, self.rng = bench, ledger, random.Random(f"{seed} {self.name}")
        self.number = 0

    def new_name(self):
        self.number += 1
        return f"<{self.name}.{self.number}@sync.test>"

    def run(self, ended):
        while not ended.is_set():
            self.act()
            self.ledger.count(self.name)


class Raw(Mover):
    """A client of our own that changes one thing after the other, in one session that stays."""

    def __init__(self, bench, ledger, seed, name):
        self.name = name
        super().__init__(bench, ledger, seed)
        self.session = None

    def act(self):
        if self.session is None or self.rng.random() < 0.05:
            if self.session:
                self.session.close()
            self.session = Imap(self.bench.server.port("imap"), self.bench.account, PASSWORD)
        box = self.rng.choice(BOXES)
        untagged, _ = self.session.command(f"SELECT {box}")
        held = [text for text, _ in untagged if text.endswith(b" EXISTS")][-1]
        count = int(held.split()[1])
        for _ in range(self.rng.randrange(1, 6)):
            try:
                self.change(box, count)
            except Refused as refused:  # what it works on was expunged by somebody else
                if not any(code in str(refused) for code in ("EXPUNGEISSUED", "no such message", "No message")):
                    raise

    def change(self, box, count):
        rng, session = self.rng, self.session
        what = rng.random()
        if count == 0 or what < 0.3 and count < MESSAGES_MAX:
            name = self.new_name()
            self.ledger.add([name])
            session.command(f"APPEND {rng.choice(BOXES)} ({' '.join(rng.sample(FLAGS, rng.randrange(3)))}) ", letter(name, rng))
            return
        untagged, _ = session.command("UID FETCH 1:* (BODY.PEEK[HEADER.FIELDS (MESSAGE-ID)])")
        names = {int(items[b"UID"]): items[b"BODY[HEADER.FIELDS (MESSAGE-ID)]"].partition(b":")[2].strip().decode()
                 for items in session.fetched(untagged) if b"BODY[HEADER.FIELDS (MESSAGE-ID)]" in items}
        if not names:
            return
        uid = rng.choice(sorted(names))
        if what < 0.6:
            session.command(f"UID STORE {uid} {rng.choice(('+', '-', ''))}FLAGS ({' '.join(rng.sample(FLAGS, rng.randrange(1, 3)))})")
        elif what < 0.75:
            self.ledger.delete([names[uid]])
            session.command(f"UID STORE {uid} +FLAGS.SILENT (\\Deleted)")
            session.command(f"UID EXPUNGE {uid}")
        elif what < 0.9:
            session.command(f"UID MOVE {uid} {rng.choice([other for other in BOXES if other != box])}")
        elif count < MESSAGES_MAX:
            session.command(f"UID COPY {uid} {rng.choice(BOXES)}")

    def run(self, ended):
        while not ended.is_set():
            try:
                self.act()
            except Gone as gone:
                raise Failure(f"{self.name}: the server ended the session: {gone}") from None
            self.ledger.count(self.name)
            ended.wait(0.05)
        self.session.close()


class Spoken(Mover):
    """A script of another language that stays until its input ends, and writes a line for what it does."""

    def __init__(self, bench, ledger, seed, name, command, environment=()):
        self.name = name
        super().__init__(bench, ledger, seed)
        self.command = [*command, str(bench.port("imap")), bench.account, PASSWORD, str(self.rng.randrange(1 << 30)), *BOXES]
        self.environment = {"PATH": os.environ["PATH"], "HOME": bench.directory, **dict(environment)}

    def run(self, ended):
        errors = os.path.join(self.bench.directory, f"{self.name}.errors")
        with open(errors, "wb") as said:
            process = subprocess.Popen(self.command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=said, text=True, env=self.environment,
                                       cwd=self.bench.directory)

        def ending():
            ended.wait()
            process.stdin.close()
        threading.Thread(target=ending, daemon=True).start()
        try:
            for line in process.stdout:
                self.ledger.take(line)
                if line.startswith("round"):
                    self.ledger.count(self.name)
            status = process.wait(RUN_SECONDS)
        finally:
            process.kill()
        if status != 0:
            with open(errors, errors="replace") as said:
                raise Failure(f"{self.name} ended with {status}:\n{said.read()[-3000:]}")


class ImapFilter(Mover):
    """imapfilter goes through the mailboxes by rules and ends; it is started again and again."""
    name = "imapfilter"

    def act(self):
        rules = ["options.timeout = 60", "options.starttls = false", "options.subscribe = false", "options.info = false",
                 f"account = IMAP {{ server = 'localhost', port = {self.bench.port('imap')}, username = '{self.bench.account}', password = '{PASSWORD}' }}"]
        for _ in range(3):
            box, other = self.rng.sample(BOXES, 2)
            some = self.rng.choice(("is_unseen()", "is_flagged()", "is_answered()", f"contain_subject('{self.rng.randrange(10)}@')", "is_smaller(400)"))
            found = f"account['{box}']:{some}"
            rules.append(self.rng.choice((f"{found}:mark_seen()", f"{found}:unmark_seen()", f"{found}:mark_flagged()", f"{found}:unmark_flagged()",
                                          f"results = account['{box}']:contain_subject('{self.rng.randrange(10)}{self.rng.randrange(10)}@')\n"
                                          f"results:move_messages(account['{other}'])")))
        path = self.bench.write("imapfilter.lua", "\n".join(rules) + "\n")
        self.bench.run("imapfilter", "-c", path, seconds=RUN_SECONDS)


class Neomutt(Mover):
    """neomutt on a screen of its own: flags, saves and deletes by patterns."""
    name = "neomutt"

    def act(self):
        box, other = self.rng.sample(BOXES, 2)
        digit = f"{self.rng.randrange(10)}{self.rng.randrange(10)}@"
        keys = "".join(self.rng.sample((
            f"<tag-pattern>~s {digit}<enter><tag-prefix-cond><set-flag>!<end-cond><untag-pattern>.<enter>",
            f"<tag-pattern>~s {digit[1:]}<enter><tag-prefix-cond><clear-flag>N<end-cond><untag-pattern>.<enter>",
            f"<tag-pattern>~s {digit[1:]}<enter><tag-prefix-cond><clear-flag>!<end-cond><untag-pattern>.<enter>",
            f"<tag-pattern>~s {digit}<enter><tag-prefix-cond><copy-message><kill-line>={other}<enter><end-cond><untag-pattern>.<enter>",
        ), 3))
        rc = self.bench.write("neomuttrc", f"set imap_user='{self.bench.account}'\nset imap_pass='{PASSWORD}'\n"
                              f"set folder=imap://localhost:{self.bench.port('imap')}/\nset ssl_starttls=no\nset ssl_force_tls=no\n"
                              "set confirmappend=no\nset confirmcreate=no\nset quit=yes\nset delete=yes\nset wait_key=no\nset mark_old=no\n"
                              "set move=no\nset resolve=no\nset sleep_time=0\nset timeout=1\nset imap_check_subscribed=no\nset mail_check=1\n"
                              f"set header_cache=''\npush \"{keys}<sync-mailbox><quit>\"\n")
        environment = {"HOME": self.bench.directory, "TERM": "vt100", "LC_ALL": "C.UTF-8", "PATH": os.environ["PATH"], "TMPDIR": self.bench.directory}
        on_screen(["/usr/bin/neomutt", "-n", "-F", rc, "-f", f"={box}"], environment, self.bench.directory)
