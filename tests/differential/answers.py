"""Answers in a form in which two servers that mean the same say the same."""
import calendar
import email.utils
import re
import time

from reading import flag_set, numbers, pairs, parse, response_code

UNMEANT = {b"\\marked", b"\\unmarked"}  # a server may say them as it likes (RFC 9051 section 7.3.1)
NOW_SECONDS = 86400  # a date of the run itself, not one that a command gave
KEPT_CODES = {b"READ-ONLY", b"READ-WRITE", b"TRYCREATE", b"APPENDUID", b"COPYUID", b"MODIFIED", b"UIDNEXT", b"UIDVALIDITY", b"UNSEEN",
              b"NOMODSEQ", b"CLOSED", b"ALREADYEXISTS", b"NONEXISTENT", b"CANNOT", b"BADCHARSET", b"HIGHESTMODSEQ", b"UNKNOWN-CTE"}


def moment(text):
    """INTERNALDATE as seconds since 1970, whatever zone tells it."""
    fields = email.utils.parsedate_tz(text.decode().replace("-", " ", 2))
    seconds = calendar.timegm(fields[:6] + (0, 0, 0)) - (fields[9] or 0)
    return "now" if abs(seconds - time.time()) < NOW_SECONDS else seconds


def structure(node):
    """BODY or BODYSTRUCTURE with what has no case in small letters (RFC 2045 sections 5.1 and 6.1, RFC 2183 section 2)."""
    if not isinstance(node, list):
        return node
    if node and isinstance(node[0], list):
        count = next((at for at, child in enumerate(node) if not isinstance(child, list)), len(node))
        rest = node[count:]
        return ["multipart", [structure(child) for child in node[:count]], small(rest[0]) if rest else None,
                *([parameters(rest[1])] if len(rest) > 1 else []), *([disposition(rest[2])] if len(rest) > 2 else []), *map(words, rest[3:])]
    kind, subtype = small(node[0]), small(node[1])
    out = [kind, subtype, parameters(node[2]), node[3], node[4], small(node[5]), node[6]]
    rest = node[7:]
    if kind == b"message" and subtype in (b"rfc822", b"global") and len(rest) >= 3:
        out += [rest[0], structure(rest[1]), rest[2]]
        rest = rest[3:]
    elif kind == b"text":
        out.append(rest[0])
        rest = rest[1:]
    if rest:
        out += [rest[0], *([disposition(rest[1])] if len(rest) > 1 else []), *map(words, rest[2:])]
    return out


def small(value):
    return value.lower() if isinstance(value, bytes) else value


def parameters(value):
    """The order of parameters has no meaning (RFC 2045 section 5.1)."""
    if not isinstance(value, list):
        return value
    return sorted((small(value[i]), small(value[i + 1]) if small(value[i]) == b"charset" else value[i + 1]) for i in range(0, len(value) - 1, 2))


def disposition(value):
    return [small(value[0]), parameters(value[1])] if isinstance(value, list) and len(value) > 1 else value


def words(value):
    """Languages: one is told as a string or as a list of one (RFC 9051 section 7.5.2)."""
    return [value] if isinstance(value, bytes) else value


def fetch_value(name, value):
    if name == b"INTERNALDATE":
        return moment(value)
    if name == b"FLAGS":
        return flag_set(value)
    if name == b"MODSEQ":
        return "told"
    if name in (b"BODY", b"BODYSTRUCTURE"):
        return structure(value)
    return bytes(value) if isinstance(value, bytes) else value


def code_value(name, value):
    if name in (b"APPENDUID",):
        return sorted(numbers(value.split()[1]))
    if name == b"COPYUID":
        _, source, target = value.split()
        return sorted(zip(numbers(source), numbers(target)))
    if name == b"MODIFIED":
        return sorted(numbers(value))
    if name in (b"UIDNEXT", b"UNSEEN"):
        return int(value)
    return "told"


class Answer:
    """What one side answered to one step: `facts` is {path: value}, to be compared one by one."""

    def __init__(self, step, untagged, tagged, known):
        self.step, self.untagged, self.tagged = step, untagged, tagged
        self.facts = {("result",): tagged.split(b" ", 1)[0].upper().decode()}
        self.code(tagged)
        for text, literals in untagged:
            self.take(text, literals, known)

    def code(self, text):
        name, value = response_code(text)
        if name in KEPT_CODES:
            self.facts["code", name.decode()] = code_value(name, value)

    def take(self, text, literals, known):
        first, _, rest = text[2:].partition(b" ")
        kind = first.upper()
        if kind in (b"OK", b"NO", b"BAD"):
            self.code(text[2:])
        elif kind.isdigit():
            number, name = int(kind), rest.split(b" ", 1)[0].upper()
            if name == b"FETCH" and self.step.verb in ("FETCH", "SELECT"):
                self.fetch(number, pairs(parse(rest[5:], literals)[0]), known)
        elif kind == b"VANISHED" and rest.startswith(b"(EARLIER)"):
            self.facts["vanished",] = sorted(set(self.facts.get(("vanished",), [])) | set(numbers(rest.split()[1])))
        elif kind == b"SEARCH":
            found = [int(word) for word in rest.split(b"(")[0].split()]
            self.facts["search",] = sorted(found)
            self.facts["search", "modseq"] = b"(MODSEQ" in rest
        elif kind == b"SORT":
            self.facts["sort",] = [int(word) for word in rest.split()]
        elif kind == b"THREAD":
            self.facts["thread",] = parse(rest, literals)
        elif kind == b"ESEARCH":
            self.esearch(parse(rest, literals))
        elif kind in (b"LIST", b"LSUB"):
            flags, separator, name, *more = parse(rest, literals)
            self.facts["list", bytes(name).decode()] = (frozenset({b"\\nonexistent": b"\\noselect"}.get(flag, flag) for flag in flag_set(flags) - UNMEANT), separator, repr(more))
        elif kind == b"STATUS":
            name, items = parse(rest, literals)
            for item, value in pairs(items).items():
                self.facts["status", bytes(name).decode(), item.decode()] = "told" if item in (b"UIDVALIDITY", b"HIGHESTMODSEQ") else int(value)
        elif kind == b"ENABLED":
            self.facts["enabled",] = sorted(rest.upper().split())

    def fetch(self, number, items, known):
        asked = self.step.more.get("asked", ())
        for name, value in items.items():
            if name in (b"FLAGS", b"UID", b"MODSEQ") and name.decode() not in asked and self.step.verb == "FETCH":
                continue
            self.facts["fetch", number, re.sub(r"\s+", " ", name.decode("latin-1"))] = fetch_value(name, value)

    def esearch(self, values):
        values = [value for value in values if not isinstance(value, list)]
        uid = bool(values) and values[0].upper() == b"UID"
        self.facts["esearch", "UID"] = uid
        for name, value in pairs(values[1:] if uid else values).items():
            kept = numbers(value) if name == b"ALL" else "told" if name == b"MODSEQ" else int(value)
            self.facts["esearch", name.decode()] = sorted(kept) if name == b"ALL" and self.step.verb != "SORT" else kept
