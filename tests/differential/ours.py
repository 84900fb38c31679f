"""The built program as one of the two servers that are compared."""
import socket

from harness.cases import PASSWORD
from harness.dovecot import ANSWER_SECONDS, Session
from harness.server import Failure


class Ours:
    name = "ours"

    def __init__(self, server, account):
        self.server, self.account = server, f"{account}@{server.domain}"
        server.add_account(account, PASSWORD)

    def session(self):
        connection = socket.create_connection(("127.0.0.1", self.server.port("imap")), ANSWER_SECONDS)
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        session = Session(connection, lambda: None)
        session.response()
        _, tagged = session.say(f"LOGIN {self.account} {PASSWORD}")
        if not tagged.startswith(b"OK"):
            raise Failure(f"LOGIN: {tagged!r}")
        return session
