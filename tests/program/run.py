#!/usr/bin/env python3
"""run.py BINARY [WORD...]: the program and the system it runs on: the user it becomes, sockets that are passed to it.

WORDs choose the cases whose names contain one of them. Cases that take root are skipped, with a message, for others.
Exit 0: none failed; 1: some did.
"""
import contextlib
import json
import os
import pwd
import re
import signal
import smtplib
import socket
import ssl
import subprocess
import sys
import time

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
import elsewhere  # noqa: E402
import handing_in  # noqa: E402
import keys  # noqa: E402
import leaving  # noqa: E402
import located  # noqa: E402
import moving  # noqa: E402
import reading  # noqa: E402
import rotation  # noqa: E402
import sealed  # noqa: E402
import turning  # noqa: E402
from harness.cases import PASSWORD, Suite, ending, expect, made, serving  # noqa: E402
from harness.names import A, AAAA, MX, naming  # noqa: E402
from harness.server import Failure, Server  # noqa: E402
from harness.wire import Imap, Line, Smtp  # noqa: E402

USER = "nobody"
AS_USER = [("server", "user", f'"{USER}"')]
LAUNCHER = os.path.join(os.path.dirname(os.path.abspath(__file__)), "launch.py")
LETTER = (b"From: a@example.test\r\nTo: alice@example.test\r\nSubject: one of many\r\n\r\n" + (b"x" * 76 + b"\r\n") * 13000)  # about 1 MiB
ROLLS = 9  # letters that fill more than two segments of 4 MiB
SUITE = Suite("program", 0o755)  # the user has to get through
case = SUITE.case


def owned_by_others(directory, uid):
    """Every path in the directory, and itself, that is not the user's."""
    paths = [directory]
    for base, directories, files in os.walk(directory):
        paths += [os.path.join(base, name) for name in directories + files]
    return [path for path in paths if os.lstat(path).st_uid != uid]


def expect_owner(server, uid, when):
    for name in ("store", "run", "tls/key.pem"):
        others = owned_by_others(os.path.join(server.directory, name), uid)
        expect(not others, f"{when}: not of user {uid}: {others[:5]}")


def expect_dropped(process, user):
    """Every thread has the user's ids alone, no capabilities and no way to more."""
    entry = pwd.getpwnam(user)
    for thread in os.listdir(f"/proc/{process.pid}/task"):
        with open(f"/proc/{process.pid}/task/{thread}/status", encoding="ascii") as f:
            status = dict(line.rstrip("\n").split(":\t", 1) for line in f if ":\t" in line)
        expect(status["Uid"].split() == [str(entry.pw_uid)] * 4, f"thread {thread}: Uid {status['Uid']}")
        expect(status["Gid"].split() == [str(entry.pw_gid)] * 4, f"thread {thread}: Gid {status['Gid']}")
        expect("0" not in status["Groups"].split(), f"thread {thread}: still in root's group: {status['Groups']}")
        expect(status["NoNewPrivs"].strip() == "1", f"thread {thread}: NoNewPrivs is not set")
        expect(int(status["CapEff"], 16) == 0 and int(status["CapPrm"], 16) == 0, f"thread {thread}: has capabilities")


def deliver(server, count):
    with smtplib.LMTP("127.0.0.1", server.port("lmtp"), timeout=60) as session:
        for _ in range(count):
            session.sendmail("", [f"alice@{server.domain}"], LETTER)


def expect_letters(server, count):
    session = Imap(server.port("imap"), f"alice@{server.domain}", PASSWORD)
    try:
        session.send(b"s SELECT INBOX\r\n")
        lines = []
        while not lines or not lines[-1].startswith(b"s "):
            lines.append(session.line())
        expect(b"* %d EXISTS" % count in lines, f"wanted {count} messages: {lines}")
    finally:
        session.close()


def shown_certificate(server):
    return ssl.get_server_certificate(("127.0.0.1", server.port("imaps")))


def wait_for_log(server, text, after):
    """Until the log has this text beyond octet `after`; the server writes it for each SIGHUP."""
    end = time.monotonic() + 30
    while time.monotonic() < end:
        with open(server.log_path, "rb") as f:
            f.seek(after)
            if text in f.read():
                return
        time.sleep(0.05)
    raise Failure(f"the log has no {text!r}: {server.log_tail()}")


