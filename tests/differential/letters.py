"""Letters of all kinds by a seeded generator: sane ones mostly, and odd ones."""

WORDS = ["alpha", "bravo", "charlie", "delta", "echo", "foxtrot", "golf", "hotel", "india", "juliett"]
ADDRESSES = ["anna@example.test", "Bob Builder <bob@example.test>", '"Quoted, Name" <q.n@example.test>', "=?UTF-8?Q?J=C3=BCrgen?= <j@example.test>",
             "carol@example.test (a comment)", "Friends: dave@example.test, Eve <eve@example.test>;", "undisclosed-recipients:;",
             '"a\\"b" <esc@example.test>', "<only@example.test>", "=?iso-8859-1?Q?Andr=E9?= <andre@example.test>", '"local part"@example.test',
             "Zoe\r\n <zoe@example.test>", "X Y Z <xyz@sub.example.test>"]
ODD_ADDRESSES = ["<@relay.test,@other.test:routed@example.test>", "no address at all", "a@", "<>", "@nothing", "x <y", "one two@example.test", "",
                 "Group: ;", "a@b@c", "<a@b.test> trailing", "(only a comment)", "Broken: a@b.test", '"open', "a@[127.0.0.1]", ",,a@b.test,,"]
SUBJECTS = ["Re: alpha", "alpha", "Fwd: bravo charlie", "[list] bravo", "Re: [list] bravo", "=?UTF-8?B?R3LDvMOfZQ==?=", "delta (fwd)",
            "=?UTF-8?Q?two?= =?UTF-8?Q?words?=", "echo\r\n folded", "echo\r\n\tfolded by a tab", "", "Re[2]: alpha", "re:  RE: golf", "a\tb", "fwd: [x] re: hotel", "[only]", "Re:",
            "[fwd: india]", "AW: alpha", "  spaces   inside  "]
DATES = ["Mon, 01 Jan 2024 10:00:00 +0000", "Tue, 2 Jan 2024 23:30:00 -0500", "3 Jan 2024 08:00 +0200", "Thu, 04 Jan 2024 00:00:01 GMT",
         "Fri,  5 Jan 2024 12:00:00 +0000 (a comment)", "31 Dec 2023 23:59:59 +0000", "Sat, 06 Jan 2024 12:00:00 +0000"]
ODD_DATES = ["yesterday", "", "Mon, 32 Foo 2024 10:00:00", "1 Jan 99 10:00:00 EST", "2024-01-01T10:00:00Z"]
ODD_TYPES = ["text", "text/plain; charset", "; foo=bar", "/", "text/", "TEXT/Plain; CHARSET=\"us-ascii\"; x=", "text/plain;; format=flowed",
             "multipart/mixed", "text/plain charset=utf-8", "multipart/mixed; boundary=", "application/x; a=\"b\\\"c\"; d=\"\"",
             "text/html; charset=utf-8; charset=latin1", "TeXt/HtMl (comment); charset=utf-8", "text/plain; name*=UTF-8''gr%C3%BC%C3%9F",
             "text/plain; name*0=\"a\"; name*1=\"b\"", "image/png; name=\"=?UTF-8?Q?gr=C3=BC?=\"", "x", "", "text /plain", "message/partial; id=1"]
EXTRAS = ["Content-ID: <part@example.test>", "Content-Description: a description", "Content-Disposition: attachment; filename=\"a b.txt\"",
          "Content-Disposition: inline", "Content-Disposition: attachment;\r\n filename=x.bin; size=12", "Content-Language: en, de", "Content-Language: fr",
          "Content-Location: http://example.test/x", "Content-MD5: Q2hlY2sgSW50ZWdyaXR5IQ==", "Content-Description: =?UTF-8?Q?f=C3=BCr?=",
          "Content-Disposition: \"quoted\"", "Content-Language: en (English)", "Content-Disposition: attachment; filename*=UTF-8''%C3%BC.txt"]
ODD_LINES = ["a line without colon", "Spaced : value", "X-Empty:", "X-Long: " + "z" * 300, "X-Twice: one\r\nX-Twice: two", "X-Folded: a\r\n\tb\r\n  c",
             "X-Tab:\tvalue", "X-Blank: a\r\n \r\n b"]


