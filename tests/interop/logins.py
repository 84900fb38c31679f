"""Other programs' mechanisms against ours: curl, GNU SASL, swaks and Cyrus SASL (by mbsync and its OTP plugin) log in, each to a server where everything is
switched on and one account keeps every key."""
import imaplib
import json
import os
import poplib
import smtplib
import ssl
import subprocess
import threading

from harness.cases import PASSWORD, expect
from harness.server import Failure, Server, free_offset
from interop.bench import CLIENT_SECONDS, case
from interop.tickets import cyrus, speak

KEYS = ["scram-sha-512", "cram-md5", "digest-md5", "ntlm", "otp", "apop"]
MECHANISMS = ["SCRAM-SHA-512", "SCRAM-SHA-256", "SCRAM-SHA-1", "SCRAM-SHA-256-PLUS", "SCRAM-SHA-1-PLUS", "DIGEST-MD5", "NTLM", "CRAM-MD5", "OTP",
              "PLAIN", "LOGIN", "EXTERNAL", "ANONYMOUS"]
USER = "weak@example.test"
LETTER = b"From: weak@example.test\r\nTo: weak@example.test\r\nSubject: by every mechanism\r\n\r\nHello.\r\n"


class Place:
    """A server of its own, whose account `weak` has all keys, and whose guests read `public`."""

    def __init__(self, bench, *settings):
        self.bench = bench
        self.server = Server(bench.server.binary, f"{bench.directory}/server", free_offset(29000))
        make_authority(bench)
        names = ", ".join(f'"{name}"' for name in MECHANISMS)
        self.server.init([("auth", "mechanisms", f"[{names}]"), ("auth", "apop", "true"), ("auth", "failures_max", "1000"),
                          ("auth", "failure_delay", '"0s"'), ("auth", "anonymous_account", '"public@example.test"'),
                          ("tls", "client_authorities", f'"{bench.directory}/authority.pem"'), *settings])
        self.server.add_account("weak", PASSWORD)
        self.server.add_account("public", PASSWORD)
        adds = [word for key in KEYS for word in ("--add", key)]
        expect(self.keys(*adds) == {**dict.fromkeys(KEYS, "wanted"), "skey": "none"}, "the keys are not wanted")
        self.server.command("account", "password", USER, "--password-stdin", stdin=PASSWORD + "\n")
        expect(self.keys() == {**dict.fromkeys(KEYS, "kept"), "skey": "none"}, "the keys are not kept")

    def keys(self, *more):
        shown = self.server.command("account", "auth", USER, "--json", *more).stdout
        expect(PASSWORD not in shown, "account auth tells the password")
        return {row["mechanism"]: row["keys"] for row in json.loads(shown)}

    def __enter__(self):
        self.server.start()
        return self

    def __exit__(self, *_):
        self.server.end()
        with open(self.server.log_path, encoding="utf-8", errors="replace") as log:
            expect(PASSWORD not in log.read(), "the log tells the password")

    def port(self, protocol):
        return self.server.port(protocol)


def make_authority(bench):
    """Who vouches for users, a certificate of `weak`, and one of the same name that nobody vouches for."""
    for name, more in (("authority", []), ("user", ["-CA", "authority.pem", "-CAkey", "authority.key"]), ("forged", [])):
        ca = ["-addext", "basicConstraints=critical,CA:true"] if name == "authority" else \
            ["-addext", "basicConstraints=critical,CA:false", "-addext", f"subjectAltName=email:{USER}"]
        bench.run("openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-keyout", f"{name}.key", "-out",
                  f"{name}.pem", "-subj", f"/CN={name}", "-days", "30", *ca, *more)


@case("logins of curl", ["plain"])
def curl_logins(bench, mode):
    with Place(bench) as place:
        letter = bench.write("letter", LETTER)
        for password, good in ((PASSWORD, (0,)), ("wrong", (67,))):
            for mechanism in ("CRAM-MD5", "DIGEST-MD5", "NTLM", "PLAIN", "LOGIN"):
                common = ["curl", "-sS", "--user", f"{USER}:{password}", "--login-options", f"AUTH={mechanism}"]
                bench.run(*common, f"smtp://localhost:{place.port('submission')}", "--mail-from", USER, "--mail-rcpt", USER, "--upload-file", letter,
                          good=good)
                bench.run(*common, f"imap://localhost:{place.port('imap')}/", good=good)
                bench.run(*common, f"pop3://localhost:{place.port('pop3')}/", good=good)
            bench.run("curl", "-sS", "--user", f"{USER}:{password}", "--login-options", "AUTH=+APOP", f"pop3://localhost:{place.port('pop3')}/", good=good)


