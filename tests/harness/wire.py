"""Small SMTP/LMTP, POP3 and IMAP clients that say exactly what a test wants said. Gone: the other side is no more."""
import base64
import re
import socket


class Gone(Exception):
    """The connection ended, or could not be made: what was asked last has no answer."""


class Refused(Exception):
    """The server answered, and it was no."""


class Line:
    """A connection of lines. A time-out is told as Refused: a server that is alive has to answer."""

    def __init__(self, port, timeout=30):
        try:
            self.socket = socket.create_connection(("127.0.0.1", port), timeout)
        except OSError as error:
            raise Gone(str(error)) from None
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.file = self.socket.makefile("rb", 65536)

    def send(self, data):
        try:
            self.socket.sendall(data)
        except TimeoutError:
            raise Refused("the server takes nothing more (time-out)") from None
        except OSError as error:
            raise Gone(str(error)) from None

    def line(self):
        try:
            line = self.file.readline()
        except TimeoutError:
            raise Refused("no answer (time-out)") from None
        except OSError as error:
            raise Gone(str(error)) from None
        if not line.endswith(b"\n"):
            raise Gone("end of stream")
        return line.rstrip(b"\r\n")

    def octets(self, count):
        try:
            data = self.file.read(count)
        except TimeoutError:
            raise Refused("no answer (time-out)") from None
        except OSError as error:
            raise Gone(str(error)) from None
        if len(data) != count:
            raise Gone("end of stream")
        return data

    def close(self):
        for end in (self.file, self.socket):
            try:
                end.close()
            except OSError:
                pass


def stuff(message):
    """A message as it goes after DATA, with its end."""
    stuffed = message.replace(b"\r\n.", b"\r\n..")
    return (b"." if stuffed.startswith(b".") else b"") + stuffed + (b".\r\n" if stuffed.endswith(b"\r\n") else b"\r\n.\r\n")


class Smtp(Line):
    def __init__(self, port, hello="EHLO", **more):
        super().__init__(port, **more)
        self.reply(220)
        self.command(f"{hello} client.test", 250)

    def reply(self, wanted=None):
        lines = []
        while True:
            line = self.line()
            lines.append(line)
            if line[3:4] != b"-":
                break
        code = int(lines[-1][:3])
        if code == 421:
            raise Gone(lines[-1].decode())
        if wanted is not None and code != wanted:
            raise Refused(f"wanted {wanted}, got {b' '.join(lines).decode('utf-8', 'replace')}")
        return code, lines

    def command(self, text, wanted=None):
        self.send(text.encode() + b"\r\n")
        return self.reply(wanted)

    def plain(self, user, password):
        self.command("AUTH PLAIN " + base64.b64encode(f"\0{user}\0{password}".encode()).decode(), 235)


class Pop3(Line):
    def __init__(self, port, user, password, **more):
        super().__init__(port, **more)
        self.answer()
        self.command(f"USER {user}")
        self.command(f"PASS {password}")

    def answer(self):
        line = self.line()
        if not line.startswith(b"+OK"):
            raise Refused(line.decode("utf-8", "replace"))
        return line

    def command(self, text):
        self.send(text.encode() + b"\r\n")
        return self.answer()

    def many(self):
        """The lines of a multi-line answer, stuffing taken away."""
        lines = []
        while (line := self.line()) != b".":
            lines.append(line[1:] if line.startswith(b".") else line)
        return lines


TOKEN = re.compile(rb'\s*(?:(\()|(\))|"((?:[^"\\]|\\.)*)"|\x00(\d+)\x00|((?:[^\s()"\[\]\x00]|\[[^\]]*\])+))')


def parse(text, literals):
    """An IMAP response as nested lists of bytes. `text` has \\0N\\0 where literal N stood."""
    stack = [[]]
    place = 0
    while place < len(text):
        match = TOKEN.match(text, place)
        if not match:
            if text[place:].strip() == b"":
                break
            raise Refused(f"cannot read the response {text[place:place + 80]!r}")
        place = match.end()
        opened, closed, quoted, literal, atom = match.groups()
        if opened:
            stack.append([])
        elif closed:
            done = stack.pop()
            stack[-1].append(done)
        elif literal is not None:
            stack[-1].append(literals[int(literal)])
        else:
            stack[-1].append(atom if atom is not None else re.sub(rb"\\(.)", rb"\1", quoted))
    return stack[0]


class Imap(Line):
    def __init__(self, port, user, password, **more):
        super().__init__(port, **more)
        self.number = 0
        self.line()
        self.command(f"LOGIN {user} {password}")

    def response(self):
        """One whole response: text with markers, and its literals."""
        text, literals = b"", []
        while True:
            line = self.line()
            match = re.search(rb"~?\{(\d+)\}$", line)
            if not match:
                return text + line, literals
            literals.append(self.octets(int(match.group(1))))
            text += line[:match.start()] + b"\0%d\0" % (len(literals) - 1)

    def send_command(self, *parts):
        """Text parts are said as they are; bytes become non-synchronising literals. Returns the tag."""
        self.number += 1
        tag = f"a{self.number}".encode()
        data = tag + b" "
        for part in parts:
            data += part.encode() if isinstance(part, str) else b"{%d+}\r\n" % len(part) + part
        self.send(data + b"\r\n")
        return tag

    def result(self, tag):
        """The untagged responses up to the tagged OK, and that OK's text."""
        untagged = []
        while True:
            text, literals = self.response()
            if text.startswith(tag + b" "):
                if not text[len(tag) + 1:].upper().startswith(b"OK"):
                    raise Refused(text.decode("utf-8", "replace"))
                return untagged, text
            if text.startswith(b"* BYE"):
                raise Gone(text.decode("utf-8", "replace"))
            untagged.append((text, literals))

    def command(self, *parts):
        return self.result(self.send_command(*parts))

    def fetched(self, untagged):
        """Each FETCH response as {name: value}, in order."""
        for text, literals in untagged:
            match = re.match(rb"\* \d+ FETCH ", text)
            if match:
                items = parse(text[match.end():], literals)[0]
                yield {items[i].upper(): items[i + 1] for i in range(0, len(items), 2)}


def number_set(text):
    """The numbers of an IMAP set without stars, in order."""
    numbers = []
    for part in text.split(","):
        low, _, high = part.partition(":")
        low, high = int(low), int(high or low)
        numbers += range(min(low, high), max(low, high) + 1)
    return numbers
