"""People who are kept elsewhere: OpenLDAP's slapd, PostgreSQL and SQLite, that answer, are stopped, and hang."""
import contextlib
import imaplib
import os
import poplib
import pwd
import signal
import smtplib
import socket
import sqlite3
import subprocess
import tempfile
import time

from harness.cases import PASSWORD, expect, made, serving
from harness.server import Failure, free_offset
from interop.bench import case

DOMAIN = "people.test"
WORD = "wonder land"
# "wonder land" by libxcrypt, by hashlib, and by libargon2.
HASHES = {
    "anna": "$y$j75$saltsaltsalt$3HQamyMXXGUxHuriyJDsvu/WXHRAbdAtlK1dH9g7tkD",
    "bert": "{BLF-CRYPT}$2b$04$abcdefghijklmnopqrstuuIhYhPUcA5ddoUXfP1U84.oib2hgmtZO",
    "carl": "{SCRAM-SHA-256}4096,MDEyMzQ1Njc4OWFiY2RlZg==,u71l1LP6XVslvcRb5CPY86Rvf2H+nmkLczK7W23yTpI=,"
            "r4Npsxa41W65DCdyH8xctbFrSR6jdMDQTM5Gd3+x4Wg=",
    "dora": "$argon2id$v=19$m=8,t=1,p=1$c2FsdHNhbHQ$jtEj5b4Y468fojHf8bHAbg",
}
TABLE = "CREATE TABLE people (address TEXT PRIMARY KEY, name TEXT, quota BIGINT, password TEXT)"
SERVER_SECONDS = 60  # until a peer is up on a busy machine
AGAIN_SECONDS = 60   # until one that is back is asked again: it is after ten
HANGING_SECONDS = 30  # for an answer about a directory that hangs: its timeout is one second


def free_port():
    return 389 + free_offset(31000, (389,))


def until(holds, what, seconds):
    end = time.monotonic() + seconds
    while not holds():
        if time.monotonic() > end:
            raise Failure(f"{what}: not within {seconds} s")
        time.sleep(0.1)


def connects(port):
    with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
        return True
    return False


def stopped(pid):
    """All threads of it: one alone takes the signal, and the others go on until it has its turn."""
    for task in os.listdir(f"/proc/{pid}/task"):
        with open(f"/proc/{pid}/task/{task}/stat", encoding="ascii") as f:
            if f.read().rsplit(")", 1)[1].split()[0] != "T":
                return False
    return True


class Peer:
    """A process of a directory, started, stopped and held still."""
    process = None

    def begin(self, *command, **how):
        with open(os.path.join(self.directory, "log"), "ab") as log:
            self.process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True, **how)

    def end(self):
        if self.process is None:
            return
        self.thaw()
        self.process.send_signal(self.ends_by)
        self.process.wait(SERVER_SECONDS)
        self.process = None

    def freeze(self):
        os.killpg(self.process.pid, signal.SIGSTOP)
        until(lambda: stopped(self.process.pid), "a process that stops", SERVER_SECONDS)

    def thaw(self):
        os.killpg(self.process.pid, signal.SIGCONT)


