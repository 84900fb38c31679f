"""Rotation of the keys of encrypted mail by the command line: with the server running, killed amid it and without it."""
import imaplib
import json
import os
import random
import shutil
import signal
import smtplib
import subprocess
import time

from harness.cases import PASSWORD, ending, expect, made

ALICE = "alice@example.test"
BOB = "bob@example.test"


def deliver(server, count, *to):
    """Mail whose every octet is known by its number."""
    with smtplib.LMTP("127.0.0.1", server.port("lmtp"), timeout=60) as session:
        for number in count:
            for one in to:  # smtplib expects one reply, LMTP has one for each recipient
                session.sendmail("", [one], letter(number))


def letter(number):
    return f"From: a@example.test\r\nSubject: secret {number}\r\n\r\nfor nobody else {number}\r\n"


def read(server, user):
    """The texts of the INBOX; nothing: they cannot be read now."""
    with imaplib.IMAP4("localhost", server.port("imap")) as session:
        session.login(user, PASSWORD)
        session.select("INBOX", readonly=True)
        try:
            kind, found = session.fetch("1:*", "(BODY.PEEK[TEXT])")
        except imaplib.IMAP4.error:
            return None
        return [part[1].decode() for part in found if isinstance(part, tuple)] if kind == "OK" else None


def expect_read(server, count, *users):
    wanted = [f"for nobody else {number}\r\n" for number in range(count)]
    for user in users:
        found = read(server, user)
        expect(found == wanted, f"{user}: {len(found) if found is not None else 'no'} of {count} texts are read")


def keys(server, *words):
    return json.loads(server.command("keys", *words, "--json").stdout)


def refused(server, *words):
    done = server.command("keys", *words, check=False)
    return done.returncode, done.stderr


def until(holds, what):
    for _ in range(300):
        if holds():
            return
        time.sleep(0.1)
    expect(False, what)


