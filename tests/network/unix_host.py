"""A UNIX host on the network: its users have mail because they are its users, programs hand in mail by sendmail, aliases and .forward count."""
from harness.cases import PASSWORD, expect
from network.hosts import layer_of, run, until
from network.servers import Angarium
from network.world import arrived, case, holding, letter, same_body

JOB = "* * * * * echo the disk of $LOGNAME is full\n"


class UnixHost(Angarium):
    """cron from Debian beside the server. Nobody was added to it; its users are the host's, and it serves as a user of its own."""
    home = "/var/lib/angarium"

    def __init__(self, network, domain, number, binary):
        self.layer = layer_of("cron")
        super().__init__(network, domain, number, binary)

    def settings(self):
        return f'\n[local]\nsystem_users = true\n\n[location]\n"{self.address("dora")}" = "mbox:{{home}}/mail:INBOX=/var/mail/{{user}}"\n'

    def set_up(self):
        host = self.host
        host.add_user("carl", 5002, "/home/carl")
        host.add_user("dora", 5003, "/home/dora")
        host.run("sh", "-c", "mkdir /home/dora/mail && chown dora:dora /home/dora/mail && mkdir -p /var/mail && chown root:mail /var/mail && chmod 2775 /var/mail")
        host.add_user("angarium", 902)
        hashed = run("openssl", "passwd", "-6", PASSWORD).strip()
        shadow = host.read("/etc/shadow")
        for user in ("anna", "bert", "carl", "dora"):
            shadow = shadow.replace(f"\n{user}:*:", f"\n{user}:{hashed}:")
        host.write("/etc/shadow", shadow, 0o640)
        path = self.home + "/angarium.toml"
        host.write(path, host.read(path).replace("[server]", '[server]\nuser = "angarium"', 1))
        host.run("chown", "-R", "angarium:angarium", self.home)
        for name in ("sendmail", "newaliases", "mailq", "mail"):
            host.run("ln", "-sf", "/usr/local/bin/angarium", f"/usr/sbin/{name}")
        host.write("/etc/aliases", "root: anna\nteam: anna, bert\narchive: /srv/archive/all\n")
        host.run("sh", "-c", "mkdir -p /srv/archive && chown angarium /srv/archive")
        host.write("/var/spool/cron/crontabs/anna", JOB, 0o600)
        host.run("sh", "-c", "chown anna:anna /var/spool/cron/crontabs/anna && chmod 1730 /var/spool/cron/crontabs")
        self.forward("bert", "carl, anna@one.test\n")
        self.forward("carl", '\\carl, "| cat > /home/carl/piped"\n')

    def start(self):
        super().start()
        self.host.spawn("/usr/sbin/cron", "-f", log="/var/log/cron.log")

    def forward(self, user, text):
        self.host.write(f"/home/{user}/.forward", text)
        self.host.run("chown", f"{user}:{user}", f"/home/{user}/.forward")

    def as_user(self, user, *command, stdin=""):
        return self.host.run("setpriv", f"--reuid={user}", f"--regid={user}", "--init-groups", "--", *command, stdin=stdin)


@case("a UNIX host: users log in by PAM, who writes to them by SMTP reaches them, aliases and .forward chains to other hosts and commands")
def unix_users(world):
    host = world.unix
    token, octets = letter(world.one.address(), host.address())
    world.one.send(world.one.address(), [host.address()], octets)
    same_body(arrived(world, host, token), octets, "to a user of the host")
    token, octets = letter(world.postfix.address(), host.address("team"))
    world.postfix.send(world.postfix.address(), [host.address("team")], octets)
    arrived(world, host, token, "anna")
    arrived(world, host, token, "carl")  # bert's .forward
    forwarded = arrived(world, world.one, token)
    expect(b"Return-Path: <SRS0=" in forwarded, f"the sender was not rewritten:\n{forwarded[:600]}")
    until(lambda: token in host.host.read("/home/carl/piped"), lambda: f"carl's command got nothing:\n{host.log()}")
    expect(host.host.run("stat", "-c", "%U", "/home/carl/piped").strip() == "carl", "the command did not run as carl")
    expect(not holding(host, token, "bert"), "bert has a copy, though his .forward names others alone")


