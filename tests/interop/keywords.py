"""Keywords of boxes in place ([location]), with Dovecot and with c-client (PHP's), whose numbers have to last whatever is written."""
import contextlib
import json
import mailbox
import os
import threading
import time

from harness.cases import expect, serving
from interop.bench import case, lines_lf
from interop.boxes import at_once, dovecot, unpack
from interop.hosted import SPOOL_GROUP, USER, UsersBench
from interop.located import Located, eventually, tag_of
from interop.moving import dovecot_runner

LETTERS = ("one", "two", "three")
TURNS = 12  # of each side, both at once
REST_SECONDS = 6  # a few looks: what would be written for ever would be written in them


@contextlib.contextmanager
def place(bench):
    """As root the boxes are a user's of the host, for Dovecot gives no mail to root: (bench, what runs programs as the user, the end of a location)."""
    if os.geteuid() != 0:
        yield bench, (), ""
        return
    users = UsersBench(bench)
    with serving(users.server):
        yield users, users.as_user, f":USER={USER.pw_name}"


class Here:
    """The mailbox."""

    def __init__(self, located):
        self.located = located

    def told(self):
        """{tag: keywords and flags}"""
        return {tag_of(octets): flags - {"\\Seen"} for _, flags, octets in self.located.here()}

    def store(self, *changes):
        """(tag, what)"""
        session = self.located.bench.imap()
        try:
            uids = {tag_of(octets): uid for uid, _, octets in self.located.here()}
            session.command("SELECT INBOX")
            for tag, what in changes:
                session.command(f"UID STORE {uids[tag]} {what}")
        finally:
            session.close()

    def expunge(self, tag):
        self.store((tag, "+FLAGS (\\Deleted)"))
        session = self.located.bench.imap()
        try:
            session.command("SELECT INBOX")
            session.command("EXPUNGE")
        finally:
            session.close()


class Dovecot:
    def __init__(self, bench, location, as_user):
        self.append, _, _ = dovecot(bench, location, (USER.pw_uid, as_user) if as_user else None)
        self.run = dovecot_runner(bench, as_user)

    def keyword(self, tag, keyword, on):
        self.run("flags", "add" if on else "remove", keyword, "mailbox", "INBOX", "subject", tag)

    def numbers(self):
        """UIDVALIDITY, {tag: UID}"""
        status = self.run("mailbox", "status", "uidvalidity", "INBOX").decode()
        return status.split("uidvalidity=")[1].split()[0], {tag: int(one["uid"]) for tag, one in self.messages().items()}

    def told(self):
        return {tag: set(one["flags"].split()) - {"\\Recent", "\\Seen"} for tag, one in self.messages().items()}

    def messages(self):
        found = {}
        for part in self.run("fetch", "uid flags hdr.subject", "mailbox", "INBOX").decode().split("\f"):
            lines = dict(line.split(": ", 1) for line in part.strip().split("\n") if ": " in line)
            if "hdr.subject" in lines:
                found[lines["hdr.subject"].split()[0]] = lines
        return found


class CClient:
    """c-client, by PHP: opens the box for each call."""
    CODE = """
        [$path, $changes, $keywords] = json_decode($argv[1]);
        $box = imap_open($path, '', '') or exit(1);
        $find = function ($tag) use ($box) { return (string) imap_search($box, 'SUBJECT ' . $tag)[0]; };
        foreach ($changes as [$tag, $keyword, $on])
            if ($on) imap_setflag_full($box, $find($tag), $keyword); else imap_clearflag_full($box, $find($tag), $keyword);
        $told = ['validity' => imap_status($box, $path, SA_UIDVALIDITY)->uidvalidity, 'uids' => [], 'keywords' => []];
        for ($n = 1; $n <= imap_num_msg($box); ++$n) {
            $tag = explode(' ', imap_headerinfo($box, $n)->subject)[0];
            $told['uids'][$tag] = imap_uid($box, $n);
            $told['keywords'][$tag] = [];
            foreach ($keywords as $keyword)
                if (in_array($n, imap_search($box, 'KEYWORD ' . $keyword) ?: [])) $told['keywords'][$tag][] = $keyword;
        }
        imap_errors();
        imap_close($box);
        echo json_encode($told);
    """

    def __init__(self, bench, path, as_user, keywords):
        root = unpack("php-imap", "php8.2-cli", "php8.2-imap")
        module = next(os.path.join(folder, "imap.so") for folder, _, files in os.walk(f"{root}/usr/lib/php") if "imap.so" in files)
        # It opens nothing outside of the home.
        folder, name = os.path.split(path)
        self.bench, self.path, self.keywords = bench, "~/" + name, keywords
        self.command = [*as_user, f"{root}/usr/bin/php8.2", "-n", "-d", f"extension={module}", "-r", self.CODE]
        self.environment = {"LD_LIBRARY_PATH": f"{root}/usr/lib/x86_64-linux-gnu:{root}/usr/lib", "HOME": folder}

    def ask(self, *changes):
        said = self.bench.run(*self.command, json.dumps([self.path, changes, self.keywords]), environment=self.environment)
        return json.loads(said[said.index(b"{"):])

    def numbers(self):
        told = self.ask()
        return told["validity"], told["uids"]

    def told(self):
        return {tag: set(keywords) for tag, keywords in self.ask()["keywords"].items()}


def expect_both(here, there, wanted):
    """(tag: keywords) in the mailbox and in the box as the other program tells it."""
    wanted = {tag: set(keywords) for tag, keywords in wanted.items()}

    def differs(told, who):
        # Names are equal but for case.
        told = {tag: {keyword.lower() for keyword in keywords} for tag, keywords in told.items()}
        lower = {tag: {keyword.lower() for keyword in keywords} for tag, keywords in wanted.items()}
        return None if told == lower else f"{who} has {told}, wanted {lower}"
    eventually(lambda: differs(here.told(), "the mailbox"), "what is set in the box does not come here")
    eventually(lambda: differs(there.told(), "the other program"), "what is set here does not come to the box")


