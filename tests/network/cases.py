"""The small Internet and what must hold in it."""
import email
import email.policy
import itertools
import re
import secrets

from harness.cases import expect
from network.hosts import Network, until
from network.servers import Angarium, Exim, NameServer, OpenSmtpd, Postfix

CASES = []
BIG = 20 << 20


def case(name):
    def add(function):
        CASES.append((name, function))
        return function
    return add


class World:
    """one, two and three.test are ours; mx.six.test has IPv6 alone; two.test's second MX is three's host."""

    def __init__(self, binary, directory):
        self.binary, self.directory = binary, directory
        self.network = None

    def start(self):
        self.network = Network(self.directory)
        hosts = {"one": 11, "two": 12, "three": 13, "postfix": 21, "exim": 22, "opensmtpd": 23}
        records = ["ns IN A 10.77.0.53", "null IN MX 0 .", "nowhere IN MX 10 dead", "dead IN A 10.77.0.99", "bare IN A 10.77.0.11",
                   "broken IN NS ns.test."]
        for name, number in hosts.items():
            records += [f"{name} IN MX 10 mx.{name}", f"mx.{name} IN A 10.77.0.{number}", f"mx.{name} IN AAAA fd77::{number}"]
        records += ["two IN MX 20 mx.three", "six IN MX 10 mx6.three", "mx6.three IN AAAA fd77::13"]
        self.names = NameServer(self.network, records)
        self.names.start()
        self.one = Angarium(self.network, "one.test", 11, self.binary)
        self.two = Angarium(self.network, "two.test", 12, self.binary)
        self.three = Angarium(self.network, "three.test", 13, self.binary)
        self.three_serves_more()
        self.postfix = Postfix(self.network, "postfix.test", 21)
        self.exim = Exim(self.network, "exim.test", 22)
        self.opensmtpd = OpenSmtpd(self.network, "opensmtpd.test", 23)
        self.ours = [self.one, self.two, self.three]
        self.foreign = [self.postfix, self.exim, self.opensmtpd]
        self.all = self.ours + self.foreign
        for server in self.all:
            server.start()

    def three_serves_more(self):
        """three takes mail for two.test as its second MX, and serves six.test."""
        path = self.three.home + "/angarium.toml"
        text = self.three.host.read(path)
        self.three.host.write(path, text.replace("relay_networks", 'relay_domains = ["two.test"]\nrelay_networks', 1))
        self.three.command("domain", "add", "six.test")
        self.three.command("alias", "add", "anna@six.test", "anna@three.test")

    def end(self):
        if self.network:
            self.network.end()


def letter(sender, recipient, body=None, extra=""):
    """A message with a token of its own: (token, octets)."""
    token = secrets.token_hex(8)
    text = (body if body is not None else b"Hello.\r\n.\r\n..two dots and a dot alone\r\nlast line\r\n")
    head = (f"From: {sender}\r\nTo: {recipient}\r\nSubject: {token}\r\nMessage-ID: <{token}@hub.test>\r\n"
            f"Date: Sun, 01 Nov 2026 10:00:00 +0000\r\n{extra}\r\n").encode()
    return token, head + text


def holding(server, token, user="anna"):
    return [octets for octets in server.got(user) if token.encode() in octets]


def arrived(world, server, token, user="anna", seconds=60):
    """Waits for the one message with the token in the user's mailbox."""
    found = until(lambda: holding(server, token, user), lambda: f"{token} did not reach {server.address(user)}; its log:\n{server.log()}\n"
                  + "".join(f"\n--- {s.host.name}:\n{s.log()}" for s in world.all if s is not server and token in s.log()), seconds)
    expect(len(found) == 1, f"{token} is {len(found)} times in the mailbox of {server.address(user)}")
    return found[0]


def body_of(octets):
    return octets.partition(b"\r\n\r\n")[2]


def same_body(got, sent, what):
    """OpenSMTPD and maildirs may leave out or add the last line's end."""
    expect(body_of(got).rstrip(b"\r\n") == body_of(sent).rstrip(b"\r\n"), f"{what}: the body is not as it was sent")


def report(octets):
    """The fields of a delivery report: [{field: value}], per-message first, or None."""
    for part in email.message_from_bytes(octets).walk():
        if part.get_content_type() in ("message/delivery-status", "message/global-delivery-status"):
            # Python knows the blocks of the first type only; of the second it takes the first block for a message's header.
            text = part.as_bytes().partition(b"\n\n")[2].decode("utf-8", "replace")
            blocks = [email.message_from_string(block, policy=email.policy.default) for block in text.strip().split("\n\n")]
            return [{field.lower(): str(value) for field, value in block.items()} for block in blocks]
    return None


