"""The small Internet: who is in it, and how a case looks at what arrived."""
import email
import email.policy
import secrets

from harness.cases import expect
from network.hosts import Network, until
from network.servers import Angarium, Exim, NameServer, OpenSmtpd, Postfix

CASES = []


def case(name):
    """Registers function(world)."""
    def add(function):
        CASES.append((name, function))
        return function
    return add


class World:
    """one, two and three.test are ours; mx.six.test has IPv6 alone; two.test's second MX is three's host."""

    def __init__(self, binary, directory, unix_host):
        self.binary, self.directory, self.unix_host = binary, directory, unix_host
        self.network = None

    def start(self):
        self.network = Network(self.directory)
        hosts = {"one": 11, "two": 12, "three": 13, "postfix": 21, "exim": 22, "opensmtpd": 23, "unix": 31}
        records = ["ns IN A 10.77.0.53", "null IN MX 0 .", "nowhere IN MX 10 dead", "dead IN A 10.77.0.99", "bare IN A 10.77.0.11",
                   "broken IN NS ns.test."]
        for name, number in hosts.items():
            records += [f"{name} IN MX 10 mx.{name}", f"mx.{name} IN A 10.77.0.{number}", f"mx.{name} IN AAAA fd77::{number}"]
        records += ["two IN MX 20 mx.three", "six IN MX 10 mx6.three", "mx6.three IN AAAA fd77::13",
                    "plain IN MX 10 mx.plain", f"mx.plain IN AAAA {OpenSmtpd.silent}"]
        self.names = NameServer(self.network, records)
        self.names.start()
        self.one = Angarium(self.network, "one.test", 11, self.binary)
        self.two = Angarium(self.network, "two.test", 12, self.binary)
        self.three = Angarium(self.network, "three.test", 13, self.binary)
        self.three_serves_more()
        self.postfix = Postfix(self.network, "postfix.test", 21)
        self.exim = Exim(self.network, "exim.test", 22)
        self.opensmtpd = OpenSmtpd(self.network, "opensmtpd.test", 23)
        self.unix = self.unix_host(self.network, "unix.test", 31, self.binary)
        self.ours = [self.one, self.two, self.three]
        self.foreign = [self.postfix, self.exim, self.opensmtpd]
        self.all = self.ours + self.foreign
        for server in [*self.all, self.unix]:
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
    return server.got(user, token)


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
    """Waits until anna at the server has a delivery report that names the recipient with the action; its fields, and those about that recipient."""
    def look():
        for octets in server.got():
            of_message, *of_recipients = report(octets) or [{}]
            for fields in of_recipients:
                if original in fields.get("final-recipient", "") + fields.get("original-recipient", "") and fields.get("action", "").startswith(action):
                    return of_message | fields
        return None
    return until(look, lambda: f"{server.address()} got no report '{action}' about {original}\n{server.log()}"
                 + "".join(f"\n--- {s.host.name}:\n{s.log()[-2500:]}" for s in world.foreign), seconds)
