"""Our clients at servers that are not ours, without TLS: by tickets of a real key distribution centre and by passwords, under the security layers of
Cyrus' imapd and pop3d and of sendmail."""
import contextlib
import glob
import imaplib
import os
import pwd
import shutil
import smtplib
import socket
import subprocess
import threading
import time

from harness.cases import PASSWORD, expect
from harness.server import Failure, Server, free_offset
from interop.bench import case
from interop.tickets import REALM, ROOT, USER, Place

WORD = b"nobody else's business"
LETTER = b"From: a@there.test\r\nTo: weak@example.test\r\nSubject: " + WORD + b"\r\nMessage-ID: <1@there.test>\r\n\r\n" + b"A line.\r\n" * 9000
SECONDS = 60
unpacking = threading.Lock()


def unpack(name, *packages):
    with unpacking:
        done = subprocess.run([os.path.join(ROOT, "tools", "unpack_peers.sh"), name, *packages], capture_output=True, text=True, timeout=600)
    if done.returncode != 0:
        raise Failure(f"{name} can't be unpacked: " + done.stdout + done.stderr)
    return done.stdout.split("\n")[0]


class Tap:
    """Stands before a port, and sees what passes."""

    def __init__(self, port):
        self.to, self.seen, self.listener = port, b"", socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]

    def __enter__(self):
        threading.Thread(target=self.accept, daemon=True).start()
        return self

    def __exit__(self, *_):
        with contextlib.suppress(OSError):
            self.listener.shutdown(socket.SHUT_RDWR)
        self.listener.close()

    def accept(self):
        with contextlib.suppress(OSError):
            while True:
                here, _ = self.listener.accept()
                there = socket.create_connection(("127.0.0.1", self.to))
                for one, other in ((here, there), (there, here)):
                    threading.Thread(target=self.carry, args=(one, other), daemon=True).start()

    def carry(self, one, other):
        with contextlib.suppress(OSError):
            while octets := one.recv(65536):
                self.seen += octets
                other.sendall(octets)
        with contextlib.suppress(OSError):
            other.shutdown(socket.SHUT_RDWR)

    def expect_sealed(self, sealed, what):
        expect((WORD not in self.seen) == sealed, f"{what}: what passed was {'not ' if sealed else ''}sealed")


def wait_port(port, process, what):
    end = time.monotonic() + SECONDS
    while True:
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
            return
        if process.poll() is not None or time.monotonic() > end:
            raise Failure(f"{what} does not come up")
        time.sleep(0.1)


