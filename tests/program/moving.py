"""Moving house: mail of other programs brought in, with the server up, down and killed."""
import imaplib
import json
import mailbox
import os
import re
import signal
import subprocess

from harness.cases import PASSWORD, expect, made, serving

DATE = 1195736561  # Thu Nov 22 13:02:41 2007


def letter(number, octets=1000):
    return (f"From: a{number}@example.org\nSubject: number {number}\nMessage-ID: <{number}@far.example>\n\n".encode()
            + f"line {number}\n".encode() * (octets // 10))


def make_maildir(path, count):
    """A Maildir++ as Python writes it, with two subfolders; `count` letters in each."""
    box = mailbox.Maildir(path)
    for name in ("", "Sent", "lists.Entw&APw-rfe"):
        folder = box.add_folder(name) if name else box
        for number in range(count):
            message = mailbox.MaildirMessage(letter(number))
            message.set_subdir("cur")
            message.set_flags("FS" if number % 2 else "R")
            message.set_date(DATE + number)
            folder.add(message)
    return path


def make_mbox(path, count, octets=1000):
    """An mbox as Python writes it."""
    box = mailbox.mbox(path)
    for number in range(count):
        message = mailbox.mboxMessage(letter(number, octets))
        message.set_from("a@example.org", True)
        message.set_flags("RO")
        box.add(message)
    box.close()
    return path


def bring(server, source, *options, status=0):
    """Imports; gives plan and report."""
    done = server.command("import", "--account", "alice@example.test", source, "--json", *options, check=False)
    expect(done.returncode == status, f"import ended with {done.returncode}: {done.stdout}{done.stderr}")
    return json.loads(done.stdout)


def take_out(server, path, form, *options):
    return exported(server, path, "--format", form, *options)["report"]


def exported(server, path, *options, status=0):
    """Exports; gives plan and report."""
    done = server.command("export", "--account", "alice@example.test", path, "--json", *options, check=False)
    expect(done.returncode == status, f"export ended with {done.returncode}: {done.stdout}{done.stderr}")
    return json.loads(done.stdout)


def expect_python_reads(path, form, count):
    """Sent, as Python finds it: subjects, flags and dates."""
    if form == "mbox":
        box = mailbox.mbox(os.path.join(path, "Sent.mbox"), create=False)
        dates = [message.get_from().split(" ", 1)[1] for message in box]
        expect(dates[1] == "Thu Nov 22 13:02:42 2007", f"{dates[1]}")
    else:
        box = mailbox.Maildir(os.path.join(path, ".Sent" if form == "maildir++" else "Sent"), create=False)
        expect({message.get_date() for message in box} == {float(DATE + number) for number in range(count)}, "dates are not kept")
    found = sorted((int(message["Subject"].split()[1]), message.get_flags()) for message in box)
    expect([number for number, _ in found] == list(range(count)), f"Python reads {len(found)} of {count} messages in {form}")
    wanted = ({"F", "R", "O"}, {"A", "O"}) if form == "mbox" else ({"F", "S"}, {"R"})
    for number, flags in found:
        expect(set(flags) == wanted[0 if number % 2 else 1], f"message {number} has the flags {flags} in {form}")


def subjects(server, name):
    """Subjects of a mailbox in the order of its UIDs, with flags and dates."""
    session = imaplib.IMAP4("127.0.0.1", server.port("imap"), timeout=60)
    try:
        session.login(f"alice@{server.domain}", PASSWORD)
        answer, count = session.select(f'"{name}"', readonly=True)
        expect(answer == "OK", f"there is no mailbox {name}")
        if int(count[0]) == 0:
            return []
        _, found = session.fetch("1:*", "(FLAGS INTERNALDATE BODY.PEEK[HEADER.FIELDS (SUBJECT)])")
        rows = [(one[1].decode().strip(), one[0].decode()) for one in found if isinstance(one, tuple)]
        return [(re.sub("^Subject: ", "", subject), set(imaplib.ParseFlags(facts.encode())), facts) for subject, facts in rows]
    finally:
        session.logout()


def expect_all(server, name, count, order=list):
    """Each message of the source is there once, in its order; `order=sorted`: a Maildir in place has none, but that of its folder."""
    found = [subject for subject, _, _ in subjects(server, name)]
    expect(order(found) == order(f"number {number}" for number in range(count)), f"{name} has {len(found)} messages: {found[:5]} ...")


def used(server):
    return json.loads(server.command("account", "show", "alice@example.test", "--json").stdout)["used_messages"]


def kill_in_the_middle(server, path, count, *options, times=3):
    """Imports are killed when something of them has arrived; what is missing then comes by the last one."""
    for _ in range(times):
        before = used(server)
        command = subprocess.Popen([server.binary, "import", "--dir", server.directory, "--account", "alice@example.test", path, *options],
                                   stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        while command.poll() is None and used(server) == before:
            pass
        command.kill()
        command.wait()
    report = bring(server, path, *options)["report"]
    expect(report["imported"] + report["already_there"] == count, f"{report}")
    expect(used(server) == count, f"{used(server)} messages after the kills, not {count}")


def add(case):
    @case("a Maildir++ and an mbox come in with the server running and without it, and a second time nothing more comes")
    def moving(binary, directory):
        server = made(binary, directory)
        maildir = make_maildir(os.path.join(directory, "Maildir"), 10)
        box = make_mbox(os.path.join(directory, "Old.mbox"), 200)
        plan = bring(server, maildir, "--dry-run")["plan"]
        expect(plan["messages"] == 30 and [one["mailbox"] for one in plan["folders"]] == ["INBOX", "Sent", "lists/Entwürfe"], f"{plan}")
        with serving(server):
            expect(subjects(server, "INBOX") == [], "a dry run brought something")
            expect(bring(server, maildir)["report"]["imported"] == 30, "not all came")
            expect(bring(server, maildir)["report"]["already_there"] == 30, "known messages came again")
            for name in ("INBOX", "Sent", "lists/Entw&APw-rfe"):
                expect_all(server, name, 10)
            _, flags, facts = subjects(server, "Sent")[1]
            expect({b"\\Flagged", b"\\Seen"} <= flags and "22-Nov-2007 13:02:42 +0000" in facts, f"{facts}")
            missing = bring(server, os.path.join(directory, "nothing"), status=1)
            expect("nothing" in missing["error"], f"{missing}")
            expect(server.end() == 0, "serve did not end well")
        expect(bring(server, box, "--into", "Archive/2007")["report"]["imported"] == 200, "not all came with the server down")
        expect(bring(server, box, "--into", "Archive/2007")["report"]["already_there"] == 200, "known messages came again")
        expect(bring(server, maildir)["report"]["already_there"] == 30, "what came to the server is not known without it")
        server.command("verify")
        with serving(server):
            expect_all(server, "Archive/2007", 200)

    @case("an import that is killed, or whose server is, goes on where it stopped, and brings every message once")
    def killed(binary, directory):
        server = made(binary, directory)
        count = 3000
        box = make_mbox(os.path.join(directory, "box"), count)
        with serving(server):
            kill_in_the_middle(server, box, count)
            expect_all(server, "box", count)
        server.command("account", "remove", "alice@example.test")
        server.add_account("alice", PASSWORD)
        with serving(server):
            command = subprocess.Popen([binary, "import", "--dir", server.directory, "--account", "alice@example.test", box],
                                       stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
            while command.poll() is None and used(server) == 0:
                pass
            server.end(signal.SIGKILL)
            command.wait()
        with serving(server):
            report = bring(server, box)["report"]
            expect(report["imported"] + report["already_there"] == count, f"{report}")
            expect_all(server, "box", count)
            expect(server.end() == 0, "serve did not end well")
        server.command("verify")

    @case("mail is exported as mbox, Maildir and Maildir++ that Python reads, a second time nothing; a killed export goes on")
    def export(binary, directory):
        server = made(binary, directory, accounts=("alice", "bob"))
        bring(server, make_maildir(os.path.join(directory, "Maildir"), 50))
        for form in ("mbox", "maildir", "maildir++"):
            out = os.path.join(directory, form)
            plan = exported(server, out, "--format", form, "--dry-run")
            expect(list(plan) == ["plan"] and not os.path.exists(out), "a dry run wrote something")
            counts = {one["mailbox"]: (one["messages"], one["already_there"]) for one in plan["plan"]["mailboxes"]}
            expect(counts["Sent"] == (50, 0) and plan["plan"]["messages"] == 150 and plan["plan"]["octets"] > 140000, f"{plan}")
            with serving(server):
                command = subprocess.Popen([binary, "export", "--dir", server.directory, "--account", "alice@example.test", out, "--format", form],
                                           stdout=subprocess.DEVNULL)
                while command.poll() is None and not any(names for _, _, names in os.walk(out)):
                    pass
                command.kill()
                command.wait()
                taken = take_out(server, out, form)
                expect(taken["exported"] + taken["already_there"] == 150 and taken["defects_found"] == 0, f"{taken}")
                expect(server.end() == 0, "serve did not end well")
            expect(take_out(server, out, form)["already_there"] == 150, "what is there was written again")
            expect(exported(server, out, "--format", form, "--dry-run")["plan"]["already_there"] == 150, "the plan does not know what is there")
            expect_python_reads(out, form, 50)
            home = f"{form.replace('+', 'p')}@example.test"
            server.add_account(home.split("@")[0], PASSWORD)
            done = server.command("import", "--account", home, out, "--json")
            expect(json.loads(done.stdout)["report"]["imported"] == 150, f"{done.stdout}")

    @case("an export writes the variant of mbox that is asked for, no two in one file; a plan names a file's own name, and empty files")
    def variants(binary, directory):
        server = made(binary, directory)
        box = os.path.join(directory, "Old.mbox")
        with open(box, "wb") as file:
            file.write(b"From a@example.org Thu Nov 22 13:02:41 2007\nSubject: x\n\n>From here\n\n")
        open(os.path.join(directory, "Nothing"), "wb").close()
        plan = bring(server, box, "--into", "Archive/2007")["plan"]["folders"]
        expect([(one["source"], one["mailbox"], one["empty"]) for one in plan] == [("Old", "Archive/2007", False)], f"{plan}")
        empty = bring(server, os.path.join(directory, "Nothing"))
        expect(empty["plan"]["folders"][0]["empty"] and empty["report"]["mailboxes_made"] == 1, f"{empty}")
        done = server.command("import", "--account", "alice@example.test", os.path.join(directory, "Nothing"), "--into", "New", "--dry-run")
        expect("Nothing -> New (new)" in done.stdout and "empty: an empty mailbox is made" in done.stdout, done.stdout)
        for variant, line, length in (("mboxo", b">From here", False), ("mboxrd", b">From here", False), ("mboxcl", b">From here", True),
                                      ("mboxcl2", b"From here", True)):
            out = os.path.join(directory, variant)
            only = ("--folder", "Archive/*", "--variant", variant)
            expect(take_out(server, out, "mbox", *only)["exported"] == 1, f"{variant} was not written")
            with open(os.path.join(out, "Archive.sbd", "2007.mbox"), "rb") as file:
                lines = file.read().split(b"\n")
            expect(line in lines and any(one.startswith(b"Content-Length: ") for one in lines) == length, f"{variant}: {lines}")
            expect(take_out(server, out, "mbox", *only)["already_there"] == 1, f"{variant} was written again")
        other = exported(server, os.path.join(directory, "mboxcl2"), "--format", "mbox", "--folder", "Archive/*", status=1)
        expect("another variant" in other["report"]["defects"][0]["words"], f"{other}")
        wrong = server.command("export", "--account", "alice@example.test", directory, "--format", "maildir", "--variant", "mboxo", check=False)
        expect(wrong.returncode != 0 and "--format mbox" in wrong.stderr, f"{wrong}")

    @case("an IMAP account comes in over TLS from a server whose key is believed, killed and begun anew, and from no other")
    def moving_by_imap(binary, directory):
        server = made(binary, directory, accounts=("alice", "bob"))
        box = make_mbox(os.path.join(directory, "Old.mbox"), 1500)
        server.command("import", "--account", "bob@example.test", box, "--into", "lists/old")
        secret = os.path.join(directory, "password")
        with open(secret, "w", encoding="ascii", opener=lambda path, flags: os.open(path, flags, 0o600)) as file:
            file.write(PASSWORD + "\n")
        with serving(server):
            bob = f"bob@example.test@localhost:{server.port('imaps')}"
            refused = bring(server, f"imaps://{bob}", "--password-file", secret, status=1)["error"]
            key = re.search("sha256:[0-9a-f]{64}", refused)
            expect(key is not None, f"the refusal names no key: {refused}")
            wrong = bring(server, f"imaps://{bob}", "--password-file", secret, "--key", "0" * 64, status=1)["error"]
            expect("not the server" in wrong, wrong)
            os.chmod(secret, 0o644)
            expect("chmod 600" in bring(server, f"imaps://{bob}", "--password-file", secret, status=1)["error"], "a password for all was read")
            os.chmod(secret, 0o600)
            known = ("--key", key.group(), "--password-file", secret)
            kill_in_the_middle(server, f"imaps://{bob}", 1500, *known)
            expect_all(server, "lists/old", 1500)
            by_starttls = f"imap://bob@example.test@localhost:{server.port('imap')}"
            expect(bring(server, by_starttls, *known)["report"]["already_there"] == 1500, "known messages came again")
            done = server.command("import", "--account", "alice@example.test", f"imaps://{bob}", "--key", key.group(), "--password-stdin", "--json",
                                  stdin="wrong\n", check=False)
            expect(done.returncode == 1 and "does not let" in done.stdout, f"a wrong password ended with {done.stdout}")

    @case("an account goes to an IMAP server over TLS, a second time nothing; a plan says so before")
    def moving_out_by_imap(binary, directory):
        server = made(binary, directory, accounts=("alice", "bob"))
        box = make_mbox(os.path.join(directory, "Old.mbox"), 200)
        bring(server, box, "--into", "lists/old")
        secret = os.path.join(directory, "password")
        with open(secret, "w", encoding="ascii", opener=lambda path, flags: os.open(path, flags, 0o600)) as file:
            file.write(PASSWORD + "\n")
        with serving(server):
            there = f"imaps://bob@example.test@localhost:{server.port('imaps')}"
            refused = exported(server, there, "--password-file", secret, status=1)["error"]
            known = ("--password-file", secret, "--key", re.search("sha256:[0-9a-f]{64}", refused).group())
            wrong = exported(server, there, "--format", "mbox", *known, status=1)["error"]
            expect("--format is for files" in wrong, wrong)
            plan = exported(server, there, "--dry-run", *known)["plan"]
            expect(plan["messages"] == 200 and plan["already_there"] == 0, f"{plan}")
            expect(exported(server, there, *known)["report"]["exported"] == 200, "not all went")
            again = exported(server, there, *known)
            expect(again["plan"]["already_there"] == 200 and again["report"]["exported"] == 0, f"{again}")
            counts = json.loads(server.command("account", "show", "bob@example.test", "--json").stdout)
            expect(counts["used_messages"] == 200, f"{counts}")

    if os.geteuid() != 0:
        return

    @case("root imports and exports with the rights of whom the folder belongs to: his links lead nowhere he may not go")
    def moving_for_others(binary, directory):
        server = made(binary, directory)
        os.chmod(directory, 0o755)
        secret = make_mbox(os.path.join(directory, "secret"), 3)
        os.chmod(secret, 0o600)
        home = os.path.join(directory, "home")
        os.mkdir(home)
        make_maildir(os.path.join(home, "Maildir"), 2)
        os.symlink(secret, os.path.join(home, "Maildir", "stolen"))
        os.symlink(directory, os.path.join(home, "away"))
        for folder, _, names in os.walk(home):
            for name in [".", *names]:
                os.lchown(os.path.join(folder, name), 65534, 65534)
        os.lchown(os.path.join(home, "away"), 65534, 65534)
        with serving(server):
            brought = bring(server, os.path.join(home, "Maildir"))["report"]
            expect(brought["imported"] == 6, f"{brought}")
            link = os.path.join(home, "link")
            os.symlink(secret, link)
            os.lchown(link, 65534, 65534)
            refused = bring(server, link, status=1)
            expect("Permission denied" in refused["error"], f"{refused}")
            taken = server.command("export", "--account", "alice@example.test", os.path.join(home, "away", "out"), "--format", "mbox", check=False)
            expect(taken.returncode != 0 and not os.path.exists(os.path.join(directory, "out")), "a link was followed by the export")
            expect(take_out(server, os.path.join(home, "out"), "maildir")["exported"] == 6, "not all was exported")
            expect(os.stat(os.path.join(home, "out")).st_uid == 65534, "what is exported into a folder is not its owner's")
            common = os.path.join(directory, "common")
            os.mkdir(common)
            for mode in (0o1777, 0o2775):
                os.chmod(common, mode)
                planted = os.path.join(common, f"alice-{mode:o}")
                os.mkdir(planted)
                os.chown(planted, 65534, 65534)
                for target in (planted, os.path.join(planted, "below")):
                    refused = server.command("export", "--account", "alice@example.test", target, "--format", "mbox", check=False)
                    expect(refused.returncode != 0 and "anyone may have made it" in refused.stdout + refused.stderr, f"{refused}")
                    expect(os.listdir(planted) == [], "mail was handed to whoever made the folder first")
                spool = make_mbox(os.path.join(common, f"spool-{mode:o}"), 2)
                os.chown(spool, 65534, 65534)
                os.chmod(spool, 0o600)
                bring(server, spool)
                expect(take_out(server, os.path.join(common, f"new-{mode:o}"), "mbox")["exported"] > 0, "root's own new folder")
            os.symlink(directory, os.path.join(directory, "roots-link"))
            expect(take_out(server, os.path.join(directory, "roots-link", "deep", "new"), "mbox")["exported"] > 0, "by root's own link")
