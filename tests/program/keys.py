"""App passwords and the second factor by the command line, with the server running, killed and without it."""
import base64
import hmac
import imaplib
import json
import poplib
import re
import signal
import smtplib
import struct
import time

from harness.cases import PASSWORD, ending, expect, made

ALICE = "alice@example.test"


def code_of(secret, steps=0):
    """The code that an authenticator shows (RFC 6238), made without a line of ours."""
    key = base64.b32decode(secret + "=" * (-len(secret) % 8))
    mac = hmac.digest(key, struct.pack(">Q", int(time.time()) // 30 + steps), "sha1")
    at = mac[-1] & 15
    return f"{(struct.unpack('>I', mac[at:at + 4])[0] & 0x7FFFFFFF) % 1_000_000:06}"


def imap(server, password):
    """What is said to a login by IMAP; nothing: it is in."""
    session = imaplib.IMAP4("localhost", server.port("imap"))
    try:
        session.login(ALICE, password)
        return ""
    except imaplib.IMAP4.error as error:
        return error.args[0].decode()
    finally:
        session.logout()


def pop3(server, password):
    session = poplib.POP3("localhost", server.port("pop3"))
    try:
        session.user(ALICE)
        session.pass_(password)
        return ""
    except poplib.error_proto as error:
        return error.args[0].decode()
    finally:
        session.quit()


def submission(server, password):
    with smtplib.SMTP("localhost", server.port("submission")) as session:
        try:
            session.login(ALICE, password)
            return ""
        except smtplib.SMTPAuthenticationError as error:
            return f"{error.smtp_code} {error.smtp_error.decode()}"


WAYS = {"imap": imap, "pop3": pop3, "smtp": submission}
NOT_FOR_THIS = "This password is not for this service, or is over".lower()
SECOND_FACTOR = "This account has a second factor: log in with an app password".lower()


def verb(server, *words, **more):
    return json.loads(server.command("account", *words, "--json", **more).stdout)


def refused(server, *words):
    done = server.command("account", *words, check=False)
    expect(done.returncode != 0, f"{words} was done: {done.stdout}")
    return done.returncode, done.stderr


def tells_no_secrets(server, *secrets):
    with open(server.log_path, encoding="utf-8", errors="replace") as file:
        log = file.read()
    for secret in (PASSWORD, *secrets):
        expect(secret not in log, f"the log tells {secret}")


def add(case):
    @case("app passwords: made without the server, good for their protocols, over, removed")
    def app_passwords(binary, directory):
        server = made(binary, directory, settings=[("auth", "failures_max", "100"), ("auth", "failure_delay", '"0s"')])
        phone = verb(server, "app-password", "add", ALICE, "phone", "--for", "imap", "--for", "smtp")["password"]
        expect(re.fullmatch(r"[a-z]{4}(-[a-z]{4}){5}", phone), f"an app password is not easy to type: {phone}")
        plain = server.command("account", "app-password", "add", ALICE, "reader", "--for", "pop3").stdout
        reader = re.search(r"^password +(\S+)$", plain, re.M)[1]
        with ending(server):
            server.start()
            soon = verb(server, "app-password", "add", ALICE, "soon", "--expires", "2s")["password"]
            for way, ask in WAYS.items():
                expect(ask(server, PASSWORD) == "", f"{way}: the own password is refused")
                said = ask(server, phone)
                expect(said == "" if way != "pop3" else NOT_FOR_THIS in said.lower(), f"{way}: the phone heard {said}")
                said = ask(server, reader.upper().replace("-", " "))
                expect(said == "" if way == "pop3" else NOT_FOR_THIS in said.lower(), f"{way}: the reader heard {said}")
                time.sleep(0 if way == "imap" else 2)
                expect(NOT_FOR_THIS in ask(server, soon).lower() or way == "imap", f"{way}: what is over goes on")
            rows = {row["name"]: row for row in verb(server, "app-password", "list", ALICE)}
            expect(rows["phone"]["for"] == ["imap", "smtp"] and rows["phone"]["last_for"] == "imap", f"it was not noted: {rows}")
            expect(rows["phone"]["last_from"] == "this host" and rows["soon"]["expires"].endswith("(over)"), f"not so: {rows}")
            # What a command has said was done outlives the server.
            server.end(signal.SIGKILL)
            server.start()
            expect(imap(server, phone) == "", "the phone is refused after a kill")
            server.command("account", "app-password", "remove", ALICE, "phone")
            said = imap(server, phone)
            expect("AUTHENTICATIONFAILED" in said, f"what was removed heard {said}")
            expect(refused(server, "app-password", "remove", ALICE, "phone")[0] == 1, "nothing was removed, and that is well")
            code, told = refused(server, "app-password", "add", ALICE, "x", "--for", "gopher")
            expect(code == 2 and "imap, pop3 or smtp" in told, f"{code}: {told}")
            expect(not json.loads(server.command("verify", "--json").stdout)["damage"], "verify finds damage")
            server.command("account", "remove", ALICE)
            expect(not json.loads(server.command("verify", "--json").stdout)["damage"], "something stays of an account that is gone")
        tells_no_secrets(server, phone, reader, soon)

    @case("a second factor: confirmed by a code, asked for at every protocol, spent codes stay spent over a kill")
    def second_factor(binary, directory):
        server = made(binary, directory, settings=[("auth", "failures_max", "100"), ("auth", "failure_delay", '"0s"')])
        phone = verb(server, "app-password", "add", ALICE, "phone")["password"]
        with ending(server):
            server.start()
            enabled = verb(server, "totp", "enable", ALICE)
            secret = enabled["secret"]
            expect(enabled["url"].startswith("otpauth://totp/") and secret in enabled["url"], f"no URL: {enabled['url']}")
            expect(imap(server, PASSWORD) == "", "it counts before it is confirmed")
            expect(refused(server, "totp", "confirm", ALICE, "12345")[0] == 1, "a code of five digits is taken")
            recovery = verb(server, "totp", "confirm", ALICE, code_of(secret, -1))["recovery_codes"]
            for way, ask in WAYS.items():
                expect(SECOND_FACTOR in ask(server, PASSWORD).lower(), f"{way}: the password is enough")
                expect(ask(server, phone) == "", f"{way}: the app password is refused")
            code = code_of(secret, 1)
            expect(imap(server, f"{PASSWORD}${code}") == "", "the password with a code is refused")
            expect(imap(server, f"{PASSWORD}${recovery[0]}") == "", "the password with a recovery code is refused")
            server.end(signal.SIGKILL)
            server.start()
            for spent in (code, recovery[0]):
                expect("AUTHENTICATIONFAILED" in imap(server, f"{PASSWORD}${spent}"), "a spent code comes back by a kill")
            status = verb(server, "totp", "status", ALICE)
            expect(status["totp"] == "on" and status["recovery_codes_left"] == 9, f"status: {status}")
            expect(secret not in json.dumps(status), "the secret is told twice")
            expect(not json.loads(server.command("verify", "--json").stdout)["damage"], "verify finds damage")
            server.command("account", "totp", "disable", ALICE)
            expect(submission(server, PASSWORD) == "", "switched off it is asked for")
        tells_no_secrets(server, secret, phone, *recovery)
