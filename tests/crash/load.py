"""The load: one function for each kind of client. Each works until the server is gone and journals what was acknowledged."""
import re

from crash import letters
from crash.ledger import ALIASES, NAMES
from harness.wire import Gone, Imap, Pop3, Refused, Smtp, number_set, stuff

PASSWORD = "correct horse"
WORDS = ["\\Seen", "\\Answered", "\\Flagged", "\\Draft", "$Forwarded", "$Label1", "work"]
NOTHING = frozenset()
SESSION_MOST = 500  # messages in one session: the server closes it after 1,000 (421)
INBOX_MOST, BOX_MOST = 250, 100  # letters in a mailbox above which nobody adds more: keeps comparing quick


class Load:
    def __init__(self, server, ledger, accounts):
        self.server, self.ledger, self.accounts = server, ledger, accounts

    def user(self, account):
        return f"{account}@{self.server.domain}"

    def letter(self, number):
        return letters.make(self.ledger.seed, number, self.ledger.sizes[number])

    def run(self, worker, *arguments):
        """A worker's whole life. That the server is gone is its end, and a fault if nobody ended the server."""
        try:
            worker(*arguments)
        except Gone as gone:
            if not self.ledger.ending:
                self.ledger.violate(f"{worker.__name__}: the server ended a connection: {gone}")
        except Refused as refused:
            if not self.ledger.ending:
                self.ledger.violate(f"{worker.__name__}: {refused}")
        except Exception as error:  # a fault of this test must not pass for a good run
            self.ledger.violate(f"{worker.__name__}: {type(error).__name__}: {error}")

    def guarded(self, operation, act):
        """Runs `act`, whose result are the UIDs told; refused is noted, gone leaves the operation pending."""
        try:
            uids = act()
        except Refused as refused:
            self.ledger.refuse(operation, refused)
            raise
        self.ledger.acknowledge(operation, uids)

    @staticmethod
    def size(chance):
        """2 KiB mostly; now and then larger than what travels in a group, so that it is streamed aside."""
        kind = chance.random()
        return 2048 if kind < 0.75 else chance.randrange(3000, 40000) if kind < 0.93 else chance.randrange(300_000, 700_000)

    # Who delivers

    def delivery(self, chance, protocol, most):
        """A new letter and who gets it: (number, accounts), or None while the mailboxes are full."""
        open_accounts = [a for a in self.accounts if self.ledger.count(a, "INBOX") < INBOX_MOST]
        if not open_accounts:
            return None
        to = chance.sample(open_accounts, min(len(open_accounts), chance.choice([1, 1, 1, 2, most])))
        number = self.ledger.new_letter(self.size(chance))
        return number, to, [(a, "INBOX", number, None, NOTHING) for a in to]

    def deliveries(self, chance, protocol, most):
        """What one session brings: as `delivery`, until there is nothing or it is time for another session."""
        for _ in range(SESSION_MOST):
            if not (made := self.delivery(chance, protocol, most)):
                return
            yield made

    def sessions(self, work, chance, *arguments):
        """Sessions one after the other, until one found nothing to bring; `work` returns how many messages it brought."""
        while work(chance, *arguments):
            pass

    def smtp(self, chance, protocol="smtp"):
        self.sessions(self.smtp_session, chance, protocol)

    def smtp_session(self, chance, protocol):
        session, brought = Smtp(self.server.port(protocol)), 0
        if protocol == "submission":
            session.plain(self.user("alice"), PASSWORD)
        for number, to, effects in self.deliveries(chance, protocol, 3):
            sender = self.user("alice") if protocol == "submission" else "somebody@elsewhere.test"
            session.command(f"MAIL FROM:<{sender}>", 250)
            for account in to:
                session.command(f"RCPT TO:<{self.user(account)}>", 250)
            letter = self.letter(number)
            if protocol == "submission":
                letter = re.sub(rb"From: [^\r]*", b"From: " + sender.encode(), letter)
            if chance.random() < 0.3 and protocol != "submission":
                operation = self.ledger.begin("BDAT", effects)
                cut = chance.randrange(len(letter))
                session.send(b"BDAT %d\r\n" % cut + letter[:cut] + b"BDAT %d LAST\r\n" % (len(letter) - cut) + letter[cut:])
                self.guarded(operation, lambda: (session.reply(250), session.reply(250), None)[2])
            else:
                session.command("DATA", 354)
                operation = self.ledger.begin("DATA", effects)
                session.send(stuff(letter))
                self.guarded(operation, lambda: (session.reply(250), None)[1])
            brought += 1
        session.command("QUIT", 221)
        return brought

    def submission(self, chance):
        self.smtp(chance, "submission")

    def smtp_pipelined(self, chance):
        self.sessions(self.smtp_pipelined_session, chance)

    def smtp_pipelined_session(self, chance):
        """The next transaction's commands travel behind the last one's body."""
        session, brought = Smtp(self.server.port("smtp")), 0

        def commands(to):
            return b"".join([b"MAIL FROM:<somebody@elsewhere.test>\r\n",
                             *(f"RCPT TO:<{self.user(a)}>\r\n".encode() for a in to), b"DATA\r\n"])
        coming = self.deliveries(chance, "smtp", 4)
        if made := next(coming, None):
            session.send(commands(made[1]))
        while made:
            number, to, effects = made
            for wanted in [250] * (1 + len(to)) + [354]:
                session.reply(wanted)
            operation = self.ledger.begin("pipelined DATA", effects)
            made = next(coming, None)
            session.send(stuff(self.letter(number)) + (commands(made[1]) if made else b""))
            self.guarded(operation, lambda: (session.reply(250), None)[1])
            brought += 1
        session.command("QUIT", 221)
        return brought

    def lmtp(self, chance):
        self.sessions(self.lmtp_session, chance)

    def lmtp_session(self, chance):
        session, brought = Smtp(self.server.port("lmtp"), "LHLO"), 0
        for number, to, effects in self.deliveries(chance, "lmtp", 4):
            session.send(b"".join([b"MAIL FROM:<>\r\n", *(f"RCPT TO:<{self.user(a)}>\r\n".encode() for a in to), b"DATA\r\n"]))
            for wanted in [250] * (1 + len(to)) + [354]:
                session.reply(wanted)
            operations = [self.ledger.begin("LMTP DATA", [effect]) for effect in effects]
            session.send(stuff(self.letter(number)))
            for operation in operations:
                self.guarded(operation, lambda: (session.reply(250), None)[1])
            brought += 1
        session.command("QUIT", 221)
        return brought

    # Who reads and changes. Each works on the even or the odd numbers of one account; its second mailbox is its own.

    def imap(self, chance, account, side):
        session = Imap(self.server.port("imap"), self.user(account), f'"{PASSWORD}"')
        worker = ImapWorker(self, session, chance, account, side)
        while True:
            worker.step()

    def pop3(self, chance, account, side):
        while True:
            try:
                session = Pop3(self.server.port("pop3"), self.user(account), PASSWORD)
            except Refused as refused:
                if "IN-USE" in str(refused):
                    continue  # the last session's lock is on its way out
                raise
            numbers = {}
            session.command("UIDL")
            for line in chance.sample(lines := session.many(), min(len(lines), 12)):
                index = int(line.split()[0])
                whole = chance.random() < 0.5
                session.command(f"RETR {index}" if whole else f"TOP {index} 0")
                stored = b"".join(line + b"\r\n" for line in session.many())
                number, size, seed = letters.identify(stored)
                if whole and (wrong := self.compare(number, size, stored)):
                    self.ledger.violate(f"POP3 RETR of {account}/INBOX/{number}: {wrong}")
                numbers[number] = index
            gone = [(n, state) for n, state, _ in self.ledger.mine(account, "INBOX", side) if n in numbers]
            gone = chance.sample(gone, chance.randrange(len(gone) + 1))
            for number, _ in gone:
                session.command(f"DELE {numbers[number]}")
            operation = self.ledger.begin("POP3 QUIT", [(account, "INBOX", n, state, None) for n, state in gone], atomic=False)
            self.guarded(operation, lambda: (session.command("QUIT"), None)[1])
            session.close()

    def compare(self, number, size, stored):
        made = letters.make(self.ledger.seed, number, size)
        if b"From: alice@" in stored[:4096]:
            made = re.sub(rb"From: [^\r]*", b"From: " + self.user("alice").encode(), made)
        return letters.difference(stored, made)

    def names(self, chance, account):
        """Makes, renames, subscribes and deletes mailboxes."""
        session = Imap(self.server.port("imap"), self.user(account), f'"{PASSWORD}"')
        subscribed = frozenset({"subscribed"})
        while True:
            here = [(name, state) for name, state, _ in self.ledger.mine(account, NAMES, None)]
            plain = [name for name, state in here if not state]
            new = f"n{self.ledger.new_letter(0)}"
            act = chance.choice(["create", "subscribe", "delete", "delete", "rename"]) if here else "create"
            if act == "create" or (act in ("delete", "rename") and not plain):
                text, effects = f"CREATE {new}", [(account, NAMES, new, None, NOTHING)]
            elif act == "subscribe":
                name, state = chance.choice(here)
                after = NOTHING if state else subscribed
                text, effects = ("SUBSCRIBE " if after else "UNSUBSCRIBE ") + name, [(account, NAMES, name, state, after)]
            elif act == "delete":
                name = chance.choice(plain)
                text, effects = f"DELETE {name}", [(account, NAMES, name, NOTHING, None)]
            else:
                name = chance.choice(plain)
                text = f"RENAME {name} {new}"
                effects = [(account, NAMES, name, NOTHING, None), (account, NAMES, new, None, NOTHING)]
            operation = self.ledger.begin(text.split()[0], effects)
            self.guarded(operation, lambda: (session.command(text), None)[1])

    def administrator(self, chance):
        """Aliases by the command line, and the sweeper, while all the others work."""
        while not self.ledger.ending:
            here = [name for name, _, _ in self.ledger.mine("", ALIASES, None)]
            if here and chance.random() < 0.4:
                name = chance.choice(here)
                words, effect = ["alias", "remove", name], ("", ALIASES, name, NOTHING, None)
            else:
                name = f"x{self.ledger.new_letter(0)}@{self.server.domain}"
                words, effect = ["alias", "add", name, self.user("alice")], ("", ALIASES, name, None, NOTHING)
            operation = self.ledger.begin(" ".join(words[:2]), [effect])
            done = self.server.command(*words, check=False)
            if done.returncode == 0:
                self.ledger.acknowledge(operation)
            elif self.ledger.ending:
                return
            else:
                self.ledger.refuse(operation, done.stdout + done.stderr)
            if chance.random() < 0.3:
                self.server.command("sweep", check=False)


