"""`angarium mail VERB`: accounts at other hosts, here our own server over TLS, from scripts and with an editor."""
import contextlib
import json
import os
import pty
import select
import signal
import socket
import subprocess

from harness.cases import PASSWORD, expect, made, serving

LETTER = b"See you at noon.\n.\nFrom here on\n"


class User:
    """Somebody with a home folder, who trusts the server's certificate or does not."""

    def __init__(self, server, directory, name="alice"):
        self.server, self.home, self.name = server, os.path.join(directory, "home-" + name), name
        self.address = f"{name}@{server.domain}"
        os.mkdir(self.home)
        self.secret = os.path.join(self.home, "secret")
        with open(self.secret, "w", encoding="ascii") as file:
            file.write(PASSWORD + "\n")
        os.chmod(self.secret, 0o600)
        self.config = os.path.join(self.home, ".config/angarium/mail.toml")
        self.environment = {"PATH": os.environ["PATH"], "HOME": self.home, "SSL_CERT_FILE": server.certificate, "TZ": "UTC"}

    def run(self, *words, stdin=b"", code=0, **environment):
        done = subprocess.run([self.server.binary, "mail", *words], input=stdin, capture_output=True, timeout=120, check=False,
                              cwd=self.home, env={**self.environment, **environment})
        expect(done.returncode == code, f"mail {words} ended with {done.returncode}: {done.stdout}{done.stderr}")
        self.told = (done.stdout + done.stderr).decode()
        expect(PASSWORD not in self.told, "the password is told")
        return done.stdout

    def host(self, protocol):
        return f"localhost:{self.server.port(protocol)}"

    def add(self, name, *words, code=0, **environment):
        return self.run("account", "add", name, "--address", self.address, "--password-command", f"cat {self.secret}", *words, code=code,
                        **environment)

    def list(self, *words):
        return json.loads(self.run("list", "--json", *words))["messages"]

    def subjects(self, *words):
        return [one["subject"] for one in self.list(*words)]

    def path(self, name):
        return os.path.join(self.home, name)

    def read(self, name):
        with open(self.path(name), "rb") as file:
            return file.read()


def expect_accounts(user):
    """Ports and TLS are found out; who is not the server that was meant gets no password; the file is strict."""
    user.add("plain", "--imap", user.host("imaps"), "--smtp", user.host("submissions"))
    user.add("later", "--imap", user.host("imap"), "--smtp", user.host("submission"))
    with open(user.config, encoding="utf-8") as file:
        text = file.read()
    for word in ("imaps://", "imap://", "submissions://", "submission://"):
        expect(word in text, f"{word} is not found out: {text}")
    expect(os.stat(user.config).st_mode & 0o077 == 0, "others may read the accounts")
    expect([row["name"] for row in json.loads(user.run("account", "list", "--json"))] == ["plain", "later"], "account list")
    user.run("account", "check", "later")
    expect("STARTTLS, logged in" in user.told, f"account check: {user.told}")
    user.add("plain", "--imap", user.host("imaps"), code=2)
    expect("already" in user.told, f"the name twice: {user.told}")
    user.add("far", "--imap", user.host("imaps"), code=1, SSL_CERT_FILE="/dev/null")
    expect("nobody vouches" in user.told and "sha256:" in user.told, f"a stranger: {user.told}")
    key = user.told[user.told.index("sha256:"):][:71]
    user.add("known", "--imap", user.host("imaps"), "--key", key, SSL_CERT_FILE="/dev/null")
    user.run("list", "-A", "knwon", code=2)
    expect("did you mean 'known'" in user.told, f"a slip: {user.told}")
    with open(user.config, "a", encoding="utf-8") as file:
        file.write('\n[[account]]\nname = "open"\nuser = "u"\nimap = "localhost"\npassword = "x"\n')
    os.chmod(user.config, 0o644)
    user.run("list", code=1)
    expect("chmod 600" in user.told, f"a password for all: {user.told}")
    with open(user.config, "w", encoding="utf-8") as file:
        file.write(text)
    os.chmod(user.config, 0o600)
    user.run("list", "--imap", user.host("imaps"), "--user", user.address, "--password-file", user.secret)


