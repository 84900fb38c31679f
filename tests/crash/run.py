#!/usr/bin/env python3
"""run.py BINARY [--kills N] [--load SECONDS] [--seed S] [--encryption on|off|mixed] [--keep]: kills the server and shows that nothing acknowledged is lost.

SMTP (plain, pipelined, BDAT, submission), LMTP, IMAP (APPEND, MULTIAPPEND, STORE, COPY, MOVE, EXPUNGE, CREATE ...), POP3 and the
command line work at once; each notes what was acknowledged at the moment of the OK. At a random moment the server gets kill -9: under
load, while it starts and replays, or while it drains. After each restart all that is owed is compared with what is there: letters octet by
octet, flags, UIDs, MODSEQs, what was expunged; what was not acknowledged is whole or absent. At the end `verify` must say that all is
well, and `rebuild` must give the same contents. Exit 0: nothing was lost; 1: something was, with the seed and what.
"""
import argparse
import os
import random
import shutil
import signal
import sys
import tempfile
import threading
import time

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
from crash import compare  # noqa: E402
from crash.course import Course, Rotations, add_encryption, choose_encryption, expect_sealed  # noqa: E402
from crash.ledger import Ledger  # noqa: E402
from crash.load import PASSWORD, Load  # noqa: E402
from harness.server import Failure, Server, free_offset  # noqa: E402
from harness.wire import Gone, Refused  # noqa: E402

ACCOUNTS = ["alice", "bob", "carol", "dave"]
BOXES = ["INBOX", "Box0", "Box1"]
EVERYTHING_EACH = 20  # kills between comparisons of all octets


