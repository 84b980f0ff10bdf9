#!/usr/bin/python3
"""A log or a state that does not come back is missed by name, and nothing that was acknowledged is lost with it."""

import os
import shutil
import subprocess
import tempfile
import time
import unittest

from cell_process import Cell

POLIS = os.environ["POLIS"]


def cut(wal):
    """What was written last is gone: the newest file that was written to ends in its middle."""
    for name in sorted(os.listdir(wal), reverse=True):
        path = os.path.join(wal, name)
        with open(path, "rb") as f:
            used = len(f.read().rstrip(b"\0"))
        if used > 0:
            os.truncate(path, used // 2)
            return


def empty(wal):
    for name in os.listdir(wal):
        os.truncate(os.path.join(wal, name), 0)


LOSSES = {"deleted": shutil.rmtree, "without files": lambda wal: [os.remove(os.path.join(wal, name)) for name in os.listdir(wal)],
          "emptied": empty, "cut": cut}


class LostDiskTest(unittest.TestCase):
    def setUp(self):
        self.temporary = tempfile.TemporaryDirectory(prefix="polis-test-")
        self.cells = []

    def tearDown(self):
        for cell in self.cells:
            cell.kill()
        self.temporary.cleanup()

    def cell(self, size, name="cell"):
        cell = Cell(POLIS, os.path.join(self.temporary.name, name), size)
        self.cells.append(cell)
        cell.start()
        cell.wait_ready()
        return cell

    def polis(self, *args, rc=0):
        done = subprocess.run([POLIS, *args], capture_output=True, text=True, timeout=60)
        self.assertEqual(done.returncode, rc, f"{args}\n{done.stdout}\n{done.stderr}")
        return done.stdout + done.stderr

    def expect_refused(self, replica, *texts):
        replica.start()
        self.assertEqual(replica.process.wait(20), 1)
        for text in texts:
            self.assertIn(text, replica.log()[-1500:])

    def test_a_cell_of_one_says_that_its_log_is_lost(self):
        for loss, lose in LOSSES.items():
            with self.subTest(loss):
                one = self.cell(1, loss)
                self.polis("kv", "put", "-e", one.endpoints, "k", "v")
                replica = one.replicas[0]
                self.assertEqual(replica.stop(), 0)
                kept = os.path.join(self.temporary.name, "kept")
                shutil.copytree(replica.directory, kept)
                lose(os.path.join(replica.directory, "wal"))
                self.expect_refused(replica, "Restore a backup: polis cell snapshot restore", replica.directory + "/wal")
                # Who finds the true one goes on.
                shutil.rmtree(replica.directory)
                os.rename(kept, replica.directory)
                replica.start()
                one.wait_ready()
                self.assertEqual(self.polis("kv", "get", "-e", one.endpoints, "--value-only", "k").strip(), "v")

    def test_a_log_is_missed_after_a_kill_too(self):
        one = self.cell(1)
        self.polis("kv", "put", "-e", one.endpoints, "k", "v")
        replica = one.replicas[0]
        replica.kill()
        shutil.rmtree(replica.directory + "/wal")
        self.expect_refused(replica, "holds no log")

    def test_log_and_state_are_missed_together(self):
        one = self.cell(1)
        self.polis("kv", "put", "-e", one.endpoints, "k", "v")
        replica = one.replicas[0]
        self.assertEqual(replica.stop(), 0)
        shutil.rmtree(replica.directory + "/wal")
        os.remove(replica.directory + "/state.mdb")
        self.expect_refused(replica, "holds no log")

    def test_a_lost_state_is_made_again_from_the_log(self):
        one = self.cell(1)
        self.polis("kv", "put", "-e", one.endpoints, "k", "v")
        replica = one.replicas[0]
        self.assertEqual(replica.stop(), 0)
        os.remove(replica.directory + "/state.mdb")
        replica.start()
        one.wait_ready()
        self.assertEqual(self.polis("kv", "get", "-e", one.endpoints, "--value-only", "k").strip(), "v")

    def test_the_log_of_another_replica_is_refused(self):
        three = self.cell(3)
        self.polis("kv", "put", "-e", three.endpoints, "k", "v")
        first, second, _ = three.replicas
        for replica in (first, second):
            self.assertEqual(replica.stop(), 0)
        shutil.rmtree(first.directory + "/wal")
        shutil.copytree(second.directory + "/wal", first.directory + "/wal")
        first.start()
        self.assertEqual(first.process.wait(20), 2)
        self.assertIn("belongs to cell", first.log()[-1500:])
        self.assertIn("polis cell repair", first.log()[-1500:])

    def test_a_cell_that_stopped_together_keeps_what_it_acknowledged(self):
        three = self.cell(3)
        third, loses = three.replicas[2], three.replicas[1]
        self.polis("kv", "put", "-e", three.endpoints, "k", "before")
        deadline = time.monotonic() + 20
        while any(not member.get("client") for member in three.status()) or len(three.status()) < 3:
            self.assertLess(time.monotonic(), deadline)  # all have told their addresses
        # The third one does not have the write; the second one has it, and loses its log.
        third.kill()
        self.polis("kv", "put", "-e", ",".join(r.client for r in three.replicas[:2]), "--timeout", "20", "k", "acknowledged")
        for replica in three.replicas[:2]:
            replica.kill()
        shutil.rmtree(loses.directory + "/wal")
        self.expect_refused(loses, "holds no log", f"polis cell repair {loses.name} --endpoints")
        for replica in (three.replicas[0], third):
            replica.start()
        three.wait_ready()
        alive = f"{three.replicas[0].client},{third.client}"
        self.assertEqual(self.polis("kv", "get", "-e", alive, "--timeout", "20", "--value-only", "k").strip(), "acknowledged")
        # It counts as a lost disk: the replica comes back under a new identity.
        self.polis("cell", "repair", loses.name, "-e", alive, "--timeout", "20", "--wait", "0")
        os.rename(loses.directory, loses.directory + ".lost")
        loses.join()
        self.polis("cell", "repair", loses.name, "-e", alive, "--timeout", "20", "--wait", "60")
        three.replicas[0].kill()
        self.polis("kv", "put", "-e", f"{loses.client},{third.client}", "--timeout", "20", "k", "goes on")


if __name__ == "__main__":
    unittest.main(verbosity=1)
