#!/usr/bin/env python3
"""run.py BINARY [--seeds N] [--from SEED] [--steps N] [--verbose] [--all]: the same random commands to Debian's Dovecot and to the built program.

Each seed is a script of its own, said by three sessions at once to an account that is empty at first. Answers are compared in a form without
what may differ (answers.py); what differs nevertheless must have an explanation with its RFC's line (differences.py).
Exit 0: no unexplained difference; 1: some, each told with the seed that shows it again.
"""
import argparse
import collections
import os
import shutil
import sys
import tempfile
import time

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
from harness.dovecot import Dovecot, unpack_dovecot  # noqa: E402
from harness.server import Failure, Server, free_offset  # noqa: E402
from ours import Ours  # noqa: E402
from world import World  # noqa: E402


def first_difference(one, other, path=""):
    """Where two trees part."""
    if isinstance(one, list) and isinstance(other, list) and len(one) == len(other):
        return next((first_difference(a, b, f"{path}/{at}") for at, (a, b) in enumerate(zip(one, other)) if a != b), "")
    return f"{path}: {one!r} and {other!r}"


def told(seed, found):
    number, step, path, one, other, answers, message = found
    text = f"seed {seed}, step {number}: {str(step)[:3000]}\n    differs in {path}:\n      ours    {one!r}\n      Dovecot {other!r}\n      at {first_difference(one, other)}"
    if message and path[0] != "fetch":
        text += "\n" + message.decode("utf-8", "replace")
    if path[0] != "fetch":
        for name, answer in zip(("ours", "Dovecot"), answers):
            text += f"\n    {name}: {answer.tagged!r} after " + " | ".join(repr(text)[:200] for text, _ in answer.untagged[:12])
    else:
        text += f"\n    message: {message[:3000]!r}"
    return text


def run_seed(seed, server, directory, root, options, counts):
    place = os.path.join(directory, f"s{seed}")
    os.makedirs(place)
    os.chmod(place, 0o711)
    world = World(seed, Ours(server, f"s{seed}"), Dovecot(root, os.path.join(place, "dovecot")), counts, options.verbose, options.all)
    try:
        world.run(options.steps)
        return [told(seed, found) for found in world.unexplained[:options.shown]]
    except Failure as failure:
        with open(os.path.join(place, "dovecot", "log"), errors="replace") as f:
            return [f"seed {seed}: {failure}\n{server.log_tail(1000)}\nDovecot: {f.read()[-1000:]}"]
    finally:
        world.close()


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("binary")
    parser.add_argument("--seeds", type=int, default=20)
    parser.add_argument("--from", type=int, default=1, dest="first")
    parser.add_argument("--steps", type=int, default=120)
    parser.add_argument("--shown", type=int, default=3, help="how many differences of a seed are shown")
    parser.add_argument("--all", action="store_true", help="a seed goes on behind a difference that changes nothing for what comes")
    parser.add_argument("--verbose", action="store_true")
    options = parser.parse_args()
    root = unpack_dovecot()
    directory = tempfile.mkdtemp(prefix="angarium-differential-")
    os.chmod(directory, 0o711)
    server = Server(options.binary, os.path.join(directory, "server"), free_offset(31000))
    counts, wrong, began = collections.Counter(), [], time.monotonic()
    try:
        server.init()
        server.start()
        for seed in range(options.first, options.first + options.seeds):
            found = run_seed(seed, server, directory, root, options, counts)
            if found:
                wrong.append(seed)
                print("FAILED " + "\n       ".join(found), flush=True)
    finally:
        server.end()
        shutil.rmtree(directory)
    for rule, count in counts.most_common():
        print(f"explained {count:5} times: {rule}")
    print(f"{options.seeds} seeds of {options.steps} steps in {time.monotonic() - began:.0f} s; {options.seeds - len(wrong)} passed, {len(wrong)} failed {wrong}")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
