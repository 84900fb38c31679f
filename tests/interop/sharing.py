"""Clients that know access control lists: one shares a mailbox, another reads and fills it; operators see the same lists."""
import imaplib
import json

from harness.cases import PASSWORD, expect
from interop.bench import case, expect_equal


def other_account(bench):
    bench.server.add_account(f"{bench.name}-other", PASSWORD)
    return f"{bench.name}-other@{bench.server.domain}"


@case("Python imaplib, access control lists", modes=("plain",))
def python_imaplib_lists(bench, mode):
    other = other_account(bench)
    sessions = {}
    for user in (bench.account, other):
        sessions[user] = imaplib.IMAP4("localhost", bench.port("imap", mode), timeout=30)
        sessions[user].login(user, PASSWORD)

    def say(user, command, *arguments, wanted="OK"):
        status, data = getattr(sessions[user], command)(*arguments)
        expect(status == wanted, f"{command}{arguments}: {status} {data}")
        return data
    say(bench.account, "create", "Team")
    letter = bench.letter("one")
    say(bench.account, "append", "Team", "(\\Flagged)", None, letter)
    name = f'"Other Users/{bench.account}/Team"'
    say(other, "select", name, wanted="NO")
    say(bench.account, "setacl", "Team", other, "lrs")
    expect(say(bench.account, "getacl", "Team") == [f"Team {bench.account} lrswipkxteacd {other} lrs".encode()], "GETACL")
    expect(b"lrs" in say(other, "myrights", name)[0], "MYRIGHTS")
    expect(b"Other Users/" in say(other, "namespace")[0], "NAMESPACE")
    expect(any(f"{bench.account}/Team".encode() in row for row in say(other, "list", '"Other Users/"', "*")), "LIST")
    expect(say(other, "select", name) == [b"1"], "SELECT counts")
    expect_equal(say(other, "fetch", "1", "(RFC822)")[0][1], letter, "what the other reads")
    say(other, "store", "1", "+FLAGS", "(\\Deleted)", wanted="NO")
    say(other, "append", name, None, None, letter, wanted="NO")
    say(bench.account, "setacl", "Team", other, "+i")
    say(other, "append", name, "(\\Deleted)", None, bench.letter("two"))
    say(other, "copy", "1", "INBOX")
    expect_equal(bench.stored(account=other)[0][1], letter, "what was copied out")
    expect([flags for flags, _ in bench.stored("Team")] == [{"\\Flagged", "\\Seen"}, set()], "flags by the rights")
    rows = json.loads(bench.server.command("acl", "list", bench.account, "--json").stdout)
    expect(rows == [{"mailbox": "Team", "identifier": other, "rights": "lrsi"}], f"acl list: {rows}")
    say(other, "close")
    bench.server.command("acl", "remove", bench.account, "Team", other)
    say(other, "status", name, "(MESSAGES)", wanted="NO")


@case("curl, a mailbox of somebody else", modes=("plain",))
def curl_shared(bench, mode):
    other = other_account(bench)
    first = bench.letter("one")
    bench.deliver(first)
    stored = bench.stored()[0][1]
    bench.server.command("acl", "set", bench.account, "INBOX", other, "lri")
    url = f"imap://localhost:{bench.port('imap', mode)}/Other%20Users/{bench.account}/INBOX"
    curl = ["curl", "-sS", "--user", f"{other}:{PASSWORD}"]
    expect_equal(bench.run(*curl, url + ";UID=1"), stored, "what the other reads")
    bench.run(*curl, url, "--upload-file", bench.write("two", bench.letter("two")))
    expect_equal(bench.stored()[1][1], bench.letter("two"), "what the other put there")
    bench.server.command("acl", "set", bench.account, "INBOX", other, "l")
    bench.run(*curl, url + ";UID=1", good=tuple(range(1, 100)))