@case("what root made is the user's, from the first start on", root=True)
def user_drop(binary, directory):
    uid = pwd.getpwnam(USER).pw_uid
    server = made(binary, directory)
    expect(os.stat(os.path.join(server.directory, "store")).st_uid == 0, "init by root made a store that isn't root's")
    server.configure(AS_USER)
    with serving(server):
        expect_dropped(server.process, USER)
        expect_owner(server, uid, "after the first start")
        deliver(server, ROLLS)
        expect_letters(server, ROLLS)
        expect_owner(server, uid, "after segments rolled")

        other = os.path.join(directory, "other")
        made_elsewhere = Server(binary, other, server.offset)
        made_elsewhere.command("init", "--domain", "example.test", "--host", "localhost")
        before, logged = shown_certificate(server), os.path.getsize(server.log_path)
        for name in ("cert.pem", "key.pem"):
            with open(os.path.join(other, "tls", name), "rb") as f, open(os.path.join(server.directory, "tls", name), "wb") as into:
                into.write(f.read())
        server.process.send_signal(signal.SIGHUP)
        wait_for_log(server, b"certificates reloaded", logged)
        expect(shown_certificate(server) != before, "the certificate is the old one after SIGHUP")

        expect(server.end() == 0, "serve did not end well")
        server.start()
        expect_letters(server, ROLLS)
        expect(server.end() == 0, "serve did not end well after its second start")

        server.add_account("bob", PASSWORD)
        expect_owner(server, uid, "after account add by root with the server down")
        server.command("verify")
        server.command("rebuild")
        expect_owner(server, uid, "after verify and rebuild by root")
        server.command("init", "--domain", "second.test")
        expect_owner(server, uid, "after a second init by root")
        server.start()
        deliver(server, 1)
        expect_letters(server, ROLLS + 1)
        Imap(server.port("imap"), f"bob@{server.domain}", PASSWORD).close()
        server.command("account", "list")


def stewards(server):
    """The server's children of that name, by their numbers."""
    found = []
    for task in os.listdir(f"/proc/{server.process.pid}/task"):
        with open(f"/proc/{server.process.pid}/task/{task}/children", encoding="ascii") as f:
            for child in f.read().split():
                with open(f"/proc/{child}/comm", encoding="ascii") as name:
                    found += [int(child)] if name.read().strip() == "steward" else []
    return found


def runs(process):
    try:
        with open(f"/proc/{process}/stat", encoding="ascii") as f:
            return f.read().rsplit(")", 1)[1].split()[0] != "Z"
    except FileNotFoundError:
        return False


@case("the steward alone keeps root's rights; the server does not outlive it, nor it the server", root=True)
def steward_ends(binary, directory):
    server = made(binary, directory)
    server.configure(AS_USER + [("local", "system_users", "true")])
    with ending(server):
        server.start()
        expect_dropped(server.process, USER)
        found = stewards(server)
        expect(len(found) == 1, f"stewards: {found}")
        with open(f"/proc/{found[0]}/status", encoding="ascii") as f:
            expect("Uid:\t0\t0\t0\t0" in f.read(), "the steward is not root")
        os.kill(found[0], signal.SIGTERM)  # what a service manager tells all of a service
        deliver(server, 1)
        expect_letters(server, 1)
        os.kill(found[0], signal.SIGKILL)
        expect(server.process.wait(60) == 1, f"serve ended with {server.process.returncode} after its steward")
        with open(server.log_path, "rb") as f:
            expect(b"the steward is gone" in f.read(), "the log does not say why the server ended")

        server.start()
        expect_letters(server, 1)
        found = stewards(server)
        expect(server.end() == 0, "serve did not end well with its steward")
        expect(not runs(found[0]), "the steward is there after the server has ended")

        server.start()
        found = stewards(server)
        server.end(signal.SIGKILL)
        wait_until(lambda: not runs(found[0]), "the steward to see that the server was killed")


