#!/usr/bin/python3
# SPDX-FileCopyrightText: 2026 The pcall authors
# SPDX-License-Identifier: LGPL-2.1-or-later

"""What a Python call in a child of its own costs.

Sides change from round to round in one process, so that what the machine does meanwhile falls on
all of them. A call does nothing: what is measured is what it costs to make, feed, hear, reap and
forget a child. Each side pickles the result in the child and unpickles it in the parent.

usage: python-calls.py [--rounds N] [--quick]
"""

import argparse
import multiprocessing
import os
import pickle
import statistics
import sys
import time

import gi

gi.require_version("Pcall", "1.0")

from gi.repository import Pcall  # noqa: E402

N_CALLS = 400
N_QUICK_CALLS = 20
AT_A_TIME = 2
ROUNDS = 11
FORK = multiprocessing.get_context("fork")


def double(n):
    return 2 * n


def run_pcall(n_calls):
    task = Pcall.Pcall(double, n=range(n_calls))
    task.task.set_max_children(AT_A_TIME)
    task.start()
    task.join()
    return list(task.results)


def start_bare(n):
    read_fd, write_fd = os.pipe()
    pid = os.fork()
    if pid == 0:
        os.write(write_fd, pickle.dumps(double(n), 5))
        os._exit(0)
    os.close(write_fd)
    return read_fd, pid


def finish_bare(child):
    read_fd, pid = child
    data = os.read(read_fd, 65536)
    os.close(read_fd)
    os.waitpid(pid, 0)
    return pickle.loads(data)


def answer(connection, n):
    connection.send(double(n))


def start_process(n):
    ours, theirs = FORK.Pipe(duplex=False)
    process = FORK.Process(target=answer, args=(theirs, n))
    process.start()
    theirs.close()
    return ours, process


def finish_process(child):
    ours, process = child
    result = ours.recv()
    ours.close()
    process.join()
    process.close()
    return result


def run_two_at_a_time(start, finish, n_calls):
    """The calls in turn, each begun when the one before the last has ended."""
    results, children = [], []
    for n in range(n_calls):
        if len(children) == AT_A_TIME:
            results.append(finish(children.pop(0)))
        children.append(start(n))
    results.extend(map(finish, children))
    return results


def run_bare(n_calls):
    return run_two_at_a_time(start_bare, finish_bare, n_calls)


def run_process(n_calls):
    return run_two_at_a_time(start_process, finish_process, n_calls)


def run_pool(n_calls):
    with FORK.Pool(AT_A_TIME, maxtasksperchild=1) as pool:
        return pool.map(double, range(n_calls), chunksize=1)


SIDES = {"pcall": run_pcall, "bare": run_bare, "process": run_process, "pool": run_pool}

# What is compared with what, and how the ratio has to be.
ROWS = [
    ("pcall", "bare", "os.fork, os.pipe, os.waitpid", "≤", 1.3),
    ("process", "pcall", "multiprocessing.Process + Pipe", "≥", 2.0),
    ("pool", "pcall", "Pool(maxtasksperchild=1)", "≥", 2.0),
]


def measure(run, n_calls):
    begun = time.perf_counter()
    results = run(n_calls)
    took = time.perf_counter() - begun
    if results != [2 * n for n in range(n_calls)]:
        raise RuntimeError(f"{run.__name__} gave wrong results")
    return took


def run_rounds(n_rounds, n_calls):
    """Seconds by side, one for each round; the first round only warms up."""
    times = {name: [] for name in SIDES}
    names = list(SIDES)
    for n in range(n_rounds + 1):
        for name in names if n % 2 else reversed(names):
            took = measure(SIDES[name], n_calls)
            if n > 0:
                times[name].append(took)
    return times


def print_row(times, n_calls, row, quick):
    ours, theirs, peer, relation, bar = row
    ratios = sorted(a / b for a, b in zip(times[ours], times[theirs]))
    ratio = statistics.median(ratios)
    reached = ratio <= bar if relation == "≤" else ratio >= bar
    verdict = "too small to tell" if quick else "reached" if reached else "NOT reached"
    other = theirs if ours == "pcall" else ours
    microseconds = [statistics.median(times[side]) / n_calls * 1e6 for side in ("pcall", other)]
    print(
        f"{peer:<32} {microseconds[0]:9.0f} {microseconds[1]:9.0f}   {ratio:5.2f}"
        f"  ({ratios[0]:.2f} … {ratios[-1]:.2f})   {relation} {bar:.1f}  {verdict}"
    )


def main():
    parser = argparse.ArgumentParser(description="What a Python call in a child of its own costs.")
    parser.add_argument("--rounds", type=int, default=ROUNDS)
    parser.add_argument("--quick", action="store_true", help="only see whether it runs")
    options = parser.parse_args()
    n_calls = N_QUICK_CALLS if options.quick else N_CALLS

    times = run_rounds(1 if options.quick else options.rounds, n_calls)
    print(f"Python {sys.version.split()[0]}, {n_calls} calls, one per child, {AT_A_TIME} at a time")
    head = "median of the rounds, µs a call"
    print(f"{head:<32} {'pcall':>9} {'peer':>9}   ratio  (lowest … highest)   bar")
    for row in ROWS:
        print_row(times, n_calls, row, options.quick)


if __name__ == "__main__":
    main()
