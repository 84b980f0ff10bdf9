"""Two PostgreSQL servers that Patroni keeps, with any etcd as their store, and a client who keeps count."""

import json
import os
import pwd
import signal
import subprocess
import threading
import time
import urllib.error
import urllib.request

POSTGRES = "/usr/lib/postgresql/15/bin"
PATRONI = ("patroni[etcd3]==4.1.5", "psycopg[binary]==3.3.9")
# Patroni's least; a leader whose machine is lost is missed after this long.
TTL = 20

CONFIG = """
scope: tried
name: {name}
restapi: {{listen: "127.0.0.1:{rest}", connect_address: "127.0.0.1:{rest}"}}
etcd3: {{hosts: [{hosts}]}}
bootstrap:
  dcs:
    ttl: {ttl}
    loop_wait: 1
    retry_timeout: 5
    synchronous_mode: true
    postgresql: {{use_pg_rewind: true, parameters: {{max_connections: 20, shared_buffers: 16MB, wal_keep_size: 64MB}}}}
  initdb: [{{encoding: UTF8}}, data-checksums]
  pg_hba: ["host all all 127.0.0.1/32 trust", "host replication all 127.0.0.1/32 trust", "local all all trust"]
postgresql:
  listen: "127.0.0.1:{port}"
  connect_address: "127.0.0.1:{port}"
  data_dir: {directory}/data
  bin_dir: {bin}
  pgpass: {directory}/pgpass
  parameters: {{unix_socket_directories: "{directory}"}}
  authentication:
    superuser: {{username: super, password: none}}
    replication: {{username: replica, password: none}}
    rewind: {{username: rewinder, password: none}}
tags: {{}}
"""


def children_of(parents):
    """These processes and all below them."""
    found, parent_of = set(parents), {}
    for entry in os.listdir("/proc"):
        if entry.isdigit():
            try:
                with open(f"/proc/{entry}/stat", encoding="utf-8", errors="replace") as file:
                    parent_of[int(entry)] = int(file.read().rpartition(")")[2].split()[1])
            except OSError:
                continue  # it has just ended
    while more := {pid for pid, parent in parent_of.items() if parent in found} - found:
        found |= more
    return found


class Node:
    """A PostgreSQL server and its Patroni, which run as the user `postgres` where the test runs as root."""

    def __init__(self, environment, directory, name, hosts, port, rest):
        self.name, self.port, self.rest = name, port, rest
        self.environment = environment
        self.directory = os.path.join(directory, name)
        self.config = os.path.join(directory, name + ".yml")
        self.log_path = os.path.join(directory, name + ".log")
        self.process = None
        self.user = {"user": "postgres", "group": "postgres", "extra_groups": []} if os.geteuid() == 0 else {}
        os.makedirs(self.directory)
        if self.user:
            owner = pwd.getpwnam("postgres")
            os.chown(self.directory, owner.pw_uid, owner.pw_gid)
        with open(self.config, "w", encoding="utf-8") as file:
            file.write(CONFIG.format(name=name, rest=rest, port=port, directory=self.directory, bin=POSTGRES, ttl=TTL,
                                     hosts=", ".join(f'"{h}"' for h in hosts)))

    def start(self):
        with open(self.log_path, "ab") as log:
            self.process = subprocess.Popen([self.environment.program("patroni"), self.config], stdout=log,
                                            stderr=log, cwd=self.directory, **self.user)

    def kill(self):
        """As when the machine is lost: Patroni, PostgreSQL and all its processes at once."""
        roots = [self.process.pid] if self.process and self.process.poll() is None else []
        try:
            with open(os.path.join(self.directory, "data", "postmaster.pid"), encoding="utf-8") as file:
                roots.append(int(file.readline()))
        except (OSError, ValueError):
            pass
        for pid in children_of(roots):
            try:
                os.kill(pid, signal.SIGKILL)
            except ProcessLookupError:
                pass
        if self.process:
            self.process.wait()

    def state(self):
        """What Patroni says of itself; {} while it says nothing."""
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{self.rest}/patroni", timeout=2) as answer:
                return json.load(answer)
        except urllib.error.HTTPError as error:
            return json.load(error)  # it is not running well, and says so
        except (OSError, ValueError):
            return {}

    def log(self):
        with open(self.log_path, encoding="utf-8", errors="replace") as file:
            return file.read()


