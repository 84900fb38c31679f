"""A DNS server for tests: UDP on a loopback port, records by a table, NXDOMAIN for the rest."""
import contextlib
import socket
import struct
import threading

A, MX, AAAA = 1, 15, 28
NO_ERROR, SERVER_FAILURE, NO_NAME = 0, 2, 3


def wire_name(name):
    return b"".join(bytes([len(label)]) + label.encode() for label in name.split(".") if label) + b"\0"


def wire_data(kind, value):
    if kind == MX:
        return struct.pack(">H", value[0]) + wire_name(value[1])
    return socket.inet_pton(socket.AF_INET if kind == A else socket.AF_INET6, value)


def read_question(packet):
    """The name in lower case, the type, and the octets of the question."""
    at, labels = 12, []
    while packet[at]:
        labels.append(packet[at + 1:at + 1 + packet[at]].decode("ascii", "replace").lower())
        at += 1 + packet[at]
    return ".".join(labels), struct.unpack(">H", packet[at + 1:at + 3])[0], packet[12:at + 5]


class Names:
    """`records`: {(name, type): [value...]}; an MX value is (preference, host). `failing`: names answered with SERVFAIL."""

    def __init__(self, records, failing=()):
        self.records, self.failing = records, set(failing)
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.socket.bind(("127.0.0.1", 0))
        self.address = "127.0.0.1:%d" % self.socket.getsockname()[1]
        self.thread = threading.Thread(target=self.serve, daemon=True)
        self.thread.start()

    def serve(self):
        while True:
            packet, peer = self.socket.recvfrom(4096)
            if len(packet) < 17:
                return  # the word to end
            self.socket.sendto(self.answer(packet), peer)

    def answer(self, packet):
        name, kind, question = read_question(packet)
        values = self.records.get((name, kind), [])
        known = any(had == name or had.endswith("." + name) for had, _ in self.records)
        code = SERVER_FAILURE if name in self.failing else NO_ERROR if known else NO_NAME
        answers = b""
        for value in values:
            data = wire_data(kind, value)
            answers += b"\xc0\x0c" + struct.pack(">HHIH", kind, 1, 300, len(data)) + data
        return packet[:2] + struct.pack(">HHHHH", 0x8180 | code, 1, len(values), 0, 0) + question + answers

    def end(self):
        with contextlib.closing(socket.socket(socket.AF_INET, socket.SOCK_DGRAM)) as s:
            s.sendto(b"end", self.socket.getsockname())
        self.thread.join()
        self.socket.close()


@contextlib.contextmanager
def naming(records, failing=()):
    names = Names(records, failing)
    try:
        yield names
    finally:
        names.end()
