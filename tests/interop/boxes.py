"""Mailbox files that our deliveries and other programs write at the same time, with their own locks, and read: no server of ours takes part."""
import collections
import contextlib
import glob
import json
import mailbox
import os
import re
import subprocess
import threading
import time

from harness.cases import expect
from harness.server import Failure
from interop.bench import case, expect_equal, lines_lf
from interop.peers import ROOT

LETTERS = 12  # of each side
LOCK_SECONDS = 30


def unpack(name, *packages):
    done = subprocess.run([os.path.join(ROOT, "tools", "unpack_peers.sh"), name, *packages], capture_output=True, text=True, timeout=600)
    if done.returncode != 0:
        raise Failure(f"{name} can't be unpacked: {done.stdout}{done.stderr}")
    return done.stdout.split("\n")[0]


def deliver(bench, target, *tags, as_user=()):
    """Our deliveries, one after the other in one process; the letters as they should come out, with LF."""
    letters = [bench.letter(tag) for tag in tags]
    files = [bench.write(f"in/{tag}", letter, mode=0o644) for tag, letter in zip(tags, letters)]
    program = os.path.join(os.path.dirname(bench.server.binary), "tests", "interop", "interop_deliver")
    bench.run(*as_user, program, target, *files)
    return [lines_lf(letter) for letter in letters]


def quoted(letter):
    return re.sub(rb"(?m)^(>*From )", rb">\1", letter)


def unquoted(letter):
    """What a letter is, whatever its writer did, and no reader undid, to lines that look like separators."""
    return re.sub(rb"(?m)^>*From ", b"From ", lines_lf(letter))


def imported(bench, path):
    """How many messages an import of the box takes, without any complaint."""
    report = json.loads(bench.server.command("import", "--account", bench.account, path, "--json").stdout)["report"]
    expect(not report["defects"] and not report["stopped"], f"the import: {report}")
    return report["imported"]


def at_once(*works):
    """Runs them in threads; the first failure is raised when all have ended."""
    failures = []

    def run(work):
        try:
            work()
        except Exception as failure:  # whatever it is, the case has failed
            failures.append(failure)
    threads = [threading.Thread(target=run, args=(work,)) for work in works]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if failures:
        raise failures[0]


def side_by_side(bench, target, append, as_user=()):
    """Two processes of ours and append(octets) of the other program deliver at the same time; all that must be there then, sorted."""
    letters = []

    def ours(name):
        letters.extend(deliver(bench, target, *(f"{name}{n}" for n in range(LETTERS)), as_user=as_user))

    def theirs():
        for n in range(LETTERS):
            letter = lines_lf(bench.letter(f"theirs{n}"))
            append(letter)
            letters.append(letter)
    at_once(lambda: ours("left"), lambda: ours("right"), theirs)
    return sorted(letters)


def expect_same(found, wanted, what):
    found, wanted = sorted(found), sorted(wanted)
    if len(found) != len(wanted):
        surplus = collections.Counter(found) - collections.Counter(wanted)
        missing = collections.Counter(wanted) - collections.Counter(found)
        told = [[f"{len(one)} octets, {one[:60]!r} ... {one[-60:]!r}" for one in some.elements()] for some in (surplus, missing)]
        raise Failure(f"{what}: {len(found)} messages, wanted {len(wanted)}; too many: {told[0]}; missing: {told[1]}")
    for one, other in zip(found, wanted):
        expect_equal(one, other, what)


@contextlib.contextmanager
def python_mbox(path):
    """Locked as the module does it: fcntl and dot file, and told at once when it can't have them."""
    box = mailbox.mbox(path)
    give_up = time.monotonic() + LOCK_SECONDS
    while True:
        try:
            box.lock()
            break
        except mailbox.ExternalClashError:
            if time.monotonic() > give_up:
                raise Failure("Python's mailbox never had the locks") from None
            time.sleep(0.01)
    try:
        yield box
    finally:
        box.flush()
        box.unlock()
        box.close()


def in_mbox(path):
    with python_mbox(path) as box:
        return [box.get_bytes(key) for key in box.keys()]


@case("Python's mailbox module, mbox", modes=("",))
def python_mbox_case(bench, _):
    path = os.path.join(bench.directory, "box")

    def append(letter):
        with python_mbox(path) as box:
            box.add(letter)
    wanted = side_by_side(bench, f"mbox:{path}", append)
    # The module quotes as mboxo does, and takes no mark away.
    expect_same(in_mbox(path), [quoted(letter) for letter in wanted], "what Python reads")
    expect(sorted(os.listdir(bench.directory)) == ["box", "in"], f"something is left over: {os.listdir(bench.directory)}")


@case("Python's mailbox module, Maildir++", modes=("",))
def python_maildir(bench, _):
    path = os.path.join(bench.directory, "Maildir")
    deliver(bench, f"maildir:{path}/", "first")
    box = mailbox.Maildir(path, create=False)
    wanted = side_by_side(bench, f"maildir:{path}/", lambda letter: box.add(letter))
    first = lines_lf(bench.letter("first"))
    expect_same([box.get_bytes(key) for key in box.keys()], [first, *wanted], "what Python reads")
    work = deliver(bench, f"maildir:{path}/.Work.2026/", "work")
    expect(box.list_folders() == ["Work.2026"], f"folders: {box.list_folders()}")
    folder = box.get_folder("Work.2026")
    expect_same([folder.get_bytes(key) for key in folder.keys()], work, "what Python reads in the folder")


