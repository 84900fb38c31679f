#!/usr/bin/env python3
"""run.py BINARY [--idle N] [--busy N] [--only WORD]: measures the server's memory under crowds of connections, and holds it to limits.

Idle crowds (SMTP that says nothing, POP3, IMAP in IDLE, plain and TLS), busy ones (each in the middle of a large message by SMTP or APPEND)
and greedy ones (each asks for much and reads nothing). Prints a line each; exit 1 when one is above its limit. The limits hold for a release
build; a sanitizer's takes more.
"""
import argparse
import os
import shutil
import ssl
import sys
import tempfile
import time

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
from harness.server import Server, free_offset  # noqa: E402
from memory.crowd import Member, all_read, ask, pour  # noqa: E402

PASSWORD = "Tr0ub4dor&3"
SETTINGS = [("auth", "argon2_memory_kib", "8192"), ("auth", "argon2_passes", "1"), ("store", "reserve", '"16 MiB"')]
KIB = 1024
BUSY_MIB = 600      # DESIGN section 7: a thousand busy sessions with 10 MiB each
LARGE = 10 << 20    # a message of the busy crowds
POURED = 1 << 20    # what each of them sends of it before we look
FETCHED = 4         # large messages in the mailbox that the greedy ones ask for


class Measure:
    def __init__(self, options, directory):
        self.options = options
        self.server = Server(options.binary, os.path.join(directory, "server"), free_offset(options.offset))
        self.tls = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        self.tls.check_hostname, self.tls.verify_mode = False, ssl.CERT_NONE
        self.failed = 0

    def memory(self):
        """Octets of the process itself that are in memory."""
        with open(f"/proc/{self.server.process.pid}/status", encoding="ascii") as f:
            fields = dict(line.split(":", 1) for line in f)
        return (int(fields["RssAnon"].split()[0]) + int(fields.get("VmSwap", "0").split()[0])) * KIB

    def settled(self):
        """The same, once it no longer grows."""
        last = self.memory()
        for _ in range(20):
            time.sleep(0.5)
            now = self.memory()
            if abs(now - last) < 1 << 20:
                return now
            last = now
        return last

    def members(self, number, protocol, greeting, tls=None, window=None):
        made = []
        while len(made) < number:
            some = [Member(self.server.port(protocol), f"127.0.{1 + n % 200}.{1 + n // 200}", tls, window)
                    for n in range(len(made), min(number, len(made) + 200))]
            if lost := all_read(some, lambda m: greeting in m.read):
                raise RuntimeError(f"{protocol}: turned away with {lost[0].read!r}")
            made += some
        return made

    def report(self, name, number, before, limit_kib=None, limit_mib=None):
        after = self.settled()
        each = (after - before) / number / KIB
        limit = f"limit {limit_kib} KiB each" if limit_kib else f"limit {limit_mib} MiB"
        good = each <= limit_kib if limit_kib else after <= limit_mib << 20
        self.failed += not good
        print(f"{'ok    ' if good else 'FAILED'} {name:34} {number:5} connections  {before >> 20:4} -> {after >> 20:4} MiB"
              f"  {each:8.1f} KiB each  ({limit})", flush=True)

    def idle(self, name, protocol, greeting, limit_kib, steps=(), tls=None):
        before = self.settled()
        crowd = self.members(self.options.idle, protocol, greeting, tls)
        for octets, answer in steps:
            if lost := ask(crowd, octets, answer):
                raise RuntimeError(f"{name}: {len(lost)} were closed, one after {lost[0].read!r}")
        self.report(name, len(crowd), before, limit_kib=limit_kib)
        self.leave(crowd)

    def leave(self, crowd):
        for m in crowd:
            m.close()
        time.sleep(1)

    def busy_smtp(self):
        before = self.settled()
        crowd = self.members(self.options.busy, "lmtp", b"220 ")
        ask(crowd, b"LHLO x.example.test\r\n", b"250 ")
        ask(crowd, b"MAIL FROM:<> SIZE=%d\r\n" % LARGE, b"250 2.1.0")
        ask(crowd, b"RCPT TO:<user@example.test>\r\n", b"250 2.1.5")
        refused = ask(crowd, b"DATA\r\n", b"\r\n")
        started = [m for m in crowd if m not in refused and m.read.startswith(b"354")]
        taken = pour(started, b"Subject: large\r\n\r\n" + b"octets of a large message\r\n" * (POURED // 27), 60)
        self.report(f"LMTP in DATA, {len(started)} let in, {taken >> 20} MiB", len(crowd), before, limit_mib=BUSY_MIB)
        self.leave(crowd)

    def busy_append(self):
        before = self.settled()
        crowd = self.logged_in(self.options.busy)
        refused = ask(crowd, b"a APPEND INBOX {%d}\r\n" % LARGE, b"\r\n")
        started = [m for m in crowd if m not in refused and m.read.startswith(b"+")]
        taken = pour(started, b"Subject: large\r\n\r\n" + b"octets of a large message\r\n" * (POURED // 27), 60)
        self.report(f"APPEND, {len(started)} let in, {taken >> 20} MiB", len(crowd), before, limit_mib=BUSY_MIB)
        self.leave(crowd)

    def logged_in(self, number, window=None):
        crowd = self.members(number, "imap", b"* OK", window=window)
        ask(crowd, b'l LOGIN user@example.test "%s"\r\n' % PASSWORD.encode(), b"l OK")
        return crowd

    def fill(self):
        """A few large messages and many small ones."""
        one = self.logged_in(1)
        large = b"Subject: large\r\n\r\n" + b"octets of a large message\r\n" * (LARGE // 27)
        for _ in range(FETCHED):
            ask(one, b"a APPEND INBOX {%d}\r\n" % len(large), b"+ ")
            pour(one, large + b"\r\n", 60)
            all_read(one, lambda m: b"a OK" in m.read)
        self.leave(one)

    def greedy(self, name, octets, opening=b"s SELECT INBOX\r\n", answer=b"s OK"):
        before = self.settled()
        crowd = self.logged_in(self.options.busy, window=4096)
        ask(crowd, opening, answer)
        pour(crowd, octets, 10)
        time.sleep(5)
        self.report(name, len(crowd), before, limit_mib=BUSY_MIB)
        self.leave(crowd)

    def greedy_pop3(self):
        before = self.settled()
        crowd = self.members(1, "pop3", b"+OK", window=4096)
        ask(crowd, b"USER user@example.test\r\nPASS %s\r\n" % PASSWORD.encode(), b"messages")
        self.leave(crowd)
        crowd = self.members(self.options.busy, "pop3", b"+OK", window=4096)
        pour(crowd, b"CAPA\r\n" * 100_000, 10)
        self.report("POP3 CAPA, nothing read", len(crowd), before, limit_mib=BUSY_MIB)
        self.leave(crowd)

    def greedy_smtp(self):
        before = self.settled()
        crowd = self.members(self.options.busy, "smtp", b"220 ", window=4096)
        pour(crowd, b"EHLO x.example.test\r\n" * 30_000, 10)
        self.report("SMTP EHLO, nothing read", len(crowd), before, limit_mib=BUSY_MIB)
        self.leave(crowd)

    def run(self):
        login = b'l LOGIN user@example.test "%s"\r\n' % PASSWORD.encode()
        in_idle = [(login, b"l OK"), (b"s SELECT INBOX\r\n", b"s OK"), (b"i IDLE\r\n", b"+ ")]
        steps = {
            "smtp silent": lambda: self.idle("SMTP, silent", "smtp", b"220 ", 24),
            "pop3 idle": lambda: self.idle("POP3, silent", "pop3", b"+OK", 24),
            "imap silent": lambda: self.idle("IMAP, not logged in", "imap", b"* OK", 24),
            "imap idle": lambda: self.idle("IMAP in IDLE", "imap", b"* OK", 48, in_idle),
            "imaps idle": lambda: self.idle("IMAP in IDLE, TLS", "imaps", b"* OK", 80, in_idle, self.tls),
            "smtp busy": self.busy_smtp,
            "append busy": self.busy_append,
            "fetch greedy": lambda: self.greedy("FETCH BODY[], nothing read", b"f FETCH 1:* BODY[]\r\n"),
            "fetch many greedy": lambda: self.greedy("50 FETCHes in a row, nothing read", b"f FETCH 1:* BODY[]\r\n" * 50),
            "noop greedy": lambda: self.greedy("NOOPs, nothing read", b"n NOOP\r\n" * 100_000),
            "pop3 greedy": self.greedy_pop3,
            "smtp greedy": self.greedy_smtp,
        }
        self.server.init(SETTINGS)
        self.server.add_account("user", PASSWORD)
        self.server.start()
        self.fill()
        print(f"       {'at rest':34} {self.settled() >> 20} MiB of the process's own memory")
        for name, step in steps.items():
            if all(word in name for word in self.options.only):
                step()
        print(f"       {'at rest again':34} {self.settled() >> 20} MiB")
        if status := self.server.end():
            print(f"FAILED the server ended with {status}")
            self.failed += 1
        return 1 if self.failed else 0


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("binary")
    parser.add_argument("--idle", type=int, default=5000)
    parser.add_argument("--busy", type=int, default=1000)
    parser.add_argument("--only", nargs="*", default=[])
    parser.add_argument("--offset", type=int, default=23000)
    options = parser.parse_args()
    directory = tempfile.mkdtemp(prefix="angarium-memory-")
    measure = Measure(options, directory)
    try:
        return measure.run()
    finally:
        if measure.server.process:
            measure.server.end()
        shutil.rmtree(directory, ignore_errors=True)


if __name__ == "__main__":
    sys.exit(main())