class Cyrus:
    """Cyrus IMAP for `weak`, whose password it has and whose tickets it knows. `most`: the strength that its layers have at most."""

    def __init__(self, place, mechanisms, most):
        self.place, self.directory = place, f"{place.bench.directory}/cyrus"
        self.root = unpack("cyrus-imap", "cyrus-imapd", "cyrus-pop3d", "cyrus-common", "sasl2-bin")
        offset = free_offset(37000, (143, 110))
        self.ports = {"imap": 143 + offset, "pop3": 110 + offset}
        self.user = "nobody" if os.getuid() == 0 else pwd.getpwuid(os.getuid()).pw_name
        d, programs = self.directory, f"{self.root}/usr/lib/cyrus/bin"
        for name in ("spool", "run", *(f"conf/{n}" for n in ("db", "socket", "log", "msg", "proc", "ptclient", "sieve", "user", "quota", "lock"))):
            os.makedirs(f"{d}/{name}")
        shutil.copy(f"{place.kdc.directory}/mail.keytab", f"{d}/keytab")
        self.write("imapd.conf", f"""configdirectory: {d}/conf
partition-default: {d}/spool
defaultpartition: default
cyrus_user: {self.user}
admins: cyrus
unixhierarchysep: yes
altnamespace: yes
allowplaintext: yes
servername: localhost
sasl_pwcheck_method: auxprop
sasl_auxprop_plugin: sasldb
sasl_sasldb_path: {d}/sasldb2
sasl_mech_list: PLAIN {mechanisms}
sasl_keytab: {d}/keytab
sasl_maximum_layer: {most}
search_engine: none
""")
        self.write("cyrus.conf", f"""START {{
  recover cmd="{programs}/ctl_cyrusdb -C {d}/imapd.conf -r"
}}
SERVICES {{
  imap cmd="{programs}/imapd -C {d}/imapd.conf" listen="127.0.0.1:{self.ports["imap"]}" prefork=0
  pop3 cmd="{programs}/pop3d -C {d}/imapd.conf" listen="127.0.0.1:{self.ports["pop3"]}" prefork=0
}}
EVENTS {{
}}
""")
        self.environment = {**place.kdc.environment, "KRB5_KTNAME": f"{d}/keytab", "KRB5RCACHENAME": "none:",
                            "LD_LIBRARY_PATH": f"{self.root}/usr/lib/cyrus/lib:{self.root}/usr/lib/x86_64-linux-gnu"}
        for name in ("weak", "cyrus"):
            subprocess.run([f"{self.root}/usr/sbin/saslpasswd2", "-p", "-c", "-f", f"{d}/sasldb2", "-u", "localhost", name], input=PASSWORD.encode(),
                           check=True, capture_output=True, env=self.environment)
        if os.getuid() == 0:
            subprocess.run(["chown", "-R", self.user, d], check=True)

    def write(self, name, text):
        with open(f"{self.directory}/{name}", "w", encoding="utf-8") as f:
            f.write(text)

    def __enter__(self):
        # At its end it ends its whole process group, in which another case's may be.
        self.process = subprocess.Popen([f"{self.root}/usr/lib/cyrus/bin/master", "-C", f"{self.directory}/imapd.conf", "-M", f"{self.directory}/cyrus.conf",
                                         "-p", f"{self.directory}/run/pid", "-D"], stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
                                        env=self.environment, start_new_session=True)
        try:
            for port in self.ports.values():
                wait_port(port, self.process, "Cyrus")
            with imaplib.IMAP4("localhost", self.ports["imap"]) as imap:
                imap.login("cyrus", PASSWORD)
                for command in (imap.create("user/weak"), imap.setacl("user/weak", "weak", "lrswipkxtecda")):
                    expect(command[0] == "OK", f"Cyrus: {command}")
            with imaplib.IMAP4("localhost", self.ports["imap"]) as imap:
                imap.login("weak", PASSWORD)
                expect(imap.append("INBOX", "", None, LETTER)[0] == "OK", "Cyrus does not keep the letter")
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_):
        self.process.terminate()
        self.process.wait(SECONDS)


def inbox(place):
    with imaplib.IMAP4("localhost", place.port("imap")) as imap:
        imap.login(USER, "another " + PASSWORD)
        imap.select("INBOX")
        return [part[1] for part in imap.fetch("1:*", "(BODY.PEEK[])")[1] if isinstance(part, tuple)]


def expect_here(place, count, what):
    here = inbox(place)
    expect(len(here) == count and all(octets.endswith(LETTER) for octets in here), f"{what}: {len(here)} letters of {count} are here as they were")