class Slapd(Peer):
    ends_by = signal.SIGTERM

    def __init__(self, directory):
        self.directory, self.port = directory, free_port()
        self.certificate = os.path.join(directory, "cert.pem")
        key = os.path.join(directory, "key.pem")
        os.makedirs(os.path.join(directory, "data"))
        # libldap takes "localhost" for the host's own name: an address says what is meant.
        done = subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2", "-subj", "/CN=slapd",
                               "-addext", "subjectAltName=IP:127.0.0.1", "-keyout", key, "-out", self.certificate], capture_output=True, text=True, timeout=60)
        expect(done.returncode == 0, f"openssl: {done.stderr}")
        with open(os.path.join(directory, "slapd.conf"), "w", encoding="utf-8") as f:
            f.write("include /etc/ldap/schema/core.schema\ninclude /etc/ldap/schema/cosine.schema\ninclude /etc/ldap/schema/inetorgperson.schema\n"
                    f"pidfile {directory}/pid\nmodulepath /usr/lib/ldap\nmoduleload back_mdb\nTLSCertificateFile {self.certificate}\n"
                    f"TLSCertificateKeyFile {key}\ndatabase mdb\nsuffix dc=people\nrootdn cn=root,dc=people\nrootpw root-word\n"
                    f"directory {directory}/data\naccess to attrs=userPassword by anonymous auth by * none\n"
                    "access to * by dn.exact=cn=mail,dc=people read by * none\n")
        people = "".join(f"dn: cn={name},dc=people\nobjectClass: inetOrgPerson\ncn: {name}\nsn: {name}\nuid: {name}\nmail: {name}@{DOMAIN}\n"
                         f"mail: {name}.long@{DOMAIN}\nuserPassword: {WORD}\n\n" for name in HASHES)
        self.data = ("dn: dc=people\nobjectClass: dcObject\nobjectClass: organization\ndc: people\no: people\n\n"
                     "dn: cn=mail,dc=people\nobjectClass: organizationalRole\nobjectClass: simpleSecurityObject\ncn: mail\nuserPassword: mail-word\n\n" + people)

    def start(self):
        self.begin("slapd", "-d", "0", "-f", os.path.join(self.directory, "slapd.conf"), "-h", f"ldap://127.0.0.1:{self.port}")
        until(lambda: connects(self.port), "slapd", SERVER_SECONDS)
        if self.data:
            done = subprocess.run(["ldapadd", "-x", "-H", f"ldap://127.0.0.1:{self.port}", "-D", "cn=root,dc=people", "-w", "root-word"],
                                  input=self.data, text=True, capture_output=True, timeout=SERVER_SECONDS)
            expect(done.returncode == 0, f"ldapadd: {done.stderr}")
            self.data = None


class Postgresql(Peer):
    ends_by = signal.SIGINT  # fast shutdown
    programs = "/usr/lib/postgresql/15/bin/"

    def __init__(self, directory):
        self.directory, self.port = directory, free_port()
        self.data = os.path.join(directory, "data")
        user = pwd.getpwnam("postgres")
        os.chown(directory, user.pw_uid, user.pw_gid)
        self.as_user = {"user": "postgres", "group": "postgres", "extra_groups": [], "cwd": directory}
        with open(os.path.join(directory, "word"), "w", encoding="ascii") as f:
            f.write("root-word\n")
        self.run("initdb", "-D", self.data, "-U", "root", "-A", "scram-sha-256", "--pwfile", os.path.join(directory, "word"), "--no-sync", "-E", "UTF8")
        self.filled = False

    def run(self, program, *arguments, **how):
        done = subprocess.run([self.programs + program, *arguments], text=True, capture_output=True, timeout=120,
                              env={"PATH": os.environ["PATH"], "LC_ALL": "C.UTF-8", "PGPASSWORD": "root-word"}, **self.as_user, **how)
        expect(done.returncode == 0, f"{program}: {done.stdout}{done.stderr}")

    def start(self):
        self.begin(self.programs + "postgres", "-D", self.data, "-h", "127.0.0.1", "-p", str(self.port), "-c", "unix_socket_directories=", "-c", "fsync=off",
                   **self.as_user)
        ready = [self.programs + "pg_isready", "-q", "-h", "127.0.0.1", "-p", str(self.port)]
        until(lambda: subprocess.run(ready, timeout=SERVER_SECONDS, check=False).returncode == 0, "PostgreSQL", SERVER_SECONDS)
        if not self.filled:
            rows = "".join(f"INSERT INTO people VALUES ('{name}@{DOMAIN}', '{name}', 10000000, '{word}');" for name, word in HASHES.items())
            self.run("psql", "-h", "127.0.0.1", "-p", str(self.port), "-U", "root", "-d", "postgres", "-v", "ON_ERROR_STOP=1", "-c",
                     f"{TABLE}; {rows} CREATE ROLE mail LOGIN PASSWORD 'mail-word'; GRANT SELECT ON people TO mail")
            self.filled = True

    def freeze(self):
        for pid in self.all():
            os.kill(pid, signal.SIGSTOP)
            until(lambda pid=pid: stopped(pid), "a process that stops", SERVER_SECONDS)

    def thaw(self):
        for pid in self.all():
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGCONT)

    def all(self):
        """Its backends have sessions of their own."""
        with open(f"/proc/{self.process.pid}/task/{self.process.pid}/children", encoding="ascii") as f:
            return [self.process.pid, *map(int, f.read().split())]


