"""The store's disk fails while the server runs: who is told what, what is lost (nothing), and that it goes on by itself."""
import errno
import os
import re
import signal
import threading

from harness.cases import PASSWORD, ending, expect, made
from harness.server import Failure
from harness.wire import Gone, Imap, Pop3, Refused, Smtp, stuff
from trials.case import case, log_size, logged, until

FAULTS = {
    "syncs": (errno.EIO, "sync"),
    "writes": (errno.EIO, "write"),
    "a disk that is full": (errno.ENOSPC, "write allocate space"),
    "everything": (errno.EIO, "write allocate sync name"),
}
SMALL, LARGE = 40, 600 << 10  # LARGE streams aside: it is more than fits a batch
AWAY = b"Subject: letter number "


def letter(number, size=SMALL):
    lines = max(1, size // 70)
    return AWAY + b"%d\r\nFrom: alice@example.test\r\nMessage-ID: <%d@trial.test>\r\n\r\n" % (number, number) + b"".join(
        b"%060d\r\n" % (number * 1000003 + line) for line in range(lines))


def number_of(octets):
    return int(re.search(AWAY + rb"(\d+)\r\n", octets).group(1))


class Books:
    """What was sent and what was acknowledged."""

    def __init__(self):
        self.lock, self.next = threading.Lock(), 1
        self.sent, self.owed, self.gone = {}, set(), set()

    def letter(self, size=SMALL):
        with self.lock:
            number, self.next = self.next, self.next + 1
            self.sent[number] = letter(number, size)
            return number, self.sent[number]

    def acknowledge(self, number):
        with self.lock:
            self.owed.add(number)


class House:
    """A server over the disk, and sessions that live through everything."""

    def __init__(self, binary, directory):
        self.shim = os.path.join(os.path.dirname(binary), "tests", "trials", "failing_disk.so")
        expect(os.path.exists(self.shim), f"{self.shim} is not built")
        self.control = os.path.join(directory, "control")
        self.server = made(binary, directory, ("alice", "bob"))
        self.books = Books()
        store = os.path.realpath(os.path.join(self.server.directory, "store"))
        self.before = ["env", f"LD_PRELOAD={self.shim}", f"ANGARIUM_FAULT_CONTROL={self.control}", f"ANGARIUM_FAULT_BELOW={store}"]

    def start(self):
        self.server.start(before=self.before)

    def fail(self, number, words):
        with open(self.control + ".new", "w", encoding="ascii") as f:
            f.write(f"{number} {words}")
        os.rename(self.control + ".new", self.control)

    def imap(self, name="alice"):
        session = Imap(self.server.port("imap"), f"{name}@{self.server.domain}", PASSWORD)
        session.command("SELECT INBOX")
        return session

    def alice(self):
        return f"alice@{self.server.domain}"

    def deliver(self, session, size=SMALL, recipients=None):
        """A transaction; the codes at the end of data, or the one that ended it before."""
        number, octets = self.books.letter(size)
        recipients = recipients or [self.alice()]
        code, _ = session.command("MAIL FROM:<alice@example.test>")
        for recipient in recipients:
            code, _ = session.command(f"RCPT TO:<{recipient}>") if code == 250 else (code, None)
        if code == 250:
            code, _ = session.command("DATA")
        if code != 354:
            session.command("RSET", 250)
            return [code]
        session.send(stuff(octets))
        codes = [session.reply()[0] for _ in (recipients if session.lmtp else [0])]
        if codes[0] == 250:
            self.books.acknowledge(number)
        return codes

    def contents(self):
        """{number: (UID, MODSEQ, flags)} of alice's INBOX, every letter as it was sent and once."""
        found, session = {}, self.imap()
        untagged, _ = session.command("UID FETCH 1:* (FLAGS MODSEQ BODY.PEEK[])")
        for items in session.fetched(untagged):
            number, octets = number_of(items[b"BODY[]"]), items[b"BODY[]"]
            expect(octets.endswith(self.books.sent[number]), f"letter {number} is not what was sent")
            expect(number not in found, f"letter {number} is there twice")
            found[number] = (items[b"UID"], items[b"MODSEQ"][0], frozenset(items[b"FLAGS"]) - {b"\\Recent"})
        session.close()
        return found


def connect(server, protocol):
    session = Smtp(server.port(protocol), "LHLO" if protocol == "lmtp" else "EHLO")
    session.lmtp = protocol == "lmtp"
    if protocol == "submission":
        session.plain(f"alice@{server.domain}", PASSWORD)
    return session


class Load(threading.Thread):
    """Delivers by LMTP as fast as it is answered; what it is told must be 250, 451 or 452, or 421 after many refusals."""

    def __init__(self, house):
        super().__init__(daemon=True)
        self.house, self.stopping, self.wrong, self.codes = house, threading.Event(), [], set()

    def run(self):
        while not self.stopping.is_set() and not self.wrong:
            try:
                session = connect(self.house.server, "lmtp")
                while not self.stopping.is_set():
                    codes = self.house.deliver(session)
                    self.codes.update(codes)
                    if not set(codes) <= {250, 451, 452}:
                        self.wrong.append(codes)
                session.close()
            except (Gone, Refused) as error:
                if not str(error).startswith("421 4.7.0"):
                    self.wrong.append(error)


def refused(session, *parts):
    """The text of a NO; an OK is a failure, and so is anything but an answer."""
    tag = session.send_command(*parts)
    while True:
        text, _ = session.response()
        expect(not text.startswith(b"* BYE"), f"{parts[0]}: {text}")
        expect(b" EXPUNGE" not in text or not text.startswith(b"*"), f"{parts[0]} told {text} before it was sure")
        if text.startswith(tag + b" "):
            expect(text.startswith(tag + b" NO "), f"{parts[0]} on a failing disk: {text}")
            return text


def probe(house, sessions):
    """Everything that changes something is refused as temporary; reading goes on."""
    for protocol in ("smtp", "submission"):
        for size in (SMALL, LARGE):
            codes = house.deliver(sessions[protocol], size)
            expect(codes[0] in (451, 452), f"{protocol}, {size} octets: {codes}")
    for size in (SMALL, LARGE):
        codes = house.deliver(sessions["lmtp"], size, [house.alice(), f"bob@{house.server.domain}"])
        expect(set(codes) <= {451, 452}, f"LMTP, {size} octets: {codes}")
    imap = sessions["imap"]
    for size in (SMALL, LARGE):
        refused(imap, "APPEND INBOX ", house.books.letter(size)[1])
    refused(imap, "STORE 1 +FLAGS (\\Flagged)")
    refused(imap, "COPY 1 Archive")
    refused(imap, "MOVE 1 Archive")
    refused(imap, "CREATE Another")
    refused(imap, "EXPUNGE")  # the last letter has \Deleted
    untagged, _ = imap.command("FETCH 1 BODY.PEEK[]")
    expect(b"letter number 1\r" in b"".join(text + b"".join(literals) for text, literals in untagged), f"FETCH gave {untagged}")
    untagged, _ = imap.command("FETCH 1 FLAGS")
    expect(b"\\Flagged" not in untagged[-1][0], f"a STORE that was refused shows: {untagged}")
    pop3 = sessions["pop3"]
    pop3.command("DELE 1")
    try:
        raise Failure(f"POP3 QUIT on a failing disk: {pop3.command('QUIT')}")
    except Refused as answer:
        expect(str(answer).startswith("-ERR"), str(answer))
    done = house.server.command("account", "add", "carol@example.test", "--password-stdin", stdin="geheim12345\n", check=False)
    expect(done.returncode == 75, f"account add ended with {done.returncode}: {done.stdout}{done.stderr}")


def through(house, name, fault):
    """One fault comes and goes; sessions, the process and everything acknowledged outlive it."""
    server, log = house.server, log_size(house.server)
    sessions = {protocol: connect(server, protocol) for protocol in ("smtp", "submission", "lmtp")}
    sessions["imap"] = house.imap()
    sessions["pop3"] = Pop3(server.port("pop3"), f"bob@{server.domain}", PASSWORD)
    expect(house.deliver(sessions["smtp"]) == [250], "a delivery before the fault")
    imap = sessions["imap"]
    imap.command("NOOP")
    imap.command("STORE * +FLAGS.SILENT (\\Deleted)")
    load = Load(house)
    load.start()
    until("the load is taken", lambda: 250 in load.codes)

    house.fail(*fault)
    until("the server notices", lambda: logged(server, b"stopped", log) or load.codes - {250})
    probe(house, sessions)
    os.unlink(house.control)
    until(f"{name}: the server takes mail again", lambda: house.deliver(sessions["lmtp"]) == [250])

    expect(house.deliver(sessions["smtp"], LARGE) == [250], "a large letter after the fault")
    number, octets = house.books.letter(LARGE)
    imap.command("APPEND INBOX ", octets)
    house.books.acknowledge(number)
    imap.command("STORE 1 FLAGS.SILENT (\\Seen)")
    expunged, _ = imap.command("EXPUNGE")
    load.stopping.set()
    load.join(30)
    expect(not load.wrong, f"{name}: the load was told {load.wrong}")
    expect(any(b" EXPUNGE" in text for text, _ in expunged), f"EXPUNGE after the fault: {expunged}")
    for session in sessions.values():
        session.close()


def killed_while_failing(house, before):
    """kill -9 in the middle of it: all that was there is there, and of what was refused only whole letters may be."""
    house.fail(errno.EIO, "sync")
    load = Load(house)
    load.start()
    until("the load is refused", lambda: load.codes - {250})
    load.stopping.set()
    load.join(30)
    house.server.end(signal.SIGKILL)
    os.unlink(house.control)
    house.start()
    after = house.contents()
    other = {number: (known, after.get(number)) for number, known in before.items() if known != after.get(number)}
    expect(not other, f"before and after kill -9: {dict(list(other.items())[:5])}")
    owed = {number for number in house.books.owed if number > max(before)}
    expect(owed <= set(after), f"acknowledged while the disk failed, and lost: {owed - set(after)}")


@case("a failing disk: refused as temporary, mended in process, nothing acknowledged is lost")
def failing_disk(binary, directory):
    house = House(binary, directory)
    with ending(house.server) as server:
        house.start()
        first = connect(server, "lmtp")
        expect(house.deliver(first, recipients=[house.alice(), f"bob@{server.domain}"]) == [250, 250], "the first letter")
        first.close()
        for name, fault in FAULTS.items():
            through(house, name, fault)
            expect(server.process.poll() is None, "the server ended")
        before = house.contents()
        missing = house.books.owed - set(before)
        expect(len(missing) == len(FAULTS), f"{len(FAULTS)} letters were expunged, but these are away: {sorted(missing)}")
        server.command("verify")
        killed_while_failing(house, before)
        server.command("verify")
        expect(server.end() == 0, "serve did not end well")
        server.command("verify")