@case("mail of users of the host is laid down where [delivery] says, with their rights", root=True)
def laid_down(binary, directory):
    server = made(binary, directory)
    user = pwd.getpwnam("daemon")  # neither root nor the server's
    spool = os.path.join(directory, "spool")
    os.mkdir(spool, 0o700)
    os.chown(spool, user.pw_uid, user.pw_gid)
    server.configure(AS_USER + [("local", "system_users", "true"), ("local", "uid_min", "1"), ("local", "excluded", '["bin"]'),
                                ("delivery", '"example.test"', f'"mbox:{spool}/{{user}}"'),
                                ("delivery", '"alice@example.test"', '"store"')])
    with serving(server):
        with smtplib.SMTP("127.0.0.1", server.port("smtp"), timeout=60) as session:
            refused = session.sendmail("a@far.test", [f"{name}@example.test" for name in ("daemon", "alice", "bin", "nosuch")],
                                       b"From: a@far.test\r\nSubject: s\r\n\r\nto the file\r\n")
        expect(sorted(refused) == ["bin@example.test", "nosuch@example.test"], f"refused: {refused}")
        box = os.path.join(spool, "daemon")
        wait_until(lambda: os.path.exists(box) and os.path.getsize(box) > 0, "the letter in the file")
        status = os.stat(box)
        expect(status.st_uid == user.pw_uid and status.st_mode & 0o777 == 0o600, f"the file is of {status.st_uid}, {status.st_mode:o}")
        with open(box, encoding="ascii") as f:
            expect("\nto the file\n" in f.read(), "the letter is not in the file")
        expect_letters(server, 1)
        told = explained(server, "daemon@example.test")
        expect(any(step["about"] == "delivery" for step in told["steps"]), f"{told['steps']}")


def expect_run_once(server, runs_at, may_end):
    """A command that runs when the server is told to end is waited for, and not run again by the next server."""
    wait_until(lambda: os.path.exists(runs_at), "the command to run")
    server.process.send_signal(signal.SIGTERM)
    with open(server.log_path, "rb") as f:
        wait_until(lambda: b"ending" in f.read(), "the server to hear that it is to end")
    expect(server.process.poll() is None, "the server did not wait for the command")
    with open(may_end, "w", encoding="ascii"):
        pass
    expect(server.end() == 0, "serve did not end well")
    server.start()
    expect(queue_list(server) == [], f"still in the queue: {queue_list(server)}")
    with open(runs_at, encoding="ascii") as f:
        expect(f.read() == "run\n", "the command was run twice")


@case("a command that runs when the server ends is waited for; what came of it is known to the next server", root=True)
def command_at_end(binary, directory):
    server = made(binary, directory)
    user = pwd.getpwnam("daemon")
    place = os.path.join(directory, "place")
    os.mkdir(place, 0o700)
    os.chown(place, user.pw_uid, user.pw_gid)
    script = f"echo run >>{place}/runs; while ! test -e {place}/end; do sleep 0.1; done"
    for as_user in (True, False):  # by the steward, and by the server itself
        server.configure(AS_USER + [("local", "system_users", "true"), ("local", "uid_min", "1"),
                                    ("delivery", '"daemon@example.test"', f'"pipe:{script}"' if as_user else '"store"'),
                                    ("transport", '"command.test"', f'"target pipe:{script}"'), ("smtp", "relay_domains", '["command.test"]')])
        with serving(server):
            with smtplib.SMTP("127.0.0.1", server.port("smtp"), timeout=60) as session:
                session.sendmail("a@far.test", ["daemon@example.test" if as_user else "x@command.test"], b"Subject: s\r\n\r\ntext\r\n")
            expect_run_once(server, os.path.join(place, "runs"), os.path.join(place, "end"))
            expect(server.end() == 0, "serve did not end well after the second start")
        for name in ("runs", "end"):
            os.remove(os.path.join(place, name))
        os.chmod(place, 0o777)  # the server's user is another


@case("started without root, users of the host are one user, and the log says so")
def steward_without_root(binary, directory):
    if os.geteuid() == 0:
        print("      as root nobody is without: left out")
        return
    server = made(binary, directory)
    server.configure([("local", "system_users", "true")])
    with serving(server):
        with open(server.log_path, "rb") as f:
            expect(b"started without root" in f.read(), "the log does not say what does not work")
        expect(len(stewards(server)) == 1, "there is no steward")


def expect_refusal(server, *words):
    done = server.command("serve", check=False)
    expect(done.returncode == 1, f"serve ended with {done.returncode}, wanted 1: {done.stderr}")
    expect(done.stderr.count("\n") == 1 and all(word in done.stderr for word in words), f"wanted a line with {words}: {done.stderr!r}")


@case("an unknown user is an error and changes nothing", root=True)
def unknown_user(binary, directory):
    server = made(binary, directory)
    server.configure([("server", "user", '"no-such-user"')])
    expect_refusal(server, "server.user", "no-such-user")
    expect(not owned_by_others(os.path.join(server.directory, "store"), 0), "files changed hands")