def login(server, user, word=WORD):
    """What IMAP says to it."""
    session = imaplib.IMAP4("127.0.0.1", server.port("imap"), timeout=HANGING_SECONDS)
    try:
        session.login(f'"{user}"', word)
        return "OK"
    except imaplib.IMAP4.error as error:
        return str(error)
    finally:
        session.shutdown()


def pop3(server, user, word=WORD):
    session = poplib.POP3("127.0.0.1", server.port("pop3"), timeout=HANGING_SECONDS)
    try:
        session.user(user)
        return session.pass_(word).decode()
    except poplib.error_proto as error:
        return str(error)
    finally:
        session.close()


def submission(server, user, word=WORD):
    with smtplib.SMTP("127.0.0.1", server.port("submission"), timeout=HANGING_SECONDS) as session:
        session.ehlo()
        try:
            return session.login(user, word)[0]
        except smtplib.SMTPAuthenticationError as error:
            return error.smtp_code


def rcpt(server, *names):
    """The replies to RCPT."""
    with smtplib.SMTP("127.0.0.1", server.port("smtp"), timeout=HANGING_SECONDS) as session:
        session.ehlo("client.test")
        session.mail("sender@client.test")
        return [f"{code} {text.decode()}" for code, text in (session.rcpt(f"{name}@{DOMAIN}") for name in names)]


def expect_begin(replies, *begins):
    expect(len(replies) == len(begins) and all(r.startswith(b) for r, b in zip(replies, begins)), f"{replies} instead of {begins}")


def deliver(server, *names):
    with smtplib.SMTP("127.0.0.1", server.port("smtp"), timeout=HANGING_SECONDS) as session:
        session.sendmail("sender@client.test", [f"{name}@{DOMAIN}" for name in names], "Subject: hello\r\n\r\nhello\r\n")


def messages(server, user):
    session = imaplib.IMAP4("127.0.0.1", server.port("imap"), timeout=HANGING_SECONDS)
    try:
        session.login(f'"{user}"', WORD)
        return int(session.select("INBOX")[1][0])
    finally:
        session.shutdown()


@contextlib.contextmanager
def site(bench, directory, cache="0s"):
    """A server with this [[directory]], and alice with a password of its own. `cache`: how long it believes passwords that were right."""
    server = made(bench.server.binary, bench.directory, settings=[("auth", "failure_delay", '"0s"'), ("local", "password_cache", f'"{cache}"')])
    secret = os.path.join(server.directory, "word")
    with open(secret, "w", encoding="ascii", opener=lambda path, flags: os.open(path, flags, 0o600)) as f:
        f.write("mail-word\n")
    with open(os.path.join(server.directory, "angarium.toml"), "a", encoding="utf-8") as f:
        f.write(f"\n[[directory]]\nname = \"staff\"\ndomains = [\"{DOMAIN}\"]\n{directory}")
    with serving(server):
        yield server


def answers(server):
    """While the directory answers: before any stop."""
    expect_begin(rcpt(server, "anna", "anna+detail", "nobody"), "250", "250", "550 5.1.1")
    deliver(server, "anna", "bert")
    expect(messages(server, f"anna@{DOMAIN}") == 1, "anna's letter is not there")
    for name in HASHES:
        expect(login(server, f"{name}@{DOMAIN}") == "OK", f"{name} can't log in")
        refused = login(server, f"{name}@{DOMAIN}", "wrong")
        expect("AUTHENTICATIONFAILED" in refused, f"a wrong password is told {refused}")
    expect("OK" in pop3(server, f"anna@{DOMAIN}"), "POP3 refuses anna")
    expect(submission(server, f"anna@{DOMAIN}") == 235, "submission refuses anna")
    expect("AUTHENTICATIONFAILED" in login(server, f"nobody@{DOMAIN}"), "nobody logs in")


