"""A course of kills: one server, clients that work until it is gone, kill -9 at a random moment, the next start."""
import argparse
import imaplib
import os
import random
import shutil
import signal
import tempfile
import threading
import time

from harness.server import Failure, Server, free_offset

PASSWORD = "secret"


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


def main(description, name, kills, make):
    """Runs the course that make(options, directory) gives; the exit status."""
    parser = argparse.ArgumentParser(description=description.split("\n")[0])
    parser.add_argument("binary")
    parser.add_argument("--kills", type=int, default=kills)
    parser.add_argument("--seed", type=int, default=random.SystemRandom().randrange(1 << 32))
    parser.add_argument("--keep", action="store_true", help="keep the server's directory")
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