class Letters:
    """Makes letters; `oddness` is how often something odd is in one."""

    def __init__(self, random, oddness=0.25):
        self.random, self.oddness = random, oddness
        self.ids = []

    def odd(self, share=1.0):
        return self.random.random() < self.oddness * share

    def text(self, lines=6):
        pick = self.random.choice
        return "".join(" ".join(pick(WORDS) for _ in range(self.random.randrange(1, 9))) + "\r\n" for _ in range(self.random.randrange(lines)))

    def addresses(self):
        some = [self.random.choice(ADDRESSES) for _ in range(self.random.choice((1, 1, 1, 2, 3)))]
        return self.random.choice(ODD_ADDRESSES) if self.odd(0.4) else ", ".join(some)

    def extras(self, share):
        """Some more fields, each name once."""
        some = {}
        while self.random.random() < share:
            line = self.random.choice(EXTRAS)
            some.setdefault(line.partition(":")[0], line)
        return list(some.values())

    def leaf(self):
        """(header lines, body) of a part that is not made of others."""
        kind = self.random.randrange(10)
        header, body = [], self.text()
        if kind == 0:
            pass
        elif kind == 1:
            header = ["Content-Type: text/html; charset=utf-8"]
            body = f"<html><body><p>{body}</p></body></html>\r\n"
        elif kind == 2:
            header = ["Content-Type: application/octet-stream; name=\"x.bin\"", "Content-Transfer-Encoding: base64"]
            body = "QUJDREVGR0hJSktMTU5PUFFSU1RVVldYWVowMTIzNDU2Nzg5\r\n" * self.random.randrange(4) + self.random.choice(("YQ==\r\n", "YWI=\r\n", "", "YWJj"))
        elif kind == 3:
            header = ["Content-Type: text/plain; charset=utf-8", "Content-Transfer-Encoding: quoted-printable"]
            body = "Gr=C3=BC=C3=9Fe alpha=20\r\nsoft=\r\n line bravo\r\n" + body
        elif kind == 4:
            header = ["Content-Type: text/plain; charset=iso-8859-1; format=flowed", "Content-Transfer-Encoding: 8bit"]
            body += "caf\u00e9 delta\r\n"
        elif kind == 5:
            header = [f"Content-Type: {self.random.choice(ODD_TYPES)}"] if self.odd(2) else ["Content-Type: text/plain; charset=us-ascii"]
        elif kind == 6:
            header = ["Content-Type: text/plain; charset=\"utf-8\"", "Content-Transfer-Encoding: " + self.random.choice(("7bit", "8BIT", "binary", "x-odd", ""))
                      if self.odd() else "Content-Transfer-Encoding: 7bit"]
        elif kind == 8:
            header = [f"Content-Type: message/{self.random.choice(('delivery-status', 'disposition-notification', 'feedback-report'))}"]
            body = f"Reporting-MTA: dns; mx.example.test\r\n\r\nFinal-Recipient: rfc822; {self.random.choice(WORDS)}@example.test\r\nStatus: 5.1.1\r\n"
        elif kind == 7:
            header = ["Content-Type: image/gif", "Content-Transfer-Encoding: Base64"]
            body = "R0lGODlhAQABAAAAACw=\r\n"
        else:
            header = ["Content-Type: text/plain"]
            body = body.rstrip("\r\n")
        header += self.extras(0.25)
        return header, body

    def part(self, depth):
        kind = self.random.random()
        if depth > 3 or kind < 0.55:
            return self.leaf()
        if kind < 0.7:
            header, body = self.whole(depth + 1)
            return ["Content-Type: message/rfc822"] + ([self.random.choice(EXTRAS)] if self.odd() else []), "\r\n".join(header) + "\r\n\r\n" + body
        boundary = self.random.choice((f"simple{depth}", f"=_with=odd?chars{depth}", f"a b c{depth}", "x" * 69 + str(depth)))
        subtype = self.random.choice(("mixed", "mixed", "alternative", "related", "digest", "report; report-type=delivery-status", "signed", "x-unknown"))
        body = self.random.choice(("", "", "a preamble\r\n", "\r\n"))
        parts = [self.part(depth + 1) for _ in range(self.random.choice((1, 2, 2, 3)))]
        if self.odd(0.3):
            parts = []
        for header, inner in parts:
            if subtype == "digest" and not any(line.startswith("Content-Type:") for line in header):
                header = [*header, "Content-Type: text/plain"]
            body += f"--{boundary}{'  ' if self.odd(0.2) else ''}\r\n" + "".join(line + "\r\n" for line in header) + "\r\n" + inner + "\r\n"
        if not self.odd(0.4):
            body += f"--{boundary}--"
        body += self.random.choice(("\r\n", "", "\r\nan epilogue\r\n", "\r\n\r\n"))
        header = [f"Content-Type: multipart/{subtype}; boundary=\"{boundary}\""]
        header += self.extras(0.1)
        return header, body

    def whole(self, depth=0):
        """Header lines and body of a letter."""
        pick = self.random.choice
        header = []
        for name, share in (("From", 0.95), ("To", 0.9), ("Cc", 0.3), ("Bcc", 0.1), ("Sender", 0.15), ("Reply-To", 0.2)):
            if self.random.random() < share:
                header.append(f"{name}: {self.addresses()}")
        if self.random.random() < 0.9:
            header.append(f"Subject: {pick(SUBJECTS)}")
        if self.random.random() < 0.95:
            header.append(f"Date: {pick(ODD_DATES) if self.odd(0.3) else pick(DATES)}")
        if self.random.random() < 0.9:
            mine = f"<m{len(self.ids)}.{self.random.randrange(1000)}@example.test>"
            if self.ids and self.random.random() < 0.6:
                known = self.random.sample(self.ids, min(len(self.ids), self.random.choice((1, 1, 2, 3))))
                header.append("References: " + "\r\n ".join(known))
                if self.random.random() < 0.7:
                    header.append(f"In-Reply-To: {known[-1]}")
            self.ids.append(mine)
            header.append(f"Message-ID: {mine}")
        if self.odd(0.5):
            header.append(pick(ODD_LINES))
        self.random.shuffle(header)
        more, body = self.part(depth)
        if more and not self.odd(0.2):
            more = ["MIME-Version: 1.0", *more]
        return header + more, body

    def letter(self):
        header, body = self.whole()
        if self.odd(0.15):
            return "\r\n".join(header).encode("latin-1") + self.random.choice((b"\r\n", b"", b"\r\n\r\n"))
        octets = "\r\n".join(header).encode("utf-8") + b"\r\n\r\n" + body.encode("latin-1")
        if self.odd(0.1):
            octets = b"\r\n" + octets
        return octets