@case("no link leads root to give away what lies elsewhere", root=True)
def links(binary, directory):
    server = made(binary, directory, settings=AS_USER)
    treasure = os.path.join(directory, "treasure")
    with open(treasure, "w", encoding="utf-8") as f:
        f.write("root's\n")
    planted = os.path.join(server.directory, "store", "segment.00009999")
    for plant in (os.symlink, os.link):
        plant(treasure, planted)
        expect_refusal(server, "server.user", planted)
        os.unlink(planted)
        expect(os.stat(treasure).st_uid == 0, f"{plant.__name__}: the file elsewhere was given away")
    store, moved = os.path.join(server.directory, "store"), os.path.join(directory, "moved")
    os.rename(store, moved)
    os.symlink(moved, store)
    expect_refusal(server, store, "symbolic link")


@case("a data directory that holds something else is not given away, and lost+found stays root's", root=True)
def other_data(binary, directory):
    server = made(binary, directory, settings=AS_USER)
    path = os.path.join(server.directory, "angarium.toml")
    with open(path, encoding="utf-8") as f:
        text = f.read()
    precious = os.path.join(directory, "precious")
    os.makedirs(os.path.join(precious, "state"))
    with open(os.path.join(precious, "letters"), "w", encoding="utf-8"):
        pass
    with open(path, "w", encoding="utf-8") as f:
        f.write(re.sub('(?m)^data = .*$', f'data = "{precious}"', text))
    expect_refusal(server, "server.user", "letters")
    expect(not owned_by_others(precious, 0), "what lies in another directory was given away")
    with open(path, "w", encoding="utf-8") as f:
        f.write(text)
    lost = os.path.join(server.directory, "store", "lost+found")
    os.mkdir(lost, 0o700)
    with serving(server):
        expect(os.stat(lost).st_uid == 0, "lost+found was given away")
        deliver(server, 1)


@case("a key that the user cannot read is an error at the start, not at the reload", root=True)
def foreign_key(binary, directory):
    server = made(binary, directory, settings=AS_USER)
    key, elsewhere = os.path.join(server.directory, "tls", "key.pem"), os.path.join(directory, "elsewhere.pem")
    os.rename(key, elsewhere)
    os.chown(elsewhere, 0, 0)
    os.symlink(elsewhere, key)
    expect_refusal(server, USER, "cannot read", key)
    expect(os.stat(elsewhere).st_uid == 0, "a key elsewhere was given away")


def passed_sockets(server):
    """Listens for the server; without SO_REUSEPORT, so that it cannot bind the same ports itself."""
    sockets = []
    for protocol in ("smtp", "imap"):
        s = socket.socket()
        s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        s.bind(("127.0.0.1", server.port(protocol)))
        s.listen(64)
        sockets.append(s)
    return sockets


def socket_activation(binary, directory, user):
    server = made(binary, directory, settings=AS_USER if user else ())
    with ending(server), contextlib.ExitStack() as stack:
        numbers = [stack.enter_context(s).fileno() for s in passed_sockets(server)]
        for _ in range(2):  # the sockets outlive the server
            early = [Line(server.port("smtp")), Line(server.port("imap"))]
            lines = server.start(before=[sys.executable, LAUNCHER, ",".join(map(str, numbers))], pass_fds=numbers)
            for protocol in ("smtp", "imap", "lmtp"):
                expect(f"{protocol} 127.0.0.1:{server.port(protocol)}" in lines, f"{protocol} is not among {lines}")
            expect(early[0].line().startswith(b"220 "), "no greeting for who connected to SMTP before the start")
            expect(early[1].line().startswith(b"* OK"), "no greeting for who connected to IMAP before the start")
            for line in early:
                line.close()
            if user:
                expect_dropped(server.process, user)
            deliver(server, 1)
            expect(server.end() == 0, "serve did not end well")


@case("socket activation")
def activation(binary, directory):
    socket_activation(binary, directory, None)


@case("socket activation, then another user", root=True)
def activation_and_user(binary, directory):
    socket_activation(binary, directory, USER)


@case("who asks for help, or names half a command, sees what there is")
def helped(binary, directory):
    def said(*words):
        done = subprocess.run([binary, *words], capture_output=True, text=True, timeout=60)
        return done.returncode, done.stdout, done.stderr
    code, out, _ = said("help")
    expect(code == 0 and "First steps" in out, f"help ended with {code}: {out}")
    code, out, _ = said("help", "queue", "list")
    expect(code == 0 and "Usage: angarium queue list" in out, f"help queue list ended with {code}: {out}")
    code, _, error = said("queue")
    expect(code == 2 and "Usage: angarium queue" in error and "flush" in error, f"queue alone ended with {code}: {error}")
    code, _, error = said()
    expect(code == 2 and "First steps" in error, f"no word at all ended with {code}: {error}")
    code, _, error = said("queue", "show")
    expect(code == 2 and "id is required" in error and "flush" not in error, f"queue show ended with {code}: {error}")