def goes_on(server, stranger):
    """While it does not answer: who has an account gets mail, others wait, and nothing is refused for good."""
    expect_begin(rcpt(server, "bert", stranger), "250", "451 4.3.0")
    expect("UNAVAILABLE" in login(server, f"anna@{DOMAIN}"), "IMAP does not say that it is for now")
    expect("[SYS/TEMP]" in pop3(server, f"anna@{DOMAIN}"), "POP3 does not say that it is for now")
    expect(submission(server, f"anna@{DOMAIN}") == 454, "submission does not say that it is for now")
    expect(login(server, f"alice@{server.domain}", PASSWORD) == "OK", "who is kept here can't log in")


def outage(server, peer):
    peer.end()
    goes_on(server, "stranger")
    deliver(server, "anna")
    peer.start()
    until(lambda: login(server, f"anna@{DOMAIN}") == "OK", "a login after the outage", AGAIN_SECONDS)
    expect(messages(server, f"anna@{DOMAIN}") == 2, "the letter of the outage is not there")
    until(lambda: rcpt(server, "stranger")[0].startswith("550 5.1.1"), "an unknown address after the outage", AGAIN_SECONDS)
    peer.freeze()
    try:
        # Each answer comes although the peer says nothing; who is kept here is not held up behind it.
        goes_on(server, "another")
    finally:
        peer.thaw()
    until(lambda: login(server, f"anna@{DOMAIN}") == "OK", "a login after the peer hung", AGAIN_SECONDS)


def ldap(peer):
    return (f"kind = \"ldap\"\nurl = \"ldap://127.0.0.1:{peer.port}\"\nstart_tls = true\nca_file = \"{peer.certificate}\"\n"
            "bind_dn = \"cn=mail,dc=people\"\npassword_file = \"word\"\nbase = \"dc=people\"\n"
            "filter = \"(&(objectClass=inetOrgPerson)(|(mail={address})(mail={user}@{domain})))\"\ntimeout = \"1s\"\n")


@case("directory: slapd", ["plain"])
def slapd(bench, mode):
    with tempfile.TemporaryDirectory() as directory:
        peer = Slapd(directory)
        peer.start()
        try:
            with site(bench, ldap(peer)) as server:
                answers(server)
                deliver(server, "bert.long")
                expect(messages(server, f"bert@{DOMAIN}") == 2, "bert's other address is not his")
                expect_begin(rcpt(server, "*", "b*"), "550 5.1.1", "550 5.1.1")
                outage(server, peer)
        finally:
            peer.end()


def believed(server, letters):
    """While it does not answer: whose password was right within local.password_cache goes on; nothing else is known to be right or wrong."""
    anna, bert = f"anna@{DOMAIN}", f"bert@{DOMAIN}"
    expect(login(server, anna) == "OK", "IMAP does not believe what was right a moment ago")
    expect("OK" in pop3(server, anna), "POP3 does not believe what was right by IMAP")
    expect(submission(server, anna) == 235, "submission does not believe what was right by IMAP")
    deliver(server, "anna")
    expect(messages(server, anna) == letters, f"not {letters} letters")
    for user, word in ((anna, "wrong"), (bert, WORD), (bert, "wrong")):
        said = login(server, user, word)
        expect("UNAVAILABLE" in said, f"{user} with {word!r} is told {said}")


