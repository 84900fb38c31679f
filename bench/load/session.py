"""An IMAP session that costs its client little: what is measured is the server."""
import os
import socket
import time


class Session:
    """Plain on loopback. What comes is kept only where it is asked for."""

    def __init__(self, port, user, password, window=None, timeout=600):
        self.socket = socket.socket()
        if window:
            self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, window)
        self.socket.settimeout(timeout)
        self.socket.connect(("127.0.0.1", port))
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.count = 0
        self.octets = 0  # of the last answer
        self.socket.recv(4096)
        self.command(f'LOGIN {user} "{password}"')

    def fileno(self):
        return self.socket.fileno()

    def begin(self, text):
        """Sends a command and waits for nothing."""
        self.count += 1
        self.socket.sendall(b"t%d %s\r\n" % (self.count, text.encode() if isinstance(text, str) else text))

    def finish(self, keep=False):
        """Reads to the end of the command begun last; its answer where it is to be kept, else the last octets of it."""
        tag = b"t%d " % self.count
        said, tail, self.octets = [], b"", 0
        while True:
            piece = self.socket.recv(1 << 20)
            if not piece:
                raise ConnectionError(f"closed after {tail[-200:]!r}")
            self.octets += len(piece)
            if keep:
                said.append(piece)
            tail = tail[-2000:] + piece
            if tail.endswith(b"\r\n"):
                last = tail[tail[:-2].rfind(b"\n") + 1:]
                if last.startswith(tag):
                    if not last.startswith(tag + b"OK"):
                        raise RuntimeError(f"refused: {last!r}")
                    return b"".join(said) if keep else tail

    def command(self, text, keep=False):
        self.begin(text)
        return self.finish(keep)

    def timed(self, text, keep=False):
        """Milliseconds, and what came."""
        began = time.perf_counter()
        said = self.command(text, keep)
        return (time.perf_counter() - began) * 1000, said

    def append(self, messages, mailbox="INBOX"):
        """All by one command (RFC 3502), without waiting for continuations (RFC 7888)."""
        self.begin(b"APPEND %s%s" % (mailbox.encode(), b"".join(b" {%d+}\r\n%s" % (len(one), one) for one in messages)))
        return self.finish()

    def close(self):
        self.socket.close()


def own_memory(pid):
    """MiB of the process itself: without the files of the store that it has mapped or cached."""
    with open(f"/proc/{pid}/status", encoding="ascii") as f:
        fields = dict(line.split(":", 1) for line in f)
    return (int(fields["RssAnon"].split()[0]) + int(fields.get("VmSwap", "0").split()[0])) / 1024


def processor_seconds(pid):
    with open(f"/proc/{pid}/stat", encoding="ascii") as f:
        fields = f.read().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
