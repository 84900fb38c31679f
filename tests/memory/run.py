#!/usr/bin/env python3
"""run.py BINARY [--idle N] [--busy N] [--messages N] [--only WORD...]: holds the server's memory under crowds of connections to stated limits.

Idle crowds (SMTP that says nothing, POP3, IMAP in IDLE: plain, TLS, compressed), busy ones (each in the middle of a large message by SMTP or APPEND)
and greedy ones (each asks for much and reads nothing); at last the busy ones once more. Prints a line each; exit 1 when one is above its limit.
What is measured is the process's own memory (RssAnon and swap), not the files of the store that it has mapped or cached. The limits grow
with the number of connections and with nothing else: that is what "bounded" means here. They hold for builds without a sanitizer.
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
from memory.crowd import Member, all_read, ask, make_room, pour  # noqa: E402

PASSWORD = "Tr0ub4dor&3"
KIB = 1024
# What one connection of a crowd may take, in KiB.
SILENT_KIB = 16     # a coroutine's frames and a line; no buffer is held while nothing is read (DESIGN section 4)
IDLE_KIB = 16       # DESIGN section 7: an IMAP session in IDLE
IDLE_TLS_KIB = 40   # the same with TLS: OpenSSL's state, without buffers
IDLE_COMPRESSED_KIB = 4  # what COMPRESS=DEFLATE adds: the text that what follows may refer to (wire::deflate::kKept), twice, and no state of zlib's
BUSY_KIB = 640      # 512 of the message in hand (mailbox::Intake::kIntakeBufferMax), and the session
GREEDY_KIB = 1024   # DESIGN section 5: a connection takes 1 MiB at most, whatever the message's size
FIRST_MIB = 8       # what the first of a kind wakes, whatever their number: threads' heaps, the view of the mailbox
# What the whole process may take above what it had at rest.
CACHE_MIB = 80      # the store's block cache (64 MiB), views of mailboxes, threads' heaps
KEPT = 2            # times what the largest crowd may take: its own, and what the heap has kept of an earlier one
AGAIN_MIB = 32      # by so much the peak may rise when the busy crowds come a second time: what they left is used again
LET_IN = 0.9        # of a busy crowd, the least that is let in
LARGE = 10 << 20    # a message of the busy crowds
POURED = 1 << 20    # what each of them sends of it before we look
SMALL = b"Subject: small\r\n\r\n" + b"a line of a small message\r\n" * 4
FETCHED = 4         # large messages in the mailbox that the greedy ones ask for


class Measure:
    def __init__(self, options, directory):
        self.options = options
        self.server = Server(options.binary, os.path.join(directory, "server"), free_offset(options.offset))
        self.tls = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        self.tls.check_hostname, self.tls.verify_mode = False, ssl.CERT_NONE
        self.failed = 0
        self.at_rest = self.peak = 0

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

    def judge(self, good, text):
        self.failed += not good
        print(f"{'ok    ' if good else 'FAILED'} {text}", flush=True)

    def report(self, name, number, before, limit_kib):
        after = self.settled()
        self.peak = max(self.peak, after)
        each = (after - before) / number / KIB
        self.judge(after - before <= number * limit_kib * KIB + (FIRST_MIB << 20), f"{name:34} {number:5} connections  {before >> 20:4} -> {after >> 20:4} MiB"
                   f"  {each:8.1f} KiB each  (limit {limit_kib})")

    def let_in(self, started, crowd):
        """A crowd that is turned away takes nothing and shows nothing."""
        if len(started) < LET_IN * len(crowd):
            self.judge(False, f"only {len(started)} of {len(crowd)} were let in")

    def judge_whole(self):
        largest = max(self.options.busy * GREEDY_KIB, self.options.idle * IDLE_TLS_KIB)
        limit = (self.at_rest >> 20) + CACHE_MIB + KEPT * largest // KIB
        self.judge(self.peak >> 20 <= limit, f"{'the process at its peak':34} {self.peak >> 20} MiB  (limit {limit})")

    def judge_again(self):
        first = self.peak
        self.busy_smtp()
        self.busy_append()
        self.judge(self.peak - first <= AGAIN_MIB << 20,
                   f"{'busy once more':34} the peak rose by {(self.peak - first) >> 20} MiB  (limit {AGAIN_MIB})")

    def idle(self, name, protocol, greeting, limit_kib, steps=(), tls=None):
        """On a server just started: the heap that an earlier crowd left would hide what this one takes."""
        self.server.end()
        self.server.start()
        self.logged_in(1)[0].close()
        before = self.settled()
        crowd = self.members(self.options.idle, protocol, greeting, tls)
        for octets, answer in steps:
            if lost := ask(crowd, octets, answer):
                raise RuntimeError(f"{name}: {len(lost)} were closed, one after {lost[0].read!r}")
            if b"COMPRESS" in octets:
                for m in crowd:
                    m.compress()
        self.report(name, len(crowd), before, limit_kib)
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
        self.let_in(started, crowd)
        taken = pour(started, b"Subject: large\r\n\r\n" + b"octets of a large message\r\n" * (POURED // 27), 60)
        self.report(f"LMTP in DATA, {len(started)} let in, {taken >> 20} MiB", len(crowd), before, BUSY_KIB)
        self.leave(crowd)

    def busy_append(self):
        before = self.settled()
        crowd = self.logged_in(self.options.busy)
        refused = ask(crowd, b"a APPEND INBOX {%d}\r\n" % LARGE, b"\r\n")
        started = [m for m in crowd if m not in refused and m.read.startswith(b"+")]
        self.let_in(started, crowd)
        taken = pour(started, b"Subject: large\r\n\r\n" + b"octets of a large message\r\n" * (POURED // 27), 60)
        self.report(f"APPEND, {len(started)} let in, {taken >> 20} MiB", len(crowd), before, BUSY_KIB)
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
        for at in range(0, self.options.messages, 500):
            some = min(500, self.options.messages - at)
            pour(one, b"m APPEND INBOX" + (b" {%d+}\r\n%s" % (len(SMALL), SMALL)) * some + b"\r\n", 60)
            all_read(one, lambda m: b"m OK" in m.read)
            one[0].read = b""
        self.leave(one)

    def greedy(self, name, octets, opening=b"s SELECT INBOX\r\n", answer=b"s OK"):
        before = self.settled()
        crowd = self.logged_in(self.options.busy, window=4096)
        ask(crowd, opening, answer)
        pour(crowd, octets, 10)
        time.sleep(5)
        self.report(name, len(crowd), before, GREEDY_KIB)
        self.leave(crowd)

    def greedy_pop3(self):
        before = self.settled()
        crowd = self.members(1, "pop3", b"+OK", window=4096)
        ask(crowd, b"USER user@example.test\r\nPASS %s\r\n" % PASSWORD.encode(), b"messages")
        self.leave(crowd)
        crowd = self.members(self.options.busy, "pop3", b"+OK", window=4096)
        pour(crowd, b"CAPA\r\n" * 100_000, 10)
        self.report("POP3 CAPA, nothing read", len(crowd), before, GREEDY_KIB)
        self.leave(crowd)

    def greedy_smtp(self):
        before = self.settled()
        crowd = self.members(self.options.busy, "smtp", b"220 ", window=4096)
        pour(crowd, b"EHLO x.example.test\r\n" * 30_000, 10)
        self.report("SMTP EHLO, nothing read", len(crowd), before, GREEDY_KIB)
        self.leave(crowd)

    def run(self):
        login = b'l LOGIN user@example.test "%s"\r\n' % PASSWORD.encode()
        in_idle = [(login, b"l OK"), (b"s SELECT INBOX\r\n", b"s OK"), (b"i IDLE\r\n", b"+ ")]
        in_idle_compressed = [in_idle[0], (b"c COMPRESS DEFLATE\r\n", b"c OK"), *in_idle[1:]]
        steps = {
            "smtp silent": lambda: self.idle("SMTP, silent", "smtp", b"220 ", SILENT_KIB),
            "pop3 idle": lambda: self.idle("POP3, silent", "pop3", b"+OK", SILENT_KIB),
            "imap silent": lambda: self.idle("IMAP, not logged in", "imap", b"* OK", SILENT_KIB),
            "imap idle": lambda: self.idle("IMAP in IDLE", "imap", b"* OK", IDLE_KIB, in_idle),
            "imaps idle": lambda: self.idle("IMAP in IDLE, TLS", "imaps", b"* OK", IDLE_TLS_KIB, in_idle, self.tls),
            "imap compressed idle": lambda: self.idle("IMAP in IDLE, compressed", "imap", b"* OK", IDLE_KIB + IDLE_COMPRESSED_KIB, in_idle_compressed),
            "imaps compressed idle": lambda: self.idle("IMAP in IDLE, TLS, compressed", "imaps", b"* OK", IDLE_TLS_KIB + IDLE_COMPRESSED_KIB,
                                                       in_idle_compressed, self.tls),
            "smtp busy": self.busy_smtp,
            "append busy": self.busy_append,
            "fetch greedy": lambda: self.greedy("FETCH BODY[], nothing read", b"f FETCH 1:* BODY[]\r\n"),
            "fetch many greedy": lambda: self.greedy("50 FETCHes in a row, nothing read", b"f FETCH 1:* BODY[]\r\n" * 50),
            "noop greedy": lambda: self.greedy("NOOPs, nothing read", b"n NOOP\r\n" * 100_000),
            "pop3 greedy": self.greedy_pop3,
            "smtp greedy": self.greedy_smtp,
        }
        self.server.init()
        self.server.add_account("user", PASSWORD)
        self.server.start()
        self.fill()
        self.at_rest = self.settled()
        print(f"       {'at rest':34} {self.at_rest >> 20} MiB of the process's own memory")
        for name, step in steps.items():
            if all(word in name for word in self.options.only):
                step()
        self.judge_whole()
        if not self.options.only:
            self.judge_again()
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
    parser.add_argument("--messages", type=int, default=10000, help="in the mailbox that is selected")
    parser.add_argument("--only", nargs="*", default=[])
    parser.add_argument("--offset", type=int, default=23000)
    options = parser.parse_args()
    make_room(max(options.idle, options.busy))
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
