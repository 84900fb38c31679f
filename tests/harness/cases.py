"""Cases that each get a directory and make a server in it: how they are listed, what they begin with, and what runs them."""
import contextlib
import os
import shutil
import signal
import sys
import tempfile
import time
import traceback

from harness.server import Failure, Server, free_offset
from harness.wire import Gone, Refused

PASSWORD = "korrekt.Pferd~9"
OFFSET = 22000  # where the search for free ports begins


def expect(holds, what):
    if not holds:
        raise Failure(what)


def made(binary, directory, accounts=("alice",), settings=()):
    """A server that is not started, with these accounts."""
    server = Server(binary, os.path.join(directory, "server"), free_offset(OFFSET))
    server.init(settings)
    for account in accounts:
        server.add_account(account, PASSWORD)
    return server


@contextlib.contextmanager
def ending(server):
    """Ends the server after the block, whatever happened. A session that was refused or cut off there is told with the server's log."""
    try:
        yield server
    except (Gone, Refused) as error:
        error.add_note(f"The server's log:\n{server.log_tail()}")
        raise
    finally:
        server.end(signal.SIGKILL)


@contextlib.contextmanager
def serving(server, **how):
    """`ending`, with the server started as `how` says."""
    with ending(server):
        server.start(**how)
        yield server


def named(name, words):
    """Whether the name contains one of the words; without words, every one does."""
    return not words or any(word.lower() in name.lower() for word in words)


class Impossible(Exception):
    """This host does not let a case run, as where it may mount nothing. That is told; it is no failure, and counts as false."""

    def __bool__(self):
        return False


def outcome(wrong):
    """The word for what attempt() told."""
    return "skip  " if isinstance(wrong, Impossible) else "FAILED" if wrong else "ok    "


def attempt(function, *arguments):
    """Calls it: what went wrong, or Impossible, or None, and the seconds it took."""
    began = time.monotonic()
    wrong = None
    try:
        function(*arguments)
    except Failure as failure:
        wrong = str(failure) or repr(failure)
    except Impossible as why:
        wrong = why
    except Exception:
        wrong = traceback.format_exc()
    return wrong, time.monotonic() - began


class Suite:
    """The cases of one run.py in their order. `mode` is that of the directory each gets: 0o755 where another user has to pass."""

    def __init__(self, name, mode=0o700):
        self.name, self.mode, self.cases = name, mode, []

    def case(self, name, root=False):
        """Registers function(binary, directory). One that takes root is skipped, with a message, for others."""
        def add(function):
            self.cases.append((name, root, function))
            return function
        return add

    def run(self, binary, words=()):
        """Runs the cases that the words choose, one after the other; the exit status: 0 when there were some and none failed."""
        chosen = [case for case in self.cases if named(case[0], words)]
        skipped = failed = 0
        for name, root, function in chosen:
            if root and os.geteuid() != 0:
                skipped += 1
                print(f"skip   {name}: takes root", flush=True)
                continue
            wrong, seconds = self.run_case(function, os.path.abspath(binary))
            failed += bool(wrong)
            print(f"{outcome(wrong)} {seconds:5.1f} s  {name}" + (f"\n{wrong}" if wrong is not None else ""), flush=True)
        print(f"{len(chosen) - failed - skipped} passed, {f'{skipped} skipped, ' if skipped else ''}{failed} failed")
        return 1 if failed or not chosen else 0

    def run_case(self, function, binary):
        directory = tempfile.mkdtemp(prefix=f"angarium-{self.name}-")
        os.chmod(directory, self.mode)
        try:
            return attempt(function, binary, directory)
        finally:
            shutil.rmtree(directory, ignore_errors=True)

    def main(self, description):
        """BINARY [WORD...] from the command line."""
        if len(sys.argv) < 2:
            print(description, file=sys.stderr)
            return 2
        return self.run(sys.argv[1], sys.argv[2:])
