"""Clients that say nothing, too little, too much or nothing that makes sense, and that do not read: all end in time and cost little."""
import os
import select
import socket
import ssl
import time

from harness.cases import PASSWORD, expect, made, serving
from harness.server import Failure
from harness.wire import Imap, Smtp, stuff
from trials.case import case, processor_seconds, resident

SECONDS = 2  # every time-out that may be set
SETTINGS = [("smtp", key, f'"{SECONDS}s"') for key in ("command_timeout", "data_timeout", "data_grace")]
SETTINGS += [("limits", key, f'"{SECONDS}s"') for key in ("handshake_timeout", "login_timeout", "send_timeout")]
DEADLINE = 40  # seconds by which all have ended: far more than SECONDS, for busy machines
EACH_KIB = 200  # memory that one of them may cost at most while it lives
PLAIN = ("smtp", "submission", "lmtp", "pop3", "imap")
IMPLICIT = ("submissions", "pop3s", "imaps")
LARGE = (b"x" * 76 + b"\r\n") * 50_000  # about 4 MB: more than sockets and the writer hold together
LOGIN = b"l LOGIN alice@example.test %s\r\n" % PASSWORD.encode()
POP3_LOGIN = b"USER alice@example.test\r\nPASS %s\r\n" % PASSWORD.encode()


class Client:
    """What one says at once, what it says when it has read some words, what it says again and again, and whether it reads."""

    def __init__(self, server, protocol, name, first=b"", then=None, drip=b"", reads=True):
        self.name, self.then, self.drip, self.reads = f"{protocol}: {name}", then, drip, reads
        self.socket = socket.socket()
        if not reads:
            self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        self.socket.connect(("127.0.0.1", server.port(protocol)))
        self.socket.setblocking(False)
        self.unsent, self.over, self.said = first, False, b""

    def step(self):
        """Sends what can be sent; notices the end."""
        if self.then and self.then[0] in self.said:
            self.unsent, self.then = self.unsent + self.then[1], None
        if not self.unsent and self.drip and not self.then:
            self.unsent = self.drip
        try:
            if self.unsent:
                self.unsent = self.unsent[self.socket.send(self.unsent[:65536]):]
        except BlockingIOError:
            pass
        except OSError:
            self.end()
        if self.over:
            return
        if not self.reads:
            return
        try:
            while piece := self.socket.recv(65536):
                self.said = (self.said + piece)[-300:]
            self.end()
        except BlockingIOError:
            pass
        except OSError:
            self.end()

    def end(self):
        self.over = True
        self.socket.close()


def client_hello():
    incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
    tls = ssl.create_default_context().wrap_bio(incoming, outgoing, server_hostname="localhost")
    try:
        tls.do_handshake()
    except ssl.SSLWantReadError:
        pass
    return outgoing.read()


