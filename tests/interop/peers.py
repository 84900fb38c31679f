"""Programs that are only unpacked, never installed: fetchmail, and Postfix that hands its mail over to us."""
import contextlib
import os
import signal
import smtplib
import subprocess
import threading
import time

from harness.cases import PASSWORD, expect
from harness.server import Failure, free_offset
from interop.bench import case, expect_equal, lines_lf
from interop.readers import delivered

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
HAND_OVER_SECONDS = 30


def unpack():
    done = subprocess.run([os.path.join(ROOT, "tools", "unpack_peers.sh"), "mail", "postfix", "fetchmail"], capture_output=True, text=True, timeout=600)
    if done.returncode != 0:
        raise Failure("the peers can't be unpacked: " + done.stdout + done.stderr)
    return done.stdout.split("\n")[0]


def libraries(root):
    return f"{root}/usr/lib/x86_64-linux-gnu:{root}/usr/lib/postfix"


def fetchmail(bench, mode, protocol, to):
    root = unpack()
    tls = {"plain": "sslproto ''", "STARTTLS": "sslproto 'auto'", "implicit TLS": "ssl"}[mode]
    if mode != "plain":
        tls += f" sslcertck sslcertfile {bench.certificate}"
    bench.write("rc", f"poll localhost protocol {protocol} service {bench.port('pop3' if protocol == 'POP3' else 'imap', mode)}\n"
                f"  user \"{bench.account}\" password \"{PASSWORD}\" {tls}\n  {to}\n")
    bench.run(f"{root}/usr/bin/fetchmail", "-f", "rc", "--nosyslog", "--nodetach", "--invisible", "--norewrite", "-i", "ids", "--pidfile", "pid",
              environment={"LD_LIBRARY_PATH": libraries(root), "FETCHMAILHOME": bench.directory})


@case("fetchmail, POP3")
def fetchmail_pop3(bench, mode):
    letter, = delivered(bench, "one")
    fetchmail(bench, mode, "POP3", f"mda \"cat >{bench.directory}/got\"")
    expect_equal(bench.read("got"), lines_lf(letter), "what fetchmail handed over")
    expect(bench.stored() == [], "fetchmail took the message and it is still there")


@case("fetchmail, IMAP")
def fetchmail_imap(bench, mode):
    letter, = delivered(bench, "one")
    fetchmail(bench, mode, "IMAP", f"mda \"cat >{bench.directory}/got\"")
    expect_equal(bench.read("got"), lines_lf(letter), "what fetchmail handed over")
    expect(bench.stored() == [], "fetchmail took the message and it is still there")


@case("fetchmail, POP3 to SMTP", ["plain"])
def fetchmail_to_smtp(bench, mode):
    letter, = delivered(bench, "one")
    fetchmail(bench, mode, "POP3", f"smtphost localhost/{bench.server.port('smtp')} smtpname other@example.test")
    (_, stored), = bench.stored(account="other@example.test")
    expect(stored.endswith(letter[letter.index(b"Message-ID"):]), "the message is not whole after fetchmail's SMTP")


@case("fetchmail, IMAP to LMTP", ["plain"])
def fetchmail_to_lmtp(bench, mode):
    letter, = delivered(bench, "one")
    fetchmail(bench, mode, "IMAP", f"lmtp smtphost localhost/{bench.server.port('lmtp')} smtpname another@example.test")
    (_, stored), = bench.stored(account="another@example.test")
    expect(stored.endswith(letter[letter.index(b"Message-ID"):]), "the message is not whole after fetchmail's LMTP")