@case("a UNIX host: a user's mail lies in /var/mail and at home, the user's own, while IMAP shows it after a login by PAM")
def unix_located(world):
    host = world.unix
    token, octets = letter(world.one.address(), host.address("dora"))
    world.one.send(world.one.address(), [host.address("dora")], octets)
    arrived(world, host, token, "dora")
    until(lambda: host.host.run("sh", "-c", f"grep -c {token} /var/mail/dora || true").strip() not in ("", "0"), lambda: f"the spool has nothing:\n{host.log()}", 100)
    told = host.host.run("stat", "-c", "%U:%G %a", "/var/mail/dora").strip()
    expect(told == "dora:mail 600", f"the spool is {told}")
    token, octets = letter("cron", "dora")
    host.as_user("dora", "sh", "-c", "cat >> /var/mail/dora", stdin="From cron@unix.test Sun Nov 22 11:00:00 2026\n" + octets.decode().replace("\r\n", "\n") + "\n")
    arrived(world, host, token, "dora")


@case("a UNIX host: sendmail takes mail for here and there, with the server up and down, and files of aliases get theirs")
def unix_sendmail(world):
    host = world.unix
    token, octets = letter("anna", "root, archive, anna@postfix.test")
    host.as_user("anna", "/usr/sbin/sendmail", "-t", "-i", stdin=octets.decode().replace("\r\n", "\n"))
    arrived(world, host, token)  # root
    got = arrived(world, world.postfix, token)
    expect(b"Return-Path: <anna@unix.test>" in got, f"the sender is not anna's address:\n{got[:600]}")
    until(lambda: token in host.host.read("/srv/archive/all"), lambda: f"the archive got nothing:\n{host.log()}")
    host.stop()
    token, octets = letter("bert", "anna")
    host.as_user("bert", "/usr/sbin/sendmail", "-i", "anna", stdin=octets.decode().replace("\r\n", "\n"))
    Angarium.start(host)
    arrived(world, host, token)


@case("a UNIX host: what a job of cron writes reaches its user")
def unix_cron(world):
    until(lambda: any(b"the disk of anna is full" in octets for octets in world.unix.got()),
          lambda: f"cron's mail did not come:\n{world.unix.log()}\n{world.unix.host.read('/var/log/cron.log')}", 100)


@case("a UNIX host: mail(1) reads what cron wrote from the server's store, answers and deletes it, and opens nobody else's")
def unix_mail(world):
    host = world.unix

    def mail(user, *arguments, text="", wrong=False):
        command = ["env", "-u", "MAIL", f"HOME=/home/{user}", f"LOGNAME={user}", "/usr/sbin/mail", "-n", *arguments]
        return host.as_user(user, *(["sh", "-c", '"$@"; echo "ended with $?"', "sh"] if wrong else []), *command, stdin=text)

    until(lambda: any(b"the disk of anna is full" in octets for octets in host.got()), lambda: f"cron's mail did not come:\n{host.log()}", 100)
    token, octets = letter("bert", "anna")
    host.as_user("bert", "/usr/sbin/sendmail", "-i", "anna", stdin=octets.decode().replace("\r\n", "\n"))
    arrived(world, host, token)
    listed = mail("anna", "-H")
    expect("Cron <anna@" in listed, f"the list has nothing of cron:\n{listed}")
    expect("the disk of anna is full" in mail("anna", text="p /Cron\nx\n"), "cron's message is not shown")
    before = len(host.got())
    shown = mail("anna", text=f"f /{token}\nd /{token}\nq\n")
    until(lambda: not holding(host, token), lambda: f"it was not deleted: {shown}\n{host.log()}")
    expect(len(host.got()) >= before - 1, "more than one was deleted")
    answer, _ = letter("anna", "bert")
    mail("anna", "-s", f"an answer {answer}", "carl", text="yes\n")
    arrived(world, host, answer, "carl")
    told = mail("carl", "-f", "@", "-H")
    expect("Cron" not in told and answer in told, f"carl's own INBOX is not what he sees:\n{told}")
    told = mail("carl", "-f", "@anna", "-H", wrong=True)
    expect("ended with 1" in told, f"carl opened a folder that is not his:\n{told}")
