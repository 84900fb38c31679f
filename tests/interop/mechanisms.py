"""Our clients at Dovecot, by each mechanism that Debian's has for passwords and tokens, announced alone: `angarium fetch` by IMAP and POP3, with and
without TLS, and a relay at its submission service."""
import functools
import json
import os
import smtplib
import subprocess
import time

from harness.cases import Impossible, PASSWORD, expect
from harness.server import Failure, Server, free_offset
from interop.bench import TRACE, case, expect_equal
from interop.directories import until
from interop.layers import Tap, unpack, wait_port
from interop.tokens import Issuer

SECONDS = 60
SOUND = ("PLAIN", "LOGIN", "SCRAM-SHA-1", "SCRAM-SHA-256")
WEAK = ("CRAM-MD5", "DIGEST-MD5")
USER = "anna@sender.test"


@functools.cache
def may_mount():
    """Whether this host lets us lay folders over others, for ourselves alone."""
    return subprocess.run(["unshare", "--mount", "mount", "-t", "overlay", "none", "-o", "lowerdir=/usr:/usr", "/usr"], stderr=subprocess.DEVNULL).returncode == 0


class Master:
    """Dovecot with its master, its login processes and its `auth`, which announces one mechanism and knows one password, unless `passdb` says more. Takes root."""

    def __init__(self, bench, mechanism, passdb=f"driver = static\n  args = password={{PLAIN}}{PASSWORD}"):
        if os.geteuid() != 0 or not may_mount():
            raise Impossible("Dovecot's paths are laid over the host's in a mount namespace, and its processes are other users: that takes root, and the right to mount")
        self.root = unpack("dovecot-master", "dovecot-core", "dovecot-imapd", "dovecot-pop3d", "dovecot-submissiond")
        self.directory = d = f"{bench.directory}/dovecot"
        offset = free_offset(45000, (143, 110, 587))
        self.ports = {"imap": 143 + offset, "pop3": 110 + offset, "submission": 587 + offset}
        for name in ("cur", "new", "tmp"):
            os.makedirs(f"{d}/mail/{name}")
        bench.run("openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-keyout", f"{d}/key.pem", "-out", f"{d}/cert.pem",
                  "-subj", "/CN=dovecot", "-days", "2", "-addext", "subjectAltName=DNS:localhost")
        services = "".join(f"""service {protocol}-login {{
  chroot =
  inet_listener {protocol} {{
    port = {port}
  }}
  inet_listener {protocol}s {{
    port = 0
  }}
}}
""" for protocol, port in self.ports.items())
        with open(f"{d}/dovecot.conf", "w", encoding="utf-8") as f:
            f.write(f"""base_dir = {d}/run
state_dir = {d}/state
log_path = {d}/log
listen = 127.0.0.1
protocols = imap pop3 submission
hostname = localhost
default_login_user = nobody
default_internal_user = nobody
default_internal_group = nogroup
first_valid_uid = 1
first_valid_gid = 1
ssl = yes
ssl_cert = <{d}/cert.pem
ssl_key = <{d}/key.pem
disable_plaintext_auth = no
auth_mechanisms = {mechanism.lower()}
auth_failure_delay = 0
stats_writer_socket_path =
submission_relay_host = 127.0.0.1
submission_relay_port = {bench.server.port("smtp")}
mail_location = maildir:{d}/mail
passdb {{
  {passdb}
}}
userdb {{
  driver = static
  args = uid=65534 gid=65534 home={d}/mail
}}
service config {{
  executable = config -c {d}/dovecot.conf
}}
service anvil {{
  chroot =
  # Else each wrong password has the next login wait longer.
  unix_listener anvil-auth-penalty {{
    mode = 0
  }}
}}
{services}""")

    def put(self, name, letter):
        with open(f"{self.directory}/mail/new/{name}", "wb") as f:
            f.write(letter)

    def __enter__(self):
        for path, _, names in os.walk(f"{self.directory}/mail"):
            for name in (".", *names):
                os.chown(os.path.join(path, name), 65534, 65534)
        # It looks for its modules at the path it was built for.
        self.process = subprocess.Popen(["unshare", "--mount", "sh", "-c", 'mount -t overlay none -o "lowerdir=$1/usr:/usr" /usr && exec dovecot -F -c "$2"', "sh",
                                         self.root, f"{self.directory}/dovecot.conf"], stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                                        stderr=subprocess.DEVNULL)
        try:
            for port in self.ports.values():
                wait_port(port, self.process, "Dovecot")
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_):
        self.process.terminate()
        self.process.wait(SECONDS)

    def log(self):
        with open(f"{self.directory}/log", encoding="utf-8", errors="replace") as f:
            return f.read()

    def logins(self, protocol, mechanism, over):
        """How often it let somebody in by this mechanism, over TLS or not ("secured" is how it calls its own host)."""
        return sum(f"{protocol}-login: Info: Login: user=<anna>, method={mechanism}," in line and f", {over}, session=" in line for line in self.log().split("\n"))

    def expect_login(self, protocol, mechanism, over="TLS"):
        """Its log is written by a process of its own, so it may be late."""
        until(lambda: self.logins(protocol, mechanism, over), f"{protocol}, {over}, a login by {mechanism}", SECONDS)


def made(bench, there, login='password_file = "password"\n'):
    """A server, not started, that relays through Dovecot, over verified TLS and with this login."""
    server = Server(bench.server.binary, f"{bench.directory}/sender", free_offset(29000), domain="sender.test")
    server.init()
    with open(f"{server.directory}/password", "w", encoding="ascii", opener=lambda path, flags: os.open(path, flags, 0o600)) as f:
        f.write(PASSWORD + "\n")
    with open(f"{server.directory}/angarium.toml", "a", encoding="utf-8") as f:
        f.write(f'\n[[relay_login]]\nname = "provider"\nuser = "anna"\n{login}')
    server.configure([("smtp", "relay_networks", '["127.0.0.0/8"]'), ("queue", "retry_first", '"1s"'),
                      ("transport", '"*"', f'"relay localhost:{there.ports["submission"]} tls=verified login=provider"')])
    server.add_account("anna", "another " + PASSWORD)
    return server


