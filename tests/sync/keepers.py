"""Clients that keep a copy: each brings what changed in both directions, and somebody changes its copy meanwhile."""
import contextlib
import glob
import os
import random
import re
import time

from harness.cases import PASSWORD
from harness.dovecot import Dovecot, unpack_dovecot
from harness.server import Failure
from harness.wire import parse
from movers import BOXES, MESSAGES_MAX, RUN_SECONDS, letter

MARK = re.compile(rb"(?m)^X-TUID: .*\r?\n")  # of mbsync, by which it finds what it appended
# What clients say of a message that was expunged between their look and their word, which is no fault: the next run goes on.
GONE = re.compile(r"does not have a message with UID|Remote didn't send mail")
LETTERS = {"\\Answered": "R", "\\Draft": "D", "\\Flagged": "F", "\\Seen": "S"}


def state(octets, flags):
    """One message as all copies must have it: its contents without what clients add, and its flags."""
    return MARK.sub(b"", octets).replace(b"\r\n", b"\n"), "".join(sorted(LETTERS[flag] for flag in flags if flag in LETTERS))


class Keeper:
    """A client with a copy; `sync()` is one run of it, `copy()` what it has: {mailbox: sorted (octets, flags)}, `flags` are those it knows."""
    flags = "DFRS"

    def bring(self, final):
        """One run. While others change the mailbox it may find something gone and say so; in the end it may not."""
        try:
            self.sync()
        except Failure as failure:
            if final or not GONE.search(str(failure)):
                raise
            self.ledger.count(f"{self.name} (told that something had gone)")

    def close(self):
        """Ends what runs."""


class Maildirs(Keeper):
    """A Maildir for each mailbox, of which a client keeps the other side."""

    def __init__(self, name, bench, ledger, seed):
        self.name, self.bench, self.ledger = name, bench, ledger
        self.rng = random.Random(f"{seed} {name}")
        self.root = os.path.join(bench.directory, name)
        self.number = 0
        os.makedirs(self.root)

    def paths(self, box):
        return sorted(glob.glob(f"{self.root}/{box}/cur/*") + glob.glob(f"{self.root}/{box}/new/*"))

    def change(self):
        """Adds, flags and deletes some, as a reader of the Maildir would."""
        for _ in range(self.rng.randrange(1, 5)):
            box = self.rng.choice(BOXES)
            paths, what = self.paths(box), self.rng.random()
            if not os.path.isdir(f"{self.root}/{box}/new"):
                continue
            if not paths or what < 0.3 and len(paths) < MESSAGES_MAX:
                self.number += 1
                name = f"<{self.name}.{self.number}@sync.test>"
                self.ledger.add([name])
                file = f"{int(time.time())}.{self.number}.{self.name}"
                with open(f"{self.root}/{box}/tmp/{file}", "wb") as f:
                    f.write(letter(name, self.rng).replace(b"\r\n", b"\n"))
                os.rename(f"{self.root}/{box}/tmp/{file}", f"{self.root}/{box}/new/{file}")
            elif what < 0.8:
                self.rename(self.rng.choice(paths), "".join(sorted(self.rng.sample("DFRS", self.rng.randrange(3)))))
            else:
                self.delete(self.rng.choice(paths))

    def rename(self, path, flags):
        os.rename(path, os.path.join(os.path.dirname(os.path.dirname(path)), "cur", os.path.basename(path).partition(":")[0] + ":2," + flags))

    def delete(self, path):
        with open(path, "rb") as f:
            self.ledger.delete([re.search(rb"(?mi)^Message-ID: *(\S+)", f.read()).group(1).decode()])
        self.remove(path)

    def copy(self):
        found = {}
        for box in BOXES:
            found[box] = []
            for path in self.paths(box):
                flags = os.path.basename(path).partition(":2,")[2]
                with open(path, "rb") as f:
                    found[box].append((MARK.sub(b"", f.read()), "".join(sorted(set(flags) & set("DFRS")))))
            found[box].sort()
        return found

    def run(self, ended):
        while not ended.is_set():
            self.change()
            self.bring(final=False)
            self.ledger.count(self.name)


