#!/usr/bin/env python3
"""run.py BINARY [WORD...] [--keep] | --possible: a small Internet: three hosts of ours, Postfix, Exim, OpenSMTPD and a name server exchange mail.

WORDs choose the cases whose names contain one of them. Takes root (network and mount namespaces). --keep lets you look around when all is
over; --possible only says whether this machine can. Exit 0: none failed; 1: some did, or it is not possible here, and why.
"""
import os
import sys
import tempfile

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
from harness.cases import attempt, named  # noqa: E402
from network import hosts  # noqa: E402
from network import cases, unix_host  # noqa: E402, F401
from network.world import CASES, World  # noqa: E402


def main():
    arguments = [a for a in sys.argv[1:] if a != "--keep"]
    if not arguments:
        print(__doc__, file=sys.stderr)
        return 2
    if hosts.INSIDE not in os.environ and (reason := hosts.possible()):
        print(reason)
        return 1
    if arguments == ["--possible"]:
        return 0
    if hosts.INSIDE not in os.environ:
        hosts.unpack()
        hosts.enter()
    chosen = [(name, function) for name, function in CASES if named(name, arguments[1:])]
    directory = tempfile.mkdtemp(prefix="angarium-network-")
    failed = 0
    world = World(os.path.abspath(arguments[0]), directory, unix_host.UnixHost)
    try:
        for name, function in [("the hosts start", World.start), *chosen]:
            wrong, seconds = attempt(function, world)
            print(f"{'FAILED' if wrong else 'ok    '} {seconds:5.1f} s  {name}{chr(10) + wrong if wrong else ''}", flush=True)
            failed += bool(wrong)
            if wrong and function is World.start:
                break
        if "--keep" in sys.argv:
            print(f"Look around: nsenter --target {os.getpid()} --net --mount; the hosts lie in {directory}; an empty line ends it")
            input()
    finally:
        world.end()
        os.rmdir(directory)
    print(f"{len(chosen) - failed} passed, {failed} failed")
    return 1 if failed or not chosen else 0


if __name__ == "__main__":
    sys.exit(main())
