"""A server for SMTP or LMTP that is often in trouble: it refuses, breaks off, forgets to answer; and notes what arrived."""
import os
import random
import socket
import threading


class Elsewhere(threading.Thread):
    """On a loopback port or, with `path`, a UNIX socket. `number_of(text)` tells which message it is; nobody gets one whose name has "gone"."""

    def __init__(self, name, seed, number_of, lmtp=False, path=None):
        super().__init__(daemon=True)
        self.chance = random.Random(f"{seed}.{name}")
        self.name, self.number_of, self.lmtp = name, number_of, lmtp
        self.lock = threading.Lock()
        self.arrived = {}     # number: how often whole
        self.unanswered = {}  # number: how often its dot got no answer
        self.trouble = True
        if path is None:
            self.listener = socket.create_server(("127.0.0.1", 0), backlog=200)
            self.way = "127.0.0.1:%d" % self.listener.getsockname()[1]
        else:
            self.listener = socket.socket(socket.AF_UNIX)
            self.listener.bind(path)
            os.chmod(path, 0o666)
            self.listener.listen(200)
            self.way = f"unix:{path}"

    def run(self):
        while True:
            connection, _ = self.listener.accept()
            threading.Thread(target=self.serve, args=(connection,), daemon=True).start()

    def below(self, share):
        with self.lock:
            return self.trouble and self.chance.random() < share

    def serve(self, connection):
        try:
            with connection, connection.makefile("rwb") as stream:
                self.talk(stream)
        except OSError:
            pass

    def talk(self, stream):
        def say(text):
            stream.write(text.encode() + b"\r\n")
            stream.flush()

        if self.below(0.05):
            return say("421 4.3.2 not now")
        say(f"220 {self.name}")
        taken = 0
        while line := stream.readline():
            verb = line.strip().upper()
            if verb.startswith(b"LHLO" if self.lmtp else b"EHLO"):
                say(f"250-{self.name}\r\n250-PIPELINING\r\n250-8BITMIME\r\n250 ENHANCEDSTATUSCODES")
            elif verb.startswith(b"MAIL"):
                taken = 0
                say("250 2.1.0 yes")
            elif verb.startswith(b"RCPT"):
                if b"GONE" in verb:
                    say("550 5.1.1 nobody of that name")
                elif self.below(0.15):
                    say("451 4.3.0 later")
                else:
                    taken += 1
                    say("250 2.1.5 yes")
            elif verb.startswith(b"DATA") and taken == 0:
                say("554 5.5.1 nobody to send it to")
            elif verb.startswith(b"DATA"):
                if self.below(0.03):
                    return
                say("354 go on")
                # RFC 2033 section 4.2: after the dot LMTP has a reply for each recipient that was taken.
                if not self.data(stream, say, taken if self.lmtp else 1):
                    return
            elif verb.startswith(b"QUIT"):
                return say("221 2.0.0 bye")
            else:
                say("250 2.0.0 yes")

    def data(self, stream, say, replies):
        lines = []
        breaks_off = self.below(0.04)
        while (line := stream.readline()) != b".\r\n":
            if not line or (breaks_off and len(lines) > 20):
                return False
            lines.append(line[1:] if line.startswith(b".") else line)
        if self.below(0.03):
            say("\r\n".join(["451 4.3.1 no room"] * replies))
            return True
        number = self.number_of(b"".join(lines))
        with self.lock:
            self.arrived[number] = self.arrived.get(number, 0) + 1
        try:
            if self.below(0.03):
                raise ConnectionAbortedError
            say("\r\n".join(["250 2.0.0 taken"] * replies))
        except OSError:
            with self.lock:
                self.unanswered[number] = self.unanswered.get(number, 0) + 1
            raise
        return True

    def noted(self):
        """What arrived and what went unanswered, both {number: how often}."""
        with self.lock:
            return dict(self.arrived), dict(self.unanswered)
