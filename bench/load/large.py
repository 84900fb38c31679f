#!/usr/bin/env python3
"""large.py BINARY [--messages N] [--runs N] [--directory DIR]: one mailbox of a million messages is filled, opened, synchronised and searched.

One line each: what, median (lowest-highest) milliseconds, octets of the answer, the server's CPU time; at last its memory and the size of the store.
Each run begins with a fresh start of the server. The store is kept under --directory, if that is given, and used again.
"""
import argparse
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__)))), "tests"))
from harness.cases import PASSWORD  # noqa: E402
from harness.server import Server, free_offset  # noqa: E402
from session import Session, own_memory, processor_seconds  # noqa: E402

AT_ONCE = 1000  # messages of one APPEND
WORDS = "invoice agenda budget quarter release deadline contract offer shipping meeting".split()


def letter(number):
    return (f"Message-ID: <{number}@load.example>\r\nFrom: Sender {number % 5000} <s{number % 5000}@peer.example>\r\nTo: user@example.test\r\n"
            f"Subject: {WORDS[number % 10]} number {number}\r\nDate: {1 + number % 28} Nov 2026 12:{number % 60:02}:00 +0000\r\n\r\n"
            f"The {WORDS[number // 10 % 10]} of {number} is here.\r\n").encode()


def median(figures):
    return f"{statistics.median(figures):12.2f} ({min(figures):.2f}-{max(figures):.2f})"


class Measure:
    def __init__(self, server, count):
        self.server, self.count = server, count
        self.taken = {}  # what: [(ms, octets, CPU s)]

    def session(self):
        return Session(self.server.port("imap"), f"user@{self.server.domain}", PASSWORD)

    def fill(self):
        one = self.session()
        began, cpu = time.monotonic(), processor_seconds(self.server.process.pid)
        for at in range(0, self.count, AT_ONCE):
            one.append([letter(number) for number in range(at, min(self.count, at + AT_ONCE))])
            if sys.stderr.isatty():
                print(f"\rfilled: {at + AT_ONCE:,} of {self.count:,}", end="", file=sys.stderr, flush=True)
        one.close()
        seconds = time.monotonic() - began
        print(f"\rfilled with {self.count:,} messages in {seconds:.1f} s: {self.count / seconds:,.0f} a second, "
              f"{processor_seconds(self.server.process.pid) - cpu:.1f} s of CPU", flush=True)

    def take(self, session, what, command):
        pid = self.server.process.pid
        before = processor_seconds(pid)
        ms, _ = session.timed(command)
        self.taken.setdefault(what, []).append((ms, session.octets, processor_seconds(pid) - before))

    def run(self):
        self.server.end()
        began = time.monotonic()
        self.server.start()
        self.taken.setdefault("start until ready", []).append(((time.monotonic() - began) * 1000, 0, 0))
        one, half = self.session(), self.count // 2
        self.take(one, "SELECT, the first", "SELECT INBOX")
        self.take(one, "SELECT again", "SELECT INBOX")
        self.take(one, "STATUS (MESSAGES UNSEEN SIZE)", "STATUS INBOX (MESSAGES UNSEEN SIZE)")
        self.take(one, "UID FETCH 1:* (FLAGS)", "UID FETCH 1:* (FLAGS)")
        self.take(one, "UID FETCH 1:* (FLAGS RFC822.SIZE ENVELOPE)", "UID FETCH 1:* (FLAGS RFC822.SIZE ENVELOPE)")
        self.take(one, "FETCH of the last 50 envelopes", f"FETCH {self.count - 49}:* (UID FLAGS ENVELOPE)")
        modseq = one.command("STATUS INBOX (HIGHESTMODSEQ)", keep=True).split(b"HIGHESTMODSEQ ")[-1].split(b")")[0].decode()
        for at in range(10):
            one.command(f"STORE {half + at * 7} FLAGS (\\Flagged)")
        self.take(one, "UID FETCH 1:* (FLAGS) (CHANGEDSINCE), 10 changed", f"UID FETCH 1:* (FLAGS) (CHANGEDSINCE {modseq})")
        self.take(one, "SEARCH UNSEEN", "SEARCH UNSEEN")
        self.take(one, "SEARCH FLAGGED", "SEARCH FLAGGED")
        self.take(one, "SEARCH RETURN (COUNT) SINCE", "SEARCH RETURN (COUNT) SINCE 1-Nov-2026")
        self.take(one, "SEARCH FROM, 200 found", "SEARCH FROM s4711@peer")
        self.take(one, "SEARCH SUBJECT, one found", f'SEARCH SUBJECT "number {half}1"' if half * 10 + 1 < self.count else f'SEARCH SUBJECT "number {half}"')
        self.take(one, "SEARCH TEXT, none found", 'SEARCH TEXT "nobody wrote this"')
        self.take(one, "SEARCH RETURN (COUNT) BODY, a tenth found", "SEARCH RETURN (COUNT) BODY invoice")
        self.take(one, "SORT (REVERSE ARRIVAL) of all", "UID SORT RETURN (PARTIAL 1:100) (REVERSE ARRIVAL) UTF-8 ALL")
        self.take(one, "SORT (SUBJECT), the first 100", "UID SORT RETURN (PARTIAL 1:100) (SUBJECT) UTF-8 ALL")
        self.take(one, "STORE 1:* +FLAGS.SILENT", "STORE 1:* +FLAGS.SILENT (\\Answered)")
        self.take(one, "STORE 1:* -FLAGS.SILENT", "STORE 1:* -FLAGS.SILENT (\\Answered)")
        one.close()


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("binary")
    parser.add_argument("--messages", type=int, default=1_000_000)
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--directory")
    options = parser.parse_args()
    directory = options.directory or tempfile.mkdtemp(prefix="large")
    server = Server(options.binary, os.path.join(directory, "server"), free_offset(24000))
    try:
        measure = Measure(server, options.messages)
        if os.path.isdir(server.directory):
            server.configure([("", "port_offset", str(server.offset))])
            server.start()
        else:
            os.makedirs(directory, exist_ok=True)
            server.init()
            server.add_account("user", PASSWORD)
            server.start()
            measure.fill()
        for _ in range(options.runs):
            measure.run()
        for what, figures in measure.taken.items():
            print(f"{what:52} {median([ms for ms, _, _ in figures])} ms  {statistics.median([octets for _, octets, _ in figures]):14,.0f} octets  "
                  f"{statistics.median([cpu for _, _, cpu in figures]):6.2f} s of CPU")
        print(f"{'memory of the process at the end':52} {own_memory(server.process.pid):12.1f} MiB")
        size = subprocess.run(["du", "-sm", os.path.join(server.directory)], capture_output=True, text=True, check=True).stdout.split()[0]
        print(f"{'the store on the disk':52} {size:>12} MiB")
    finally:
        server.end()
        if not options.directory:
            shutil.rmtree(directory, ignore_errors=True)


if __name__ == "__main__":
    main()
