"""mail(1) as people and scripts use it: from pipes and at a terminal."""
import mailbox
import os
import pty
import select
import subprocess
import time

from handing_in import letters, wait_for
from harness.cases import expect, made, serving
from harness.server import Failure


def surroundings(server, home, **more):
    kept = {name: value for name, value in os.environ.items() if name not in ("MAIL", "MAILRC", "MBOX", "PAGER", "SHELL", "EDITOR", "VISUAL")}
    return dict(kept, ANGARIUM_DIR=server.directory, HOME=home, MAIL=os.path.join(home, "spool"), MAILRC="/dev/null", TERM="dumb", **more)


def by_name(server, name="mail"):
    link = os.path.join(os.path.dirname(server.directory), name)
    if not os.path.lexists(link):
        os.symlink(server.binary, link)
    return link


def run(server, home, *arguments, text=b"", code=0):
    done = subprocess.run([by_name(server), "-n", *arguments], input=text, capture_output=True, timeout=60, env=surroundings(server, home), cwd=home)
    expect(done.returncode == code, f"mail {arguments} ended with {done.returncode}, wanted {code}: {done.stdout} {done.stderr}")
    return done.stdout + done.stderr


class Seat:
    """Somebody at a terminal."""

    def __init__(self, server, home, *arguments):
        self.pid, self.terminal = pty.fork()
        if self.pid == 0:
            os.chdir(home)
            os.execve(by_name(server), ["mail", "-n", *arguments], surroundings(server, home))
        self.seen = b""

    def until(self, wanted):
        """What is seen up to these octets."""
        end = time.monotonic() + 60
        while wanted not in self.seen:
            if not select.select([self.terminal], [], [], max(0, end - time.monotonic()))[0]:
                raise Failure(f"{wanted} was not seen, but {self.seen}")
            self.more(wanted)
        at = self.seen.index(wanted) + len(wanted)
        found, self.seen = self.seen[:at], self.seen[at:]
        return found

    def more(self, wanted):
        try:
            octets = os.read(self.terminal, 65536)
        except OSError:
            octets = b""
        if not octets:
            raise Failure(f"{wanted} was not seen before the end, but {self.seen}")
        self.seen += octets

    def says(self, line, then=b"& "):
        """Types a line; what is seen behind it, up to the next prompt."""
        os.write(self.terminal, line + b"\n")
        self.until(line + b"\r\n")
        return self.until(then)

    def ends(self, line):
        os.write(self.terminal, line + b"\n")
        while True:
            try:
                octets = os.read(self.terminal, 65536)
            except OSError:
                break
            if not octets:
                break
            self.seen += octets
        os.close(self.terminal)
        return os.waitstatus_to_exitcode(os.waitpid(self.pid, 0)[1])


def spool(home, *words):
    path = os.path.join(home, "spool")
    with open(path, "wb") as file:
        for word in words:
            file.write(f"From {word}@example.test Tue Nov 14 10:00:00 2023\nFrom: {word}@example.test\nTo: alice@example.test\n"
                       f"Subject: about {word}\nMessage-ID: <{word}@example.test>\n\ntext of {word}\n\n".encode())
    return path


def subjects(path):
    box = mailbox.mbox(path, create=False)
    try:
        return [message["Subject"] for message in box]
    finally:
        box.close()