def start(server, there):
    server.start(before=("env", f"SSL_CERT_FILE={there.directory}/cert.pem"))


def fetch(server, url, name, password=PASSWORD, by=("--password-stdin",)):
    """What became of it."""
    server.command("fetch", "add", USER, url, "--name", name, "--user", "anna", *by, stdin=password + "\n")
    return fetch_again(server, name)


def fetch_again(server, name):
    done = server.command("fetch", "run", USER, name, "--json", check=False)
    told = json.loads(done.stdout)
    expect((done.returncode == 0) == (told["state"] == "ok"), f"{done.returncode}: {told}")
    return told


def relayed(bench, server, letter, there):
    """Hands a letter to the relay; it comes out at the account of this case."""
    with smtplib.SMTP("127.0.0.1", server.port("smtp"), timeout=20) as session:
        session.sendmail("", [bench.account], letter)
    end = time.monotonic() + SECONDS
    while not (stored := bench.stored()):
        if time.monotonic() > end:
            raise Failure(f"the letter did not come by the relay:\n{server.log_tail()}\n{there.log()[-2000:]}")
        time.sleep(0.1)
    (_, octets), = stored
    expect_equal(octets[TRACE.match(octets).end():], letter, "what was relayed")


@case("Dovecot's mechanisms", SOUND)
def sound(bench, mode):
    there = Master(bench, mode)
    there.put("1.a.test", bench.letter("fetched"))
    with there:
        server = made(bench, there)
        start(server, there)
        try:
            for protocol in ("imap", "pop3"):
                for over, more in (("TLS", ""), ("secured", "+plain")):
                    url, what = f"{protocol}{more}://localhost:{there.ports[protocol]}", f"{protocol}-{over}"
                    told = fetch(server, url, what + "-wrong", "wrong")
                    expect(told["state"] == "refused" and told["messages"] == 0, f"{what}, a wrong password: {told}")
                    told = fetch(server, url, what)
                    expect(told["state"] == "ok" and told["messages"] == 1, f"{what}: {told}")
                    there.expect_login(protocol, mode, over)
            relayed(bench, server, bench.letter("relayed"), there)
            there.expect_login("submission", mode)
        finally:
            server.end()


@case("Dovecot's weak mechanisms, by leave at a relay alone", WEAK)
def weak(bench, mode):
    with Master(bench, mode) as there:
        server = made(bench, there, 'password_file = "password"\nweak_mechanisms = true\n')
        start(server, there)
        try:
            for protocol in ("imap", "pop3"):
                with Tap(there.ports[protocol]) as tap:
                    told = fetch(server, f"{protocol}+plain://localhost:{tap.port}", protocol)
                    expect(told["state"] == "refused", f"{protocol}: {told}")
                    announced, begun = f"AUTH={mode}" if protocol == "imap" else f"SASL {mode}", f"AUTHENTICATE {mode}" if protocol == "imap" else f"AUTH {mode}"
                    expect(announced.encode() in tap.seen and begun.encode() not in tap.seen, f"{protocol}: {tap.seen}")
                    # Its IMAP says LOGINDISABLED; its POP3 announces USER, takes none, and so has heard the password.
                    expect(protocol == "pop3" or PASSWORD.encode() not in tap.seen, f"{protocol}: the password was told")
            relayed(bench, server, bench.letter("relayed"), there)
            there.expect_login("submission", mode)
        finally:
            server.end()


@case("Dovecot's tokens", ["OAUTHBEARER", "XOAUTH2"])
def by_token(bench, mode):
    issuer = Issuer(bench)
    os.makedirs(f"{issuer.directory}/keys/default/RS256")
    issuer.openssl("pkey", "-in", "known.key", "-pubout", "-out", "keys/default/RS256/known")
    with open(f"{issuer.directory}/oauth2", "w", encoding="utf-8") as f:
        f.write(f"introspection_mode = local\nlocal_validation_key_dict = fs:posix:prefix={issuer.directory}/keys/\nusername_attribute = email\n"
                f"issuers = {issuer.url}\n")
    there = Master(bench, mode, f"driver = oauth2\n  mechanisms = oauthbearer xoauth2\n  args = {issuer.directory}/oauth2")
    there.put("1.a.test", bench.letter("fetched"))
    with there:
        server = made(bench, there, 'token_file = "token"\n')
        path = f"{server.directory}/token"

        def keep(**claims):
            with open(path, "w", encoding="ascii", opener=lambda path, flags: os.open(path, flags, 0o600)) as f:
                f.write(issuer.token(sub="anna", email="anna", **claims) + "\n")

        keep()
        start(server, there)
        try:
            for protocol in ("imap", "pop3"):
                keep(exp=int(time.time()) - 3600)
                told = fetch(server, f"{protocol}://localhost:{there.ports[protocol]}", protocol, by=("--token-file", path))
                # A token that is over is replaced by who keeps it fresh, so it is tried again.
                expect(told["state"] == "failing" and told["messages"] == 0, f"{protocol}, a token that is over: {told}")
                keep()
                told = fetch_again(server, protocol)
                expect(told["state"] == "ok" and told["messages"] == 1, f"{protocol}: {told}")
                there.expect_login(protocol, mode)
            relayed(bench, server, bench.letter("relayed"), there)
            there.expect_login("submission", mode)
        finally:
            server.end()
