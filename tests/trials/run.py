#!/usr/bin/env python3
"""run.py BINARY [WORD...]: the whole server in bad company: a disk that fails, no descriptors left, clients that are slow or say nothing,
settings that change.

WORDs choose the cases whose names contain one of them. Exit 0: none failed; 1: some did.
"""
import os
import sys

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
from trials import descriptors, disk, drain, poison, reload, slow  # noqa: E402, F401
from trials.case import SUITE  # noqa: E402

if __name__ == "__main__":
    sys.exit(SUITE.main(__doc__))