def expect_letters(alice, bob):
    """There and back, with attachments, copies and marks."""
    with open(alice.path("menu.pdf"), "wb") as file:
        file.write(bytes(range(256)) * 4)
    alice.run("send", "Bob <" + bob.address + ">", "-s", "Grüße", "-b", alice.address, "--attach", "menu.pdf", stdin=LETTER)
    expect(alice.subjects("Sent") == ["Grüße"] and alice.subjects() == ["Grüße"], "the copies")
    letter, = bob.list("--unread")
    expect(letter["from"] == alice.address and letter["to"] == f"Bob <{bob.address}>", f"{letter}")
    shown = json.loads(bob.run("read", letter["id"], "--json"))
    expect(shown["text"].startswith(LETTER.decode()) and shown["attachments"][0]["name"] == "menu.pdf", f"{shown}")
    expect(bob.list()[0]["flags"] == ["seen"] and not bob.list("--unread"), "it is read")
    bob.run("save", "last", "--part", "1")
    expect(bob.read("menu.pdf") == bytes(range(256)) * 4, "what was saved")
    bob.run("save", "last", "--part", "1", code=1)
    expect("there already" in bob.told, f"twice: {bob.told}")
    bob.run("reply", letter["id"], "--quote", stdin=b"Yes.\n")
    answer = json.loads(alice.run("read", "last", "--json"))
    expect(answer["subject"] == "Re: Grüße" and answer["text"].startswith("Yes.\n\n"), f"{answer}")
    expect("> See you at noon." in answer["text"], f"what is quoted: {answer}")
    raw = alice.run("read", "last", "--raw")
    expect(f"In-Reply-To: {letter['message_id']}".encode() in raw, "the thread")
    expect("answered" in bob.list()[0]["flags"], "it is answered")
    bob.run("forward", "last", alice.address, stdin=b"")
    expect(alice.subjects() == ["Grüße", "Re: Grüße", "Fwd: Grüße"], f"{alice.subjects()}")
    alice.run("save", "last", "--part", "1", "whole.eml")
    expect(b"Subject: =?" in alice.read("whole.eml"), "the whole message goes on")
    alice.run("flag", "last", "--set", "flagged", "--clear", "seen")
    expect(alice.subjects("--flagged") == ["Fwd: Grüße"], "flags")
    alice.run("move", "last", "--to", "Archive")
    expect(alice.subjects("Archive") == ["Fwd: Grüße"], "what was moved")
    alice.run("delete", *[one["id"] for one in alice.list()])
    expect(alice.list() == [], "what was deleted")
    alice.run("read", "99", code=1)
    expect("no message 99" in alice.told and "mail list" in alice.told, f"nothing there: {alice.told}")
    expect({row["name"]: row["messages"] for row in json.loads(alice.run("folders", "--counts", "--json"))["folders"]}["Archive"] == 1, "folders")


def expect_pop3(bob):
    bob.add("pop", "--pop3", bob.host("pop3s"), "--smtp", bob.host("submissions"))
    bob.add("stls", "--pop3", bob.host("pop3"))
    letter, = bob.list("-A", "pop")
    expect(letter["subject"] == "Grüße" and "flags" not in letter, f"{letter}")
    expect(b"See you at noon." in bob.run("read", "1", "-A", "stls"), "read by POP3")
    bob.run("delete", "1", "-A", "pop", code=2)
    expect(letter["id"] in bob.told, f"by its id: {bob.told}")
    bob.run("delete", letter["id"], "-A", "pop")
    expect(bob.list("-A", "pop") == [], "what was deleted by POP3")


def expect_kept(alice, code):
    """What cannot be sent is kept, and nothing is lost of it."""
    alice.run("send", "bob@example.test", "-s", "kept", "-b", "carl@example.test", "--attach", "menu.pdf", stdin=LETTER, code=code)
    expect("dead.letter" in alice.told, f"where it is kept: {alice.told}")
    dead = alice.read("dead.letter")
    expect(b"Bcc: carl@example.test" in dead and b"See you at noon." in dead and b"menu.pdf" in dead, f"what is kept: {dead}")


def expect_editor(alice):
    """At a terminal an editor is asked for the text."""
    with open(alice.path("editor"), "w", encoding="ascii") as file:
        file.write("#!/bin/sh\necho written >>$1\n")
    os.chmod(alice.path("editor"), 0o700)
    seat, terminal = pty.openpty()
    done = subprocess.run([alice.server.binary, "mail", "send", alice.address, "-s", "by editor"], stdin=terminal, capture_output=True, timeout=120,
                          check=False, cwd=alice.home, env={**alice.environment, "EDITOR": alice.path("editor")})
    os.close(terminal)
    os.close(seat)
    expect(done.returncode == 0, f"with an editor: {done.stdout}{done.stderr}")
    expect(json.loads(alice.run("read", "last", "--json"))["text"] == "written\n", "what the editor wrote")


