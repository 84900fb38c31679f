#!/usr/bin/env python3
"""queue.py BINARY [--kills N] [--seed S] [--keep]: kills a server that sends mail on, and shows that nothing acknowledged is lost.

Clients submit messages to a mailbox here and to recipients elsewhere at once. Elsewhere is a server of this test that takes mail, refuses some
of it for now or for good, breaks off in the middle, and drops the connection after the last dot. At a random moment the server gets kill -9.
In the end every acknowledged message is in its mailbox here exactly once and elsewhere once at least; more often only as often as a dot went
unanswered. Who was refused for good has brought its sender a report. What was not acknowledged is at both places or at none.
"""
import argparse
import imaplib
import os
import random
import re
import shutil
import signal
import smtplib
import socket
import sys
import tempfile
import threading
import time

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
from harness.server import Failure, Server, free_offset  # noqa: E402

PASSWORD = "secret"
DRAIN_SECONDS = 90  # retries are seconds apart; the longest back-off of this configuration is 4 s
NUMBER = re.compile(rb"(?im)^Message-ID:\s*<(\d+)@queue\.test>")
REPORTED = re.compile(rb"(?im)^Final-Recipient: rfc822;\s*gone(\d+)@far\.test")


class Elsewhere(threading.Thread):
    """A server for SMTP that is often in trouble; notes what arrived."""

    def __init__(self, seed):
        super().__init__(daemon=True)
        self.chance = random.Random(f"{seed}.elsewhere")
        self.lock = threading.Lock()
        self.arrived = {}    # number: how often whole
        self.unanswered = {}  # number: how often its dot got no answer
        self.trouble = True
        self.listener = socket.create_server(("127.0.0.1", 0), backlog=200)
        self.port = self.listener.getsockname()[1]

    def run(self):
        while True:
            connection, _ = self.listener.accept()
            threading.Thread(target=self.serve, args=(connection,), daemon=True).start()

    def below(self, share):
        with self.lock:
            return self.trouble and self.chance.random() < share

    def serve(self, connection):
        try:
            with connection, connection.makefile("rwb") as stream:
                self.talk(stream)
        except OSError:
            pass

    def talk(self, stream):
        def say(text):
            stream.write(text.encode() + b"\r\n")
            stream.flush()

        if self.below(0.05):
            return say("421 4.3.2 not now")
        say("220 far.test")
        taken = 0
        while line := stream.readline():
            verb = line.strip().upper()
            if verb.startswith(b"EHLO"):
                say("250-far.test\r\n250-PIPELINING\r\n250-8BITMIME\r\n250 ENHANCEDSTATUSCODES")
            elif verb.startswith(b"MAIL"):
                taken = 0
                say("250 2.1.0 yes")
            elif verb.startswith(b"RCPT"):
                if b"GONE" in verb:
                    say("550 5.1.1 nobody of that name")
                elif self.below(0.15):
                    say("451 4.3.0 later")
                else:
                    taken += 1
                    say("250 2.1.5 yes")
            elif verb.startswith(b"DATA") and taken == 0:
                say("554 5.5.1 nobody to send it to")
            elif verb.startswith(b"DATA"):
                if self.below(0.03):
                    return
                say("354 go on")
                if not self.data(stream, say):
                    return
            elif verb.startswith(b"QUIT"):
                return say("221 2.0.0 bye")
            else:
                say("250 2.0.0 yes")

    def data(self, stream, say):
        text = b""
        while (line := stream.readline()) != b".\r\n":
            if not line or self.below(0.002):
                return False
            text += line
        if self.below(0.03):
            say("451 4.3.1 no room")
            return True
        number = int(NUMBER.search(text).group(1))
        with self.lock:
            self.arrived[number] = self.arrived.get(number, 0) + 1
        if self.below(0.03):
            with self.lock:
                self.unanswered[number] = self.unanswered.get(number, 0) + 1
            return False
        try:
            say("250 2.0.0 taken")
        except OSError:
            with self.lock:
                self.unanswered[number] = self.unanswered.get(number, 0) + 1
            raise
        return True


