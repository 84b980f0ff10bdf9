#!/usr/bin/env bash
# etcd3gw 2.7.0 (Python) reads each chunk of a chunked HTTP answer as one JSON object, though the borders of chunks mean nothing (RFC 9112,
# 7.1). A watch whose server, or a proxy before it, puts two lines into one chunk calls its callback never again, and says nothing.
# Seen 2026-11-27, Python 3.11: events seen when each line is a chunk: 2 of 2; when the lines share a chunk: 0 of 2.
#
# Ends with 0 as long as that is so.
set -euo pipefail
directory=$(mktemp -d)
trap 'rm -rf "$directory"' EXIT
python3 -m venv "$directory"
"$directory/bin/pip" install --quiet --disable-pip-version-check etcd3gw==2.7.0 requests==2.34.2 urllib3==2.8.0
cat >"$directory/try.py" <<'PYTHON'
import base64
import http.server
import importlib.metadata
import json
import sys
import threading

import etcd3gw


def line(result):
    return json.dumps({"result": result}).encode() + b"\n"


def event(value):
    kv = {"key": base64.b64encode(b"k").decode(), "value": base64.b64encode(value).decode(), "mod_revision": "2"}
    return line({"events": [{"kv": kv}]})


class Server(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    chunks = []

    def do_POST(self):
        self.rfile.read(int(self.headers["Content-Length"]))
        self.send_response(200)
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()
        for chunk in self.chunks:
            self.wfile.write(b"%x\r\n%s\r\n" % (len(chunk), chunk))
        self.wfile.write(b"0\r\n\r\n")

    def log_message(self, *args):
        pass


def seen(chunks):
    Server.chunks = chunks
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Server)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    events = []
    client = etcd3gw.client(host="127.0.0.1", port=server.server_port, api_path="/v3/")
    watcher = etcd3gw.watch.Watcher(client, "k", events.append)
    watcher._executor.shutdown(wait=True)  # until it has read everything
    server.shutdown()
    return len(events)


created = line({"created": True})
apart = seen([created, event(b"1"), event(b"2")])
together = seen([created, event(b"1") + event(b"2")])
print(f"etcd3gw {importlib.metadata.version('etcd3gw')}: each line a chunk: {apart} of 2 events; both lines in one chunk: {together} of 2 events")
sys.exit((apart, together) != (2, 0))
PYTHON
"$directory/bin/python" "$directory/try.py"
