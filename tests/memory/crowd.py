"""Many connections at once from one process: each a script of what is sent and what is waited for."""
import resource
import selectors
import socket
import ssl
import time
import zlib

PATIENCE = 300  # seconds for a whole crowd: a busy machine stays below
ROUND = 200     # connections that do a step at the same time, so that no queue of the kernel runs over



def make_room(connections):
    """Lets this process, and what it starts, hold so many connections."""
    wanted = connections + 1000
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if hard != resource.RLIM_INFINITY and hard < wanted:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, wanted))  # root may
    else:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))


class Lost(Exception):
    """The server closed the connection; args[0] is what it said last."""


class Member:
    """One connection, not blocking; with `tls` encrypted from the first octet on; compressed after compress()."""

    def __init__(self, port, source="127.0.0.1", tls=None, window=None):
        self.socket = socket.socket()
        if window:
            self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, window)
        self.socket.bind((source, 0))
        self.socket.connect(("127.0.0.1", port))
        self.socket.setblocking(False)
        self.read, self.unsent = b"", b""
        self.deflater = self.inflater = None
        self.tls = None
        if tls is not None:
            self.incoming, self.outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
            self.tls = tls.wrap_bio(self.incoming, self.outgoing, server_hostname="localhost")
            self.handshaken = False
            self.shake_hands()

    def fileno(self):
        return self.socket.fileno()

    def compress(self):
        """From now on all is DEFLATE (RFC 4978). What is said here is not compressed well: that costs the client little."""
        self.deflater = zlib.compressobj(1, zlib.DEFLATED, -9, 1)
        self.inflater = zlib.decompressobj(-15)

    def take(self, octets):
        self.read += self.inflater.decompress(octets) if self.inflater else octets

    def send(self, octets):
        if self.deflater:
            octets = self.deflater.compress(octets) + self.deflater.flush(zlib.Z_SYNC_FLUSH)
        if self.tls is not None and self.handshaken:
            self.tls.write(octets)
        elif self.tls is None:
            self.unsent += octets
        self.push()

    def push(self):
        """Gives the kernel what it takes; True when all is gone."""
        if self.tls is not None:
            self.unsent += self.outgoing.read()
        while self.unsent:
            try:
                sent = self.socket.send(self.unsent[:1 << 18])
            except (BlockingIOError, InterruptedError):
                return False
            except OSError:
                raise Lost(self.read) from None
            self.unsent = self.unsent[sent:]
        return True

    def shake_hands(self):
        try:
            self.tls.do_handshake()
            self.handshaken = True
        except ssl.SSLWantReadError:
            pass
        self.push()

    def pull(self):
        """Takes what has come."""
        while True:
            try:
                piece = self.socket.recv(1 << 16)
            except (BlockingIOError, InterruptedError):
                return
            except OSError:
                raise Lost(self.read) from None
            if not piece:
                raise Lost(self.read)
            if self.tls is None:
                self.take(piece)
                continue
            self.incoming.write(piece)
            if not self.handshaken:
                self.shake_hands()
            while self.handshaken:
                try:
                    self.take(self.tls.read(1 << 16))
                except ssl.SSLWantReadError:
                    break

    def close(self):
        self.socket.close()


def all_read(members, until, patience=PATIENCE):
    """Reads on all of them until `until(member)`; returns those that the server closed before."""
    lost, selector, end = [], selectors.DefaultSelector(), time.monotonic() + patience
    waiting = {m for m in members if not until(m)}
    for m in waiting:
        selector.register(m, selectors.EVENT_READ)
    while waiting:
        if time.monotonic() > end:
            raise TimeoutError(f"{len(waiting)} of {len(members)} wait; one has {next(iter(waiting)).read[-200:]!r}")
        for key, _ in selector.select(1):
            m = key.fileobj
            try:
                m.pull()
                m.push()
                done = until(m)
            except Lost:
                lost.append(m)
                done = True
            if done:
                waiting.discard(m)
                selector.unregister(m)
    selector.close()
    return lost


def ask(members, octets, answer):
    """Each says `octets` and hears `answer`; in rounds."""
    lost = []
    for at in range(0, len(members), ROUND):
        some = members[at:at + ROUND]
        for m in some:
            m.read = b""
            m.send(octets)
        lost += all_read(some, lambda m: answer in m.read)
    return lost


def pour(members, octets, seconds):
    """Each writes `octets` as far as the server takes them within the time; how many were taken in all."""
    selector, end, taken = selectors.DefaultSelector(), time.monotonic() + seconds, 0
    left = {}
    for m in members:
        left[m] = octets
        selector.register(m, selectors.EVENT_WRITE)
    while left and time.monotonic() < end:
        for key, _ in selector.select(0.5):
            m = key.fileobj
            try:
                sent = m.socket.send(left[m][:1 << 18])
            except (BlockingIOError, InterruptedError):
                continue
            except OSError:
                sent = len(left[m])
            taken += sent
            left[m] = left[m][sent:]
            if not left[m]:
                del left[m]
                selector.unregister(m)
    selector.close()
    return taken
