#!/usr/bin/env python3
"""storm.py BINARY [--seconds S] [--messages N] [--only WORD...]: what clients that behave badly cost the others.

A mailbox of one account is stormed by many sessions; meanwhile a session of another account looks every 10 ms (NOOP, then an envelope), and letters
are delivered to it. One line for each storm: latency of the look (median, p99, worst), of the delivery, the server's CPU time a second, its own
memory before and at the highest, and what the storm itself got done a second. The first line is without a storm.

  fetch     200 sessions ask for all bodies and read nothing
  text      20 sessions search the text of all messages for what is nowhere, again and again
  body      20 sessions search for octets that the index cannot exclude (RETURN COUNT), again and again
  sort      20 sessions sort and thread all messages, again and again
  guess     20 connections log in with wrong passwords, again and again
  busy      100 sessions on one mailbox: each sets a flag and asks for the news, again and again
"""
import argparse
import multiprocessing
import os
import random
import shutil
import statistics
import sys
import tempfile
import threading
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__)))), "tests"))
from harness.cases import PASSWORD  # noqa: E402
from harness.server import Server, free_offset  # noqa: E402
from harness.wire import Smtp  # noqa: E402
from session import Session, own_memory, processor_seconds  # noqa: E402

LETTER = b"From: a@peer.example\r\nSubject: a look\r\n\r\n" + b"a line of the letter's text, of ordinary length\r\n" * 40
EVERY = 0.01


def quantiles(figures):
    figures = sorted(figures) or [0.0]
    return statistics.median(figures), figures[min(len(figures) - 1, int(len(figures) * 0.99))], figures[-1]


def look(port, lmtp, domain, seconds, results):
    """Latencies in ms: of NOOP and an envelope, and of a delivery; in a process of its own."""
    os.nice(-5)  # the client is not to be what waits
    one = Session(port, f"calm@{domain}", PASSWORD)
    one.command("SELECT INBOX")
    sender = Smtp(lmtp, hello="LHLO")
    looks, deliveries, end = [], [], time.monotonic() + seconds
    while time.monotonic() < end:
        ms, _ = one.timed("NOOP")
        envelope, _ = one.timed("FETCH 1 (FLAGS ENVELOPE)")
        looks += [ms, envelope]
        if len(looks) % 20 == 0:
            began = time.perf_counter()
            sender.command("MAIL FROM:<a@peer.example>", 250)
            sender.command(f"RCPT TO:<calm@{domain}>", 250)
            sender.command("DATA", 354)
            sender.send(LETTER + b".\r\n")
            sender.reply(250)
            deliveries.append((time.perf_counter() - began) * 1000)
        time.sleep(EVERY)
    results.put((looks, deliveries))


def again_and_again(port, user, commands, begin, end, done):
    """A process with one session of a storm."""
    random.seed(user)
    try:
        one = Session(port, user, PASSWORD)
        one.command("SELECT INBOX")
        begin.wait()
        count = 0
        while not end.is_set():
            for command in commands:
                one.command(command.replace("?", str(random.randrange(1, 1000))))
            count += 1
        done.put(count)
    except (OSError, RuntimeError) as why:
        done.put(str(why))


def guess(port, user, begin, end, done):
    begin.wait()
    count = 0
    while not end.is_set():
        try:
            Session(port, user, f"wrong {count}", timeout=30).close()
        except (OSError, RuntimeError):
            pass
        count += 1
    done.put(count)