def expect_typed(alice):
    """A password is typed at the terminal, with the keys that erase, and not shown."""
    child, terminal = pty.fork()
    if child == 0:
        os.chdir(alice.home)
        os.execve(alice.server.binary, ["angarium", "mail", "send", alice.address, "-s", "typed", "--address", alice.address, "--smtp",
                                        f"submissions://{alice.host('submissions')}", "--user", alice.address],
                  {**alice.environment, "EDITOR": alice.path("editor")})
    seen = b""
    while b"Password of" not in seen:
        seen += os.read(terminal, 4096)
    secret = PASSWORD.encode()
    os.write(terminal, b"wrong\x15" + secret[:-1] + "é".encode() + b"\x7f\x7f" + secret[-2:] + b" word\x17\x7f\n")
    with contextlib.suppress(OSError):
        while piece := os.read(terminal, 4096):
            seen += piece
    _, status = os.waitpid(child, 0)
    os.close(terminal)
    expect(os.waitstatus_to_exitcode(status) == 0 and secret[:3] not in seen.split(b"Password of")[1], f"a typed password: {status} {seen}")


def expect_interrupt(alice):
    """Ctrl-C ends what hangs at a server, and what was written is not lost; at the question for the password nothing is tried with half of it."""
    with socket.create_server(("127.0.0.1", 0)) as silent:
        silent.settimeout(60)
        host = f"127.0.0.1:{silent.getsockname()[1]}"
        login = ("--user", "alice")
        # Ctrl-C, Ctrl-\ and Ctrl-Z at the question: none of them is part of the password, or leaves a terminal that shows nothing.
        for key, more, asks in ((b"\x03", ("--no-smtp-login",), False), (b"\x03", login, True), (b"\x1c", login, True), (b"\x1a", login, True)):
            child, terminal = pty.fork()
            if child == 0:
                signal.signal(signal.SIGINT, signal.SIG_DFL)  # who tests in the background hands on that it is ignored
                os.chdir(alice.home)
                os.execve(alice.server.binary, ["angarium", "mail", "send", alice.address, "-s", "x", "--address", alice.address, "--smtp",
                                                f"submission+plain://{host}", *more], {**alice.environment, "EDITOR": alice.path("editor")})
            seen = b""
            if asks:
                while b"Password of" not in seen:
                    seen += os.read(terminal, 4096)
                os.write(terminal, b"half")
            else:
                connection, _ = silent.accept()
            os.write(terminal, key)
            with contextlib.suppress(OSError):  # a terminal whose last user has gone
                while True:
                    expect(select.select([terminal], [], [], 60)[0], f"{key} goes unheard: {seen}")
                    piece = os.read(terminal, 4096)
                    if not piece:
                        break
                    seen += piece
            _, status = os.waitpid(child, 0)
            os.close(terminal)
            if asks:
                expect(os.waitstatus_to_exitcode(status) == 1 and b"no password was given" in seen and b"half" not in seen, f"at the question: {status} {seen}")
            else:
                connection.close()
                expect(os.waitstatus_to_exitcode(status) == -signal.SIGINT, f"an interrupt: {status} {seen}")
                kept, = [name for name in os.listdir(alice.home) if name.startswith("unsent-")]
                expect(b"written" in alice.read(kept), "what is kept")


def add(case):
    @case("mail elsewhere: accounts by TLS of both kinds; send, list, read, save, reply, forward, flag, move, delete by IMAP and POP3")
    def everything(binary, directory):
        server = made(binary, directory, accounts=("alice", "bob"))
        with serving(server):
            alice, bob = User(server, directory), User(server, directory, "bob")
            expect_accounts(alice)
            bob.add("home", "--imap", bob.host("imaps"), "--smtp", bob.host("submissions"))
            expect_letters(alice, bob)
            expect_pop3(bob)
            expect_editor(alice)
            expect_typed(alice)
            expect_interrupt(alice)
            # Nobody of that name: the server refuses.
            alice.run("send", "nobody@example.test", "-s", "x", stdin=LETTER, code=1)
            os.unlink(alice.path("dead.letter"))  # of both: the refused and the one without a password
        expect_kept(alice, 75)
        alice.run("list", code=75)
        expect(b"First steps" in subprocess.run([binary, "help", "mail"], capture_output=True, check=True).stdout, "help mail")
