"""Sessions that are open end with what let them in: by the command line, while the server runs."""
import json

from harness.cases import PASSWORD, expect, made, serving
from harness.server import Failure
from harness.wire import Gone, Imap, Pop3, Refused, Smtp

OTHER = "another.Pferd~8"
WORDS = {"imap": b"* BYE", "pop3": b"-ERR", "submission": b"421 4.3.2", "lmtp": b"421 4.3.2"}


def address(name):
    return f"{name}@example.test"


def enter(server, protocol, name, password):
    """A session of this protocol that is logged in, and says nothing then."""
    port = server.port(protocol)
    if protocol == "imap":
        session = Imap(port, address(name), f'"{password}"')
        session.command("SELECT INBOX")
        return session
    if protocol == "pop3":
        return Pop3(port, address(name), password)
    session = Smtp(port, "LHLO" if protocol == "lmtp" else "EHLO")
    session.plain(address(name), password)
    return session


def enter_all(server, name, password):
    return {protocol: enter(server, protocol, name, password) for protocol in WORDS}


def expect_over(sessions, what):
    """Each is told so in its own words, and then ends."""
    for protocol, session in sessions.items():
        try:
            said = session.line()
        except (Gone, Refused) as error:
            raise Failure(f"{what}: {protocol} heard nothing ({error})") from None
        expect(said.startswith(WORDS[protocol]), f"{what}: {protocol} heard {said}")
        try:
            raise Failure(f"{what}: {protocol} heard more: {session.line()}")
        except Gone:
            session.close()


def expect_alive(sessions, what):
    """Nothing was said to any of them, and each answers."""
    for protocol, session in sessions.items():
        try:
            if protocol == "imap":
                session.command("NOOP")
            else:
                session.command("NOOP", *([250] if protocol in ("submission", "lmtp") else []))
        except (Gone, Refused) as error:
            raise Failure(f"{what}: {protocol}: {error}") from None


def app_password(server, name, label, *more):
    return json.loads(server.command("account", "app-password", "add", address(name), label, *more, "--json").stdout)["password"]


def serving_lmtp(binary, directory, *accounts):
    return serving(made(binary, directory, accounts=accounts, settings=[("lmtp", "auth", '"offered"')]))


def set_password(server, name):
    server.command("account", "password", address(name), "--password-stdin", stdin=OTHER + "\n")


def withdraw(server, name, how):
    """What the operator does to the account of this name."""
    if how == "password":
        set_password(server, name)
    elif how == "disable":
        server.command("account", "set", address(name), "--status", "disabled")
    elif how == "remove":
        server.command("account", "remove", address(name))
    else:
        server.command("account", "app-password", "remove", address(name), how)


def add(case):
    @case("sessions end with what let them in: app passwords, the password, an account that is disabled or removed")
    def leaving(binary, directory):
        # One account each: POP3 has one session a maildrop.
        ways = {"alice": "phone", "bob": "password", "carol": "disable", "dave": "remove", "erin": "remove"}
        with serving_lmtp(binary, directory, *ways) as server:
            secrets = dict.fromkeys(ways, PASSWORD)
            for name in ("alice", "erin"):
                secrets[name] = app_password(server, name, "phone")
            app_password(server, "alice", "laptop")
            sessions = {name: enter_all(server, name, secret) for name, secret in secrets.items()}
            withdraw(server, "alice", "laptop")
            server.command("account", "set", address("bob"), "--name", "Bob")
            set_password(server, "erin")
            for name, how in ways.items():
                for there, open_ones in sessions.items():
                    expect_alive(open_ones, f"before {how} for {name}: {there}")
                withdraw(server, name, how)
                expect_over(sessions.pop(name), f"{how} for {name}")
                try:
                    enter(server, "imap", name, secrets[name])
                    raise Failure(f"{name} comes in again")
                except Refused:
                    pass
            expect(enter(server, "imap", "bob", OTHER), "the new password lets nobody in")

    @case("sessions end when the day of their app password is over, those by the password go on")
    def days(binary, directory):
        with serving_lmtp(binary, directory, "alice") as server:
            by_password = {"imap": enter(server, "imap", "alice", PASSWORD)}
            by_soon = enter_all(server, "alice", app_password(server, "alice", "soon", "--expires", "10s"))
            expect_over(by_soon, "the day of the app password is over")
            expect_alive(by_password, "the day of an app password is over")
