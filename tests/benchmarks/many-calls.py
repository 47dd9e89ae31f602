#!/usr/bin/python3
# SPDX-FileCopyrightText: 2026 The pcall authors
# SPDX-License-Identifier: LGPL-2.1-or-later

"""What very many very small calls cost, against the pools that are known for them.

Each call doubles its number. A side is timed from nothing to all results in order: making its two
processes counts. Sides change from round to round, each peer with every chunk size; for the
comparison each has its best one. Then: that time is linear in the number of calls, and what the
parent keeps of each.

usage: many-calls.py PROGRAM [--rounds N] [--calls N] [--quick]
"""

import argparse
import concurrent.futures
import multiprocessing
import os
import shutil
import statistics
import subprocess
import time

HERE = os.path.dirname(os.path.abspath(__file__))
FORK = multiprocessing.get_context("fork")
PERL = "/usr/bin/perl"
AT_A_TIME = 2
CHUNKS = [500, 2000, 10000, 25000, 100000]
BAR = 2.0
MEMORY_BAR = 100


def double(n):
    return 2 * n


def timed(run, n_calls, chunk):
    begun = time.perf_counter()
    results = run(n_calls, chunk)
    took = time.perf_counter() - begun
    if len(results) != n_calls or results[-1] != 2 * (n_calls - 1):
        raise RuntimeError(f"{run.__name__} gave wrong results")
    return took


def run_pool(n_calls, chunk):
    with FORK.Pool(AT_A_TIME) as pool:
        return pool.map(double, range(n_calls), chunksize=chunk)


def run_executor(n_calls, chunk):
    with concurrent.futures.ProcessPoolExecutor(AT_A_TIME, mp_context=FORK) as pool:
        return list(pool.map(double, range(n_calls), chunksize=chunk))


def measure_mce(n_calls, chunk):
    script = os.path.join(HERE, "many-calls.pl")
    return float(subprocess.check_output([PERL, script, str(n_calls), str(chunk)]))


def has_mce():
    return (
        shutil.which(PERL) is not None
        and subprocess.run([PERL, "-MMCE::Map", "-e", "1"], stderr=subprocess.DEVNULL).returncode == 0
    )


def measure_pcall(program, n_calls, mode, n_rounds=1):
    """Seconds and bytes a call, a pair for each round in one process."""
    output = subprocess.check_output([program, str(n_calls), str(n_rounds), mode], text=True)
    return [tuple(map(float, line.split())) for line in output.splitlines()]


def find_peers():
    peers = {
        "mp.Pool.map": lambda n, chunk: timed(run_pool, n, chunk),
        "ProcessPoolExecutor.map": lambda n, chunk: timed(run_executor, n, chunk),
    }
    if has_mce():
        peers["MCE mce_map"] = measure_mce
    else:
        print("MCE is not here (libmce-perl): left out")
    return peers


def run_rounds(program, peers, n_rounds, n_calls, chunks):
    """Seconds by side, one for each round; of a peer, by chunk size."""
    ours = {mode: [] for mode in ("sections", "inherit")}
    theirs = {(name, chunk): [] for name in peers for chunk in chunks}
    for _ in range(n_rounds):
        for mode, times in ours.items():
            times.append(measure_pcall(program, n_calls, mode)[0][0])
        for (name, chunk), times in theirs.items():
            times.append(peers[name](n_calls, chunk))
    return ours, theirs


def best_chunks(theirs):
    """For each peer: its best chunk size."""
    best = {}
    for (name, chunk), times in theirs.items():
        if name not in best or statistics.median(times) < statistics.median(theirs[name, best[name]]):
            best[name] = chunk
    return best


def print_comparison(ours, theirs, quick):
    for mode, times in ours.items():
        print(f"\nmedian of the rounds, ms{'pcall':>20} {'peer':>9}   ratio  (lowest … highest)   bar")
        print(f"  log-mode {mode}")
        for name, chunk in best_chunks(theirs).items():
            peer = theirs[name, chunk]
            ratios = sorted(b / a for a, b in zip(times, peer))
            ratio = statistics.median(ratios)
            verdict = "too small to tell" if quick else "reached" if ratio >= BAR else "NOT reached"
            print(
                f"  {name + f', chunks of {chunk}':<36} {statistics.median(times) * 1e3:8.1f}"
                f" {statistics.median(peer) * 1e3:8.1f}   {ratio:5.2f}"
                f"  ({ratios[0]:.2f} … {ratios[-1]:.2f})   ≥ {BAR:.1f}  {verdict}"
            )


def print_growth(program, sizes, quick):
    print("\ncalls            µs a call    bytes of the parent a call")
    for n_calls in sizes:
        seconds, memory = min(measure_pcall(program, n_calls, "sections", 3))
        _, memory = measure_pcall(program, n_calls, "sections")[0]
        verdict = "reached" if memory <= MEMORY_BAR else "NOT reached"
        verdict = f"≤ {MEMORY_BAR}  {verdict}" if n_calls == sizes[-1] and not quick else ""
        print(f"{n_calls:<14,} {seconds / n_calls * 1e6:11.2f} {memory:14.0f}  {verdict}")


def main():
    parser = argparse.ArgumentParser(description="What very many very small calls cost.")
    parser.add_argument("program", help="tests/benchmarks/many-calls in a build directory")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--calls", type=int, default=200000)
    parser.add_argument("--quick", action="store_true", help="only see whether it runs")
    options = parser.parse_args()
    n_calls = 2000 if options.quick else options.calls
    sizes = [1000, 4000] if options.quick else [10000, 100000, 1000000]
    chunks = [500] if options.quick else CHUNKS

    print(f"{n_calls:,} calls, {AT_A_TIME} processes, load {os.getloadavg()[0]:.1f}")
    n_rounds = 1 if options.quick else options.rounds
    ours, theirs = run_rounds(options.program, find_peers(), n_rounds, n_calls, chunks)
    print_comparison(ours, theirs, options.quick)
    print_growth(options.program, sizes, options.quick)


if __name__ == "__main__":
    main()
