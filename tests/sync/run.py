#!/usr/bin/env python3
"""run.py BINARY [--seconds N] [--seed N] [--only WORD...] [--keep]: real clients change one account at once, and all copies are the same in the end.

Clients that keep a copy (mbsync, offlineimap3, Dovecot by imapc, Thunderbird) and clients that change what is on the server (Mail::IMAPClient, ImapFlow,
imapfilter, neomutt, sessions of our own) work for so many seconds at the same time. Then the keepers run once more each until nothing moves,
and every copy holds the same messages with the same flags; nothing that was added and that nobody deleted is missing.
Exit 0: identical; 1: not.
"""
import argparse
import collections
import os
import re
import shutil
import subprocess
import sys
import tempfile
import threading
import time
import traceback

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.dirname(HERE))
from harness.cases import PASSWORD, named  # noqa: E402
from harness.server import Failure, Server, free_offset  # noqa: E402
from interop.bench import Bench  # noqa: E402
from keepers import DovecotCopy, Mbsync, OfflineImap, OnServer  # noqa: E402
from movers import BOXES, ImapFilter, Ledger, Neomutt, Raw, Spoken  # noqa: E402
from thunderbird import Thunderbird  # noqa: E402

ROOT = os.path.dirname(os.path.dirname(HERE))
LAST_ROUNDS = 4  # in which the keepers have to come to rest
SHOWN = 5


def node_modules():
    """ImapFlow in the version that package-lock.json names, under build/peers/node: taken from npm when it is not there yet."""
    place = os.path.join(ROOT, "build", "peers", "node")
    with open(os.path.join(HERE, "package-lock.json"), "rb") as f:
        wanted = f.read()
    mark = os.path.join(place, ".done")
    if os.path.exists(mark) and open(mark, "rb").read() == wanted:
        return os.path.join(place, "node_modules")
    os.makedirs(place, exist_ok=True)
    for name in ("package.json", "package-lock.json"):
        shutil.copy(os.path.join(HERE, name), place)
    done = subprocess.run(["npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund"], cwd=place, capture_output=True, text=True, timeout=300)
    if done.returncode != 0:
        raise Failure(f"ImapFlow can't be had: {done.stdout}{done.stderr}")
    with open(mark, "wb") as f:
        f.write(wanted)
    return os.path.join(place, "node_modules")


def clients(bench, ledger, seed, only):
    """(those that keep a copy, those that change what is on the server)"""
    def made(*makers):
        return [make() for name, make in makers if named(name, only)]
    keepers = made(("mbsync", lambda: Mbsync(bench, ledger, seed)), ("offlineimap", lambda: OfflineImap(bench, ledger, seed)),
                   ("doveadm", lambda: DovecotCopy(bench, ledger)), ("thunderbird", lambda: Thunderbird(bench, ledger, seed)))
    movers = made(("raw1", lambda: Raw(bench, ledger, seed, "raw1")), ("raw2", lambda: Raw(bench, ledger, seed, "raw2")),
                  ("perl", lambda: Spoken(bench, ledger, seed, "perl", ["perl", os.path.join(HERE, "imapclient.pl")])),
                  ("node", lambda: Spoken(bench, ledger, seed, "node", ["node", os.path.join(HERE, "imapflow.js")], {"NODE_PATH": node_modules()})),
                  ("imapfilter", lambda: ImapFilter(bench, ledger, seed)), ("neomutt", lambda: Neomutt(bench, ledger, seed)))
    return keepers, movers


def work(everybody, seconds):
    """All at once until the time is over; what went wrong with whom."""
    ended, wrong = threading.Event(), []

    def one(client):
        try:
            client.run(ended)
        except Exception as failure:  # whatever it is, the test has failed
            wrong.append(f"{client.name}: {failure if isinstance(failure, Failure) else traceback.format_exc()}")
            ended.set()
    threads = [threading.Thread(target=one, args=(client,)) for client in everybody]
    for thread in threads:
        thread.start()
    ended.wait(seconds)
    ended.set()
    for thread in threads:
        thread.join()
    return wrong


