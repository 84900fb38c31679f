"""No descriptors left: who comes is told to come again, who is there goes on, and all is well once there are some."""
import os
import resource
import signal
import socket
import ssl
import subprocess

from harness.cases import PASSWORD, expect, made, serving
from harness.server import Failure
from harness.wire import Imap, Pop3, Refused, Smtp, stuff
from trials.case import case, processor_seconds, until

LIMIT = 192
FLOOD = 90  # connections to each of the three protocols: more in all than LIMIT allows
REFUSALS = {"smtp": b"421 4.3.2 ", "submission": b"421 4.3.2 ", "lmtp": b"421 4.3.2 ", "pop3": b"-ERR [SYS/TEMP] ", "imap": b"* BYE [UNAVAILABLE] "}
GREETINGS = {"smtp": b"220 ", "submission": b"220 ", "lmtp": b"220 ", "pop3": b"+OK", "imap": b"* OK"}
LETTER = b"From: alice@example.test\r\nSubject: letter %d\r\n\r\n"
FILLING = (b"x" * 76 + b"\r\n") * 13000  # about 1 MiB: several of them begin new segments
QUIET_SECONDS = 1.5
WAIT_SECONDS = 0.5


def knock(server, protocol, patience=30):
    """The first line of a new connection, b"" when it was closed without one, and the connection. Without the line where
    it waits for longer than patience: none of the descriptors that are kept to refuse with was left."""
    s = socket.create_connection(("127.0.0.1", server.port(protocol)), 30)
    s.settimeout(patience)
    line = b""
    try:
        while not line.endswith(b"\n"):
            piece = s.recv(200)
            if not piece:
                break
            line += piece
    except ConnectionResetError:
        line = b""
    except TimeoutError:
        return None, s
    return line, s


class Letters:
    """Delivered by one LMTP session; counted when acknowledged."""

    def __init__(self, server):
        self.server, self.acknowledged = server, 0
        self.session = Smtp(server.port("lmtp"), "LHLO")

    def deliver(self, large=False):
        code, _ = self.session.command("MAIL FROM:<>")
        if code == 250:
            code, _ = self.session.command(f"RCPT TO:<alice@{self.server.domain}>")
        if code == 250:
            code, _ = self.session.command("DATA")
        if code == 354:
            self.session.send(stuff(LETTER % self.acknowledged + (FILLING if large else b"small\r\n")))
            code, _ = self.session.reply()
        else:
            self.session.command("RSET", 250)
        self.acknowledged += code == 250
        return code


def stored(server):
    session = Imap(server.port("imap"), f"alice@{server.domain}", PASSWORD)
    untagged, _ = session.command("SELECT INBOX")
    session.close()
    return next(int(text.split()[1]) for text, _ in untagged if text.endswith(b" EXISTS"))


def expect_quiet(server, doors):
    """While nothing is asked of it the process does next to nothing: a loop that spins would use all the time there is."""
    before = processor_seconds(server.process)
    doors[0].settimeout(QUIET_SECONDS)
    try:
        raise Failure(f"a silent connection got {doors[0].recv(100)!r}")
    except TimeoutError:
        pass
    used = processor_seconds(server.process) - before
    expect(used < QUIET_SECONDS / 3, f"{used:.2f} s of processor time in {QUIET_SECONDS} s of silence")


@case("a small limit of descriptors: connections are refused before the store lacks any")
def small_limit(binary, directory):
    doors = []
    with serving(made(binary, directory), before=["prlimit", f"--nofile={LIMIT}:{LIMIT}"]) as server:
        letters = Letters(server)
        imap = Imap(server.port("imap"), f"alice@{server.domain}", PASSWORD)
        imap.command("SELECT INBOX")
        greeted = refused = 0
        for number in range(FLOOD):
            for protocol in ("smtp", "imap", "pop3"):
                line, s = knock(server, protocol)
                if line.startswith(GREETINGS[protocol]):
                    greeted += 1
                    doors.append(s)
                else:
                    expect(line.startswith(REFUSALS[protocol]) and line.endswith(b"\r\n"), f"{protocol}, connection {number}: {line!r}")
                    refused += 1
                    s.close()
        expect(greeted > 20 and refused > 20, f"{greeted} greeted and {refused} refused")
        expect_quiet(server, doors)
        # The store opens files and directories all the time: for it there are enough.
        for number in range(12):
            code = letters.deliver(large=True)
            expect(code == 250, f"letter {number} of a session that was there: {code}")
        imap.command("NOOP")
        untagged, _ = imap.command("UID FETCH 1:* (FLAGS RFC822.SIZE)")
        expect(sum(b" FETCH " in text for text, _ in untagged) == letters.acknowledged, f"the IMAP session sees {untagged}")
        server.command("account", "add", f"bob@{server.domain}", "--password-stdin", stdin=PASSWORD + "\n")
        for s in doors:
            s.close()
        until("who comes later is greeted", lambda: knock(server, "imap")[0].startswith(b"* OK"))
        server.command("verify")
        expect(stored(server) == letters.acknowledged, f"{stored(server)} letters of {letters.acknowledged}")
        expect(server.end() == 0, "serve did not end well")


