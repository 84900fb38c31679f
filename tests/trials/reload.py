"""SIGHUP while sessions are open: new ones live by the new file, those that are open by the old one, and what takes a restart is named."""
import os
import signal

from harness.cases import PASSWORD, expect, made, serving
from harness.server import Failure
from harness.wire import Gone, Imap, Line, Pop3, Refused, Smtp
from trials.case import case, log_size, logged, until

OLD_SIZE, NEW_SIZE = 50 << 20, 100_000
SECONDS = 20  # for a time-out of 1 s to show; those before the reload are longer
CHANGED = [
    ("auth", "mechanisms", '["PLAIN"]'),
    ("smtp", "message_size_max", f'"{NEW_SIZE}"'),
    ("smtp", "errors_max", "2"),
    ("smtp", "command_timeout", '"1s"'),
    ("smtp", "early_talk", '"refuse"'),
    ("smtp", "greeting_delay", '"20s"'),
    ("imap", "append_size_max", f'"{NEW_SIZE}"'),
    ("limits", "handshake_timeout", '"1s"'),
    ("limits", "login_timeout", '"1s"'),
]
LEFT = {
    "server.loops": "threads are started once",
    "log.level": "the log is opened once",
    "auth.argon2_passes": "unknown users cost what they cost at the start",
    "store.cache": "the store is opened",
    "listener": "ports are bound",
}


def hang_up(server, wanted):
    """SIGHUP; the log lines of this reload, whose last one has the words."""
    before = log_size(server)
    server.process.send_signal(signal.SIGHUP)
    until(f"the log says {wanted!r}", lambda: logged(server, wanted, before))
    with open(server.log_path, "rb") as f:
        f.seek(before)
        return f.read().decode("utf-8", "replace")


def hello(session):
    """What EHLO announces."""
    return [line[4:] for line in session.command("EHLO again.test", 250)[1]]


def capability(session):
    session.send(b"c CAPABILITY\r\n")
    words = session.line().split()
    expect(session.line().startswith(b"c OK"), "CAPABILITY")
    return words


def sasl(session):
    """POP3's mechanisms."""
    session.send(b"CAPA\r\n")
    lines = []
    while (line := session.line()) != b".":
        lines.append(line)
    return next(line for line in lines if line.startswith(b"SASL ")).split()[1:]


def greeted(server, protocol, **more):
    session = Line(server.port(protocol), **more)
    session.line()
    return session


def ends(session, what):
    """The last line before the other side ends the connection."""
    last = b""
    try:
        while True:
            last = session.line()
    except Gone:
        return last
    except Refused:
        raise Failure(f"{what}: not ended within {SECONDS} s") from None


def change(server):
    expect("configuration and certificates reloaded" in hang_up(server, b"reloaded"), "a reload of what did not change")
    server.configure(CHANGED)
    log = hang_up(server, b"configuration and certificates reloaded")
    expect("restart" not in log, f"nothing of this takes a restart: {log}")
    for section, key, _ in CHANGED:
        expect(f"{section}.{key}" in log, f"the log does not name {section}.{key}: {log}")


def expect_new(server):
    submission = Smtp(server.port("submission"))
    announced = hello(submission)
    expect(b"AUTH PLAIN" in announced and b"SIZE %d" % NEW_SIZE in announced, f"a new session announces {announced}")
    submission.plain(f"alice@{server.domain}", PASSWORD)
    submission.command(f"MAIL FROM:<alice@{server.domain}> SIZE={NEW_SIZE + 1}", 552)
    submission.send(b"NONSENSE\r\n")
    expect(ends(submission, "a client with two errors").startswith(b"421 "), "two errors are not the end")
    words = capability(greeted(server, "imap"))
    expect(b"AUTH=PLAIN" in words and b"AUTH=SCRAM-SHA-256" not in words, f"IMAP: {words}")
    words = capability(Imap(server.port("imap"), f"alice@{server.domain}", PASSWORD))
    expect(b"APPENDLIMIT=%d" % NEW_SIZE in words, f"IMAP: {words}")
    expect(sasl(greeted(server, "pop3")) == [b"PLAIN"], "POP3's mechanisms")
    early = Line(server.port("smtp"))
    early.send(b"EHLO early.test\r\n")
    answer = early.line()
    expect(answer.startswith(b"554 "), f"who speaks before the greeting is not refused: {answer}")
    expect(ends(greeted(server, "lmtp", timeout=SECONDS), "a silent LMTP client").startswith(b"421 "), "LMTP: the time-out is not told")
    for protocol in ("pop3", "imap"):
        ends(greeted(server, protocol, timeout=SECONDS), f"a silent {protocol} client")
    ends(Line(server.port("imaps"), timeout=SECONDS), "a handshake that does not begin")


