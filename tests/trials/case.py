"""What every trial uses: its place in the list, and words to wait for."""
import os
import time

from harness.cases import Suite
from harness.server import Failure

SUITE = Suite("trial")
case = SUITE.case
PATIENCE = 30  # seconds for what must happen: a busy machine stays far below


def log_size(server):
    return os.path.getsize(server.log_path) if os.path.exists(server.log_path) else 0


def logged(server, text, after):
    with open(server.log_path, "rb") as f:
        f.seek(after)
        return f.read().count(text)


def until(what, holds, seconds=PATIENCE):
    """Looks until it holds; fails with `what` after so many seconds."""
    end = time.monotonic() + seconds
    while not (result := holds()):
        if time.monotonic() > end:
            raise Failure(f"not within {seconds} s: {what}")
        time.sleep(0.02)
    return result


def processor_seconds(process):
    """What the process has used, of all its threads."""
    with open(f"/proc/{process.pid}/stat", encoding="ascii") as f:
        fields = f.read().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def resident(process):
    """Octets of memory of the process's own (VmRSS without files)."""
    with open(f"/proc/{process.pid}/status", encoding="ascii") as f:
        return next(int(line.split()[1]) << 10 for line in f if line.startswith("RssAnon:"))
