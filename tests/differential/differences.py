"""The differences that have an explanation: each a rule with the line of the RFC that permits ours, or both."""
import datetime
import email
import email.utils
import re

from letters import ODD_ADDRESSES, ODD_DATES, ODD_TYPES

RULES = []


class Difference:
    """`one` is ours, `other` Dovecot's, at a path of facts (answers.py)."""

    def __init__(self, world, step, path, one, other, answers):
        self.world, self.step, self.path, self.one, self.other, self.answers = world, step, path, one, other, answers
        self.kind = path[0]
        self.command = "".join(part for part in step.parts if isinstance(part, str))

    @property
    def item(self):
        return self.path[2] if self.kind == "fetch" else ""

    def message(self):
        return self.world.message(self.step, self.path[1])

    def part_type(self):
        """The type of the part that the item names, as Python reads the message; None: there is no such part."""
        # To Python a blank before the colon ends the header (RFC 5322 section 4.5 knows it as obsolete).
        part = email.message_from_bytes(re.sub(rb"(?m)^([!-9;-~]+)[ \t]+:", rb"\1:", self.message()))
        for depth, number in enumerate(re.findall(r"\d+", re.search(r"\[([\d.]*)", self.item).group(1))):
            whole = depth == 0
            if depth and part.get_content_type() == "message/rfc822" and part.is_multipart():
                part, whole = part.get_payload(0), True
            if part.get_content_maintype() == "multipart" and part.is_multipart():
                if int(number) > len(part.get_payload()):
                    return None
                part = part.get_payload(int(number) - 1)
            elif not whole or number != "1":
                return None
        return part.get_content_type()

    def messages(self):
        """The messages in question: that of a FETCH, those that only one side found, or that stand in another order."""
        if self.kind == "fetch":
            numbers = [self.path[1]]
        elif self.path[-1] in ("MIN", "MAX", "COUNT"):
            numbers = self.world.alone(self.step)
        else:
            numbers = parted(self.one, self.other)
        return [self.world.message(self.step, number) for number in numbers]


def flat(value):
    return [number for part in value or () for number in (flat(part) if isinstance(part, list) else [int(part)])] if isinstance(value, list) else []


def parted(one, other):
    """The messages that only one side found; where both found the same, the first ones that stand in another order."""
    one, other = flat(one), flat(other)
    alone = [n for n in one + other if (n in one) != (n in other)]
    return alone or [n for pair in zip(one, other) if pair[0] != pair[1] for n in pair] or one


def rule(text):
    def register(function):
        RULES.append((function, text))
        return function
    return register


def explanation(*what):
    """The text of the first rule that explains it, or None."""
    difference = Difference(*what)
    return next((text for function, text in RULES if function(difference)), None)


@rule("RFC 7162 section 3.1.2.1: HIGHESTMODSEQ comes with each SELECT; Dovecot tells it to who enabled CONDSTORE only")
def highest_modseq(d):
    return d.path == ("code", "HIGHESTMODSEQ") and d.one == "told" and d.other is None


@rule("RFC 9051 section 6.4.5.1: HEADER, MIME and TEXT are of a message in a part; there is none here: NIL, Dovecot tells an empty string")
def no_such_section(d):
    return d.kind == "fetch" and d.item.startswith("BODY[") and d.one is None and d.other == b""


@rule("RFC 9051 section 6.4.5: there is no such part: NIL; Dovecot tells an empty string or size 0")
def no_such_part(d):
    return d.kind == "fetch" and d.item.startswith("BINARY") and d.one is None and d.other in (b"", b"0")


@rule("RFC 9051 section 6.3.3: no change is permitted after EXAMINE: NO; Dovecot says OK and changes nothing")
def read_only(d):
    return d.world.known[d.step.session].readonly and d.step.verb in ("STORE", "EXPUNGE") and \
        (d.path == ("result",) and (d.one, d.other) == ("NO", "OK") or d.path == ("code", "READ-ONLY"))


@rule("RFC 5530 section 3: a refusal may tell its reason by a code")
def told_reason(d):
    return d.path in (("code", "NONEXISTENT"), ("code", "CANNOT"), ("code", "ALREADYEXISTS")) and "NO" == d.answers[0].facts["result",] == d.answers[1].facts["result",]


@rule("RFC 9051 section 6.3.5: a name that only was above a deleted mailbox need not stay; Dovecot keeps its directory")
def directory_kept(d):
    return d.kind == "list" and d.one is None and b"\\noselect" in d.other[0]


@rule("RFC 9051 section 6.4.5: BINARY takes away the section's own encoding; Dovecot takes away those within a message or a multipart, too")
def binary_of_many(d):
    if d.kind != "fetch" or not d.item.startswith("BINARY") or d.other is None:
        return False
    kind = d.part_type()
    return kind is None and d.one in (None, b"0") or kind is not None and kind.split("/")[0] in ("multipart", "message")


@rule("RFC 9051 section 6.3.11: STATUS should not be asked of the selected mailbox; RECENT is gone from IMAP4rev2 (appendix E)")
def recent_of_selected(d):
    return d.kind == "status" and d.path[2] == "RECENT"


