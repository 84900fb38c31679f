"""Accounts that move from their place ([location]) into the own store: without a server, and with one that is killed amid it."""
import json
import mailbox
import os
import signal
import subprocess

from harness.cases import PASSWORD, expect, made, serving
from moving import expect_all, letter, make_maildir, make_mbox, used

ALICE = "alice@example.test"


def command(server, *words, status=0):
    done = server.command(*words, "--account", ALICE, "--json", check=False)
    expect(done.returncode == status, f"{words} ended with {done.returncode}: {done.stdout}{done.stderr}")
    return json.loads(done.stdout)


def move_in(server):
    return command(server, "import", "--from-location")["report"]


def add(case):
    @case("an account in place moves into the own store without a server; its boxes are no source of an import any more")
    def alone(binary, directory):
        server = made(binary, directory)
        os.makedirs(os.path.join(directory, "there"))
        maildir = make_maildir(os.path.join(directory, "there", "Maildir"), 10)
        expect("[location]" in command(server, "import", "--from-location", status=1)["error"], "an account without a location moved")
        server.configure([("location", f'"{ALICE}"', f'"maildir:{maildir}"')])
        refused = command(server, "import", maildir, status=1)["error"]
        expect("--from-location" in refused and "in place" in refused, refused)
        for path in (os.path.join(maildir, ".Sent"), os.path.join(directory, "there"), os.path.join(maildir, "..", "Maildir", "cur")):
            expect("--from-location" in command(server, "import", path, "--dry-run", status=1)["error"], f"{path} is imported")
        expect("twice" in command(server, "export", os.path.join(maildir, "new"), "--format", "maildir++", status=1)["error"], "an export into the place")
        plan = command(server, "import", "--from-location", "--dry-run")["plan"]
        expect(sum(one["messages"] for one in plan["boxes"]) == 30 and plan["moved_in"] is None, f"{plan}")
        report = move_in(server)
        expect(report["imported"] == 30 and report["moved_in"], f"{report}")
        expect(move_in(server)["imported"] == 0, "messages came twice")
        mailbox.Maildir(maildir).add(letter(10))
        expect(move_in(server)["imported"] == 1, "what came since does not come")
        shown = server.command("account", "show", ALICE).stdout
        expect(f"maildir:{maildir}" in shown and "moved_in" in shown, shown)
        with serving(server):
            expect_all(server, "INBOX", 11, order=sorted)
            expect_all(server, "Sent", 10, order=sorted)
            expect("moved in" in command(server, "import", maildir, status=1)["error"], "its boxes are imported once more")
        # Without its line, what it moved in from is known.
        server.configure([("location", f'"{ALICE}"', '"store"')])
        expect("put its line" in command(server, "import", maildir, status=1)["error"], "its boxes are imported once more")
        # With a line that names another place, too; what lies there is no source either, and what lies elsewhere is one.
        other = make_maildir(os.path.join(directory, "other"), 3)
        server.configure([("location", f'"{ALICE}"', f'"maildir:{other}"')])
        for path in (maildir, os.path.join(directory, "there")):
            refused = command(server, "import", path, status=1)["error"]
            expect(f'"maildir:{maildir}"' in refused and "put its line" in refused and "--from-location" in refused, refused)
        expect("twice" in command(server, "export", maildir, "--format", "maildir++", status=1)["error"], "an export into the old place")
        expect("in place" in command(server, "import", other, status=1)["error"], "the boxes of the new line are imported")
        third = make_maildir(os.path.join(directory, "third"), 2)
        expect(command(server, "import", third, "--dry-run")["plan"] is not None, "nothing can be imported")
        server.configure([("location", f'"{ALICE}"', f'"maildir:{maildir}:USER=root"')])
        expect("start it" in command(server, "import", "--from-location", status=75)["error"], "boxes of a user without the server")
        server.configure([("location", f'"{ALICE}"', f'"maildir:{maildir}"')])
        server.command("verify")
        server.command("account", "remove", ALICE)
        server.add_account("alice", PASSWORD)
        expect(server.command("status", "--json").stdout.count('"accounts_moved_in":0') == 1, "a removed account is known to have moved")
        expect(move_in(server)["imported"] == 31, "the address of a removed account")

    @case("a move whose server or command is killed goes on where it stopped: every message once, the boxes as they were")
    def killed(binary, directory):
        server = made(binary, directory)
        count = 2000
        path = make_mbox(os.path.join(directory, "spool"), count)
        server.configure([("location", f'"{ALICE}"', f'"mbox:{path}"')])

        def interrupted(how):
            with serving(server):
                before = used(server)
                move = subprocess.Popen([binary, "import", "--dir", server.directory, "--account", ALICE, "--from-location"],
                                        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
                while move.poll() is None and used(server) == before:
                    pass
                if how == "server":
                    server.end(signal.SIGKILL)
                else:
                    move.kill()
                move.wait()

        for how in ("server", "command", "server"):
            interrupted(how)
        with serving(server):
            move_in(server)
            expect_all(server, "INBOX", count)
        box = mailbox.mbox(path)
        for number in range(count, count + 500):
            box.add(mailbox.mboxMessage(letter(number)))
        box.close()
        with open(path, "rb") as f:
            octets = f.read()
        for how in ("server", "server"):
            interrupted(how)
        with serving(server):
            move_in(server)
            expect(move_in(server)["imported"] == 0, "messages came twice")
            expect_all(server, "INBOX", count + 500)
            expect(server.end() == 0, "serve did not end well")
        server.command("verify")
        with open(path, "rb") as f:
            expect(f.read() == octets, "the spool was changed")
