#!/usr/bin/python3
"""A cell whose clients and replicas speak TLS: independent clients, wrong certificates, new certificates without a restart."""

import calendar
import json
import os
import re
import shutil
import socket
import ssl
import struct
import subprocess
import tempfile
import time
import unittest

os.environ.setdefault("PROTOCOL_BUFFERS_PYTHON_IMPLEMENTATION", "python")
import etcd3  # noqa: E402

from cell_process import Cell, Replica, free_ports  # noqa: E402

POLIS = os.environ["POLIS"]
TLS_VARIABLES = ("POLIS_CACERT", "POLIS_CERT", "POLIS_KEY")


class CellWithTls(unittest.TestCase):
    """An authority, certificates, and a cell that uses them."""

    SIZE = 3
    FLAGS = ()

    @classmethod
    def setUpClass(cls):
        cls.directory = tempfile.TemporaryDirectory(prefix="polis-test-")
        cls.certs = os.path.join(cls.directory.name, "certs")
        cls.cert("init")
        for name in "abcdef":
            cls.cert("issue", name, "--host", "127.0.0.1,localhost")
        cls.cert("issue", "alice")
        cls.cert("issue", "mallory")
        cls.cell = Cell(POLIS, os.path.join(cls.directory.name, "cell"), cls.SIZE, flags=[
            "--trusted-ca-file", cls.file("ca.crt"), "--client-cert-auth", "true", "--client-crl-file", cls.file("ca.crl"),
            "--peer-trusted-ca-file", cls.file("ca.crt"), *cls.FLAGS])
        for name, value in zip(TLS_VARIABLES, (cls.file("ca.crt"), cls.file("alice.crt"), cls.file("alice.key"))):
            os.environ[name] = value
        for replica in cls.cell.replicas:
            cls.start(replica)
        cls.cell.wait_ready()

    @classmethod
    def tearDownClass(cls):
        cls.cell.kill()
        for name in TLS_VARIABLES:
            del os.environ[name]
        cls.directory.cleanup()

    @classmethod
    def file(cls, name):
        return os.path.join(cls.certs, name)

    @classmethod
    def cert(cls, *words):
        subprocess.run([POLIS, "cert", *words, "--dir", cls.certs], check=True, capture_output=True, timeout=30)

    @classmethod
    def own_files(cls, name):
        own = [cls.file(f"{name}.crt"), cls.file(f"{name}.key")]
        return ["--cert-file", own[0], "--key-file", own[1], "--peer-cert-file", own[0], "--peer-key-file", own[1]]

    @classmethod
    def start(cls, replica):
        replica.start(*cls.own_files(replica.name))

    def polis(self, *words, rc=0, environment=None):
        done = subprocess.run([POLIS, *words], capture_output=True, text=True, timeout=60, env=environment)
        self.assertEqual(done.returncode, rc, done.stdout + done.stderr)
        return done.stdout + done.stderr

    def wait_for_log(self, replica, text, times=1):
        deadline = time.monotonic() + 20
        while replica.log().count(text) < times:
            self.assertLess(time.monotonic(), deadline, f"'{text}' is not in the log:\n{replica.log()[-3000:]}")
            time.sleep(0.02)  # between two looks at a file

    def without(self, *names, **values):
        environment = {k: v for k, v in os.environ.items() if k not in names}
        return {**environment, **values}


