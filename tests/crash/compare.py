"""What is there after a restart, beside what the ledger says is owed."""
import json
import re

from crash import letters
from crash.ledger import ALIASES, NAMES
from crash.load import PASSWORD
from harness.wire import Imap, Pop3, number_set

LIST = re.compile(rb'\* LIST \(([^)]*)\) \S+ "?([^" ]+)"?')
BODIES_AT_ONCE = 50


def numbers_in(pattern, responses):
    return next(int(m.group(1)) for text, _ in responses if (m := re.search(pattern, text)))


class Found:
    """One mailbox as it is: {number: (uid, flags, modseq)} and its counters."""

    def __init__(self, session, name, since):
        self.wrong = []
        untagged, text = session.command(f"SELECT {name} (CONDSTORE)")
        responses = untagged + [(text, [])]
        self.uid_validity = numbers_in(rb"\[UIDVALIDITY (\d+)\]", responses)
        self.uid_next = numbers_in(rb"\[UIDNEXT (\d+)\]", responses)
        self.modseq = numbers_in(rb"\[HIGHESTMODSEQ (\d+)\]", responses)
        exists = numbers_in(rb"\* (\d+) EXISTS", responses)
        self.items, last = {}, 0
        if exists:
            untagged, _ = session.command("UID FETCH 1:* (UID FLAGS MODSEQ BODY.PEEK[HEADER.FIELDS (MESSAGE-ID)])")
            for fetched in session.fetched(untagged):
                uid, modseq = int(fetched[b"UID"]), int(fetched[b"MODSEQ"][0])
                flags = frozenset(f.decode() for f in fetched[b"FLAGS"]) - {"\\Recent"}
                who = letters.identify(next(v for k, v in fetched.items() if k.startswith(b"BODY[")))
                if who is None:
                    self.wrong.append(f"UID {uid} is no letter of ours")
                    continue
                if uid <= last:
                    self.wrong.append(f"UID {uid} follows UID {last}")
                if who[0] in self.items:
                    self.wrong.append(f"letter {who[0]} is there twice: UIDs {self.items[who[0]][0]} and {uid}")
                if modseq > self.modseq:
                    self.wrong.append(f"UID {uid} has MODSEQ {modseq}, above HIGHESTMODSEQ {self.modseq}")
                last = uid
                self.items[who[0]] = (uid, flags, modseq)
        if last >= self.uid_next:
            self.wrong.append(f"UIDNEXT {self.uid_next} is not above UID {last}")
        if exists != len(self.items):
            self.wrong.append(f"EXISTS says {exists}, FETCH shows {len(self.items)}")
        self.changed, self.vanished = set(), set()
        if since:
            untagged, _ = session.command(f"UID FETCH 1:* (UID FLAGS) (CHANGEDSINCE {since} VANISHED)")
            self.changed = {int(fetched[b"UID"]) for fetched in session.fetched(untagged)}
            for text, _ in untagged:
                if match := re.match(rb"\* VANISHED \(EARLIER\) ([\d:,]+)", text):
                    self.vanished.update(number_set(match.group(1).decode()))