def add(case):
    @case("mail sends nothing and changes nothing when its input cannot be read")
    def unreadable(binary, directory):
        server = made(binary, directory)
        home = os.path.join(directory, "home")
        os.mkdir(home)
        with serving(server):
            spool(home, "one")
            for arguments in (("-s", "a folder", "alice"), ("-~", "-s", "a folder", "alice"), ("-f", os.path.join(home, "spool"))):
                folder = os.open(home, os.O_RDONLY)
                done = subprocess.run([by_name(server), "-n", *arguments], stdin=folder, capture_output=True, timeout=60, env=surroundings(server, home), cwd=home)
                os.close(folder)
                expect(done.returncode != 0 and b"cannot be read: Is a directory" in done.stderr, f"mail {arguments} from a folder: {done}")
            run(server, home, "-s", "after the folder", "alice", text=b"x\n")
            found = wait_for(server, 1)
            expect(len(found) == 1 and b"after the folder" in found[0], "a letter that could not be read was sent")

    @case("mail sends from a script: subject, copies, attachments, fields, and a header of its own")
    def sends(binary, directory):
        server = made(binary, directory, accounts=("alice", "bob", "carl"))
        home = os.path.join(directory, "home")
        os.mkdir(home)
        with open(os.path.join(home, "report.txt"), "w", encoding="utf-8") as file:
            file.write("what was found\n")
        with serving(server):
            run(server, home, "-s", "from cron", "-c", "bob", "-b", "carl", "alice", text=b"first\n.\nlast\n")
            for account in ("alice", "bob", "carl"):
                head, body = letters(server, account)[0].split(b"\r\n\r\n", 1)
                expect(b"\r\nSubject: from cron" in head and b"carl" not in head.partition(b"From:")[2], f"{account}: {head}")
                expect(body == b"first\r\n.\r\nlast", f"{account}: {body}")
            run(server, home, "-s", "with a file", "-a", "report.txt", "-a", "X-Job: 7", "-r", "robot@example.test", "alice", text="für dich\n".encode())
            found = wait_for(server, 2)[1]
            for wanted in (b"X-Job: 7", b"From: robot@example.test", b"report.txt", b"Return-Path: <robot@example.test>"):
                expect(wanted in found, f"{wanted} is not in {found}")
            run(server, home, "-t", text=b"To: alice\nSubject: by its header\n\nx\n")
            expect(b"Subject: by its header" in wait_for(server, 3)[2], "-t")
            run(server, home, "-E", "-s", "empty", "alice")
            run(server, home, "-s", "nobody", "@nobody", text=b"x\n", code=64)
            expect(len(letters(server)) == 3, "something else came")

    @case("mail at a terminal: lists, reads, deletes, saves, replies, and the box is as it was left")
    def reads(binary, directory):
        server = made(binary, directory)
        home = os.path.join(directory, "home")
        os.mkdir(home)
        path = spool(home, "anna", "berta", "carla", "dora")
        expect(run(server, home, "-e") == b"", "-e says something")
        expect(b"about carla" in run(server, home, "-H"), "-H")
        with serving(server):
            seat = Seat(server, home)
            expect(b"about dora" in seat.until(b"& "), "the list")
            expect(b"text of anna" in seat.says(b"1"), "1")
            expect(b"text of berta" in seat.says(b"n"), "n")
            expect(b"text of anna" in seat.says(b"-"), "-")
            seat.says(b"d 2")
            seat.says(b"d 3")
            seat.says(b"u 3")
            expect(b"kept" in seat.says(b"s 1 kept"), "s")
            told = seat.says(b"| 1 grep text")
            expect(b"text of anna" in told, f"|: {told} {seat.seen}")
            expect(b"here" in seat.says(b"!echo here"), "!")
            expect(b"about berta" not in seat.says(b"h"), "h")
            seat.says(b"r 4", b"Subject: Re: about dora")
            os.write(seat.terminal, b"an answer\n.\n")
            seat.until(b"& ")
            # Others append meanwhile.
            with open(path, "ab") as file:
                file.write(b"From late@example.test Tue Nov 14 12:00:00 2023\nSubject: late\n\nx\n\n")
            expect(seat.ends(b"q") == 0, f"the end: {seat.seen}")
            expect(subjects(path) == ["about anna", "about carla", "about dora", "late"], f"{subjects(path)}")
            expect(subjects(os.path.join(home, "kept")) == ["about anna"], "what was saved")
            seat = Seat(server, home, "-f", path)
            seat.until(b"& ")
            seat.says(b"d *")
            expect(seat.ends(b"x") == 0, "x")
            expect(len(subjects(path)) == 4, "x changed the box")
        expect(b"No mail for" in run(server, home, "-u", "nobody-at-all", code=1), "nobody's mail")
