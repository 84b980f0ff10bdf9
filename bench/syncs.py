#!/usr/bin/env python3
"""How long a small append takes until it is durable, by the ways that Linux offers: for docs/decisions/writes-past-the-page-cache.md.

    bench/syncs.py [DIRECTORY]     the file system that is measured; by default this one
"""

import mmap
import multiprocessing
import os
import statistics
import sys
import tempfile
import time

APPENDS, BYTES, SIZE, BLOCK = 2000, 400, 16 << 20, 4096
WAYS = {"fdatasync": 0, "O_DSYNC": os.O_DSYNC, "O_DIRECT and O_DSYNC": os.O_DIRECT | os.O_DSYNC}


def appends(directory, flags, found):
    """Microseconds at the median; with O_DIRECT, the whole block is written each time."""
    with tempfile.NamedTemporaryFile(dir=directory) as file:
        file.write(bytes(SIZE))
        file.flush()
        os.fsync(file.fileno())
        descriptor = os.open(file.name, os.O_RDWR | flags)
        block = mmap.mmap(-1, BLOCK)  # memory at a page's start
        block.write(b"x" * BLOCK)
        part = block if flags & os.O_DIRECT else memoryview(block)[:BYTES]
        times = []
        for i in range(APPENDS):
            at = i * BYTES // BLOCK * BLOCK if flags & os.O_DIRECT else i * BYTES
            begin = time.perf_counter()
            os.pwritev(descriptor, [part], at)
            if not flags:
                os.fdatasync(descriptor)
            times.append(time.perf_counter() - begin)
        os.close(descriptor)
    found.append(statistics.median(times) * 1e6)


def main():
    directory = sys.argv[1] if len(sys.argv) > 1 else "."
    print("| median of an append of 400 bytes, µs | one process | three at once |\n|---|---:|---:|")
    with multiprocessing.Manager() as manager:
        for name, flags in WAYS.items():
            figures = []
            for processes in (1, 3):
                found = manager.list()
                running = [multiprocessing.Process(target=appends, args=(directory, flags, found)) for _ in range(processes)]
                for process in running:
                    process.start()
                for process in running:
                    process.join()
                figures.append(statistics.median(found))
            print(f"| {name} | {figures[0]:.0f} | {figures[1]:.0f} |")
    return 0


if __name__ == "__main__":
    sys.exit(main())
