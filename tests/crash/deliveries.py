#!/usr/bin/env python3
"""deliveries.py BINARY [--kills N] [--seed S] [--keep]: kills a server that lays mail down in files and hands it to commands, and shows that none is lost.

Clients submit messages to several places at once: the own store, mbox files, Maildirs, commands, LMTP servers, with the server's rights and with those
of users of the host. `sendmail`, run by another user, hands in more, also while no server is there. At a random moment kill -9 hits the
server, or all of its processes, or the steward, or the child that does one delivery; now and then a `sendmail`. In the end every acknowledged message is whole in
each of its places, in the own store once; more often elsewhere only in proportion to the kills. What was not acknowledged is in all of its places or in none.
"""
import os
import pwd
import random
import re
import signal
import subprocess
import sys
import threading
import time

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
from crash.course import PASSWORD, Course, main  # noqa: E402
from crash.elsewhere import Elsewhere  # noqa: E402
from crash.places import Command, Far, Letters, Maildir, Mbox, Own  # noqa: E402
from harness.server import Failure  # noqa: E402
from harness.wire import Gone, Refused, Smtp, stuff  # noqa: E402

SENDER = "alice@example.test"
SERVERS_USER = "daemon"
HANDING_IN = "nobody"  # another user than root and the server's
USERS = ("news", "uucp", "bin")  # users of every Debian host, whose rights their places have; the command starts in the home of the last
CLIENTS, HANDERS = 3, 2
# Retries are seconds apart, and no longer than 4 s here. A lock that a kill leaves behind is seen to be nobody's at once: what has to wait
# for its age of 5 minutes, or fails for the 30 s that a lock is waited for, is late.
STUCK_SECONDS = 25  # nothing became less in all the time; a backlog on a busy machine may take minutes
# Deliveries that a kill may hit: 16 threads for files and commands, and the sessions to the two LMTP servers.
UNDER_WAY_MAX = 16 + 2 * 20


def processes_below(process):
    """Children, their children and so on: [(pid, name)]."""
    try:
        found = []
        for task in os.listdir(f"/proc/{process}/task"):
            with open(f"/proc/{process}/task/{task}/children", encoding="ascii") as f:
                for child in f.read().split():
                    with open(f"/proc/{child}/comm", encoding="ascii") as name:
                        found.append((int(child), name.read().strip()))
                    found += processes_below(int(child))
        return found
    except (FileNotFoundError, ProcessLookupError):  # gone meanwhile
        return found


def kill_process(process):
    try:
        os.kill(process, signal.SIGKILL)
    except ProcessLookupError:
        pass


