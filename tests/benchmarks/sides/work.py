# SPDX-FileCopyrightText: 2026 The pcall authors
# SPDX-License-Identifier: LGPL-2.1-or-later

"""What the calls of the Python programs do, whoever calls them, and how two are run at a time."""

import fcntl
import mmap
import operator
import os
import signal
import time

AT_A_TIME = 2
PATIENCE = 60  # seconds, then SIGALRM


def double(n):
    return 2 * n


def doubles(n_calls):
    return range(0, 2 * n_calls, 2)


def burn(microseconds):
    """Keeps a processor busy; only the processor time of this thread counts."""
    end = time.thread_time() + microseconds / 1e6
    while time.thread_time() < end:
        pass
    return microseconds


def parse_durations(text):
    return [int(word) for word in str(text).split(",")]


def run_two_at_a_time(start, finish, n_calls):
    """The calls in turn, each begun when the one before the last has ended."""
    results, children = [], []
    for n in range(n_calls):
        if len(children) == AT_A_TIME:
            results.append(finish(children.pop(0)))
        children.append(start(n))
    results.extend(map(finish, children))
    return results


def run_all_at_once(start, finish, n_calls):
    return [finish(child) for child in [start(n) for n in range(n_calls)]]


class Crowd:
    """Calls that wait until all have begun; the last one opens the gate for all."""

    def __init__(self, n_expected):
        self.n_expected = n_expected
        self.counter = mmap.mmap(-1, 8)
        self.lock = os.memfd_create("crowd")
        self.gate = os.pipe()

    def join(self, n):
        signal.alarm(PATIENCE)
        if self._count() == self.n_expected:
            os.write(self.gate[1], bytes(self.n_expected))
        return 2 * n if len(os.read(self.gate[0], 1)) == 1 else None

    def _count(self):
        fcntl.lockf(self.lock, fcntl.LOCK_EX)
        n_there = int.from_bytes(self.counter[:8], "little") + 1
        self.counter[:8] = n_there.to_bytes(8, "little")
        fcntl.lockf(self.lock, fcntl.LOCK_UN)
        return n_there

    def close(self):
        os.close(self.lock)
        for fd in self.gate:
            os.close(fd)


# What tiny calls return where its kind is what counts


def give_text(n):
    return str(n)


def give_pair(n):
    return n, 2 * n


def give_array(n):
    import numpy

    return numpy.full(1000, n, dtype=float)


GIVERS = {"text": give_text, "pair": give_pair, "array": give_array}


def time_tiny(kind, n, run, *arguments):
    """The seconds until all results are there, in order."""
    give = GIVERS[kind]
    is_equal = operator.eq if kind != "array" else lambda one, other: (one == other).all()
    is_equal(give(0), give(0))  # importing NumPy is not what is measured
    begun = time.perf_counter()
    results = run(give, range(n), *arguments)
    took = time.perf_counter() - begun
    if len(results) != n or not all(map(is_equal, results, map(give, range(n)))):
        raise RuntimeError("wrong results")
    return took


# What a call returns where its size is what counts. It is made once, in the parent.
large = {}


def make_large(kind, size):
    if kind == "numpy":
        import numpy

        return numpy.full(size // 8, 0.5)
    return b"\x5a" * size


def have_large(kind, size):
    if (kind, size) not in large:
        large.clear()
        large[kind, size] = make_large(kind, size)


def get_large(kind, size):
    return large[kind, size]


def check_large(result, kind, size):
    """That it came; of its contents a sample."""
    n_bytes = result.nbytes if kind == "numpy" else len(result)
    expected = 0.5 if kind == "numpy" else 0x5A
    wanted = size // 8 * 8 if kind == "numpy" else size
    if n_bytes != wanted or (n_bytes and (result[0] != expected or result[-1] != expected)):
        raise RuntimeError("wrong result")


def time_large(kind, size, run):
    """The seconds until the parent has what `run` makes a child return."""
    have_large(kind, size)
    begun = time.perf_counter()
    result = run(kind, size)
    took = time.perf_counter() - begun
    check_large(result, kind, size)
    return took