class TlsTest(CellWithTls):
    def test_etcds_tools_and_libraries_speak_with_it(self):
        replica = self.cell.replicas[0]
        flags = ["--endpoints", f"https://{replica.client}", "--cacert", self.file("ca.crt"), "--cert", self.file("alice.crt"),
                 "--key", self.file("alice.key")]
        environment = dict(os.environ, ETCDCTL_API="3")
        subprocess.run(["etcdctl", *flags, "put", "by", "etcdctl"], check=True, env=environment, capture_output=True, timeout=30)
        listed = subprocess.run(["etcdctl", *flags, "member", "list", "-w", "json"], check=True, env=environment, capture_output=True, timeout=30)
        for member in json.loads(listed.stdout)["members"]:
            self.assertTrue(member["clientURLs"][0].startswith("https://127.0.0.1:"))
            self.assertTrue(member["peerURLs"][0].startswith("https://127.0.0.1:"))
        host, port = replica.client.split(":")
        client = etcd3.client(host=host, port=int(port), ca_cert=self.file("ca.crt"), cert_cert=self.file("alice.crt"),
                              cert_key=self.file("alice.key"), timeout=10)
        self.addCleanup(client.close)
        self.assertEqual(client.get("by")[0], b"etcdctl")
        events, cancel = client.watch("watched")
        client.put("watched", "1")
        self.assertEqual(next(events).value, b"1")
        cancel()

    def test_unix_sockets_speak_tls_as_well(self):
        path = os.path.join(self.directory.name, "own.sock")
        plain = os.path.join(self.directory.name, "plain.sock")
        log_path = os.path.join(self.directory.name, "own.log")
        with open(log_path, "wb") as log:
            process = subprocess.Popen(
                [POLIS, "dev", "--data-dir", os.path.join(self.directory.name, "own"), "--client", f"unixs://{path},unixs://localhost:2379,unix://{plain}",
                 "--cert-file", self.file("a.crt"), "--key-file", self.file("a.key"), "--trusted-ca-file", self.file("ca.crt"), "--client-cert-auth",
                 "true"], stderr=log, cwd=self.directory.name)
        self.addCleanup(process.wait)
        self.addCleanup(process.kill)
        self.polis("cell", "wait", "-e", f"unixs://{path}")
        self.polis("kv", "put", "a", "b", "-e", f"unixs://{path}")
        self.assertEqual(self.polis("kv", "get", "a", "--value-only", "-e", f"unix://{plain}").strip(), "b")
        self.assertIn("asks for a certificate", self.polis("kv", "get", "a", "-e", f"unixs://{path}", rc=1, environment=self.without("POLIS_CERT", "POLIS_KEY")))
        self.assertIn(f"write unixs://{path}", self.polis("kv", "get", "a", "-e", f"unix://{path}", rc=1))
        self.assertIn("write http://, or unix://", self.polis("kv", "get", "a", "-e", f"unixs://{plain}", rc=1))
        body = subprocess.run(["curl", "-sS", "--unix-socket", path, "--cacert", self.file("ca.crt"), "--cert", self.file("alice.crt"), "--key",
                               self.file("alice.key"), "-d", '{"key":"YQ=="}', "https://localhost/v3/kv/range"], capture_output=True, text=True, timeout=30,
                              check=True).stdout
        self.assertEqual(json.loads(body)["kvs"][0]["value"], "Yg==")
        # etcdctl takes the name of the socket for the host: etcd's own habit is to name it after one.
        got = subprocess.run(["etcdctl", "--endpoints", "unixs://localhost:2379", "--cacert", self.file("ca.crt"), "--cert", self.file("alice.crt"), "--key",
                              self.file("alice.key"), "get", "--print-value-only", "a"], capture_output=True, text=True, timeout=30,
                             cwd=self.directory.name, env=dict(os.environ, ETCDCTL_API="3"))
        self.assertEqual(got.stdout.strip(), "b", got.stderr)
        said = self.polis("dev", "--data-dir", os.path.join(self.directory.name, "no"), "--client", f"unixs://{path}", rc=2)
        self.assertIn("unixs:// needs 'cert-file' and 'key-file'", said)

    def test_curl_speaks_both_versions_of_http(self):
        for version, flag in (("1.1", "--http1.1"), ("2", "--http2")):
            done = subprocess.run(["curl", "-sS", flag, "-w", " %{http_version}", "--cacert", self.file("ca.crt"), "--cert", self.file("alice.crt"),
                                   "--key", self.file("alice.key"), "-d", '{"key":"Zm9v"}', f"https://{self.cell.replicas[1].client}/v3/kv/range"],
                                  capture_output=True, text=True, timeout=30, check=True)
            body, spoken = done.stdout.rsplit(" ", 1)
            self.assertEqual(spoken, version)
            self.assertIn("cluster_id", json.loads(body)["header"])

    def test_the_own_command_line_says_what_is_wrong(self):
        endpoint = self.cell.replicas[0].client
        self.polis("kv", "put", "a", "b", "-e", endpoint)
        self.assertIn("asks for a certificate", self.polis("kv", "get", "a", "-e", endpoint, rc=1, environment=self.without("POLIS_CERT", "POLIS_KEY")))
        self.assertIn(f"write https://{endpoint}", self.polis("kv", "get", "a", "-e", f"http://{endpoint}", rc=1, environment=self.without(*TLS_VARIABLES)))
        said = self.polis("kv", "get", "a", "-e", f"https://{endpoint}", rc=1, environment=self.without("POLIS_CACERT"))
        self.assertIn("self-signed certificate in certificate chain", said)
        self.assertIn("needs its key", self.polis("kv", "get", "a", "-e", endpoint, rc=2, environment=self.without("POLIS_KEY")))
        self.assertIn("/nowhere", self.polis("kv", "get", "a", "-e", endpoint, rc=2, environment=self.without(POLIS_CACERT="/nowhere")))
        self.assertIn("fine", self.polis("doctor", "-e", endpoint))

    def test_nothing_below_tls_1_2_and_no_suite_without_forward_secrecy(self):
        def shake(**limits):
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
            context.load_verify_locations(self.file("ca.crt"))
            context.load_cert_chain(self.file("alice.crt"), self.file("alice.key"))
            context.set_ciphers(limits.get("ciphers", "ALL:@SECLEVEL=0"))
            context.minimum_version = limits.get("minimum", ssl.TLSVersion.MINIMUM_SUPPORTED)
            context.maximum_version = limits.get("maximum", ssl.TLSVersion.MAXIMUM_SUPPORTED)
            context.set_alpn_protocols(["h2"])
            host, port = self.cell.replicas[0].client.split(":")
            with socket.create_connection((host, int(port)), timeout=10) as plain, context.wrap_socket(plain, server_hostname="localhost") as stream:
                return stream.version(), stream.selected_alpn_protocol()
        self.assertEqual(shake(), ("TLSv1.3", "h2"))
        self.assertEqual(shake(maximum=ssl.TLSVersion.TLSv1_2), ("TLSv1.2", "h2"))
        with self.assertRaises(ssl.SSLError):
            shake(maximum=ssl.TLSVersion.TLSv1_1)
        with self.assertRaises(ssl.SSLError):
            shake(maximum=ssl.TLSVersion.TLSv1_2, ciphers="AES128-GCM-SHA256")

    def test_a_master_is_lost_and_a_replica_comes_back(self):
        self.polis("kv", "put", "before", "1", "-e", self.cell.endpoints)
        master = self.cell.master()
        master.kill()
        self.polis("kv", "put", "during", "2", "-e", ",".join(r.client for r in self.cell.replicas if r.alive()))
        self.start(master)
        master.wait_serving()
        self.assertEqual(self.polis("kv", "get", "during", "--value-only", "-e", master.client).strip(), "2")

    def test_a_revoked_client_and_a_new_certificate_count_without_a_restart(self):
        replica = self.cell.replicas[0]
        mallory = self.without(POLIS_CERT=self.file("mallory.crt"), POLIS_KEY=self.file("mallory.key"))
        self.polis("kv", "get", "a", "--count-only", "-e", replica.client, environment=mallory)
        self.cert("revoke", "mallory")
        self.wait_for_log(replica, "TLS for clients from now on")
        self.polis("kv", "get", "a", "--count-only", "-e", replica.client, rc=1, environment=mallory)
        self.wait_for_log(replica, "certificate revoked")
        changes = replica.log().count("TLS for clients from now on")
        self.cert("revoke", "a")  # it is issued once more, with another serial
        self.cert("issue", "a", "--host", "127.0.0.1,localhost")
        self.wait_for_log(replica, "TLS for clients from now on", changes + 1)
        self.polis("kv", "get", "a", "--count-only", "-e", replica.client)

    def test_the_peer_port_is_closed_to_who_has_no_certificate(self):
        host, port = self.cell.replicas[0].peer.split(":")
        context = ssl.create_default_context(cafile=self.file("ca.crt"))
        with socket.create_connection((host, int(port)), timeout=10) as plain, context.wrap_socket(plain, server_hostname="localhost") as stream:
            with self.assertRaises(OSError):
                stream.recv(1) or self.fail("it went on")
        self.wait_for_log(self.cell.replicas[0], "it showed no certificate")

    def test_secrets_reach_no_log(self):
        with open(self.file("a.key"), encoding="ascii") as file:
            secret = file.read().splitlines()[1][:40]
        for replica in self.cell.replicas:
            self.assertNotIn(secret, replica.log())
            self.assertNotIn("PRIVATE KEY", replica.log())
        self.assertNotIn(secret, self.polis("config", "dump", "--key-file", self.file("a.key"), "--cert-file", self.file("a.crt")))

    def test_files_that_cannot_be_used_are_named_at_the_start(self):
        copy = os.path.join(self.directory.name, "copy.key")
        shutil.copy(self.file("b.key"), copy)
        said = self.polis("dev", "--data-dir", os.path.join(self.directory.name, "x"), "--client", "127.0.0.1:0", "--cert-file", self.file("a.crt"),
                          "--key-file", copy, rc=2)
        self.assertIn("do not belong together", said)
        self.assertIn("copy.key", said)


