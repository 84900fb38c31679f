"""Mail in place of users of the host: their boxes are theirs, in a home and a folder as /var/mail is, and the server is another user. mutt and procmail work on them as the user."""
import grp
import mailbox
import os
import pwd
import stat

from harness.cases import expect, made, serving
from interop.bench import Bench, case, expect_equal, lines_lf
from interop.boxes import unpack
from interop.located import Located, both_sides, eventually, moves_in, tag_of

USER = pwd.getpwnam("daemon")
SPOOL_GROUP = grp.getgrnam("mail").gr_gid
SETTINGS = [("server", "user", '"nobody"'), ("local", "system_users", "true"), ("local", "uid_min", "1")]


class UsersBench(Bench):
    """A case's place that is a user's of the host, with a server of its own; what is run is run as the user."""

    def __init__(self, bench):
        super().__init__(made(bench.server.binary, bench.directory, accounts=(bench.name,), settings=SETTINGS), os.path.join(bench.directory, "home"), bench.name)
        os.chown(self.directory, USER.pw_uid, USER.pw_gid)
        os.chmod(self.directory, 0o700)
        for above in (bench.directory, os.path.dirname(bench.directory)):  # others pass
            os.chmod(above, 0o711)
        self.spool = os.path.join(bench.directory, "spool")
        os.mkdir(self.spool)
        os.chown(self.spool, 0, SPOOL_GROUP)
        os.chmod(self.spool, 0o2775)
        # Debian's mutt and procmail have the spool's group, and root's rights, by their files' modes: unpacked by root they would have them here.
        self.as_user = ("setpriv", f"--reuid={USER.pw_uid}", f"--regid={USER.pw_gid}", f"--groups={SPOOL_GROUP}", "--no-new-privs")

    def write(self, name, data, mode=0o600):
        path = super().write(name, data, mode)
        os.chown(path, USER.pw_uid, USER.pw_gid)
        return path

    def program(self, path):
        return self.write(os.path.basename(path), "#!/bin/sh\nexec " + " ".join(self.as_user) + f' {path} "$@"\n', mode=0o755)

    def expect_users(self, folder):
        """All that lies there is the user's, and nobody else may read it."""
        for base, folders, files in os.walk(folder):
            for path in [os.path.join(base, name) for name in folders + files]:
                status = os.lstat(path)
                expect(status.st_uid == USER.pw_uid and not status.st_mode & stat.S_IRWXO, f"{path} is of {status.st_uid}, {status.st_mode:o}")


def users(test):
    """A case that takes several users."""
    def run(bench, mode):
        if os.geteuid() != 0:
            print("      not root: left out, since it takes several users")
            return
        place = UsersBench(bench)
        with serving(place.server):
            test(place, mode)
    return run


@case("a user's spool and folders of mbox files in place, the server being another user", modes=("",))
@users
def users_mbox(bench, _):
    path = os.path.join(bench.spool, "daemon")
    folders = os.path.join(bench.directory, "mail")
    root = unpack("procmail", "procmail")
    rules = bench.write("rules", f"DEFAULT={path}\nORGMAIL={path}\nMAILDIR={bench.directory}\nSHELL=/bin/sh\n")
    os.mkdir(folders, 0o700)
    os.chown(folders, USER.pw_uid, USER.pw_gid)

    def procmail(letter):
        bench.run(*bench.as_user, f"{root}/usr/bin/procmail", rules, stdin=b"From a@b.test Sun Nov 22 11:00:00 2026\n" + lines_lf(letter))

    procmail(bench.letter("zero"))
    before = os.stat(path)
    located = Located(bench, f"mbox:{folders}:INBOX={path}:USER=daemon", mailbox.mbox(path))
    located.expect_here(([], "zero"))
    expect_equal(located.here()[0][2], bench.letter("zero"), "what procmail put into the spool")
    session = bench.pop3()
    session.command("DELE 1")
    session.command("QUIT")
    located.expect_there()
    both_sides(bench, located, "mbox", path)
    procmail(bench.letter("four"))
    located.expect_here(([], "three"), ([], "four"))
    session = bench.imap()
    try:
        session.command("CREATE papers")
        session.command("SELECT INBOX")
        session.command("MOVE 2 papers")
    finally:
        session.close()
    located.expect_there(("", "three"))
    file = os.path.join(folders, "papers")
    eventually(lambda: None if os.path.exists(file) and [m["Subject"].split()[0] for m in mailbox.mbox(file)] == ["four"] else "it is not there",
               "a letter does not come to the folder")
    after = os.stat(path)
    expect((after.st_uid, after.st_gid, after.st_mode) == (before.st_uid, before.st_gid, before.st_mode) and after.st_uid == USER.pw_uid,
           f"the spool was {before}, is {after}")
    expect(os.listdir(bench.spool) == ["daemon"], f"beside the spool lies {os.listdir(bench.spool)}")
    bench.expect_users(folders)