def reported(world, server, original, action, seconds=60):
    """Waits until anna at the server has a delivery report that names the recipient with the action; its fields about that recipient."""
    def look():
        for octets in server.got():
            for fields in (report(octets) or [])[1:]:
                if original in fields.get("final-recipient", "") + fields.get("original-recipient", "") and fields.get("action", "").startswith(action):
                    return fields
        return None
    return until(look, lambda: f"{server.address()} got no report '{action}' about {original}\n{server.log()}"
                 + "".join(f"\n--- {s.host.name}:\n{s.log()[-2500:]}" for s in world.foreign), seconds)


@case("mail goes from each host to each other, with TLS")
def every_direction(world):
    sent = []
    for a, b in itertools.permutations(world.all, 2):
        token, octets = letter(a.address(), b.address())
        a.send(a.address(), [b.address()], octets)
        sent.append((a, b, token, octets))
    for a, b, token, octets in sent:
        got = arrived(world, b, token)
        same_body(got, octets, f"{a.domain} to {b.domain}")
        if b is not world.opensmtpd:
            expect(re.search(rb"(?i)\bwith\s+esmtps\b|using TLSv", got), f"{a.domain} to {b.domain} without TLS:\n{got[:1500]}")
        expect(got.count(b"mx.three.test") == 0 or world.three in (a, b), f"{a.domain} to {b.domain} went by the second MX:\n{got[:1500]}")