def explained(server, address, *options):
    return json.loads(server.command("route", "explain", address, *options, "--json").stdout)


def expect_routes(server):
    """What the directory, the map and the DNS say; the same with the server running and without it."""
    local = explained(server, "Alice+list@example.test")
    expect(local["local"]["accounts"] == ["alice@example.test"] and local["local"]["detail"] == "list", f"not alice's: {local}")
    expect(local["transport"] is None and not local["hosts"] and local["reply"] is None, f"mail for here goes elsewhere: {local}")
    alias = explained(server, "info@example.test")["local"]
    expect(alias["alias_targets"] == ["alice@example.test"] == alias["accounts"], f"the alias is not explained: {alias}")
    expect(explained(server, "nobody@example.test")["reply"]["enhanced"] == "5.1.1", "an unknown address has no reply")

    far = explained(server, "bob@far.example", "--from", "alice@example.test")
    tried = [(hop["host"], hop["address"], hop["port"], hop["preference"]) for hop in far["hosts"]]
    expect(tried == [("mx1.far.example", "2001:db8::1", 25, 10), ("mx1.far.example", "192.0.2.1", 25, 10),
                     ("mx2.far.example", "192.0.2.2", 25, 20)], f"tried in another order: {tried}")
    expect(far["transport"] == "dns" and far["rule"] == "" and far["reply"] is None, f"another way: {far}")
    looked = [step["text"].split(":")[0] for step in far["steps"] if step["about"] == "look"]
    expect(looked[:2] == ["bob@far.example", "far.example"] and "from alice@example.test" in looked, f"keys: {looked}")

    relayed = explained(server, "bob@via.example")
    expect(relayed["rule"] == "via.example" and [(hop["address"], hop["port"]) for hop in relayed["hosts"]] == [("192.0.2.25", 587)],
           f"not by the relay: {relayed}")
    for address, code, enhanced in (("bob@null.example", 556, "5.1.10"), ("bob@none.example", 550, "5.1.2"),
                                    ("bob@down.example", 451, "4.4.3"), ("bob@closed.example", 550, "5.7.1")):
        reply = explained(server, address)["reply"]
        expect((reply["code"], reply["enhanced"]) == (code, enhanced), f"{address}: {reply}")
    text = server.command("route", "explain", "bob@far.example").stdout
    expect("tried in this order:\n   1. mx1.far.example [2001:db8::1]:25\n" in text, f"for people: {text}")
    wrong = server.command("route", "explain", "no address", check=False)
    expect(wrong.returncode == 1 and wrong.stderr.count("\n") == 1, f"no address: {wrong.returncode} {wrong.stderr!r}")


@case("route explain tells where mail goes, and why")
def routes(binary, directory):
    records = {("far.example", MX): [(20, "mx2.far.example"), (10, "mx1.far.example")],
               ("mx1.far.example", A): ["192.0.2.1"], ("mx1.far.example", AAAA): ["2001:db8::1"],
               ("mx2.far.example", A): ["192.0.2.2"], ("relay.example", A): ["192.0.2.25"], ("null.example", MX): [(0, "")]}
    with naming(records, failing=["down.example"]) as names:
        server = made(binary, directory, settings=[
            ("dns", "servers", f'["{names.address}"]'), ("transport", '"via.example"', '"relay relay.example:587 tls=required"'),
            ("transport", '"closed.example"', '"error closed for good"')])
        server.command("alias", "add", "info@example.test", "alice@example.test")
        expect_routes(server)
        with serving(server):
            expect_routes(server)
    shown = {row["key"]: row["value"] for row in json.loads(server.command("config", "show", "--json").stdout)}
    expect(shown["transport.closed.example"] == '"error closed for good"', f"config show: {shown}")
    expect("TRANSPORT" in server.command("config", "explain", "transport").stdout, "config explain transport says nothing")


WAITS = ("transport", '"far.example"', '"relay 127.0.0.1:1"')  # nobody listens there


