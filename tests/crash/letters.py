"""Letters that can be made again from their number alone, so that nothing has to be kept to compare octet by octet."""
import base64
import random
import re

MESSAGE_ID = re.compile(rb"(?im)^Message-ID:\s*<(\d+)\.(\d+)\.(\d+)@crash\.test>")
TRACE = re.compile(rb"(?:(?:Return-Path|Delivered-To|Received):[^\r\n]*\r\n(?:[ \t][^\r\n]*\r\n)*)*\Z")


def make(seed, number, size):
    """The letter `number`: about `size` octets, CRLF everywhere, with lines that begin with dots and "From ", and one of 998 octets."""
    body = base64.encodebytes(random.Random(f"{seed}.{number}").randbytes(max(60, size - 1600) * 3 // 4)).replace(b"\n", b"\r\n")
    tail = (b".\r\n", b"\r\n.\r\n..\r\n", b"the end\r\n")[number % 3]
    return (f"Message-ID: <{number}.{size}.{seed}@crash.test>\r\n"
            f"From: sender{number % 7}@example.test\r\nTo: somebody@example.test\r\n"
            f"Date: Sat, 21 Nov 2026 10:00:{number % 60:02} +0000\r\nSubject: letter {number}\r\n\r\n"
            f"..\r\n.\r\n. {number}\r\n\r\nFrom {number} on\r\n>From here\r\n").encode() + b"x" * 998 + b"\r\n\r\n" + body + tail


def identify(header):
    """(number, size, seed) by the Message-ID, or None."""
    match = MESSAGE_ID.search(header)
    return tuple(int(x) for x in match.groups()) if match else None


def difference(stored, made):
    """How `stored` differs from the letter that was `made`; None if it is that letter, with trace fields before it at most."""
    if not stored.endswith(made):
        at = next((i for i in range(min(len(stored), len(made))) if stored[-1 - i] != made[-1 - i]), min(len(stored), len(made)))
        return f"{len(stored)} octets stored, {len(made)} sent; they are equal only in the last {at}"
    if not TRACE.match(stored[:len(stored) - len(made)]):
        return f"before the letter stands more than trace fields: {stored[:len(stored) - len(made)]!r}"
    return None