@rule("RFC 7162 section 3.2.10: HIGHESTMODSEQ is asked of EXPUNGE; Dovecot tells it with more")
def modseq_of_more(d):
    return d.path == ("code", "HIGHESTMODSEQ") and d.other == "told" and d.step.verb in ("CHECK", "NOOP", "STORE", "IDLE", "FETCH", "COPY", "APPEND", "STATUS")


@rule("RFC 9051 section 6.3.9.5: \\HasChildren and \\HasNoChildren may be told unasked")
def children_unasked(d):
    return d.kind == "list" and d.one and d.other and d.one[1:] == d.other[1:] and \
        d.one[0] ^ d.other[0] <= {b"\\haschildren", b"\\hasnochildren"} and "CHILDREN" not in d.command


@rule("RFC 9051 section 6.3.7: SUBSCRIBE may look whether the name exists; ours takes each")
def subscribe_nothing(d):
    return d.step.verb == "SUBSCRIBE" and d.path == ("result",) and (d.one, d.other) == ("OK", "NO")


@rule("RFC 3516 section 4.3: BINARY of what is in an unknown encoding is refused; Dovecot looks into messages and multiparts for such, and into what it can't decode")
def unknown_encoding(d):
    return d.step.verb == "FETCH" and "BINARY" in d.command and re.search(rb"\[(UNKNOWN-CTE|PARSE)\]", d.answers[1].tagged) and d.other in (None, "NO", "told")


@rule("RFC 5322 section 2.2.3: unfolding takes away line ends; Dovecot makes one blank of each run of blanks, too")
def blanks(d):
    return d.item in ("ENVELOPE", "BODY", "BODYSTRUCTURE") and blanks_alike(d.one) == blanks_alike(d.other)


def blanks_alike(value):
    if isinstance(value, (list, tuple)):
        return [blanks_alike(part) for part in value]
    return re.sub(rb"\s+", b" ", value) if isinstance(value, bytes) else value


@rule("RFC 5256 section 3: REVERSE does not turn the order of the mailbox, which is that of equal messages; with Dovecot it does")
def reversed_equals(d):
    if d.step.verb != "SORT" or "REVERSE" not in d.command or d.kind not in ("sort", "esearch"):
        return False
    one, other = d.world.again(d.step, lambda words: words.replace("REVERSE ", ""))
    return one == other  # without REVERSE they agree, so the keys are the same


@rule("RFC 9051 section 7.5.2: parameters in pieces (RFC 2231 section 3) are told as they stand; Dovecot puts them together")
def pieces(d):
    return d.item in ("BODY", "BODYSTRUCTURE") and b"*0=" in d.message()


STRUCTURE = ("ENVELOPE", "BODY", "BODYSTRUCTURE")


def odd(text, pattern, what):
    """A rule for messages that an RFC does not permit: each server makes of them what it can."""
    @rule(text)
    def found(d):
        if d.kind == "fetch" and not (d.item in STRUCTURE or re.match(r"BINARY|BODY\[[\d.]", d.item) or d.message().startswith(b"a line without colon")):
            return False
        return d.kind in what and any(re.search(pattern, message) for message in d.messages())


def lines(values):
    return b"|".join(re.escape(value.encode()) for value in values)


FOUND = ("fetch", "search", "esearch", "sort", "thread")
odd("RFC 5322 section 3.4: an address that is none", rb"(?m)^(From|To|Cc|Bcc|Sender|Reply-To): (" + lines(ODD_ADDRESSES) + rb")\r?$", FOUND)
odd("RFC 2045 section 5.2: a Content-Type that is none, or of which a parameter is missing that it takes",
    rb"(?m)^Content-Type: (" + lines(ODD_TYPES) + rb")\r?$", FOUND)
odd("RFC 5322 section 3.3, RFC 9051 section 6.4.4, RFC 5256 section 2.2: a Date that is none", rb"(?m)^Date: (" + lines(ODD_DATES) + rb")\r?$", FOUND)
odd("RFC 5322 section 2.2: a line of a header that is no field", rb"(?m)^a line without colon\r?$", FOUND)
odd("RFC 2046 section 5.1.1: a multipart without parts", rb"(?ms)boundary=\"([^\"]*)\"\r\n(?:(?!^--\1 *\r$).)*?(^--\1--|\Z)", FOUND)
odd("RFC 2045 section 6.4: an encoding that nobody knows", rb"(?m)^Content-Transfer-Encoding: (x-odd|)\r?$", FOUND)
odd("RFC 2183 section 2: a Content-Disposition that is none", rb"(?m)^Content-Disposition: \"quoted\"\r?$", FOUND)


@rule("RFC 9051 section 6.4.4: SENTBEFORE, SENTON and SENTSINCE look at the Date; without one Dovecot takes INTERNALDATE")
def no_date(d):
    return d.kind in FOUND[1:] and "SENT" in d.command and all(not re.search(rb"(?m)^Date:", header(m)) for m in d.messages())