@case("Cyrus' layers around what is fetched", ["confidentiality", "integrity"])
def fetched_under_layers(bench, mode):
    sealed = mode == "confidentiality"
    with Place(bench) as place, Cyrus(place, "GSSAPI DIGEST-MD5", 256 if sealed else 1) as there:
        tickets = place.kdc.tickets()
        count = 0
        for protocol in ("imap", "pop3"):
            for how, *secret in (("tickets", "--user", f"weak@{REALM}", "--tickets", tickets), ("password", "--user", "weak", "--password-stdin")):
                with Tap(there.ports[protocol]) as tap:
                    place.server.command("fetch", "add", USER, f"{protocol}+plain://localhost:{tap.port}", "--name", protocol + how, "--layer", mode, *secret,
                                         stdin=PASSWORD + "\n")
                    place.server.command("fetch", "run", USER, protocol + how)
                    count += 1
                    expect_here(place, count, f"{protocol} by {how}")
                    expect((b"GSSAPI" if how == "tickets" else b"DIGEST-MD5") in tap.seen, f"{protocol} by {how}: not by its mechanism")
                    tap.expect_sealed(sealed, f"{protocol} by {how}")
        if not sealed:
            # What is demanded and not to be had ends the look, and nothing is read.
            for how, *secret in (("tickets", "--user", f"weak@{REALM}", "--tickets", tickets), ("password", "--user", "weak", "--password-stdin")):
                place.server.command("fetch", "add", USER, f"imap+plain://localhost:{there.ports['imap']}", "--name", "more" + how, "--layer", "confidentiality",
                                     *secret, stdin=PASSWORD + "\n")
                done = place.server.command("fetch", "run", USER, "more" + how, check=False)
                expect(done.returncode != 0, f"more than Cyrus can, by {how}: {done.stdout}")
            expect_here(place, count, "after what was refused")


@case("tickets that fetch brings, and those that are over", ["GSSAPI", "GS2-KRB5"])
def fetched_by_tickets(bench, mode):
    place = Place(bench)
    with open(f"{place.kdc.directory}/krb5.conf", encoding="utf-8") as f:
        text = f.read()
    place.kdc.write("krb5.conf", text.replace("[libdefaults]", "[libdefaults]\nclockskew = 1", 1))
    with place, Cyrus(place, mode, 256) as there, Tap(there.ports["imap"]) as tap:
        tickets = place.kdc.tickets("weak", "-l", "2s") if mode == "GSSAPI" else place.kdc.tickets()
        time.sleep(4 if mode == "GSSAPI" else 0)
        add = ("fetch", "add", USER, f"imap+plain://localhost:{tap.port}", "--user", f"weak@{REALM}", "--name", "box", "--tickets", tickets)
        place.server.command(*add)
        if mode == "GSSAPI":
            done = place.server.command("fetch", "run", USER, "box", check=False)
            expect(done.returncode == 75 and "expired" in done.stdout, f"tickets that are over: {done.returncode} {done.stdout}")
            os.remove(tickets)
            done = place.server.command("fetch", "run", USER, "box", check=False)
            expect(done.returncode == 75 and tickets in done.stdout, f"no tickets: {done.returncode} {done.stdout}")
            place.kdc.tickets()
        place.server.command("fetch", "run", USER, "box")
        expect_here(place, 1, mode)
        expect(f"AUTHENTICATE {mode}".encode() in tap.seen, "not by this mechanism")
        # The strongest layer is taken unasked, where the mechanism has one.
        tap.expect_sealed(mode == "GSSAPI", mode)


@case("tickets of who imports, exports and reads", ["plain"])
def tickets_of_the_caller(bench, mode):
    with Place(bench) as place, Cyrus(place, "GSSAPI", 256) as there:
        binary, own = place.server.binary, place.kdc.of()
        nobody = {**place.kdc.environment, "KRB5CCNAME": "FILE:/nowhere"}
        url = f"imap+plain://weak@localhost:{there.ports['imap']}"
        move = lambda verb, environment, good=(0,): bench.run(binary, verb, "--account", USER, url, "--tickets", "--dir", place.server.directory,
                                                               environment=environment, good=good)
        move("import", nobody, good=(75,))
        move("import", own)
        expect_here(place, 1, "import")
        move("export", own)
        for protocol in ("imap", "pop3"):
            with Tap(there.ports[protocol]) as tap:
                mail = [binary, "mail", "list", f"--{protocol}", f"{protocol}+plain://localhost:{tap.port}", "--address", USER, "--tickets"]
                expect(WORD in bench.run(*mail, environment=own), f"mail list by {protocol} shows no letter")
                tap.expect_sealed(True, f"mail list by {protocol}")
                bench.run(*mail, environment=nobody, good=(75,))
        bench.run(binary, "mail", "list", "--imap", f"imap+plain://localhost:{there.ports['imap']}", "--address", USER, "--user", f"public@{REALM}", "--tickets",
                  environment=own, good=(75,))


