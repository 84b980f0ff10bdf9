#!/usr/bin/env bash
# patronictl 4.1.5: a switchover that Patroni refuses (412, the candidate is no synchronous standby yet) is told as "Switchover failed", and
# the exit code is 0, as after one that was made. Scripts must read what it prints.
# Seen 2026-11-27, Python 3.11: "Switchover failed, details: 412, candidate name does not match with sync_standby", exit code 0.
#
# Ends with 0 as long as that is so.
set -euo pipefail
directory=$(mktemp -d)
trap 'rm -rf "$directory"' EXIT
python3 -m venv "$directory"
"$directory/bin/pip" install --quiet --disable-pip-version-check 'patroni[etcd3]==4.1.5' 'psycopg[binary]==3.3.9' 2>/dev/null
# A store that holds one cluster of two, and the leader's REST API that refuses, as Patroni's does.
cat >"$directory/try.py" <<'PYTHON'
import base64
import http.server
import json
import os
import subprocess
import sys
import threading

directory = sys.argv[1]
REFUSAL = b"candidate name does not match with sync_standby"


def kv(name, value):
    return {"key": base64.b64encode(b"/service/c/" + name.encode()).decode(), "value": base64.b64encode(value.encode()).decode(),
            "create_revision": "2", "mod_revision": "2", "version": "1", "lease": "7"}


class Server(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def answer(self, status, body):
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def do_GET(self):
        self.rfile.read(int(self.headers.get("Content-Length", 0)))  # Patroni asks for the version with a body
        self.answer(200, json.dumps({"etcdserver": "3.7.3", "etcdcluster": "3.7.0"}).encode())

    def do_POST(self):
        self.rfile.read(int(self.headers.get("Content-Length", 0)))
        address = f"http://127.0.0.1:{self.server.server_port}"
        if self.path == "/switchover":
            return self.answer(412, REFUSAL)
        result = {"header": {"cluster_id": "1", "member_id": "1", "revision": "9", "raft_term": "2"}}
        if self.path == "/v3/cluster/member/list":
            result["members"] = [{"ID": "1", "name": "a", "clientURLs": [address]}]
        elif self.path == "/v3/kv/range":
            member = {"conn_url": "postgres://127.0.0.1:1/postgres", "api_url": address + "/patroni", "state": "running", "timeline": 1}
            result["kvs"] = [kv("initialize", "1"), kv("leader", "pg0"), kv("config", "{}"), kv("members/pg0", json.dumps(member | {"role": "primary"})),
                             kv("members/pg1", json.dumps(member | {"role": "replica"}))]
        self.answer(200, json.dumps(result).encode())

    def log_message(self, *args):
        pass


server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Server)
threading.Thread(target=server.serve_forever, daemon=True).start()
config = os.path.join(directory, "patroni.yml")
with open(config, "w", encoding="utf-8") as file:
    file.write(f'scope: c\netcd3: {{host: "127.0.0.1:{server.server_port}"}}\n')
done = subprocess.run([os.path.join(directory, "bin", "patronictl"), "-c", config, "switchover", "c", "--leader", "pg0", "--candidate", "pg1", "--force"],
                      capture_output=True, text=True, timeout=60, stdin=subprocess.DEVNULL)
version = subprocess.run([os.path.join(directory, "bin", "patronictl"), "version"], capture_output=True, text=True).stdout.strip()
said = [line for line in done.stdout.splitlines() if "failed" in line]
print(f"{version}: {said}, exit code {done.returncode}")
if not said:
    print(done.stdout + done.stderr)
sys.exit(said != ["Switchover failed, details: 412, " + REFUSAL.decode()] or done.returncode != 0)
PYTHON
"$directory/bin/python" "$directory/try.py" "$directory"