def submit(server, recipients, subject):
    """Sends as alice; returns the id in the reply to the message."""
    with smtplib.SMTP("127.0.0.1", server.port("submission"), timeout=60) as session:
        session.starttls(context=ssl._create_unverified_context())
        session.login(f"alice@{server.domain}", PASSWORD)
        session.mail(f"alice@{server.domain}")
        for recipient in recipients:
            expect(session.rcpt(recipient)[0] == 250, f"{recipient} is refused")
        code, reply = session.data(f"From: alice@{server.domain}\r\nTo: {recipients[0]}\r\nSubject: {subject}\r\n\r\nthe text\r\n")
        expect(code == 250, f"the message is refused: {code} {reply}")
        found = re.search(r"\b[0-9a-hjkmnp-tv-z]{12}\b", reply.decode())
        expect(found, f"no id in {reply}")
        return found[0]


def queue_list(server, *options):
    return json.loads(server.command("queue", "list", "--json", *options).stdout)


def shown(server, id):
    return json.loads(server.command("queue", "show", id, "--json").stdout)


def wait_until(holds, what, seconds=30):
    end = time.monotonic() + seconds
    while not holds():
        expect(time.monotonic() < end, what)
        time.sleep(0.05)


def states(server, id):
    return {one["destination"]: one["state"] for one in shown(server, id)["destinations"]}


def expect_waits(server, first, second):
    """Both messages wait, and are found by what is known of them."""
    expect({one["id"] for one in queue_list(server)} == {first, second}, f"another queue: {queue_list(server)}")
    expect([one["id"] for one in queue_list(server, "--recipient", "CAROL@")] == [second], "the filter of recipients")
    expect(len(queue_list(server, "--sender", "alice", "--destination", "FAR.example")) == 2, "the filters find not both")
    expect(queue_list(server, "--sender", "nobody") == [] == queue_list(server, "--destination", "example"), "a filter that holds for none finds some")
    expect(len(queue_list(server, "--limit", "1")) == 1, "--limit 1")
    known = shown(server, first)
    expect("Subject: first" in known["header"] and "the text" not in known["header"], f"the header: {known['header']}")
    expect(any(line.startswith("Received:") for line in known["header"]), "the header has no trace of its way here")
    expect(known["sender"] == f"<alice@{server.domain}>" and known["submitter"] == f"alice@{server.domain}", f"{known}")
    text = server.command("queue", "list").stdout
    expect(text.endswith("2 messages\n") and all(f"{id} " in text for id in (first, second)), f"for people: {text}")
    expect("Subject: first" in server.command("queue", "show", first.upper()).stdout, "an id in capitals")


def expect_refused_words(server, first):
    """What is no id, or of nothing, says what to type."""
    near = first[:-1] + ("0" if first[-1] != "0" else "1")
    for arguments, code, words in (
            (("show", "nonsense"), 2, ["queue list"]), (("show", near), 1, ["no message", first]), (("retry", "fra.example"), 1, ["far.example"]),
            (("retry",), 2, ["--all"]), (("remove", near), 1, ["no message"])):
        done = server.command("queue", *arguments, check=False)
        expect(done.returncode == code and all(word in done.stderr for word in words), f"queue {arguments}: {done.returncode} {done.stderr!r}")
    told = server.command("queue", "show", near, "--json", check=False)
    expect(told.returncode == 1 and "no message" in json.loads(told.stdout)["error"], f"no JSON: {told.stdout!r}")


def expect_hold(server, id):
    """Held, it is not tried, whatever is asked for; the same with the server running and without it."""
    for _ in range(2):  # the second time changes nothing
        server.command("queue", "hold", id)
    expect(states(server, id) == {"far.example": "held"}, f"not held: {states(server, id)}")
    expect([one["id"] for one in queue_list(server, "--held")] == [id], "the filter of what is held")
    held = server.command("queue", "retry", id, check=False)
    expect(held.returncode == 1 and f"queue release {id}" in held.stderr, f"retried though it is held: {held}")
    server.command("queue", "flush")
    expect(states(server, id) == {"far.example": "held"}, "flush let go what is held")


def failures(server, id):
    back_off = shown(server, id)["destinations"][0]["back_off"]
    return back_off["failures"] if back_off else None


def inbox_text(server):
    session = Imap(server.port("imap"), f"alice@{server.domain}", PASSWORD)
    try:
        lines = []
        for command in (b"s EXAMINE INBOX\r\n", b"f FETCH 1:* BODY.PEEK[]\r\n"):
            session.send(command)
            lines.append(session.line())
            while not lines[-1].startswith(command[:2]):
                lines.append(session.line())
        return b"\n".join(lines)
    finally:
        session.close()


