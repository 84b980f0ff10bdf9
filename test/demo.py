#!/usr/bin/env python3
"""Three replicas, several writers, and a master that dies by SIGKILL five times.

Every acknowledged write is remembered and looked for at the end; the verdict comes from what was read back. In two of the
five rounds the followers die just before the master and come back before it, so that what only the master had is gone:
a cell that acknowledged too early loses writes here.
"""

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
import threading
import time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from cell_process import Cell  # noqa: E402


class Writer(threading.Thread):
    """Writes numbered keys, one after the other, and remembers what was acknowledged."""

    def __init__(self, number, kind, polis, cell, stop):
        super().__init__(daemon=True)
        self.number, self.kind, self.polis, self.cell, self.stop_event = number, kind, polis, cell, stop
        self.acknowledged = []  # (seconds, key, value)
        self.unknown = 0

    def command(self, key, value):
        endpoints = self.cell.replicas[self.number % 3:] + self.cell.replicas[:self.number % 3]
        listed = ",".join(r.client for r in endpoints)
        if self.kind == "etcdctl":
            return ["etcdctl", "--endpoints", listed, "--command-timeout", "2s", "--dial-timeout", "1s", "put", key, value]
        return [self.polis, "kv", "put", "-e", listed, "--timeout", "2", key, value]

    def run(self):
        count = 0
        env = dict(os.environ, ETCDCTL_API="3")
        while not self.stop_event.is_set():
            count += 1
            key, value = f"demo/{self.number}/{count:06d}", f"{self.kind}-{count}"
            done = subprocess.run(self.command(key, value), env=env, capture_output=True)
            if done.returncode == 0:
                self.acknowledged.append((time.monotonic(), key, value))
            else:
                self.unknown += 1


def read_back(polis, cell):
    """Every key of the demo, from a linearizable read of whoever is master now."""
    import base64
    for replica in cell.replicas:
        done = subprocess.run([polis, "kv", "get", "-e", replica.client, "--timeout", "10", "--prefix", "demo/", "-o", "json"],
                              capture_output=True, text=True)
        if done.returncode == 0:
            break
        print(f"reading back through {replica.name} failed: {done.stderr.strip()}")
    else:
        return {}
    kvs = json.loads(done.stdout).get("kvs", [])
    return {base64.b64decode(kv["key"]).decode(): base64.b64decode(kv.get("value", "")).decode() for kv in kvs}


def kill_round(cell, hard):
    """Kills the master, and in a hard round the followers first. Gives its name and when it died."""
    master = cell.master()
    followers = [r for r in cell.replicas if r is not master]
    if hard:
        for r in followers:
            r.kill()
        time.sleep(0.5)  # the master alone: whatever it acknowledges now would be lost
    master.kill()
    died = time.monotonic()
    if hard:
        for r in followers:
            r.start()
        cell.master()
    else:
        time.sleep(1.0)  # the others elect while it is away
    master.start()
    return master.name, died


def first_after(times, moment):
    later = [t for t in times if t > moment]
    return min(later) if later else None


def longest_silence(times, died, until):
    """The longest time without a success that began in the second before `died` or behind it. (The death itself may be followed by
    an answer that was already on its way.)"""
    around = [t for t in times if died - 1 <= t <= until]
    return max((b - a for a, b in zip(around, around[1:]) if b > died), default=None)


