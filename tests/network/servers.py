"""The servers of the network, each with the user anna and one way for all: start(), sent(letter), got() and what happened."""
import contextlib
import imaplib
import json
import os
import shutil
import smtplib
import socket
import ssl
import subprocess

from harness.cases import PASSWORD
from harness.server import Failure
from network.hosts import HUB, NAME_SERVER, Host, layer_of, run, until

USERS = ("anna", "bert")
MESSAGE_SIZE_MAX = 64 << 20
NEAR = 64 << 10  # octets of a message that are searched for a token: all of its header


def certificate(host, directory):
    """A key and a certificate that nobody has to trust: between servers TLS is opportunistic."""
    os.makedirs(host.path(directory), exist_ok=True)
    run("openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", f"/CN={host.name}",
        "-keyout", host.path(directory + "/key.pem"), "-out", host.path(directory + "/cert.pem"))


class MailServer:
    """A host that serves the domain `domain` and relays for this process, which hands it mail at port 25."""
    layer = None
    family = (4, 6)

    def __init__(self, network, domain, number):
        self.domain = domain
        self.host = Host(network, "mx." + domain, number, self.layer, self.family)
        for n, name in enumerate(USERS):
            self.host.add_user(name, 5000 + n, f"/home/{name}")

    def address(self, user="anna"):
        return f"{user}@{self.domain}"

    def wait_for_greeting(self):
        def greets():
            with contextlib.suppress(OSError, smtplib.SMTPException):
                smtplib.SMTP(self.host.address, 25, local_hostname="hub.test", timeout=10).quit()
                return True
            return False
        until(greets, lambda: f"{self.host.name} does not greet:\n{self.log()}")

    def send(self, sender, recipients, octets, mail=(), rcpt=()):
        """Hands a message in; raises smtplib's errors."""
        with smtplib.SMTP(self.host.address, 25, local_hostname="hub.test", timeout=60) as session:
            session.sendmail(sender, recipients, octets, mail_options=list(mail), rcpt_options=list(rcpt))

    def got(self, user="anna", token=""):
        """All messages the user has, or those with the token near the beginning, as octets with CR LF."""
        found = []
        folder = self.host.path(f"/home/{user}/Maildir/new")
        for name in sorted(os.listdir(folder)) if os.path.isdir(folder) else ():
            with open(os.path.join(folder, name), "rb") as f:
                beginning = f.read(NEAR)
                if token.encode() in beginning:
                    found.append((beginning + f.read()).replace(b"\r\n", b"\n").replace(b"\n", b"\r\n"))
        return found

    def log(self):
        return ""


class Angarium(MailServer):
    """The built program, from `init` on, as an operator would set it up."""
    home = "/srv/mail"

    def __init__(self, network, domain, number, binary):
        super().__init__(network, domain, number)
        shutil.copy(binary, self.host.path("/usr/local/bin/angarium"))
        self.command("init", "--domain", domain, "--host", self.host.name, "--address", "::")
        with open(self.host.path(self.home + "/angarium.toml"), "a") as f:
            f.write(f'\n[smtp]\nrelay_networks = ["{HUB}"]\nmessage_size_max = "64 MiB"\n'
                    '\n[store]\nreserve = "16 MiB"\n\n[queue]\nretry_first = "2s"\nretry_longest = "5s"\n' + self.settings())
        text = self.host.read(self.home + "/angarium.toml")
        self.host.write(self.home + "/angarium.toml", text.replace('[auth]', '[auth]\nargon2_memory_kib = 8192\nargon2_passes = 1'))
        self.command("config", "check")
        self.set_up()

    def settings(self):
        """More of the configuration."""
        return ""

    def set_up(self):
        for user in USERS:
            self.command("account", "add", self.address(user), "--password-stdin", stdin=PASSWORD + "\n")

    def command(self, *arguments, stdin="", check=True):
        return self.host.run("/usr/local/bin/angarium", *arguments, "--dir", self.home, stdin=stdin, check=check)

    def start(self):
        self.process = self.host.spawn("/usr/local/bin/angarium", "serve", "--dir", self.home, log="/srv/serve.log")
        self.wait_for_greeting()

    def stop(self):
        """As a power cut would: at once."""
        self.host.run("pkill", "-KILL", "-x", "angarium")
        self.process.wait(30)

    def got(self, user="anna", token=""):
        context = ssl.create_default_context()
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
        session = imaplib.IMAP4_SSL(self.host.address, 993, ssl_context=context, timeout=60)
        try:
            session.login(self.address(user), PASSWORD)
            session.select("INBOX", readonly=True)
            _, found = session.search(None, *(("SUBJECT", token) if token else ("ALL",)))
            return [session.fetch(n, "(BODY.PEEK[])")[1][0][1] for n in found[0].split()]
        finally:
            session.logout()

    def queue(self):
        return json.loads(self.command("queue", "list", "--json"))

    def retry(self):
        self.command("queue", "flush", check=False)

    def log(self):
        return self.host.read("/srv/serve.log")[-6000:]