def lowest_free(process):
    taken = {int(name) for name in os.listdir(f"/proc/{process.pid}/fd")}
    return next(number for number in range(len(taken) + 1) if number not in taken)


class Queue:
    """Those who come while there is no descriptor: greeted with the last one, refused, or left to wait; never lost."""

    def __init__(self, server):
        self.server, self.greeted, self.refused, self.waiting = server, [], 0, []

    def join(self, protocol):
        line, s = knock(self.server, protocol, WAIT_SECONDS)
        if line is None:
            self.waiting.append((protocol, s))
        elif line.startswith(GREETINGS[protocol]):
            self.greeted.append(s)
        else:
            expect(line.startswith(REFUSALS[protocol]), f"{protocol}: {line!r}")
            self.refused += 1
            s.close()

    def served(self):
        """The limit is gone: who waited is greeted, or was refused after we had stopped to listen."""
        for protocol, s in self.waiting:
            s.settimeout(30)
            line = s.recv(200)
            expect(line.startswith((GREETINGS[protocol], REFUSALS[protocol])), f"{protocol}, after it waited: {line!r}")
        for s in [s for _, s in self.waiting] + self.greeted:
            s.close()


@case("descriptors run out and come back: refused, nothing lost, no restart")
def run_out(binary, directory):
    with serving(made(binary, directory)) as server:
        letters = Letters(server)
        imap = Imap(server.port("imap"), f"alice@{server.domain}", PASSWORD)
        imap.command("SELECT INBOX")
        pop3 = Pop3(server.port("pop3"), f"alice@{server.domain}", PASSWORD)
        expect(letters.deliver() == 250, "a letter before")
        pid = server.process.pid
        soft, hard = resource.prlimit(pid, resource.RLIMIT_NOFILE)
        resource.prlimit(pid, resource.RLIMIT_NOFILE, (lowest_free(server.process), hard))
        queue = Queue(server)
        for _ in range(10):
            for protocol in REFUSALS:
                queue.join(protocol)
        expect(queue.refused > 10 * len(REFUSALS) / 2, f"{len(queue.greeted)} greeted, {queue.refused} refused, {len(queue.waiting)} wait")
        caller = subprocess.Popen([server.binary, "account", "list", "--dir", server.directory], stdout=subprocess.DEVNULL)
        codes = [letters.deliver(large=number % 2 == 1) for number in range(14)]
        expect(set(codes) <= {250, 451, 452}, f"letters of a session that was there: {codes}")
        imap.command("NOOP")
        tag = imap.send_command("FETCH 1 BODY.PEEK[]")
        try:
            imap.result(tag)
        except Refused as answer:  # the store may need descriptors to open its state again
            expect(str(answer).startswith(tag.decode() + " NO [UNAVAILABLE]"), str(answer))
        pop3.command("NOOP")
        pop3.close()
        expect_quiet(server, [imap.socket])
        imap.socket.settimeout(30)
        resource.prlimit(pid, resource.RLIMIT_NOFILE, (soft, hard))
        queue.served()
        status = caller.wait(30)
        expect(status in (0, 75), f"account list ended with {status}")
        until("mail is taken again", lambda: letters.deliver(large=True) == 250)
        context = ssl.create_default_context(cafile=server.certificate)
        with socket.create_connection(("127.0.0.1", server.port("imaps")), 30) as s, context.wrap_socket(s, server_hostname="localhost") as tls:
            expect(tls.recv(100).startswith(b"* OK"), "no greeting over TLS")
        there = stored(server)
        expect(letters.acknowledged <= there <= letters.acknowledged + sum(code != 250 for code in codes),
               f"{letters.acknowledged} letters were acknowledged, {there} are there")
        server.command("verify")
        server.end(signal.SIGKILL)
        server.start()
        expect(stored(server) == there, f"{there} letters before kill -9, {stored(server)} after it")
        expect(server.end() == 0, "serve did not end well")