@case("a user's Maildir in place, the server being another user", modes=("",))
@users
def users_maildir(bench, _):
    path = os.path.join(bench.directory, "Maildir")
    box = mailbox.Maildir(path)
    for folder in ("", "tmp", "new", "cur"):
        os.chown(os.path.join(path, folder), USER.pw_uid, USER.pw_gid)
    located = Located(bench, f"maildir:{path}:USER=daemon", box)
    both_sides(bench, located, "Maildir", path)
    session = bench.imap()
    try:
        session.command("CREATE Work/Paper")
        session.command("APPEND Work/Paper (\\Flagged) ", bench.letter("four"))
    finally:
        session.close()
    folder = os.path.join(path, ".Work.Paper")
    eventually(lambda: None if os.path.isdir(folder) and len(mailbox.Maildir(folder)) == 1 else "it is not there", "a letter does not come to the folder")
    expect([tag_of(message.as_bytes().replace(b"\n", b"\r\n")) for message in mailbox.Maildir(folder)] == ["four"], "the folder has another letter")
    bench.expect_users(path)


@case("a user's box that is a link to another's, or another's own, is not read", modes=("",))
@users
def users_links(bench, _):
    hidden = os.path.join(bench.spool, "another")
    with open(hidden, "wb") as f:
        f.write(b"From a@b.test Sun Nov 22 11:00:00 2026\nSubject: hidden\n\nhidden\n")
    os.chown(hidden, 0, SPOOL_GROUP)
    os.chmod(hidden, 0o660)  # the spool's group alone could read it
    folders = os.path.join(bench.directory, "mail")
    os.mkdir(folders, 0o700)
    os.symlink(hidden, os.path.join(folders, "link"))
    path = os.path.join(bench.spool, "daemon")
    os.symlink(hidden, path)
    os.chown(folders, USER.pw_uid, USER.pw_gid)
    located = Located(bench, f"mbox:{folders}:INBOX={path}:USER=daemon", mailbox.mbox(hidden))

    def told():
        with open(bench.server.log_path, "rb") as f:
            return None if b"boxes are not as the mailboxes are" in f.read() else "the log says nothing"
    eventually(told, "the link is no trouble")
    expect(located.here() == [], "the mailbox shows what is another's")
    expect(not any(b"hidden" in octets for name in ("link",) if name in names(bench) for _, octets in bench.stored(name)), "a folder shows what is another's")
    os.remove(path)
    with open(path, "wb"):
        pass
    os.chown(path, USER.pw_uid, SPOOL_GROUP)
    bench.deliver(bench.letter("one"))
    located.box = mailbox.mbox(path)
    located.expect_there(("", "one"))
    with open(hidden, "rb") as f:
        expect(f.read().count(b"From ") == 1, "another's box was written")


@case("a user's spool and folders move into the own store through the steward while they are in use, and back", modes=("",))
@users
def users_mbox_moves_in(bench, _):
    path = os.path.join(bench.spool, "daemon")
    with open(path, "wb"):
        pass
    os.chown(path, USER.pw_uid, SPOOL_GROUP)
    os.chmod(path, 0o600)
    folders = os.path.join(bench.directory, "mail")
    os.mkdir(folders, 0o700)
    os.chown(folders, USER.pw_uid, USER.pw_gid)
    moves_in(bench, Located(bench, f"mbox:{folders}:INBOX={path}:USER=daemon", mailbox.mbox(path)), "mbox", path)
    expect(os.stat(path).st_uid == USER.pw_uid and os.listdir(bench.spool) == ["daemon"], "the spool is another's, or something lies beside it")
    bench.expect_users(folders)


@case("a user's Maildir moves into the own store through the steward while it is in use, and back", modes=("",))
@users
def users_maildir_moves_in(bench, _):
    path = os.path.join(bench.directory, "Maildir")
    box = mailbox.Maildir(path)
    for folder in ("", "tmp", "new", "cur"):
        os.chown(os.path.join(path, folder), USER.pw_uid, USER.pw_gid)
    moves_in(bench, Located(bench, f"maildir:{path}:USER=daemon", box), "Maildir", path)
    bench.expect_users(path)


def names(bench):
    session = bench.imap()
    try:
        untagged, _ = session.command('LIST "" *')
        return [text.decode().rpartition(" ")[2].strip('"') for text, _ in untagged]
    finally:
        session.close()