def trace(server, *words):
    return json.loads(server.command("trace", *words, "--json").stdout)


@case("what happened to a message is told by its id, an address, a Message-ID, its host or as the last one, with the server running and without it")
def life_story(binary, directory):
    server = made(binary, directory, settings=[WAITS])
    with serving(server):
        nothing = server.command("trace", "last", check=False)
        expect(nothing.returncode == 1 and "nothing is known of any message" in nothing.stderr, f"an empty trace: {nothing}")
        here = submit(server, [f"alice@{server.domain}"], "for here")
        away = submit(server, ["bob@far.example"], "for elsewhere")
        with smtplib.SMTP("127.0.0.1", server.port("smtp"), timeout=60) as session:
            session.ehlo("stranger.example")
            session.mail("stranger@far.example")
            code, reply = session.rcpt("nobody@" + server.domain)
            refused = re.search(r"\(id ([0-9a-z]{12})\)", reply.decode())[1]
            expect(code == 550, f"not refused: {code} {reply}")
        # The refusal is a story as soon as its session is over.
        wait_until(lambda: refused in server.command("trace", "last").stdout, "the refusal has no story")

        text = server.command("trace", here).stdout
        for words in (f"message {here}: accepted", "accepted by submission from", f"logged in as alice@{server.domain}",
                      f"to alice@{server.domain}: delivered here", f"in INBOX of alice@{server.domain}, UID 1"):
            expect(words in text, f"no {words!r} in {text}")
        text = server.command("trace", "nobody@" + server.domain).stdout
        for words in ("came by smtp from stranger.example [127.0.0.1]", "refused, 550 5.1.1", f"what you can do: if nobody@{server.domain}",
                      f"angarium account add nobody@{server.domain}"):
            expect(words in text, f"no {words!r} in {text}")
        wait_until(lambda: trace(server, away)[0]["events"], "the attempt is in no story")
        expect_story_of_wait(server, away)
        expect({one["id"] for one in trace(server, f"alice@{server.domain}")} == {here, away}, "both of alice's are found by her address")
        expect({one["id"] for one in trace(server, "127.0.0.1")} == {here, away, refused}, "all are found by their host")
        expect([one["id"] for one in trace(server, "last", "--limit", "1", "--since", "1h")] == [refused], "the last one")
        message_id = trace(server, here)[0]["message_id"]
        expect([one["id"] for one in trace(server, f"<{message_id}>")] == [here], f"not found by Message-ID <{message_id}>")
        for arguments, code, words in ((("rubbish",), 2, "angarium trace last"), (("last", "--since", "soon"), 2, "2h, 3d"),
                                       (("other@far.example",), 1, "nothing is known of 'other@far.example'"), ((), 2, "what")):
            done = server.command("trace", *arguments, check=False)
            expect(done.returncode == code and words in done.stderr, f"trace {arguments}: {done.returncode} {done.stderr!r}")
        expect(server.end() == 0, "serve did not end well")

        expect_story_of_wait(server, away)
        expect([one["outcome"] for one in trace(server, refused)] == ["refused"], "the refusal is gone after the end")


def expect_story_of_wait(server, id):
    text = server.command("trace", id).stdout
    for words in ("to bob@far.example: into the queue", "attempt 1: bob@far.example: not yet", "waits in the queue for far.example",
                  f"what you can do: to try at once: angarium queue retry {id}"):
        expect(words in text, f"no {words!r} in {text}")


