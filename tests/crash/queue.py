#!/usr/bin/env python3
"""queue.py BINARY [--kills N] [--seed S] [--keep]: kills a server that sends mail on, and shows that nothing acknowledged is lost.

Clients submit messages to a mailbox here and to recipients elsewhere at once. Elsewhere is a server of this test that takes mail, refuses some
of it for now or for good, breaks off in the middle, and drops the connection after the last dot. At a random moment the server gets kill -9.
In the end every acknowledged message is in its mailbox here exactly once and elsewhere once at least; more often only as often as a dot went
unanswered. Who was refused for good has brought its sender a report. What was not acknowledged is at both places or at none.
"""
import os
import re
import signal
import smtplib
import sys
import time

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
from crash.course import PASSWORD, Course, Rotations, main  # noqa: E402
from crash.elsewhere import Elsewhere  # noqa: E402
from harness.server import Failure  # noqa: E402

DRAIN_SECONDS = 90  # retries are seconds apart; the longest back-off of this configuration is 4 s
NUMBER = re.compile(rb"(?im)^Message-ID:\s*<(\d+)@queue\.test>")
REPORTED = re.compile(rb"(?im)^Final-Recipient: rfc822;\s*gone(\d+)@far\.test")


class Run(Course):
    def __init__(self, options, directory):
        super().__init__(options, directory, 24000)
        self.elsewhere = Elsewhere("far.test", options.seed, lambda text: int(NUMBER.search(text).group(1)))
        self.rotations = Rotations(self.server, ["alice@example.test"])
        self.sent = set()
        self.to_nobody = set()  # of the acknowledged, those that had a recipient who is not there

    def prepare(self):
        self.elsewhere.start()
        self.server.init([("queue", "retry_first", '"1s"'), ("queue", "retry_longest", '"4s"'),
                          ("transport", '"far.test"', f'"relay {self.elsewhere.way}"')])
        for name in ("alice", "bob"):
            self.server.add_account(name, PASSWORD)
        self.start()

    def client(self, chance):
        """Submits until the server is gone."""
        try:
            session = smtplib.SMTP("127.0.0.1", self.server.port("submission"), timeout=30)
            session.login("alice@example.test", PASSWORD)
            while not self.ending:
                number = self.next_number()
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
        threads = self.begin_load(self.client, 4)
        threads += self.begin_load(lambda chance: self.rotations.work(chance, lambda: self.ending), 1)
        time.sleep(self.chance.uniform(0.1, 0.8))
        self.ending = True
        self.expect_running()
        self.server.end(signal.SIGKILL)
        self.join(threads)
        self.kills += 1
        self.start()

    def missing(self):
        arrived, _ = self.elsewhere.noted()
        return self.acknowledged - arrived.keys()

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
        arrived, unanswered = self.elsewhere.noted()
        if apart := {n for n in self.sent if (n in here) != (n in arrived)}:
            raise Failure(f"here or elsewhere, but not both: {sorted(apart)[:20]}")
        # A kill may have come between the answer and its being written down: once for each message that was under way.
        again = {n: times for n, times in arrived.items() if times > 1 + unanswered.get(n, 0) + self.kills}
        if again:
            raise Failure(f"elsewhere more often than a dot went unanswered: {again}")
        doubled = sum(times - 1 for times in arrived.values())
        return (f"{len(self.acknowledged)} messages acknowledged of {len(self.sent)}; {len(here)} here, {len(arrived)} elsewhere, "
                f"{len(reports)} reports, none lost; {doubled} arrived elsewhere again, {sum(unanswered.values())} dots had gone unanswered")

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

    def work(self):
        self.prepare()
        while self.kills < self.options.kills:
            self.under_load()
        told = self.check()
        self.rotations.expect_end()
        self.end_well()
        return f"{told}; {self.rotations.told()}"


if __name__ == "__main__":
    sys.exit(main(__doc__, "queue", 40, Run))