class Postfix(MailServer):
    def __init__(self, network, domain, number):
        self.layer = layer_of("postfix")
        super().__init__(network, domain, number)
        host = self.host
        host.add_user("postfix", 9001)
        with open(host.path("/etc/group"), "a") as f:
            f.write("postdrop:x:9002:\n")
        certificate(host, "/etc/postfix/tls")
        host.write("/etc/postfix/virtual", f"änne@{domain} anna\n")
        host.write("/etc/postfix/slow", f"{self.address('bert')} 450 4.2.1 come again later\n")
        host.write("/etc/postfix/main.cf", f"""compatibility_level = 3.6
queue_directory = /var/spool/postfix
command_directory = /usr/sbin
daemon_directory = /usr/lib/postfix/sbin
shlib_directory = /usr/lib/postfix
data_directory = /var/lib/postfix
mail_owner = postfix
setgid_group = postdrop
maillog_file = /var/log/postfix.log
myhostname = {host.name}
mydomain = {domain}
mydestination = {domain}, {host.name}, localhost
mynetworks = 127.0.0.0/8, {HUB}/32
inet_interfaces = all
alias_maps = inline:{{postmaster=anna}}
virtual_alias_maps = texthash:/etc/postfix/virtual
home_mailbox = Maildir/
message_size_limit = {MESSAGE_SIZE_MAX}
mailbox_size_limit = 0
smtputf8_enable = yes
smtpd_recipient_restrictions = check_recipient_access texthash:/etc/postfix/slow, permit_mynetworks, reject_unauth_destination
smtpd_tls_security_level = may
smtpd_tls_cert_file = /etc/postfix/tls/cert.pem
smtpd_tls_key_file = /etc/postfix/tls/key.pem
smtp_tls_security_level = may
smtp_tls_loglevel = 1
minimal_backoff_time = 2s
maximal_backoff_time = 5s
queue_run_delay = 2s
""")
        self.serve_without_chroot()

    def serve_without_chroot(self):
        """The package's master.cf with every chroot column off: the jail's files come with the package's own script."""
        lines = []
        for line in self.host.read("/usr/share/postfix/master.cf.dist").splitlines():
            words = line.split()
            if len(words) >= 8 and not line.startswith(("#", " ")):
                words[4] = "n"
                line = " ".join(words)
            lines.append(line)
        self.host.write("/etc/postfix/master.cf", "\n".join(lines) + "\n")

    def start(self):
        self.host.run("sh", "-c", "mkdir -p /var/lib/postfix /var/spool/postfix/pid && chown postfix /var/lib/postfix && postfix set-permissions 2>/dev/null; "
                      "postfix check; postfix start")
        self.wait_for_greeting()

    def open_slow(self):
        """What was 450 is taken from now on."""
        self.host.write("/etc/postfix/slow", "")
        self.host.run("postfix", "reload")

    def retry(self):
        self.host.run("postqueue", "-f", check=False)

    def log(self):
        return self.host.read("/var/log/postfix.log")[-6000:]


class Exim(MailServer):
    def __init__(self, network, domain, number):
        self.layer = layer_of("exim")
        super().__init__(network, domain, number)
        host = self.host
        host.add_user("Debian-exim", 9003)
        certificate(host, "/etc/exim4/tls")
        host.write("/etc/exim4/exim4.conf", f"""primary_hostname = {host.name}
qualify_domain = {domain}
exim_user = Debian-exim
exim_group = Debian-exim
spool_directory = /var/spool/exim4
log_file_path = /var/log/exim4/%slog
domainlist local_domains = {domain}
hostlist relay_from_hosts = {HUB} : 127.0.0.1
acl_smtp_rcpt = check_rcpt
acl_smtp_data = accept
tls_advertise_hosts = *
tls_certificate = /etc/exim4/tls/cert.pem
tls_privatekey = /etc/exim4/tls/key.pem
dsn_advertise_hosts = *
smtputf8_advertise_hosts = *
message_size_limit = 64M
queue_run_in_order = false
keep_environment =
begin acl
check_rcpt:
  accept hosts = +relay_from_hosts
  require domains = +local_domains
  require verify = recipient
  accept
begin routers
named:
  driver = redirect
  domains = +local_domains
  data = ${{if eq{{$local_part}}{{änne}}{{anna}}{{${{if eq{{$local_part}}{{postmaster}}{{anna}}{{}}}}}}}}
dnslookup:
  driver = dnslookup
  domains = ! +local_domains
  transport = remote_smtp
  no_more
localuser:
  driver = accept
  check_local_user
  transport = maildir
begin transports
remote_smtp:
  driver = smtp
maildir:
  driver = appendfile
  maildir_format
  create_directory
  directory = /home/$local_part_data/Maildir
  return_path_add
begin retry
* * F,1h,2s
""")
        self.host.run("chown", "-R", "root:Debian-exim", "/etc/exim4")
        self.host.run("chmod", "640", "/etc/exim4/tls/key.pem")

    def start(self):
        self.host.run("sh", "-c", "mkdir -p /var/spool/exim4 /var/log/exim4 && chown -R Debian-exim:Debian-exim /var/spool/exim4 /var/log/exim4")
        self.host.spawn("/usr/sbin/exim4", "-bdf", "-q10s", log="/var/log/exim4/output")
        self.wait_for_greeting()

    def retry(self):
        self.host.run("/usr/sbin/exim4", "-qff", check=False)

    def log(self):
        return "".join(self.host.read(f"/var/log/exim4/{name}")[-5000:] for name in ("output", "mainlog", "paniclog"))


