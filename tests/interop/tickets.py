"""Logins by tickets of a real key distribution centre (MIT's): curl, GNU SASL and Cyrus' test programs with and without security layers, and tickets
that must not count: of other realms, for other services, over, used before, and none at all."""
import base64
import contextlib
import ctypes
import imaplib
import os
import poplib
import smtplib
import socket
import ssl
import subprocess
import sys
import threading
import time

from harness.cases import PASSWORD, expect
from harness.server import Failure, Server, free_offset
from interop.bench import CLIENT_SECONDS, case

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))

REALM = "EXAMPLE.TEST"
USER = "weak@example.test"
SERVICES = {"imap": "imap", "submission": "smtp", "pop3": "pop"}
MECHANISMS = ["GS2-KRB5-PLUS", "GS2-KRB5", "GSSAPI", "SCRAM-SHA-256", "PLAIN"]
# Kerberos, as the first token of a mechanism names it (RFC 2743 §3.1).
KERBEROS = bytes.fromhex("06092a864886f712010202")
LETTER = b"From: weak@example.test\r\nTo: weak@example.test\r\nSubject: by a ticket\r\n\r\nHello.\r\n"
KDC_SECONDS = 60  # until it is up on a busy machine


class Kdc:
    """A key distribution centre on loopback with a database of its own, and what its users keep."""

    def __init__(self, directory):
        self.directory, self.port, self.process = directory, 88 + free_offset(35000, (88,)), None
        os.makedirs(directory)
        self.write("krb5.conf", f"""[libdefaults]
default_realm = {REALM}
dns_lookup_kdc = false
dns_lookup_realm = false
dns_canonicalize_hostname = false
qualify_shortname = ""
rdns = false
[realms]
{REALM} = {{
  kdc = 127.0.0.1:{self.port}
}}
[domain_realm]
localhost = {REALM}
""")
        self.write("kdc.conf", f"""[kdcdefaults]
kdc_listen = 127.0.0.1:{self.port}
kdc_tcp_listen = 127.0.0.1:{self.port}
[realms]
{REALM} = {{
  database_name = {directory}/principal
  key_stash_file = {directory}/stash
  acl_file = {directory}/acl
}}
[logging]
kdc = FILE:{directory}/kdc.log
""")
        self.environment = {"KRB5_CONFIG": f"{directory}/krb5.conf", "KRB5_KDC_PROFILE": f"{directory}/kdc.conf",
                            "PATH": os.environ["PATH"] + ":/usr/sbin"}
        self.run("kdb5_util", "create", "-s", "-r", REALM, "-P", "master")
        for user in ("weak", "public", "weak/admin"):
            self.admin(f"addprinc -pw {PASSWORD} {user}")
        for service in (*SERVICES.values(), "host"):
            self.admin(f"addprinc -randkey {service}/localhost")
            self.admin(f"ktadd -k {directory}/mail.keytab {service}/localhost")
        # Of these the server has no key, or another one.
        self.admin("addprinc -randkey imap/elsewhere.test")
        self.admin(f"ktadd -k {directory}/mail.keytab imap/elsewhere.test")

    def write(self, name, text):
        with open(os.path.join(self.directory, name), "w", encoding="utf-8") as f:
            f.write(text)

    def run(self, *command, stdin="", good=(0,)):
        done = subprocess.run(command, input=stdin, text=True, capture_output=True, timeout=CLIENT_SECONDS, env=self.environment, cwd=self.directory)
        if done.returncode not in good:
            raise Failure(f"{' '.join(command)} ended with {done.returncode}:\n{done.stdout}{done.stderr}")
        return done.stdout

    def admin(self, query):
        said = self.run("kadmin.local", "-r", REALM, "-q", query)
        expect("created." in said or "added to keytab" in said or "modified" in said or "changed" in said, f"{query}: {said}")

    def tickets(self, user="weak", *more):
        """The path of a new cache with this user's tickets."""
        path = os.path.join(self.directory, user.replace("/", "-"))
        self.run("kinit", "-c", path, *more, user, stdin=PASSWORD + "\n")
        return path

    def of(self, user="weak", *more):
        """The environment of a client that comes with this user's tickets."""
        return {**self.environment, "KRB5CCNAME": "FILE:" + self.tickets(user, *more)}

    def __enter__(self):
        self.process = subprocess.Popen(["krb5kdc", "-n", "-r", REALM], stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
                                        env=self.environment)
        end = time.monotonic() + KDC_SECONDS
        while True:
            with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", self.port), 1):
                return self
            if self.process.poll() is not None or time.monotonic() > end:
                raise Failure("krb5kdc does not come up")
            time.sleep(0.1)

    def __exit__(self, *_):
        self.process.terminate()
        self.process.wait(KDC_SECONDS)


