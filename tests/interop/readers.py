"""Clients that read, and change what they read: what they hand out is compared octet by octet with what was delivered."""
import glob
import imaplib
import os
import poplib
import re
import ssl
import zlib

from harness.cases import PASSWORD, expect
from interop.bench import case, expect_equal, lines_lf

HERE = os.path.dirname(os.path.abspath(__file__))

MBSYNC_MARK = re.compile(rb"(?m)^X-TUID: .*\n")


def delivered(bench, *tags):
    """Delivers letters and returns them as they are stored."""
    bench.deliver(*[bench.letter(tag) for tag in tags])
    return [octets for _, octets in bench.stored()]


def expect_files(pattern, wanted, what):
    """The files hold exactly these messages, in any order."""
    found = []
    for path in glob.glob(pattern):
        with open(path, "rb") as f:
            found.append(MBSYNC_MARK.sub(b"", lines_lf(f.read())))
    found.sort()
    wanted = sorted(lines_lf(octets) for octets in wanted)
    expect(len(found) == len(wanted), f"{what}: {len(found)} messages, wanted {len(wanted)}")
    for one, other in zip(found, wanted):
        expect_equal(one, other, what)


@case("curl, IMAP")
def curl_imap(bench, mode):
    first, second = delivered(bench, "one", "two")
    url = f"{'imaps' if mode == 'implicit TLS' else 'imap'}://localhost:{bench.port('imap', mode)}"
    common = ["curl", "-sS", "--user", f"{bench.account}:{PASSWORD}"] + ([] if mode == "plain" else ["--ssl-reqd", "--cacert", bench.certificate])
    expect_equal(bench.run(*common, f"{url}/INBOX;MAILINDEX=1"), first, "the first message")
    expect_equal(bench.run(*common, f"{url}/INBOX;UID=2"), second, "the second message")
    expect_equal(bench.run(*common, f"{url}/INBOX;UID=2;SECTION=TEXT"), second.partition(b"\r\n\r\n")[2], "BODY[TEXT]")
    found = bench.run(*common, f"{url}/INBOX?SUBJECT%20two")
    expect(found.strip() == b"* SEARCH 2", f"SEARCH SUBJECT two: {found!r}")
    third = bench.letter("three")
    bench.run(*common, f"{url}/INBOX", "--upload-file", bench.write("third", third))
    expect_equal(bench.run(*common, f"{url}/INBOX;UID=3"), third, "what was appended")
    expect(b"Drafts" in bench.run(*common, url + "/"), "LIST does not name Drafts")


@case("curl, POP3")
def curl_pop3(bench, mode):
    first, second = delivered(bench, "one", "two")
    url = f"{'pop3s' if mode == 'implicit TLS' else 'pop3'}://localhost:{bench.port('pop3', mode)}"
    common = ["curl", "-sS", "--user", f"{bench.account}:{PASSWORD}"] + ([] if mode == "plain" else ["--ssl-reqd", "--cacert", bench.certificate])
    expect_equal(bench.run(*common, url + "/"), b"1 %d\r\n2 %d\r\n" % (len(first), len(second)), "LIST")
    expect_equal(bench.run(*common, url + "/2"), second, "the second message")
    bench.run(*common, "--request", "DELE 1", "--list-only", "--head", url + "/")
    expect_equal(b"".join(octets for _, octets in bench.stored()), second, "what is left after DELE and QUIT")


