"""Mailbox files are imported while others write to them: our deliveries and Python's mailbox module, mutt or Dovecot, with their locks."""
import itertools
import mailbox
import os
import threading
import time

from harness.cases import expect
from interop.bench import case, lines_lf
from interop.boxes import at_once, deliver, dovecot, expect_same, imported, python_mbox, unquoted
from interop.mutt import STATE, Mutt

IMPORTS = 8  # that took something while the others were writing
PAUSE_SECONDS = 0.1  # of the module, which waits for no lock and so leaves none to those who wait
SECONDS = 90  # for so many; they take five on a quiet machine
LARGE = b"Zm9vYmFyYmF6cXV1eA==\r\n" * 10000  # many writes of whoever writes it


def beside(bench, path, target, writers, as_user=()):
    """Each of the writers, {name: append(letter)}, and a process of ours write until IMPORTS imports have taken something."""
    written, counts, enough = [], [], threading.Event()
    give_up = time.monotonic() + SECONDS
    written += deliver(bench, target, "first", as_user=as_user)

    def write(name, append):
        for number in itertools.count():
            if enough.is_set():
                return
            letter = lines_lf(bench.letter(f"{name}{number}", LARGE if number % 4 == 3 else b""))
            append(letter)
            written.append(letter)

    def ours():
        for number in itertools.count():
            if enough.is_set():
                return
            written.extend(deliver(bench, target, f"ours{number}", as_user=as_user))

    def bring():
        try:
            while sum(count > 0 for count in counts) < IMPORTS:
                expect(time.monotonic() < give_up, f"in {SECONDS} s the imports took {counts}")
                counts.append(imported(bench, path))
        finally:
            enough.set()

    at_once(bring, ours, *(lambda name=name, append=append: write(name, append) for name, append in writers.items()))
    counts.append(imported(bench, path))
    expect(imported(bench, path) == 0, f"an import behind the last one took something again, after {counts}")
    name = os.path.basename(path) if os.path.isfile(path) else "INBOX"
    expect_same([STATE.sub(b"", unquoted(octets)) for _, octets in bench.stored(name)], [unquoted(letter) for letter in written],
                f"what {counts} imports brought")
    expect(sum(counts) == len(written), f"the imports say that they brought {counts} of {len(written)}")


def append_by_python(path):
    def append(letter):
        with python_mbox(path) as box:
            box.add(letter)
        time.sleep(PAUSE_SECONDS)
    return append


@case("import of an mbox while Python's mailbox module and our deliveries append to it", modes=("",))
def beside_python_mbox(bench, _):
    path = os.path.join(bench.directory, "box")
    beside(bench, path, f"mbox:{path}", {"python": append_by_python(path)})


@case("import of a Maildir while Python's mailbox module and our deliveries add to it", modes=("",))
def beside_python_maildir(bench, _):
    path = os.path.join(bench.directory, "Maildir")
    beside(bench, path, f"maildir:{path}/", {name: mailbox.Maildir(path).add for name in ("left", "right")})


@case("import of an mbox while mutt saves into it and our deliveries append to it", modes=("",))
def beside_mutt_mbox(bench, _):
    path = os.path.join(bench.directory, "box")
    beside(bench, path, f"mbox:{path}", {"mutt": Mutt(bench, "mbox").saver(path)})


@case("import of a Maildir while mutt saves into it and our deliveries add to it", modes=("",))
def beside_mutt_maildir(bench, _):
    path = os.path.join(bench.directory, "Maildir")
    beside(bench, path, f"maildir:{path}/", {"mutt": Mutt(bench, "Maildir").saver(path)})


@case("import of an mbox while Dovecot and our deliveries append to it", modes=("",))
def beside_dovecot_mbox(bench, _):
    path = os.path.join(bench.directory, "box")
    append, _, as_user = dovecot(bench, f"mbox:{bench.directory}/mail:INBOX={path}:INDEX=MEMORY")
    beside(bench, path, f"mbox:{path}", {"dovecot": append}, as_user)


@case("import of a Maildir while Dovecot and our deliveries add to it", modes=("",))
def beside_dovecot_maildir(bench, _):
    path = os.path.join(bench.directory, "Maildir")
    append, _, as_user = dovecot(bench, f"maildir:{path}")
    beside(bench, path, f"maildir:{path}/", {"dovecot": append}, as_user)
