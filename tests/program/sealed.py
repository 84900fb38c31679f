"""Mail that is encrypted in the store (store.encryption), with the server's key there, lost, and brought back."""
import json
import os
import pwd
import resource
import shutil
import signal
import subprocess

from harness.cases import PASSWORD, ending, expect, made
from harness.wire import Imap, Refused, Smtp, stuff

USER = "nobody"
ALICE = "alice@example.test"
WORDS = "neither snow nor rain"
LETTER = f"From: bob@example.org\r\nSubject: one\r\n\r\n{WORDS}\r\n".encode()


def crash(process):
    """How a process ended that was told to crash: killed, or with its memory written down."""
    process.send_signal(signal.SIGSEGV)
    return os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOWAIT).si_code


def bring(server, code=250):
    """A letter to alice, of which the server says this at the end."""
    session = Smtp(server.port("lmtp"), hello="LHLO")
    session.command("MAIL FROM:<bob@example.org>", 250)
    session.command(f"RCPT TO:<{ALICE}>", 250)
    session.command("DATA", 354)
    session.send(stuff(LETTER))
    session.reply(code)


def asked(server, command):
    """What IMAP answers to this in the INBOX: the octets of a letter, the first line, or the refusal."""
    session = Imap(server.port("imap"), ALICE, f'"{PASSWORD}"')
    session.command("EXAMINE INBOX")
    try:
        untagged, _ = session.command(command)
        for items in session.fetched(untagged):
            return items[b"BODY[]"].decode()
        return untagged[0][0].decode()
    except Refused as refused:
        return str(refused)


def fetched(server):
    return asked(server, "FETCH 1 BODY[]")


def searched(server):
    """By a date of the header, which no index has."""
    return asked(server, "SEARCH SENTSINCE 1-Jan-1990")


def status(server):
    return json.loads(server.command("status", "--json").stdout)


def in_store(server, words):
    for folder, _, names in os.walk(os.path.join(server.directory, "store")):
        for name in names:
            with open(os.path.join(folder, name), "rb") as f:
                if words.encode() in f.read():
                    return True
    return False


def logged(server):
    with open(server.log_path, encoding="utf-8", errors="replace") as f:
        return f.read()


def add(case):
    """Registers the cases with run.py's list."""

    @case("encrypted mail: status, the log and the protocols say when the key is lost, and all is there when it is back")
    def sealed(binary, directory):
        server = made(binary, directory, settings=[("store", "encryption", "true")])
        key = os.path.join(server.directory, "keys", "server.keys")
        before = status(server)
        expect(before["encryption"] == "on" and before["keys"] == 0 and "key_file" not in before, f"before the first key: {before}")
        expect(not os.path.exists(key), "a key without mail")
        with ending(server):
            server.start()
            expect("keep a copy of it elsewhere" in logged(server), "the log does not say that a copy is needed")
            bring(server)
            expect(WORDS in fetched(server), "what came is not what is read")
            now = status(server)
            expect(now["key_file"] == key and now["key_file_state"].startswith("there") and now["keys_shut"] == 0, f"with a key: {now}")
            expect(os.stat(key).st_mode & 0o777 == 0o600, "others may read the key")
            os.rename(key, key + ".away")
            running = status(server)
            expect(running["keys_shut"] == running["keys"] > 0, f"while the server has it in memory still: {running}")
            bring(server)
            server.end()
            expect(not in_store(server, WORDS), "words of mail are in the store")
            lost = status(server)
            expect("No such file" in lost["key_file_state"] and "bring its copy back" in lost["key_file_state"], f"lost: {lost}")
            server.command("verify")
            server.start()
            expect("neither read nor taken" in logged(server), "the log does not say it")
            expect("[UNAVAILABLE]" in fetched(server), f"FETCH: {fetched(server)}")
            expect("[UNAVAILABLE]" in searched(server), f"SEARCH: {searched(server)}")
            bring(server, 451)
            os.rename(key + ".away", key)
            bring(server)
            expect(WORDS in fetched(server), "the key is back, and mail is not read")
            expect("* SEARCH" in searched(server), f"SEARCH: {searched(server)}")
            expect(server.end() == 0, "the end")
            server.configure([("store", "encryption", "false")])
            server.start()
            off = status(server)
            expect(off["encryption"] == "off" and off["keys_shut"] == 0, f"switched off: {off}")
            expect(WORDS in fetched(server), "what was encrypted is not read with the switch off")
            bring(server)
            server.end()
            expect(in_store(server, WORDS), "switched off, mail is encrypted still")

    @case("encrypted mail: the key is the server's user's, a copy that root brings back becomes so, and nothing else is given away", root=True)
    def of_the_user(binary, directory):
        server = made(binary, directory, settings=[("server", "user", f'"{USER}"'), ("store", "encryption", "true")])
        user = pwd.getpwnam(USER).pw_uid
        keys = os.path.join(server.directory, "keys")
        key = os.path.join(keys, "server.keys")
        with ending(server):
            server.start()
            bring(server)
            expect(WORDS in fetched(server), "what came is not what is read")
            expect(os.stat(key).st_uid == os.stat(keys).st_uid == user, "the key is not the server's user's")
            server.end()
            copy = os.path.join(directory, "copy")
            shutil.copy(key, copy)
            os.unlink(key)
            shutil.copy(copy, key)
            os.chmod(key, 0o600)
            expect(status(server)["keys_shut"] == 0, "a command cannot read it")
            expect(os.stat(key).st_uid == user, "it stays root's")
            treasure = os.path.join(keys, "treasure")
            with open(treasure, "w", encoding="utf-8") as f:
                f.write("root's\n")
            refused = server.command("serve", check=False)
            expect(refused.returncode == 1 and treasure in refused.stderr, f"{refused.returncode}: {refused.stderr!r}")
            expect(os.stat(treasure).st_uid == 0, "it was given away")
            os.unlink(treasure)
            server.start()
            expect(WORDS in fetched(server), "the copy does not open it")

    @case("a server that crashes leaves no core file, in which its keys would be, though the host writes them")
    def crashed(binary, directory):
        server = made(binary, directory, settings=[("store", "encryption", "true")])
        before = resource.getrlimit(resource.RLIMIT_CORE)
        # What the host does with others: this is seen, or the case below shows nothing.
        resource.setrlimit(resource.RLIMIT_CORE, (before[1], before[1]))
        try:
            other = subprocess.Popen(["sleep", "60"], cwd=directory)
            dumps = crash(other) == os.CLD_DUMPED
            with ending(server):
                server.start()
                bring(server)
                expect(WORDS in fetched(server), "the letter is not read")
                how = crash(server.process)
                expect(how == os.CLD_KILLED, f"the server ended in another way: {how}")
                server.end()
        finally:
            resource.setrlimit(resource.RLIMIT_CORE, before)
        if not dumps:
            print("  (this host writes no core files at all)")
