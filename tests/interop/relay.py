"""A second server of ours that sends through the first one, as a host does whose provider wants a password."""
import os
import smtplib
import time

from harness.cases import PASSWORD, expect
from harness.server import Failure, Server, free_offset
from interop.bench import case
from interop.peers import one_postfix

SECONDS = 60


def sender(bench, mode):
    """The second server, not started: all its mail goes by the first one's submission, with the account's login."""
    server = Server(bench.server.binary, f"{bench.directory}/sender", free_offset(27000), domain="sender.test")
    tls = "implicit" if mode == "implicit TLS" else "verified"
    settings = [("smtp", "relay_networks", '["127.0.0.0/8"]'), ("queue", "retry_first", '"1s"'),
                 ("transport", '"*"', f'"relay localhost:{bench.port("submission", mode)} tls={tls} login=provider"')]
    server.init()
    bench.write("sender/password", PASSWORD + "\n")
    with open(f"{server.directory}/angarium.toml", "a", encoding="utf-8") as f:
        f.write(f'\n[[relay_login]]\nname = "provider"\nuser = "{bench.account}"\npassword_file = "password"\n')
    server.configure(settings)
    server.add_account("postmaster", PASSWORD)
    return server


def hand_in(server, bench, letter):
    with smtplib.SMTP("127.0.0.1", server.port("smtp"), timeout=20) as session:
        session.sendmail(bench.account, [bench.account], letter, mail_options=["BODY=8BITMIME"])


@case("a relay that wants a login", ["STARTTLS", "implicit TLS"])
def relay_login(bench, mode):
    with one_postfix:
        server = sender(bench, mode)
        explained = server.command("route", "explain", "someone@elsewhere.test").stdout
        expect(f"over TLS, as '{bench.account}' (provider)" in explained and PASSWORD not in explained, explained)
        expect(PASSWORD not in server.command("config", "show").stdout, "config show tells the password")
        server.start(before=["env", f"SSL_CERT_FILE={bench.certificate}"])
    try:
        hand_in(server, bench, bench.letter("one"))
        end = time.monotonic() + SECONDS
        while not (stored := bench.stored()):
            if time.monotonic() > end:
                raise Failure("the letter did not arrive:\n" + server.log_tail())
            time.sleep(0.1)
        expect(stored[0][1].endswith(bench.letter("one")), "the letter is not there octet by octet")
        with open(server.log_path, encoding="utf-8", errors="replace") as log:
            expect(PASSWORD not in log.read(), "the log tells the password")
        # A password that others may read is refused.
        os.chmod(f"{server.directory}/password", 0o644)
        expect("chmod 600" in server.command("route", "explain", "someone@elsewhere.test").stdout, "a readable password file is not told")
    finally:
        server.end()