class Run(Course):
    def __init__(self, options, directory):
        super().__init__(options, directory, 26000)
        os.chmod(directory, 0o755)  # other users pass
        self.as_root = os.geteuid() == 0
        other = pwd.getpwnam(HANDING_IN)
        self.other_user = {"user": other.pw_uid, "group": other.pw_gid, "extra_groups": []} if self.as_root else {}
        self.letters_made = Letters(options.seed, SENDER)
        self.expected = {}  # number: the names of its places, for all that were begun
        self.wrong = []
        self.over = threading.Event()
        self.killed = {}  # what was hit: how often
        self.handed_in = {"handed in": 0, "killed": 0, "while no server was there": 0}
        self.places = {place.name: place for place in self.make_places()}

    def make_places(self):
        made = self.letters_made
        yield Own("bob", self.letters, "own", made)
        yield Mbox("mbox", self.folder("mbox"), made)
        yield Maildir("maildir", self.folder("maildir"), "", made)
        yield Maildir("subfolder", self.folder("subfolder"), ".Work", made)
        yield Command("command", self.folder("command"), made)
        yield Far(Elsewhere("lmtp", self.options.seed, self.recognised, lmtp=True), "lmtp", made)
        path = os.path.join(self.folder("socket"), "lmtp")
        yield Far(Elsewhere("socket", self.options.seed, self.recognised, lmtp=True, path=path), "socket", made)
        if self.as_root:
            yield Mbox("users-mbox", self.folder("users-mbox", USERS[0]), made, USERS[0])
            yield Maildir("users-maildir", self.folder("users-maildir", USERS[1]), "", made, USERS[1])
            yield Command("users-command", self.folder("users-command", USERS[2]), made, USERS[2])
        else:
            print("Not root: the users of the host, and who hands in, are this user; their places are left out.")

    def folder(self, name, user=SERVERS_USER):
        path = os.path.join(self.directory, name)
        os.mkdir(path)
        if self.as_root:
            owner = pwd.getpwnam(user)
            os.chown(path, owner.pw_uid, owner.pw_gid)
        return path

    def recognised(self, text):
        """What an LMTP server is brought: each letter is looked at when it comes."""
        try:
            return self.letters_made.number_of(text)
        except Failure as failure:
            self.wrong.append(f"by LMTP: {failure}")
            return 0

    def prepare(self):
        settings = [("queue", "retry_first", '"1s"'), ("queue", "retry_longest", '"4s"')]
        if self.as_root:
            settings += [("server", "user", f'"{SERVERS_USER}"'), ("local", "system_users", "true"), ("local", "uid_min", "1")]
        for place in self.places.values():
            settings += place.settings()
            if isinstance(place, Command):
                self.give_away(place)
            if isinstance(place, Far):
                place.elsewhere.start()
        self.server.init(settings)
        for name in ("alice", "bob"):
            self.server.add_account(name, PASSWORD)
        self.start()

    def give_away(self, place):
        if self.as_root:
            owner = os.stat(place.folder)
            for part in ("tmp", "new"):
                os.chown(os.path.join(place.folder, part), owner.st_uid, owner.st_gid)

    # Who sends

    def begin(self, chance):
        """A new letter: its number, its octets, its recipients."""
        names = sorted(self.places)
        chosen = chance.sample(names, chance.choice([1, 2, 3, len(names)]))
        number = self.next_number()
        kind = chance.random()
        size = 2048 if kind < 0.6 else chance.randrange(3000, 60000) if kind < 0.9 else chance.randrange(200_000, 700_000)
        with self.lock:
            self.expected[number] = frozenset(chosen)
        return number, self.letters_made.make(number, size), [self.places[name].address(number) for name in chosen]

    def acknowledge(self, number):
        with self.lock:
            self.acknowledged.add(number)

    def client(self, chance):
        """Submits until the server is gone."""
        try:
            session = Smtp(self.server.port("submission"))
            session.plain(SENDER, PASSWORD)
            while not self.ending:
                number, letter, to = self.begin(chance)
                session.command(f"MAIL FROM:<{SENDER}>", 250)
                for address in to:
                    session.command(f"RCPT TO:<{address}>", 250)
                session.command("DATA", 354)
                session.send(stuff(letter))
                session.reply(250)
                self.acknowledge(number)
        except Gone as gone:
            if not self.ending:
                self.wrong.append(f"the server ended a connection: {gone}")
        except Refused as refused:
            if not self.ending:
                self.wrong.append(f"submission: {refused}")

    def hander(self, chance):
        """Runs one `sendmail` after the other, whether there is a server or not."""
        while not self.over.is_set():
            number, letter, to = self.begin(chance)
            if chance.random() < 0.5:
                letter = letter.replace(b"\r\n", b"\n")
            down = self.server.process is None
            spoken = chance.random() < 0.1
            given = self.spoken(letter, to) if spoken else letter
            process = subprocess.Popen([self.server.binary, "sendmail", "--dir", self.server.directory, *(["-bs"] if spoken else ["-i", "-f", SENDER, *to])],
                                       stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, cwd="/",
                                       **self.other_user)
            killer = threading.Timer(chance.uniform(0, 0.06), process.kill) if chance.random() < 0.15 else None
            if killer:
                killer.start()
            said, complaint = process.communicate(given)
            if killer:
                killer.cancel()
                killer.join()
            # -bs: the reply behind the dot is the second 2xx or later behind the 354.
            done = b"\r\n250 " in said.partition(b"\r\n354 ")[2] if spoken else process.returncode == 0
            if spoken:
                self.leave_out_refused(number, to, said)
            if done:
                self.acknowledge(number)
                self.handed_in["handed in"] += 1
                self.handed_in["while no server was there"] += down and self.server.process is None
            elif process.returncode == -signal.SIGKILL:
                self.handed_in["killed"] += 1
            elif not spoken:
                self.wrong.append(f"sendmail ended with {process.returncode}: {complaint.decode()}")

    def leave_out_refused(self, number, to, said):
        """Who hears at RCPT that an address cannot be looked up now, as when the steward is killed meanwhile, sends to the others."""
        replies = re.findall(rb"(?m)^(\d)\d\d [^\r]*", said)[3:]  # behind those to the connection, EHLO and MAIL
        temporary = [address for address, reply in zip(to, replies) if reply == b"4"]
        refused = {name for name in self.expected[number] if self.places[name].address(number) in temporary}
        if any(reply == b"5" for reply in replies[:len(to)]):
            self.wrong.append(f"sendmail -bs: {said.decode()}")
        with self.lock:
            self.expected[number] -= refused

    @staticmethod
    def spoken(letter, to):
        """A session for `sendmail -bs`."""
        lines = ["EHLO me", f"MAIL FROM:<{SENDER}>", *(f"RCPT TO:<{address}>" for address in to), "DATA", ""]
        return "\r\n".join(lines).encode() + stuff(letter.replace(b"\r\n", b"\n").replace(b"\n", b"\r\n")) + b"QUIT\r\n"

    # Who kills

    def kill(self, kind):
        below = processes_below(self.server.process.pid)
        stewards = [process for process, name in below if name == "steward"]
        if kind == "steward" and stewards:
            # It is the first of that name; those below it do one delivery each.
            kill_process(stewards[0])
            status = self.server.process.wait(60)
            if status != 1:
                raise Failure(f"serve ended with {status} after its steward; its log:\n{self.server.log_tail()}")
            self.server.end(signal.SIGKILL)
        elif kind == "delivery":
            end = time.monotonic() + 0.5
            while time.monotonic() < end and len(stewards) < 2:
                stewards = [process for process, name in processes_below(self.server.process.pid) if name == "steward"]
            if len(stewards) < 2:
                return False
            kill_process(self.chance.choice(stewards[1:]))
        else:
            self.server.process.kill()
            for process, _ in below if kind == "everything" else []:
                kill_process(process)
            self.server.end(signal.SIGKILL)
        return True

    def under_load(self):
        kinds = ["server", "everything"] + (["steward", "delivery"] if self.as_root else [])
        kind = self.chance.choices(kinds, [40, 25, 10, 25][:len(kinds)])[0]
        threads = self.begin_load(self.client, CLIENTS)
        time.sleep(self.chance.uniform(0.1, 0.8))
        self.expect_running()
        if kind == "delivery":
            hit = self.kill(kind)
            self.ending = True
        else:
            self.ending = True
            hit = self.kill(kind)
        self.join(threads)
        if hit:
            self.kills += 1
            self.killed[kind] = self.killed.get(kind, 0) + 1
        if self.server.process is None:
            self.start_again()
        if self.wrong:
            raise Failure("\n".join(self.wrong[:20]))

    def start_again(self):
        """Now and then later, and now and then killed once more while it starts."""
        if self.chance.random() < 0.4:
            time.sleep(self.chance.uniform(0, 0.4))
        if self.chance.random() < 0.15:
            self.server.spawn()
            time.sleep(self.chance.uniform(0, 0.4))
            self.server.end(signal.SIGKILL)
            self.kills += 1
            self.killed["starting"] = self.killed.get("starting", 0) + 1
        self.start()

    # What is there

    def dropped(self):
        """Names in the drop folder: (handed in, unfinished)."""
        names = os.listdir(os.path.join(self.server.directory, "drop"))
        return [n for n in names if n.startswith("m-")], [n for n in names if n.startswith("t-")]

    def queued(self):
        return self.server.command("queue", "list", "--json").stdout.count('"id"')

    def drain(self):
        """Waits until nothing is under way; returns how long it took."""
        for place in self.places.values():
            if isinstance(place, Far):
                place.elsewhere.trouble = False
        began = moved = time.monotonic()
        least = None
        while any(left := (self.queued(), len(self.dropped()[0]))):
            if least is None or sum(left) < least:
                least, moved = sum(left), time.monotonic()
            if time.monotonic() - moved > STUCK_SECONDS:
                waiting = self.server.command("queue", "list").stdout
                raise Failure(f"for {STUCK_SECONDS} s there are {left[0]} messages in the queue and {left[1]} in the drop folder:\n"
                              f"{waiting[:3000]}\n{self.server.log_tail()}")
            time.sleep(0.2)
        return time.monotonic() - began

    def one_more(self):
        """A last message, with nothing killed: whatever a kill has left behind lets it pass."""
        number, letter, _ = self.begin(random.Random(self.options.seed))
        self.expected[number] = frozenset(self.places)
        session = Smtp(self.server.port("submission"))
        session.plain(SENDER, PASSWORD)
        session.command(f"MAIL FROM:<{SENDER}>", 250)
        for place in self.places.values():
            session.command(f"RCPT TO:<{place.address(number)}>", 250)
        session.command("DATA", 354)
        session.send(stuff(letter))
        session.reply(250)
        session.close()
        self.acknowledge(number)

    def compare(self):
        found, torn = {}, {}
        for name, place in self.places.items():
            found[name], torn[name] = place.found()
        wrong = [*self.wrong]
        for number, names in self.expected.items():
            there = {name for name in found if number in found[name]}
            if number in self.acknowledged and there != names:
                wrong.append(f"{number}: acknowledged, and not in {sorted(names - there)}; in {sorted(there - names)} without being sent there")
            elif there not in (set(), names):
                wrong.append(f"{number}: not acknowledged, in {sorted(there)} and not in {sorted(names - there)}")
        if strange := {n for numbers in found.values() for n in numbers} - self.expected.keys():
            wrong.append(f"nobody has sent {sorted(strange)}")
        if twice := [n for n, times in found["own"].items() if times != 1]:
            wrong.append(f"more than once in the own store: {sorted(twice)[:20]}")
        if reports := self.letters("alice"):
            wrong.append(f"{len(reports)} reports of failures came, the first: {reports[0][:2000].decode('utf-8', 'replace')}")
        again = self.compare_repeats(found, torn, wrong)
        if wrong:
            raise Failure("\n".join(wrong[:30]))
        return found, torn, again

    def compare_repeats(self, found, torn, wrong):
        """What is there again, and beginnings of letters: no more than kills explain."""
        again, unanswered = 0, 0
        for name, numbers in found.items():
            place = self.places[name]
            lost = place.elsewhere.noted()[1] if isinstance(place, Far) else {}
            if often := {n: times for n, times in numbers.items() if times > 1 + lost.get(n, 0) + self.kills}:
                wrong.append(f"{name}: more often than there were kills: {often}")
            again += sum(times - 1 for times in numbers.values())
            unanswered += sum(lost.values())
            # The steward's child takes a torn letter back when the server is gone: it has to be killed itself.
            tears = self.kills if place.user is None else self.killed.get("everything", 0) + self.killed.get("delivery", 0)
            # One stood in the file from the beginning.
            tears += isinstance(place, Mbox)
            if torn[name] > tears:
                wrong.append(f"{name}: {torn[name]} torn letters, and {tears} kills that may tear one")
            if len(place.leftovers()) > self.kills * UNDER_WAY_MAX:
                wrong.append(f"{name}: left over: {len(place.leftovers())} files")
            if isinstance(place, Mbox) and (locks := [n for n in place.leftovers() if n.endswith(".lock")]):
                wrong.append(f"{name}: {locks} still there")
        if again > unanswered + self.kills * UNDER_WAY_MAX:
            wrong.append(f"{again} letters arrived again, with {unanswered} dots unanswered and {self.kills} kills")
        unfinished = self.dropped()[1]
        if len(unfinished) > self.handed_in["killed"] + self.kills:
            wrong.append(f"{len(unfinished)} unfinished files in the drop folder, and {self.handed_in['killed']} killed")
        if bad := os.listdir(os.path.join(self.server.directory, "drop", "bad")):
            wrong.append(f"set aside from the drop folder: {bad}")
        return again

    def work(self):
        self.prepare()
        handers = [threading.Thread(target=self.hander, args=(random.Random(f"{self.options.seed}.hander.{i}"),), daemon=True) for i in range(HANDERS)]
        for thread in handers:
            thread.start()
        try:
            while self.kills < self.options.kills:
                self.under_load()
        finally:
            self.over.set()
        self.join(handers)
        seconds = self.drain()
        self.one_more()
        self.drain()
        found, torn, again = self.compare()
        self.end_well()
        hit = ", ".join(f"{count} {kind}" for kind, count in sorted(self.killed.items()))
        handed = ", ".join(f"{count} {what}" for what, count in self.handed_in.items())
        return (f"({hit}) {len(self.acknowledged)} messages acknowledged of {len(self.expected)} (sendmail: {handed}); "
                f"{', '.join(f'{name} {len(numbers)}' for name, numbers in found.items())}: none lost; {again} arrived again, "
                f"{sum(torn.values())} torn by a kill and followed by whole ones; all was delivered {seconds:.0f} s after the last kill")


if __name__ == "__main__":
    sys.exit(main(__doc__, "deliveries", 40, Run))
