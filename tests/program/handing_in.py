"""Mail that programs of this host hand in by sendmail, with the server up and down."""
import os
import poplib
import pwd
import signal
import subprocess
import threading
import time

from harness.cases import PASSWORD, expect, made, serving
from harness.server import Failure

LETTER = b"To: alice@example.test\nBcc: bob@example.test\nSubject: from a program\n\nfirst\n.\nlast"
OTHER = "nobody"  # a user who is neither root nor the server's


def sendmail(server, *arguments, letter=b"Subject: s\n\nx\n", user=None, name=None):
    """Runs it as programs do: by a link of that name where `name` says so. Returns the process' end."""
    command = [server.binary, "sendmail", "--dir", server.directory]
    environment = dict(os.environ, ANGARIUM_DIR=server.directory)
    if name:
        link = os.path.join(os.path.dirname(server.directory), name)
        if not os.path.lexists(link):
            os.symlink(server.binary, link)
        command = [link]
    return subprocess.run([*command, *arguments], input=letter, capture_output=True, timeout=60, env=environment, user=user, cwd="/")


def handed_in(server, *arguments, **how):
    done = sendmail(server, *arguments, **how)
    expect(done.returncode == 0, f"sendmail {arguments} ended with {done.returncode}: {done.stderr}")


def letters(server, account="alice"):
    """What lies in the mailbox, each as text."""
    session = poplib.POP3("127.0.0.1", server.port("pop3"), timeout=60)
    try:
        session.user(f"{account}@{server.domain}")
        session.pass_(PASSWORD)
        found = [b"\r\n".join(session.retr(i + 1)[1]) for i in range(session.stat()[0])]
        session.quit()  # answered, the maildrop is free for the next
        return found
    finally:
        session.close()


def wait_for(server, count, account="alice"):
    end = time.monotonic() + 30
    while len(letters(server, account)) < count:
        if time.monotonic() > end:
            raise Failure(f"{account} has {len(letters(server, account))} letters, not {count}: {server.log_tail()}")
        time.sleep(0.1)
    return letters(server, account)


def dropped(server):
    return [name for name in os.listdir(os.path.join(server.directory, "drop")) if name != "bad"]