class Writer(threading.Thread):
    """Inserts one row after the other at one node while that takes them. `rows` has those that were acknowledged:
    (number, begun, ended, timeline)."""

    # A commit that waits for a standby is cancelled as committed here alone, and PostgreSQL warns: no acknowledgement.
    def __init__(self, psycopg, node, first):
        super().__init__(daemon=True)
        self.psycopg, self.node, self.number = psycopg, node, first
        self.rows, self.stop = [], threading.Event()

    def run(self):
        connection = None
        while not self.stop.is_set():
            try:
                if connection is None:
                    connection = self.psycopg.connect(host="127.0.0.1", port=self.node.port, user="super", dbname="postgres",
                                                      connect_timeout=2, autocommit=True)
                    notices = []
                    connection.add_notice_handler(lambda notice, notices=notices: notices.append(notice.message_primary))
                self.number += 1
                begun = time.monotonic()
                row = connection.execute("INSERT INTO rows VALUES (%s) RETURNING substr(pg_walfile_name(pg_current_wal_lsn()), 1, 8)",
                                         (self.number,)).fetchone()
                if not notices:
                    self.rows.append((self.number, begun, time.monotonic(), int(row[0], 16)))
                notices.clear()
                self.stop.wait(0.01)  # the pace of the load
            except self.psycopg.Error:
                if connection is not None:
                    connection.close()
                connection = None
                self.stop.wait(0.05)  # the pace of a client that looks for the primary
        if connection is not None:
            connection.close()


class PatroniCluster:
    def __init__(self, environment, directory, hosts, ports):
        self.environment = environment
        os.chmod(directory, 0o755)
        self.nodes = [Node(environment, directory, f"pg{i}", hosts, ports[2 * i], ports[2 * i + 1]) for i in range(2)]
        self.writers = []

    def kill(self):
        for node in self.nodes:
            node.kill()

    def wait(self, what, timeout=60):
        """Until `what()` is true; gives its answer."""
        deadline = time.monotonic() + timeout
        while not (answer := what()):
            if time.monotonic() > deadline:
                raise TimeoutError("\n".join(f"{n.name}: {n.state()}\n{n.log()[-3000:]}" for n in self.nodes))
            time.sleep(0.1)  # between two looks
        return answer

    def primary(self):
        return next((n for n in self.nodes if n.state().get("role") == "primary" and n.state().get("state") == "running"), None)

    def in_step(self):
        """A primary whose standby follows it, so that Patroni would let it take over."""
        primary = self.primary()
        follows = primary and any(s.get("sync_state") == "sync" for s in primary.state().get("replication", []))
        return primary if follows and any(n.state().get("sync_standby") for n in self.nodes if n is not primary) else None

    def start(self):
        self.nodes[0].start()
        self.wait(self.primary)
        self.nodes[1].start()
        return self.wait(self.in_step)

    def switchover(self, leader, candidate):
        done = subprocess.run([self.environment.program("patronictl"), "-c", leader.config, "switchover", "--leader", leader.name,
                               "--candidate", candidate.name, "--force"], capture_output=True, text=True, timeout=60)
        if "Successfully switched over" not in done.stdout:
            raise RuntimeError(done.stdout + done.stderr)

    def write(self, psycopg):
        """From now on rows are written at both nodes, whichever takes them."""
        with psycopg.connect(host="127.0.0.1", port=self.primary().port, user="super", dbname="postgres", autocommit=True) as connection:
            connection.execute("CREATE TABLE rows (number bigint PRIMARY KEY)")
        self.writers = [Writer(psycopg, node, i * 10**9) for i, node in enumerate(self.nodes)]
        for writer in self.writers:
            writer.start()

    def acknowledged(self):
        """What both writers know, by when it ended."""
        return sorted((row for writer in self.writers for row in list(writer.rows)), key=lambda row: row[2])

    def pause_since(self, begun):
        """The longest time from `begun` on in which no row was acknowledged."""
        times = [begun] + [row[2] for row in self.acknowledged() if row[2] > begun] + [time.monotonic()]
        return max(after - before for before, after in zip(times, times[1:]))

    def wait_written(self, since):
        """Until rows are acknowledged again."""
        self.wait(lambda: sum(row[1] > since for row in self.acknowledged()[-20:]) >= 10, 90)

    def stop_writing(self):
        for writer in self.writers:
            writer.stop.set()
        for writer in self.writers:
            writer.join()

    def verdict(self, psycopg):
        """What was acknowledged and is gone, and rows of an earlier timeline that were begun after rows of a later one had ended."""
        rows = self.acknowledged()
        with psycopg.connect(host="127.0.0.1", port=self.primary().port, user="super", dbname="postgres") as connection:
            there = {number for number, in connection.execute("SELECT number FROM rows")}
        lost = [row for row in rows if row[0] not in there]
        two, latest = [], 0
        ended = iter(rows)
        coming = next(ended, None)
        for row in sorted(rows, key=lambda row: row[1]):
            while coming is not None and coming[2] < row[1]:
                latest = max(latest, coming[3])
                coming = next(ended, None)
            if row[3] < latest:
                two.append(row)
        return lost, two
