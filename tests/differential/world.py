"""One script on both sides: what is said, what comes of it, and the comparison."""
import random
import re
import time

from answers import Answer
from differences import Difference, explanation, parted
from harness.server import Failure
from reading import Known
from scripts import Scripts, Step

SESSIONS = 3
IDLE_SECONDS = 10
LOOSE = ("FETCH", "STORE", "SEARCH", "SORT", "THREAD")  # what a session also says before it has heard of the others' changes
STATE = ("result", "known", "count", "vanished")  # differences behind which the rest of a script means nothing
DEFAULTS = ("Archive", "Drafts", "Junk", "Sent", "Trash")


class Side:
    """One server in one script: its sessions, what each knows, and what is kept to ask for later."""

    def __init__(self, server):
        self.server = server
        self.sessions = [server.session() for _ in range(SESSIONS)]
        self.known = [Known() for _ in range(SESSIONS)]
        self.points = []  # (UIDVALIDITY, HIGHESTMODSEQ)

    def words(self, parts):
        def replaced(match):
            validity, modseq = self.points[int(match.group(2))]
            return str(validity if match.group(1) == "V" else modseq)
        return [re.sub(r"\{([VM]):(\d+)\}", replaced, part) if isinstance(part, str) else part for part in parts]

    def say(self, step):
        try:
            untagged, tagged = self.sessions[step.session].say(*self.words(step.parts))
        except Failure as failure:
            raise Failure(f"{self.server.name} to {step}: {failure}") from None
        return self.heard(step, untagged, tagged)

    def aside(self, session, text):
        """A command that is not compared; what it brings is heard."""
        untagged, _ = self.sessions[session].say(text)
        for response in untagged:
            if response[0].startswith(b"* "):
                self.known[session].hear(*response)
        return untagged

    def heard(self, step, untagged, tagged):
        known = self.known[step.session]
        good = tagged.upper().startswith(b"OK")
        if step.verb == "SELECT":
            known.end()
            if good:
                known.begin(step.more["box"], step.more["readonly"])
        try:
            for text, literals in untagged:
                if text.startswith(b"* "):
                    known.hear(text, literals)
        except Failure as failure:
            raise Failure(f"{self.server.name}, {step}: {failure}; it told {[text for text, _ in untagged]}") from None
        if step.verb == "CLOSE" and good:
            known.end()
        if step.verb == "STORE" and step.more["silent"]:
            known.flags = [None] * known.count
        return Answer(step, untagged, tagged, known)

    def point(self, answer):
        """(UIDVALIDITY, HIGHESTMODSEQ) that an answer tells; None: it does not."""
        told = [text for text, _ in answer.untagged]
        if answer.step.verb == "STATUS":  # what is told of the selected mailbox beside it is of another one
            told = [text for text in told if text.startswith(b"* STATUS ")]
        text = b"\n".join(told)
        modseq, validity = re.search(rb"HIGHESTMODSEQ (\d+)", text), re.search(rb"UIDVALIDITY (\d+)", text)
        if modseq and validity and int(modseq.group(1)) > 1:  # Dovecot gives the first messages of a mailbox 1, too
            return int(validity.group(1)), int(modseq.group(1))
        return None

    def close(self):
        for session in self.sessions:
            session.close()


def of_own_flags(step):
    """A conditional STORE that adds or takes away: RFC 7162 section 3.1.3 would have it fail only where these flags were changed, as ours does where
    the session has not been told of the change; with Dovecot any change counts."""
    return step.verb == "STORE" and "UNCHANGEDSINCE" in step.parts[0] and re.search(r"[+-]FLAGS", step.parts[0])