def header(message):
    return b"" if message.startswith(b"\r\n") else message.partition(b"\r\n\r\n")[0]


@rule("RFC 5161 section 3.1: ENABLED tells what this command enabled; with Dovecot also what was before")
def enabled_again(d):
    return d.path == ("enabled",) and set(d.one) < set(d.other)


@rule("RFC 9051 section 6.3.9: the root of a reference may be told as an empty string")
def root(d):
    return d.kind == "list" and d.step.parts[0].endswith(' ""') and b"\\noselect" in (d.one or d.other)[0]


@rule("RFC 9051 section 6.4.5.1: no part has this number; Dovecot tells a part without a header under a number within it")
def within_a_leaf(d):
    return d.kind == "fetch" and re.match(r"BODY\[[\d.]+", d.item) and d.one is None and d.part_type() is None


@rule("RFC 9051 section 6.4.5.1: the blank line behind the fields is that of the message; this one has none")
def no_blank_line(d):
    return d.kind == "fetch" and ".FIELDS" in d.item and d.one is not None and d.other in (d.one + b"\r\n", d.one + b"\r\n\r\n") and not re.search(rb"\A\r\n|\r\n\r\n", d.message())


@rule("RFC 9051 section 6.3.7: a subscription outlives its mailbox; Dovecot takes it away with the mailbox")
def subscription_stays(d):
    return d.kind == "list" and d.one and d.path[1] in d.world.deleted and ("SUB" in d.command)


@rule("RFC 2046 section 5.1.1: the line end before a delimiter belongs to it; behind the end of a multipart within, Dovecot counts it to the part")
def end_within_end(d):
    return d.kind == "fetch" and re.search(rb"(?m)^--.*--\r\n--", d.message()) and \
        (d.other == d.one + b"\r\n" if isinstance(d.one, bytes) and not d.one.isdigit() else re.match(r"BODY(STRUCTURE)?$|BINARY.SIZE", d.item))


@rule("THREAD=REFS has no RFC (draft-ietf-morg-inthread): threads stand by their newest message, those of one moment in any order")
def equal_threads(d):
    return d.kind == "thread" and "REFS" in d.command and isinstance(d.one, list) and sorted(map(repr, d.one)) == sorted(map(repr, d.other or []))


@rule("RFC 9051 section 6.3.6: whether a subscription goes with a new name is not said; ours subscribes the new name, too")
def subscription_renamed(d):
    return d.kind == "list" and d.one and d.path[1] in d.world.renamed and ("SUB" in d.command)


@rule("RFC 2045 section 4: a message without MIME-Version; Dovecot reads some fields then, and others not")
def no_version(d):
    return d.item in STRUCTURE and b"MIME-Version" not in header(d.message())


@rule("RFC 9051 section 6.4.5.1: a partial is a piece of the whole, which both tell alike; Dovecot's has it elsewhere")
def piece(d):
    match = re.fullmatch(r"(BODY|BINARY)(\[.*\])<(\d+)>", d.item)
    size = match and re.search(re.escape(match.group(2)) + rf"<{match.group(3)}\.(\d+)>", d.command, re.IGNORECASE)
    if not size or not isinstance(d.one, bytes):
        return False
    whole = [d.world.section(side, d.step, d.path[1], f"{match.group(1)}.PEEK{match.group(2)}") for side in (0, 1)]
    begin = int(match.group(3))
    return whole[0] == whole[1] and d.one == whole[0][begin:begin + int(size.group(1))]


@rule("RFC 9051 section 6.4.4: the Date is in the days asked for, whatever else OR names; Dovecot does not always look")
def date_with_or(d):
    return d.kind in FOUND[1:] and re.search(r"\bOR\b.*SENT", d.command) and all(in_days(d.command, message) for message in d.messages())


def in_days(command, message):
    sent = re.search(rb"(?m)^Date: (.*)\r$", header(message) + b"\r\n")
    sent = sent and email.utils.parsedate(sent.group(1).decode())
    asked = [(kind, datetime.datetime.strptime(day, "%d-%b-%Y").timetuple()[:3]) for kind, day in re.findall(r"SENT(BEFORE|ON|SINCE) (\S+?\d{4})", command)]
    holds = {"BEFORE": lambda a, b: a < b, "ON": lambda a, b: a == b, "SINCE": lambda a, b: a >= b}
    return bool(sent) and any(holds[kind](tuple(sent[:3]), day) for kind, day in asked)


@rule("RFC 9051 section 6.4.4: the body of a message that is a message/rfc822 begins with a header; Dovecot does not look into it")
def message_within(d):
    return d.kind in FOUND[1:] and re.search("BODY|TEXT", d.command) and all(b"\r\nContent-Type: message/rfc822" in header(m) for m in d.messages())


@rule("RFC 9051 section 6.3.5: a deleted name with names below it stays, and can be deleted when they are gone; Dovecot's goes with the last of them")
def name_left(d):
    name = d.command.partition(" ")[2].strip('"')
    return d.step.verb == "DELETE" and name in d.world.deleted and [answer.facts["result",] for answer in d.answers] == ["OK", "NO"]
