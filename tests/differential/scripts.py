"""Random commands: which session says what next, from what both servers have told so far."""
import re

from letters import WORDS, Letters

BOXES = ["INBOX", "A", "A/b", "A/b/c", "B", "B/d", '"two words"', "&AOQ-", "x.y", "a"]
SYSTEM = ["\\Seen", "\\Answered", "\\Flagged", "\\Deleted", "\\Draft"]
KEYWORDS = ["work", "$Forwarded", "Junk", "later"]
MESSAGES = 25  # of a mailbox, before no more are copied
DAYS = ["31-Dec-2023", "1-Jan-2024", "2-Jan-2024", "3-Jan-2024", "5-Jan-2024", "1-Feb-2024"]
FIELDS = ["Subject", "From", "To", "Date", "Message-ID", "X-Twice", "References", "Content-Type", "X-None", "mime-version"]
ADDRESS_WORDS = ["anna", "bob", "example", "Quoted", "J\u00fcrgen", "carol", "eve", "nobody", "Andr\u00e9", "@"]
SORT_KEYS = ["ARRIVAL", "CC", "DATE", "FROM", "SIZE", "SUBJECT", "TO", "DISPLAYFROM", "DISPLAYTO"]


class Step:
    """One command of one session. `verb` says how its answer is read; `more` is what the runner has to know of it."""

    def __init__(self, session, verb, *parts, **more):
        self.session, self.verb, self.parts, self.more = session, verb, parts, more

    def __str__(self):
        return f"{self.session}: " + "".join(part if isinstance(part, str) else repr(part) for part in self.parts)