def clients(server):
    hello = client_hello()
    for protocol in PLAIN + IMPLICIT:
        yield Client(server, protocol, "says nothing")
        yield Client(server, protocol, "an octet now and then", drip=b"A")
        yield Client(server, protocol, "garbage", first=bytes(range(1, 256)) * 4)
        yield Client(server, protocol, "an endless line", drip=b"A" * 60_000)
    for protocol in PLAIN:
        yield Client(server, protocol, "lines without a command", drip=b"what is this\r\n" * 100)
    for protocol in IMPLICIT:
        yield Client(server, protocol, "half a ClientHello", first=hello[:len(hello) // 2])
        yield Client(server, protocol, "a ClientHello and then nothing", first=hello)
        yield Client(server, protocol, "a ClientHello, and garbage behind it", first=hello, drip=b"\x17\x03\x03\x40\x00" + b"x" * 1000)
    yield Client(server, "smtp", "STARTTLS and then nothing", first=b"EHLO x.test\r\nSTARTTLS\r\n")
    yield Client(server, "imap", "STARTTLS and then half a ClientHello", first=b"a STARTTLS\r\n")
    start = b"LHLO x.test\r\nMAIL FROM:<>\r\nRCPT TO:<alice@example.test>\r\n"
    yield Client(server, "lmtp", "DATA and then nothing", first=start + b"DATA\r\n", then=(b"\r\n354 ", b"Subject: half\r\n"))
    yield Client(server, "lmtp", "DATA, an octet now and then", first=start + b"DATA\r\n", then=(b"\r\n354 ", b"Subject: drip\r\n\r\n"), drip=b"x")
    yield Client(server, "lmtp", "BDAT, and less than it said", first=start + b"BDAT 100000\r\nSubject: half\r\n")
    yield Client(server, "imap", "an endless literal before login", first=b"a LOGIN {999999999+}\r\n", drip=b"x" * 60_000)
    yield Client(server, "imap", "an endless literal", first=LOGIN + b"a SEARCH TEXT {999999999+}\r\n", drip=b"x" * 60_000)
    yield Client(server, "imap", "APPEND and then nothing", first=LOGIN + b"a APPEND INBOX {100000+}\r\nSubject: half\r\n")
    yield Client(server, "imap", "FETCH of everything, unread", first=LOGIN + b"a SELECT INBOX\r\n" + b"b FETCH 1:* BODY[]\r\n" * 20, reads=False)
    yield Client(server, "pop3", "RETR, unread", first=POP3_LOGIN + b"RETR 1\r\n" * 20, reads=False)
    # So many that the replies soon fill what the kernel holds for the socket, some 2.5 MB over loopback.
    yield Client(server, "imap", "NOOPs, unread", first=LOGIN, drip=b"n NOOP\r\n" * 5000, reads=False)
    yield Client(server, "pop3", "NOOPs, unread", first=POP3_LOGIN, drip=b"NOOP\r\n" * 10_000, reads=False)
    yield Client(server, "smtp", "EHLOs, unread", drip=b"EHLO x.test\r\n" * 5000, reads=False)


def sockets(server):
    """Of the server: one that is closed is not seen by a peer that does not read."""
    directory, count = f"/proc/{server.process.pid}/fd", 0
    for name in os.listdir(directory):
        try:
            count += os.readlink(f"{directory}/{name}").startswith("socket:")
        except FileNotFoundError:
            pass
    return count


def until_all_ended(server, crowd, at_rest):
    """Steps all of them every 50 ms; the memory they cost at most."""
    end, most = time.monotonic() + DEADLINE, 0
    while any(not c.over for c in crowd if c.reads) or sockets(server) > at_rest:
        if time.monotonic() > end:
            raise Failure(f"{sockets(server) - at_rest} not ended within {DEADLINE} s: {[(c.name, c.said[-60:]) for c in crowd if not c.over]}")
        for c in crowd:
            if not c.over:
                c.step()
        most = max(most, resident(server.process))
        select.select([], [], [], 0.05)
    for c in crowd:
        c.socket.close()
    return most


@case("slow and silent clients, and those that send garbage or do not read, end in time and cost little")
def slow(binary, directory):
    with serving(made(binary, directory, settings=SETTINGS)) as server:
        letter = Smtp(server.port("lmtp"), "LHLO")
        letter.command("MAIL FROM:<>", 250)
        letter.command("RCPT TO:<alice@example.test>", 250)
        letter.command("DATA", 354)
        letter.send(stuff(b"Subject: large\r\n\r\n" + LARGE))
        letter.reply(250)
        letter.command("QUIT", 221)
        Imap(server.port("imap"), f"alice@{server.domain}", PASSWORD).close()  # the password is known: logins are cheap now
        before, at_rest = resident(server.process), sockets(server)
        crowd = list(clients(server))
        most = until_all_ended(server, crowd, at_rest)
        unmet = [c.name for c in crowd if c.then]
        expect(not unmet, f"did not come to say what they wanted: {unmet}")
        each = (most - before) / len(crowd) / 1024
        expect(each < EACH_KIB, f"{len(crowd)} clients cost {each:.0f} KiB each: {before >> 20} MiB before, {most >> 20} MiB")

        used = processor_seconds(server.process)
        session = Imap(server.port("imap"), f"alice@{server.domain}", PASSWORD)
        untagged, _ = session.command("SELECT INBOX")
        expect((b"* 1 EXISTS", []) in untagged, f"half letters were taken: {untagged}")
        session.socket.settimeout(1)
        try:
            raise Failure(f"a session that is logged in may be silent, but got {session.socket.recv(200)!r}")
        except TimeoutError:
            pass
        used = processor_seconds(server.process) - used
        expect(used < 0.4, f"{used:.2f} s of processor time in a second of silence: something of those that ended goes on")
        session.socket.settimeout(30)
        session.command("NOOP")
        session.close()
        expect(server.end() == 0, "serve did not end well")