class Run:
    def __init__(self, options, directory):
        self.options = options
        self.chance = random.Random(options.seed)
        self.elsewhere = Elsewhere(options.seed)
        self.server = Server(options.binary, os.path.join(directory, "server"), free_offset(24000))
        self.lock = threading.Lock()
        self.number = 0
        self.sent = set()
        self.acknowledged = set()
        self.to_nobody = set()  # of these, those that had a recipient who is not there
        self.ending = False
        self.kills = 0

    def prepare(self):
        self.elsewhere.start()
        self.server.init([("queue", "retry_first", '"1s"'), ("queue", "retry_longest", '"4s"'),
                          ("transport", '"far.test"', f'"relay 127.0.0.1:{self.elsewhere.port}"')])
        for name in ("alice", "bob"):
            self.server.add_account(name, PASSWORD)
        self.server.start()

    def client(self, chance):
        """Submits until the server is gone."""
        try:
            session = smtplib.SMTP("127.0.0.1", self.server.port("submission"), timeout=30)
            session.login("alice@example.test", PASSWORD)
            while not self.ending:
                with self.lock:
                    self.number += 1
                    number = self.number
                gone = chance.random() < 0.1
                to = ["bob@example.test", f"user{number}@far.test"] + ([f"gone{number}@far.test"] if gone else [])
                with self.lock:
                    self.sent.add(number)
                body = "x" * 70 + "\r\n"
                text = f"Message-ID: <{number}@queue.test>\r\nFrom: alice@example.test\r\nSubject: {number}\r\n\r\n" + body * chance.randrange(1, 400)
                session.sendmail("alice@example.test", to, text)
                with self.lock:
                    self.acknowledged.add(number)
                    if gone:
                        self.to_nobody.add(number)
        except (OSError, smtplib.SMTPException):
            pass

    def under_load(self):
        self.ending = False
        threads = [threading.Thread(target=self.client, args=(random.Random(f"{self.options.seed}.{self.kills}.{i}"),), daemon=True)
                   for i in range(4)]
        for thread in threads:
            thread.start()
        time.sleep(self.chance.uniform(0.1, 0.8))
        self.ending = True
        if (status := self.server.process.poll()) is not None:
            raise Failure(f"the server ended by itself with {status}; its log:\n{self.server.log_tail()}")
        self.server.end(signal.SIGKILL)
        for thread in threads:
            thread.join(60)
        self.kills += 1
        self.server.start()

    def letters(self, account):
        """Every letter of an INBOX."""
        with imaplib.IMAP4("127.0.0.1", self.server.port("imap")) as session:
            session.login(f"{account}@example.test", PASSWORD)
            session.select("INBOX", readonly=True)
            _, parts = session.uid("FETCH", "1:*", "(BODY.PEEK[])")
            return [part[1] for part in parts if isinstance(part, tuple)]

    def missing(self):
        with self.elsewhere.lock:
            return {n for n in self.acknowledged if n not in self.elsewhere.arrived}

    def check(self):
        """Waits until all that is owed arrived, then compares."""
        self.elsewhere.trouble = False
        end = time.monotonic() + DRAIN_SECONDS
        while self.missing() and time.monotonic() < end:
            time.sleep(0.2)
        if missing := self.missing():
            raise Failure(f"acknowledged and never sent on: {sorted(missing)[:20]}; log:\n{self.server.log_tail()}")
        here, reports = self.count()
        while not self.to_nobody <= reports and time.monotonic() < end:
            time.sleep(0.5)
            here, reports = self.count()
        if lost := self.acknowledged - set(here):
            raise Failure(f"acknowledged and not here: {sorted(lost)[:20]}")
        if twice := [n for n, times in here.items() if times != 1]:
            raise Failure(f"here more than once: {sorted(twice)[:20]}")
        if not self.to_nobody <= reports:
            raise Failure(f"refused for good and never reported: {sorted(self.to_nobody - reports)[:20]}")
        with self.elsewhere.lock:
            arrived, unanswered = dict(self.elsewhere.arrived), dict(self.elsewhere.unanswered)
        if apart := {n for n in self.sent if (n in here) != (n in arrived)}:
            raise Failure(f"here or elsewhere, but not both: {sorted(apart)[:20]}")
        # A kill may have come between the answer and its being written down: once for each message that was under way.
        again = {n: times for n, times in arrived.items() if times > 1 + unanswered.get(n, 0) + self.kills}
        if again:
            raise Failure(f"elsewhere more often than a dot went unanswered: {again}")
        doubled = sum(times - 1 for times in arrived.values())
        return len(here), len(arrived), len(reports), doubled, sum(unanswered.values())

    def count(self):
        here = {}
        for letter in self.letters("bob"):
            if match := NUMBER.search(letter):
                number = int(match.group(1))
                here[number] = here.get(number, 0) + 1
        reports = set()
        for letter in self.letters("alice"):
            for match in REPORTED.finditer(letter):
                reports.add(int(match.group(1)))
        return here, reports


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("binary")
    parser.add_argument("--kills", type=int, default=40)
    parser.add_argument("--seed", type=int, default=random.SystemRandom().randrange(1 << 32))
    parser.add_argument("--keep", action="store_true", help="keep the server's directory")
    options = parser.parse_args()
    directory = tempfile.mkdtemp(prefix="angarium-queue-")
    run = Run(options, directory)
    print(f"seed {options.seed}", flush=True)
    began = time.monotonic()
    try:
        run.prepare()
        while run.kills < options.kills:
            run.under_load()
        here, arrived, reports, doubled, unanswered = run.check()
        run.server.command("verify")
        if status := run.server.end():
            raise Failure(f"SIGTERM: the server ended with {status}; its log:\n{run.server.log_tail()}")
    except Failure as failure:
        print(f"\nFAILED after {run.kills} kills, seed {options.seed}:\n{failure}\nKept: {directory}")
        return 1
    finally:
        if run.server.process is not None:
            run.server.end(signal.SIGKILL)
    print(f"{run.kills} kills: {len(run.acknowledged)} messages acknowledged of {len(run.sent)}; {here} here, {arrived} elsewhere, {reports} reports, "
          f"none lost; {doubled} arrived elsewhere again, {unanswered} dots had gone unanswered; {time.monotonic() - began:.0f} s")
    print("1 passed, 0 failed")
    if options.keep:
        print(f"Kept: {directory}")
    else:
        shutil.rmtree(directory)
    return 0


if __name__ == "__main__":
    sys.exit(main())