class Storm:
    def __init__(self, server, seconds):
        self.server, self.seconds = server, seconds
        self.user = f"stormed@{server.domain}"

    def measure(self, name, done_before=lambda: 0):
        """Looks while whatever has been begun goes on."""
        pid = self.server.process.pid
        results = multiprocessing.Queue()
        looker = multiprocessing.Process(target=look, args=(self.server.port("imap"), self.server.port("lmtp"), self.server.domain, self.seconds, results))
        peak, running = [own_memory(pid)], True

        def sample():
            while running:
                peak.append(own_memory(pid))
                time.sleep(0.1)
        sampler = threading.Thread(target=sample)
        sampler.start()
        cpu = processor_seconds(pid)
        looker.start()
        looks, deliveries = results.get(timeout=self.seconds + 300)
        looker.join()
        running = False
        sampler.join()
        cpu = (processor_seconds(pid) - cpu) / self.seconds
        a, b = quantiles(looks), quantiles(deliveries)
        done = done_before()
        print(f"{name:8} look {a[0]:8.2f} {a[1]:8.2f} {a[2]:8.2f} ms ({len(looks)})   delivery {b[0]:8.2f} {b[1]:8.2f} {b[2]:8.2f} ms ({len(deliveries)})   "
              f"CPU {cpu:4.2f} s/s   {peak[0]:7.1f} -> {max(peak):7.1f} MiB   storm {done}", flush=True)

    def calm(self):
        self.measure("calm")

    def fetch(self):
        crowd = []
        for _ in range(200):
            one = Session(self.server.port("imap"), self.user, PASSWORD, window=4096)
            one.command("SELECT INBOX")
            one.begin("FETCH 1:* BODY.PEEK[]")
            crowd.append(one)
        self.measure("fetch")
        for one in crowd:
            one.close()

    def processes(self, name, number, work, *more):
        begin, end, done = multiprocessing.Event(), multiprocessing.Event(), multiprocessing.Queue()
        crowd = [multiprocessing.Process(target=work, args=(self.server.port("imap"), self.user, *more, begin, end, done)) for _ in range(number)]
        for one in crowd:
            one.start()
        time.sleep(3)
        begin.set()
        began = time.monotonic()

        def finish():
            end.set()
            said = [done.get(timeout=300) for _ in crowd]
            for one in crowd:
                one.join()
            wrong = {one for one in said if isinstance(one, str)}
            rounds = sum(one for one in said if not isinstance(one, str))
            return f"{rounds / (time.monotonic() - began):.1f} rounds/s" + (f", {len(wrong)} kinds of failure: {sorted(wrong)[0]}" if wrong else "")
        self.measure(name, finish)

    def text(self):
        self.processes("text", 20, again_and_again, ['SEARCH RETURN (COUNT) TEXT "nobody wrote this"'])

    def body(self):
        self.processes("body", 20, again_and_again, ['SEARCH RETURN (COUNT) BODY "e l"'])

    def sort(self):
        self.processes("sort", 20, again_and_again, ["UID SORT RETURN (COUNT) (SUBJECT DATE) UTF-8 ALL", "UID THREAD REFERENCES UTF-8 ALL"])

    def guess(self):
        self.processes("guess", 20, guess)

    def busy(self):
        self.processes("busy", 100, again_and_again, ["STORE ? +FLAGS.SILENT (\\Flagged)", "NOOP", "STORE ? -FLAGS.SILENT (\\Flagged)"])


STORMS = ("calm", "fetch", "text", "body", "sort", "guess", "busy")


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("binary")
    parser.add_argument("--seconds", type=int, default=10)
    parser.add_argument("--messages", type=int, default=10000)
    parser.add_argument("--only", nargs="*", choices=STORMS, default=STORMS)
    options = parser.parse_args()
    directory = tempfile.mkdtemp(prefix="storm")
    server = Server(options.binary, os.path.join(directory, "server"), free_offset(25000))
    try:
        server.init([("limits", "connections_max", "2000")])
        for name in ("calm", "stormed"):
            server.add_account(name, PASSWORD)
        server.start()
        for name, count in (("stormed", options.messages), ("calm", 10)):
            one = Session(server.port("imap"), f"{name}@{server.domain}", PASSWORD)
            for at in range(0, count, 500):
                one.append([LETTER.replace(b"a look", b"letter %d" % number) for number in range(at, min(count, at + 500))])
            one.close()
        storm = Storm(server, options.seconds)
        for name in options.only:
            getattr(storm, name)()
    finally:
        server.end()
        shutil.rmtree(directory, ignore_errors=True)


if __name__ == "__main__":
    main()
