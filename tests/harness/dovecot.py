"""Debian's Dovecot, unpacked and without its master, and sessions with it, or any server, that say what they are told to and tell what they heard."""
import contextlib
import os
import re
import select
import socket
import subprocess

from harness.server import Failure

ANSWER_SECONDS = 30
NOBODY = 65534
ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))


class Session:
    """One IMAP connection. A response is its text, with \\0N\\0 where literal N stood, and the literals."""

    def __init__(self, connection, close):
        self.socket, self.end = connection, close
        self.socket.settimeout(ANSWER_SECONDS)
        self.buffer = b""
        self.number = 0

    def fill(self):
        try:
            piece = self.socket.recv(65536)
        except TimeoutError:
            raise Failure("no answer within the time") from None
        except OSError:
            piece = b""
        if not piece:
            raise Failure(f"the connection ended; unread: {self.buffer[-500:]!r}")
        self.buffer += piece

    def take(self, count):
        while len(self.buffer) < count:
            self.fill()
        taken, self.buffer = self.buffer[:count], self.buffer[count:]
        return taken

    def line(self):
        while (at := self.buffer.find(b"\r\n")) < 0:
            self.fill()
        return self.take(at + 2)[:-2]

    def response(self):
        text, literals = b"", []
        while True:
            line = self.line()
            match = re.search(rb"~?\{(\d+)\}$", line)
            if not match:
                return text + line, literals
            literals.append(self.take(int(match.group(1))))
            text += line[:match.start()] + b"\0%d\0" % (len(literals) - 1)

    def heard(self, seconds):
        """Whether something can be read within the time."""
        return bool(self.buffer) or bool(select.select([self.socket], [], [], seconds)[0])

    def send(self, parts):
        """Text is said as it is, octets become non-synchronising literals. Returns the tag."""
        self.number += 1
        tag = b"t%d" % self.number
        data = tag + b" "
        for part in parts:
            data += part.encode() if isinstance(part, str) else b"{%d+}\r\n" % len(part) + part
        self.socket.sendall(data + b"\r\n")
        return tag

    def result(self, tag):
        """What is told up to the tagged response, and that one without its tag."""
        untagged = []
        while True:
            response = self.response()
            if response[0].startswith(tag + b" "):
                return untagged, response[0][len(tag) + 1:]
            untagged.append(response)

    def say(self, *parts):
        return self.result(self.send(parts))

    def close(self):
        with contextlib.suppress(OSError):
            self.socket.close()
        self.end()


def unpack_dovecot():
    done = subprocess.run([os.path.join(ROOT, "tools", "unpack_peers.sh"), "dovecot-servers", "dovecot-core", "dovecot-imapd", "dovecot-pop3d"],
                          capture_output=True, text=True, timeout=600)
    if done.returncode != 0:
        raise Failure(f"Dovecot can't be unpacked: {done.stdout}{done.stderr}")
    return done.stdout.split("\n")[0]


class Dovecot:
    """Debian's Dovecot without its master: each session is a process of its imap on a socket, logged in from its greeting on."""
    name = "Dovecot"

    def __init__(self, root, directory, more=""):
        self.root, self.directory = root, directory
        os.makedirs(directory)
        self.as_user = ()
        user = os.getuid()
        if user == 0:  # it gives no mail to root
            user = NOBODY
            os.chown(directory, NOBODY, NOBODY)
            self.as_user = ("setpriv", f"--reuid={NOBODY}", f"--regid={NOBODY}", "--clear-groups")
        self.errors = open(f"{directory}/log", "ab")
        self.environment = {"PATH": os.environ["PATH"], "HOME": directory, "USER": "anna", "RESTRICT_ACCESS_PRESERVE": "1", "TZ": "UTC",
                            "LD_LIBRARY_PATH": f"{root}/usr/lib/dovecot:{root}/usr/lib/x86_64-linux-gnu"}
        with open(f"{directory}/dovecot.conf", "w") as f:
            f.write(f"base_dir = {directory}/run\nstate_dir = {directory}/state\nlog_path = /dev/stderr\n"
                    f"mail_location = sdbox:{directory}/mail\nmail_uid = {user}\nmail_gid = {user}\n"
                    f"mail_plugin_dir = {root}/usr/lib/dovecot/modules\nstats_writer_socket_path =\n"
                    "default_login_user = nobody\ndefault_internal_user = nobody\nssl = no\nimap_literal_minus = no\n"
                    "mailbox_idle_check_interval = 1 s\n"
                    f"namespace inbox {{\n  inbox = yes\n  separator = /\n}}\n{more}")

    def session(self):
        mine, its = socket.socketpair()
        with its:
            process = subprocess.Popen([*self.as_user, f"{self.root}/usr/bin/doveconf", "-f", "service=imap", "-c", f"{self.directory}/dovecot.conf",
                                        "-m", "imap", "-e", f"{self.root}/usr/lib/dovecot/imap"],
                                       stdin=its, stdout=its, stderr=self.errors, env=self.environment)

        def end():
            try:
                process.wait(5)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
        session = Session(mine, end)
        greeting, _ = session.response()
        if not greeting.startswith(b"* PREAUTH"):
            raise Failure(f"Dovecot's greeting: {greeting!r}")
        return session