class JoinTest(CellWithTls):
    """Replicas come and go where everybody speaks TLS, and clients must be somebody by name."""

    SIZE = 1
    FLAGS = ("--client-cert-allowed-cn", "alice,d")

    def newcomer(self, name):
        client, peer = free_ports(2)
        replica = Replica(self.cell, name, client, peer)
        self.addCleanup(replica.kill)
        return replica

    def join(self, replica, flags=None):
        members = ",".join(r.client for r in self.cell.replicas if r.alive())
        flags = [*self.cell.flags, *self.own_files(replica.name)] if flags is None else flags
        with open(replica.log_path, "ab") as log:
            replica.process = subprocess.Popen(
                [POLIS, "cell", "run", "--name", replica.name, "--data-dir", replica.directory, "--client", replica.client,
                 "--peer", replica.peer, "--join", members, *flags], stdout=log, stderr=log)

    def members(self):
        return {m["name"]: m for m in json.loads(self.polis("cell", "members", "-o", "json", "-e", self.cell.endpoints))["members"]}

    def test_a_replica_joins_with_rules_for_clients_that_the_others_do_not_fulfil(self):
        newcomer = self.newcomer("d")
        said = self.polis("cell", "add", f"d={newcomer.peer}", "--wait", "0", "-e", self.cell.endpoints)
        self.assertIn(f"--peer https://{newcomer.peer}", said)  # as the others
        self.join(newcomer, flags=[*self.cell.flags[:-1], "alice", *self.own_files("d")])
        newcomer.wait_serving()
        self.polis("cell", "add", f"d={newcomer.peer}", "-e", self.cell.endpoints)  # until it votes
        self.assertEqual(self.members()["d"]["peer"], f"https://{newcomer.peer}")
        self.polis("kv", "put", "written", "at d", "-e", newcomer.client)
        self.assertEqual(self.polis("kv", "get", "written", "--value-only", "-e", self.cell.endpoints).strip(), "at d")
        self.assertIn("not allowed here", self.refused_as("d", newcomer))
        newcomer.kill()
        self.start_again(newcomer)
        self.polis("cell", "remove", "d", "-e", self.cell.endpoints)
        self.assertEqual(newcomer.process.wait(20), 0)

    def test_a_peer_address_that_contradicts_the_cell_is_refused_with_what_to_write(self):
        (port,) = free_ports(1)
        address = f"127.0.0.1:{port}"
        said = self.polis("cell", "add", f"g=http://{address}", "-e", self.cell.endpoints, rc=1)
        self.assertIn(f"write https://{address}", said)
        self.assertIn(f"write https://{address}", self.polis("cell", "replace", "a", "--with", f"g=http://{address}", "-e", self.cell.endpoints, rc=1))
        done = subprocess.run(
            ["etcdctl", "--endpoints", f"https://{self.cell.replicas[0].client}", "--cacert", self.file("ca.crt"), "--cert", self.file("alice.crt"),
             "--key", self.file("alice.key"), "member", "add", "g", "--peer-urls", f"http://{address}"], capture_output=True, text=True, timeout=30)
        self.assertNotEqual(done.returncode, 0)
        self.assertIn(f"write https://{address}", done.stderr)
        # A replacement and a move follow the cell, as well as what other clients send.
        self.polis("cell", "move", f"a={self.cell.replicas[0].peer}", "-e", self.cell.endpoints)
        self.assertEqual(self.members()["a"]["peer"], f"https://{self.cell.replicas[0].peer}")
        asked = subprocess.run(
            ["curl", "-sS", "--cacert", self.file("ca.crt"), "--cert", self.file("alice.crt"), "--key", self.file("alice.key"), "-d",
             json.dumps({"kind": "ADD", "name": "g", "peer": address}), f"https://{self.cell.replicas[0].client}/v1/cell/change"],
            capture_output=True, text=True, timeout=30, check=True)
        self.assertIn(f"https://{address}", asked.stdout)
        self.polis("cell", "remove", "g", "-e", self.cell.endpoints)
        self.assertEqual(set(self.members()), {"a"})

    def start_again(self, replica):
        self.join(replica)
        replica.wait_serving()

    def refused_as(self, name, replica):
        """What the replica's log says when somebody comes with this certificate."""
        self.polis("kv", "get", "x", "-e", replica.client, rc=1,
                   environment=self.without(POLIS_CERT=self.file(f"{name}.crt"), POLIS_KEY=self.file(f"{name}.key")))
        self.wait_for_log(replica, "TLS connections of clients failed")
        return replica.log()

    def test_who_is_no_allowed_client_is_told_so_when_it_joins(self):
        newcomer = self.newcomer("e")
        self.join(newcomer)
        self.assertEqual(newcomer.process.wait(30), 2)
        self.assertIn("does not accept the certificate that it was shown", newcomer.log())
        self.assertIn("'client-cert-allowed-cn' of the replica that is asked have to allow", newcomer.log())

    def test_who_trusts_no_authority_of_the_cell_is_told_which_setting_names_them(self):
        newcomer = self.newcomer("f")
        self.join(newcomer, flags=["--cert-file", self.file("f.crt"), "--key-file", self.file("f.key")])
        self.assertEqual(newcomer.process.wait(30), 2)
        self.assertIn("'trusted-ca-file' names others", newcomer.log())


