#!/usr/bin/env python3
"""moving.py BINARY [--messages N] [--directory DIR]: messages a second of `angarium import` and `angarium export`.

Letters of 2 KiB in a Maildir and in an mbox; the store is opened by the command, and then by a server. The same Maildir goes into Dovecot by
`doveadm import`, where tools/unpack_peers.sh has put one. One line each: what, messages, seconds, messages a second.
"""
import argparse
import mailbox
import os
import shutil
import subprocess
import sys
import tempfile
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__)))), "tests"))
from harness.cases import PASSWORD  # noqa: E402
from harness.server import Server, free_offset  # noqa: E402

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))


def letter(number):
    return f"From: a{number}@example.org\nSubject: number {number}\nMessage-ID: <{number}@far.example>\n\n".encode() + b"a line of the letter's text, of ordinary length\n" * 40


def make_sources(directory, count):
    maildir, mbox = os.path.join(directory, "Maildir"), os.path.join(directory, "box")
    box = mailbox.Maildir(maildir)
    with open(mbox, "wb") as f:
        for number in range(count):
            f.write(b"From a@example.org Thu Nov 22 13:02:41 2007\n" + letter(number) + b"\n")
            with open(os.path.join(maildir, "cur", f"{1195736561 + number}.M{number}.host:2,S"), "wb") as one:
                one.write(letter(number))
    box.close()
    return maildir, mbox


def timed(what, count, *command, **how):
    began = time.monotonic()
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL, **how)
    seconds = time.monotonic() - began
    print(f"{what:44} {count:8} {seconds:8.2f} s {count / seconds:10.0f}/s", flush=True)


def doveadm(directory, maildir, count):
    done = subprocess.run([os.path.join(ROOT, "tools", "unpack_peers.sh"), "dovecot", "dovecot-core"], capture_output=True, text=True)
    if done.returncode != 0:
        print("Dovecot is not here")
        return
    root, home = done.stdout.split("\n")[0], os.path.join(directory, "dovecot")
    os.makedirs(home)
    configuration = os.path.join(home, "dovecot.conf")
    with open(configuration, "w", encoding="utf-8") as f:
        f.write(f"base_dir = {home}/run\nstate_dir = {home}/state\nlog_path = /dev/stderr\nmail_location = maildir:{home}/Maildir\nmail_uid = 65534\nmail_gid = 65534\n"
                f"mail_plugin_dir = {root}/usr/lib/dovecot/modules\nstats_writer_socket_path =\ndefault_login_user = nobody\ndefault_internal_user = nobody\nssl = no\n"
                "namespace inbox {\n  inbox = yes\n}\n")
    for folder, _, names in os.walk(directory):
        for name in [".", *names]:
            os.chown(os.path.join(folder, name), 65534, 65534)
    environment = {"LD_LIBRARY_PATH": f"{root}/usr/lib/dovecot:{root}/usr/lib/x86_64-linux-gnu", "USER": "anna", "HOME": home, "PATH": os.environ["PATH"]}
    timed("doveadm import, Maildir", count, "setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", f"{root}/usr/bin/doveconf", "-f", "service=doveadm",
          "-c", configuration, "-m", "doveadm", "-e", f"{root}/usr/bin/doveadm", "import", f"maildir:{maildir}", "", "ALL", env=environment)


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("binary")
    parser.add_argument("--messages", type=int, default=20000)
    parser.add_argument("--directory", help="where sources and stores lie; by default the system's place for such")
    options = parser.parse_args()
    directory = tempfile.mkdtemp(prefix="moving", dir=options.directory)
    os.chmod(directory, 0o755)
    count = options.messages
    server = Server(options.binary, os.path.join(directory, "server"), free_offset(23000))
    try:
        maildir, mbox = make_sources(directory, count)
        server.init()
        names = ("one", "two", "three", "four")
        for name in names:
            server.add_account(name, PASSWORD)

        def work(what, verb, name, place, *more):
            timed(what, count, server.binary, verb, "--dir", server.directory, "--account", f"{name}@{server.domain}", place, *more)
        work("import, Maildir, no server", "import", "one", maildir)
        work("import, mbox, no server", "import", "two", mbox)
        work("import, mbox, all there", "import", "two", mbox)
        server.start()
        work("import, Maildir, by the server", "import", "three", maildir)
        work("import, mbox, by the server", "import", "four", mbox)
        for form in ("mbox", "maildir++"):
            work(f"export, {form}", "export", "one", os.path.join(directory, f"out-{form}"), "--format", form)
        server.end()
        if os.getuid() == 0:
            doveadm(directory, maildir, count)
    finally:
        server.end()
        shutil.rmtree(directory, ignore_errors=True)


if __name__ == "__main__":
    main()