class OpenSmtpd(MailServer):
    """It takes mail without TLS: 6.8 fails every handshake beside OpenSSL 3 (also those of swaks and openssl). It sends with TLS.
    At the address `silent`, which is where plain.test's mail goes, it announces no DSN."""
    silent = "fd77::123"

    def __init__(self, network, domain, number):
        self.layer = layer_of("opensmtpd")
        super().__init__(network, domain, number)
        host = self.host
        host.add_user("opensmtpd", 9004, "/var/lib/opensmtpd/empty")
        host.add_user("opensmtpq", 9005)
        os.chown(host.path("/var/lib/opensmtpd/empty"), 0, 0)
        host.run("ip", "address", "add", f"{self.silent}/64", "dev", "eth0", "nodad")
        host.write("/etc/aliases", "postmaster: anna\n")
        host.write("/etc/smtpd.conf", f"""table aliases file:/etc/aliases
smtp max-message-size "64M"
listen on 0.0.0.0 port 25 hostname {host.name}
listen on fd77::{number} port 25 hostname {host.name}
listen on {self.silent} port 25 hostname {host.name} no-dsn
listen on socket
action "local" maildir "/home/%{{user.username}}/Maildir" alias <aliases>
action "outbound" relay helo "{host.name}"
match from any for domain {{ "{domain}", "plain.test" }} action "local"
match from src {HUB} for any action "outbound"
match from local for any action "outbound"
""")

    def start(self):
        self.host.run("mkdir", "-p", "-m", "711", "/var/spool/smtpd")
        self.host.spawn("/usr/sbin/smtpd", "-d", log="/var/log/smtpd.output")
        self.wait_for_greeting()

    def retry(self):
        self.host.run("smtpctl", "schedule", "all", check=False)

    def log(self):
        return self.host.read("/var/log/smtpd.output")[-6000:]


class NameServer:
    """NSD with the zone test. and one whose file is missing: SERVFAIL."""

    def __init__(self, network, records):
        self.host = Host(network, "ns.test", int(NAME_SERVER.rsplit(".", 1)[1]), layer_of("nsd"))
        self.host.add_user("nsd", 9006)
        self.host.write("/etc/nsd/nsd.conf", """server:
  username: nsd
  zonesdir: "/etc/nsd"
  zonelistfile: "/var/lib/nsd/zone.list"
  xfrdfile: "/var/lib/nsd/xfrd.state"
  database: ""
  pidfile: "/run/nsd.pid"
remote-control:
  control-enable: no
zone:
  name: test
  zonefile: test.zone
zone:
  name: broken.test
  zonefile: absent.zone
zone:
  name: .
  zonefile: root.zone
""")
        soa = "$TTL 60\n@ IN SOA ns.test. hostmaster.test. 1 60 60 3600 1\n@ IN NS ns.test.\n"
        self.host.write("/etc/nsd/root.zone", soa + "test. IN NS ns.test.\nns.test. IN A " + NAME_SERVER + "\n")
        self.host.write("/etc/nsd/test.zone", soa + "\n".join(records) + "\n")
        self.host.run("sh", "-c", "mkdir -p /var/lib/nsd && chown nsd /var/lib/nsd")

    def start(self):
        self.host.spawn("/usr/sbin/nsd", "-d", "-c", "/etc/nsd/nsd.conf", log="/var/log/nsd.output")

        def answers():
            with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:
                s.settimeout(1)
                with contextlib.suppress(OSError):
                    s.sendto(b"\0\1\0\0\0\1\0\0\0\0\0\0\4test\0\0\6\0\1", (NAME_SERVER, 53))
                    return s.recv(512)[3] & 15 == 0
            return False
        until(answers, lambda: "nsd does not answer: " + self.host.read("/var/log/nsd.output"))