class Postfix:
    """Postfix from the unpacked tree, with all it writes in a directory of ours and one listener on loopback. Needs root, as Postfix does."""

    def __init__(self, directory, server, transport, more):
        self.directory, self.server, self.transport, self.more = directory, server, transport, more
        self.root = unpack()
        self.port = 25 + free_offset(27000, (25,))
        self.process = None

    def start(self):
        if os.geteuid() != 0:
            raise Failure("Postfix's master runs only as root")
        lib, etc, queue = f"{self.root}/usr/lib/postfix", f"{self.directory}/etc", f"{self.directory}/queue"
        for name in ("etc", "data", *(f"queue/{n}" for n in ("incoming", "active", "deferred", "bounce", "defer", "corrupt", "flush", "hold",
                                                              "maildrop", "pid", "private", "public", "saved", "trace"))):
            os.makedirs(f"{self.directory}/{name}", exist_ok=True)
        self.write_main()
        with open(f"{etc}/master.cf", "w") as f:
            f.write(f"127.0.0.1:{self.port} inet n - n - - smtpd\n")
            for name in ("smtp", "lmtp", "error", "trivial-rewrite", "proxymap", "anvil", "scache", "bounce", "tlsmgr", "discard"):
                service = {"trivial-rewrite": "rewrite"}.get(name, name)
                f.write(f"{service} unix - - n - {1 if name in ('tlsmgr', 'anvil', 'scache') else '-'} {name}\n")
            f.write("retry unix - - n - - error\ndefer unix - - n - 0 bounce\ntrace unix - - n - 0 bounce\n"
                    "cleanup unix n - n - 0 cleanup\nflush unix n - n 1000? 0 flush\nqmgr unix n - n 300 1 qmgr\npostlog unix-dgram n - n - 1 postlogd\n")
        subprocess.run(["chown", "-R", "mail", queue, f"{self.directory}/data"], check=True)
        os.chown(queue, 0, 0)
        os.chown(f"{queue}/pid", 0, 0)
        with open(f"{self.directory}/output", "wb") as output:
            self.process = subprocess.Popen([f"{lib}/sbin/master", "-d", "-c", etc], stdin=subprocess.DEVNULL, stdout=output, stderr=output,
                                            cwd=queue, start_new_session=True,
                                            env={"PATH": os.environ["PATH"], "LD_LIBRARY_PATH": libraries(self.root), "MAIL_CONFIG": etc})
        end = time.monotonic() + 20
        while True:
            with contextlib.suppress(OSError):
                smtplib.SMTP("127.0.0.1", self.port, timeout=5).quit()
                return
            if self.process.poll() is not None or time.monotonic() > end:
                raise Failure("Postfix did not start:\n" + self.log())
            time.sleep(0.1)

    def write_main(self):
        """Writes main.cf: all mail goes to us by the transport."""
        lib = f"{self.root}/usr/lib/postfix"
        with open(f"{self.directory}/etc/main.cf", "w") as f:
            f.write(f"""compatibility_level = 3.6
queue_directory = {self.directory}/queue
data_directory = {self.directory}/data
maillog_file = {self.directory}/mail.log
maillog_file_prefixes = {self.directory}
command_directory = {self.root}/usr/sbin
daemon_directory = {lib}/sbin
meta_directory = {self.directory}/etc
shlib_directory = {lib}
import_environment = MAIL_CONFIG MAIL_DEBUG MAIL_LOGTAG TZ LANG=C LD_LIBRARY_PATH
mail_owner = mail
setgid_group = news
default_privs = nobody
myhostname = postfix.interop.test
mydestination =
mynetworks = 127.0.0.0/8
inet_interfaces = 127.0.0.1
inet_protocols = ipv4
alias_maps =
local_recipient_maps =
smtpd_relay_restrictions = permit_mynetworks, reject
default_transport = {self.transport}:[127.0.0.1]:{self.server.port(self.transport)}
smtp_host_lookup = native
lmtp_host_lookup = native
disable_dns_lookups = yes
smtp_dns_support_level = disabled
{self.more}
""")

    def log(self):
        text = ""
        for name in ("output", "mail.log"):
            with contextlib.suppress(OSError):
                with open(f"{self.directory}/{name}", errors="replace") as f:
                    text += f.read()[-3000:]
        return text

    def stop(self):
        if self.process is None:
            return
        for how in (signal.SIGTERM, signal.SIGKILL):
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self.process.pid, how)  # its own session: only processes that it started
            with contextlib.suppress(subprocess.TimeoutExpired):
                self.process.wait(5)
        self.process = None


def hand_over(bench, transport, more, letters, accounts):
    """Postfix takes letters by SMTP, queues them and hands them to us; waits until its queue is empty."""
    postfix = Postfix(bench.directory + "/postfix", bench.server, transport, more)
    try:
        postfix.start()
        with smtplib.SMTP("127.0.0.1", postfix.port, timeout=20) as session:
            for letter in letters:
                session.sendmail("sender@elsewhere.test", accounts, letter, mail_options=["BODY=8BITMIME"])
        end = time.monotonic() + HAND_OVER_SECONDS
        wanted = len(letters) * len(accounts)

        def is_done():
            # Its log is written by a process of its own, which may be behind.
            waiting = any(files for part in ("incoming", "active", "deferred") for _, _, files in os.walk(f"{postfix.directory}/queue/{part}"))
            return not waiting and postfix.log().count("status=sent") >= wanted
        while not is_done():
            if time.monotonic() > end:
                raise Failure("Postfix's queue is not empty, or it did not send all:\n" + postfix.log())
            time.sleep(0.05)
        log = postfix.log()
        expect(log.count("status=sent") == wanted, "Postfix sent some twice:\n" + log)
        return log
    finally:
        postfix.stop()


one_postfix = threading.Lock()  # a port is chosen and then bound: one at a time


def postfix(bench, transport, more):
    letters = [bench.letter("one"), bench.letter("two"), bench.letter("large", b"Zm9vYmFyYmF6cXV1eA==\r\n" * 20000)]
    with one_postfix:
        log = hand_over(bench, transport, more, letters, [bench.account])
    stored = sorted(octets for _, octets in bench.stored())
    expect(len(stored) == 3, f"{len(stored)} messages in INBOX, wanted 3")
    for letter in letters:
        expect(any(octets.endswith(letter) for octets in stored), "a letter is not there octet by octet")
    for octets in stored:
        expect(octets.startswith(b"Return-Path: <sender@elsewhere.test>\r\n"), "Return-Path is not the first field")
        expect(b"by postfix.interop.test (Postfix)" in octets, "Postfix's Received field is not there")
    return log


@case("Postfix hands over by SMTP", ["plain"])
def postfix_smtp(bench, mode):
    postfix(bench, "smtp", "smtp_tls_security_level = none")


@case("Postfix hands over by SMTP", ["STARTTLS"])
def postfix_smtp_tls(bench, mode):
    log = postfix(bench, "smtp", f"smtp_tls_security_level = secure\nsmtp_tls_CAfile = {bench.certificate}\n"
                  "smtp_tls_secure_cert_match = localhost\nsmtp_tls_loglevel = 1")
    expect("Verified TLS connection established" in log, "Postfix did not verify the certificate:\n" + log)


@case("Postfix hands over by LMTP", ["plain"])
def postfix_lmtp(bench, mode):
    postfix(bench, "lmtp", "lmtp_tls_security_level = none")