class ImapWorker:
    """One IMAP session's steps. `box` is the mailbox that is this worker's alone."""

    def __init__(self, load, session, chance, account, side):
        self.load, self.ledger, self.session = load, load.ledger, session
        self.chance, self.account, self.side = chance, account, side
        self.box = f"Box{side}"
        self.selected = None
        self.seen_to = {}

    def step(self):
        kind = self.chance.choice(["store", "store", "append", "multiappend", "copy", "move", "expunge", "box expunge", "box store", "look"])
        if kind == "append" or kind == "multiappend":
            self.append(1 if kind == "append" else self.chance.randrange(2, 5))
        elif kind == "look":
            self.select("INBOX")
            self.look("INBOX")
        elif kind in ("store", "box store"):
            self.store(self.open("INBOX" if kind == "store" else self.box))
        elif kind in ("copy", "move"):
            self.transfer(kind.upper(), *self.chance.choice([("INBOX", self.box), (self.box, "INBOX")]))
        else:
            self.expunge(self.open("INBOX" if kind == "expunge" else self.box))

    def open(self, box):
        self.select(box)
        if box == "INBOX" and self.chance.random() < 0.3:
            self.look(box)
        return box

    def select(self, box):
        if self.selected == box:
            return
        untagged, text = self.session.command(f"SELECT {box} (CONDSTORE)")
        self.selected = box
        self.mark_modseq(box, untagged + [(text, [])])

    def mark_modseq(self, box, responses):
        for text, _ in responses:
            for number in re.findall(rb"(?:HIGHESTMODSEQ |MODSEQ \()(\d+)", text):
                self.ledger.saw_modseq(self.account, box, int(number))

    def look(self, box):
        """Learns the UIDs of what was delivered since the last look."""
        low = self.seen_to.get(box, 0) + 1
        untagged, _ = self.session.command(f"UID FETCH {low}:* (UID BODY.PEEK[HEADER.FIELDS (MESSAGE-ID)])")
        for items in self.session.fetched(untagged):
            header = next((v for k, v in items.items() if k.startswith(b"BODY[")), None)
            if header is None:
                continue  # news of flags another session changed
            number, _, _ = letters.identify(header)
            uid = int(items[b"UID"])
            self.seen_to[box] = max(self.seen_to.get(box, 0), uid)
            if number % 2 == self.side:
                self.ledger.observe(self.account, box, number, uid)

    def some(self, box, most=6):
        mine = self.ledger.mine(self.account, box, self.side)
        return self.chance.sample(mine, min(len(mine), self.chance.randrange(1, most)))

    @staticmethod
    def uids(items):
        return ",".join(str(uid) for uid in sorted(uid for _, _, uid in items))

    def command(self, name, effects, *parts, told=None, atomic=True, about=None):
        """One journaled command; `told(responses)` gives the UIDs that came with the OK."""
        operation = self.ledger.begin(name, effects, atomic)

        def act():
            untagged, text = self.session.command(*parts)
            responses = untagged + [(text, [])]
            if about:
                self.mark_modseq(about, responses)
            return told(responses) if told else None
        self.load.guarded(operation, act)

    def store(self, box):
        items = self.some(box)
        if not items:
            return
        flags = frozenset(self.chance.sample(WORDS, self.chance.randrange(1, 4)))
        sign = self.chance.choice(["+", "-", ""])
        after = {"+": lambda s: s | flags, "-": lambda s: s - flags, "": lambda s: flags}[sign]
        silent = self.chance.choice(["", ".SILENT"])
        self.command("STORE", [(self.account, box, n, s, after(s)) for n, s, _ in items],
                     f"UID STORE {self.uids(items)} {sign}FLAGS{silent} ({' '.join(sorted(flags))})", about=box)

    def append(self, count):
        box = self.chance.choice(["INBOX", self.box])
        if self.ledger.count(self.account, box) > (INBOX_MOST if box == "INBOX" else BOX_MOST):
            return
        parts, effects = [f"APPEND {box} "], []
        for _ in range(count):
            number = self.ledger.new_letter(self.load.size(self.chance), self.side)
            flags = frozenset(self.chance.sample(WORDS, self.chance.randrange(0, 3)))
            effects.append((self.account, box, number, None, flags))
            parts += [f"({' '.join(sorted(flags))}) ", self.load.letter(number), " "]

        def told(responses):
            match = re.search(rb"\[APPENDUID (\d+) ([\d:,]+)\]", responses[-1][0])
            return {effect[:3]: uid for effect, uid in zip(effects, number_set(match.group(2).decode()), strict=True)}
        self.command("APPEND" if count == 1 else "MULTIAPPEND", effects, *parts[:-1], told=told)

    def transfer(self, verb, source, target):
        self.open(source)
        there = {n for n, _, _ in self.ledger.mine(self.account, target, self.side)}
        there |= set(self.ledger.boxes[self.account, target].items)
        items = [i for i in self.some(source) if i[0] not in there]
        full = self.ledger.count(self.account, target) > (INBOX_MOST if target == "INBOX" else BOX_MOST)
        if not items or full:
            return
        effects = [(self.account, target, n, None, s) for n, s, _ in items]
        if verb == "MOVE":
            effects += [(self.account, source, n, s, None) for n, s, _ in items]
        by_uid = {uid: n for n, _, uid in items}

        def told(responses):
            match = next(m for text, _ in responses if (m := re.search(rb"\[COPYUID (\d+) ([\d:,]+) ([\d:,]+)\]", text)))
            sources, targets = (number_set(match.group(i).decode()) for i in (2, 3))
            if sorted(sources) != sorted(by_uid):
                self.ledger.violate(f"COPYUID names {sources}, asked for {sorted(by_uid)}")
            return {(self.account, target, by_uid[s]): t for s, t in zip(sources, targets, strict=True)}
        self.command(verb, effects, f"UID {verb} {self.uids(items)} {target}", told=told)

    def expunge(self, box):
        count = self.ledger.count(self.account, box)
        items = self.some(box, 30 if count > (BOX_MOST if box == self.box else INBOX_MOST) * 0.7 else 8)
        if not items:
            return
        self.command("STORE", [(self.account, box, n, s, s | {"\\Deleted"}) for n, s, _ in items],
                     f"UID STORE {self.uids(items)} +FLAGS.SILENT (\\Deleted)", about=box)
        marked = [i for i in self.ledger.mine(self.account, box, self.side) if "\\Deleted" in i[1]]
        effects = [(self.account, box, n, s, None) for n, s, _ in marked]
        if box == "INBOX":  # shared: only what is ours
            self.command("UID EXPUNGE", effects, f"UID EXPUNGE {self.uids(marked)}", about=box)
        else:
            verb = self.chance.choice(["EXPUNGE", "CLOSE"])
            self.command(verb, effects, verb)
            if verb == "CLOSE":
                self.selected = None
