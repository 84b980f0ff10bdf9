#!/usr/bin/python3
"""The polis command: exit codes, outputs, help, completion."""

import base64
import json
import os
import subprocess
import tempfile
import unittest

from cell_process import Cell

POLIS = os.environ["POLIS"]


class CliTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.directory = tempfile.TemporaryDirectory(prefix="polis-test-")
        cls.cell = Cell(POLIS, cls.directory.name, 1)
        cls.cell.start()
        cls.cell.wait_ready()

    @classmethod
    def tearDownClass(cls):
        cls.cell.kill()
        cls.directory.cleanup()

    def polis(self, *args, rc=0, env=None):
        done = subprocess.run([POLIS, *args], capture_output=True, text=True, timeout=30,
                              env=dict(os.environ, POLIS_ENDPOINTS=self.cell.endpoints, **(env or {})))
        self.assertEqual(done.returncode, rc, done.stdout + done.stderr)
        return done.stdout + done.stderr

    def test_kv(self):
        self.assertIn("OK, revision", self.polis("kv", "put", "a", "1"))
        self.assertEqual(self.polis("kv", "get", "a"), "a\n1\n")
        kv = json.loads(self.polis("kv", "get", "a", "-o", "json"))["kvs"][0]
        self.assertEqual(base64.b64decode(kv["value"]), b"1")
        self.polis("kv", "get", "none", rc=1)
        self.assertEqual(self.polis("kv", "del", "a"), "1 deleted\n")
        self.polis("kv", "del", "a", rc=1)

    def test_txn(self):
        self.polis("kv", "txn", "--if", "version(lock) = 0", "--then", 'put lock "host 7"')
        self.assertIn("host 7", self.polis("kv", "txn", "--if", "version(lock) = 0", "--then", "put lock x", "--else", "get lock", rc=1))
        self.assertIn("write for example", self.polis("kv", "txn", "--if", "lock", "--then", "put a b", rc=2))
        self.assertIn("is no operation", self.polis("kv", "txn", "--then", "push a b", rc=2))

    def test_compact(self):
        self.polis("kv", "put", "history", "1")
        revision = json.loads(self.polis("kv", "put", "history", "2", "-o", "json"))["header"]["revision"]
        self.assertIn(f"before revision {revision} can be read", self.polis("kv", "compact"))
        self.assertIn("compacted", self.polis("kv", "get", "history", "--revision", str(int(revision) - 1), rc=1))
        self.assertEqual(self.polis("kv", "get", "history"), "history\n2\n")
        self.assertIn("future revision", self.polis("kv", "compact", str(int(revision) + 100), rc=1))

    def test_lease(self):
        lease = json.loads(self.polis("lease", "grant", "60", "-o", "json"))["ID"]
        self.polis("kv", "put", "l", "v", "--lease", lease)
        self.assertIn("remaining", self.polis("lease", "ttl", lease, "--keys"))
        self.assertIn("kept alive", self.polis("lease", "keepalive", lease, "--once"))
        self.assertIn(lease, self.polis("lease", "list"))
        self.assertEqual(json.loads(self.polis("kv", "get", "l", "-o", "json"))["kvs"][0]["lease"], lease)
        self.polis("lease", "revoke", lease)
        self.polis("lease", "ttl", lease, rc=1)
        self.polis("lease", "keepalive", lease, "--once", rc=1)
        self.assertIn("not a lease id", self.polis("lease", "ttl", "xyz", rc=2))

    def test_watch(self):
        self.polis("kv", "put", "w", "1")
        start = json.loads(self.polis("kv", "get", "w", "-o", "json"))["kvs"][0]["mod_revision"]
        self.assertEqual(self.polis("kv", "watch", "w", "--start", str(start), "--events", "1"), "PUT w\n1\n")

    def test_status(self):
        self.assertIn("master", self.polis("cell", "status"))
        self.assertIn("master lease: ", self.polis("cell", "status"))
        master = json.loads(self.polis("cell", "status", "-o", "json"))[0]
        self.assertEqual((master["role"], master["reads"]), ("master", "lease"))
        self.assertGreater(master["lease_left_us"], 0)
        self.assertIn("cannot connect", self.polis("cell", "status", "-e", "127.0.0.1:1", rc=1))

    def test_wrong_usage_is_two(self):
        for args in ([], ["kv"], ["kv", "gte"], ["kv", "get"], ["kv", "get", "a", "--limit", "x"], ["cell", "run", "--initial", "x"], ["kv", "get", "a", "-e", "nowhere"]):
            self.polis(*args, rc=2)

    def test_help_teaches_by_example(self):
        for command in (["kv", "get"], ["kv", "put"], ["kv", "txn"], ["kv", "watch"], ["cell", "run"], ["dev"], ["lease", "grant"], ["sim"]):
            self.assertIn("polis " + command[0], self.polis(*command, "--help"))

    def test_config_dump_says_where_each_value_comes_from(self):
        with tempfile.NamedTemporaryFile("w", suffix=".yaml") as f:
            f.write("data-dir: /from/file\nname: f\n")
            f.flush()
            dump = json.loads(self.polis("config", "dump", "--config", f.name, "--name", "flag", "-o", "json", env={"POLIS_CLIENT": "127.0.0.1:9"}))
        self.assertEqual(dump["data-dir"], {"value": "/from/file", "source": "file"})
        self.assertEqual(dump["name"], {"value": "flag", "source": "flag"})
        self.assertEqual(dump["client"], {"value": "127.0.0.1:9", "source": "environment"})
        self.assertEqual(dump["peer"]["source"], "default")

    def completed(self, *words):
        """What bash offers for the last word."""
        script = self.polis("completion", "bash")
        quoted = " ".join(f"'{word}'" for word in (POLIS, *words))
        done = subprocess.run(["bash", "-c", script + f"\nCOMP_WORDS=({quoted}); COMP_CWORD={len(words)}; _polis; printf '%s\\n' \"${{COMPREPLY[@]}}\""],
                              capture_output=True, text=True, env=dict(os.environ, POLIS_ENDPOINTS=self.cell.endpoints))
        self.assertEqual(done.stderr, "")
        return done.stdout.split()

    def test_completion_is_a_script_that_shells_accept(self):
        script = self.polis("completion", "bash")
        subprocess.run(["bash", "-n"], input=script, text=True, check=True)
        self.assertEqual(self.completed("kv", "g"), ["get"])
        self.assertIn("#compdef", self.polis("completion", "zsh"))

    def completed_by_fish(self, line):
        script = self.polis("completion", "fish")
        done = subprocess.run(["fish", "--no-config", "-c", f"{script}\ncomplete -C '{line}'"], capture_output=True, text=True, check=True,
                              env=dict(os.environ, PATH=os.path.dirname(POLIS) + ":" + os.environ["PATH"]))
        return done.stdout.split()

    def test_completion_works_in_fish(self):
        self.assertEqual(self.completed_by_fish("polis kv g"), ["get"])
        self.assertEqual(self.completed_by_fish("polis cell run --protocol "), ["paxos", "raft"])
        self.assertEqual(self.completed_by_fish("polis kv get --output=js"), ["--output=json"])
        self.assertEqual(self.completed_by_fish("polis cell run --config /etc/hostnam"), ["/etc/hostname"])

    def completed_by_zsh(self, *words):
        """As zsh's completion system calls the function, with its own functions replaced by ones that print."""
        quoted = " ".join(f"'{word}'" for word in (POLIS, *words))
        script = f"compdef() {{ }}\n{self.polis('completion', 'zsh')}\n" + \
            f"compadd() {{ shift; print -l -- \"$@\"; }}\n_files() {{ print files \"$@\"; }}\nwords=({quoted}) CURRENT={len(words) + 1}\n_polis"
        return subprocess.run(["zsh", "-f", "-c", script], capture_output=True, text=True, check=True).stdout.split()

    def test_completion_works_in_zsh(self):
        self.assertEqual(self.completed_by_zsh("kv", "g"), ["get"])
        self.assertEqual(self.completed_by_zsh("kv", "get", "k", "-o", ""), ["text", "table", "json"])
        self.assertEqual(self.completed_by_zsh("kv", "get", "--output=js"), ["--output=json"])
        self.assertEqual(self.completed_by_zsh("cell", "run", "--config", ""), ["files"])
        self.assertEqual(self.completed_by_zsh("cell", "run", "--data-dir", ""), ["files", "-/"])
        self.assertEqual(self.completed_by_zsh("no", "such", ""), [])

    def test_completion_goes_on_after_values(self):
        self.assertEqual(self.completed("kv", "get", "--limit", "5", "some key", "--keys"), ["--keys-only"])
        self.assertEqual(self.completed("kv", "get", "-o", "json", "k", "--pre"), ["--prefix"])
        self.assertEqual(self.completed("cell", "run", "--name", "cell", "--quo"), ["--quorum"])
        self.assertEqual(self.completed("kv", "putt", "x", "--p"), [])

    def test_completion_completes_values(self):
        self.assertEqual(self.completed("kv", "get", "k", "-o", ""), ["text", "table", "json"])
        self.assertEqual(self.completed("kv", "get", "k", "--output", "=", "js"), ["json"])
        self.assertEqual(self.completed("kv", "get", "k", "--output=js"), ["--output=json"])
        self.assertEqual(self.completed("cell", "run", "--protocol", ""), ["raft", "paxos"])
        self.assertEqual(self.completed("cell", "run", "--log-level", "w"), ["warn"])
        self.assertEqual(self.completed("completion", ""), ["bash", "zsh", "fish"])
        # Members and leases come from the cell, files from the shell.
        self.assertEqual(self.completed("cell", "remove", ""), ["a"])
        self.assertEqual(self.completed("cell", "replace", "-e", self.cell.endpoints, ""), ["a"])
        lease = json.loads(self.polis("lease", "grant", "600", "-o", "json"))["ID"]
        self.assertIn(lease, self.completed("lease", "ttl", ""))
        with tempfile.TemporaryDirectory() as directory:
            os.mkdir(os.path.join(directory, "some directory"))
            open(os.path.join(directory, "some.yaml"), "w", encoding="utf-8").close()
            self.assertEqual(self.completed("cell", "run", "--config", directory + "/some.y"), [directory + "/some.yaml"])
            self.assertEqual(self.completed("cell", "run", "--data-dir", directory + "/some"), [directory + "/some", "directory"])

    def test_errors_are_json_where_json_was_asked_for(self):
        def error(*args, rc=1):
            done = subprocess.run([POLIS, *args], capture_output=True, text=True, timeout=30)
            self.assertEqual(done.returncode, rc, done.stdout + done.stderr)
            return json.loads(done.stderr)["error"]
        here = ("-e", self.cell.endpoints, "-o", "json")
        self.assertEqual(error("kv", "get", "a", "-e", "127.0.0.1:1", "-o", "json")["code"], "UNAVAILABLE")
        self.assertEqual(error("kv", "get", "a", "--revision", "1000000", *here)["code"], "OUT_OF_RANGE")
        self.assertEqual(error("lease", "revoke", "77", *here)["code"], "NOT_FOUND")
        self.assertIn("is not a lease id", error("lease", "ttl", "xyz", *here, rc=2)["message"])
        self.assertIn("did you mean 'put'", error("kv", "putt", "a", "b", *here, rc=2)["message"])
        self.assertIn("key", error("kv", "get", *here, rc=2)["message"])
        self.assertIn("no member 'zz'", error("cell", "remove", "zz", *here)["message"])

    def test_one_id_has_one_form(self):
        listed = json.loads(self.polis("cell", "members", "-o", "json"))["members"][0]["id"]
        status = json.loads(self.polis("cell", "status", "-o", "json"))[0]["id"]
        header = json.loads(self.polis("kv", "put", "ids", "1", "-o", "json"))["header"]["member_id"]
        self.assertEqual({listed, status, header}, {listed})
        self.assertIn(listed, self.polis("cell", "members"))
        int(listed, 16)

    def test_what_was_meant_is_suggested(self):
        self.assertIn("'putt' is no command of `polis kv`; did you mean 'put'?", self.polis("kv", "putt", "a", "b", rc=2))
        self.assertIn("did you mean '--keys-only'?", self.polis("kv", "get", "--keysonly", "a", rc=2))

    def test_wait(self):
        self.assertEqual(self.polis("cell", "wait"), "")
        self.assertIn("does not serve after 0.3 s: cannot connect", self.polis("cell", "wait", "-e", "127.0.0.1:1", "--timeout", "0.3", rc=1))

    def test_json_logs_are_json(self):
        with tempfile.TemporaryDirectory() as directory:
            done = subprocess.run(["timeout", "-s", "TERM", "1", POLIS, "dev", "--data-dir", directory, "--client", "127.0.0.1:0", "--log-format", "json"],
                                  capture_output=True, text=True)
        lines = [json.loads(line) for line in done.stderr.splitlines()]
        self.assertTrue(any("serves clients" in line["message"] for line in lines))

    def test_sim_estimate(self):
        text = self.polis("sim", "estimate", "--places", "a=1,b=1,c=1", "--ping", "20", "--ping", "a-c=5", "--trials", "3", "--years", "100")
        self.assertIn("no writes when its whole place does", text)
        self.assertRegex(text, r"available +9\d\.\d+ %")
        figures = json.loads(self.polis("sim", "estimate", "--trials", "3", "--years", "100", "-o", "json"))
        self.assertIsNone(figures["place_silent"])  # with all replicas in it
        self.assertGreater(figures["machine_silent"]["p50_ms"], 100)
        self.assertIn("neither a number", self.polis("sim", "estimate", "--places", "a=1,b=2", "--ping", "a-x=5", rc=2))
        self.assertIn("1 to 7", self.polis("sim", "estimate", "--places", "a=9", rc=2))
        self.assertIn("NAME=REPLICAS", self.polis("sim", "estimate", "--places", "a=1,,b=2", rc=2))
        self.assertIn("nobody could stay master", self.polis("sim", "estimate", "--places", "a=1,b=2", "--ping", "900", rc=2))

    def test_what_the_simulator_says_can_be_read_by_programs(self):
        def lines(*command):
            return [json.loads(line) for line in self.polis("sim", *command, "-o", "json").splitlines()]
        one, two, total = lines("--seeds", "2", "--seconds", "1", "--protocol", "paxos")
        self.assertIsNone(one["violation"])
        self.assertEqual([one["seed"], two["seed"], total["runs"], total["failed"]], [1, 2, 2, 0])
        self.assertEqual(total["operations"], one["operations"] + two["operations"])
        (traced,) = lines("--seconds", "1", "--trace")
        self.assertTrue(traced["trace"])
        (played,) = lines("--scenario", "a_restart_does_not_break_a_promise")
        self.assertIsNone(played["violation"])
        self.assertTrue(all(listed["about"] for listed in lines("--scenario", "list")))
        (explored,) = lines("explore", "--replicas", "2", "--timeouts", "1")
        self.assertTrue(explored["complete"])
        self.assertGreater(explored["states"], 10)
        raft, paxos = json.loads(self.polis("sim", "compare", "raft", "paxos", "--trials", "1", "-o", "json"))
        self.assertEqual([raft["who"], paxos["who"]], ["raft", "paxos"])
        self.assertEqual([w["loss"] for w in paxos["writes"]], [0, 0.01, 0.05])
        self.assertGreater(paxos["writes"][0]["p50_ms"], 0)

    def test_sim_is_the_same_for_the_same_seed(self):
        first = self.polis("sim", "--seed", "5", "--seconds", "3")
        self.assertEqual(first, self.polis("sim", "--seed", "5", "--seconds", "3"))
        self.assertRegex(first.splitlines()[-1], "^digest [0-9a-f]{8}$")


if __name__ == "__main__":
    unittest.main(verbosity=1)
