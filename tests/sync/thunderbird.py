"""Thunderbird without a screen, with the offline store of one IMAP account; thunderbird.cfg, which it reads at its start, drives it."""
import json
import os
import random
import re
import shutil
import signal
import subprocess
import time

from harness.cases import PASSWORD
from harness.server import Failure
from interop.boxes import unpack
from keepers import Keeper, state
from movers import BOXES

HERE = os.path.dirname(os.path.abspath(__file__))
START_SECONDS = 90
ANSWER_SECONDS = 120
OWN_FIELDS = re.compile(rb"(?m)^(From - .*|X-Mozilla-\S+:.*)\r?\n")  # what its store adds
PREFERENCES = """pref("general.config.filename", "angarium.cfg");
pref("general.config.obscure_value", 0);
pref("general.config.sandbox_enabled", false);
"""


def preferences(bench):
    values = {"mail.accountmanager.accounts": "account1,account2", "mail.accountmanager.defaultaccount": "account1",
              "mail.accountmanager.localfoldersserver": "server2", "mail.account.account1.server": "server1", "mail.account.account1.identities": "id1",
              "mail.account.account2.server": "server2", "mail.identity.id1.useremail": bench.account, "mail.identity.id1.fullName": "Sync",
              "mail.server.server1.type": "imap", "mail.server.server1.hostname": "localhost", "mail.server.server1.port": bench.port("imap"),
              "mail.server.server1.userName": bench.account, "mail.server.server1.name": "sync", "mail.server.server1.socketType": 0,
              "mail.server.server1.authMethod": 3, "mail.server.server1.login_at_startup": False, "mail.server.server1.offline_download": True,
              "mail.server.server1.autosync_offline_stores": True, "mail.server.server1.delete_model": 2,
              "mail.server.server1.storeContractID": "@mozilla.org/msgstore/maildirstore;1", "mail.server.default.using_subscription": False,
              "mail.server.server1.using_subscription": False, "mail.server.server2.type": "none", "mail.server.server2.hostname": "Local Folders",
              "mail.server.server2.userName": "nobody", "mail.shell.checkDefaultClient": False, "app.update.enabled": False,
              "mail.provider.suppress_dialog_on_startup": True, "mail.spotlight.firstRunDone": True, "mail.winsearch.firstRunDone": True,
              "datareporting.policy.dataSubmissionPolicyBypassNotification": True, "datareporting.healthreport.uploadEnabled": False,
              "toolkit.telemetry.enabled": False, "network.captive-portal-service.enabled": False, "network.connectivity-service.enabled": False,
              "extensions.update.enabled": False, "mailnews.start_page.enabled": False, "browser.safebrowsing.malware.enabled": False,
              "browser.safebrowsing.phishing.enabled": False, "services.settings.server": "http://localhost:1/", "mail.biff.alert.show_preview": False,
              "mailnews.downloadToTempFile": False, "offline.autoDetect": False, "network.manage-offline-status": False, "offline.startup_state": 2, "mail.prompt_purge_threshhold": False, "mail.imap.expunge_after_delete": True}
    return "".join(f'user_pref("{name}", {json.dumps(value)});\n' for name, value in values.items())


class Thunderbird(Keeper):
    name = "thunderbird"
    flags = "FRS"  # it has no word for \Draft

    def __init__(self, bench, ledger, seed):
        self.bench, self.ledger = bench, ledger
        self.root = unpack("thunderbird", "thunderbird")
        program = f"{self.root}/usr/lib/thunderbird"
        shutil.copy(os.path.join(HERE, "thunderbird.cfg"), f"{program}/angarium.cfg")
        with open(f"{program}/defaults/pref/angarium.js", "w") as f:
            f.write(PREFERENCES)
        self.place = os.path.join(bench.directory, "thunderbird")
        os.makedirs(f"{self.place}/profile")
        bench.write("thunderbird/profile/user.js", preferences(bench))
        self.said, self.number, self.at = os.path.join(self.place, "said"), 0, 0
        bench.write("thunderbird/said", b"")
        environment = {"PATH": os.environ["PATH"], "HOME": self.place, "LC_ALL": "C.UTF-8", "TMPDIR": self.place, "MOZ_HEADLESS": "1",
                       "LD_LIBRARY_PATH": f"{self.root}/usr/lib/x86_64-linux-gnu", "ANGARIUM_ASK": os.path.join(self.place, "ask"),
                       "ANGARIUM_SAID": self.said, "ANGARIUM_USER": bench.account, "ANGARIUM_PASSWORD": PASSWORD, "ANGARIUM_BOXES": " ".join(BOXES),
                       "ANGARIUM_SEED": str(random.Random(f"{seed} {self.name}").randrange(1 << 30))}
        self.errors = open(os.path.join(self.place, "errors"), "wb")
        self.process = subprocess.Popen([f"{program}/thunderbird-bin", "--headless", "--no-remote", "--profile", f"{self.place}/profile"],
                                        stdin=subprocess.DEVNULL, stdout=self.errors, stderr=self.errors, env=environment, cwd=self.place, start_new_session=True)
        try:
            self.hear("ready", START_SECONDS)
        except Failure:
            self.close()
            raise

    def ask(self, words):
        path = os.path.join(self.place, "ask")
        with open(path + ".new", "w") as f:
            f.write(words)
        os.rename(path + ".new", path)

    def lines(self):
        """What it said since the last time, in whole lines."""
        with open(self.said, "rb") as f:
            f.seek(self.at)
            data = f.read()
        end = data.rfind(b"\n") + 1
        self.at += end
        return data[:end].decode().splitlines()

    def take(self, line):
        if line.startswith("failed"):
            raise Failure(f"thunderbird: {line[:2000]}")
        if line == "round":
            self.ledger.count(self.name)
        self.ledger.take(line)

    def hear(self, wanted, seconds=ANSWER_SECONDS):
        """The rest of the line that begins so."""
        end = time.monotonic() + seconds
        while time.monotonic() < end and self.process.poll() is None:
            for line in self.lines():
                if line.startswith(wanted):
                    return line[len(wanted):].strip()
                self.take(line)
            time.sleep(0.1)
        raise Failure(f"thunderbird did not say {wanted!r} ({self.process.poll()}); what it wrote is in {self.errors.name}")

    def run(self, ended):
        self.ask("work")
        while not ended.is_set():
            for line in self.lines():
                self.take(line)
            ended.wait(0.2)
        self.sync()

    def sync(self):
        self.number += 1
        self.ask(f"sync {self.number}")
        self.hear(f"synced {self.number}")

    def copy(self):
        self.number += 1
        self.ask(f"dump {self.number}")
        found = {}
        for box, held in json.loads(self.hear("dumped")):
            found[box] = []
            for flags, octets in held:
                octets = OWN_FIELDS.sub(b"", bytes.fromhex(octets)) if octets is not None else b"(not in its offline store)"
                found[box].append((state(octets, ())[0], "".join(sorted(flags))))
            found[box].sort()
        return found

    def close(self):
        self.ask("quit")
        try:
            self.process.wait(20)
        except subprocess.TimeoutExpired:
            os.killpg(self.process.pid, signal.SIGKILL)  # its own session: only processes that it started
            self.process.wait()
        self.errors.close()
