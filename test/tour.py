#!/usr/bin/env python3
"""Pastes the README's tour into a shell as one block, so that the README cannot lie."""

import argparse
import os
import re
import shutil
import signal
import subprocess
import sys

from cell_process import free_ports

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
SECONDS_MAX = 120


def tour():
    with open(os.path.join(ROOT, "README.md"), encoding="utf-8") as f:
        return re.search(r"```sh tour\n(.*?)```", f.read(), re.S).group(1)


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--polis", default="build/polis")
    polis = os.path.abspath(parser.parse_args().polis)
    directory = os.path.join(ROOT, "build", "tour")
    shutil.rmtree(directory, ignore_errors=True)
    os.makedirs(directory)
    client, peer = (f"127.0.0.1:{port}" for port in free_ports(2))
    environment = dict(os.environ, POLIS_CLIENT=client, POLIS_PEER=peer, POLIS_ENDPOINTS=client, ETCDCTL_ENDPOINTS=client)
    # -e: what fails ends it; -x: so that one sees where. In a session of its own, so that nothing is left behind.
    shell = subprocess.Popen(["bash", "-ex"], stdin=subprocess.PIPE, cwd=directory, env=environment, text=True, start_new_session=True)
    try:
        shell.communicate(tour().replace("build/polis", polis), timeout=SECONDS_MAX)
    finally:
        try:
            os.killpg(shell.pid, signal.SIGKILL)
        except ProcessLookupError:
            pass
    print("the tour " + ("passed" if shell.returncode == 0 else f"failed with {shell.returncode}"))
    return 1 if shell.returncode else 0


if __name__ == "__main__":
    sys.exit(main())