class Place:
    """A server with a keytab, beside its key distribution centre. No password of `weak` is known to it."""

    def __init__(self, bench, *settings):
        self.bench, self.kdc = bench, Kdc(f"{bench.directory}/kdc")
        self.server = Server(bench.server.binary, f"{bench.directory}/server", free_offset(33000))
        names = ", ".join(f'"{name}"' for name in MECHANISMS)
        realm = f'[[kerberos_realm]]\nrealm = "{REALM}"\ndomain = "example.test"\n'
        self.server.init([("auth", "failures_max", "1000"), ("auth", "failure_delay", '"0s"'), *settings])
        with open(f"{self.server.directory}/angarium.toml", "a", encoding="utf-8") as f:
            f.write("\n" + realm)
        self.server.configure([("auth", "mechanisms", f"[{names}]"), ("kerberos", "keytab", f'"{self.kdc.directory}/mail.keytab"')])
        self.server.command("config", "check")
        for name in ("weak", "public"):
            self.server.add_account(name, "another " + PASSWORD)

    def __enter__(self):
        self.kdc.__enter__()
        try:
            before = ("env", f"KRB5_CONFIG={self.kdc.environment['KRB5_CONFIG']}")
            self.server.start(before=before)
        except BaseException:
            self.kdc.__exit__()
            raise
        return self

    def __exit__(self, *_):
        try:
            self.server.end()
        finally:
            self.kdc.__exit__()

    def port(self, protocol):
        return self.server.port(protocol)

    def client(self, *command, environment, good=(0,), stdin=b""):
        return self.bench.run(*command, environment=environment, good=good, stdin=stdin)


@case("tickets of curl", ["plain"])
def curl_tickets(bench, mode):
    with Place(bench) as place:
        letter = bench.write("letter", LETTER)
        common = ["curl", "-sS", "--user", f"{USER}:", "--login-options", "AUTH=GSSAPI"]
        for user, good in (("weak", (0,)), (None, (67, 94)), ("weak/admin", (67,))):
            environment = place.kdc.of(user) if user else {**place.kdc.environment, "KRB5CCNAME": "FILE:/nowhere"}
            place.client(*common, f"smtp://localhost:{place.port('submission')}", "--mail-from", USER, "--mail-rcpt", USER, "--upload-file", letter,
                         environment=environment, good=good)
            place.client(*common, f"imap://localhost:{place.port('imap')}/", environment=environment, good=good)
            place.client(*common, f"pop3://localhost:{place.port('pop3')}/", environment=environment, good=good)


@case("tickets of GNU SASL", ["plain", "STARTTLS"])
def gsasl_tickets(bench, mode):
    with Place(bench) as place:
        tls = ["--no-starttls"] if mode == "plain" else ["--starttls", f"--x509-ca-file={place.server.certificate}"]
        environment = place.kdc.of()
        # Without TLS a server offers layers, of which GNU SASL takes none and yet says how much it would take: RFC 4752 §3.2 has that refused.
        mechanisms = ("GS2-KRB5",) if mode == "plain" else ("GS2-KRB5", "GSSAPI")
        for protocol, port in (("imap", "imap"), ("smtp", "submission")):
            for mechanism in mechanisms:
                for acting_as, good in (([], (0,)), (["--authorization-id", USER], (0,)), (["--authorization-id", "public@example.test"], (1,))):
                    place.client("gsasl", f"--{protocol}", "--connect", f"localhost:{place.port(port)}", *tls, "--mechanism", mechanism,
                                 "--authentication-id", "weak", *acting_as, "--service", protocol, "--hostname", "localhost",
                                 "--quality-of-protection", "qop-auth", "--no-client-first", "--no-cb", "--quiet", environment=environment, good=good)


