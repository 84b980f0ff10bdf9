#!/usr/bin/python3
"""/metrics, as scrapers read it: with the parsers of Prometheus' own Python client."""

import os
import subprocess
import tempfile
import time
import unittest
import urllib.request

from prometheus_client.openmetrics.parser import text_string_to_metric_families as parse_open_metrics
from prometheus_client.parser import text_string_to_metric_families as parse_text

from cell_process import Cell

POLIS = os.environ["POLIS"]
PATIENCE = 30
OPEN_METRICS = "application/openmetrics-text;version=1.0.0,text/plain;version=0.0.4;q=0.5,*/*;q=0.1"

# Names that people's dashboards and alerts know, with their types.
GAUGES = """
polis_is_master polis_has_master polis_term polis_commit_index polis_applied_index polis_log_bytes polis_wal_bytes polis_revision
polis_compacted_revision polis_keys polis_leases polis_watches polis_unsaved_bytes polis_engine_disk_bytes polis_disk_full
polis_short_of_memory polis_full_members polis_client_connections polis_client_calls polis_build_info
etcd_server_has_leader etcd_server_is_leader etcd_server_is_learner etcd_server_proposals_committed_total
etcd_server_proposals_applied_total etcd_server_proposals_pending etcd_mvcc_db_total_size_in_bytes etcd_mvcc_db_total_size_in_use_in_bytes
etcd_debugging_mvcc_keys_total etcd_debugging_mvcc_current_revision etcd_debugging_mvcc_compact_revision
etcd_debugging_mvcc_watcher_total
process_resident_memory_bytes process_virtual_memory_bytes process_open_fds process_max_fds process_start_time_seconds
""".split()
# With "_total".
COUNTERS = """
polis_commands polis_entries_proposed polis_syncs polis_peer_messages_sent polis_peer_messages_received polis_role_changes
polis_slow_disk_hand_overs polis_snapshots_sent polis_snapshots_installed polis_client_connections_refused
polis_client_calls polis_client_bytes_received polis_client_bytes_sent
etcd_server_leader_changes_seen etcd_server_proposals_failed etcd_network_client_grpc_received_bytes etcd_network_client_grpc_sent_bytes
grpc_server_started grpc_server_handled grpc_server_msg_received grpc_server_msg_sent process_cpu_seconds
""".split()
# Where OpenMetrics has one name for two: the counter's type is left open there.
COUNTERS_BESIDE_GAUGES = ["polis_client_calls"]
HISTOGRAMS = ["etcd_disk_wal_fsync_duration_seconds", "etcd_disk_backend_commit_duration_seconds"]


def fetch(replica, accept=None, method="GET"):
    request = urllib.request.Request(f"http://{replica.client}/metrics", method=method, headers={"Accept": accept} if accept else {})
    with urllib.request.urlopen(request, timeout=10) as page:
        return page.headers["Content-Type"], page.read().decode()


