"""URLs that authorise: imaplib signs and fetches them, smtplib sends what they name; and an account that moved to another server."""
import imaplib
import re
import smtplib
import urllib.parse

from harness.cases import PASSWORD, expect
from interop.bench import case

imaplib.Commands.update({name: ("AUTH", "SELECTED") for name in ("GENURLAUTH", "URLFETCH", "RESETKEY")})


def imap(bench, account=None, user=None):
    session = imaplib.IMAP4("127.0.0.1", bench.port("imap"), timeout=20)
    session.login(user or account or bench.account, PASSWORD)
    return session


def sign(session, *rumps):
    session._simple_command("GENURLAUTH", *(word for rump in rumps for word in (f'"{rump}"', "INTERNAL")))
    return re.findall(rb'"([^"]*)"', session.untagged_responses.pop("GENURLAUTH")[0])


def fetch(session, url):
    """What URLFETCH gives; None for NIL."""
    session._simple_command("URLFETCH", '"' + url.decode() + '"')
    told = session.untagged_responses.pop("URLFETCH")[0]
    return told[1] if isinstance(told, tuple) else None


def submit(bench, *commands, account=None):
    """One transaction to the account itself; the last reply."""
    with smtplib.SMTP("127.0.0.1", bench.port("submission"), timeout=20) as session:
        session.ehlo("client.test")
        expect(session.esmtp_features["burl"] == "", "BURL is offered with arguments before the login")
        session.login(account or bench.account, PASSWORD)
        session.ehlo("client.test")
        expect(session.esmtp_features["burl"] == "imap", "BURL is not offered after the login")
        session.mail(account or bench.account)
        session.rcpt(bench.account)
        for command in commands:
            reply = session.docmd(command.decode())
        return reply


@case("URLs of drafts, sent by BURL", ["plain"])
def burl(bench, mode):
    letter = bench.letter("burl")
    owner = urllib.parse.quote(bench.account, safe="")
    with imap(bench) as session, imap(bench, "other@example.test") as other:
        session.append("Drafts", None, None, letter)
        base = f"imap://{owner}@localhost/Drafts/;uid=1"
        whole, part, others = sign(session, f"{base};urlauth=submit+{owner}", f"{base}/;section=1;urlauth=authuser",
                                   f"{base};urlauth=submit+other%40example.test")
        expect(fetch(other, part) == b".\r\n..two dots\r\n\r\nGr\xc3\xbc\xc3\x9fe aus K\xc3\xb6ln\r\nFrom the start of a line", "a part is not what was stored")
        expect(fetch(other, whole) is None and fetch(session, whole) is None, "a URL for submission opens to others")
        code, said = submit(bench, b"BURL " + whole + b" LAST")
        expect(code == 250, f"BURL: {code} {said}")
        code, said = submit(bench, b"BURL " + others + b" LAST")
        expect(code == 554 and said.startswith(b"5.7.0"), f"BURL of another user's URL: {code} {said}")
        code, said = submit(bench, b"BDAT 0", b"BURL " + whole, b"BURL " + whole + b" LAST")
        expect(code == 250, f"BURL twice: {code} {said}")
        session._simple_command("RESETKEY", "Drafts")
        expect(fetch(other, part) is None, "RESETKEY did not revoke")
        code, said = submit(bench, b"BURL " + whole + b" LAST")
        expect(code == 554, f"BURL after RESETKEY: {code} {said}")
    bodies = [octets for _, octets in bench.stored()]
    expect(len(bodies) == 2 and bodies[0].endswith(letter[letter.index(b"\r\n\r\n"):]), "what came is not what the URL named")
    expect(bodies[1].count(b"=?UTF-8?Q?gr=C3=BC=C3=9Ft?=") == 2, "two URLs made one message")


@case("a referral to another server", ["plain"])
def referral(bench, mode):
    bench.server.command("account", "set", bench.account, "--moved-to", "imap://new.example.test")
    for password, code in ((PASSWORD, b"[REFERRAL imap://"), ("wrong", b"[AUTHENTICATIONFAILED]")):
        session = imaplib.IMAP4("127.0.0.1", bench.port("imap"), timeout=20)
        try:
            session.login(bench.account, password)
            expect(False, "an account that moved can log in")
        except imaplib.IMAP4.error as error:
            said = error.args[0]
            expect(code in said and (b"REFERRAL" in said) == (password == PASSWORD), f"a login of who moved: {said}")
        session.shutdown()
    bench.server.command("account", "set", bench.account, "--moved-to", "")
    imap(bench).logout()
