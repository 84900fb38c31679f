"""Clients that send: what arrives is compared octet by octet with what they were given."""
import email
import smtplib
import ssl

from harness.cases import PASSWORD, expect
from harness.server import Failure
from interop.bench import TRACE, case, expect_equal


def body_of(stored):
    return stored.partition(b"\r\n\r\n")[2]


@case("swaks, submission")
def swaks(bench, mode):
    letter = bench.letter("swaks")
    tls = {"plain": [], "STARTTLS": ["--tls"], "implicit TLS": ["--tls-on-connect"]}[mode]
    if tls:
        tls += ["--tls-verify", "--tls-ca-path", bench.certificate]
    mechanism = {"plain": "CRAM-MD5,LOGIN", "STARTTLS": "PLAIN", "implicit TLS": "LOGIN"}[mode]
    bench.run("swaks", "--server", "localhost", "--port", str(bench.port("submission", mode)), *tls, "--auth", mechanism,
              "--auth-user", bench.account, "--auth-password", PASSWORD, "--from", bench.account, "--to", bench.account,
              "--data", "@" + bench.write("letter", letter[:-2]))  # swaks adds a line end
    stored = bench.expect_stored(letter)[0]
    expect(b"with ESMTP" + (b"A" if mode == "plain" else b"SA") in stored, "Received does not say ESMTPA or ESMTPSA")


@case("swaks, mail exchanger", ["plain", "STARTTLS", "pipelined"])
def swaks_mx(bench, mode):
    letter = bench.letter("swaks")
    more = {"plain": [], "STARTTLS": ["--tls", "--tls-verify", "--tls-ca-path", bench.certificate], "pipelined": ["--pipeline"]}[mode]
    bench.run("swaks", "--server", "localhost", "--port", str(bench.server.port("smtp")), *more, "--from", "a@elsewhere.test",
              "--to", bench.account, "--data", "@" + bench.write("letter", letter[:-2]))  # swaks adds a line end
    stored = bench.expect_stored(letter)[0]
    expect(stored.startswith(b"Return-Path: <a@elsewhere.test>\r\n"), "Return-Path is not the first field")


@case("swaks, LMTP", ["plain"])
def swaks_lmtp(bench, mode):
    letter = bench.letter("swaks")
    bench.run("swaks", "--protocol", "LMTP", "--server", "localhost", "--port", str(bench.server.port("lmtp")),
              "--from", "a@elsewhere.test", "--to", bench.account, "--data", "@" + bench.write("letter", letter[:-2]))
    bench.expect_stored(letter)


@case("swaks, what must be refused", ["plain"])
def swaks_refused(bench, mode):
    common = ["swaks", "--server", "localhost", "--from", "a@elsewhere.test", "--data", "@" + bench.write("letter", bench.letter("no"))]
    said = bench.run(*common, "--port", str(bench.server.port("smtp")), "--to", "b@elsewhere.test", good=(24,))
    expect(b"550 5.7.1" in said, f"relaying is not refused with 550 5.7.1: {said.decode()}")
    said = bench.run(*common, "--port", str(bench.server.port("smtp")), "--to", "nobody-here@example.test", good=(24,))
    expect(b"550 5.1.1" in said, f"an unknown user is not refused with 550 5.1.1: {said.decode()}")
    said = bench.run(*common, "--port", str(bench.port("submission")), "--to", bench.account, good=(23, 24))
    expect(b"530 5.7.0" in said, f"submission without login is not refused with 530 5.7.0: {said.decode()}")
    bench.run(*common, "--port", str(bench.port("submission")), "--to", bench.account, "--auth", "PLAIN", "--auth-user", bench.account,
              "--auth-password", "wrong", good=(28,))
    bench.expect_stored()


@case("msmtp")
def msmtp(bench, mode):
    letter = bench.letter("msmtp")
    tls = "tls off" if mode == "plain" else \
        f"tls on\ntls_starttls {'on' if mode == 'STARTTLS' else 'off'}\ntls_trust_file {bench.certificate}"
    mechanism = {"plain": "scram-sha-256", "STARTTLS": "plain", "implicit TLS": "scram-sha-1"}[mode]
    bench.write("rc", f"account default\nhost localhost\nport {bench.port('submission', mode)}\n{tls}\nauth {mechanism}\n"
                f"user {bench.account}\npassword {PASSWORD}\nfrom {bench.account}\n")
    bench.run("msmtp", "-C", "rc", bench.account, stdin=letter)
    bench.expect_stored(letter)


@case("curl, SMTP")
def curl_smtp(bench, mode):
    letter = bench.letter("curl")
    scheme = "smtps" if mode == "implicit TLS" else "smtp"
    more = [] if mode == "plain" else ["--ssl-reqd", "--cacert", bench.certificate]
    bench.run("curl", "-sS", f"{scheme}://localhost:{bench.port('submission', mode)}", *more, "--user", f"{bench.account}:{PASSWORD}",
              "--mail-from", bench.account, "--mail-rcpt", bench.account, "--upload-file", bench.write("letter", letter))
    bench.expect_stored(letter)


