#!/usr/bin/env python3
"""run.py BINARY [WORD...]: the whole server in bad company: a disk that fails, no descriptors left, clients that are slow or say nothing,
settings that change.

WORDs choose the cases whose names contain one of them. Exit 0: none failed; 1: some did.
"""
import os
import shutil
import sys
import tempfile
import time
import traceback

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
from harness.server import Failure  # noqa: E402
from trials import descriptors, disk, drain, reload, slow  # noqa: E402, F401
from trials.case import CASES  # noqa: E402


def run_case(binary, name, function):
    directory, began = tempfile.mkdtemp(prefix="angarium-trial-"), time.monotonic()
    try:
        function(binary, directory)
    except Exception as error:
        print(f"FAILED {name}\n{error if isinstance(error, Failure) else traceback.format_exc()}", flush=True)
        return False
    finally:
        shutil.rmtree(directory, ignore_errors=True)
    print(f"ok     {name} ({time.monotonic() - began:.0f} s)", flush=True)
    return True


def main():
    if len(sys.argv) < 2:
        print(__doc__, file=sys.stderr)
        return 2
    words = sys.argv[2:]
    chosen = [c for c in CASES if not words or any(word in c[0] for word in words)]
    failed = [c for c in chosen if not run_case(os.path.abspath(sys.argv[1]), *c)]
    print(f"{len(chosen) - len(failed)} passed, {len(failed)} failed")
    return 1 if failed or not chosen else 0


if __name__ == "__main__":
    sys.exit(main())