class Sendmail:
    """Takes mail of who logs in by a ticket, and leaves it in its queue. Its configuration is the least that it starts with."""

    def __init__(self, place):
        root = unpack("sendmail", "sendmail-bin", "sendmail-base", "sendmail-cf")
        self.directory, self.port = f"{place.bench.directory}/sendmail", 25 + free_offset(41000, (25,))
        os.makedirs(f"{self.directory}/queue", 0o700)
        # The file's own has the rights of a group, by which Kerberos' library reads no environment.
        self.program = shutil.copy(f"{root}/usr/libexec/sendmail/sendmail", f"{self.directory}/sendmail")
        os.chmod(self.program, 0o755)
        with open(f"{self.directory}/sendmail.cf", "w", encoding="utf-8") as f:
            f.write(f"""V10/Berkeley
Cwlocalhost
Djlocalhost
DnMAILER-DAEMON
EKRB5_KTNAME={place.kdc.directory}/mail.keytab
EKRB5_CONFIG={place.kdc.environment["KRB5_CONFIG"]}
EKRB5RCACHENAME=none:
O DaemonPortOptions=Name=MTA, Addr=127.0.0.1, Port={self.port}, M=a
O QueueDirectory={self.directory}/queue
O PidFile={self.directory}/pid
O DeliveryMode=queueonly
O RefuseLA=100000
O QueueLA=100000
O AuthMechanisms=GSSAPI
O DontBlameSendmail=Safe
O DefaultUser=65534:65534
Troot
H?D?Date: $a
Sparse=0
R$*\t$#local $: $1
Mlocal,\tP=/bin/false, F=lsDFMmn, S=0, R=0, A=false
Mprog,\tP=/bin/false, F=lsDFM, S=0, R=0, A=false
""")

    def __enter__(self):
        # Where the host's name has no dot it sleeps for a minute.
        self.process = subprocess.Popen(["unshare", *(() if os.getuid() == 0 else ("--user", "--map-root-user")), "--uts", "sh", "-c", 'hostname sendmail.test && exec "$@"', "sh",
                                         self.program, "-C", f"{self.directory}/sendmail.cf", "-bD"], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                                        stderr=subprocess.STDOUT)
        try:
            wait_port(self.port, self.process, "sendmail")
        except Failure as failure:
            self.__exit__()
            raise Failure(f"{failure}: {self.process.stdout.read().decode('utf-8', 'replace')}") from None
        return self

    def __exit__(self, *_):
        self.process.terminate()
        self.process.wait(SECONDS)

    def bodies(self):
        found = []
        for path in glob.glob(f"{self.directory}/queue/df*"):
            with open(path, "rb") as f:
                found.append(f.read())
        return found