@case("mbsync")
def mbsync(bench, mode):
    letters = delivered(bench, "one", "two", "three")
    kind = {"plain": "None", "STARTTLS": "STARTTLS", "implicit TLS": "IMAPS"}[mode]
    bench.write("rc", f"""IMAPAccount a
Host localhost
Port {bench.port('imap', mode)}
User {bench.account}
Pass {PASSWORD}
SSLType {kind}
{'' if mode == 'plain' else f'SystemCertificates no{chr(10)}CertificateFile {bench.certificate}'}

IMAPStore far
Account a

MaildirStore near
Path {bench.directory}/mail/
Inbox {bench.directory}/mail/INBOX
SubFolders Verbatim

Channel c
Far :far:
Near :near:
Patterns *
Create Both
Expunge Both
SyncState *
""")
    os.makedirs(os.path.join(bench.directory, "mail"))
    bench.run("mbsync", "-c", "rc", "-a")
    box = os.path.join(bench.directory, "mail/INBOX")
    expect_files(box + "/*/*", letters, "what mbsync fetched")
    expect(os.path.isdir(os.path.join(bench.directory, "mail/Drafts")), "the mailbox Drafts was not made here")
    # Flag one, delete one, add one; then see it there.
    paths = sorted(glob.glob(box + "/*/*"))
    by_tag = {tag: next(p for p in paths if f"Subject: {tag} ".encode() in open(p, "rb").read()) for tag in ("one", "two", "three")}
    for tag, flags in (("one", "FS"), ("two", "T")):
        os.rename(by_tag[tag], os.path.join(box, "cur", os.path.basename(by_tag[tag]).split(":")[0] + ":2," + flags))
    added = bench.letter("added")
    bench.write("mail/INBOX/new/1795000000.1.here", lines_lf(added))
    bench.run("mbsync", "-c", "rc", "-a")
    found = bench.stored()
    expect([flags for flags, _ in found] == [{"\\Flagged", "\\Seen"}, set(), set()], f"flags are {[sorted(f) for f, _ in found]}")
    expect_equal(found[0][1], letters[0], "the flagged message")
    expect_equal(found[1][1], letters[2], "the untouched message")
    expect_equal(MBSYNC_MARK.sub(b"", found[2][1]), added, "the message that mbsync appended")
    # And a change made there comes here.
    session = bench.imap()
    session.command("SELECT INBOX")
    session.command("UID STORE 3 +FLAGS (\\Deleted)")
    session.command("EXPUNGE")
    session.close()
    bench.run("mbsync", "-c", "rc", "-a")
    found_here = len(glob.glob(box + "/*/*"))
    expect(found_here == 2, f"after an expunge there, {found_here} messages are here, wanted 2")


# Its imaplib2 reads and writes one TLS connection from two threads. After a handshake of TLS 1.3 by STARTTLS the first command meets the
# session tickets that OpenSSL reads at that moment, and is lost (README.md); in TLS 1.2 they are part of the handshake.
TLS_1_2 = """openssl_conf = all
[all]
ssl_conf = uses
[uses]
system_default = protocols
[protocols]
MaxProtocol = TLSv1.2
"""


@case("offlineimap3")
def offlineimap(bench, mode):
    letters = delivered(bench, "one", "two")
    tls = {"plain": "ssl = no\nstarttls = no", "STARTTLS": "ssl = no\nstarttls = yes", "implicit TLS": "ssl = yes"}[mode]
    if mode != "plain":
        tls += f"\nsslcacertfile = {bench.certificate}"
    bench.write("rc", f"""[general]
accounts = a
metadata = {bench.directory}/state
maxsyncaccounts = 1
ui = basic

[Account a]
localrepository = near
remoterepository = far

[Repository near]
type = Maildir
localfolders = {bench.directory}/mail

[Repository far]
type = IMAP
remotehost = localhost
remoteport = {bench.port('imap', mode)}
remoteuser = {bench.account}
remotepass = {PASSWORD}
{tls}
""")
    os.makedirs(os.path.join(bench.directory, "state"))
    environment = {"OPENSSL_CONF": bench.write("openssl.cnf", TLS_1_2)} if mode == "STARTTLS" else {}

    def sync():
        said = bench.run("offlineimap", "-c", "rc", "-o", "-u", "basic", "-d", "imap", environment=environment, seconds=60)
        # Where STARTTLS is not announced it goes on without.
        expect((b"Using STARTTLS connection" in said) == (mode == "STARTTLS"), f"wanted {mode}:\n{said.decode('utf-8', 'replace')}")
    sync()
    box = os.path.join(bench.directory, "mail/INBOX")
    expect_files(box + "/*/*", letters, "what offlineimap fetched")
    path = next(p for p in glob.glob(box + "/*/*") if b"Subject: one " in open(p, "rb").read())
    os.rename(path, os.path.join(box, "cur", os.path.basename(path).split(":")[0] + ":2,FS"))
    added = bench.letter("added")
    bench.write("mail/INBOX/new/1795000000.1.here", lines_lf(added))
    sync()
    found = bench.stored()
    expect([flags for flags, _ in found] == [{"\\Flagged", "\\Seen"}, set(), set()], f"flags are {[sorted(f) for f, _ in found]}")
    expect_equal(found[2][1], added, "the message that offlineimap appended")