class MetricsTest(unittest.TestCase):
    def setUp(self):
        self.temporary = tempfile.TemporaryDirectory(prefix="polis-test-")
        self.cell = Cell(POLIS, self.temporary.name, size=3)
        self.cell.start()
        for replica in self.cell.replicas:
            replica.wait_serving()

    def tearDown(self):
        self.cell.kill()
        self.temporary.cleanup()

    def polis(self, *words, code=0):
        done = subprocess.run([POLIS, *words, "-e", self.cell.replicas[0].client], capture_output=True, text=True)
        self.assertEqual(done.returncode, code, done.stderr)
        return done.stdout

    def samples(self, replica):
        """By name and labels, as the text format gives them."""
        _, page = fetch(replica)
        return {(s.name, tuple(sorted(s.labels.items()))): s.value for family in parse_text(page) for s in family.samples}

    def value(self, replica, name, **labels):
        return self.samples(replica)[name, tuple(sorted(labels.items()))]

    def until(self, condition, what):
        deadline = time.monotonic() + PATIENCE
        while not condition():
            self.assertLess(time.monotonic(), deadline, what)

    def test_every_name_has_its_type_in_both_formats(self):
        content_type, page = fetch(self.cell.replicas[0])
        self.assertEqual(content_type, "text/plain; version=0.0.4; charset=utf-8")
        self.assertTrue(list(parse_text(page)))
        types = dict(line.split()[2:] for line in page.splitlines() if line.startswith("# TYPE "))
        self.maxDiff = None
        fixed = {**dict.fromkeys(GAUGES, "gauge"), **dict.fromkeys(HISTOGRAMS, "histogram")}
        wanted = {**fixed, **{name + "_total": "counter" for name in COUNTERS}}
        self.assertEqual(types, wanted)

        content_type, page = fetch(self.cell.replicas[0], OPEN_METRICS)
        self.assertEqual(content_type, "application/openmetrics-text; version=1.0.0; charset=utf-8")
        families = list(parse_open_metrics(page))  # complains of much
        types = {family.name: family.type for family in families}
        wanted = {**dict.fromkeys(COUNTERS, "counter"), **fixed, **{name + "_total": "unknown" for name in COUNTERS_BESIDE_GAUGES}}
        self.assertEqual(types, wanted)
        self.assertTrue(all(family.documentation for family in families))

    def test_both_formats_have_the_same_samples(self):
        replica = self.cell.replicas[1]
        in_text = {(s.name, tuple(sorted(s.labels.items()))) for f in parse_text(fetch(replica)[1]) for s in f.samples}
        in_open = {(s.name, tuple(sorted(s.labels.items()))) for f in parse_open_metrics(fetch(replica, OPEN_METRICS)[1]) for s in f.samples}
        self.assertEqual(in_text, in_open)

    def test_no_sample_is_there_twice_and_the_order_stays(self):
        pages = [fetch(self.cell.replicas[0])[1] for _ in range(2)]
        names = [[line.rsplit(" ", 1)[0] for line in page.splitlines()] for page in pages]
        self.assertEqual(*names)
        samples = [name for name in names[0] if not name.startswith("#")]
        self.assertEqual(len(samples), len(set(samples)))
        families = [line.split()[2] for line in names[0] if line.startswith("# TYPE")]
        self.assertEqual(families, sorted(families))

    def test_a_master_is_known_to_all_and_one_is_it(self):
        replicas = self.cell.replicas
        self.until(lambda: all(self.value(r, "etcd_server_has_leader") == 1 for r in replicas), "everybody knows a master")
        self.assertEqual(sum(self.value(r, "etcd_server_is_leader") for r in replicas), 1)
        for replica in replicas:
            self.assertEqual(self.value(replica, "etcd_server_is_leader"), self.value(replica, "polis_is_master"))
            self.assertGreaterEqual(self.value(replica, "etcd_server_leader_changes_seen_total"), 1)
        # Without the other two nobody is it, and the one that is left says so.
        left, *others = replicas
        changes = self.value(left, "etcd_server_leader_changes_seen_total")
        for replica in others:
            replica.kill()
        self.until(lambda: self.value(left, "etcd_server_has_leader") == 0, "the master is missed")
        self.assertEqual(self.value(left, "etcd_server_leader_changes_seen_total"), changes)
        for replica in others:
            replica.start()
        self.until(lambda: self.value(left, "etcd_server_has_leader") == 1, "there is a master again")
        self.assertGreater(self.value(left, "etcd_server_leader_changes_seen_total"), changes)

    def test_writes_are_seen_in_keys_calls_bytes_and_syncs(self):
        replica = self.cell.replicas[0]
        put = {"grpc_service": "etcdserverpb.KV", "grpc_method": "Put", "grpc_type": "unary"}
        before = self.samples(replica)
        for number in range(5):
            self.polis("kv", "put", f"key{number}", "x" * 1000)
        self.polis("kv", "del", "key0")
        after = self.samples(replica)
        self.assertEqual(after["etcd_debugging_mvcc_keys_total", ()] - before["etcd_debugging_mvcc_keys_total", ()], 4)
        grew = lambda name, **labels: after[name, tuple(sorted(labels.items()))] - before.get((name, tuple(sorted(labels.items()))), 0)
        self.assertEqual(grew("grpc_server_started_total", **put), 5)
        self.assertEqual(grew("grpc_server_msg_received_total", **put), 5)
        self.assertEqual(grew("grpc_server_msg_sent_total", **put), 5)
        self.assertEqual(grew("grpc_server_handled_total", **put, grpc_code="OK"), 5)
        self.assertGreater(grew("etcd_network_client_grpc_received_bytes_total"), 5000)
        self.assertLess(grew("etcd_network_client_grpc_received_bytes_total"), 5600)
        self.assertGreater(grew("etcd_network_client_grpc_sent_bytes_total"), 0)
        self.assertGreater(grew("etcd_disk_wal_fsync_duration_seconds_count"), 0)
        self.assertGreater(grew("etcd_disk_wal_fsync_duration_seconds_sum"), 0)
        self.until(lambda: self.value(replica, "etcd_disk_backend_commit_duration_seconds_count") >
                   before["etcd_disk_backend_commit_duration_seconds_count", ()], "the engine has taken them")
        bounds = [dict(labels)["le"] for name, labels in after if name == "etcd_disk_wal_fsync_duration_seconds_bucket"]
        self.assertEqual(bounds, [f"{0.001 * 2 ** i:g}" for i in range(14)] + ["+Inf"])  # etcd's

    def test_a_write_without_a_quorum_is_pending_and_then_failed(self):
        left, *others = self.cell.replicas
        for replica in others:
            replica.kill()
        writer = subprocess.Popen([POLIS, "kv", "put", "a", "b", "-e", left.client, "--timeout", "20"], stderr=subprocess.DEVNULL)
        self.until(lambda: self.value(left, "etcd_server_proposals_pending") == 1, "it waits")
        self.assertEqual(self.value(left, "etcd_server_proposals_failed_total"), 0)
        self.assertEqual(writer.wait(PATIENCE), 1)
        self.assertEqual(self.value(left, "etcd_server_proposals_pending"), 0)
        self.assertEqual(self.value(left, "etcd_server_proposals_failed_total"), 1)

    def test_a_refused_call_is_counted_by_its_code(self):
        replica = self.cell.replicas[0]
        revoke = {"grpc_service": "etcdserverpb.Lease", "grpc_method": "LeaseRevoke", "grpc_type": "unary"}
        self.polis("lease", "revoke", "4242", code=1)
        self.assertEqual(self.value(replica, "grpc_server_handled_total", **revoke, grpc_code="NotFound"), 1)
        self.assertEqual(self.value(replica, "grpc_server_handled_total", **revoke, grpc_code="OK"), 0)

    def test_a_watch_whose_client_has_gone_was_cancelled(self):
        replica = self.cell.replicas[0]
        watch = {"grpc_service": "etcdserverpb.Watch", "grpc_method": "Watch", "grpc_type": "bidi_stream"}
        watcher = subprocess.Popen([POLIS, "kv", "watch", "x", "-e", replica.client], stdout=subprocess.DEVNULL)
        self.until(lambda: self.value(replica, "etcd_debugging_mvcc_watcher_total") == 1, "the watch is there")
        watcher.kill()
        watcher.wait()
        cancelled = ("grpc_server_handled_total", tuple(sorted({**watch, "grpc_code": "Canceled"}.items())))
        self.until(lambda: self.samples(replica).get(cancelled) == 1, "its end is counted")
        self.assertEqual(self.value(replica, "grpc_server_started_total", **watch), 1)
        self.assertEqual(self.value(replica, "etcd_debugging_mvcc_watcher_total"), 0)

    def test_the_page_is_for_get_and_head(self):
        replica = self.cell.replicas[0]
        _, body = fetch(replica, method="HEAD")
        self.assertEqual(body, "")
        with self.assertRaises(urllib.error.HTTPError) as refused:
            fetch(replica, method="POST")
        with refused.exception as answer:
            self.assertEqual(answer.code, 405)
            self.assertEqual(answer.headers["Allow"], "GET, HEAD")


if __name__ == "__main__":
    unittest.main(verbosity=2)
