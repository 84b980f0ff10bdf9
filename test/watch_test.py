#!/usr/bin/python3
"""`polis kv watch` over several endpoints, while replicas stop."""

import json
import os
import signal
import subprocess
import tempfile
import threading
import time
import unittest

from cell_process import Cell

POLIS = os.environ["POLIS"]
SECONDS_MAX = 60


class Watch:
    """A watch that runs, and the lines that it has printed."""

    def __init__(self, *args):
        self.process = subprocess.Popen([POLIS, "kv", "watch", *args], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        self.lines, self.notes = [], []
        self.threads = [threading.Thread(target=self.read, args=pair, daemon=True)
                        for pair in ((self.process.stdout, self.lines), (self.process.stderr, self.notes))]
        for thread in self.threads:
            thread.start()

    @staticmethod
    def read(stream, lines):
        for line in stream:
            lines.append(line.rstrip("\n"))

    def wait_for(self, condition):
        deadline = time.monotonic() + SECONDS_MAX
        while not condition(self):
            if time.monotonic() > deadline or self.process.poll() is not None:
                raise AssertionError(f"{self.lines} {self.notes}")
            time.sleep(0.02)  # between two looks at what another process prints

    def end(self):
        self.process.send_signal(signal.SIGTERM)
        return self.ended()

    def ended(self):
        code = self.process.wait(SECONDS_MAX)
        for thread in self.threads:
            thread.join()
        self.process.stdout.close()
        self.process.stderr.close()
        return code


class WatchTest(unittest.TestCase):
    def setUp(self):
        directory = tempfile.TemporaryDirectory(prefix="polis-test-")
        self.addCleanup(directory.cleanup)
        self.cell = Cell(POLIS, directory.name, 3)
        self.addCleanup(self.cell.kill)
        self.cell.start()
        self.cell.wait_ready()

    def put(self, key, value):
        done = subprocess.run([POLIS, "kv", "put", key, value, "-o", "json", "--timeout", "30", "-e", ",".join(r.client for r in self.cell.replicas if r.alive())],
                              capture_output=True, text=True, check=True)
        return int(json.loads(done.stdout)["header"]["revision"])

    def test_a_watch_goes_on_at_another_replica_and_sees_each_change_once(self):
        first = self.put("w", "0")
        watch = Watch("w", "--start", str(first), "-e", self.cell.endpoints)
        self.addCleanup(watch.process.kill)
        watch.wait_for(lambda w: "0" in w.lines)
        number = 1
        for replica in self.cell.replicas:
            replica.kill()
            for _ in range(3):
                self.put("w", str(number))
                number += 1
            replica.start()
            replica.wait_serving()
            watch.wait_for(lambda w: str(number - 1) in w.lines)
        watch.end()
        self.assertEqual([line for line in watch.lines if not line.startswith("PUT")], [str(n) for n in range(number)])
        self.assertTrue(any("the watch goes on at" in note for note in watch.notes), watch.notes)

    def test_what_was_compacted_meanwhile_is_said(self):
        a, b, _ = self.cell.replicas
        revision = self.put("w", "0")
        watch = Watch("w", "--start", str(revision), "-o", "json", "-e", a.client)
        self.addCleanup(watch.process.kill)
        watch.wait_for(lambda w: len(w.lines) > 0)
        # The watch does not run until the replica that it goes on at has compacted.
        watch.process.send_signal(signal.SIGSTOP)
        a.kill()
        for value in "123":
            newest = self.put("w", value)
        subprocess.run([POLIS, "kv", "compact", str(newest), "-e", b.client, "--timeout", "30"], check=True, capture_output=True)
        a.start()
        a.wait_serving()
        deadline = time.monotonic() + SECONDS_MAX
        while "compacted" not in subprocess.run([POLIS, "kv", "get", "--serializable", "w", "--revision", str(revision), "-e", a.client],
                                                capture_output=True, text=True).stderr:
            self.assertLess(time.monotonic(), deadline)
        watch.process.send_signal(signal.SIGCONT)
        watch.wait_for(lambda w: any("compacted" in note for note in w.notes))
        self.put("w", "last")
        watch.wait_for(lambda w: any("bGFzdA==" in line for line in w.lines))
        watch.end()
        notes = [json.loads(note)["note"] for note in watch.notes]
        self.assertIn(f"revisions {revision + 1} to {newest - 1} were compacted before this watch could see them; their changes are missed", notes)

    def test_a_first_revision_that_is_compacted_is_refused_with_the_oldest_that_is_not(self):
        first = self.put("w", "0")
        newest = self.put("w", "1")
        subprocess.run([POLIS, "kv", "compact", str(newest), "-e", self.cell.endpoints, "--timeout", "30"], check=True, capture_output=True)
        watch = Watch("w", "--start", str(first), "-e", self.cell.endpoints)
        self.assertEqual(watch.ended(), 1)
        self.assertEqual(watch.lines, [])
        self.assertIn(f"revision {first} has been compacted; the oldest one that can be watched is {newest}", watch.notes[0])

    def test_json_is_etcds_and_names_what_was_there_before(self):
        first = self.put("w", "0")
        self.put("w", "1")
        watch = Watch("w", "--start", str(first), "--events", "2", "--prev-kv", "-o", "json", "-e", self.cell.endpoints)
        self.assertEqual(watch.ended(), 0)
        events = [event for line in watch.lines for event in json.loads(line)["events"]]
        self.assertEqual([event["kv"]["value"] for event in events], ["MA==", "MQ=="])
        self.assertEqual(events[1]["prev_kv"]["value"], "MA==")

    def test_an_endpoint_that_is_not_there_is_passed_over_or_named(self):
        self.put("w", "x")
        watch = Watch("w", "--start", "1", "--events", "1", "-e", "127.0.0.1:1," + self.cell.endpoints)
        self.assertEqual(watch.ended(), 0)
        none = Watch("w", "-e", "127.0.0.1:1,127.0.0.1:2")
        self.assertEqual(none.ended(), 1)
        self.assertIn("cannot connect to 127.0.0.1:2", none.notes[0])


if __name__ == "__main__":
    unittest.main(verbosity=1)
