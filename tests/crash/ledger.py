"""What the server owes: every acknowledged effect, noted by the client at the moment of the OK, and what was under way.

An operation is a list of effects on items: (account, box, number, before, after); a state is a frozenset of flags, or None
for "not there". Begun operations are pending; the OK makes their `after` owed; after a kill each pending effect must be found
wholly before or wholly after, and an atomic operation all before or all after. Mailbox names and aliases are items too, of
the boxes NAMES and ALIASES. Every item has one owner who changes it, so at most one operation on it is under way.
"""
import threading

NAMES, ALIASES = "(names)", "(aliases)"


class Item:
    __slots__ = ("state", "uid", "size", "changed")

    def __init__(self, state, size):
        self.state, self.uid, self.size, self.changed = state, None, size, True


class Box:
    def __init__(self):
        self.items = {}
        self.uid_validity = None
        self.uid_seen = 0         # the highest UID that anybody was told of
        self.uid_next = 1         # UIDNEXT at the last comparison
        self.modseq_seen = 0      # the highest MODSEQ that anybody was told of
        self.modseq_compared = 0  # HIGHESTMODSEQ at the last comparison
        self.vanished = set()     # UIDs taken away since then, by acknowledged commands
        self.compared = set()     # numbers whose octets were compared


class Operation:
    def __init__(self, name, effects, atomic):
        self.name, self.effects, self.atomic = name, effects, atomic
        self.observed = set()
        self.floors = {}

    def __str__(self):
        return f"{self.name} of {', '.join(f'{a}/{b}/{n}' for a, b, n, _, _ in self.effects)}"


class Ledger:
    def __init__(self, seed, accounts, boxes, journal):
        self.seed = seed
        self.lock = threading.Lock()
        self.boxes = {(account, box): Box() for account in accounts for box in boxes}
        for account in accounts:
            self.boxes[account, NAMES] = Box()
        self.boxes["", ALIASES] = Box()
        self.sizes = {}
        self.pending = []
        self.busy = set()
        self.violations = []
        self.journal = journal
        self.next_number = 0
        self.acknowledged = 0
        self.letters = 0
        self.ending = False  # the server is being ended: from here on no answer, or any, is legal

    def note(self, text):
        self.journal.write(text + "\n")

    def violate(self, text):
        self.note("VIOLATION " + text)
        self.violations.append(text)

    def new_letter(self, size, side=None):
        """A number for a letter, even or odd by `side`: who will own it."""
        with self.lock:
            self.next_number += 1
            if side is not None and self.next_number % 2 != side:
                self.next_number += 1
            self.sizes[self.next_number] = size
            return self.next_number

    def count(self, account, box):
        return len(self.boxes[account, box].items)

    def mine(self, account, box, side):
        """The items of this owner with known UIDs that nothing is under way for: [(number, state, uid)]."""
        with self.lock:
            return [(number, item.state, item.uid) for number, item in self.boxes[account, box].items.items()
                    if (side is None or number % 2 == side) and (item.uid or side is None) and (account, box, number) not in self.busy]

    def begin(self, name, effects, atomic=True):
        operation = Operation(name, effects, atomic)
        with self.lock:
            for account, box, number, _, _ in effects:
                assert (account, box, number) not in self.busy, "an item has one owner"
                self.busy.add((account, box, number))
                operation.floors[account, box] = self.boxes[account, box].uid_seen
            self.pending.append(operation)
            self.note(f"begin {operation}")
        return operation

    def _end(self, operation):
        self.pending.remove(operation)
        for account, box, number, _, _ in operation.effects:
            self.busy.discard((account, box, number))

    def acknowledge(self, operation, uids=None):
        """The OK is here. `uids`: {(account, box, number): uid} as told with it."""
        with self.lock:
            self._end(operation)
            self.acknowledged += 1
            self.note(f"OK    {operation}")
            for account, box, number, before, after in operation.effects:
                self._apply(account, box, number, after)
                uid = (uids or {}).get((account, box, number))
                if uid is not None:
                    if uid <= operation.floors[account, box]:
                        self.violate(f"{operation}: UID {uid} is not above {operation.floors[account, box]}, known before")
                    self._learn(account, box, number, uid)
                self.letters += before is None and after is not None and isinstance(number, int)

    def refuse(self, operation, why):
        """The server said no: nothing may have happened, and under this load it has no reason to."""
        with self.lock:
            if self.ending:
                return
            self._end(operation)
            self.violate(f"{operation} was refused: {why}")

    def _apply(self, account, box, number, state):
        owed = self.boxes[account, box]
        if state is None:
            gone = owed.items.pop(number, None)
            if gone is not None and gone.uid:
                owed.vanished.add(gone.uid)
        elif number in owed.items:
            item = owed.items[number]
            item.changed = item.changed or item.state != state
            item.state = state
        else:
            owed.items[number] = Item(state, self.sizes.get(number, 0))
            owed.compared.discard(number)

    def _learn(self, account, box, number, uid):
        owed = self.boxes[account, box]
        owed.uid_seen = max(owed.uid_seen, uid)
        item = owed.items[number]
        if item.uid is not None and item.uid != uid:
            self.violate(f"{account}/{box}/{number}: UID was {item.uid}, now {uid}")
        item.uid = uid

    def observe(self, account, box, number, uid):
        """A reader was shown this letter: it is durable, acknowledged or not."""
        with self.lock:
            if number in self.boxes[account, box].items:
                self._learn(account, box, number, uid)
                return
            for operation in self.pending:
                if any(e[:3] == (account, box, number) for e in operation.effects):
                    operation.observed.add((account, box, number))
                    return
            self.violate(f"{account}/{box}/{number}: is there (UID {uid}) and should not be")

    def saw_modseq(self, account, box, modseq):
        with self.lock:
            owed = self.boxes[account, box]
            owed.modseq_seen = max(owed.modseq_seen, modseq)

    # After a restart

    def settle(self, state_of):
        """Decides each pending operation by what is there. `state_of(account, box, number)` tells the state found."""
        for operation in list(self.pending):
            found = [state_of(account, box, number) for account, box, number, _, _ in operation.effects]
            sides = set()
            for (account, box, number, before, after), state in zip(operation.effects, found):
                if state not in (before, after):
                    self.violate(f"unacknowledged {operation.name} of {account}/{box}/{number}: state {state} is neither {before} nor {after}")
                elif before != after:
                    sides.add("after" if state == after else "before")
                if state != after and (account, box, number) in operation.observed:
                    self.violate(f"unacknowledged {operation.name}: {account}/{box}/{number} was shown to a reader and is lost")
            if operation.atomic and len(sides) > 1:
                self.violate(f"unacknowledged {operation} happened in part: {found}")
            self._end(operation)
            self.note(f"found {operation}: {'/'.join(sorted(sides)) or 'same'}")
            for (account, box, number, _, _), state in zip(operation.effects, found):
                self._apply(account, box, number, state)
