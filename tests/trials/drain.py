"""SIGTERM while sessions are open: each is told, what is under way is finished or refused and never half, and clients find their way back."""
import signal

from harness.cases import PASSWORD, expect, made, serving
from harness.wire import Gone, Imap, Pop3, Smtp, stuff
from trials.case import case

LETTER = b"From: alice@example.test\r\nSubject: %s\r\n\r\n" + b"a line of the letter\r\n" * 1000


def in_data(server, subject, protocol="lmtp"):
    """A session that has sent the first half of its letter; and the rest."""
    session = Smtp(server.port(protocol), "LHLO" if protocol == "lmtp" else "EHLO")
    session.command("MAIL FROM:<alice@example.test>", 250)
    session.command(f"RCPT TO:<alice@{server.domain}>", 250)
    session.command("DATA", 354)
    octets = stuff(LETTER % subject)
    session.send(octets[:len(octets) // 2])
    return session, octets[len(octets) // 2:]


def last_words(session):
    """All lines up to the end of the connection."""
    lines = []
    try:
        while True:
            lines.append(session.line())
    except Gone:
        return lines


def subjects(session):
    """The subject of each message, which must be whole."""
    untagged, _ = session.command("UID FETCH 1:* (BODY.PEEK[])")
    found = []
    for items in session.fetched(untagged):
        octets = items[b"BODY[]"]
        subject = octets.partition(b"Subject: ")[2].partition(b"\r\n")[0]
        expect(octets.endswith(LETTER % subject), f"the letter {subject} is not whole")
        found.append(subject)
    return found


@case("SIGTERM drains: 421, BYE, a letter under way whole or refused; QRESYNC finds its way back")
def drain(binary, directory):
    with serving(made(binary, directory)) as server:
        letter, rest = in_data(server, b"one")
        letter.send(rest)
        letter.reply(250)
        letter.close()
        for subject in (b"two", b"three"):
            letter, rest = in_data(server, subject, "smtp")
            letter.send(rest)
            letter.reply(250)
            letter.close()
        user = f"alice@{server.domain}"
        imap = Imap(server.port("imap"), user, PASSWORD)
        imap.command("ENABLE QRESYNC")
        selected, _ = imap.command("SELECT INBOX")
        text = b"\n".join(line for line, _ in selected)
        validity = int(text.partition(b"UIDVALIDITY ")[2].partition(b"]")[0])
        modseq = int(text.partition(b"HIGHESTMODSEQ ")[2].partition(b"]")[0])
        other = Imap(server.port("imap"), user, PASSWORD)
        other.command("SELECT INBOX")
        other.command("STORE 3 +FLAGS (\\Flagged)")
        other.command("STORE 1 +FLAGS (\\Deleted)")
        other.command("EXPUNGE")
        idle = Imap(server.port("imap"), user, PASSWORD)
        idle.command("SELECT INBOX")
        idle.send_command("IDLE")
        expect(idle.line().startswith(b"+ "), "IDLE")
        pop3 = Pop3(server.port("pop3"), user, PASSWORD)
        pop3.command("DELE 1")
        silent = Smtp(server.port("smtp"))
        under_way = [in_data(server, b"under way by " + protocol.encode(), protocol) for protocol in ("lmtp", "smtp")]
        append = Imap(server.port("imap"), user, PASSWORD)
        octets = LETTER % b"appended"
        append.send(b"x APPEND INBOX {%d}\r\n" % len(octets))
        expect(append.line().startswith(b"+ "), "APPEND's continuation")
        append.send(octets[:len(octets) // 2])

        server.process.send_signal(signal.SIGTERM)
        expect(last_words(silent)[-1].startswith(b"421 4.3.2 "), "SMTP's last words")
        for session in (imap, other, idle):
            words = last_words(session)
            expect(any(line.startswith(b"* BYE ") for line in words), f"IMAP's last words: {words}")
        words = last_words(pop3)
        expect(not any(line.startswith(b"+OK") for line in words), f"POP3's last words: {words}")
        owed = {b"two", b"three"}
        for session, rest in under_way:
            try:
                session.send(rest)
                lines = [line for line in last_words(session) if line]
            except Gone:
                lines = []
            if any(line.startswith(b"250 ") for line in lines):
                owed.add(b"under way by " + (b"lmtp" if session is under_way[0][0] else b"smtp"))
            else:
                expect(not lines or lines[-1].startswith((b"421 ", b"451 ")), f"DATA's last words: {lines}")
        try:
            append.send(octets[len(octets) // 2:] + b"\r\n")
            if any(line.startswith(b"x OK") for line in last_words(append)):
                owed.add(b"appended")
        except Gone:
            pass
        expect(server.end() == 0, "serve did not end well")
        server.start()
        session = Imap(server.port("imap"), user, PASSWORD)
        session.command("ENABLE QRESYNC")
        untagged, _ = session.command(f"SELECT INBOX (QRESYNC ({validity} {modseq} 1:3))")
        told = [text for text, _ in untagged]
        expect(b"* VANISHED (EARLIER) 1" in told, f"what was expunged before the end is not told: {told}")
        expect(any(text.startswith(b"* 2 FETCH (UID 3 ") and b"\\Flagged" in text for text in told), f"what changed is not told: {told}")
        there = subjects(session)
        expect(len(there) == len(set(there)) and owed == set(there), f"owed {owed}, there {there}")
        session.close()
        expect(server.end() == 0, "serve did not end well")
        server.command("verify")