@case("mail that waits is listed, shown, held, released, retried and removed, with the server running and without it")
def queue(binary, directory):
    server = made(binary, directory, settings=[WAITS])
    with serving(server):
        expect(queue_list(server) == [], "an empty queue lists something")
        first = submit(server, ["bob@far.example"], "first")
        second = submit(server, ["carol@far.example", "dave@far.example"], "second")
        wait_until(lambda: states(server, first) == states(server, second) == {"far.example": "deferred"}, "nothing is deferred")
        expect_waits(server, first, second)
        expect_refused_words(server, first)
        expect("refused" in shown(server, first)["destinations"][0]["back_off"]["trouble"]["words"].lower(), f"no words: {shown(server, first)}")
        for what in (["retry", first], ["retry", "far.example"], ["retry", "--all"], ["flush"]):
            before = failures(server, first)
            server.command("queue", *what)
            wait_until(lambda: failures(server, first) not in (None, before), f"not tried again after {what}")
        held = json.loads(server.command("queue", "hold", "--destination", "far.example", "--json").stdout)
        expect({one["id"] for one in held} == {first, second}, f"not all of the destination is held: {held}")
        expect(len(queue_list(server, "--held")) == 2, "what is held is not listed so")
        expect("2 messages" in server.command("queue", "release", first, second).stdout, "no word of both")
        expect(queue_list(server, "--held") == [] and server.command("queue", "hold", "--held").stdout == "0 messages\n", "still held")
        expect(server.command("queue", "remove", check=False).returncode == 2, "remove without a word of what")
        expect(server.command("queue", "remove", first, "--all", check=False).returncode == 2, "remove of one and of all")
        unknown = server.command("queue", "hold", "AAAAAAAAAAAA", first, check=False)
        expect(unknown.returncode == 1 and first + " is held" in unknown.stdout, f"an id that is unknown stops the others: {unknown}")
        server.command("queue", "release", "--all")
        expect_hold(server, first)
        expect(server.end() == 0, "serve did not end well")

        expect_hold(server, first)
        expect_waits(server, first, second)
        expect_refused_words(server, first)
        server.command("queue", "release", first)
        expect(states(server, first)["far.example"] in ("due", "deferred"), "still held")
        mailq = os.path.join(directory, "mailq")
        os.symlink(binary, mailq)
        server.binary, named = mailq, server.binary
        all_ids, of_alice = (set(re.findall(rf"^(?:{first}|{second}) ", server.command(*words).stdout, re.M)) for words in ([], ["--sender", "alice"]))
        expect(all_ids == of_alice == {f"{first} ", f"{second} "}, f"mailq: {all_ids}, {of_alice}")
        server.binary = named
        server.command("queue", "remove", second)
        expect([one["id"] for one in queue_list(server)] == [first], "removed with the server down, and still there")

        server.start()
        wait_until(lambda: states(server, first) == {"far.example": "deferred"}, "not deferred after the restart")
        removed = json.loads(server.command("queue", "remove", first, "--bounce", "--json").stdout)
        expect(removed["sender_told"] and removed["recipients"] == 1, f"remove says {removed}")
        wait_until(lambda: queue_list(server) == [], "the report does not leave the queue")
        text = inbox_text(server)
        expect(b"bob@far.example" in text and b"by the operator" in text and b"Status: 5.0.0" in text, f"no report: {text[-2000:]}")
        expect(b"carol@" not in text, "told of a message that was removed without --bounce")


@case("RFC 6710 4.1: a priority is taken from hosts that may send through this one, and offered to no others")
def priorities(binary, directory):
    for networks, offered in (("[]", False), ('["127.0.0.0/8"]', True)):
        server = made(binary, os.path.join(directory, str(offered)), settings=[WAITS, ("smtp", "relay_networks", networks)])
        with serving(server):
            line = Smtp(server.port("smtp"))
            _, lines = line.command("EHLO client.test", 250)
            expect(any(b"MT-PRIORITY" in one for one in lines) == offered, f"EHLO for {networks}: {lines}")
            line.command("MAIL FROM:<x@far.example> MT-PRIORITY=3", 250 if offered else 555)
            line.close()


@case("the program tells by each of its names what it can do")
def helped(binary, directory):
    for name, words in (("sendmail", "sendmail -t"), ("newaliases", "newaliases"), ("mail", "mail -f"), ("mailx", "mail -f"), ("mailq", "--destination"),
                        ("angarium", "angarium init")):
        path = os.path.join(directory, name)
        os.symlink(os.path.abspath(binary), path)
        done = subprocess.run([path, "--help"], capture_output=True, text=True, timeout=30)
        expect(done.returncode == 0 and words in done.stdout and not done.stderr, f"{name} --help: {done}")


@case("other users of the host are refused the queue with the reason", root=True)
def queue_of_others(binary, directory):
    server = made(binary, directory)
    with serving(server):
        entry = pwd.getpwnam(USER)
        done = subprocess.run([binary, "queue", "list", "--dir", server.directory], capture_output=True, text=True, timeout=60,
                              user=entry.pw_uid, group=entry.pw_gid, extra_groups=[])
        expect(done.returncode == 1 and "only root and the user" in done.stderr, f"{done.returncode}: {done.stderr!r}")


handing_in.add(case)
elsewhere.add(case)
moving.add(case)
located.add(case)
keys.add(case)
leaving.add(case)
rotation.add(case)
reading.add(case)
sealed.add(case)
turning.add(case)


if __name__ == "__main__":
    sys.exit(SUITE.main(__doc__))
