"""Mail of Dovecot's boxes is fetched by POP3 and IMAP: Dovecot's own imap and pop3 speak on a socket that we hand them."""
import contextlib
import os
import socket
import subprocess
import threading
import time

from harness.cases import PASSWORD, expect
from harness.server import Failure
from interop.bench import TRACE, case, expect_equal, lines_lf
from interop.boxes import dovecot, unpack

FETCH_SECONDS = 60
LETTERS = 5
unpacking = threading.Lock()


@contextlib.contextmanager
def serving(bench, protocol, root, as_user):
    """A port on which each connection is answered by Dovecot's program. Its imap is logged in from the greeting on (PREAUTH); for pop3, which
    has no such greeting, the words up to the password are answered here."""
    listener = socket.socket()
    listener.bind(("127.0.0.1", 0))
    listener.listen()
    environment = {"PATH": os.environ["PATH"], "HOME": bench.directory, "USER": "anna", "RESTRICT_ACCESS_PRESERVE": "1",
                   "LD_LIBRARY_PATH": f"{root}/usr/lib/dovecot:{root}/usr/lib/x86_64-linux-gnu"}

    def log_in(connection):
        with connection.makefile("rwb", buffering=0) as file:
            file.write(b"+OK ready\r\n")
            while line := file.readline():
                word = line.split()[0].upper()
                file.write(b"-ERR\r\n" if word == b"CAPA" else b"+OK\r\n")
                if word == b"PASS":
                    return

    def answer(connection):
        with connection:
            if protocol == "pop3":
                log_in(connection)
            subprocess.run([*as_user, f"{root}/usr/bin/doveconf", "-f", f"service={protocol}", "-c", f"{bench.directory}/dovecot.conf",
                            "-m", protocol, "-e", f"{root}/usr/lib/dovecot/{protocol}"],
                           stdin=connection, stdout=connection, stderr=subprocess.DEVNULL, env=environment, check=False)

    def accept():
        with contextlib.suppress(OSError):
            while True:
                threading.Thread(target=answer, args=(listener.accept()[0],), daemon=True).start()

    threading.Thread(target=accept, daemon=True).start()
    try:
        yield listener.getsockname()[1]
    finally:
        listener.shutdown(socket.SHUT_RDWR)
        listener.close()


def fetched(bench, count, name):
    """The account's INBOX once it has so many letters, without our trace fields."""
    end = time.monotonic() + FETCH_SECONDS
    while time.monotonic() < end:
        got = [octets[TRACE.match(octets).end():] for _, octets in bench.stored()]
        if len(got) >= count:
            return got
        time.sleep(0.2)
    raise Failure(f"{len(got)} of {count} letters came:\n" + bench.server.command("fetch", "show", bench.account, name).stdout)


def fetch(bench, protocol):
    with unpacking:
        root = unpack("dovecot-servers", "dovecot-core", "dovecot-imapd", "dovecot-pop3d")
    append, read, as_user = dovecot(bench, f"maildir:{bench.directory}/Maildir")
    letters = [bench.letter(f"l{i}") for i in range(LETTERS)]
    for letter in letters[:-1]:
        append(lines_lf(letter))
    with serving(bench, protocol, root, as_user) as port:
        bench.server.command("fetch", "add", bench.account, f"{protocol}+plain://127.0.0.1:{port}", "--name", "box", "--user", "anna",
                             "--password-stdin", "--every", "30s", stdin=PASSWORD + "\n")
        expect_equal(sorted(fetched(bench, LETTERS - 1, "box")), sorted(letters[:-1]), "what was fetched")
        append(lines_lf(letters[-1]))
        bench.server.command("fetch", "run", bench.account, "box")
        expect_equal(sorted(fetched(bench, LETTERS, "box")), sorted(letters), "what was fetched, with the new one")
        expect(len(read()) == LETTERS, "all of it stays there")
        bench.server.command("fetch", "remove", bench.account, "box")
        # Once more, and this time it goes there as soon as it is here.
        bench.server.command("fetch", "add", bench.account, f"{protocol}+plain://127.0.0.1:{port}", "--name", "box", "--user", "anna",
                             "--password-stdin", "--remove-after", "0", stdin=PASSWORD + "\n")
        expect_equal(sorted(fetched(bench, 2 * LETTERS, "box")), sorted(letters + letters), "what was fetched again")
        end = time.monotonic() + FETCH_SECONDS
        while read() and time.monotonic() < end:
            time.sleep(0.2)
        expect(not read(), "nothing is left there")


@case("Dovecot, fetched by IMAP", modes=("",))
def fetch_imap(bench, _):
    fetch(bench, "imap")


@case("Dovecot, fetched by POP3", modes=("",))
def fetch_pop3(bench, _):
    fetch(bench, "pop3")