def add(case):
    @case("sendmail to a running server: the message is there when it ends, whole and with what its header lacked")
    def up(binary, directory):
        server = made(binary, directory, accounts=("alice", "bob"))
        me = pwd.getpwuid(os.getuid()).pw_name
        with serving(server):
            handed_in(server, "-t", "-oi", letter=LETTER, name="sendmail")
            for account in ("alice", "bob"):
                found = letters(server, account)
                expect(len(found) == 1, f"{account} has {len(found)} letters")
                head, body = found[0].split(b"\r\n\r\n", 1)
                expect(body == b"first\r\n.\r\nlast", f"the body is {body}")
                expect(b"Bcc" not in head, f"Bcc is told: {head}")
                for wanted in (b"\r\nDate: ", b"\r\nMessage-ID: <", b"\r\nFrom: ", f"from local user {me}, uid {os.getuid()}".encode(),
                               f"Return-Path: <{me}@example.test>".encode()):
                    expect(wanted in b"\r\n" + head, f"{wanted} is not in {head}")
            handed_in(server, "-fanna@example.org", "-F", "Anna B", "alice", letter=b"From root Sun Nov 22 11:00:00 2026\nno header\n.\nmore\n")
            found = letters(server)[1]
            expect(found.endswith(b"\r\n\r\nno header"), f"a dot did not end it, or the first line stayed: {found}")
            expect(b"Return-Path: <anna@example.org>" in found and b"From: Anna B <anna@example.org>" in found, f"{found}")
            expect(not dropped(server), f"left in the folder: {dropped(server)}")
            expect(sendmail(server, "-bv", "alice").returncode == 0, "-bv of an account")
            expect(sendmail(server, "-bv", "nemo@example.test").returncode == 67, "-bv of nobody")

    @case("names of the host go by the aliases file, which newaliases checks and -bv follows")
    def aliases(binary, directory):
        path = os.path.join(directory, "aliases")
        box = os.path.join(directory, "box")
        with open(path, "w", encoding="ascii") as file:
            file.write(f"root: alice\nops: root, {box}\ncmd: \"|cat > {box}.piped\"\nmixed: alice, bob@far.example\n")
        os.chmod(path, 0o644)
        server = made(binary, directory, settings=[("local", "aliases", f'["{path}"]')])
        with serving(server):
            for name, arguments in (("newaliases", ()), ("sendmail", ("-bi",))):
                done = sendmail(server, *arguments, name=name)
                commands = b"commands do not run" in done.stdout  # where the server is root
                expect(done.returncode == (65 if commands else 0), f"{name}: {done.returncode} {done.stdout} {done.stderr}")
                expect(f"{path}: 4 aliases".encode() in done.stdout, f"{name}: {done.stdout}")
            told = sendmail(server, "-bv", "ops")
            expect(told.returncode == 0 and b"alias" in told.stdout and b"alice@example.test" in told.stdout
                   and f"mbox:{box}".encode() in told.stdout, f"-bv: {told}")
            told = sendmail(server, "-bv", "mixed")
            expect(told.returncode == 0 and b"alice@example.test" in told.stdout and b"onward     bob@far.example" in told.stdout, f"-bv: {told}")
            handed_in(server, "-falice", "ops", letter=b"Subject: for ops\n\nx\n")
            expect(b"Subject: for ops" in wait_for(server, 1)[0], "no letter for alice")
            end = time.monotonic() + 30
            while not os.path.exists(box) or b"Subject: for ops" not in open(box, "rb").read():
                expect(time.monotonic() < end, f"nothing in the file: {server.log_tail()}")
                time.sleep(0.1)
            with open(path, "a", encoding="ascii") as file:
                file.write("lost: nemo\nbroken: \"never closed\nround: square\nsquare: round\n")
            checked = server.command("aliases", "check", check=False)
            expect(checked.returncode == 1 and f"{path}:5: lost: " in checked.stdout and f"{path}:6: " in checked.stdout,
                   f"aliases check: {checked}")
            explained = server.command("route", "explain", "ops").stdout
            expect("alice@example.test" in explained and f"mbox:{box}" in explained, f"route explain: {explained}")
            explained = server.command("route", "explain", "round").stdout
            expect("refused: 550 5.4.6 <round> leads back to itself" in explained, f"route explain of a loop: {explained}")
            server.command("alias", "add", "here@example.test", "there@example.test")
            refused = server.command("alias", "add", "there@example.test", "here@example.test", check=False)
            expect(refused.returncode == 2 and "there@example.test -> here@example.test -> there@example.test" in refused.stderr, f"a loop: {refused}")
            expect(sendmail(server, "-bv", "broken").returncode == 75, "-bv of a broken alias")

    @case("sendmail refuses by the codes of sysexits.h")
    def refused(binary, directory):
        server = made(binary, directory, settings=[("smtp", "message_size_max", '"64 KiB"')])
        with serving(server):
            for arguments, letter, code in (([], b"x\n", 64), (["-Z", "alice"], b"x\n", 64), (["-t"], b"Subject: nobody\n\nx\n", 65),
                                            (["alice"], b"x" * 70000, 65), (["@nobody"], b"x\n", 64)):
                done = sendmail(server, *arguments, letter=letter)
                expect(done.returncode == code and done.stderr, f"{arguments}: {done.returncode}, wanted {code}: {done.stderr}")
            expect(not letters(server) and not dropped(server), f"something came in, or is left: {dropped(server)}")

    @case("sendmail -bs: SMTP over standard input, with the server up by its control socket")
    def spoken(binary, directory):
        server = made(binary, directory)
        me = pwd.getpwuid(os.getuid()).pw_name
        with serving(server):
            # Lines that end with LF alone, as of an echo in a shell, and addresses without a domain.
            done = sendmail(server, "-bs", letter=b"HELO x\nMAIL FROM:<bob>\nRCPT TO:<alice>\nDATA\nSubject: lines\n\nx\n..\n.\nQUIT\n")
            expect(done.returncode == 0 and b"\r\n221 " in done.stdout and done.stdout.count(b"\r\n250 ") == 4, f"{done}")
            found = letters(server)
            expect(len(found) == 1, f"{len(found)} letters: {done}")
            for wanted in (f"from local user {me}, uid {os.getuid()}".encode(), b"Return-Path: <bob@example.test>", b"\r\nDate: ", b"\r\nSubject: lines\r\n"):
                expect(wanted in found[0], f"{wanted} is not in {found[0]}")
            expect(found[0].endswith(b"\r\n\r\nx\r\n."), f"{found[0]}")
            # A whole session of a client that waits for each reply, with BDAT.
            process = subprocess.Popen([server.binary, "sendmail", "--dir", server.directory, "-bs"], stdin=subprocess.PIPE, stdout=subprocess.PIPE)

            def say(line, code):
                process.stdin.write(line)
                process.stdin.flush()
                while True:
                    heard = process.stdout.readline()
                    if heard[3:4] == b" ":
                        break
                expect(heard.startswith(code), f"{line}: {heard}")

            say(b"", b"220")
            say(b"EHLO me\r\n", b"250")
            say(b"MAIL FROM:<bob@elsewhere.test> BODY=8BITMIME\r\n", b"250")
            say(b"RCPT TO:<nemo@example.test>\r\n", b"550")
            say(b"RCPT TO:<alice@example.test>\r\n", b"250")
            say(b"BDAT 19\r\nSubject: chunks\r\n\r\n", b"250")
            say(b"BDAT 3 LAST\r\ny\r\n", b"250")
            process.stdin.close()
            expect(process.stdout.read() == b"" and process.wait(60) == 0, "the end of input is the end")
            expect(b"Subject: chunks" in letters(server)[1], "the second letter")
            expect(not dropped(server), "something lies in the drop folder")

    @case("sendmail -bs with the server down: 250 means kept, and it comes in when the server is back")
    def spoken_alone(binary, directory):
        server = made(binary, directory)
        with serving(server):
            pass
        text = b"HELO x\r\nMAIL FROM:<>\r\nRCPT TO:<alice>\r\nDATA\r\nSubject: kept\r\n\r\n" + b"x" * 70 + b"\r\n.\r\n"
        done = sendmail(server, "-bs", letter=text + text[8:] + b"MAIL FROM:<a@b.test>\r\nRCPT TO:<alice>\r\nDATA\r\nSubject: no dot\r\n")
        expect(done.returncode == 0 and done.stdout.count(b"\r\n250 2.6.0 ") == 2, f"{done}")
        expect(len(dropped(server)) == 2, f"in the folder: {dropped(server)}")
        with serving(server):
            found = wait_for(server, 2)
            expect(all(b"Subject: kept" in text and b"Return-Path: <>" in text for text in found), f"{found}")

    @case("mail to an address that does not exist comes back to the user who sent it")
    def bounced(binary, directory):
        server = made(binary, directory)
        with serving(server):
            handed_in(server, "-falice", "nemo@example.test", letter=b"Subject: lost\n\nx\n")
            report = wait_for(server, 1)[0]
            expect(b"nemo@example.test" in report and b"message/delivery-status" in report and b"Subject: lost" in report, f"{report}")

    @case("a user of the host hands in while the server is down and runs as another user", root=True)
    def down(binary, directory):
        server = made(binary, directory, settings=[("server", "user", '"daemon"')])
        with serving(server):
            handed_in(server, "alice", user=OTHER)
            expect(f"from local user {OTHER}, uid {pwd.getpwnam(OTHER).pw_uid}".encode() in letters(server)[0], "the kernel's word of the user")
        folder = os.path.join(server.directory, "drop")
        expect(os.stat(folder).st_mode & 0o7777 == 0o1733, f"the folder's mode is {os.stat(folder).st_mode:o}")
        for user in (OTHER, None):
            handed_in(server, "alice@example.test", user=user)
        names = dropped(server)
        expect(len(names) == 2, f"in the folder: {names}")
        listing = subprocess.run(["ls", folder], user=OTHER, capture_output=True)
        expect(listing.returncode != 0, "a user can list the folder")
        # What is no whole file is set aside, once, and holds nothing up.
        os.link(os.path.join(folder, names[0]), os.path.join(folder, "m-" + "1" * 32))
        os.unlink(os.path.join(folder, names[0]))
        os.symlink("/etc/hostname", os.path.join(folder, "m-" + "2" * 32))
        with open(os.path.join(folder, "m-" + "3" * 32), "wb") as f:
            f.write(b"angarium-drop 1 0\n")
        with serving(server):
            wait_for(server, 3)
            end = time.monotonic() + 30
            while dropped(server) and time.monotonic() < end:
                time.sleep(0.1)
            expect(not dropped(server), f"left in the folder: {dropped(server)}: {server.log_tail()}")
            expect(sorted(os.listdir(os.path.join(folder, "bad"))) == ["m-" + "2" * 32, "m-" + "3" * 32], "what was set aside")
            expect(len(letters(server)) == 3, "more than was sent")

    @case("a server that is killed while mail is handed in has each message once")
    def killed(binary, directory):
        server = made(binary, directory)
        count = 0
        stop = threading.Event()
        failed = []

        def send():
            nonlocal count
            while not stop.is_set():
                done = sendmail(server, "alice", letter=b"Subject: number %d\n\nx\n" % count)
                if done.returncode != 0:
                    failed.append(done.stderr)
                    return
                count += 1

        sender = threading.Thread(target=send)
        with serving(server):
            sender.start()
            for _ in range(4):
                time.sleep(0.5)
                server.end(signal.SIGKILL)
                server.start()
            stop.set()
            sender.join()
            expect(not failed, f"sendmail failed: {failed}")
            found = wait_for(server, count)
            numbers = sorted(int(text.split(b"Subject: number ")[1].split(b"\r\n")[0]) for text in found)
            expect(numbers == list(range(count)), f"sent {count}, found {numbers}")
            expect(count > 10, f"only {count} were sent")

    @case("mail to elsewhere goes out by the relay that is configured")
    def elsewhere(binary, directory):
        server = made(binary, directory)
        far = made(binary, os.path.join(directory, "far"))
        far.command("domain", "add", "far.test")
        far.command("account", "add", "carl@far.test", "--password-stdin", stdin=PASSWORD + "\n")
        server.configure([("transport", '"far.test"', f'"relay 127.0.0.1:{far.port("smtp")}"')])
        with serving(far), serving(server):
            handed_in(server, "carl@far.test", "alice", letter=b"Subject: both\n\nx\n")
            expect(len(letters(server)) == 1, "alice has nothing")
            far.domain = "far.test"
            expect(b"Subject: both" in wait_for(far, 1, "carl")[0], "carl has another letter")
