#!/usr/bin/env python3
"""run.py BINARY [WORD...] [--keep] [--jobs N]: real mail programs from Debian against the built program.

Each case is one client in one mode (plain, STARTTLS, implicit TLS) with an account of its own; what it sent, fetched, flagged and deleted is
compared octet by octet. WORDs choose the cases whose names contain one of them. A client that can't be had is a failure.
Exit 0: all passed; 1: not.
"""
import argparse
import concurrent.futures
import os
import shutil
import sys
import tempfile
import time

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
from harness.cases import PASSWORD, attempt, named, outcome  # noqa: E402
from harness.server import Failure, Server, free_offset  # noqa: E402
from interop import beside, boxes, directories, fetching, hosted, keywords, layers, located, logins, mailing, mechanisms, moving, mutt, peers, readers, relay, senders, sharing, tickets, tokens, urls  # noqa: E402, F401
from interop.bench import CASES, Bench  # noqa: E402

SHOWN_LINES = 40  # of what a failed case says


def run_case(server, directory, number, name, function, mode):
    """One case; what went wrong with it, or None, and how long it took."""
    return name, *attempt(lambda: function(Bench(server, os.path.join(directory, f"c{number}"), f"c{number}"), mode))


def run_all(server, directory, chosen, jobs):
    for account in ["other", "another", *(f"c{number}" for number, _ in chosen)]:
        server.add_account(account, PASSWORD)
    server.start()
    if any(function.__module__ == "interop.peers" for _, (_, function, _) in chosen):
        peers.unpack()
    failed = 0
    with concurrent.futures.ThreadPoolExecutor(jobs) as pool:
        for done in concurrent.futures.as_completed([pool.submit(run_case, server, directory, n, *case) for n, case in chosen]):
            name, wrong, seconds = done.result()
            print(f"{outcome(wrong)} {seconds:5.1f} s  {name}", flush=True)
            failed += bool(wrong)
            if wrong is not None:
                print("    " + "\n    ".join(str(wrong).strip().splitlines()[:SHOWN_LINES]), flush=True)
    if server.process.poll() is not None:
        failed += 1
        print(f"FAILED the server ended by itself with {server.process.returncode}")
    elif status := server.end():
        failed += 1
        print(f"FAILED the server ended with {status} after SIGTERM")
    return failed


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("binary")
    parser.add_argument("words", nargs="*", metavar="WORD")
    parser.add_argument("--jobs", type=int, default=4)
    parser.add_argument("--keep", action="store_true", help="keep the directory")
    options = parser.parse_args()
    chosen = [(n, case) for n, case in enumerate(CASES, 1) if named(case[0], options.words)]
    directory = tempfile.mkdtemp(prefix="angarium-interop-")
    os.chmod(directory, 0o711)  # Postfix's own user has to pass
    server = Server(options.binary, os.path.join(directory, "server"), free_offset(24000))
    start = time.monotonic()
    try:
        server.init()
        failed = run_all(server, directory, chosen, options.jobs)
    except Failure as failure:
        print(f"FAILED: {failure}")
        failed = 1
    finally:
        if server.process is not None:
            server.end()
    print(f"{time.monotonic() - start:.0f} s")
    print(f"{max(0, len(chosen) - failed)} passed, {failed} failed")
    if failed or options.keep:
        print(f"Kept: {directory}")
    else:
        shutil.rmtree(directory)
    return 1 if failed or not chosen else 0


if __name__ == "__main__":
    sys.exit(main())
