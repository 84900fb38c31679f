"""A message over which the server crashes: it is tried alone, then set aside; all others go on their way."""
import imaplib
import json
import os
import re
import signal
import smtplib
import socket
import threading

from harness.cases import PASSWORD, ending, expect, made
from trials.case import PATIENCE, case, until

POISON = "the word that no server can say"


class Sink(threading.Thread):
    """Takes all mail; whoever is called slow has to wait until go is set."""

    def __init__(self):
        super().__init__(daemon=True)
        self.go, self.waiting, self.taken = threading.Event(), threading.Event(), []
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]

    def run(self):
        while True:
            connection, _ = self.listener.accept()
            threading.Thread(target=self.serve, args=(connection,), daemon=True).start()

    def serve(self, connection):
        try:
            with connection, connection.makefile("rwb", buffering=0) as stream:
                stream.write(b"220 far.test\r\n")
                while line := stream.readline():
                    if b"slow@" in line:
                        self.waiting.set()
                        self.go.wait(PATIENCE * 4)
                    if line.upper().startswith(b"DATA"):
                        stream.write(b"354 go on\r\n")
                        text = b""
                        while not text.endswith(b"\r\n.\r\n"):
                            piece = stream.readline()
                            if not piece:
                                return
                            text += piece
                        self.taken.append(re.search(rb"Subject: (\w+)", text).group(1).decode())
                    stream.write(b"221 bye\r\n" if line.upper().startswith(b"QUIT") else b"250 far.test\r\n")
        except OSError:
            pass


def submit(server, subject, text="hello"):
    with smtplib.SMTP("127.0.0.1", server.port("submission"), timeout=PATIENCE) as session:
        session.login("alice@example.test", PASSWORD)
        session.sendmail("alice@example.test", f"{subject}@{subject}.far.test", f"From: alice@example.test\r\nSubject: {subject}\r\n\r\n{text}\r\n")


def crashed(server):
    """Waits until the process has ended by its own fault."""
    status = server.process.wait(PATIENCE * 4)
    server.process.stdout.close()
    server.process = None
    expect(status == -signal.SIGABRT, f"the server ended with {status}")


def queued(server):
    done = server.command("queue", "list", "--json")
    return json.loads(done.stdout)


def told(server):
    """Subjects in the postmaster's INBOX, which is alice's: she is the first account."""
    with imaplib.IMAP4("127.0.0.1", server.port("imap")) as session:
        session.login("alice@example.test", PASSWORD)
        session.select("INBOX", readonly=True)
        _, parts = session.uid("FETCH", "1:*", "(BODY.PEEK[HEADER.FIELDS (SUBJECT)])")
        return [part[1].decode().strip() for part in parts if isinstance(part, tuple)]


@case("a message that crashes the server is tried alone, then set aside; all others go on their way")
def poison(binary, directory):
    shim = os.path.join(os.path.dirname(os.path.abspath(binary)), "tests", "trials", "poison.so")
    expect(os.path.exists(shim), f"{shim} is not built")
    poisoned = ["env", f"LD_PRELOAD={shim}", f"ANGARIUM_POISON={POISON}"]
    sink = Sink()
    sink.start()
    server = made(binary, directory, ("alice",), [("queue", "retry_first", '"1s"'), ("queue", "retry_longest", '"1s"'),
                                                  ("transport", '".far.test"', f'"relay 127.0.0.1:{sink.port}"')])
    with ending(server):
        server.start(before=poisoned)
        submit(server, "slow")
        expect(sink.waiting.wait(PATIENCE), "the sink saw nothing")
        submit(server, "poison", POISON)
        crashed(server)
        sink.go.set()
        # Both were in hand: each is tried alone, and the poison shows itself.
        server.spawn(before=poisoned)
        crashed(server)
        server.start(before=poisoned)
        until("the message is set aside", lambda: [m for m in queued(server) if "set aside" in json.dumps(m)])
        submit(server, "innocent")
        until("the others arrive", lambda: {"slow", "innocent"} <= set(sink.taken))
        until("the postmaster is told", lambda: any("set aside" in subject for subject in told(server)))
        expect(len(queued(server)) == 1, f"the queue has {queued(server)}")
        # It stays so, also for the next process.
        expect(server.end() == 0, "SIGTERM")
        server.start(before=poisoned)
        submit(server, "later")
        until("mail goes out", lambda: "later" in sink.taken)
        expect(server.process.poll() is None and "poison" not in sink.taken, "the poison was touched")
        expect(server.end() == 0, "SIGTERM")
        # A server that has learnt to say it, and an operator who knows.
        server.start()
        server.command("queue", "release", queued(server)[0]["id"])
        until("it arrives at last", lambda: "poison" in sink.taken)
        until("the queue is empty", lambda: not queued(server))
