"""Mail of a customer waits at its provider until it is fetched by ATRN (RFC 2645): two hosts of ours."""
import json
import os
import signal
import smtplib
import socket
import time

from handing_in import letters
from harness.cases import OFFSET, PASSWORD, ending, expect, made, serving
from harness.server import Failure, Server, free_offset

ODMR = 366
CUSTOMERS = """
[[listener]]
protocol = "odmr"
address = "127.0.0.1:{port}"

[[odmr]]
account = "alice@example.test"
domains = ["customer.test", "other.test"]
"""


def bring(provider, recipient, subject):
    """A letter from a stranger, over the port where everybody brings mail."""
    with smtplib.SMTP("127.0.0.1", provider.port("smtp"), timeout=60) as session:
        session.sendmail("stranger@far.test", [recipient], f"From: stranger@far.test\r\nSubject: {subject}\r\n\r\nthe text\r\n")


def queued(provider):
    return json.loads(provider.command("queue", "list", "--json").stdout)


def until(holds, what, seconds=60):
    end = time.monotonic() + seconds
    while not holds():
        if time.monotonic() > end:
            raise Failure(what())
        time.sleep(0.1)


def refused(provider, port):
    """What is said to who is no customer, and to who does not log in."""
    with socket.create_connection(("127.0.0.1", port), timeout=60) as connection, connection.makefile("rwb", buffering=0) as file:
        def say(line):
            if line:
                file.write(line + b"\r\n")
            while True:
                reply = file.readline()
                if reply[3:4] != b"-":
                    return reply
        expect(say(b"").startswith(b"220 "), "no greeting")
        expect(say(b"EHLO bob.test").startswith(b"250 "), "no EHLO")
        expect(say(b"ATRN customer.test").startswith(b"530 5.7.0"), "ATRN without a login")
        expect(say(b"AUTH PLAIN AGJvYkBleGFtcGxlLnRlc3QAa29ycmVrdC5QZmVyZH45").startswith(b"235 "), "no login")
        expect(say(b"ATRN customer.test").startswith(b"450 4.7.1"), "ATRN by who is no customer")
        expect(say(b"MAIL FROM:<x@y.test>").startswith(b"502 "), "mail over the port of customers")


def add(case):
    @case("a customer fetches by ATRN what waits for its domains")
    def fetched(binary, directory):
        provider = made(binary, directory, accounts=("alice", "bob"))
        port = ODMR + provider.offset
        with open(os.path.join(provider.directory, "angarium.toml"), "a", encoding="utf-8") as f:
            f.write(CUSTOMERS.format(port=port))
        provider.command("config", "check")
        expect("ATRN" in provider.command("config", "explain", "odmr.account").stdout, "config explain says nothing of ATRN")
        expect("transport: atrn" in provider.command("route", "explain", "x@customer.test").stdout, "route explain says another way")
        customer = Server(binary, os.path.join(directory, "customer"), free_offset(OFFSET), domain="customer.test")
        customer.init()
        customer.add_account("alice", PASSWORD)
        with ending(provider), ending(customer):
            lines = provider.start()
            expect(any(f"odmr 127.0.0.1:{port}" in line for line in lines), f"no listener among {lines}")
            customer.start()
            refused(provider, port)
            bring(provider, "alice@customer.test", "first")
            until(lambda: any("ATRN" in str(one) for one in queued(provider)), lambda: f"nothing waits: {queued(provider)}")
            # What waits is there after the worst of ends.
            expect(provider.end(signal.SIGKILL) == -signal.SIGKILL, "it ended by itself")
            provider.start()
            customer.command("fetch", "add", "alice@customer.test", f"odmr://127.0.0.1:{port}", "--name", "provider", "--any-certificate",
                             "--user", "alice@example.test", "--password-stdin", stdin=PASSWORD + "\n")

            def shown():
                return json.loads(customer.command("fetch", "show", "alice@customer.test", "provider", "--json").stdout)
            until(lambda: len(letters(customer)) == 1, lambda: f"{shown()}\n{provider.log_tail()}\n{customer.log_tail()}")
            got = letters(customer)[0]
            expect(b"Subject: first\r\n" in got and b"with ESMTPS" in got, f"it came otherwise:\n{got.decode()}")
            until(lambda: shown()["state"] == "ok" and shown()["messages"] == 1, lambda: f"{shown()}")
            until(lambda: not queued(provider), lambda: f"the queue keeps it: {queued(provider)}")
            told = provider.command("trace", "alice@customer.test").stdout
            expect("localhost" in told and "127.0.0.1" in told, f"the story does not tell who took it:\n{told}")

            bring(provider, "alice@customer.test", "second")
            bring(provider, "nobody@other.test", "for a domain that the customer does not serve")
            customer.command("fetch", "run", "alice@customer.test", "provider")
            until(lambda: len(letters(customer)) == 2, lambda: f"{shown()}\n{customer.log_tail()}")
            # The other one goes back: the customer does not relay for its provider.
            until(lambda: not any("nobody@other.test" in str(one) for one in queued(provider)), lambda: f"{queued(provider)}")
            expect(shown()["state"] == "ok", f"{shown()}")

    @case("fetch run ends as the look does: 75 while it is tried again, 1 where somebody has to put it right; init serves users only where asked")
    def looked(binary, directory):
        server = made(binary, directory, settings=[("auth", "plaintext_without_tls", '"never"')])
        with socket.socket() as closed:
            closed.bind(("127.0.0.1", 0))  # nobody listens
            for name, scheme in (("closed", "imaps"), ("clear", "imap+plain")):
                server.command("fetch", "add", "alice@example.test", f"{scheme}://127.0.0.1:{closed.getsockname()[1] if name == 'closed' else server.port('imap')}",
                               "--name", name, "--user", "alice", "--password-stdin", stdin=PASSWORD + "\n")

            def run(name, code, words):
                done = server.command("fetch", "run", "alice@example.test", name, check=False)
                expect(done.returncode == code and words in done.stdout + done.stderr, f"fetch run {name}: {done}")
            run("closed", 75, "not running")
            with serving(server):
                run("closed", 75, "failing")
                until(lambda: "refused" in server.command("fetch", "show", "alice@example.test", "clear").stdout, lambda: "it is not refused")
                server.command("fetch", "resume", "alice@example.test", "clear")
                done = server.command("fetch", "run", "alice@example.test", "clear", check=False)
                expect(done.returncode in (1, 2), f"fetch run of what is refused: {done}")
        again = server.command("init", "--domain", "example.test", "--system-users", check=False)
        expect(again.returncode == 1 and "system_users" in again.stderr, f"init of what is there: {again}")
