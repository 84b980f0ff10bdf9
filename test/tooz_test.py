#!/usr/bin/python3
"""The tests of tooz (its etcd3gw driver) and of etcd3gw, unchanged, against a cell: clients of the JSON gateway."""

import os
import subprocess
import tempfile
import unittest

from cell_process import Cell
from client_venv import ClientVenv

PACKAGES = ("tooz[etcd3gw,ipc,memcached,redis]==9.1.0", "etcd3gw==2.7.0", "testtools", "testscenarios", "fixtures", "ddt", "oslotest")


class ToozTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.environment = ClientVenv(*PACKAGES)
        cls.addClassCleanup(cls.environment.remove)
        directory = tempfile.TemporaryDirectory(prefix="polis-test-")
        cls.addClassCleanup(directory.cleanup)
        cls.directory = directory.name
        cls.cell = Cell(os.environ["POLIS"], os.path.join(cls.directory, "cell"))
        cls.cell.start()
        cls.addClassCleanup(cls.cell.kill)
        cls.cell.wait_ready()

    # What is skipped is what the driver itself does not have.
    def run_suite(self, modules, tests, verdict, **environment):
        done = subprocess.run([self.environment.program("python"), "-m", "unittest", *modules], cwd=self.directory, capture_output=True, text=True,
                              timeout=600, env=dict(os.environ, **environment))
        self.assertEqual(done.returncode, 0, done.stdout[-5000:] + done.stderr[-20000:])
        lines = done.stderr.splitlines()
        self.assertEqual(lines[-1], verdict)
        self.assertIn(f"Ran {tests} tests in", lines[-3])

    def test_tooz(self):
        endpoint = self.cell.replicas[1].client
        self.run_suite(["tooz.tests.test_coordination", "tooz.tests.drivers.test_etcd3gw"], 85, "OK (skipped=18)",
                       TOOZ_TEST_URL=f"etcd3+http://{endpoint}")

    # So tooz's own runs set it: all of it below /v3beta.
    def test_tooz_with_the_api_of_an_earlier_etcd(self):
        self.run_suite(["tooz.tests.test_coordination.TestAPI"], 81, "OK (skipped=18)", TOOZ_TEST_URL=f"etcd://{self.cell.replicas[2].client}",
                       TOOZ_TEST_ETCD3GW="1")

    def test_etcd3gw(self):
        endpoint = self.cell.replicas[0].client
        self.run_suite(["etcd3gw.tests.test_client", "etcd3gw.tests.test_etcd3gw"], 39, "OK", TOOZ_TEST_HTTP_URL=f"http://{endpoint}",
                       TOOZ_TEST_ETCD_PORT=endpoint.split(":")[1])


if __name__ == "__main__":
    unittest.main(verbosity=1)