@case("directory: slapd, passwords that are believed while it is away", ["plain"])
def slapd_remembered(bench, mode):
    with tempfile.TemporaryDirectory() as directory:
        peer = Slapd(directory)
        peer.start()
        try:
            with site(bench, ldap(peer), cache="1h") as server:
                expect(login(server, f"anna@{DOMAIN}") == "OK", "anna can't log in")
                expect("AUTHENTICATIONFAILED" in login(server, f"bert@{DOMAIN}", "wrong"), "a wrong password is not told so")
                peer.end()
                believed(server, 1)
                peer.start()
                peer.freeze()
                believed(server, 2)
                # It is believed in memory alone.
                server.end()
                server.start()
                expect("UNAVAILABLE" in login(server, f"anna@{DOMAIN}"), "a server that begins anew believes what it was told before")
                server.end()
                peer.thaw()
                server.configure([("local", "password_cache", '"2s"')])
                server.start()
                expect(login(server, f"anna@{DOMAIN}") == "OK", "anna can't log in after the outage")
                peer.end()
                until(lambda: "UNAVAILABLE" in login(server, f"anna@{DOMAIN}"), "an end of what is believed", AGAIN_SECONDS)
        finally:
            peer.end()


@case("directory: slapd, a wrong certificate", ["plain"])
def slapd_certificate(bench, mode):
    with tempfile.TemporaryDirectory() as directory:
        peer = Slapd(directory)
        peer.start()
        try:
            with site(bench, f"kind = \"ldap\"\nurl = \"ldap://127.0.0.1:{peer.port}\"\nstart_tls = true\n"
                      "bind_dn = \"cn=mail,dc=people\"\npassword_file = \"word\"\nbase = \"dc=people\"\n"
                      "filter = \"(mail={address})\"\n") as server:
                expect_begin(rcpt(server, "anna"), "451 4.3.0")
                expect("UNAVAILABLE" in login(server, f"anna@{DOMAIN}"), "a password went to whoever is there")
        finally:
            peer.end()


@case("directory: PostgreSQL", ["plain"])
def postgresql(bench, mode):
    with tempfile.TemporaryDirectory() as directory:
        os.chmod(directory, 0o755)
        peer = Postgresql(directory)
        peer.start()
        try:
            with site(bench, f"kind = \"postgresql\"\nconnection = \"host=127.0.0.1 port={peer.port} dbname=postgres user=mail\"\npassword_file = \"word\"\n"
                      "query = \"SELECT * FROM people WHERE address = {address}\"\ntimeout = \"1s\"\n") as server:
                answers(server)
                expect_begin(rcpt(server, "'--", "anna'--"), "550 5.1.1", "550 5.1.1")
                scram(bench, server)
                outage(server, peer)
        finally:
            peer.end()


def scram(bench, server):
    """carl's keys are kept there: msmtp proves that it knows the password, and never says it."""
    bench.write("rc", f"account default\nhost 127.0.0.1\nport {server.port('submission')}\ntls off\nauth scram-sha-256\nuser carl@{DOMAIN}\n"
                f"password {WORD}\nfrom carl@{DOMAIN}\n")
    bench.run("msmtp", "-C", "rc", f"carl@{DOMAIN}", stdin=f"From: carl@{DOMAIN}\r\nSubject: scram\r\n\r\nhello\r\n".encode())
    expect(messages(server, f"carl@{DOMAIN}") == 1, "carl's letter is not there")


@case("directory: SQLite", ["plain"])
def sqlite(bench, mode):
    file = os.path.join(bench.directory, "people.sqlite")
    with contextlib.closing(sqlite3.connect(file)) as database:
        database.execute(TABLE)
        for name, word in HASHES.items():
            database.execute("INSERT INTO people VALUES (?, ?, ?, ?)", (f"{name}@{DOMAIN}", name, 10_000_000, word))
        database.commit()
    with site(bench, f"kind = \"sqlite\"\nfile = \"{file}\"\nquery = \"SELECT * FROM people WHERE address = {{address}}\"\ntimeout = \"1s\"\n") as server:
        answers(server)
        os.rename(file, file + ".away")
        goes_on(server, "stranger")
        os.rename(file + ".away", file)
        until(lambda: login(server, f"anna@{DOMAIN}") == "OK", "a login after the outage", AGAIN_SECONDS)