def cyrus():
    """Where imtest and its kin are unpacked: installed, they bring a mail server and its /etc/aliases with them."""
    done = subprocess.run([os.path.join(ROOT, "tools", "unpack_peers.sh"), "cyrus-clients", "cyrus-clients", "cyrus-common"], capture_output=True, text=True, timeout=600)
    if done.returncode != 0:
        raise Failure("Cyrus's clients can't be unpacked: " + done.stdout + done.stderr)
    return done.stdout.split("\n")[0]


@case("tickets of Cyrus SASL, with and without layers", ["plain", "STARTTLS"])
def cyrus_tickets(bench, mode):
    clients = cyrus()
    with Place(bench) as place:
        environment = place.kdc.of()
        # The least and the most that a layer has to protect: nothing, integrity, confidentiality. Under TLS there is none.
        strengths = (("0", "0"), ("1", "1"), ("56", "256")) if mode == "plain" else (("0", "0"), ("0", "256"))
        tls = [] if mode == "plain" else ["-t", ""]
        for program, protocol, say, heard in (("imtest", "imap", b"x NOOP\r\ny LOGOUT\r\n", b"y OK"),
                                              ("pop3test", "pop3", b"STAT\r\nQUIT\r\n", b"+OK 0 0"),
                                              ("smtptest", "submission", b"NOOP\r\nQUIT\r\n", b"221")):
            for least, most in strengths:
                said = speak(place, clients, environment, heard, [f"{clients}/usr/lib/cyrus/bin/{program}", "-m", "GSSAPI", *tls, "-p", str(place.port(protocol)), "-k", least, "-l", most,
                                                         "-a", "weak", "-u", USER, "localhost"], say)
                expect(b"Authenticated." in said and heard in said, f"{program} with layers of {least} to {most}: {said.decode('utf-8', 'replace')}")
                expect(mode != "plain" or f"Security strength factor: {most}".encode() in said,
                       f"{program}: not the layer that was asked for: {said.decode('utf-8', 'replace')}")


def speak(place, clients, environment, until, command, lines):
    """What a client that goes on speaking behind its login hears; its input has to stay open meanwhile."""
    home = {"HOME": place.bench.directory, **environment, "PATH": os.environ["PATH"],
            "LD_LIBRARY_PATH": f"{clients}/usr/lib/cyrus/lib:{clients}/usr/lib/x86_64-linux-gnu"}
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, env=home, cwd=place.bench.directory) as client:
        too_late = threading.Timer(CLIENT_SECONDS, client.kill)
        too_late.start()
        said = b""
        while b"Security strength factor" not in said and (line := client.stdout.readline()):
            said += line
        with contextlib.suppress(OSError):
            client.stdin.write(lines)
            client.stdin.flush()
        while until not in said and (line := client.stdout.readline()):
            said += line
        too_late.cancel()
        client.kill()
    return said


