"""Logins by access tokens: an issuer of our own publishes its keys over https, curl brings tokens that it signed, and some that must not count."""
import base64
import contextlib
import http.server
import json
import os
import ssl
import subprocess
import threading
import time

from harness.cases import PASSWORD, expect
from harness.server import Failure, Server, free_offset
from interop.bench import CLIENT_SECONDS, case

USER = "weak@example.test"
LETTER = b"From: weak@example.test\r\nTo: weak@example.test\r\nSubject: by a token\r\n\r\nHello.\r\n"
# What each protocol says of a token that is none, and of one that cannot be judged now.
REFUSED = {"imap": b"NO [AUTHENTICATIONFAILED]", "pop3": b"-ERR [AUTH]", "smtp": b"535 5.7.8"}
FOR_NOW = {"imap": b"NO [UNAVAILABLE]", "pop3": b"-ERR [SYS/TEMP]", "smtp": b"454 4.7.0"}
OF_ANOTHER = "of another user"
# How XOAUTH2's reason begins, as it goes over the wire.
REASON = base64.b64encode(b'{"status":"401",')[:20]


def base64url(octets):
    return base64.urlsafe_b64encode(octets).rstrip(b"=").decode()


class Issuer:
    """Gives out tokens, and publishes the key that verifies them while it is there; `stranger` is a key that it never published."""

    def __init__(self, bench):
        self.directory, self.listener = f"{bench.directory}/issuer", None
        os.makedirs(self.directory)
        self.url = f"https://localhost:{443 + free_offset(43000, (443,))}"
        for name in ("known", "stranger"):
            self.openssl("genpkey", "-algorithm", "RSA", "-pkeyopt", "rsa_keygen_bits:2048", "-out", f"{name}.key")
        self.openssl("req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-keyout", "tls.key", "-out", "tls.pem", "-days", "2",
                     "-subj", "/CN=issuer", "-addext", "subjectAltName=DNS:localhost")
        modulus = bytes.fromhex(self.openssl("rsa", "-in", "known.key", "-noout", "-modulus").decode().strip().removeprefix("Modulus="))
        # 65537, openssl's own choice.
        key = {"kty": "RSA", "kid": "known", "use": "sig", "alg": "RS256", "n": base64url(modulus), "e": base64url(b"\x01\x00\x01")}
        self.keys = json.dumps({"keys": [key]}).encode()

    def openssl(self, *words, stdin=b""):
        done = subprocess.run(["openssl", *words], input=stdin, capture_output=True, cwd=self.directory, timeout=CLIENT_SECONDS)
        if done.returncode != 0:
            raise Failure(f"openssl {' '.join(words)}: {done.stderr.decode()}")
        return done.stdout

    def token(self, key="known", named=None, **claims):
        """Signed by this key, under this name of one."""
        now = int(time.time())
        claims = {"iss": self.url, "aud": "mail", "email": USER, "iat": now, "exp": now + 600, **claims}
        signed = ".".join(base64url(json.dumps(part).encode()) for part in ({"alg": "RS256", "typ": "JWT", "kid": named or key}, claims))
        return signed + "." + base64url(self.openssl("dgst", "-sha256", "-sign", f"{key}.key", stdin=signed.encode()))

    def appear(self):
        keys = self.keys

        class Page(http.server.BaseHTTPRequestHandler):
            def do_GET(self):
                self.send_response(200 if self.path == "/keys" else 404)
                self.send_header("Content-Type", "application/jwk-set+json")
                self.send_header("Content-Length", str(len(keys)))
                self.end_headers()
                self.wfile.write(keys)

            def log_message(self, *_):
                pass

        self.listener = http.server.ThreadingHTTPServer(("127.0.0.1", int(self.url.rsplit(":", 1)[1])), Page)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(f"{self.directory}/tls.pem", f"{self.directory}/tls.key")
        self.listener.socket = context.wrap_socket(self.listener.socket, server_side=True)
        threading.Thread(target=self.listener.serve_forever, daemon=True).start()

    def go(self):
        if self.listener is not None:
            self.listener.shutdown()
            self.listener.server_close()
            self.listener = None