class World:
    """One seed: both sides, and what the generator of commands sees."""

    def __init__(self, seed, ours, dovecot, counts, verbose, goes_on):
        self.seed, self.counts, self.verbose, self.goes_on = seed, counts, verbose, goes_on
        self.random = random.Random(seed)
        self.sides = []
        for server in (ours, dovecot):
            self.sides.append(Side(server))
        self.known = self.sides[0].known
        self.boxes, self.checkpoints = {"INBOX"}, []
        self.stale, self.deleted, self.renamed = set(), set(), set()
        self.unexplained = []
        for name in DEFAULTS:  # ours makes them, and both begin with INBOX alone
            self.sides[0].sessions[0].say(f"DELETE {name}")
            self.sides[0].sessions[0].say(f"UNSUBSCRIBE {name}")
        self.sides[0].sessions[0].say("UNSUBSCRIBE INBOX")
        self.begin_modseqs("INBOX")

    def close(self):
        for side in self.sides:
            side.close()

    def run(self, steps):
        scripts = Scripts(self.random, self)
        for number in range(steps):
            step = scripts.next()
            if step.session in self.stale and step.verb in LOOSE and self.random.random() < 0.4 and self.alike(step.session) and not of_own_flags(step):
                self.loose(number, step)
            elif step.session in self.stale:  # what it says depends on what it knows
                self.stale.discard(step.session)
                self.perform(number, Step(step.session, "NOOP", self.random.choice(["NOOP", "NOOP", "CHECK"])))
            elif step.verb == "IDLE":
                self.idle(number, step, scripts)
            else:
                self.perform(number, step)
            if self.unexplained and not (self.goes_on and all(found[2][0] not in STATE for found in self.unexplained)):
                return
        self.final()

    def perform(self, number, step):
        if self.verbose:
            print(f"  {number} {step}", flush=True)
        answers = [side.say(step) for side in self.sides]
        self.compare(number, step, answers)
        self.after(step, answers)

    def alike(self, session):
        """Whether both sides have told the session the same, so that a number means the same message."""
        one, other = (side.known[session] for side in self.sides)
        return one.count == other.count and None not in one.uids and one.uids == other.uids

    def loose(self, number, step):
        """A command of a session that has not heard yet what others changed: when it hears of that servers decide (RFC 2180), but by the next NOOP
        it has, and what it changed is the same."""
        if self.verbose:
            print(f"  {number} {step} (not told yet)", flush=True)
        for side in self.sides:
            side.say(step)
        self.stale |= {n for n, known in enumerate(self.known) if known.selected}
        self.stale.discard(step.session)
        self.perform(number, Step(step.session, "NOOP", "NOOP"))
        if self.known[step.session].count:
            self.perform(number, Step(step.session, "FETCH", "FETCH 1:* (UID FLAGS)", asked={"UID", "FLAGS"}))

    def after(self, step, answers):
        """Who has to be told, which mailboxes there are, what can be asked for later."""
        good = answers[0].facts["result",] == "OK"
        changed = self.known[step.session].selected
        if step.verb in ("APPEND", "COPY", "STORE", "EXPUNGE", "FETCH", "CLOSE", "CREATE", "DELETE", "RENAME"):
            self.stale |= {n for n, known in enumerate(self.known) if known.selected and n != step.session}
            if step.verb == "APPEND" and step.more["box"] == changed or step.verb == "COPY":
                self.stale.add(step.session)
        if step.verb in ("CREATE", "DELETE", "RENAME", "SUBSCRIBE") and good:
            before = self.boxes
            untagged, _ = (side.aside(step.session, 'LIST "" *') for side in self.sides)
            self.boxes = {match.group(1).decode() for text, _ in untagged
                          if (match := re.match(rb'\* LIST \([^)]*\) "/" (.*)', text)) and b"\\Noselect" not in text and b"\\NonExistent" not in text}
            for n in [n for n, name in enumerate(self.checkpoints) if name not in self.boxes]:
                self.checkpoints[n] = None
            self.deleted |= {name.strip('"') for name in before - self.boxes}
            self.renamed |= {name.strip('"') for name in self.boxes - before} if step.verb == "RENAME" else set()
            for box in self.boxes - before:
                self.begin_modseqs(box)
            if step.verb == "RENAME":
                self.checkpoints = [None] * len(self.checkpoints)
        if good and (step.more.get("point") or step.verb == "SELECT"):
            points = [side.point(answer) for side, answer in zip(self.sides, answers)]
            if all(points):
                for side, point in zip(self.sides, points):
                    side.points.append(point)
                self.checkpoints.append(step.more["box"])
        if step.verb == "SELECT" and good and self.known[step.session].count:
            self.perform(-1, Step(step.session, "FETCH", "FETCH 1:* (UID FLAGS)", asked={"UID", "FLAGS"}))

    def begin_modseqs(self, box):
        """Dovecot counts from the first question on."""
        for side in self.sides:
            side.aside(0, f"STATUS {box} (HIGHESTMODSEQ)")

    def idle(self, number, step, scripts):
        """Another session changes the mailbox meanwhile; we have to tell it in IDLE, and all is told after DONE."""
        tags = [side.sessions[step.session].send(["IDLE"]) for side in self.sides]
        heard = [[], []]
        for at, side in enumerate(self.sides):
            while not (response := side.sessions[step.session].response())[0].startswith(b"+"):
                heard[at].append(response)
        other = (step.session + 1) % SESSIONS
        change = scripts.append(other, self.known[step.session].selected)
        self.perform(number, change)
        ours = self.sides[0].sessions[step.session]
        give_up = time.monotonic() + IDLE_SECONDS
        while not any(text.endswith(b"EXISTS") for text, _ in heard[0]):
            if not ours.heard(max(0, give_up - time.monotonic())):
                raise Failure(f"nothing was told in IDLE of {change}")
            heard[0].append(ours.response())
        answers = []
        for at, side in enumerate(self.sides):
            side.sessions[step.session].socket.sendall(b"DONE\r\n")
            untagged, tagged = side.sessions[step.session].result(tags[at])
            answers.append(side.heard(step, heard[at] + untagged, tagged))
        self.stale.discard(step.session)
        self.perform(number, Step(step.session, "NOOP", "NOOP"))

    def compare(self, number, step, answers):
        ours, theirs = (answer.facts for answer in answers)
        for path in sorted(set(ours) | set(theirs), key=repr):
            one, other = ours.get(path), theirs.get(path)
            if one != other:
                self.differ(number, step, path, one, other, answers)
        one, other = (side.known[step.session] for side in self.sides)
        if step.session not in self.stale or step.verb == "NOOP":
            if one.count != other.count:
                self.differ(number, step, ("count",), one.count, other.count, answers)
            for what in ("uids", "flags"):
                for at, (a, b) in enumerate(zip(getattr(one, what), getattr(other, what))):
                    if a != b and a is not None and b is not None:
                        self.differ(number, step, ("known", at + 1, what), a, b, answers)

    def message(self, step, number):
        """The octets of a message by the number that an answer to the step tells, from our side."""
        uid = "UID " if step.verb != "FETCH" and step.parts[0].startswith("UID ") else ""
        untagged = self.sides[0].aside(step.session, f"{uid}FETCH {number} BODY.PEEK[]")
        return next((literals[0] for _, literals in untagged if literals), b"")

    def section(self, side, step, number, item):
        """A section of a message as one side tells it."""
        untagged = self.sides[side].aside(step.session, f"FETCH {number} {item}")
        return next((literals[0] for _, literals in untagged if literals), b"")

    def again(self, step, change):
        """What both sides find by a search with `change` in its words, and all of it."""
        parts = [change(re.sub(r"RETURN \([^)]*\)", "RETURN (ALL)", part)) if isinstance(part, str) else part for part in step.parts]
        return [side.say(Step(step.session, step.verb, *parts)).facts for side in self.sides]

    def alone(self, step):
        """The messages that only one side finds by a search whose answer does not name them."""
        return parted(*(facts.get(("esearch", "ALL"), []) for facts in self.again(step, lambda words: words)))

    def differ(self, number, step, path, one, other, answers):
        rule = explanation(self, step, path, one, other, answers)
        if rule:
            self.counts[rule] += 1
            return
        message = self.message(step, path[1]) if path[0] == "fetch" else None
        if path[0] in ("search", "esearch", "sort", "thread"):
            message = b"\n".join(b"      " + repr(octets[:3000]).encode() for octets in Difference(self, step, path, one, other, answers).messages()[:2])
        self.unexplained.append((number, step, path, one, other, answers, message))

    def final(self):
        """All of what is left, mailbox by mailbox."""
        for box in sorted(self.boxes):
            self.perform(-1, Step(0, "SELECT", f"EXAMINE {box}", box=box, readonly=True))
            if self.known[0].count:
                self.perform(-1, Step(0, "FETCH", "FETCH 1:* (UID FLAGS INTERNALDATE RFC822.SIZE BODY.PEEK[])", asked={"UID", "FLAGS"}))
        self.perform(-1, Step(0, "LIST", 'LIST "" *'))
        self.perform(-1, Step(0, "LIST", 'LSUB "" *'))