def add(case):
    @case("keys of encrypted mail: new ones for the server and for accounts, and the old file opens nothing any more")
    def rotated(binary, directory):
        server = made(binary, directory, accounts=("alice", "bob"), settings=[("store", "encryption", "true")])
        file = os.path.join(server.directory, "keys", "server.keys")
        expect(keys(server, "list") == [], "there are keys before there is mail")
        code, told = refused(server, "rotate")
        expect(code == 1 and "nothing is encrypted" in told, f"{code}: {told}")
        with ending(server):
            server.start()
            deliver(server, range(20), ALICE, BOB)
            before = keys(server, "list")
            expect([(row["file"], row["keys"]) for row in before] == [("current", 2)], f"listed: {before}")
            shutil.copy2(file, os.path.join(directory, "old"))
            done = keys(server, "rotate")
            expect((done["wrapped"], done["forgotten"]) == (2, 1), f"not so: {done}")
            after = keys(server, "list")
            expect(len(after) == 1 and after[0]["version"] == done["version"] != before[0]["version"], f"listed: {after}")
            expect(os.stat(file).st_mode & 0o777 == 0o600, "others may read the key")
            expect_read(server, 20, ALICE, BOB)
            done = keys(server, "rotate", ALICE)
            expect((done["accounts"], done["sealed"], done["erased"]) == (1, 20, 1), f"not so: {done}")
            deliver(server, range(20, 30), ALICE, BOB)
            done = keys(server, "rotate", "--accounts")
            expect((done["accounts"], done["sealed"], done["erased"]) == (2, 60, 2), f"not so: {done}")
            expect("keys" in server.command("keys", "list").stdout.lower(), "the list cannot be read by people")
            expect(refused(server, "rotate", "carol@example.test")[0] == 1, "nobody's key was rotated")
            expect(refused(server, "rotate", ALICE, "--accounts")[0] == 2, "one account and all of them")
            expect_read(server, 30, ALICE, BOB)
            server.end(signal.SIGKILL)
            server.start()
            expect_read(server, 30, ALICE, BOB)
            server.end()
            # The file of before opens nothing, and nothing is lost by it.
            os.rename(file, file + ".new-one")
            shutil.copy2(os.path.join(directory, "old"), file)
            server.start()
            expect(read(server, ALICE) is None, "the old file opens the mail")
            rows = {row["file"]: row for row in keys(server, "list")}
            expect(rows["missing"]["keys"] == 2 and rows["current"]["keys"] == 0, f"listed: {rows}")
            server.end()
            os.rename(file + ".new-one", file)
            # Without the server, too.
            done = keys(server, "rotate")
            expect(done["wrapped"] == 2, f"not so: {done}")
            expect(keys(server, "rotate", BOB)["sealed"] == 30, "Bob's mail is as it was")
            server.start()
            expect_read(server, 30, ALICE, BOB)
            expect(not json.loads(server.command("verify", "--json").stdout)["damage"], "verify finds damage")

    @case("keys of encrypted mail: rotations while mail comes and the server is killed; what was taken is read")
    def killed(binary, directory):
        server = made(binary, directory, accounts=("alice", "bob"), settings=[("store", "encryption", "true")])
        taken = 0
        with ending(server):
            for round in range(6):
                server.start()
                deliver(server, range(taken, taken + 150), ALICE, BOB)
                taken += 150
                words = [["rotate", "--accounts"], ["rotate"], ["rotate", ALICE]][round % 3]
                asking = [subprocess.Popen([binary, "keys", *words, "--dir", server.directory, "--json"],
                                           stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) for _ in range(2)]
                # While they are at it.
                deliver(server, range(taken, taken + round), ALICE, BOB)
                taken += round
                server.end(signal.SIGKILL)
                for one in asking:
                    one.wait()
            server.start()
            expect_read(server, taken, ALICE, BOB)
            keys(server, "rotate", "--accounts")
            keys(server, "rotate")
            rows = keys(server, "list")
            expect([(row["file"], row["keys"]) for row in rows] == [("current", 2)], f"listed: {rows}")
            server.end(signal.SIGKILL)
            server.start()
            expect_read(server, taken, ALICE, BOB)
            expect(not json.loads(server.command("verify", "--json").stdout)["damage"], "verify finds damage")

    @case("keys of encrypted mail: kills that hit a rotation of the server's key, and one of all accounts, which goes on where it was")
    def hit(binary, directory):
        names = [f"u{number}" for number in range(12)]
        server = made(binary, directory, accounts=names, settings=[("store", "encryption", "true")])
        addresses = [f"{name}@example.test" for name in names]
        file = os.path.join(server.directory, "keys", "server.keys")
        with ending(server):
            server.start()
            deliver(server, range(10), *addresses)

            def killed(wait, holds, *words):
                """Whether this is so after a kill amid the rotation, when `wait` is over."""
                before = os.stat(file).st_ino
                asked = subprocess.Popen([binary, "keys", "rotate", *words, "--dir", server.directory],
                                         stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
                wait(asked, before)
                server.end(signal.SIGKILL)
                # Without a server it may have begun by itself.
                asked.kill()
                asked.wait()
                server.start()
                return holds()

            def new_file(asked, before):
                """The new version is in the file, and the old one, too, for a moment."""
                while os.stat(file).st_ino == before and asked.poll() is None:
                    pass

            def somewhen(*_):
                time.sleep(chance.uniform(0, takes))

            def version_left():
                return [row["file"] for row in keys(server, "list")] == ["old", "current"]

            def account_left():
                return "note" in keys(server, "rotate", "--accounts")

            chance = random.Random(1)
            began = time.monotonic()
            keys(server, "rotate", "--accounts")
            takes = time.monotonic() - began
            for wait, holds, words in ((new_file, version_left, []), (somewhen, account_left, ["--accounts"])):
                expect(any(killed(wait, holds, *words) for _ in range(100)), f"no kill hit a rotation: {words}")
                expect_read(server, 10, *addresses[:2])
            keys(server, "rotate")
            expect([(row["file"], row["keys"]) for row in keys(server, "list")] == [("current", len(names))], "keys of before are left")
            expect_read(server, 10, *addresses)
            expect(not json.loads(server.command("verify", "--json").stdout)["damage"], "verify finds damage")

    @case("keys of encrypted mail: a new one for the queue while mail waits; killed, all of it goes, and no old key stays")
    def of_the_queue(binary, directory):
        server = made(binary, directory, settings=[("store", "encryption", "true"), ("smtp", "relay_networks", '["127.0.0.1/32"]'),
                                                   ("transport", '"far.test"', '"relay 127.0.0.1:1"')])
        far = made(binary, os.path.join(directory, "far"))
        far.command("domain", "add", "far.test")
        far.command("account", "add", "carl@far.test", "--password-stdin", stdin=PASSWORD + "\n")
        code, told = refused(server, "rotate", "--queue")
        expect(code == 1 and "was encrypted" in told, f"{code}: {told}")
        expect(refused(server, "rotate", "--queue", "--accounts")[0] == 2, "the queue and all accounts")
        with ending(far), ending(server):
            server.start()
            for number in range(4):
                with smtplib.SMTP("127.0.0.1", server.port("smtp"), timeout=60) as session:
                    session.sendmail(ALICE, "carl@far.test", letter(number))
                done = keys(server, "rotate", "--queue")
                expect((done["erased"], done["kept"]) == (0, number + 1), f"not so: {done}")
                if number % 2:
                    server.end(signal.SIGKILL)
                    server.start()
            expect(keys(server, "list")[0]["keys"] == 5, f"listed: {keys(server, 'list')}")
            server.end(signal.SIGKILL)
            # Without the server, too: the newest was nobody's.
            expect(keys(server, "rotate", "--queue")["erased"] == 1, "a key that nothing needs is kept")
            far.start()
            server.configure([("transport", '"far.test"', f'"relay 127.0.0.1:{far.port("smtp")}"')])
            server.start()
            server.command("queue", "flush")
            until(lambda: len(read(far, "carl@far.test") or []) == 4, "not all of it came")
            expect(sorted(read(far, "carl@far.test")) == [f"for nobody else {number}\r\n" for number in range(4)], "other mail came")
            until(lambda: json.loads(server.command("queue", "list", "--json").stdout) == [], "something is still in the queue")
            expect(keys(server, "rotate", "--queue")["kept"] == 0, "keys are kept for nothing")
            expect(keys(server, "list")[0]["keys"] == 1, f"listed: {keys(server, 'list')}")
            expect(not json.loads(server.command("verify", "--json").stdout)["damage"], "verify finds damage")
