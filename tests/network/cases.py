"""What must hold among the hosts of the small Internet."""
import itertools
import re
import secrets

from harness.cases import PASSWORD, expect
from network.hosts import until
from network.world import arrived, case, holding, letter, reported, same_body

BIG = 20 << 20


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


@case("20 MB go from each host to each other")
def large(world):
    body = b"".join(secrets.token_hex(36).encode() + b"\r\n" for _ in range(BIG // 74))
    users = {server: "anna" if server is world.postfix else "bert" for server in world.all}
    sent = []
    for a in world.all:
        to = [b.address(users[b]) for b in world.all if b is not a]
        token, octets = letter(a.address(), ", ".join(to), body)
        a.send(a.address(), to, octets)
        sent.append((a, token, octets))
    for a, token, octets in sent:
        for b in world.all:
            if b is not a:
                same_body(arrived(world, b, token, users[b], 120), octets, f"20 MB from {a.domain} to {b.domain}")


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
    for b in [world.two, *world.foreign]:
        _, octets = letter(world.one.address(), b.address())
        world.one.send(world.one.address(), [b.address()], octets, mail=["RET=HDRS", "ENVID=e-" + b.domain],
                       rcpt=["NOTIFY=SUCCESS,FAILURE", f"ORCPT=rfc822;{b.address()}"])
        reported(world, world.one, b.address(), "delivered")
    for a in world.foreign:
        _, octets = letter(a.address(), world.one.address())
        a.send(a.address(), [world.one.address()], octets, rcpt=["NOTIFY=SUCCESS"])
        reported(world, a, world.one.address(), "delivered")


@case("who announces no DSN gets none of its parameters, and we report success as relayed, to whoever asked for that")
def relayed_reports(world):
    # RFC 3461 §5.2.2: (a), (b), (d)
    _, octets = letter(world.one.address(), "anna@plain.test")
    world.one.send(world.one.address(), ["anna@plain.test"], octets, mail=["RET=HDRS", "ENVID=e-plain"],
                   rcpt=["NOTIFY=SUCCESS", "ORCPT=rfc822;known+2Bas@plain.test"])
    fields = reported(world, world.one, "known+as@plain.test", "relayed")
    expect(fields["status"].startswith("2.") and fields["original-envelope-id"] == "e-plain" and "mx.one.test" in fields["reporting-mta"],
           f"the report says {fields}")
    quiet = []
    for notify in ["NOTIFY=FAILURE,DELAY", "NOTIFY=NEVER"]:
        token, octets = letter(world.one.address(), "bert@plain.test")
        world.one.send(world.one.address(), ["bert@plain.test"], octets, rcpt=[notify])
        arrived(world, world.opensmtpd, token, "bert")
        quiet.append(token.encode())
    until(lambda: not world.one.queue(), "the queue keeps something")
    expect(not any(token in octets for token in quiet for octets in world.one.got()), "a report came that nobody asked for")


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
    world.one.command("queue", "remove", "--all")
    expect(world.one.queue() == [], f"left in the queue: {world.one.queue()}")


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
            until(lambda: token_waits(world.three, a), lambda: f"{a.domain}: the second MX has nothing: {world.three.queue()}\n{a.log()}", 300)
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
    # Only what was on its way at one of the two ends may have come again: nothing more often than that, and nothing that was sent behind them twice.
    copies = [len(holding(world.three, token, "bert")) for token in tokens]
    expect(max(copies) <= 3 and copies[16:] == [1] * 4, f"copies: {copies}")


@case("a user with boxes on three hosts reads all of them on one: fetched by IMAP and by POP3, each message once")
def fetching(world):
    boxes = [(world.two, "imaps"), (world.three, "pop3s")]
    for server, scheme in boxes:
        world.one.command("fetch", "add", world.one.address("bert"), f"{scheme}://{server.host.name}", "--user", server.address("bert"),
                          "--name", scheme, "--any-certificate", "--every", "1h", "--password-stdin", stdin=PASSWORD + "\n")
    tokens = []
    for server in [world.one, *(server for server, _ in boxes)]:
        token, octets = letter(world.exim.address(), server.address("bert"))
        world.exim.send(world.exim.address(), [server.address("bert")], octets)
        arrived(world, server, token, "bert")
        tokens.append((token, octets))
    for _ in range(2):
        for _, scheme in boxes:
            world.one.command("fetch", "run", world.one.address("bert"), scheme)
    for token, octets in tokens:
        same_body(arrived(world, world.one, token, "bert"), octets, "a fetched message")
    for server, _ in boxes:
        expect(holding(server, tokens[1 if server is world.two else 2][0], "bert"), f"fetching took the message away from {server.domain}")