class WhoseCertificateTest(unittest.TestCase):
    """Each replica at an address of its own, with a certificate for that one alone."""

    HOSTS = {"a": "127.0.0.1", "b": "127.0.0.2", "c": "127.0.0.3"}

    def setUp(self):
        self.directory = tempfile.TemporaryDirectory(prefix="polis-test-")
        self.addCleanup(self.directory.cleanup)
        self.certs = os.path.join(self.directory.name, "certs")
        self.cert("init")
        for name, host in self.HOSTS.items():
            self.cert("issue", name, "--host", host)
        self.cert("issue", "alice")
        self.cell = Cell(POLIS, os.path.join(self.directory.name, "cell"), flags=["--peer-trusted-ca-file", self.file("ca.crt")])
        self.addCleanup(self.cell.kill)
        for replica in self.cell.replicas:
            replica.peer = replica.peer.replace("127.0.0.1", self.HOSTS[replica.name])
        self.cell.initial = ",".join(f"{r.name}={r.peer}" for r in self.cell.replicas)

    def cert(self, *words):
        subprocess.run([POLIS, "cert", *words, "--dir", self.certs], check=True, capture_output=True, timeout=30)

    def file(self, name):
        return os.path.join(self.certs, name)

    def start(self, replica, name):
        replica.start("--peer-cert-file", self.file(f"{name}.crt"), "--peer-key-file", self.file(f"{name}.key"))

    def wait_for_log(self, replica, text):
        deadline = time.monotonic() + 20
        while text not in replica.log():
            self.assertLess(time.monotonic(), deadline, f"'{text}' is not in the log:\n{replica.log()[-3000:]}")
            time.sleep(0.02)  # between two looks at a file

    def test_a_replica_cannot_be_another_one_with_its_own_certificate(self):
        a, b, c = self.cell.replicas
        for replica in self.cell.replicas:
            self.start(replica, replica.name)
        for replica in self.cell.replicas:
            replica.wait_serving()
        self.cell.wait_ready()
        c.kill()
        self.start(c, "b")
        for replica in (a, b):
            self.wait_for_log(replica, "replica c shows a certificate that is not for 127.0.0.3")
        self.wait_for_log(c, "polis cert issue c --host 127.0.0.3")
        c.kill()
        self.start(c, "c")
        c.wait_serving()
        self.polis("kv", "put", "a", "b", "-e", c.client)

    def test_who_has_a_certificate_for_clients_is_no_replica(self):
        a, b, _ = self.cell.replicas
        self.start(a, "a")
        self.start(b, "alice")
        self.wait_for_log(a, "replica b shows a certificate that is not for 127.0.0.2")

    def test_all_may_share_a_certificate_that_is_for_all_of_them(self):
        self.cert("issue", "all", "--host", ",".join(self.HOSTS.values()))
        for replica in self.cell.replicas:
            self.start(replica, "all")
        for replica in self.cell.replicas:
            replica.wait_serving()
        self.cell.wait_ready()

    def test_a_member_moves_to_another_address_with_another_certificate(self):
        a, b, c = self.cell.replicas
        for replica in self.cell.replicas:
            self.start(replica, replica.name)
        self.cell.wait_ready()
        for replica in self.cell.replicas:
            replica.wait_serving()
        b.peer = b.peer.replace(self.HOSTS["b"], "127.0.0.4")
        self.polis("cell", "move", f"b={b.peer}", "-e", f"{a.client},{c.client}")
        b.kill()
        self.cert("issue", "moved", "--host", "127.0.0.4")
        self.cell.initial = ",".join(f"{r.name}={r.peer}" for r in self.cell.replicas)
        self.start(b, "moved")
        b.wait_serving()
        c.kill()
        self.polis("kv", "put", "a", "b", "-e", b.client)

    def polis(self, *words):
        done = subprocess.run([POLIS, *words], capture_output=True, text=True, timeout=60)
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)


