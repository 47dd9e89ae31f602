#!/usr/bin/python3
# SPDX-FileCopyrightText: 2026 The pcall authors
# SPDX-License-Identifier: LGPL-2.1-or-later

"""A long way to an agent: what is said in either direction arrives some time later.

    slow-link.py MILLISECONDS COMMAND…

It runs COMMAND, and passes on its standard input and output.
"""

import collections
import os
import select
import subprocess
import sys
import time

CHUNK = 65536


class Way:
    """One direction: chunks, and when they arrive."""

    def __init__(self, source, target):
        self.source = source
        self.target = target
        self.chunks = collections.deque()
        self.ended = False

    def take(self, delay):
        """Reads a chunk; none is the end."""
        chunk = os.read(self.source, CHUNK)
        self.ended = not chunk
        self.chunks.append((time.monotonic() + delay, chunk))

    def arrive(self):
        """Writes what has arrived; FALSE once that is the end."""
        while self.chunks and self.chunks[0][0] <= time.monotonic():
            chunk = self.chunks.popleft()[1]
            if not chunk:
                os.close(self.target)
                return False
            while chunk:
                chunk = chunk[os.write(self.target, chunk):]
        return True


def main(delay, command):
    """Until COMMAND has ended, and what it said has arrived."""
    process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    back = Way(process.stdout.fileno(), 1)
    ways = [Way(0, process.stdin.fileno()), back]
    while back in ways:
        ways = [way for way in ways if way.arrive()]
        times = [way.chunks[0][0] for way in ways if way.chunks]
        wait = max(0, min(times) - time.monotonic()) if times else None
        open_ways = {way.source: way for way in ways if not way.ended}
        for source in select.select(list(open_ways), [], [], wait)[0] if back in ways else []:
            open_ways[source].take(delay)
    return process.wait()


if __name__ == "__main__":
    try:
        sys.exit(main(float(sys.argv[1]) / 1000, sys.argv[2:]))
    except BrokenPipeError:
        pass
