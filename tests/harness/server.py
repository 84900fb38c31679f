"""The built program as a test sees it: a directory, a process, ports; through the command contract only."""
import os
import re
import select
import signal
import socket
import subprocess
import time

PORTS = {"lmtp": 24, "smtp": 25, "pop3": 110, "imap": 143, "submissions": 465, "submission": 587, "imaps": 993, "pop3s": 995}
# What every test's server has: passwords that cost little to check, a store that takes little room, none of the host's aliases.
SETTINGS = [("auth", "argon2_memory_kib", "8192"), ("auth", "argon2_passes", "1"), ("store", "reserve", '"16 MiB"'), ("local", "aliases", "[]")]
START_SECONDS = 60  # a busy machine and a long replay together stay far below


class Failure(Exception):
    """What a test says when something is not as it must be."""


_claims = []  # abstract sockets, one an offset in use: gone with this process


def free_offset(first, ports=tuple(PORTS.values())):
    """The first offset from `first` on, in steps of 100, at which nobody listens on any of the ports and that no other test has claimed."""
    for offset in range(first, 60000, 100):
        claim = socket.socket(socket.AF_UNIX)
        try:
            claim.bind(f"\0angarium-test-{offset}")
        except OSError:
            claim.close()
            continue
        _claims.append(claim)
        sockets = []
        try:
            for port in ports:
                s = socket.socket()
                s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                sockets.append(s)
                s.bind(("127.0.0.1", port + offset))
            return offset
        except OSError:
            continue
        finally:
            for s in sockets:
                s.close()
    raise Failure("no free ports on 127.0.0.1")


class Server:
    def __init__(self, binary, directory, offset, domain="example.test", host="localhost"):
        self.binary, self.directory, self.offset = os.path.abspath(binary), directory, offset
        self.domain, self.host = domain, host
        self.process = None
        self.log_path = directory + ".log"
        self.certificate = os.path.join(directory, "tls", "cert.pem")

    def port(self, protocol):
        return PORTS[protocol] + self.offset

    def command(self, *arguments, stdin="", timeout=120, check=True):
        done = subprocess.run([self.binary, *arguments, "--dir", self.directory], input=stdin, text=True,
                              capture_output=True, timeout=timeout)
        if check and done.returncode != 0:
            raise Failure(f"angarium {' '.join(arguments)} ended with {done.returncode}:\n{done.stdout}{done.stderr}")
        return done

    def init(self, settings=()):
        """Makes the directory; `settings`, beside SETTINGS, are (section, key, value as it stands in the file)."""
        self.command("init", "--domain", self.domain, "--host", self.host, "--address", "127.0.0.1",
                     "--port-offset", str(self.offset))
        self.configure([*SETTINGS, *settings])
        self.command("config", "check")

    def configure(self, settings):
        """Sets these in the file, whatever stood there; a running server reads it again when it is told to."""
        path = os.path.join(self.directory, "angarium.toml")
        with open(path, encoding="utf-8") as f:
            text = f.read()
        for section, key, value in settings:
            text = re.sub(rf"(?ms)^(\[{section}\]\n(?:(?!^\[).)*?)^{key} *=.*?\n", r"\1", text)
            if re.search(rf"(?m)^\[{section}\]$", text):
                text = re.sub(rf"(?m)^\[{section}\]$", f"[{section}]\n{key} = {value}", text, count=1)
            else:
                text += f"\n[{section}]\n{key} = {value}\n"
        with open(path, "w", encoding="utf-8") as f:
            f.write(text)

    def add_account(self, name, password):
        self.command("account", "add", f"{name}@{self.domain}", "--password-stdin", stdin=password + "\n")

    def spawn(self, before=(), pass_fds=()):
        """Starts the process and does not wait for it; `before` is a command that starts it, which gets the descriptors."""
        with open(self.log_path, "ab") as log:
            self.process = subprocess.Popen([*before, self.binary, "serve", "--dir", self.directory], stdin=subprocess.DEVNULL,
                                            stdout=subprocess.PIPE, stderr=log, pass_fds=pass_fds)

    def wait_ready(self, seconds=START_SECONDS):
        """Waits for the line `ready`; returns the lines before it."""
        lines, rest, end = [], b"", time.monotonic() + seconds
        output = self.process.stdout.fileno()
        while True:
            left = end - time.monotonic()
            if left <= 0 or not select.select([output], [], [], left)[0]:
                raise Failure(f"serve was not ready within {seconds} s; its log: {self.log_tail()}")
            piece = os.read(output, 4096)
            if not piece:
                raise Failure(f"serve ended with {self.process.wait()} before it was ready; its log:\n{self.log_tail()}")
            rest += piece
            *whole, rest = rest.split(b"\n")
            lines += [line.decode("utf-8", "replace") for line in whole]
            if "ready" in lines:
                return lines[:lines.index("ready")]

    def start(self, **how):
        """Starts the process as `how` says to spawn, and waits until it is ready."""
        self.spawn(**how)
        return self.wait_ready()

    def end(self, how=signal.SIGTERM, seconds=60):
        """Ends the process; returns its exit status (negative: the signal that ended it)."""
        if self.process is None:
            return 0
        if self.process.poll() is None:
            self.process.send_signal(how)
        try:
            status = self.process.wait(seconds)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
            raise Failure(f"serve did not end within {seconds} s of signal {int(how)}; its log:\n{self.log_tail()}") from None
        finally:
            self.process.stdout.close()
            self.process = None
        return status

    def log_tail(self, octets=3000):
        try:
            with open(self.log_path, "rb") as f:
                f.seek(max(0, os.path.getsize(self.log_path) - octets))
                return f.read().decode("utf-8", "replace")
        except OSError:
            return "(none)"