def first_token(place, service, environment):
    """A client's first token for a service of localhost, out of GNU SASL talking to a socket of ours."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
        with subprocess.Popen(["gsasl", "--imap", "--connect", f"localhost:{port}", "--no-starttls", "--mechanism", "GSSAPI", "--authentication-id", "weak",
                               "--authorization-id", "", "--service", service, "--hostname", "localhost", "--no-client-first", "--quiet"],
                              stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
                              env={"PATH": os.environ["PATH"], "HOME": place.bench.directory, **environment}) as client:
            listener.settimeout(CLIENT_SECONDS)
            try:
                connection, _ = listener.accept()
                with connection, connection.makefile("rwb") as stream:
                    connection.settimeout(CLIENT_SECONDS)
                    stream.write(b"* OK hello\r\n")
                    stream.flush()
                    while line := stream.readline():
                        tag, _, rest = line.partition(b" ")
                        if rest.upper().startswith(b"CAPABILITY"):
                            stream.write(b"* CAPABILITY IMAP4rev1 AUTH=GSSAPI\r\n" + tag + b" OK done\r\n")
                        elif rest.upper().startswith(b"AUTHENTICATE"):
                            stream.write(b"+ \r\n")
                        elif len(line) > 200:
                            return base64.b64decode(line)
                        stream.flush()
            finally:
                client.kill()
    raise Failure("GNU SASL says no token")


def answer(place, token, mechanism="GSSAPI"):
    """What IMAP says to a first token: "+" and a challenge, or how it refuses."""
    imap = imaplib.IMAP4("127.0.0.1", place.port("imap"))
    try:
        return imap.authenticate(mechanism, lambda data: token if not data else None)[0]
    except imaplib.IMAP4.error as refused:
        return str(refused)
    finally:
        imap.shutdown()


class Octets(ctypes.Structure):
    _fields_ = [("length", ctypes.c_size_t), ("value", ctypes.c_char_p)]


class Bindings(ctypes.Structure):
    _fields_ = [("initiator_type", ctypes.c_uint32), ("initiator", Octets), ("acceptor_type", ctypes.c_uint32), ("acceptor", Octets),
                ("application", Octets)]


def bound_token(bindings, target=b"imap@localhost"):
    """A first token for a service, bound by MIT's library, in a process of its own whose environment has the tickets."""
    gss = ctypes.CDLL("libgssapi_krb5.so.2")
    minor, name, context, out = ctypes.c_uint32(), ctypes.c_void_p(), ctypes.c_void_p(), Octets()
    service = Octets(len(target), target)
    hostbased = ctypes.c_void_p.in_dll(gss, "GSS_C_NT_HOSTBASED_SERVICE")
    kerberos = ctypes.c_void_p.in_dll(gss, "gss_mech_krb5")
    major = gss.gss_import_name(ctypes.byref(minor), ctypes.byref(service), hostbased, ctypes.byref(name))
    bound = Bindings(0, Octets(), 0, Octets(), Octets(len(bindings), bindings))
    mutual, integrity = 2, 32
    major |= gss.gss_init_sec_context(ctypes.byref(minor), None, ctypes.byref(context), name, kerberos, mutual | integrity, 0, ctypes.byref(bound), None,
                                      None, ctypes.byref(out), None, None)
    if major & 0xFFFF0000:
        raise SystemExit(f"no token: {major:#x}, {minor.value}")
    return ctypes.string_at(ctypes.cast(ctypes.pointer(out), ctypes.POINTER(ctypes.c_void_p))[1], out.length)


@case("tickets bound to the channel", ["STARTTLS"])
def bound_tickets(bench, mode):
    """GS2-KRB5-PLUS over TLS 1.2, whose tls-unique Python knows."""
    with Place(bench) as place:
        environment = {**os.environ, **place.kdc.of(), "PYTHONPATH": os.path.dirname(os.path.dirname(os.path.abspath(__file__)))}
        program = "import sys; from interop.tickets import bound_token; sys.stdout.buffer.write(bound_token(bytes.fromhex(sys.argv[1])))"
        context = ssl.create_default_context(cafile=place.server.certificate)
        context.maximum_version = ssl.TLSVersion.TLSv1_2
        for flag, mechanism, spoilt, good in ((b"p=tls-unique,,", "GS2-KRB5-PLUS", False, True), (b"p=tls-unique,,", "GS2-KRB5-PLUS", True, False),
                                              (b"n,,", "GS2-KRB5", False, True), (b"y,,", "GS2-KRB5", False, False),
                                              (b"n,,", "GS2-KRB5-PLUS", False, False)):
            imap = imaplib.IMAP4("localhost", place.port("imap"))
            imap.starttls(context)
            channel = imap.sock.get_channel_binding("tls-unique")
            bindings = flag + ((b"x" + channel[1:] if spoilt else channel) if flag.startswith(b"p") else b"")
            done = subprocess.run([sys.executable, "-c", program, bindings.hex()], capture_output=True, env=environment, timeout=CLIENT_SECONDS)
            expect(done.returncode == 0, done.stderr.decode("utf-8", "replace"))
            token = done.stdout[done.stdout.index(KERBEROS) + len(KERBEROS):]
            try:
                # The server's token, which nobody looks at here, is answered with nothing.
                imap.authenticate(mechanism, lambda data, first=flag + token: first if not data else b"")
                imap.select("INBOX", readonly=True)
                expect(good, f"{mechanism} with {flag} and another channel logs in")
            except imaplib.IMAP4.error as refused:
                expect(not good and "AUTHENTICATIONFAILED" in str(refused), f"{mechanism} with {flag}: {refused}")
            imap.shutdown()