def image(folders):
    """Every file of mail and keywords with its octets and its time, which are to rest; the other program's own are its."""
    found = {}
    for top in folders:
        for folder, _, files in os.walk(top):
            for path in [os.path.join(folder, name) for name in files if not name.startswith("dovecot") or name == "dovecot-keywords"]:
                if ".imap" not in path:
                    with open(path, "rb") as f:
                        found[path] = (f.read(), os.stat(path).st_mtime_ns)
    return found


def expect_rest(folders):
    before = image(folders)
    time.sleep(REST_SECONDS)
    after = image(folders)
    expect(before == after, f"the boxes do not come to rest: {[path for path in after if before.get(path) != after[path]]}")


def take_turns(here, there, folders, set_there):
    """Either side sets and takes away; then both at once; then the first letter goes. The other program's numbers last."""
    set_there("one", "work", True)
    set_there("one", "later", True)
    numbers = there.numbers()
    expect(sorted(numbers[1].values()) == list(range(1, len(LETTERS) + 1)), f"the other program's numbers are {numbers}")
    expect_both(here, there, {"one": ["work", "later"], "two": [], "three": []})
    here.store(("one", "-FLAGS (WORK)"), ("two", "+FLAGS ($Label1 LATER $Forwarded)"))
    expect_both(here, there, {"one": ["later"], "two": ["$Label1", "later", "$Forwarded"], "three": []})
    set_there("two", "$Label1", False)
    set_there("two", "$Forwarded", False)
    set_there("one", "done", True)
    expect_both(here, there, {"one": ["later", "done"], "two": ["later"], "three": []})
    expect(there.numbers() == numbers, f"the other program had the numbers {numbers}, and has {there.numbers()}")
    expect_rest(folders)

    def ours():
        for turn in range(TURNS):
            here.store((LETTERS[turn % 3], f"{'+' if turn % 4 < 3 else '-'}FLAGS (here{turn // 6})"))

    def theirs():
        for turn in range(TURNS):
            set_there(LETTERS[turn % 3], f"there{turn // 6}", turn % 4 < 3)
    at_once(ours, theirs)
    wanted = {"one": {"later", "done"}, "two": {"later"}, "three": set()}
    for turn in range(TURNS):
        for side in ("here", "there"):
            (wanted[LETTERS[turn % 3]].add if turn % 4 < 3 else wanted[LETTERS[turn % 3]].discard)(f"{side}{turn // 6}")
    expect_both(here, there, wanted)
    expect(there.numbers() == numbers, f"after both wrote at once the other program has the numbers {there.numbers()}, and had {numbers}")
    expect_rest(folders)

    here.expunge("one")
    del wanted["one"], numbers[1]["one"]
    expect_both(here, there, wanted)
    expect(there.numbers() == numbers, f"without its first letter the other program has the numbers {there.numbers()}, and had {numbers}")
    set_there("three", "work", True)
    wanted["three"].add("work")
    expect_both(here, there, wanted)
    expect_rest(folders)


@case("keywords of a Maildir in place, with Dovecot", modes=("",))
def dovecot_maildir(bench, _):
    with place(bench) as (bench, as_user, end):
        path = os.path.join(bench.directory, "Maildir")
        there = Dovecot(bench, f"maildir:{path}", as_user)
        for tag in LETTERS:
            there.append(lines_lf(bench.letter(tag)))
        here = Here(Located(bench, f"maildir:{path}{end}", mailbox.Maildir(path, create=False)))
        take_turns(here, there, [path], there.keyword)


def spool_of(bench, as_user):
    """An empty spool, and a folder for others."""
    spool = bench.spool if as_user else os.path.join(bench.directory, "spool")
    folders = os.path.join(bench.directory, "mail")
    for folder in (spool, folders):
        os.makedirs(folder, exist_ok=True)
    path = os.path.join(spool, "daemon")
    with open(path, "wb"):
        pass
    if as_user:
        os.chown(folders, USER.pw_uid, USER.pw_gid)
        os.chown(path, USER.pw_uid, SPOOL_GROUP)
        os.chmod(path, 0o660)
    return spool, folders, path


@case("keywords of an mbox in place, with Dovecot", modes=("",))
def dovecot_mbox(bench, _):
    with place(bench) as (bench, as_user, end):
        spool, folders, path = spool_of(bench, as_user)
        there = Dovecot(bench, f"mbox:{folders}:INBOX={path}", as_user)
        for tag in LETTERS:
            there.append(lines_lf(bench.letter(tag)))
        here = Here(Located(bench, f"mbox:{folders}:INBOX={path}{end}", mailbox.mbox(path)))
        take_turns(here, there, [spool, folders], there.keyword)


@case("keywords of an mbox in place, with c-client", modes=("",))
def c_client_mbox(bench, _):
    with place(bench) as (bench, as_user, end):
        spool, folders, path = spool_of(bench, as_user)
        box = mailbox.mbox(path)
        for tag in LETTERS:
            box.add(lines_lf(bench.letter(tag)))
        box.flush()
        named = ["work", "later", "done", "$Label1", "$Forwarded", *(f"{side}{n}" for side in ("here", "there") for n in range(TURNS // 6))]
        there = CClient(bench, path, as_user, named)
        here = Here(Located(bench, f"mbox:{folders}:INBOX={path}{end}", box))
        take_turns(here, there, [spool, folders], lambda *change: there.ask(change))
