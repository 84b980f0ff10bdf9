#!/usr/bin/env python3
"""Runs the commands of the README's tour, so that the README cannot lie."""

import argparse
import os
import re
import shutil
import signal
import subprocess
import sys
import time

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--polis", default="build/polis")
    polis = os.path.abspath(parser.parse_args().polis)
    with open(os.path.join(ROOT, "README.md"), encoding="utf-8") as f:
        tour = re.search(r"```sh tour\n(.*?)```", f.read(), re.S).group(1).splitlines()
    directory = os.path.join(ROOT, "build", "tour")
    shutil.rmtree(directory, ignore_errors=True)
    os.makedirs(directory)
    background, failed = [], 0
    try:
        for line in tour:
            command = line.replace("build/polis", polis)
            print("$ " + line, flush=True)
            if command.endswith("&"):
                background.append(subprocess.Popen(command[:-1], shell=True, cwd=directory, start_new_session=True, stderr=subprocess.DEVNULL))
                deadline = time.monotonic() + 10
                while subprocess.run([polis, "kv", "get", "--count-only", "x"], capture_output=True).returncode != 0:
                    if time.monotonic() > deadline:
                        raise TimeoutError("polis dev does not answer")
                continue
            done = subprocess.run(command, shell=True, cwd=directory, capture_output=True, text=True, timeout=30)
            print(done.stdout, end="", flush=True)
            if done.returncode != 0:
                print(f"failed with {done.returncode}: {done.stderr}")
                failed += 1
    finally:
        for process in background:
            os.killpg(process.pid, signal.SIGTERM)
            process.wait()
    print(f"{len(tour) - failed} passed, {failed} failed")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