class Mbsync(Maildirs):
    def __init__(self, bench, ledger, seed):
        super().__init__("mbsync", bench, ledger, seed)
        bench.write("mbsyncrc", f"""IMAPAccount a
Host localhost
Port {bench.port('imap')}
User {bench.account}
Pass {PASSWORD}
SSLType None

IMAPStore far
Account a

MaildirStore near
Path {self.root}/
Inbox {self.root}/INBOX
SubFolders Verbatim

Channel c
Far :far:
Near :near:
Patterns {' '.join(BOXES)}
Create Near
Expunge Both
SyncState *
""")

    def sync(self):
        self.bench.run("mbsync", "-c", "mbsyncrc", "-a", seconds=RUN_SECONDS)

    def remove(self, path):
        self.rename(path, os.path.basename(path).partition(":2,")[2].replace("T", "") + "T")


class OfflineImap(Maildirs):
    def __init__(self, bench, ledger, seed):
        super().__init__("offlineimap", bench, ledger, seed)
        os.makedirs(os.path.join(bench.directory, "offlineimap.state"))
        bench.write("offlineimaprc", f"""[general]
accounts = a
metadata = {bench.directory}/offlineimap.state
maxsyncaccounts = 1
ui = basic

[Account a]
localrepository = near
remoterepository = far

[Repository near]
type = Maildir
localfolders = {self.root}

[Repository far]
type = IMAP
remotehost = localhost
remoteport = {bench.port('imap')}
remoteuser = {bench.account}
remotepass = {PASSWORD}
ssl = no
starttls = no
folderfilter = lambda name: name in {BOXES!r}
""")

    def sync(self):
        self.bench.run("offlineimap", "-c", "offlineimaprc", "-o", "-u", "basic", seconds=RUN_SECONDS)

    def remove(self, path):
        os.remove(path)


class DovecotCopy(Keeper):
    """Dovecot pulls all by imapc (doveadm backup): its copy follows, and nobody changes it."""
    name = "doveadm"

    def __init__(self, bench, ledger):
        self.bench, self.ledger = bench, ledger
        self.dovecot = Dovecot(unpack_dovecot(), os.path.join(bench.directory, "dovecot"), "imapc_host = 127.0.0.1\n"
                               f"imapc_port = {bench.port('imap')}\nimapc_user = {bench.account}\nimapc_password = {PASSWORD}\n"
                               "imapc_features = rfc822.size fetch-headers\n")

    def run(self, ended):
        while not ended.is_set():
            self.bring(final=False)
            self.ledger.count(self.name)
            ended.wait(1)

    def sync(self):
        dovecot = self.dovecot
        self.bench.run(*dovecot.as_user, f"{dovecot.root}/usr/bin/doveconf", "-f", "service=doveadm", "-c", f"{dovecot.directory}/dovecot.conf",
                       "-m", "doveadm", "-e", f"{dovecot.root}/usr/bin/doveadm", "backup", "-R", "imapc:",
                       environment=dovecot.environment, seconds=RUN_SECONDS)

    def copy(self):
        found = {}
        with contextlib.closing(self.dovecot.session()) as session:
            for box in BOXES:
                found[box] = []
                _, tagged = session.say(f"EXAMINE {box}")
                if not tagged.startswith(b"OK"):
                    raise Failure(f"Dovecot's copy has no {box}: {tagged!r}")
                untagged, _ = session.say("UID FETCH 1:* (FLAGS BODY.PEEK[])")
                for text, literals in untagged:
                    match = re.match(rb"\* \d+ FETCH ", text)
                    if match and literals:
                        items = parse(text[match.end():], literals)[0]
                        items = {items[i].upper(): items[i + 1] for i in range(0, len(items), 2)}
                        found[box].append(state(items[b"BODY[]"], {flag.decode() for flag in items[b"FLAGS"]}))
                found[box].sort()
        return found


class OnServer:
    """What the server itself tells, to a client of our own."""
    name = "server"

    def __init__(self, bench):
        self.bench = bench

    def copy(self):
        return {box: sorted(state(octets, flags) for flags, octets in self.bench.stored(box)) for box in BOXES}