class EndingTest(CellWithTls):
    """Certificates that end soon or have ended: who says so, and that the remedy is one."""

    SIZE = 1

    @classmethod
    def own_files(cls, name):  # b is what replicas are shown
        return ["--cert-file", cls.file("a.crt"), "--key-file", cls.file("a.key"), "--peer-cert-file", cls.file("b.crt"), "--peer-key-file", cls.file("b.key")]

    def issue_as_if(self, name, seconds_ago, *words):
        """As if it had been done so long ago, for a day."""
        moved = os.path.join(self.directory.name, "offset")
        with open(moved, "wb") as file:
            file.write(struct.pack("<q", -seconds_ago))
        subprocess.run([POLIS, "cert", "issue", name, "--renew", "--days", "1", *words, "--dir", self.certs], check=True, capture_output=True, timeout=30,
                       env=dict(os.environ, LD_PRELOAD=os.environ["POLIS_CLOCK_SHIM"], WALL_CLOCK_OFFSET=moved))

    def until_status_says(self, **wanted):
        deadline = time.monotonic() + 20
        while any((said := self.cell.status()[0])[name] != value for name, value in wanted.items()):
            self.assertLess(time.monotonic(), deadline, said)

    def ends(self, name):
        listed = subprocess.run([POLIS, "cert", "list", "-o", "json", "--dir", self.certs], check=True, capture_output=True, text=True, timeout=30)
        text = next(one["expires"] for one in map(json.loads, listed.stdout.splitlines()) if one["name"] == name)
        return calendar.timegm(time.strptime(text, "%Y-%m-%d %H:%M:%S UTC"))

    def test_the_end_of_certificates_is_shown_and_warned_of_until_they_are_renewed(self):
        replica = self.cell.replicas[0]
        self.until_status_says(client_certificate_ends=self.ends("a"), peer_certificate_ends=self.ends("b"))
        self.assertIn("certificates of a: for clients until 20", self.polis("cell", "status", "-e", replica.client))
        self.assertIn("fine", self.polis("doctor", "-e", replica.client))
        self.issue_as_if("a", 23 * 3600)
        self.issue_as_if("b", 2 * 24 * 3600)
        self.until_status_says(client_certificate_ends=self.ends("a"), peer_certificate_ends=self.ends("b"))
        said = self.polis("doctor", "-e", replica.client, rc=1)
        self.assertRegex(said, r"(?m)^warning +the certificate that a shows to clients ends in \d+ minutes")
        self.assertRegex(said, r"(?m)^FAILURE +the certificate that a shows to replicas has ended at ")
        self.wait_for_log(replica, "polis cert issue NAME --renew", 2)
        page = subprocess.run(["curl", "-sS", "--cacert", self.file("ca.crt"), "--cert", self.file("alice.crt"), "--key", self.file("alice.key"),
                               f"https://{replica.client}/metrics"], check=True, capture_output=True, text=True, timeout=30).stdout
        shown = {label: float(value) for label, value in re.findall(r'(?m)^polis_certificate_expiry_timestamp_seconds{for="(\w+)"} (\S+)$', page)}
        self.assertEqual(shown, {"clients": self.ends("a"), "replicas": self.ends("b")})
        for name in "ab":
            self.cert("issue", name, "--renew")
        self.until_status_says(client_certificate_ends=self.ends("a"), peer_certificate_ends=self.ends("b"))
        self.assertIn("fine", self.polis("doctor", "-e", replica.client))