@case("20 MB go to and from each of the others")
def large(world):
    body = b"".join(secrets.token_hex(36).encode() + b"\r\n" for _ in range(BIG // 74))
    for a, b in [*((world.one, s) for s in [world.two, *world.foreign]), *((s, world.one) for s in world.foreign)]:
        token, octets = letter(a.address(), b.address("bert" if b is not world.postfix else "anna"), body)
        user = "anna" if b is world.postfix else "bert"
        a.send(a.address(), [b.address(user)], octets)
        same_body(arrived(world, b, token, user, 120), octets, f"20 MB from {a.domain} to {b.domain}")


@case("8-bit bodies stay octet by octet")
def eight_bit(world):
    body = "Grüße aus Köln, Привет, 你好\r\n".encode()
    extra = "MIME-Version: 1.0\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: 8bit\r\n"
    for a, b in [*((world.one, s) for s in [world.two, *world.foreign]), *((s, world.one) for s in world.foreign)]:
        token, octets = letter(a.address(), b.address(), body, extra)
        a.send(a.address(), [b.address()], octets, mail=["BODY=8BITMIME"])
        same_body(arrived(world, b, token), octets, f"8-bit from {a.domain} to {b.domain}")


@case("UTF-8 addresses where the other side knows them, a report where it does not")
def utf8_addresses(world):
    world.one.command("alias", "add", "änne@one.test", world.one.address())
    for a, b in [(world.one, world.postfix), (world.one, world.exim), (world.postfix, world.one), (world.exim, world.one)]:
        recipient = f"änne@{b.domain}"
        token, octets = letter(a.address(), recipient)
        a.send(a.address(), [recipient], octets, mail=["SMTPUTF8"])
        arrived(world, b, token)
    recipient = "änne@opensmtpd.test"
    _, octets = letter(world.one.address(), recipient)
    world.one.send(world.one.address(), [recipient], octets, mail=["SMTPUTF8"])
    fields = reported(world, world.one, "nne@opensmtpd.test", "failed")
    expect(fields["status"].startswith("5.6.7"), f"the report says {fields}")


@case("success is reported by who delivers, or by us as relayed to who does not report")
def success_reports(world):
    for b in [world.two, world.postfix, world.exim]:
        _, octets = letter(world.one.address(), b.address())
        world.one.send(world.one.address(), [b.address()], octets, mail=["RET=HDRS", "ENVID=e-" + b.domain],
                       rcpt=["NOTIFY=SUCCESS,FAILURE", f"ORCPT=rfc822;{b.address()}"])
        reported(world, world.one, b.address(), "delivered")
    for a in [world.postfix, world.exim]:
        _, octets = letter(a.address(), world.one.address())
        a.send(a.address(), [world.one.address()], octets, rcpt=["NOTIFY=SUCCESS"])
        reported(world, a, world.one.address(), "delivered")


@case("who is unknown there is reported here, unless the sender wants no report")
def failure_reports(world):
    for a, b in [*((world.one, s) for s in [world.two, *world.foreign]), *((s, world.one) for s in world.foreign)]:
        unknown = f"nobody-{secrets.token_hex(3)}@{b.domain}"
        _, octets = letter(a.address(), unknown)
        a.send(a.address(), [unknown], octets)
        fields = reported(world, a, unknown, "failed")
        # Exim refuses without a status of RFC 3463: nobody knows better than 5.0.0 then.
        expect(fields["status"].startswith(("5.1", "5.0.0")), f"{a.domain} to {b.domain}: the report says {fields}")
    silent = f"silent-{secrets.token_hex(3)}@postfix.test"
    token, octets = letter(world.one.address(), silent)
    world.one.send(world.one.address(), [silent], octets, rcpt=["NOTIFY=NEVER"])
    until(lambda: not any(silent in str(entry) for entry in world.one.queue()), "the queue keeps it")
    expect(not any(silent.encode() in octets for octets in world.one.got()), "a report came in spite of NOTIFY=NEVER")


@case("a domain with a null MX, or one that does not exist, is reported at once")
def no_mail(world):
    for recipient, status in [("anna@null.test", "5.1.10"), ("anna@absent.test", "5.1.2")]:
        _, octets = letter(world.one.address(), recipient)
        world.one.send(world.one.address(), [recipient], octets)
        fields = reported(world, world.one, recipient, "failed")
        expect(fields["status"] == status, f"{recipient}: the report says {fields}")


@case("a domain without MX gets its mail at its address, one with IPv6 alone at that")
def address_only(world):
    world.one.command("domain", "add", "bare.test")
    world.one.command("alias", "add", "anna@bare.test", world.one.address())
    token, octets = letter(world.two.address(), "anna@bare.test")
    world.two.send(world.two.address(), ["anna@bare.test"], octets)
    arrived(world, world.one, token)
    for a in [world.one, world.postfix]:
        token, octets = letter(a.address(), "anna@six.test")
        a.send(a.address(), ["anna@six.test"], octets)
        arrived(world, world.three, token)


@case("a name server in trouble makes mail wait, and is no bounce")
def servfail(world):
    recipient = "anna@broken.test"
    token, octets = letter(world.one.address(), recipient)
    world.one.send(world.one.address(), [recipient], octets)
    entry = until(lambda: next((e for e in world.one.queue() if recipient in str(e) and "4.4" in str(e)), None),
                  lambda: f"no entry tells of the name server: {world.one.queue()}\n{world.one.log()}")
    expect(not any(recipient.encode() in o and b"Action: failed" in o for o in world.one.got()), f"bounced: {entry}")
    world.one.command("queue", "remove", "--all", check=False)


@case("450 first, then taken")
def temporary_refusal(world):
    token, octets = letter(world.one.address(), world.postfix.address("bert"))
    world.one.send(world.one.address(), [world.postfix.address("bert")], octets)
    until(lambda: any("come again later" in str(e) for e in world.one.queue()), lambda: f"the queue does not tell of the 450: {world.one.queue()}")
    world.postfix.open_slow()
    got = arrived(world, world.postfix, token, "bert")
    same_body(got, octets, "after a 450")


@case("the second MX takes what the dead first one can't, keeps it, and hands it on once")
def backup(world):
    world.two.host.cut()
    sent = []
    try:
        for a in [world.one, *world.foreign]:
            token, octets = letter(a.address(), world.two.address("bert"))
            a.send(a.address(), [world.two.address("bert")], octets)
            sent.append((a, token, octets))
        for a, token, _ in sent:
            until(lambda: token_waits(world.three, a), lambda: f"{a.domain}: the second MX has nothing: {world.three.queue()}\n{a.log()}", 120)
    finally:
        world.two.host.mend()
    for a, token, octets in sent:
        until(lambda: world.three.retry() or holding(world.two, token, "bert"), lambda: f"{token} did not come from the second MX:\n{world.three.log()}")
        got = arrived(world, world.two, token, "bert")
        same_body(got, octets, "by the second MX")
        expect(b"by mx.three.test" in got, "it did not come by the second MX")


def token_waits(server, of):
    return any(of.address() in str(entry) for entry in server.queue())


@case("power cuts between hosts lose nothing and double nothing that was not under way")
def power_cut(world):
    tokens = []
    for n in range(20):
        token, octets = letter(world.one.address(), world.three.address("bert"))
        tokens.append(token)
        world.one.send(world.one.address(), [world.three.address("bert")], octets)
        if n == 10:
            world.one.stop()
            world.one.start()
        if n == 15:
            world.three.stop()
            world.three.start()
    for token in tokens:
        until(lambda: world.one.retry() or holding(world.three, token, "bert"), lambda: f"{token} is lost:\n{world.one.log()}")
