#!/usr/bin/python3
"""The demo's verdict is honest: a build that acknowledges before the quorum must fail it, the real one must pass."""

import os
import subprocess
import sys
import unittest

PROTOCOL = os.environ.get("FOUNDED_WITH") or "raft"
DEMO = os.path.join(os.path.dirname(os.path.abspath(__file__)), "demo.py")


class DemoTest(unittest.TestCase):
    def demo(self, polis):
        return subprocess.run([sys.executable, DEMO, "--polis", polis, "--rounds", "2", "--protocol", PROTOCOL], capture_output=True, text=True, timeout=120)

    def test_the_real_build_passes(self):
        done = self.demo(os.environ["POLIS"])
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
        self.assertIn("not one acknowledged write was lost", done.stdout)

    def test_a_build_that_acknowledges_before_the_quorum_fails(self):
        done = self.demo(os.environ["POLIS_BROKEN"])
        self.assertEqual(done.returncode, 1, done.stdout + done.stderr)
        self.assertIn("FAILED: acknowledged writes were lost", done.stdout)


if __name__ == "__main__":
    unittest.main(verbosity=1)
