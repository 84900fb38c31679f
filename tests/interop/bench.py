"""What every case has at hand: an account of its own, letters, a way in and a way to read back that need no foreign client."""
import os
import re
import smtplib
import subprocess

from harness.cases import PASSWORD
from harness.server import Failure
from harness.wire import Imap, Pop3

TRACE = re.compile(rb"(?:(?:Return-Path|Delivered-To|Received):[^\r\n]*\r\n(?:[ \t][^\r\n]*\r\n)*)*")
MODES = ("plain", "STARTTLS", "implicit TLS")
CLIENT_SECONDS = 40  # for one run of a client; they take one or two on a quiet machine


class Bench:
    """One case's place: `directory` is its home, `account` its own mailbox."""

    def __init__(self, server, directory, name):
        self.server, self.directory, self.name = server, directory, name
        self.account = f"{name}@{server.domain}"
        self.certificate = server.certificate
        os.makedirs(directory, exist_ok=True)

    def port(self, protocol, mode="plain"):
        """The port of smtp, submission, imap or pop3 in this mode."""
        implicit = {"submission": "submissions", "imap": "imaps", "pop3": "pop3s"}
        return self.server.port(implicit[protocol] if mode == "implicit TLS" else protocol)

    def letter(self, tag, extra=b""):
        """A letter with what goes wrong easily: dots, empty lines, 8-bit text, a long line, parts."""
        return (f"Message-ID: <{tag}.{self.name}@interop.test>\r\nFrom: Sender <{self.account}>\r\nTo: {self.account}\r\n"
                f"Date: Sat, 21 Nov 2026 10:00:00 +0000\r\nSubject: {tag} =?UTF-8?Q?gr=C3=BC=C3=9Ft?=\r\nMIME-Version: 1.0\r\n"
                "Content-Type: multipart/mixed; boundary=\"=_1\"\r\n\r\npreamble\r\n--=_1\r\nContent-Type: text/plain; charset=utf-8\r\n"
                "Content-Transfer-Encoding: 8bit\r\n\r\n.\r\n..two dots\r\n\r\nGrüße aus Köln\r\nFrom the start of a line\r\n"
                "--=_1\r\nContent-Type: application/octet-stream\r\nContent-Transfer-Encoding: base64\r\n\r\n"
                ).encode() + b"QUJD" * 19 + b"\r\n" + extra + b"\r\n--=_1--\r\n" + b"y" * 900 + b"\r\n"

    def write(self, name, data, mode=0o600):
        path = os.path.join(self.directory, name)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "wb") as f:
            f.write(data if isinstance(data, bytes) else data.encode())
        os.chmod(path, mode)
        return path

    def read(self, name):
        with open(os.path.join(self.directory, name), "rb") as f:
            return f.read()

    def program(self, path):
        """What starts this client: itself, where the case has no other user."""
        return path

    def run(self, *command, stdin=b"", environment=(), good=(0,), seconds=CLIENT_SECONDS):
        """Runs a client with a home of its own; its output. Another exit status is a failure that shows what it said."""
        home = {"PATH": os.environ["PATH"], "HOME": self.directory, "LC_ALL": "C.UTF-8", "TMPDIR": self.directory, **dict(environment)}
        try:
            done = subprocess.run(command, input=stdin, capture_output=True, env=home, cwd=self.directory, timeout=seconds)
        except FileNotFoundError:
            raise Failure(f"{command[0]} is not here") from None
        except subprocess.TimeoutExpired as late:
            said = (late.stdout or b"") + (late.stderr or b"")
            raise Failure(f"{command[0]} did not end within {seconds} s:\n{said.decode('utf-8', 'replace')}") from None
        if done.returncode not in good:
            said = (done.stdout + done.stderr).decode("utf-8", "replace")
            raise Failure(f"{' '.join(command)} ended with {done.returncode}:\n{said}")
        return done.stdout

    def deliver(self, *letters, account=None):
        with smtplib.LMTP("127.0.0.1", self.server.port("lmtp"), timeout=20) as session:
            for letter in letters:
                session.sendmail("", [account or self.account], letter)

    def imap(self, account=None):
        return Imap(self.server.port("imap"), account or self.account, PASSWORD)

    def pop3(self):
        return Pop3(self.server.port("pop3"), self.account, PASSWORD)

    def stored(self, mailbox="INBOX", account=None):
        """What is in a mailbox: [(flags, octets)] in the order of UIDs."""
        session = self.imap(account)
        try:
            untagged, _ = session.command(f"SELECT {mailbox}")
            if b"* 0 EXISTS" in [text for text, _ in untagged]:
                return []
            untagged, _ = session.command("UID FETCH 1:* (FLAGS BODY.PEEK[])")
            return [({f.decode() for f in items[b"FLAGS"]} - {"\\Recent"}, items[b"BODY[]"]) for items in session.fetched(untagged)]
        finally:
            session.close()

    def expect_stored(self, *letters, account=None):
        """Exactly these letters are in INBOX, octet by octet behind their trace fields. Returns what is stored."""
        stored = [octets for _, octets in self.stored(account=account)]
        if len(stored) != len(letters):
            raise Failure(f"{len(stored)} messages in INBOX, wanted {len(letters)}")
        for octets, letter in zip(stored, letters):
            trace = TRACE.match(octets).group(0)
            expect_equal(octets[len(trace):], letter, "the message stored")
            if b"Received: " not in trace:
                raise Failure("no Received field was added")
        return stored


def lines_lf(octets):
    return octets.replace(b"\r\n", b"\n")


def expect_equal(found, wanted, what):
    if found == wanted:
        return
    at = next((i for i, (a, b) in enumerate(zip(found, wanted)) if a != b), min(len(found), len(wanted)))
    raise Failure(f"{what} differs at octet {at} of {len(wanted)} (found {len(found)}):\n"
                  f"  found  {found[max(0, at - 30):at + 60]!r}\n  wanted {wanted[max(0, at - 30):at + 60]!r}")


CASES = []


def case(name, modes=MODES):
    """Registers one function as a case for each mode: function(bench, mode)."""
    def register(function):
        for mode in modes:
            CASES.append((f"{name}, {mode}" if mode else name, function, mode))
        return function
    return register