class Run:
    def __init__(self, options, directory):
        self.options, self.directory = options, directory
        self.chance = random.Random(options.seed)
        self.server = Server(options.binary, os.path.join(directory, "server"), free_offset(22000))
        self.ledger = Ledger(options.seed, ACCOUNTS, BOXES, open(os.path.join(directory, "journal"), "w", encoding="utf-8"))
        self.load = Load(self.server, self.ledger, ACCOUNTS)
        self.comparison = compare.Comparison(self.server, self.ledger, self.load, ACCOUNTS, BOXES)
        self.rotations = Rotations(self.server, [f"{account}@example.test" for account in ACCOUNTS])
        self.kinds = {"load": 0, "start": 0, "drain": 0}
        self.start_seconds = 0.3
        self.began = time.monotonic()

    def prepare(self):
        self.server.init()
        for account in ACCOUNTS:
            self.server.add_account(account, PASSWORD)
        choose_encryption(self.server, self.options.encryption, self.chance)
        self.server.start()
        for account in ACCOUNTS:
            session = compare.Imap(self.server.port("imap"), self.load.user(account), f'"{PASSWORD}"')
            for box in BOXES[1:]:
                session.command(f"CREATE {box}")
            session.close()

    def workers(self, number):
        """A mixed choice of clients, each with its own source of chance."""
        owners = [(account, side) for account in ACCOUNTS for side in (0, 1)]
        self.chance.shuffle(owners)
        load = self.load
        chosen = [(load.smtp,), (load.smtp_pipelined,), (load.lmtp,), (load.submission,), (load.names, self.chance.choice(ACCOUNTS))]
        chosen += [(load.imap, *owner) for owner in owners[:4]] + [(load.pop3, *owners[4])]
        if number % 4 == 0:
            chosen.append((load.administrator,))
        else:
            chosen.append((lambda chance: self.rotations.work(chance, lambda: self.ledger.ending),))
        threads = []
        for place, (work, *arguments) in enumerate(chosen):
            chance = random.Random(f"{self.options.seed}.{number}.{place}")
            threads.append(threading.Thread(target=load.run, args=(work, chance, *arguments), daemon=True))
        return threads

    def under_load(self, number, drain):
        """Loads the running server and kills it at a random moment; with `drain` a polite end is under way by then."""
        threads = self.load_for(number, self.chance.uniform(0.05, 0.7))
        if drain:
            self.server.process.terminate()
            time.sleep(self.chance.uniform(0, 0.15))
        self.kill()
        Course.join(threads)

    def load_for(self, number, seconds):
        """Clients that have worked for so long and still do: from here on the server may be ended."""
        self.ledger.ending = False
        threads = self.workers(number)
        for thread in threads:
            thread.start()
        time.sleep(seconds)
        self.ledger.ending = True
        return threads

    def kill(self):
        """kill -9; fails if the server ended by itself before, unless it was asked to."""
        status = self.server.process.poll()
        if status not in (None, 0):
            raise Failure(f"the server ended by itself with {status}; its log:\n{self.server.log_tail()}")
        self.server.end(signal.SIGKILL)

    def polite(self):
        """A longer load that ends by SIGTERM: all of the server's life, whose exit status a sanitizer may change."""
        threads = self.load_for(0, self.options.load)
        if status := self.server.end():
            raise Failure(f"SIGTERM under load: the server ended with {status}; its log:\n{self.server.log_tail()}")
        Course.join(threads)
        self.restart()
        self.compare(everything=True)

    def restart(self):
        choose_encryption(self.server, self.options.encryption, self.chance)
        start = time.monotonic()
        self.server.start()
        self.start_seconds = 0.7 * self.start_seconds + 0.3 * (time.monotonic() - start)

    def kills(self):
        done = 0
        while done < self.options.kills:
            kind = self.chance.choices(["load", "start", "drain"], [70, 18, 12])[0]
            if kind == "start":
                self.server.end(signal.SIGKILL)
                self.server.spawn()
                time.sleep(self.chance.uniform(0, 1.3 * self.start_seconds))
                self.kill()
            else:
                self.under_load(done, kind == "drain")
            done += 1
            self.kinds[kind] += 1
            self.restart()
            self.compare(done % EVERYTHING_EACH == 0 or done == self.options.kills)
            self.progress(done)

    def compare(self, everything):
        self.ledger.ending = False
        self.comparison.run(everything)
        self.rotations.expect_well()
        if self.ledger.violations:
            raise Failure("\n".join(self.ledger.violations))

    def progress(self, done):
        line = (f"kill {done}/{self.options.kills}: {self.ledger.acknowledged} effects acknowledged, {self.ledger.letters} letters, "
                f"0 lost, {time.monotonic() - self.began:.0f} s")
        if sys.stdout.isatty():
            print("\r" + line, end="\n" if done == self.options.kills else "", flush=True)
        elif done % EVERYTHING_EACH == 0 or done == self.options.kills:
            print(line, flush=True)

    def at_the_end(self):
        """verify says all is well, with the server and without; rebuild from the log alone gives the same contents."""
        before = self.comparison.contents()
        self.rotations.expect_end()
        if self.comparison.contents() != before:
            raise Failure("rotations gave other contents than were there")
        self.server.command("verify")
        if status := self.server.end():
            raise Failure(f"SIGTERM: the server ended with {status}; its log:\n{self.server.log_tail()}")
        expect_sealed(self.server, self.options.encryption, b"\r\n>From here\r\nxxxx")
        self.server.command("verify")
        self.server.command("rebuild", timeout=300)
        self.server.command("verify")
        self.server.start()
        self.compare(everything=True)
        if self.comparison.contents() != before:
            raise Failure("rebuild gave other UIDs, flags or MODSEQs than were there")
        self.server.end()

    def all(self):
        try:
            self.prepare()
            if self.options.load:
                self.polite()
            self.kills()
            self.at_the_end()
        finally:
            if self.server.process is not None:
                self.server.end(signal.SIGKILL)
            self.ledger.journal.close()


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("binary")
    parser.add_argument("--kills", type=int, default=200)
    parser.add_argument("--load", type=float, default=0, metavar="SECONDS", help="before the kills, a load of so long that ends politely")
    parser.add_argument("--seed", type=int, default=random.SystemRandom().randrange(1 << 32))
    add_encryption(parser)
    parser.add_argument("--keep", action="store_true", help="keep the server's directory and the journal")
    options = parser.parse_args()
    directory = tempfile.mkdtemp(prefix="angarium-crash-")
    run = Run(options, directory)
    print(f"seed {options.seed}", flush=True)
    try:
        run.all()
    except (Failure, Gone, Refused) as failure:
        lines = str(failure).splitlines()
        print(f"\nFAILED after {sum(run.kinds.values())} kills, seed {options.seed} ({len(lines)} lines):")
        print("\n".join(lines[:40]))
        print(f"Kept: {directory} (server, server.log, journal)")
        return 1
    print(f"{options.kills} kills ({run.kinds['load']} under load, {run.kinds['start']} while starting, {run.kinds['drain']} while draining): "
          f"{run.ledger.acknowledged} effects acknowledged, {run.ledger.letters} letters, all there; {run.rotations.told()}; verify and rebuild agree.")
    print("1 passed, 0 failed")
    if options.keep:
        print(f"Kept: {directory}")
    else:
        shutil.rmtree(directory)
    return 0


if __name__ == "__main__":
    sys.exit(main())
