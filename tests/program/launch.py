#!/usr/bin/env python3
"""launch.py DESCRIPTOR,... COMMAND...: runs the command as a service manager does that listens for it (sd_listen_fds(3))."""
import fcntl
import os
import sys

FIRST = 3   # SD_LISTEN_FDS_START
ABOVE = 50  # out of the way of what is passed

passed = [fcntl.fcntl(int(text), fcntl.F_DUPFD, ABOVE) for text in sys.argv[1].split(",")]
for place, descriptor in enumerate(passed):
    os.dup2(descriptor, FIRST + place, inheritable=True)
    os.close(descriptor)
for text in sys.argv[1].split(","):
    if int(text) >= FIRST + len(passed):
        os.close(int(text))
os.environ["LISTEN_PID"], os.environ["LISTEN_FDS"] = str(os.getpid()), str(len(passed))
os.execv(sys.argv[2], sys.argv[2:])