@case("mpop")
def mpop(bench, mode):
    letters = delivered(bench, "one", "two")
    tls = "tls off" if mode == "plain" else \
        f"tls on\ntls_starttls {'on' if mode == 'STARTTLS' else 'off'}\ntls_trust_file {bench.certificate}"
    mechanism = {"plain": "scram-sha-256", "STARTTLS": "user", "implicit TLS": "plain"}[mode]
    for part in ("cur", "new", "tmp"):
        os.makedirs(os.path.join(bench.directory, "mail", part))
    bench.write("rc", f"account default\nhost localhost\nport {bench.port('pop3', mode)}\n{tls}\nauth {mechanism}\nuser {bench.account}\n"
                f"password {PASSWORD}\ndelivery maildir {bench.directory}/mail\nkeep on\nreceived_header off\n"
                f"uidls_file {bench.directory}/uidls\n")
    bench.run("mpop", "-C", "rc")
    expect_files(bench.directory + "/mail/new/*", letters, "what mpop fetched")
    bench.run("mpop", "-C", "rc", "--keep=off")
    expect_files(bench.directory + "/mail/new/*", letters, "after a second run, by UIDL nothing more")
    expect(bench.stored() == [], "mpop took the messages and they are still there")


@case("s-nail, POP3")
def s_nail_pop3(bench, mode):
    s_nail(bench, mode, "pop3")


@case("s-nail, IMAP")
def s_nail_imap(bench, mode):
    s_nail(bench, mode, "imap")


def s_nail(bench, mode, protocol):
    letters = delivered(bench, "one", "two")
    scheme = protocol + ("s" if mode == "implicit TLS" else "")
    url = f"{scheme}://{bench.account.replace('@', '%40')}:{PASSWORD}@localhost:{bench.port(protocol, mode)}"
    tls = ["-S", f"{protocol}-use-starttls"] if mode == "STARTTLS" else []
    more = ["-S", "pop3-auth=plain", "-S", "pop3-no-apop"] if protocol == "pop3" else ["-S", "imap-auth=login"]
    bench.run("s-nail", "-:/", "-S", "v15-compat=yes", *tls, *more, "-S", "tls-verify=strict", "-S", f"tls-ca-file={bench.certificate}",
              "-S", "tls-ca-no-defaults", "-S", "ttycharset=utf-8", "-f", url,
              stdin=b"copy 1 2 " + bench.directory.encode() + b"/mbox\nexit\n")
    mbox = bench.read("mbox").replace(b"\nStatus: O\n", b"\n")
    for letter in letters:
        lines = lines_lf(letter).replace(b"\nFrom the", b"\n>From the")
        expect(lines in mbox or lines_lf(letter) in mbox, f"the message is not whole in the mbox that s-nail wrote: {mbox[:300]!r}")


@case("Python imaplib")
def python_imaplib(bench, mode):
    first, second = delivered(bench, "one", "two")
    context = ssl.create_default_context(cafile=bench.certificate)
    port = bench.port("imap", mode)
    session = imaplib.IMAP4_SSL("localhost", port, ssl_context=context, timeout=30) if mode == "implicit TLS" else imaplib.IMAP4("localhost", port, timeout=30)
    if mode == "STARTTLS":
        session.starttls(context)

    def say(command, *arguments):
        status, data = getattr(session, command)(*arguments)
        expect(status == "OK", f"{command}{arguments}: {status} {data}")
        return data
    say("login", bench.account, PASSWORD)
    expect(say("select", "INBOX") == [b"2"], "SELECT does not count two messages")
    expect_equal(say("fetch", "1", "(RFC822)")[0][1], first, "RFC822 of the first message")
    expect_equal(say("uid", "fetch", "2", "(BODY.PEEK[])")[0][1], second, "BODY[] of the second message")
    expect(say("search", None, "SUBJECT", "two") == [b"2"], "SEARCH SUBJECT two")
    session.literal = "Grüße aus".encode()
    expect(say("search", "UTF-8", "BODY") == [b"1 2"], "SEARCH BODY with a literal in UTF-8")
    say("store", "1", "+FLAGS", "(\\Flagged work)")
    say("create", "&AMQ-ltere")
    expect(any(b"&AMQ-ltere" in line for line in say("list")), "the new mailbox is not listed")
    say("copy", "1", "&AMQ-ltere")
    say("append", "INBOX", "(\\Draft)", '"21-Nov-2026 10:00:00 +0000"', bench.letter("three"))
    say("store", "2", "+FLAGS", "\\Deleted")
    expect(say("expunge") == [b"2"], "EXPUNGE does not tell number 2")
    expect(say("status", "&AMQ-ltere", "(MESSAGES UNSEEN)")[0].endswith(b"(MESSAGES 1 UNSEEN 0)"), "STATUS of the copy")
    say("close")
    expect(session.logout()[0] == "BYE", "LOGOUT has no BYE")
    found = bench.stored()
    expect(len(found) == 2, f"{len(found)} messages are left, wanted 2")
    expect(found[0][0] == {"\\Flagged", "\\Seen", "work"}, f"flags of the first: {found[0][0]}")
    expect(found[1][0] == {"\\Draft"}, f"flags of the third: {found[1][0]}")
    expect_equal(found[1][1], bench.letter("three"), "the appended message")
    expect_equal(bench.stored('"&AMQ-ltere"')[0][1], first, "the copy")