def settle(keepers, server):
    """The keepers in turn until one round changes nothing on the server. What is marked \\Deleted goes first: Mail::IMAPClient moves by copies and leaves
    it so, mbsync expunges it, Thunderbird does not show it, the others keep it."""
    session = server.bench.imap()
    for box in BOXES:
        session.command(f"SELECT {box}")
        session.command("EXPUNGE")
    session.close()
    before = None
    for _ in range(LAST_ROUNDS):
        for keeper in keepers:
            keeper.bring(final=True)
        now = server.copy()
        if now == before:
            return
        before = now
    raise Failure(f"the copies did not come to rest in {LAST_ROUNDS} rounds")


def subject(message):
    octets, flags = message
    found = re.search(rb"(?mi)^Message-ID: *(\S+)", octets)
    return f"{found.group(1).decode() if found else octets[:60]!r} [{flags}]"


def compare(server, keepers, ledger):
    """What is not the same everywhere, and what is gone that nobody deleted."""
    wrong, wanted = [], server.copy()
    for keeper in keepers:
        found = keeper.copy()
        for box in BOXES:
            known = [(octets, "".join(flag for flag in flags if flag in keeper.flags)) for octets, flags in wanted[box]]
            here, there = collections.Counter(known), collections.Counter(found[box])
            for more, where in ((here - there, "only on the server"), (there - here, f"only with {keeper.name}")):
                if more:
                    wrong.append(f"{keeper.name}, {box}: {sum(more.values())} {where}: {', '.join(map(subject, list(more)[:SHOWN]))}")
    present = {re.search(rb"(?mi)^Message-ID: *(\S+)", octets).group(1).decode() for box in BOXES for octets, _ in wanted[box]}
    lost = ledger.added - ledger.deleted - present
    if lost:
        wrong.append(f"{len(lost)} that nobody deleted are gone: {', '.join(sorted(lost)[:SHOWN])}")
    return wrong, sum(map(len, wanted.values()))


def soak(options, directory):
    server = Server(options.binary, os.path.join(directory, "server"), free_offset(33000))
    server.init()
    keepers = []
    try:
        server.add_account("sync", PASSWORD)
        server.start()
        bench = Bench(server, os.path.join(directory, "clients"), "sync")
        os.chmod(bench.directory, 0o711)
        session = bench.imap()
        for box in BOXES[1:]:
            if not session.command(f"LIST \"\" {box}")[0]:
                session.command(f"CREATE {box}")
        session.close()
        ledger = Ledger()
        keepers, movers = clients(bench, ledger, options.seed, options.only)
        for keeper in keepers:
            keeper.bring(final=True)
        wrong = work(keepers + movers, options.seconds)
        print("rounds: " + ", ".join(f"{name} {count}" for name, count in sorted(ledger.rounds.items())), flush=True)
        if not wrong:
            settle(keepers, OnServer(bench))
            wrong, count = compare(OnServer(bench), keepers, ledger)
            print(f"{len(ledger.added)} added, {len(ledger.deleted)} deleted, {count} messages in {len(BOXES)} mailboxes in the end", flush=True)
        if server.process.poll() is not None:
            wrong.append(f"the server ended by itself with {server.process.returncode}")
        elif status := server.end():
            wrong.append(f"the server ended with {status} after SIGTERM")
        return wrong
    finally:
        for keeper in keepers:
            keeper.close()
        server.end()


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("binary")
    parser.add_argument("--seconds", type=float, default=20)
    parser.add_argument("--seed", type=int, default=int(time.time()))
    parser.add_argument("--only", nargs="*", default=(), help="clients whose names contain one of the words")
    parser.add_argument("--keep", action="store_true", help="keep the directory")
    options = parser.parse_args()
    directory = tempfile.mkdtemp(prefix="angarium-sync-")
    os.chmod(directory, 0o711)
    print(f"seed {options.seed}, {options.seconds:.0f} s", flush=True)
    try:
        wrong = soak(options, directory)
    except Failure as failure:
        wrong = [str(failure)]
    for one in wrong:
        print(f"FAILED {one}")
    if wrong or options.keep:
        print(f"Kept: {directory}")
    else:
        shutil.rmtree(directory)
    print("identical" if not wrong else "not identical")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