@case("s-nail, mbox", modes=("",))
def s_nail_mbox(bench, _):
    path = os.path.join(bench.directory, "box")
    s_nail = ["s-nail", "-:/", "-S", "v15-compat=yes", "-S", "ttycharset=utf-8"]

    def append(letter):
        # It copies from a box of its own into the one that we deliver to.
        bench.write("theirs", b"From them@interop.test Sat Nov 21 10:00:00 2026\n" + quoted(letter) + b"\n")
        bench.run(*s_nail, "-R", "-f", os.path.join(bench.directory, "theirs"), stdin=b"copy 1 " + path.encode() + b"\nexit\n")
    wanted = [quoted(letter) for letter in side_by_side(bench, f"mbox:{path}", append)]
    found = [re.sub(rb"(?m)^Status: .*\n", b"", octets) for octets in in_mbox(path)]
    expect_same(found, wanted, "what is in the box")
    listed = bench.run(*s_nail, "-R", "-f", path, stdin=b"from *\nexit\n")
    subjects = set(re.findall(rb"(?:left|right|theirs)\d+", listed))
    expect(len(subjects) == len(wanted), f"s-nail lists {len(subjects)} of {len(wanted)} messages:\n{listed.decode('utf-8', 'replace')}")


def nobody(bench):
    """Dovecot gives no mail to root: it, and we, are somebody else in its cases."""
    if os.getuid() != 0:
        return ()
    os.chown(bench.directory, 65534, 65534)
    return ("setpriv", "--reuid=65534", "--regid=65534", "--clear-groups")


def dovecot(bench, location, whose=None):
    """doveadm with a configuration of its own: append(letter), fetch(mailbox), and the words that make a program run as its user. `whose`: the
    number of a user and those words, else nobody's."""
    root = unpack("dovecot", "dovecot-core")
    home = bench.directory
    user, as_user = whose or (65534 if os.getuid() == 0 else os.getuid(), nobody(bench))
    bench.write("dovecot.conf", f"""
base_dir = {home}/run
state_dir = {home}/state
log_path = /dev/stderr
mail_location = {location}
mail_uid = {user}
mail_gid = {user}
first_valid_uid = 1
first_valid_gid = 1
mail_plugin_dir = {root}/usr/lib/dovecot/modules
stats_writer_socket_path =
default_login_user = nobody
default_internal_user = nobody
ssl = no
mbox_write_locks = dotlock fcntl
namespace inbox {{
  inbox = yes
}}
""", mode=0o644)
    environment = {"LD_LIBRARY_PATH": f"{root}/usr/lib/dovecot:{root}/usr/lib/x86_64-linux-gnu", "USER": "anna", "HOME": home}

    def run(*words, stdin=b""):
        # doveadm itself looks for doveconf in /usr/bin.
        return bench.run(*as_user, f"{root}/usr/bin/doveconf", "-f", "service=doveadm", "-c", f"{home}/dovecot.conf", "-m", "doveadm",
                         "-e", f"{root}/usr/bin/doveadm", *words, stdin=stdin, environment=environment)

    def append(letter):
        run("save", "-m", "INBOX", stdin=letter.replace(b"\n", b"\r\n"))

    def fetch(name="INBOX"):
        octets = run("fetch", "text", "mailbox", name)
        return [lines_lf(part) for part in re.split(rb"(?m)^text:\n", octets)[1:]]
    return append, fetch, as_user


def without_ends(letters):
    """doveadm ends every message with a form feed or an empty line of its own."""
    return [letter.rstrip(b"\f\n") + b"\n" for letter in letters]


@case("Dovecot, mbox", modes=("",))
def dovecot_mbox(bench, _):
    path = os.path.join(bench.directory, "box")
    append, fetch, as_user = dovecot(bench, f"mbox:{bench.directory}/mail:INBOX={path}:INDEX=MEMORY")
    wanted = side_by_side(bench, f"mbox:{path}", append, as_user)
    # It quotes nothing and takes no quoting away.
    wanted = [letter if b"Message-ID: <theirs" in letter else quoted(letter) for letter in wanted]
    expect_same(without_ends(fetch()), without_ends(wanted), "what Dovecot reads")


@case("Dovecot, Maildir++", modes=("",))
def dovecot_maildir(bench, _):
    path = os.path.join(bench.directory, "Maildir")
    append, fetch, as_user = dovecot(bench, f"maildir:{path}")
    wanted = side_by_side(bench, f"maildir:{path}/", append, as_user)
    expect_same(without_ends(fetch()), without_ends(wanted), "what Dovecot reads")
    work = deliver(bench, f"maildir:{path}/.Work/", "work", as_user=as_user)
    expect_same(without_ends(fetch("Work")), without_ends(work), "what Dovecot reads in the folder")
    names = glob.glob(f"{path}/*/*,S=*,W=*")
    expect(len(names) >= 2 * LETTERS, f"sizes in {len(names)} names")