@case("s-nail, sending")
def s_nail(bench, mode):
    scheme = "smtps" if mode == "implicit TLS" else "submission"
    url = f"{scheme}://{bench.account.replace('@', '%40')}:{PASSWORD}@localhost:{bench.port('submission', mode)}"
    tls = {"plain": [], "STARTTLS": ["-S", "smtp-use-starttls"], "implicit TLS": []}[mode]
    text = "First line\n.\n..dots\nGrüße\n"
    bench.run("s-nail", "-:/", "-S", "v15-compat=yes", "-S", f"mta={url}", *tls, "-S", "tls-verify=strict", "-S", f"tls-ca-file={bench.certificate}",
              "-S", "tls-ca-no-defaults", "-S", "smtp-auth=plain", "-S", "ttycharset=utf-8", "-S", "sendwait", "-r", bench.account,
              "-s", "from s-nail", bench.account, stdin=text.encode())
    (_, stored), = bench.stored()
    expect(b"\r\nSubject: from s-nail\r\n" in stored, "the subject is not there")
    body = body_of(stored)
    if b"quoted-printable" in stored:
        import quopri
        body = quopri.decodestring(body)
    expect_equal(body, text.encode().replace(b"\n", b"\r\n"), "the body")


@case("Python smtplib")
def python_smtplib(bench, mode):
    first, second, large = bench.letter("one"), bench.letter("two"), bench.letter("large", b"Zm9vYmFyYmF6cXV1eA==\r\n" * 20000)
    context = ssl.create_default_context(cafile=bench.certificate)
    port = bench.port("submission", mode)
    session = smtplib.SMTP_SSL("localhost", port, timeout=30, context=context) if mode == "implicit TLS" else smtplib.SMTP("localhost", port, timeout=30)
    with session:
        if mode == "STARTTLS":
            session.starttls(context=context)
        session.login(bench.account, PASSWORD)
        for letter in (first, second, large):
            session.sendmail(bench.account, [bench.account], letter, mail_options=["BODY=8BITMIME"])
        try:
            session.sendmail("somebody@elsewhere.test", [bench.account], first)
            raise Failure("mail was taken in somebody else's name")
        except smtplib.SMTPSenderRefused as refused:
            expect(refused.smtp_code == 553, "a foreign sender is not refused with 553")
    for stored in bench.expect_stored(first, second, large):
        expect(TRACE.match(stored).group(0).count(b"Received: ") == 1, "not one Received field")


def binary_letter(bench, octets):
    """Two parts, the second one these octets in binary coding."""
    return (f"Message-ID: <binary.{bench.name}@interop.test>\r\nFrom: <{bench.account}>\r\nTo: <{bench.account}>\r\n"
            "Date: Sat, 21 Nov 2026 10:00:00 +0000\r\nSubject: binary\r\nMIME-Version: 1.0\r\n"
            "Content-Type: multipart/mixed; boundary=\"=_1\"\r\nContent-Transfer-Encoding: binary\r\n\r\n--=_1\r\n\r\ntext\r\n"
            "--=_1\r\nContent-Type: application/octet-stream\r\nContent-Transfer-Encoding: binary\r\n\r\n"
            ).encode() + octets + b"\r\n--=_1--\r\n"


@case("Python, a binary part by BDAT and by literal8")
def python_binary(bench, mode):
    octets = bytes(range(256)) * 2000 + b"\r\r\n\n\r\n\r\n--=_\n.\r\n.\r\n\0\r"
    letter = binary_letter(bench, octets)
    context = ssl.create_default_context(cafile=bench.certificate)
    port = bench.port("submission", mode)
    session = smtplib.SMTP_SSL("localhost", port, timeout=30, context=context) if mode == "implicit TLS" else smtplib.SMTP("localhost", port, timeout=30)
    with session:
        if mode == "STARTTLS":
            session.starttls(context=context)
        session.login(bench.account, PASSWORD)
        expect(session.docmd("MAIL", f"FROM:<{bench.account}> BODY=BINARYMIME")[0] == 250, "BODY=BINARYMIME is refused")
        expect(session.docmd("RCPT", f"TO:<{bench.account}>")[0] == 250, "RCPT is refused")
        for at in range(0, len(letter), 99_991):
            chunk = letter[at:at + 99_991]
            session.send(f"BDAT {len(chunk)}{' LAST' if at + len(chunk) == len(letter) else ''}\r\n".encode() + chunk)
            code, text = session.getreply()
            expect(code == 250, f"BDAT: {code} {text}")
    reader = bench.imap()
    reader.command("APPEND INBOX ~", letter)
    reader.command("SELECT INBOX")
    untagged, _ = reader.command("UID FETCH 1:* (BINARY.PEEK[2] BINARY.SIZE[2] RFC822.SIZE BODY.PEEK[])")
    found = list(reader.fetched(untagged))
    reader.close()
    expect(len(found) == 2, f"{len(found)} messages, wanted 2")
    for number, items in enumerate(found, 1):
        expect_equal(items[b"BINARY[2]"], octets, f"BINARY[2] of message {number}")
        expect(int(items[b"BINARY.SIZE[2]"]) == len(octets), f"BINARY.SIZE[2] of message {number}")
        whole = items[b"BODY[]"]
        expect(int(items[b"RFC822.SIZE"]) == len(whole), f"RFC822.SIZE of message {number}")
        expect(b"\0" not in whole, "NUL in a literal")
        parts = email.message_from_bytes(whole).get_payload()
        expect_equal(parts[1].get_payload(decode=True), octets, f"the part in BODY[] of message {number}")
        drop = bench.pop3()
        expect_equal(drop.command(f"LIST {number}"), b"+OK %d %d" % (number, len(whole)), "LIST")
        drop.command(f"RETR {number}")
        expect_equal(b"\r\n".join(drop.many()) + b"\r\n", whole, f"RETR of message {number}")
        drop.close()