@case("tickets that must not count", ["plain"])
def bad_tickets(bench, mode):
    with Place(bench) as place:
        fresh = place.kdc.of()
        wrong = "AUTHENTICATIONFAILED"
        token = first_token(place, "imap", fresh)
        # It is taken, and its answer is not ours to give.
        expect("given up" in answer(place, token), "a good token is refused")
        expect(wrong in answer(place, token), "a token counts twice")
        for service in ("smtp", "host"):
            expect(wrong in answer(place, first_token(place, service, fresh)), f"a ticket for {service} opens IMAP")
        again = first_token(place, "imap", fresh)
        damaged = bytearray(again)
        damaged[-5] ^= 1
        expect(wrong in answer(place, bytes(damaged)), "a damaged ticket counts")
        # Kerberos inside SPNEGO is another mechanism (RFC 4752 §3.2); the last one is longer than any message of a mechanism may be.
        spnego = b"\x60\x1b\x06\x06\x2b\x06\x01\x05\x05\x02\xa0\x11\x30\x0f\xa0\x0d\x30\x0b" + KERBEROS
        for junk in (b"", spnego, b"x", b"\x60" * 40, again[:100], again[:-1], b"\x60\x82\xff\xff" + again[4:], os.urandom(3000), b"\x60" * 9217):
            said = answer(place, junk)
            expect("given up" not in said and "OK" not in said, f"junk is a ticket: {said}")
            expect("UNAVAILABLE" not in said, f"junk is taken for a keytab that is away: {said}")
        place.kdc.admin("modprinc -maxlife 2s weak")
        short = place.kdc.of("weak", "-l", "2s")
        over = first_token(place, "imap", short)
        end_of(place)
        expect(wrong in answer(place, over), "a ticket counts whose time is over")


def end_of(place):
    """The server begins anew with clocks that may be off by a second, when the ticket of two is over."""
    place.server.end()
    with open(f"{place.kdc.directory}/krb5.conf", encoding="utf-8") as f:
        text = f.read()
    place.kdc.write("strict.conf", text.replace("[libdefaults]", "[libdefaults]\nclockskew = 1", 1))
    time.sleep(4)
    place.server.start(before=("env", f"KRB5_CONFIG={place.kdc.directory}/strict.conf"))


@case("tickets while the keytab is away", ["plain"])
def no_keytab(bench, mode):
    with Place(bench) as place:
        keytab = f"{place.kdc.directory}/mail.keytab"
        os.rename(keytab, keytab + ".away")
        token = first_token(place, "imap", place.kdc.of())
        expect("UNAVAILABLE" in answer(place, token), f"IMAP: {answer(place, token)}")
        with smtplib.SMTP("127.0.0.1", place.port("submission"), timeout=20) as smtp:
            smtp.ehlo("c.test")
            expect("GSSAPI" in smtp.esmtp_features["auth"], "GSSAPI is not announced")
            smtp.docmd("AUTH", "GSSAPI")
            code, text = smtp.docmd(base64.b64encode(token).decode())
            expect(code == 454 and b"keytab" not in text, f"SMTP: {code} {text}")
        pop3 = poplib.POP3("127.0.0.1", place.port("pop3"), timeout=20)
        pop3._putcmd("AUTH GSSAPI")
        pop3._getline()
        pop3._putcmd(base64.b64encode(token).decode())
        line, _ = pop3._getline()
        expect(line.startswith(b"-ERR [SYS/TEMP]"), f"POP3: {line}")
        pop3.close()
        os.rename(keytab + ".away", keytab)
        expect("given up" in answer(place, token), "the keytab is back, and not read")