class Scripts:
    """`world` has `known` (a Known a session, of our side), `boxes` (those that exist), `checkpoints` (how many there are)."""

    def __init__(self, random, world):
        self.random, self.world = random, world
        self.letters = Letters(random)
        self.enabled = {}

    def chance(self, share):
        return self.random.random() < share

    def pick(self, some):
        return self.random.choice(some)

    def some(self, values, least=0):
        return self.random.sample(values, self.random.randrange(least, min(len(values), 4) + 1))

    def flags(self):
        return "(" + " ".join(self.some(SYSTEM[:4] + KEYWORDS + ["\\Draft"])) + ")"

    def numbers(self, known, uid):
        """A set, within what is there nearly always: by UID anything may be named."""
        top = known.count
        if uid:
            low, high = sorted((self.random.randrange(1, (known.next or 5) + 3), self.random.randrange(1, (known.next or 5) + 3)))
        else:
            low, high = sorted((self.random.randrange(1, top + 1), self.random.randrange(1, top + 1)))
        return self.pick([f"{low}", f"{low}:{high}", f"{high}:{low}", f"{low},{high}", "1:*", "*", f"{low}:*", f"{high},{low}:{high}"] * 2 + ["$"])

    def next(self):
        """The next step. Sessions that have not heard of the others' changes are brought up to date by the runner before it."""
        session = self.random.randrange(len(self.world.known))
        known = self.world.known[session]
        if known.selected is None or self.chance(0.06):
            return self.select(session) if self.chance(0.75) else self.elsewhere(session, known)
        if self.chance(0.2) or known.count == 0:
            return self.elsewhere(session, known)
        return self.within(session, known)

    def select(self, session):
        box = self.pick(sorted(self.world.boxes)) if self.chance(0.95) else self.pick(BOXES)
        verb = self.pick(["SELECT", "SELECT", "SELECT", "EXAMINE"])
        more, parameter = {"box": box, "readonly": verb == "EXAMINE"}, ""
        if self.chance(0.2):
            parameter = " (CONDSTORE)"
            self.enabled.setdefault(session, "CONDSTORE")
        points = [n for n, name in enumerate(self.world.checkpoints) if name == box]
        if self.enabled.get(session) == "QRESYNC" and points and self.chance(0.7):
            point = self.pick(points)
            parameter = f" (QRESYNC ({{V:{point}}} {{M:{point}}}{self.pick(['', ' 1:100', ' 1,3,5:9'])}))"
        return Step(session, "SELECT", f"{verb} {box}{parameter}", **more)

    def elsewhere(self, session, known):
        """What needs no mailbox, or goes to another one."""
        what = self.random.randrange(17)
        box = self.pick(sorted(self.world.boxes)) if self.chance(0.9) else self.pick(BOXES)
        if what < 6:
            return self.append(session, box)
        if what == 6:
            return Step(session, "CREATE", f"CREATE {self.new_name()}")
        if what == 7:
            taken = {known.selected for known in self.world.known}
            name = self.pick([name for name in BOXES if name != "INBOX" and name not in taken])
            return Step(session, "DELETE", f"DELETE {name}")
        if what == 8:
            taken = {known.selected for known in self.world.known if known.selected}
            # What numbers an INBOX goes on with whose messages went to another name, servers decide (RFC 9051 section 6.3.6).
            names = [name for name in sorted(self.world.boxes - {"INBOX"}) if name not in taken and not any(one.startswith(name + "/") for one in taken)]
            if names:
                return Step(session, "RENAME", f"RENAME {self.pick(names)} {self.new_name()}")
        if what in (9, 10):
            return Step(session, "STATUS", f"STATUS {box} ({' '.join(self.some(['MESSAGES', 'UIDNEXT', 'UIDVALIDITY', 'UNSEEN', 'SIZE', 'RECENT'], 1))})", box=box)
        if what == 11:
            return Step(session, "STATUS", f"STATUS {box} (HIGHESTMODSEQ UIDVALIDITY)", box=box, point=True)
        if what == 12:
            return Step(session, "SUBSCRIBE", f"{self.pick(['SUBSCRIBE', 'SUBSCRIBE', 'UNSUBSCRIBE'])} {self.pick(sorted(self.world.boxes))}")
        if what == 13:
            condstore = self.pick(["CONDSTORE", "QRESYNC"])
            if known.selected is None:
                self.enabled[session] = condstore
                return Step(session, "ENABLE", f"ENABLE {condstore}")
        return self.listing(session)

    def new_name(self):
        """One whose parent is there: what else becomes of the levels above, servers decide (RFC 9051 section 6.3.4)."""
        return self.pick([name for name in BOXES if "/" not in name or name.rpartition("/")[0] in self.world.boxes])

    def listing(self, session):
        reference = self.pick(['""', '""', '""', '"A/"', "B"])
        pattern = self.pick(["*", "%", "A*", "A/%", "*b*", "%/%", '""', "INBOX", "inbox", "a", '"two *"', "%/%/%", "*/c", "nothing", "&AOQ-", "x%"])
        form = self.random.randrange(6)
        if form == 0:
            return Step(session, "LIST", f"LSUB {reference} {pattern}")
        if form < 3:
            return Step(session, "LIST", f"LIST {reference} {pattern}")
        selection = self.pick(["", "", "(SUBSCRIBED) ", "(SUBSCRIBED RECURSIVEMATCH) ", "(REMOTE) ", "()", "(SUBSCRIBED REMOTE) "]).replace("()", "() ")
        patterns = pattern if self.chance(0.7) else f"({pattern} {self.pick(['B%', '*e*', 'INBOX'])})"
        returned = self.pick(["", " RETURN (CHILDREN)", " RETURN (SUBSCRIBED)", " RETURN (SUBSCRIBED CHILDREN)", " RETURN ()",
                              " RETURN (STATUS (MESSAGES UIDNEXT UNSEEN))", " RETURN (CHILDREN STATUS (SIZE))"])
        return Step(session, "LIST", f"LIST {selection}{reference} {patterns}{returned}")

    def append(self, session, box):
        parts, first = [f"APPEND {box} "], True
        for _ in range(self.pick([1, 1, 1, 2])):
            words = "" if first else " "
            words += self.flags() + " " if self.chance(0.6) else ""
            if self.chance(0.9):
                # The same day in the zone that is told as in UTC: ours is searched by the one, Dovecot's by the other (RFC 9051 section 6.4.4).
                words += f'"{self.random.randrange(1, 9):2}-Jan-2024 {self.random.randrange(6, 15):02}:{self.random.randrange(60):02}:00 {self.pick(["+0000", "+0000", "-0800", "+0530"])}" '
            parts[-1] = parts[-1] + words if isinstance(parts[-1], str) else parts[-1]
            if not isinstance(parts[-1], str):
                parts.append(words)
            parts.append(self.letters.letter())
            first = False
        return Step(session, "APPEND", *parts, box=box)

    def within(self, session, known):
        what = self.random.randrange(100)
        uid = self.chance(0.5)
        prefix = "UID " if uid else ""
        if what < 34:
            return self.fetch(session, known, uid)
        if what < 48:
            condition = ""
            points = [n for n, name in enumerate(self.world.checkpoints) if name == known.selected]
            if points and self.chance(0.2):
                condition = f"(UNCHANGEDSINCE {{M:{self.pick(points)}}}) "
                self.enabled.setdefault(session, "CONDSTORE")
            silent = self.pick(["", "", ".SILENT"])
            return Step(session, "STORE", f"{prefix}STORE {self.numbers(known, uid)} {condition}{self.pick(['', '+', '-'])}FLAGS{silent} {self.flags()}",
                        silent=bool(silent))
        if what < 53 and known.count < MESSAGES:
            return Step(session, "COPY", f"{prefix}COPY {self.numbers(known, uid)} {self.target()}")
        if what < 57 and not known.readonly:  # Dovecot does it after EXAMINE, too, and no change is permitted then (RFC 9051 section 6.3.3)
            return Step(session, "COPY", f"{prefix}MOVE {self.numbers(known, uid)} {self.target()}")
        if what < 61:
            return Step(session, "EXPUNGE", "EXPUNGE" if not uid else f"UID EXPUNGE {self.numbers(known, True)}")
        if what < 63:
            return Step(session, "CLOSE", self.pick(["CLOSE", "UNSELECT"]))
        if what < 66:
            return Step(session, "IDLE", "IDLE")
        if what < 67:
            return Step(session, "CHECK", "CHECK")
        if what < 74:
            keys = " ".join((self.pick(["", "", "REVERSE "]) + key) for key in self.some(SORT_KEYS, 1))
            returned = self.pick(["", "", "", "RETURN (ALL) ", "RETURN (COUNT MIN MAX) "])
            return Step(session, "SORT", *self.joined([f"{prefix}SORT {returned}({keys}) UTF-8 ", *self.criteria(known)]))
        if what < 80:
            algorithm = self.pick(["ORDEREDSUBJECT", "REFERENCES", "REFS"])
            return Step(session, "THREAD", *self.joined([f"{prefix}THREAD {algorithm} UTF-8 ", *self.criteria(known)]))
        returned = self.pick(["", "", "RETURN () ", "RETURN (ALL) ", "RETURN (MIN MAX COUNT) ", "RETURN (MIN) ", "RETURN (SAVE) ", "RETURN (SAVE) ", "RETURN (SAVE COUNT) "])
        return Step(session, "SEARCH", *self.joined([f"{prefix}SEARCH {returned}CHARSET UTF-8 ", *self.criteria(known)]))

    def target(self):
        return self.pick(sorted(self.world.boxes)) if self.chance(0.95) else self.pick(BOXES)

    def joined(self, parts):
        """Neighbouring texts as one."""
        out = []
        for part in parts:
            if out and isinstance(part, str) and isinstance(out[-1], str):
                out[-1] += part
            else:
                out.append(part)
        return out

    def string(self, text):
        """As an atom, quoted or a literal."""
        if not text.isascii() or self.chance(0.2):
            return text.encode()
        return f'"{text}"' if self.chance(0.5) or not text.isalnum() else text

    def criteria(self, known, depth=0):
        parts = []
        for number in range(self.pick([1, 1, 1, 2, 3])):
            parts += ([" "] if number else []) + self.key(known, depth)
        return parts

    def key(self, known, depth):
        what = self.random.randrange(22 if depth < 3 else 18)
        if what < 4:
            return [self.pick(["ALL", "ANSWERED", "DELETED", "DRAFT", "FLAGGED", "SEEN", "UNANSWERED", "UNDELETED", "UNDRAFT", "UNFLAGGED", "UNSEEN"])]
        if what == 4:
            return [f"{self.pick(['KEYWORD', 'UNKEYWORD'])} {self.pick(KEYWORDS)}"]
        if what < 7:
            return [f"{self.pick(['BEFORE', 'ON', 'SINCE', 'SENTBEFORE', 'SENTON', 'SENTSINCE'])} {self.pick(DAYS)}"]
        if what == 7:
            return [f"{self.pick(['LARGER', 'SMALLER'])} {self.pick([0, 100, 300, 600, 1000, 3000])}"]
        if what < 10:
            return [f"{self.pick(['FROM', 'TO', 'CC', 'BCC'])} ", self.string(self.pick(ADDRESS_WORDS))]
        if what == 10:
            return ["SUBJECT ", self.string(self.pick(WORDS + ["Re:", "Gr\u00fc", "two words", "folded", "echo folded", "folded by", ""]))]
        if what < 13:
            return [f"{self.pick(['BODY', 'TEXT'])} ", self.string(self.pick(WORDS + ["Gr\u00fc\u00dfe", "caf\u00e9", "soft line", "rfc822; ", "5.1.1"]))]
        if what < 15:
            return [f"HEADER {self.pick(FIELDS)} ", self.string(self.pick(WORDS + ["", "example.test", "one", "text", "mixed", "1.0"]))]
        if what == 15:
            return [self.numbers(known, False)]
        if what == 16:
            return [f"UID {self.numbers(known, True)}"]
        if what == 17:
            return [f"{self.pick(['OLDER', 'YOUNGER'])} 86400"]
        if what == 18:
            return ["NOT ", *self.key(known, depth + 1)]
        if what == 19:
            return ["OR ", *self.key(known, depth + 1), " ", *self.key(known, depth + 1)]
        return ["(", *self.criteria(known, depth + 1), ")"]

    def fetch(self, session, known, uid):
        items = []
        for _ in range(self.pick([1, 1, 2, 3])):
            items.append(self.pick(["FLAGS", "UID", "INTERNALDATE", "RFC822.SIZE", "ENVELOPE", "ENVELOPE", "BODY", "BODYSTRUCTURE", "BODYSTRUCTURE", "section",
                                    "section", "section", "RFC822", "RFC822.HEADER", "RFC822.TEXT", "binary"]))
        if self.chance(0.06):
            items = [self.pick(["ALL", "FULL", "FAST"])]
        items = [self.section() if item == "section" else self.binary() if item == "binary" else item for item in items]
        items = list(dict.fromkeys(items))
        if any(item.startswith("BINARY") for item in items):
            # What is refused for one message's encoding sets \\Seen on as many others as the server pleases.
            items = [re.sub(r"^(BODY|BINARY)\[", r"\1.PEEK[", item) for item in items if item not in ("RFC822", "RFC822.TEXT")]
        points = [n for n, name in enumerate(self.world.checkpoints) if name == known.selected]
        modifier = ""
        if points and self.chance(0.15):
            modifier = f" (CHANGEDSINCE {{M:{self.pick(points)}}})"
            self.enabled.setdefault(session, "CONDSTORE")
        # With a modifier behind a single section Dovecot looks for its "]" further on.
        text = items[0] if len(items) == 1 and not modifier and self.chance(0.5) else "(" + " ".join(items) + ")"
        asked = set(items) | ({"UID"} if uid else set()) | ({"FLAGS"} if {"ALL", "FULL", "FAST"} & set(items) else set())
        return Step(session, "FETCH", f"{'UID ' if uid else ''}FETCH {self.numbers(known, uid)} {text}{modifier}", asked=asked)

    def path(self):
        return ".".join(str(self.pick([1, 1, 1, 2, 2, 3])) for _ in range(self.pick([1, 1, 2, 3])))

    def partial(self):
        return f"<{self.pick([0, 0, 5, 40, 100000])}.{self.pick([1, 10, 60, 1000000])}>" if self.chance(0.3) else ""

    def section(self):
        names = " ".join(self.some(FIELDS, 1))
        inner = self.pick(["", "HEADER", "TEXT", f"HEADER.FIELDS ({names})", f"HEADER.FIELDS.NOT ({names})"])
        if self.chance(0.5):
            inner = self.path() + self.pick(["", "", ".MIME", ".HEADER", ".TEXT", f".HEADER.FIELDS ({names})", f".HEADER.FIELDS.NOT ({names})"])
        return f"BODY{self.pick(['', '.PEEK', '.PEEK'])}[{inner}]{self.partial()}"

    def binary(self):
        if self.chance(0.4):
            return f"BINARY.SIZE[{self.path()}]"
        return f"BINARY{self.pick(['', '.PEEK'])}[{self.path()}]{self.partial()}"
