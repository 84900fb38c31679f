"""Responses as values, and what a client knows by them: the numbering and the flags of its mailbox."""
import re

from harness.server import Failure

TOKEN = re.compile(rb' *(?:(\()|(\))|"((?:[^"\\]|\\.)*)"|\x00(\d+)\x00|((?:[^ ()"\[\x00]|\[[^\]]*\](?:<\d+>)?)+))')


class Word(bytes):
    """What stood there without quotes: a name or a number."""


def parse(text, literals):
    """A response as nested lists; strings are bytes, words are Word, NIL is None."""
    stack, place = [[]], 0
    while text[place:].strip():
        match = TOKEN.match(text, place)
        if not match:
            raise Failure(f"cannot read {text[place:place + 80]!r} in {text[:300]!r}")
        place = match.end()
        opened, closed, quoted, literal, word = match.groups()
        if opened:
            stack.append([])
        elif closed:
            done = stack.pop()
            if not stack:
                raise Failure(f"a parenthesis too many in {text[:300]!r}")
            stack[-1].append(done)
        elif literal is not None:
            stack[-1].append(literals[int(literal)])
        elif word is not None:
            stack[-1].append(None if word.upper() == b"NIL" else Word(word))
        else:
            stack[-1].append(re.sub(rb"\\(.)", rb"\1", quoted))
    if len(stack) != 1:
        raise Failure(f"a parenthesis is left open in {text[:300]!r}")
    return stack[0]


def numbers(text):
    """The numbers of a set, in the order in which they stand."""
    found = []
    for part in text.split(b","):
        low, _, high = part.partition(b":")
        low, high = int(low), int(high or low)
        found += range(low, high + 1) if low <= high else range(low, high - 1, -1)
    return found


def response_code(text):
    """(name, value) of a code in brackets; (None, None) without one."""
    match = re.match(rb"\w+ \[([^\] ]+)(?: (.*?))?\](?: |$)", text)
    return (match.group(1).upper(), match.group(2)) if match else (None, None)


def pairs(items):
    return {bytes(items[i]).upper(): items[i + 1] for i in range(0, len(items) - 1, 2)}


class Known:
    """What one session was told of the mailbox it selected; None stands for what it was not."""

    def __init__(self):
        self.selected = None
        self.readonly = False
        self.uids, self.flags = [], []
        self.next = None

    def begin(self, name, readonly):
        self.__init__()
        self.selected, self.readonly = name, readonly

    def end(self):
        self.__init__()

    @property
    def count(self):
        return len(self.uids)

    def hear(self, text, literals):
        """One untagged response. What makes no sense in it is a failure of whoever said it."""
        words = text.split(b" ", 3)
        if len(words) > 2 and words[1].isdigit():
            number, kind = int(words[1]), words[2].upper()
            if kind == b"EXISTS":
                if number < self.count:
                    raise Failure(f"EXISTS {number} where {self.count} messages are known")
                self.uids += [None] * (number - self.count)
                self.flags += [None] * (number - len(self.flags))
            elif kind == b"EXPUNGE":
                if not 1 <= number <= self.count:
                    raise Failure(f"EXPUNGE {number} of {self.count}")
                del self.uids[number - 1], self.flags[number - 1]
            elif kind == b"FETCH":
                self.hear_fetch(number, pairs(parse(words[3], literals)[0]))
        elif words[1].upper() == b"VANISHED" and words[2] != b"(EARLIER)":
            for uid in numbers(words[2]):
                if uid in self.uids:
                    at = self.uids.index(uid)
                    del self.uids[at], self.flags[at]
                else:  # one whose UID was never told: which number it had cannot be known
                    self.uids, self.flags = [None] * (self.count - 1), [None] * (self.count - 1)
        elif words[1].upper() == b"OK":
            name, value = response_code(text[2:])
            if name == b"UIDNEXT":
                self.next = int(value)

    def hear_fetch(self, number, items):
        if not 1 <= number <= self.count:
            raise Failure(f"FETCH of {number} of {self.count}")
        if b"UID" in items:
            uid = int(items[b"UID"])
            if self.uids[number - 1] not in (None, uid):
                raise Failure(f"message {number} has UID {uid}, and had {self.uids[number - 1]}")
            self.uids[number - 1] = uid
        if b"FLAGS" in items:
            self.flags[number - 1] = flag_set(items[b"FLAGS"])


def flag_set(flags):
    """Flags have no order and no case; \\Recent is not compared (IMAP4rev2 has none: RFC 9051 appendix E)."""
    return frozenset(bytes(flag).lower() for flag in flags) - {b"\\recent"}