class Comparison:
    def __init__(self, server, ledger, load, accounts, boxes):
        self.server, self.ledger, self.load = server, ledger, load
        self.accounts, self.boxes = accounts, boxes
        self.last = {}

    def contents(self):
        """All that the last comparison found, as a value: {(account, box): (UIDVALIDITY, {number: (uid, flags, modseq)})}."""
        return {where: (found.uid_validity, found.items) for where, found in self.last.items()}

    def run(self, everything):
        """Compares; every difference becomes a violation. `everything`: all octets again, POP3 and the aliases too."""
        found, sessions, names = {}, {}, {}
        for account in self.accounts:
            session = Imap(self.server.port("imap"), self.load.user(account), f'"{PASSWORD}"')
            session.command("ENABLE QRESYNC")
            sessions[account] = session
            names[account] = self.names(session)
            for box in self.boxes:
                found[account, box] = Found(session, box, self.ledger.boxes[account, box].modseq_compared)
        aliases = self.aliases() if everything or self.pending_aliases() else None

        def state_of(account, box, number):
            if box == NAMES:
                return names[account].get(number)
            if box == ALIASES:
                return aliases.get(number)
            return found[account, box].items.get(number, (0, None, 0))[1]
        self.ledger.settle(state_of)
        self.last = found
        for (account, box), what in found.items():
            self.mailbox(f"{account}/{box}", self.ledger.boxes[account, box], what)
        for account in self.accounts:
            self.plain_set(account, NAMES, names[account])
        if aliases is not None:
            self.plain_set("", ALIASES, aliases)
        for account in self.accounts:
            for box in self.boxes:
                self.octets(sessions[account], account, box, found[account, box], everything)
            sessions[account].close()
            if everything:
                self.pop3(account, found[account, "INBOX"])

    def names(self, session):
        untagged, _ = session.command('LIST "" "n*" RETURN (SUBSCRIBED)')
        matches = [m for text, _ in untagged if (m := LIST.match(text))]
        return {m.group(2).decode(): frozenset({"subscribed"} if b"\\subscribed" in m.group(1).lower() else ()) for m in matches
                if b"\\nonexistent" not in m.group(1).lower()}

    def pending_aliases(self):
        return any(effect[1] == ALIASES for operation in self.ledger.pending for effect in operation.effects)

    def aliases(self):
        listed = json.loads(self.server.command("alias", "list", "--json").stdout)
        return {address: frozenset() for address in re.findall(r'"(x\d+@[^"]+)"', json.dumps(listed))}

    def plain_set(self, account, box, there):
        owed = {name: item.state for name, item in self.ledger.boxes[account, box].items.items()}
        for name in sorted(owed.keys() | there.keys()):
            if owed.get(name) != there.get(name):
                self.ledger.violate(f"{account}/{box} {name}: owed {owed.get(name)}, found {there.get(name)}")

    def mailbox(self, where, owed, found):
        wrong = [f"{where}: {text}" for text in found.wrong]
        if owed.uid_validity not in (None, found.uid_validity):
            wrong.append(f"{where}: UIDVALIDITY was {owed.uid_validity}, now {found.uid_validity}")
        if found.uid_next < max(owed.uid_next, owed.uid_seen + 1):
            wrong.append(f"{where}: UIDNEXT {found.uid_next}; UID {owed.uid_seen} was told, UIDNEXT {owed.uid_next} too")
        if found.modseq < max(owed.modseq_seen, owed.modseq_compared):
            wrong.append(f"{where}: HIGHESTMODSEQ {found.modseq}; {max(owed.modseq_seen, owed.modseq_compared)} was told")
        for number, item in owed.items.items():
            if number not in found.items:
                wrong.append(f"{where}/{number}: acknowledged and LOST (UID {item.uid}, {item.size} octets)")
                continue
            uid, flags, modseq = found.items[number]
            if flags != item.state:
                wrong.append(f"{where}/{number}: flags are {sorted(flags)}, acknowledged {sorted(item.state)}")
            if item.uid not in (None, uid):
                wrong.append(f"{where}/{number}: UID was {item.uid}, now {uid}")
            if item.uid is None and uid < owed.uid_next:
                wrong.append(f"{where}/{number}: new, with UID {uid}; UIDNEXT was {owed.uid_next} before it came")
            if item.changed and owed.modseq_compared and modseq <= owed.modseq_compared:
                wrong.append(f"{where}/{number}: changed, with MODSEQ {modseq}; HIGHESTMODSEQ was {owed.modseq_compared} before")
            if item.changed and owed.modseq_compared and uid not in found.changed:
                wrong.append(f"{where}/{number}: changed, and CHANGEDSINCE does not tell it")
            item.uid, item.changed = uid, False
        for number in found.items.keys() - owed.items.keys():
            wrong.append(f"{where}/{number}: is there and should not be (UID {found.items[number][0]}): never sent, doubled or come back")
        if owed.modseq_compared and owed.vanished - found.vanished:
            wrong.append(f"{where}: expunged UIDs {sorted(owed.vanished - found.vanished)} are not told as VANISHED")
        for text in wrong:
            self.ledger.violate(text)
        owed.uid_validity, owed.uid_next, owed.modseq_compared = found.uid_validity, found.uid_next, found.modseq
        owed.uid_seen = max([owed.uid_seen] + [uid for uid, _, _ in found.items.values()])
        owed.vanished = set()

    def octets(self, session, account, box, found, everything):
        owed = self.ledger.boxes[account, box]
        if everything:
            owed.compared.clear()
        new = {found.items[n][0]: n for n in found.items.keys() & owed.items.keys() if n not in owed.compared}
        if not new:
            return
        session.command(f"EXAMINE {box}")
        uids = sorted(new)
        for start in range(0, len(uids), BODIES_AT_ONCE):
            tag = session.send_command(f"UID FETCH {','.join(map(str, uids[start:start + BODIES_AT_ONCE]))} (UID RFC822.SIZE BODY.PEEK[])")
            for fetched in session.fetched(session.result(tag)[0]):
                if b"BODY[]" not in fetched:
                    continue
                number, stored = new[int(fetched[b"UID"])], fetched[b"BODY[]"]
                if int(fetched[b"RFC822.SIZE"]) != len(stored):
                    self.ledger.violate(f"{account}/{box}/{number}: RFC822.SIZE {fetched[b'RFC822.SIZE']}, {len(stored)} octets")
                if wrong := self.load.compare(number, self.ledger.sizes[number], stored):
                    self.ledger.violate(f"{account}/{box}/{number}: {wrong}")
                owed.compared.add(number)
        for number in set(new.values()) - owed.compared:
            self.ledger.violate(f"{account}/{box}/{number}: its octets were asked for and not given")

    def pop3(self, account, found):
        session = Pop3(self.server.port("pop3"), self.load.user(account), PASSWORD)
        count = int(session.command("STAT").split()[1])
        if count != len(found.items):
            self.ledger.violate(f"{account}: POP3 shows {count} messages, IMAP {len(found.items)}")
        session.command("QUIT")
        session.close()
