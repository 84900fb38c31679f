"""A course of kills: one server, clients that work until it is gone, kill -9 at a random moment, the next start."""
import argparse
import imaplib
import json
import os
import random
import shutil
import signal
import tempfile
import threading
import time

from harness.server import Failure, Server, free_offset

PASSWORD = "secret"


def add_encryption(parser):
    parser.add_argument("--encryption", choices=["mixed", "on", "off"], default="mixed",
                        help="whether mail is sealed in the store; mixed: it is switched on or off at every start")


def choose_encryption(server, how, chance):
    """For the next start of the server."""
    on = how == "on" or (how == "mixed" and chance.random() < 0.5)
    server.configure([("store", "encryption", "true" if on else "false")])


def expect_sealed(server, how, words):
    """With `on`, fails where these octets, which mail had, stand in a file of the store; the server has ended."""
    if how != "on":
        return
    for directory, _, names in os.walk(os.path.join(server.directory, "store")):
        for name in names:
            with open(os.path.join(directory, name), "rb") as f:
                if words in f.read():
                    raise Failure(f"mail is sealed, and {words!r} stands in {os.path.join(directory, name)}")


class Rotations:
    """New keys by the command line, one after the other, until the server is gone: its own, of accounts, of the queue."""

    # What may be said to it: there is nothing sealed yet, or a rotation of before is not over.
    FITTING = ("nothing is encrypted", "no key yet", "being rotated", "try again")

    def __init__(self, server, accounts):
        self.server = server
        self.words = [[], ["--accounts"], ["--queue"], ["--queue"], *([account] for account in accounts)]
        self.ended, self.cut, self.wrong = 0, 0, []

    def work(self, chance, ending):
        while not ending():
            words = chance.choice(self.words)
            done = self.server.command("keys", "rotate", *words, check=False)
            said = done.stdout + done.stderr
            if done.returncode == 0:
                self.ended += 1
            elif ending():
                self.cut += 1
            elif not any(one in said for one in self.FITTING):
                self.wrong.append(f"keys rotate {' '.join(words)}: {done.returncode} {said}")
                return

    def expect_well(self):
        if self.wrong:
            raise Failure("\n".join(self.wrong))

    def expect_end(self):
        """With nothing that goes wrong any more each is rotated once again, and nothing of before is left."""
        self.expect_well()
        if json.loads(self.server.command("keys", "list", "--json").stdout):
            for words in ([], ["--accounts"]):
                self.server.command("keys", "rotate", *words)
            listed = json.loads(self.server.command("keys", "list", "--json").stdout)
            if [row["file"] for row in listed] != ["current"]:
                raise Failure(f"after a rotation: {listed}")

    def told(self):
        return f"{self.ended} rotations of keys, and {self.cut} more that a kill cut short"


class Course:
    """What every course has. One that is run has `work()`: all of it; it returns what there is to tell."""

    def __init__(self, options, directory, offset):
        self.options, self.directory = options, directory
        self.chance = random.Random(options.seed)
        self.server = Server(options.binary, os.path.join(directory, "server"), free_offset(offset))
        self.lock = threading.Lock()
        self.number = 0
        self.acknowledged = set()
        self.ending = False
        self.kills = 0
        self.began = time.monotonic()

    def start(self):
        """The next start, with mail sealed from then on or not."""
        choose_encryption(self.server, self.options.encryption, self.chance)
        self.server.start()

    def next_number(self):
        with self.lock:
            self.number += 1
            return self.number

    def begin_load(self, worker, count):
        """So many threads of `worker(chance)`, each with chances of its own."""
        self.ending = False
        threads = [threading.Thread(target=worker, args=(random.Random(f"{self.options.seed}.{self.kills}.{i}"),), daemon=True)
                   for i in range(count)]
        for thread in threads:
            thread.start()
        return threads

    def expect_running(self):
        if (status := self.server.process.poll()) is not None:
            raise Failure(f"the server ended by itself with {status}; its log:\n{self.server.log_tail()}")

    @staticmethod
    def join(threads):
        for thread in threads:
            thread.join(60)
            if thread.is_alive():
                raise Failure("a client did not notice that the server is gone")

    def letters(self, account):
        """Every letter of an INBOX."""
        with imaplib.IMAP4("127.0.0.1", self.server.port("imap")) as session:
            session.login(f"{account}@example.test", PASSWORD)
            session.select("INBOX", readonly=True)
            _, parts = session.uid("FETCH", "1:*", "(BODY.PEEK[])")
            return [part[1] for part in parts if isinstance(part, tuple)]

    def end_well(self):
        """verify says all is well, and the server ends when it is told to."""
        self.server.command("verify")
        if status := self.server.end():
            raise Failure(f"SIGTERM: the server ended with {status}; its log:\n{self.server.log_tail()}")


def main(description, name, kills, make, more=None):
    """Runs the course that make(options, directory) gives; the exit status. `more(parser)` adds options of its own."""
    parser = argparse.ArgumentParser(description=description.split("\n")[0])
    parser.add_argument("binary")
    parser.add_argument("--kills", type=int, default=kills)
    parser.add_argument("--seed", type=int, default=random.SystemRandom().randrange(1 << 32))
    add_encryption(parser)
    parser.add_argument("--keep", action="store_true", help="keep the server's directory")
    if more:
        more(parser)
    options = parser.parse_args()
    directory = tempfile.mkdtemp(prefix=f"angarium-{name}-")
    course = make(options, directory)
    print(f"seed {options.seed}", flush=True)
    try:
        told = course.work()
    except Failure as failure:
        print(f"\nFAILED after {course.kills} kills, seed {options.seed}:\n{failure}\nKept: {directory}")
        return 1
    finally:
        course.ending = True
        if course.server.process is not None:
            course.server.end(signal.SIGKILL)
    print(f"{course.kills} kills: {told}; {time.monotonic() - course.began:.0f} s")
    print("1 passed, 0 failed")
    if options.keep:
        print(f"Kept: {directory}")
    else:
        shutil.rmtree(directory)
    return 0