class Compressed(imaplib.IMAP4):
    """imaplib over zlib, from COMPRESS on (RFC 4978)."""
    imaplib.Commands["COMPRESS"] = ("AUTH", "SELECTED")

    def compress(self):
        status, data = self.xatom("COMPRESS", "DEFLATE")
        expect(status == "OK", f"COMPRESS: {status} {data}")
        self.packer = zlib.compressobj(9, zlib.DEFLATED, -15)
        self.opener = zlib.decompressobj(-15)
        self.opened = b""
        self.packed_octets = self.octets = 0

    def more(self):
        packed = self.sock.recv(4096)
        if not packed:
            raise self.abort("the connection ended")
        self.packed_octets += len(packed)
        opened = self.opener.decompress(packed)
        self.octets += len(opened)
        self.opened += opened

    def read(self, size):
        if not hasattr(self, "packer"):
            return super().read(size)
        while len(self.opened) < size:
            self.more()
        octets, self.opened = self.opened[:size], self.opened[size:]
        return octets

    def readline(self):
        if not hasattr(self, "packer"):
            return super().readline()
        while b"\n" not in self.opened:
            self.more()
        line, end, self.opened = self.opened.partition(b"\n")
        return line + end

    def send(self, data):
        if not hasattr(self, "packer"):
            return super().send(data)
        self.sock.sendall(self.packer.compress(data) + self.packer.flush(zlib.Z_SYNC_FLUSH))


@case("Python imaplib and zlib, COMPRESS=DEFLATE", modes=("plain",))
def python_compressed(bench, mode):
    letters = delivered(bench, *[f"number {n}" for n in range(20)])
    session = Compressed("localhost", bench.port("imap", mode), timeout=30)
    expect(session.login(bench.account, PASSWORD)[0] == "OK", "LOGIN")
    session.compress()
    expect(session.select("INBOX")[1] == [b"20"], "SELECT does not count twenty messages")
    for number, letter in enumerate(letters, 1):
        expect_equal(session.fetch(str(number), "(BODY.PEEK[])")[1][0][1], letter, f"BODY[] of message {number}")
    added = bench.letter("added") + b"0123456789" * 20_000 + b"\r\n"
    expect(session.append("INBOX", None, None, added)[0] == "OK", "APPEND")
    expect_equal(session.fetch("21", "(BODY.PEEK[])")[1][0][1], added, "BODY[] of what was appended")
    status, data = session.xatom("COMPRESS", "DEFLATE")
    expect(status == "NO" and b"[COMPRESSIONACTIVE]" in data[0], f"a second COMPRESS: {status} {data}")
    expect(session.packed_octets * 2 < session.octets, f"{session.octets} octets crossed as {session.packed_octets}")
    expect(session.logout()[0] == "BYE", "LOGOUT has no BYE")


@case("Python poplib")
def python_poplib(bench, mode):
    first, second, third = delivered(bench, "one", "two", "three")
    context = ssl.create_default_context(cafile=bench.certificate)
    port = bench.port("pop3", mode)
    session = poplib.POP3_SSL("localhost", port, context=context, timeout=30) if mode == "implicit TLS" else poplib.POP3("localhost", port, timeout=30)
    if mode == "STARTTLS":
        session.stls(context)
    session.user(bench.account)
    session.pass_(PASSWORD)
    expect(session.stat() == (3, len(first) + len(second) + len(third)), f"STAT: {session.stat()}")
    ids = [line.split()[1] for line in session.uidl()[1]]
    expect(len(set(ids)) == 3, f"UIDL: {ids}")
    _, lines, octets = session.retr(2)
    expect_equal(b"\r\n".join(lines) + b"\r\n", second, "RETR 2")
    header = first.partition(b"\r\n\r\n")[0] + b"\r\n\r\n"
    expect_equal(b"\r\n".join(session.top(1, 2)[1]) + b"\r\n", header + b"preamble\r\n--=_1\r\n", "TOP 1 2")
    session.dele(1)
    session.dele(3)
    session.rset()
    session.dele(2)
    session.quit()
    expect([octets for _, octets in bench.stored()] == [first, third], "after RSET, DELE 2 and QUIT the first and third are left")


