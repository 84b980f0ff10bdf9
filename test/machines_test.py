#!/usr/bin/python3
"""The package on real machines: Debian with systemd, each with its own kernel, disk and address.

VMLAB names the tool that starts them: `build`, `up N`, `exec M COMMAND`, `push M FILE DIRECTORY`, `power-cut M`, `start M`, `down`, as
commands.
PACKAGE names the package. Without VMLAB nothing is tried, and the test ends with 77. `make machines` runs it; it takes minutes.
"""

import glob
import os
import re
import subprocess
import sys
import tempfile
import time
import unittest

VMLAB = os.environ.get("VMLAB", "")
PACKAGE = os.environ.get("PACKAGE", "")
PATIENCE = 300  # emulated machines are slow
REPLICAS = 3


class Lab:
    """The machines, from their start to their end."""

    def __init__(self):
        self.temporary = tempfile.TemporaryDirectory(prefix="polis-machines-")
        self.environment = dict(os.environ, VMLAB_DIR=self.temporary.name)

    def run(self, *words, check=True):
        done = subprocess.run([VMLAB, *words], capture_output=True, text=True, env=self.environment, timeout=PATIENCE * 4)
        if check and done.returncode != 0:
            raise AssertionError(f"{words} ended with {done.returncode}\n{done.stdout}{done.stderr}")
        return done

    def end(self):
        self.run("down", check=False)
        self.temporary.cleanup()


class MachinesTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.lab = Lab()
        cls.addClassCleanup(cls.lab.end)
        cls.machines = [f"m{number}" for number in range(1, REPLICAS + 1)]
        cls.lab.run("build")
        cls.lab.run("up", str(REPLICAS))
        for machine in cls.machines:
            cls.lab.run("push", machine, PACKAGE, "/root")

    def on(self, machine, line, status=0):
        """What a line of bash prints there."""
        done = self.lab.run("exec", machine, line, check=False)
        if done.returncode != status:
            self.fail(f"{machine}: {line}\nended with {done.returncode}\n{done.stdout}{done.stderr}\n{self.journal(machine)}")
        return done.stdout.strip()

    def journal(self, machine):
        return self.lab.run("exec", machine, "journalctl -u polis -n 30 --no-pager", check=False).stdout

    def until(self, condition, what):
        deadline = time.monotonic() + PATIENCE
        while not condition():
            self.assertLess(time.monotonic(), deadline, what)

    def property(self, machine, name):
        return self.on(machine, f"systemctl show --value -p {name} polis")

    def install(self, machine):
        self.on(machine, "dpkg -i /root/polis_*.deb")

    def purge(self, machine):
        self.on(machine, "dpkg -P polis; rm -rf /var/lib/polis /etc/systemd/system/polis.service.d; systemctl daemon-reload; systemctl reset-failed")

    def test_one_machine_from_installation_to_removal(self):
        machine = self.machines[0]
        self.addCleanup(self.purge, machine)
        self.install(machine)
        self.assertEqual(self.property(machine, "ActiveState"), "inactive")
        self.on(machine, "systemctl is-enabled polis", status=1)
        self.on(machine, "getent passwd polis")
        self.assertEqual(self.on(machine, "systemd-analyze verify --man=no polis.service 2>&1"), "")

        self.on(machine, "systemctl start polis")  # ends when it is ready
        self.assertRegex(self.property(machine, "StatusText"), "^master of cell polis")
        self.on(machine, "polis kv put greeting hello")
        self.assertEqual(self.on(machine, "polis kv get --value-only greeting"), "hello")
        self.assertIn("\nprocess_max_fds 16384\n", self.on(machine, "busybox wget -qO- http://127.0.0.1:2379/metrics"))
        self.assertEqual(self.on(machine, "stat -c '%U %a' /var/lib/polis"), "polis 700")

        # It dies, and comes back with what it had.
        first = self.property(machine, "MainPID")
        self.on(machine, "systemctl kill -s KILL polis")
        self.until(lambda: self.property(machine, "MainPID") not in ("0", first), "it is started again")
        self.on(machine, f"polis cell wait --timeout {PATIENCE}")
        self.assertEqual(self.on(machine, "polis kv get --value-only greeting"), "hello")

        # A new version of the package restarts a service that runs.
        before = self.property(machine, "MainPID")
        self.install(machine)
        self.until(lambda: self.property(machine, "MainPID") not in ("0", before), "it is restarted")
        self.on(machine, f"polis cell wait --timeout {PATIENCE}")

        self.on(machine, "dpkg -r polis")
        self.assertEqual(self.on(machine, "pgrep -x polis", status=1), "")
        self.on(machine, "test -s /etc/polis/polis.yaml && test -d /var/lib/polis/wal")
        self.on(machine, "dpkg -P polis && ! test -e /etc/polis && test -d /var/lib/polis/wal")

    def test_a_replica_that_stands_still_is_ended_by_the_watchdog_and_one_that_is_well_is_not(self):
        machine = self.machines[1]
        self.addCleanup(self.purge, machine)
        self.install(machine)
        self.on(machine, "mkdir -p /etc/systemd/system/polis.service.d && cd /etc/systemd/system/polis.service.d && "
                         "printf '[Service]\\nWatchdogSec=5\\n' > watchdog.conf && systemctl daemon-reload && systemctl start polis")
        # Well for more than three intervals: by the machine's clock.
        begun = self.property(machine, "ActiveEnterTimestampMonotonic")
        self.until(lambda: float(self.on(machine, "cut -d' ' -f1 /proc/uptime")) > int(begun) / 1e6 + 16, "time passes")
        self.assertEqual(self.property(machine, "NRestarts"), "0")
        self.on(machine, "systemctl kill -s STOP polis")
        self.until(lambda: self.property(machine, "NRestarts") == "1", "the watchdog has noticed")
        self.assertIn("atchdog", self.journal(machine))

    def test_wrong_settings_are_not_tried_again(self):
        machine = self.machines[2]
        self.addCleanup(self.purge, machine)
        self.install(machine)
        self.on(machine, "echo 'reads: sometimes' >> /etc/polis/polis.yaml")
        self.on(machine, "systemctl start polis", status=1)
        self.assertEqual(self.property(machine, "ActiveState"), "failed")
        self.assertEqual(self.property(machine, "NRestarts"), "0")
        self.assertIn("must be lease or quorum", self.journal(machine))

    def test_three_machines_are_a_cell_that_outlives_a_power_cut(self):
        names = dict(zip("abc", self.machines))
        initial = ",".join(f"{name}={machine}:2380" for name, machine in names.items())
        for name, machine in names.items():
            self.addCleanup(self.purge, machine)
            self.install(machine)
            self.on(machine, f"printf 'name: {name}\\nclient: \":2379\"\\npeer: \"{machine}:2380\"\\nadvertise-client: \"{machine}:2379\"\\n"
                             f"initial: \"{initial}\"\\n' >> /etc/polis/polis.yaml && systemctl enable polis && systemctl start --no-block polis")
        self.on("m1", f"polis cell wait --timeout {PATIENCE}")
        self.on("m1", "polis kv put greeting hello")
        for machine in names.values():
            self.until(lambda: self.property(machine, "ActiveState") == "active", "each is ready")
        table = self.on("m1", "polis cell status")
        master = re.search(r"(?m)^(\w+)\b.*\bmaster\b", table)
        self.assertTrue(master, table)
        fallen = names[master.group(1)]
        left = [machine for machine in names.values() if machine != fallen]
        self.lab.run("power-cut", fallen)
        self.on(left[0], f"polis cell wait --timeout {PATIENCE}")
        self.on(left[0], "polis kv put greeting again")
        self.lab.run("start", fallen)
        self.until(lambda: self.lab.run("exec", fallen, "polis kv get --value-only --serializable greeting", check=False).stdout.strip() == "again",
                   "it came back by itself, and caught up")


if __name__ == "__main__":
    if not VMLAB:
        print("VMLAB is not set: no machines, nothing tried")
        sys.exit(77)
    PACKAGE = PACKAGE or max(glob.glob(os.path.join(os.path.dirname(os.path.abspath(__file__)), "../build/polis_*.deb")), key=os.path.getmtime)
    unittest.main(verbosity=2)
