"""Hosts of a network of their own: each a network and process namespace over a copy-on-write view of this machine's files.

What a host writes lies in memory and is gone with it. Packages are unpacked and laid over its view, so that programs find themselves where Debian
puts them and nothing is installed here. All of it lives in namespaces that end with this process."""
import contextlib
import os
import shutil
import signal
import subprocess
import sys
import time

from harness.server import Failure

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
INSIDE = "ANGARIUM_TEST_NETWORK"  # set in the process that is in the namespaces
HUB = "10.77.0.1"  # where this process is
NAME_SERVER = "10.77.0.53"
LAYERS = {  # packages of foreign hosts
    "postfix": ["postfix"],
    "exim": ["exim4-daemon-heavy", "exim4-base", "exim4-config"],
    "opensmtpd": ["opensmtpd"],
    "nsd": ["nsd"],
    "cron": ["cron"],
}
MEMORY_SIZE = "2g"  # for all hosts; messages of 20 MB lie in queues and mailboxes several times


def possible():
    """Why namespaces with file systems in memory and bridges can't be made here, or None."""
    if os.geteuid() != 0:
        return "takes root"
    probe = ("mount -t tmpfs none /mnt && mkdir /mnt/u /mnt/w /mnt/r && mount -t overlay none -o lowerdir=/,upperdir=/mnt/u,workdir=/mnt/w /mnt/r && "
             "ip link add br0 type bridge && ip link add v type veth peer name w && ip link set v master br0 && "
             "unshare --net --uts --pid --fork --kill-child --root=/mnt/r sh -c 'hostname x && mount -t proc proc /proc && ip link set lo up'")
    done = subprocess.run(["unshare", "--net", "--mount", "sh", "-c", probe], capture_output=True, text=True)
    return None if done.returncode == 0 else "no right to make namespaces: " + done.stderr.strip()


def enter():
    """Starts this program anew in a network and mount namespace of its own. Does not return."""
    os.environ[INSIDE] = "1"
    os.execvp("unshare", ["unshare", "--net", "--mount", "--", sys.executable, *sys.argv])


def run(*command, timeout=60):
    done = subprocess.run(command, capture_output=True, text=True, timeout=timeout)
    if done.returncode != 0:
        raise Failure(f"{' '.join(command)} ended with {done.returncode}: {done.stdout}{done.stderr}")
    return done.stdout


def unpack():
    """Unpacks the layers. Before `enter`: there is no way to Debian's archive from the namespace."""
    for name, packages in LAYERS.items():
        root = run(os.path.join(ROOT, "tools", "unpack_peers.sh"), f"network-{name}", *packages, timeout=600).split("\n")[0]
        for alias in ("bin", "lib", "sbin"):  # links into usr on Debian 12: a directory would hide the link
            with contextlib.suppress(FileNotFoundError):
                shutil.copytree(f"{root}/{alias}", f"{root}/usr/{alias}", symlinks=True, dirs_exist_ok=True)
                shutil.rmtree(f"{root}/{alias}")


def layer_of(name):
    """Where the files of LAYERS[name] lie, to be laid over "/"."""
    return os.path.join(ROOT, "build", "peers", f"network-{name}")


class Network:
    """The wire: a bridge in this process's namespace."""

    def __init__(self, directory):
        self.directory, self.hosts = directory, []
        run("mount", "-t", "tmpfs", "-o", f"size={MEMORY_SIZE}", "none", directory)
        run("ip", "link", "set", "lo", "up")
        run("ip", "link", "add", "br0", "type", "bridge")
        run("ip", "address", "add", f"{HUB}/24", "dev", "br0")
        run("ip", "address", "add", "fd77::1/64", "dev", "br0", "nodad")
        run("ip", "link", "set", "br0", "up")

    def end(self):
        for host in self.hosts:
            host.end()
        run("umount", "--lazy", self.directory)