class PlainTextTest(unittest.TestCase):
    def test_certificates_for_clients_alone_leave_the_addresses_of_peers_as_they_are(self):
        with tempfile.TemporaryDirectory(prefix="polis-test-") as directory, Cell(POLIS, directory, 1) as cell:
            cell.wait_ready()
            certs = os.path.join(directory, "certs")
            subprocess.run([POLIS, "cert", "init", "--dir", certs], check=True, capture_output=True, timeout=30)
            environment = dict(os.environ, POLIS_CACERT=os.path.join(certs, "ca.crt"))

            def polis(*words):
                done = subprocess.run([POLIS, *words, "-e", f"http://{cell.replicas[0].client}"], capture_output=True, text=True, timeout=60, env=environment)
                return done.stdout + done.stderr
            # Members say where they are without http:// in front; that is no TLS, whatever the caller has.
            self.assertIn("master", polis("cell", "status"))
            self.assertIn("fine", polis("doctor"))
            (port,) = free_ports(1)
            self.assertIn(f"write http://127.0.0.1:{port}", polis("cell", "add", f"b=https://127.0.0.1:{port}", "--wait", "0"))
            self.assertIn(f"--peer 127.0.0.1:{port} ", polis("cell", "add", f"b=127.0.0.1:{port}", "--wait", "0"))

    def test_a_cell_beyond_this_machine_without_tls_says_so_loudly(self):
        with tempfile.TemporaryDirectory(prefix="polis-test-") as directory:
            (port,) = free_ports(1)
            with open(os.path.join(directory, "log"), "wb") as log:
                process = subprocess.Popen([POLIS, "dev", "--data-dir", os.path.join(directory, "data"), "--client", f"0.0.0.0:{port}"], stderr=log)
            self.addCleanup(process.wait)
            self.addCleanup(process.kill)
            subprocess.run([POLIS, "cell", "wait", "-e", f"127.0.0.1:{port}"], check=True, capture_output=True, timeout=60)
            with open(os.path.join(directory, "log"), encoding="utf-8") as log:
                self.assertIn("nothing is encrypted", log.read())
            done = subprocess.run([POLIS, "doctor", "-e", f"127.0.0.1:{port}"], capture_output=True, text=True, timeout=60)
            self.assertIn("nothing is encrypted", done.stdout + done.stderr)


if __name__ == "__main__":
    unittest.main()