@case("logins of curl by app passwords", ["plain", "STARTTLS", "implicit TLS"])
def app_password_logins(bench, mode):
    with Place(bench) as place:
        letter = bench.write("letter", LETTER)
        made = {use: json.loads(place.server.command("account", "app-password", "add", USER, use, "--for", use, "--json").stdout)["password"]
                for use in ("imap", "pop3", "smtp")}
        tls = ["--cacert", place.server.certificate, *(["--ssl-reqd"] if mode == "STARTTLS" else [])] if mode != "plain" else []
        end = "s" if mode == "implicit TLS" else ""
        for use, password in made.items():
            for mechanism in ("PLAIN", "LOGIN"):
                common = ["curl", "-sS", *tls, "--user", f"{USER}:{password}", "--login-options", f"AUTH={mechanism}"]
                for protocol, words in (("smtp", ["--mail-from", USER, "--mail-rcpt", USER, "--upload-file", letter]), ("imap", []), ("pop3", [])):
                    port = place.port(("submission" if protocol == "smtp" else protocol) + end)
                    bench.run(*common, f"{protocol}{end}://localhost:{port}/", *words, good=(0,) if use == protocol else (67,))
        for use in made:
            place.server.command("account", "app-password", "remove", USER, use)
        bench.run("curl", "-sS", *tls, "--user", f"{USER}:{made['imap']}", f"imap{end}://localhost:{place.port('imap' + end)}/", good=(67,))


@case("logins of GNU SASL", ["plain", "STARTTLS"])
def gsasl_logins(bench, mode):
    with Place(bench) as place:
        tls = ["--no-starttls"] if mode == "plain" else ["--starttls", f"--x509-ca-file={place.server.certificate}"]
        chosen = ["SCRAM-SHA-256", "SCRAM-SHA-1", "CRAM-MD5", "DIGEST-MD5", "PLAIN", "LOGIN"] if mode == "plain" else ["SCRAM-SHA-256-PLUS", "SCRAM-SHA-1-PLUS"]
        for protocol in ("imap", "smtp"):
            port = place.port("submission" if protocol == "smtp" else "imap")
            for mechanism in chosen:
                for password, good in ((PASSWORD, (0,)), ("wrong", (1,))):
                    bench.run("gsasl", f"--{protocol}", "--connect", f"localhost:{port}", *tls, "--mechanism", mechanism, "--authentication-id", USER,
                              "--password", password, "--service", protocol, "--hostname", "localhost", "--realm", "", "--quality-of-protection", "qop-auth", "--no-client-first", "--quiet",
                              good=good)
        if mode == "plain":
            under_a_layer(bench, place, *tls)


def under_a_layer(bench, place, *more):
    """DIGEST-MD5 with integrity protection: a command and its answer go through the layer. GNU SASL's input has to stay open meanwhile."""
    command = ["gsasl", "--imap", "--connect", f"localhost:{place.port('imap')}", *more, "--mechanism", "DIGEST-MD5", "--authentication-id", USER,
               "--password", PASSWORD, "--service", "imap", "--hostname", "localhost", "--realm", "", "--quality-of-protection", "qop-int", "--no-client-first"]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, cwd=bench.directory) as client:
        too_late = threading.Timer(CLIENT_SECONDS, client.kill)
        too_late.start()
        said = b""
        client.stdin.write(b"x NOOP\r\n")
        client.stdin.flush()
        while b"x OK NOOP" not in said and (line := client.stdout.readline()):
            said += line
        too_late.cancel()
        client.kill()
    expect(b"x OK NOOP" in said, f"under a layer for integrity nothing is heard: {said.decode()}")


@case("logins of swaks", ["plain"])
def swaks_logins(bench, mode):
    with Place(bench) as place:
        for password, good in ((PASSWORD, (0,)), ("wrong", (28,))):
            bench.run("swaks", "--server", "localhost", "--port", str(place.port("submission")), "--auth", "CRAM-MD5", "--auth-user", USER,
                      "--auth-password", password, "--from", USER, "--to", USER, "--quit-after", "AUTH", good=good)


@case("logins of swaks by LMTP", ["plain", "STARTTLS"])
def swaks_lmtp_logins(bench, mode):
    with Place(bench, ("lmtp", "auth", '"required"')) as place:
        common = ["swaks", "--protocol", "LMTP", "--server", "localhost", "--port", str(place.port("lmtp")), "--from", "sender@client.test", "--to", USER,
                  "--data", bench.write("letter", LETTER), *(["--tls"] if mode == "STARTTLS" else [])]
        came = 0
        for mechanism in ("PLAIN", "LOGIN", "CRAM-MD5"):
            login = ["--auth", mechanism, "--auth-user", USER, "--auth-password"]
            bench.run(*common, *login, "wrong", good=(28,))
            said = bench.run(*common, *login, PASSWORD)
            came += 1
            expect(b"LHLO" in said and f"AUTH {mechanism}".encode() in said, f"not by LMTP and {mechanism}: {said.decode()}")
            with imaplib.IMAP4("localhost", place.port("imap")) as imap:
                imap.login(USER, PASSWORD)
                expect(imap.select("INBOX", readonly=True)[1] == [b"%d" % came], f"{mechanism}: the letter is not there")
        # swaks tells by 23 that MAIL was refused.
        said = bench.run(*common, good=(23,))
        expect(b"530 5.7.0" in said, f"who does not log in is told {said.decode()}")