@contextlib.contextmanager
def place(bench, mechanism):
    """A server that takes this issuer's tokens by this mechanism, not started, and the issuer, who is away."""
    issuer = Issuer(bench)
    server = Server(bench.server.binary, f"{bench.directory}/server", free_offset(29000))
    server.init([("auth", "failures_max", "1000"), ("auth", "failure_delay", '"0s"')])
    with open(f"{server.directory}/angarium.toml", "a", encoding="utf-8") as f:
        f.write(f'\n[[token_issuer]]\nissuer = "{issuer.url}"\naudience = ["mail"]\ndomains = ["{server.domain}"]\nkeys_url = "{issuer.url}/keys"\n'
                f'ca_file = "{issuer.directory}/tls.pem"\n')
    server.configure([("auth", "mechanisms", f'["{mechanism}", "SCRAM-SHA-256", "PLAIN"]')])
    server.command("config", "check")
    for name in ("weak", "public"):
        server.add_account(name, PASSWORD)
    try:
        yield server, issuer
    finally:
        server.end()
        issuer.go()


def log_in(bench, server, mechanism, protocol, token, good):
    """curl logs in over STARTTLS; all that it says and hears."""
    port = server.port("submission" if protocol == "smtp" else protocol)
    more = ["--mail-from", USER, "--mail-rcpt", USER, "--upload-file", bench.write("letter", LETTER)] if protocol == "smtp" else []
    said = bench.run("curl", "-sSv", "--stderr", "-", "--ssl-reqd", "--cacert", server.certificate, "--user", f"{USER}:", "--oauth2-bearer", token,
                     f"{protocol}://localhost:{port}/", *more, good=(0,) if good else (67,))
    expect(f"{'AUTHENTICATE' if protocol == 'imap' else 'AUTH'} {mechanism}".encode() in said, f"{protocol}: not by {mechanism}:\n{said.decode()}")
    return said


def expect_told(said, wanted, other, what):
    expect(wanted in said and other not in said, f"{what}: not {wanted.decode()}:\n{said[-1000:].decode('utf-8', 'replace')}")


@case("tokens of curl", ["OAUTHBEARER", "XOAUTH2"])
def curl_tokens(bench, mode):
    # curl takes OAUTHBEARER where both are announced, so each is announced alone.
    with place(bench, mode) as (server, issuer):
        server.start()
        for protocol in REFUSED:
            said = log_in(bench, server, mode, protocol, issuer.token(), False)
            expect_told(said, FOR_NOW[protocol], REFUSED[protocol], f"{protocol}, while the issuer is away")
        # The keys are asked for once a minute at most: a server that begins anew asks at once.
        server.end()
        issuer.appear()
        server.start()
        for protocol in REFUSED:
            log_in(bench, server, mode, protocol, issuer.token(), True)
        bad = {"expired": issuer.token(exp=int(time.time()) - 3600), "by a key that nobody published": issuer.token("stranger"),
               "by another key under that name": issuer.token("stranger", "known"), "for another server": issuer.token(aud="calendar"),
               "of another issuer": issuer.token(iss="https://localhost"), OF_ANOTHER: issuer.token(email="public@example.test")}
        for what, token in bad.items():
            for protocol in REFUSED:
                said = log_in(bench, server, mode, protocol, token, False)
                # Of XOAUTH2 curl hears the reason and goes, so it never hears the outcome behind it.
                outcome = b"NO [AUTHORIZATIONFAILED]" if protocol == "imap" and what == OF_ANOTHER else REFUSED[protocol]
                told = REASON if mode == "XOAUTH2" and REASON in said else outcome
                expect_told(said, told, FOR_NOW[protocol], f"{protocol}, a token {what}")
        issuer.go()
        for protocol in REFUSED:
            log_in(bench, server, mode, protocol, issuer.token(), True)
        with open(server.log_path, encoding="utf-8", errors="replace") as log:
            shown = log.read()
        expect("issuer's keys cannot be had" in shown, "the log does not say that the issuer was away")
        expect(issuer.token().split(".", 1)[0] not in shown, "the log tells tokens")