@case("POP3 sizes of messages without a last line end", modes=("plain",))
def pop3_open_end(bench, mode):
    letters = (b"Subject: a\r\n\r\nabc", b"Subject: b\r\n\r\nabc\r\n", b"Subject: c\r\n\r\n" + b"x" * 300_000, b"Subject: d")
    session = bench.imap()
    for letter in letters:
        session.command("APPEND INBOX ", letter)
    session.close()
    drop = bench.pop3()
    total = 0
    for number, letter in enumerate(letters, 1):
        sent = letter if letter.endswith(b"\r\n") else letter + b"\r\n"
        total += len(sent)
        expect_equal(drop.command(f"LIST {number}"), b"+OK %d %d" % (number, len(sent)), "LIST")
        expect_equal(drop.command(f"RETR {number}"), b"+OK %d octets" % len(sent), "the size that RETR tells")
        expect_equal(b"\r\n".join(drop.many()) + b"\r\n", sent, "RETR")
    expect_equal(drop.command("STAT"), b"+OK %d %d" % (len(letters), total), "STAT")
    drop.close()
    expect_equal(bench.stored()[0][1], letters[0], "BODY[] has not the line end that POP3 adds")


@case("POP3 without and with UTF8", modes=("plain",))
def pop3_utf8(bench, mode):
    plain = bench.letter("plain")
    utf8 = plain.replace(b"Subject: ", "Subject: grüßt ".encode())
    latin = plain.replace(b"Subject: ", "Subject: grüßt ".encode("latin-1"))
    part = plain.replace(b"octet-stream", 'octet-stream; name="grüßt"'.encode())
    bench.deliver(plain, utf8, latin, part)
    for mode in ("ASCII", "UTF8"):
        session = poplib.POP3("localhost", bench.port("pop3"), timeout=30)
        if mode == "UTF8":
            session.utf8()
        session.user(bench.account)
        session.pass_(PASSWORD)
        for number, letter in enumerate((plain, utf8, latin, part), 1):
            for answer in (lambda n: session.retr(n)[1], lambda n: session.top(n, 1000)[1]):
                shown = b"\r\n".join(answer(number)) + b"\r\n"
                if mode == "UTF8" or letter in (plain, latin):
                    expect(shown.endswith(letter), f"message {number} in {mode} mode")
                    continue
                # RFC 6856 section 2.1: a surrogate without UTF-8 in its headers, and all of the rest
                expect("grüßt".encode() not in shown and b"utf-8" in shown.lower(), f"message {number}: {shown[:2000]}")
                expect(shown.split(b"\r\n\r\n", 1)[1][-200:] == letter.split(b"\r\n\r\n", 1)[1][-200:], f"message {number} lacks its end")
            told = session._longcmd(f"RETR {number}")
            listed = session.list(number)
            expect(int(told[0].split()[1]) == told[2] == int(listed.split()[2]), f"message {number}: {listed}, {told[0]} and {told[2]} octets came")
        session.quit()


@case("Perl Mail::IMAPClient")
def mail_imapclient(bench, mode, *compress):
    first, second = delivered(bench, "one", "two")
    third = bench.write("third", bench.letter("three"))
    bench.run("perl", os.path.join(HERE, "imapclient.pl"), str(bench.port("imap", mode)), mode.split()[0].lower(), bench.account, PASSWORD,
              bench.certificate, third, *compress)
    expect_equal(bench.read("message1"), first, "message_string of the first message")
    found = bench.stored()
    expect(len(found) == 2, f"{len(found)} messages are left, wanted 2")
    expect(found[0][0] == {"\\Flagged"}, f"flags of the first: {found[0][0]}")
    expect_equal(found[1][1], bench.letter("three"), "the appended message")
    expect_equal(bench.stored('"From Perl"')[0][1], second, "the moved message")


@case("Perl Mail::IMAPClient, COMPRESS=DEFLATE", modes=("plain", "implicit TLS"))
def compressed_imapclient(bench, mode):
    mail_imapclient(bench, mode, "compress")