def expect_old(server, smtp, imap, pop3, user):
    """Those that were open before, all of them silent for longer than the new time-outs."""
    announced = hello(smtp)
    expect(b"SIZE %d" % OLD_SIZE in announced, f"an open session announces {announced}")
    smtp.command(f"MAIL FROM:<> SIZE={NEW_SIZE + 1}", 250)
    smtp.command(f"RCPT TO:<alice@{server.domain}>", 250)
    smtp.command("DATA", 354)
    smtp.send(b"Subject: large\r\n\r\n" + b"0123456789abcdef\r\n" * (NEW_SIZE // 16) + b".\r\n")
    smtp.reply(250)
    words = capability(imap)
    expect(b"AUTH=SCRAM-SHA-256" in words, f"an open IMAP session: {words}")
    expect(b"APPENDLIMIT=%d" % OLD_SIZE in capability(user), "the open session of a user has another limit")
    expect(b"SCRAM-SHA-256" in sasl(pop3), "an open POP3 session has other mechanisms")
    untagged, _ = user.command("SELECT INBOX")
    expect((b"* 1 EXISTS", []) in untagged, f"the open session of a user: {untagged}")


@case("SIGHUP: new sessions live by the new file, open ones by the old, and what takes a restart is named")
def reload(binary, directory):
    with serving(made(binary, directory, settings=[("limits", "login_timeout", '"10m"')])) as server:
        smtp, imap, pop3 = Smtp(server.port("smtp")), greeted(server, "imap"), greeted(server, "pop3")
        user = Imap(server.port("imap"), f"alice@{server.domain}", PASSWORD)
        change(server)
        expect_new(server)
        expect_old(server, smtp, imap, pop3, user)

        server.configure([("server", "loops", "7"), ("log", "level", '"error"'), ("auth", "argon2_passes", "2"), ("store", "cache", '"32 MiB"'),
                          ("smtp", "early_talk", '"allow"')])
        path = os.path.join(server.directory, "angarium.toml")
        with open(path, "a", encoding="utf-8") as f:
            f.write(f'\n[[listener]]\nprotocol = "metrics"\naddress = "127.0.0.1:{server.offset + 80}"\n')
        log = hang_up(server, b"configuration and certificates reloaded")
        warnings = [line for line in log.splitlines() if "changed settings take a restart" in line]
        expect(len(warnings) == 1, f"wanted one line of what takes a restart: {log}")
        for key, reason in LEFT.items():
            expect(f"{key} ({reason}" in warnings[0], f"{key} is not named with its reason: {warnings}")
        expect("early_talk" not in warnings[0], f"smtp.early_talk takes no restart: {warnings}")
        Smtp(server.port("smtp")).command("QUIT", 221)
        session = Imap(server.port("imap"), f"alice@{server.domain}", PASSWORD)
        session.close()
        Pop3(server.port("pop3"), f"alice@{server.domain}", PASSWORD).close()
        expect(server.end() == 0, "serve did not end well")
        server.start()
        expect(server.end() == 0, "serve with the new file did not end well")


@case("SIGHUP: fewer connections count at once and turn nobody out")
def fewer_connections(binary, directory):
    with serving(made(binary, directory)) as server:
        sessions = [Smtp(server.port("smtp")) for _ in range(12)]
        server.configure([("limits", "connections_max", "10")])
        hang_up(server, b"limits.connections_max")
        expect(Line(server.port("smtp")).line().startswith(b"421 "), "more connections than the new limit allows")
        for session in sessions:
            session.command("NOOP", 250)
        for session in sessions[:3]:
            session.command("QUIT", 221)
            expect(ends(session, "after QUIT") == b"", "more after QUIT")

        def admitted():
            line = Line(server.port("smtp"))
            greeting = line.line()
            line.close()
            return greeting.startswith(b"220 ")
        until("a place is free again", admitted)


@case("SIGHUP: a bad file is told with its line and changes nothing")
def bad_file(binary, directory):
    with serving(made(binary, directory)) as server:
        path = os.path.join(server.directory, "angarium.toml")
        with open(path, encoding="utf-8") as f:
            good = f.read()
        line = good.count("\n") + 3
        with open(path, "a", encoding="utf-8") as f:
            f.write('\n[smtp]\nmessage_size_max = "1 MB"\nerrors_max = 2\n')
        log = hang_up(server, b"reload failed")
        expect(f"angarium.toml:{line}: smtp.message_size_max" in log, f"the line is not told: {log}")
        with open(path, "w", encoding="utf-8") as f:
            f.write(good)
        server.configure([("smtp", "errors_max", "2"), ("tls", "key", '"tls/none.pem"')])
        log = hang_up(server, b"reload failed")
        expect("tls/none.pem" in log, f"the key is not named: {log}")
        session = Smtp(server.port("smtp"))
        for _ in range(3):
            session.command("NONSENSE", 500)
        session.command("QUIT", 221)