def svg(path, start, end, events, times):
    """The run as a picture: acknowledged writes over time, and the deaths of the masters."""
    width, height, left, bottom = 900, 260, 50, 40
    scale = (width - left - 20) / (end - start)
    bucket = 0.1
    counts = {}
    for t in times:
        counts[int((t - start) / bucket)] = counts.get(int((t - start) / bucket), 0) + 1
    top = max(counts.values(), default=1)
    out = [f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" font-family="sans-serif" font-size="12">',
           f'<rect width="{width}" height="{height}" fill="#ffffff"/>',
           '<text x="50" y="18" font-size="14" fill="#222">Acknowledged writes per 0.1 s while the master is killed five times</text>']
    plot = height - bottom - 50
    for index, count in sorted(counts.items()):
        h = plot * count / top
        out.append(f'<rect x="{left + index * bucket * scale:.1f}" y="{height - bottom - h:.1f}" width="{max(bucket * scale - 0.6, 0.6):.1f}" '
                   f'height="{h:.1f}" fill="#4c8dae"/>')
    for i, (moment, name, hard, _) in enumerate(events):
        x = left + (moment - start) * scale
        out.append(f'<line x1="{x:.1f}" y1="32" x2="{x:.1f}" y2="{height - bottom}" stroke="#c0392b" stroke-width="1.5"/>')
        out.append(f'<text x="{x + 4:.1f}" y="{44}" fill="#c0392b">{"all" if hard else "master " + name} killed</text>')
    out.append(f'<line x1="{left}" y1="{height - bottom}" x2="{width - 20}" y2="{height - bottom}" stroke="#555"/>')
    for second in range(0, int(end - start) + 1, max(1, int((end - start) / 12))):
        x = left + second * scale
        out.append(f'<text x="{x:.1f}" y="{height - bottom + 16}" text-anchor="middle" fill="#555">{second} s</text>')
    out.append(f'<text x="{left - 8}" y="{height - bottom}" text-anchor="end" fill="#555">0</text>'
               f'<text x="{left - 8}" y="{height - bottom - plot + 8}" text-anchor="end" fill="#555">{top}</text></svg>')
    with open(path, "w", encoding="utf-8") as f:
        f.write("\n".join(out) + "\n")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--polis", default="build/polis")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--writers", type=int, default=4)
    parser.add_argument("--protocol", choices=["raft", "paxos"], default="raft")
    parser.add_argument("--svg", help="also draw the run into this file")
    parser.add_argument("--keep", action="store_true", help="keep data and logs")
    args = parser.parse_args()
    directory = tempfile.mkdtemp(prefix="polis-demo-")
    os.environ["FOUNDED_WITH"] = args.protocol
    cell = Cell(os.path.abspath(args.polis), directory)
    stop = threading.Event()
    writers, events = [], []
    try:
        cell.start()
        start = time.monotonic()
        print(f"{0:7.2f} s  three replicas started: {', '.join(f'{r.name}={r.client}' for r in cell.replicas)}", flush=True)
        master = cell.master()
        print(f"{time.monotonic() - start:7.2f} s  {master.name} is master", flush=True)
        kinds = ["etcdctl" if i % 2 == 0 else "polis" for i in range(args.writers)]
        writers = [Writer(i, kind, cell.polis, cell, stop) for i, kind in enumerate(kinds)]
        for writer in writers:
            writer.start()
        print(f"{time.monotonic() - start:7.2f} s  {args.writers} writers: {', '.join(kinds)}", flush=True)
        for number in range(args.rounds):
            time.sleep(1.5)
            hard = number % 2 == 1
            name, died = kill_round(cell, hard)
            new = cell.master()
            events.append((died, name, hard, new.name))
            what = "followers killed, then master" if hard else "master"
            print(f"{died - start:7.2f} s  {what} {name} killed; {new.name} is master now", flush=True)
        time.sleep(2.0)
        stop.set()
        for writer in writers:
            writer.join()
        end = time.monotonic()
        found = read_back(cell.polis, cell)
    except TimeoutError as error:
        print(f"the cell did not come back: {error}")
        end, found = time.monotonic(), {}
    finally:
        stop.set()
        cell.kill()
    acknowledged = [a for w in writers for a in w.acknowledged]
    times = sorted(t for t, _, _ in acknowledged)
    lost = [(k, v) for _, k, v in acknowledged if found.get(k) != v]
    print("\nround  killed            next master  no write succeeded for")
    for i, (died, name, hard, new) in enumerate(events):
        until = events[i + 1][0] if i + 1 < len(events) else end
        silence = longest_silence(times, died, until)
        gap = f"{silence:6.2f} s" if silence is not None else "never again"
        print(f"{i + 1:5}  {'all, ' + name + ' last' if hard else 'master ' + name:<16}  {new:<11}  {gap}")
    print(f"\nacknowledged {len(acknowledged)}, failed or unknown {sum(w.unknown for w in writers)}, read back {len(found)}, "
          f"acknowledged but lost {len(lost)}")
    if args.svg:
        svg(args.svg, start, end, events, times)
    recovered = len(events) == args.rounds and all(first_after(times, died) for died, *_ in events)
    good = not lost and recovered and len(acknowledged) >= 10 * args.rounds
    if lost:
        print("lost, for example: " + ", ".join(k for k, _ in lost[:5]))
    print("VERDICT: " + ("not one acknowledged write was lost" if good else
                         "FAILED: acknowledged writes were lost" if lost else "FAILED: the cell did not come back"))
    if args.keep or not good:
        print(f"data and logs: {directory}")
    else:
        shutil.rmtree(directory)
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())