@case("sendmail's layers around what is relayed and sent", ["plain"])
def relayed_under_layers(bench, mode):
    with Place(bench) as place, Sendmail(place) as there, Tap(there.port) as tap:
        sender = Server(bench.server.binary, f"{bench.directory}/sender", free_offset(29000), domain="sender.test")
        sender.init()
        tickets = place.kdc.tickets()
        with open(f"{sender.directory}/angarium.toml", "a", encoding="utf-8") as f:
            f.write(f'\n[[relay_login]]\nname = "provider"\nuser = "weak@{REALM}"\ntickets = "{tickets}"\nlayer = "confidentiality"\n')
        sender.configure([("smtp", "relay_networks", '["127.0.0.0/8"]'), ("queue", "retry_first", '"1s"'),
                          ("transport", '"*"', f'"relay localhost:{tap.port} tls=none login=provider"')])
        explained = sender.command("route", "explain", "someone@elsewhere.test").stdout
        expect("under a security layer" in explained, explained)
        sender.start(before=("env", f"KRB5_CONFIG={place.kdc.environment['KRB5_CONFIG']}"))
        try:
            with smtplib.SMTP("127.0.0.1", sender.port("smtp"), timeout=20) as session:
                session.sendmail(USER, ["someone@elsewhere.test"], LETTER)
            end = time.monotonic() + SECONDS
            while not there.bodies():
                if time.monotonic() > end:
                    raise Failure("the letter did not arrive:\n" + sender.log_tail())
                time.sleep(0.1)
        finally:
            sender.end()
        bench.run(place.server.binary, "mail", "send", "--smtp", f"submission+plain://localhost:{tap.port}", "--address", USER, "--tickets",
                  "--subject", WORD.decode(), "someone@elsewhere.test", environment=place.kdc.of(), stdin=b"A line.\n")
        expect(len(there.bodies()) == 2, f"{len(there.bodies())} letters are in sendmail's queue")
        expect(any(body.replace(b"\r", b"").count(b"A line.\n") == 9000 for body in there.bodies()), "the letter is not as it was")
        expect(b"AUTH GSSAPI" in tap.seen, "not by a ticket")
        tap.expect_sealed(True, "what was relayed")


@case("our tickets at our own server, over TLS", ["GS2-KRB5-PLUS", "GS2-KRB5", "GSSAPI"])
def tickets_over_tls(bench, mode):
    """Each mechanism alone; -PLUS binds the ticket to the connection on both sides."""
    place = Place(bench)
    place.server.configure([("auth", "mechanisms", f'["{mode}"]')])
    with place:
        with smtplib.LMTP("127.0.0.1", place.port("lmtp"), timeout=20) as session:
            session.sendmail("", [USER], LETTER)
        other = Server(bench.server.binary, f"{bench.directory}/other", free_offset(29000), domain="other.test")
        other.init()
        tickets = place.kdc.tickets()
        with open(f"{other.directory}/angarium.toml", "a", encoding="utf-8") as f:
            f.write(f'\n[[relay_login]]\nname = "provider"\nuser = "weak@{REALM}"\ntickets = "{tickets}"\n')
        other.configure([("smtp", "relay_networks", '["127.0.0.0/8"]'), ("queue", "retry_first", '"1s"'),
                         ("transport", '"*"', f'"relay localhost:{place.port("submission")} tls=verified login=provider"')])
        other.add_account("anna", PASSWORD)
        other.start(before=("env", f"KRB5_CONFIG={place.kdc.environment['KRB5_CONFIG']}", f"SSL_CERT_FILE={place.server.certificate}"))
        try:
            for protocol in ("imap", "pop3"):
                other.command("fetch", "add", "anna@other.test", f"{protocol}://localhost:{place.port(protocol)}", "--name", protocol,
                              "--user", f"weak@{REALM}", "--tickets", tickets)
                other.command("fetch", "run", "anna@other.test", protocol)
            with imaplib.IMAP4("localhost", other.port("imap")) as imap:
                imap.login("anna@other.test", PASSWORD)
                expect(imap.select("INBOX")[1] == [b"2"], "not all came by tickets")
            with smtplib.SMTP("127.0.0.1", other.port("smtp"), timeout=20) as session:
                session.sendmail(USER, [USER], LETTER.replace(b"a@there.test", USER.encode()))
            environment = {**place.kdc.of(), "SSL_CERT_FILE": place.server.certificate}
            end = time.monotonic() + SECONDS
            while WORD not in (said := bench.run(bench.server.binary, "mail", "list", "--imap", f"imap://localhost:{place.port('imap')}", "--address", USER, "--tickets",
                                                 environment=environment)) or said.count(WORD) < 2:
                if time.monotonic() > end:
                    raise Failure("the letter did not come back by the relay:\n" + other.log_tail())
                time.sleep(0.2)
        finally:
            other.end()
