#!/usr/bin/python3
# SPDX-FileCopyrightText: 2026 The pcall authors
# SPDX-License-Identifier: LGPL-2.1-or-later

"""SHA-256 of every regular file below the directories, as sha256sum prints it.

The files are dealt out to hands of about the same weight, a few more hands than processes, so that
a process that was lucky takes another one. Each hand is one call: it gets a list of names and
sizes, and returns a list of names with a digest or a problem. A file that cannot be read costs its
own digest alone; a call that dies costs those of its hand, and each file is told. Names are bytes.
"""

import argparse
import hashlib
import heapq
import os
import stat
import sys
import time

import gi

gi.require_version("Pcall", "1.0")

from gi.repository import Pcall  # noqa: E402

HANDS_PER_PROCESS = 8
COST_OF_OPENING = 32 * 1024  # in bytes that are summed up in the same time
REPORT_INTERVAL = 0.1
BLOCK = 128 * 1024
BAR_WIDTH = 50


# Inside a call


class Progress:
    def __init__(self, total):
        self.done = 0
        self.total = total
        self.next_report = 0

    def add(self, cost):
        self.done += cost
        if time.monotonic() >= self.next_report:
            Pcall.report_progress(self.done / self.total)
            self.next_report = time.monotonic() + REPORT_INTERVAL


def digest_file(path, progress):
    digest = hashlib.sha256()
    progress.add(COST_OF_OPENING)
    with open(path, "rb", buffering=0) as file:
        while block := file.read(BLOCK):
            digest.update(block)
            progress.add(len(block))
    return digest.hexdigest()


def digest_hand(cost, files):
    """The target: for each file its name, its digest and its problem, one of them None."""
    progress = Progress(cost)
    sums = []
    for path, _ in files:
        try:
            sums.append((path, digest_file(path, progress), None))
        except OSError as error:
            sums.append((path, None, os.strerror(error.errno)))
    return sums


# Finding files and dealing them out


def find_files(roots, sums):
    """Each regular file and its size; what cannot be looked at goes to the sums."""
    waiting = [(os.fsencode(root), True) for root in roots]
    while waiting:
        path, follow = waiting.pop()
        try:
            status = os.stat(path, follow_symlinks=follow)
            if stat.S_ISREG(status.st_mode):
                yield path, status.st_size
            elif stat.S_ISDIR(status.st_mode):
                waiting += [(os.path.join(path, name), False) for name in os.listdir(path)]
        except OSError as error:
            sums.append((path, None, os.strerror(error.errno)))


def get_cost(file):
    return COST_OF_OPENING + file[1]


def deal(files, n_hands):
    """The largest file first, each to the lightest hand."""
    hands = [(0, i, []) for i in range(n_hands)]
    for file in sorted(files, key=get_cost, reverse=True):
        cost, i, held = hands[0]
        held.append(file)
        heapq.heapreplace(hands, (cost + get_cost(file), i, held))
    return [(cost, held) for cost, _, held in sorted(hands, reverse=True) if held]


def draw_bar(task, *_):
    fraction = task.get_fraction()
    bar = "#" * int(fraction * BAR_WIDTH)
    print(f"\r[{bar:<{BAR_WIDTH}}] {fraction:4.0%}".replace("%", " %"), end="", file=sys.stderr)


def digest_files(files, jobs, sums):
    """Adds what came of each file to the sums. Returns how long it took."""
    hands = deal(files, jobs * HANDS_PER_PROCESS)
    pcall = Pcall.Pcall(digest_hand, iargs=hands)
    pcall.task.set_max_children(jobs)
    if sys.stderr.isatty():
        pcall.task.connect("call-progress", draw_bar)

    begun = time.monotonic()
    pcall.start()
    for call in Pcall.as_completed(pcall):
        error = call.exception()
        if error is None:
            sums += call.result()
        else:
            sums += [(path, None, str(error)) for path, _ in hands[call.index][1]]
    if sys.stderr.isatty():
        print("\r" + " " * (BAR_WIDTH + 8), end="\r", file=sys.stderr)
    return time.monotonic() - begun


def compare_with_one_process(files, jobs):
    """Runs the whole twice more; the first run has brought the files into the page cache."""
    one = digest_files(files, 1, [])
    many = digest_files(files, jobs, [])
    gain = "no faster: the processors are busy, or there is little to do"
    if one > many:
        gain = f"{one / many:.2f} times as fast"
    print(
        f"checksums: {len(files)} files once more, from the page cache: one process {one:.3f} s, "
        f"{jobs} at a time {many:.3f} s, {gain}",
        file=sys.stderr,
    )


# What came of it


def escape(path):
    """On one line whatever is in it, as sha256sum does."""
    name = path.replace(b"\\", b"\\\\").replace(b"\n", b"\\n").replace(b"\r", b"\\r")
    return name, b"\\" if name != path else b""


def write_all(fd, data):
    while data:
        data = data[os.write(fd, data) :]


def print_digests(sums):
    lines = []
    for path, digest, _ in sums:
        if digest is not None:
            name, mark = escape(path)
            lines.append(mark + digest.encode() + b"  " + name + b"\n")
    write_all(1, b"".join(lines))


def print_problems(sums):
    """Returns how many there are."""
    problems = [(path, problem) for path, _, problem in sums if problem is not None]
    for path, problem in problems:
        write_all(2, b"checksums: " + escape(path)[0] + f": {problem}\n".encode())
    return len(problems)


def parse_options():
    parser = argparse.ArgumentParser(prog="checksums", description=__doc__.splitlines()[0])
    parser.add_argument("--jobs", "-j", type=int, default=0, metavar="N",
                        help="processes at a time (0: one per processor)")  # fmt: skip
    parser.add_argument("--no-compare", action="store_true",
                        help="do not measure against one process")  # fmt: skip
    parser.add_argument("roots", nargs="*", default=["/usr/bin"], metavar="DIRECTORY")
    options = parser.parse_args()
    if options.jobs < 0:
        sys.exit(f"checksums: --jobs is a number of processes, or 0, but not {options.jobs}")
    options.jobs = options.jobs or len(os.sched_getaffinity(0))
    return options


def main():
    options = parse_options()
    sums = []
    files = list(find_files(options.roots, sums))
    digest_files(files, options.jobs, sums)
    sums.sort(key=lambda entry: entry[0])
    try:
        print_digests(sums)
    except OSError as error:
        sys.exit(f"checksums: standard output: {os.strerror(error.errno)}")
    if not options.no_compare:
        compare_with_one_process(files, options.jobs)
    return 1 if print_problems(sums) else 0


if __name__ == "__main__":
    sys.exit(main())