@case("logins of Cyrus SASL", ["plain"])
def cyrus_logins(bench, mode):
    with Place(bench) as place:
        with smtplib.LMTP("127.0.0.1", place.port("lmtp"), timeout=20) as session:
            session.sendmail("", [USER], LETTER)
        for mechanism in ("CRAM-MD5", "DIGEST-MD5", "OTP", "SCRAM-SHA-512", "SCRAM-SHA-256", "SCRAM-SHA-1", "PLAIN", "NTLM"):
            # Its NTLM is of version 1 unless it is told otherwise, and that is not taken.
            for password, good in ((PASSWORD, (1,) if mechanism == "NTLM" else (0,)), ("wrong", (1,))):
                box = f"{bench.directory}/{mechanism}-{password}"
                os.makedirs(box)
                bench.write("rc", f"""IMAPAccount a
Host localhost
Port {place.port('imap')}
User {USER}
Pass {password}
SSLType None
AuthMechs {mechanism}

IMAPStore far
Account a

MaildirStore near
Path {box}/
Inbox {box}/INBOX

Channel c
Far :far:
Near :near:
Patterns INBOX
Create Near
SyncState *
""")
                bench.run("mbsync", "-c", "rc", "-a", good=good)
                if good == (0,):
                    expect(len(os.listdir(f"{box}/INBOX/new")) + len(os.listdir(f"{box}/INBOX/cur")) == 1, f"{mechanism}: the letter was not fetched")


@case("DIGEST-MD5 of Cyrus' test programs, with and without layers", ["plain"])
def cyrus_layers(bench, mode):
    clients = cyrus()
    with Place(bench) as place:
        for program, protocol, say, heard in (("imtest", "imap", b"x NOOP\r\ny LOGOUT\r\n", b"y OK"),
                                              ("pop3test", "pop3", b"STAT\r\nQUIT\r\n", b"+OK 0 0"),
                                              ("smtptest", "submission", b"NOOP\r\nQUIT\r\n", b"221")):
            # Nothing, integrity, and confidentiality by RC4. Its 3DES gives up before it answers: it sets no parity in its keys, and OpenSSL 3
            # takes none without (DES_set_key(3)).
            for strength in ("0", "1", "128"):
                said = speak(place, clients, {}, heard, [f"{clients}/usr/lib/cyrus/bin/{program}", "-m", "DIGEST-MD5", "-p", str(place.port(protocol)),
                                                         "-k", strength, "-l", strength, "-a", USER, "-w", PASSWORD, "localhost"], say)
                expect(b"Authenticated." in said and f"Security strength factor: {strength}".encode() in said and heard in said,
                       f"{program} with a layer of {strength}: {said.decode('utf-8', 'replace')}")
            said = speak(place, clients, {}, heard, [f"{clients}/usr/lib/cyrus/bin/{program}", "-m", "DIGEST-MD5", "-p", str(place.port(protocol)),
                                                     "-a", USER, "-w", "wrong", "localhost"], say)
            expect(b"Authenticated." not in said, f"{program}: a wrong password counts: {said.decode('utf-8', 'replace')}")


def context_of(bench, place, name):
    context = ssl.create_default_context(cafile=place.server.certificate)
    context.load_cert_chain(f"{bench.directory}/{name}.pem", f"{bench.directory}/{name}.key")
    return context


@case("logins by certificate, and of guests", ["implicit TLS"])
def certificate_logins(bench, mode):
    with Place(bench) as place:
        with imaplib.IMAP4_SSL("localhost", place.port("imaps"), ssl_context=context_of(bench, place, "user")) as imap:
            expect("AUTH=EXTERNAL" in imap.capabilities, f"EXTERNAL is not announced: {imap.capabilities}")
            imap.authenticate("EXTERNAL", lambda _: b"")
            imap.select("INBOX")
        with smtplib.SMTP_SSL("localhost", place.port("submissions"), context=context_of(bench, place, "user")) as smtp:
            smtp.ehlo()
            expect(smtp.docmd("AUTH", "EXTERNAL =")[0] == 235, "SMTP: EXTERNAL is refused")
            smtp.sendmail(USER, [USER], LETTER)
        pop3 = poplib.POP3_SSL("localhost", place.port("pop3s"), context=context_of(bench, place, "user"))
        expect(pop3._shortcmd("AUTH EXTERNAL =").startswith(b"+OK"), "POP3: EXTERNAL is refused")
        pop3.quit()
        # Whoever signs the name himself is served as a stranger is.
        with imaplib.IMAP4_SSL("localhost", place.port("imaps"), ssl_context=context_of(bench, place, "forged")) as imap:
            expect("AUTH=EXTERNAL" not in imap.capabilities, "EXTERNAL is announced to who has a forged certificate")
            try:
                imap.authenticate("EXTERNAL", lambda _: b"")
                raise Failure("a forged certificate logs in")
            except imaplib.IMAP4.error:
                pass
        imap = imaplib.IMAP4("localhost", place.port("imap"))
        imap.authenticate("ANONYMOUS", lambda _: b"somebody")
        try:
            imap.select("INBOX")
            raise Failure("a guest may write")
        except imaplib.IMAP4.readonly:
            imap.shutdown()