class Host:
    """One host. `name` is its full name, `number` its last octet in 10.77.0.0/24 and fd77::/64; `layer` what `layer_of` gave."""

    def __init__(self, network, name, number, layer=None, family=(4, 6)):
        self.network, self.name, self.number = network, name, number
        self.link = f"v{number}"
        base = os.path.join(network.directory, name)
        self.root = os.path.join(base, "root")
        for part in ("upper", "work", "root"):
            os.makedirs(os.path.join(base, part))
        if layer:
            run("cp", "-a", f"{layer}/.", f"{base}/upper")
        run("mount", "-t", "overlay", "overlay", "-o", f"lowerdir=/,upperdir={base}/upper,workdir={base}/work", self.root)
        run("mount", "--rbind", "/dev", self.root + "/dev")
        run("mount", "-t", "tmpfs", "none", self.root + "/run")
        with contextlib.suppress(OSError):
            os.remove(self.root + "/etc/resolv.conf")  # may be a link
        self.write("/etc/resolv.conf", f"nameserver {NAME_SERVER}\n")
        self.write("/etc/hosts", f"127.0.0.1 localhost\n10.77.0.{number} {name}\n")
        self.write("/etc/hostname", name + "\n")
        self.write("/etc/mailname", name + "\n")
        self.write("/etc/nsswitch.conf", "passwd: files\ngroup: files\nshadow: files\nhosts: files dns\n")
        self.holder = subprocess.Popen(
            ["unshare", "--net", "--uts", "--pid", "--fork", "--kill-child", f"--root={self.root}", "sh", "-c",
             f"hostname {name} && mount -t proc proc /proc && ip link set lo up && echo ready && exec sleep infinity"],
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, start_new_session=True)
        if self.holder.stdout.readline() != b"ready\n":
            raise Failure(f"{name}: no namespace")
        with open(f"/proc/{self.holder.pid}/task/{self.holder.pid}/children") as f:
            self.init = f.read().split()[0]
        run("ip", "link", "add", self.link, "type", "veth", "peer", "name", "eth0", "netns", self.init)
        run("ip", "link", "set", self.link, "master", "br0", "up")
        if 4 in family:
            self.run("ip", "address", "add", f"10.77.0.{number}/24", "dev", "eth0")
        if 6 in family:
            self.run("ip", "address", "add", f"fd77::{number}/64", "dev", "eth0", "nodad")
        self.run("ip", "link", "set", "eth0", "up")
        network.hosts.append(self)

    @property
    def address(self):
        return f"10.77.0.{self.number}"

    def path(self, inside):
        return self.root + inside

    def write(self, inside, text, mode=0o644):
        os.makedirs(os.path.dirname(self.path(inside)), exist_ok=True)
        with open(self.path(inside), "w", encoding="utf-8") as f:
            f.write(text)
        os.chmod(self.path(inside), mode)

    def read(self, inside):
        try:
            with open(self.path(inside), encoding="utf-8", errors="replace") as f:
                return f.read()
        except OSError as error:
            return f"({error})"

    def add_user(self, name, uid, home=None):
        """A user with a group of the same name and number."""
        with open(self.path("/etc/passwd"), "a") as f:
            f.write(f"{name}:x:{uid}:{uid}::{home or '/nonexistent'}:/bin/sh\n")
        with open(self.path("/etc/group"), "a") as f:
            f.write(f"{name}:x:{uid}:\n")
        with open(self.path("/etc/shadow"), "a") as f:
            f.write(f"{name}:*:19000:0:99999:7:::\n")
        if home:
            os.makedirs(self.path(home), exist_ok=True)
            os.chown(self.path(home), uid, uid)

    def inside(self, *command):
        return ["nsenter", "--target", self.init, "--net", "--uts", "--pid", "--", "chroot", self.root, *command]

    def run(self, *command, stdin="", timeout=60, check=True):
        done = subprocess.run(self.inside(*command), input=stdin, capture_output=True, text=True, timeout=timeout)
        if check and done.returncode != 0:
            raise Failure(f"{self.name}: {' '.join(command)} ended with {done.returncode}: {done.stdout}{done.stderr}")
        return done.stdout + ("" if check else done.stderr)

    def spawn(self, *command, log):
        """Starts a server; it ends with the host."""
        with open(self.path(log), "ab") as output:
            return subprocess.Popen(self.inside(*command), stdin=subprocess.DEVNULL, stdout=output, stderr=output, start_new_session=True)

    def cut(self):
        """Nothing reaches it and nothing leaves it."""
        run("ip", "link", "set", self.link, "down")

    def mend(self):
        run("ip", "link", "set", self.link, "up")

    def end(self):
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.holder.pid, signal.SIGKILL)
        self.holder.wait()


def until(condition, what, seconds=60):
    """Waits until condition() is true and returns what it gave; `what` may be a function that tells what is wrong."""
    end = time.monotonic() + seconds
    while True:
        if found := condition():
            return found
        if time.monotonic() > end:
            raise Failure(what() if callable(what) else what)
        time.sleep(0.2)
