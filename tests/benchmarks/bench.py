#!/usr/bin/python3
# SPDX-FileCopyrightText: 2026 The pcall authors
# SPDX-License-Identifier: LGPL-2.1-or-later

"""What pcall costs, against the bare system and against today's pools.

Runs everything in about ten minutes, prints a table, and keeps what was measured as
benchmarks.json in the build directory, for report.py. With names it measures only those, and keeps
nothing unless told where.

usage: bench.py BUILD [--quick] [--rounds N] [--no-curves] [--output FILE] [NAME…]
"""

import argparse
import json
import os
import sys
import textwrap
import time

from suite import curves, machine, rounds, rows, table
from suite.programs import Programs


def parse_options(names):
    parser = argparse.ArgumentParser(description="What pcall costs, and its peers.")
    parser.add_argument("build", help="a build directory of meson")
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"of {', '.join(names)}")
    parser.add_argument("--quick", action="store_true", help="only see whether it runs")
    parser.add_argument("--rounds", type=int, metavar="N", help="of each row and of each point")
    parser.add_argument("--no-curves", action="store_true", help="only the table")
    parser.add_argument("--output", metavar="FILE", help="where to keep what was measured")
    options = parser.parse_intermixed_args()
    if options.quick:
        options.rounds = 1
    unknown = set(options.names) - set(names)
    if unknown:
        parser.error(f"nothing is called {', '.join(sorted(unknown))}")
    return options


def print_machine(facts):
    print(textwrap.fill(", ".join(f"{name} {value}" for name, value in facts), 100))


def measure_groups(groups, programs, options):
    results = []
    for group in groups:
        begun = time.monotonic()
        result = rounds.measure_group(group, programs, options.rounds)
        table.print_group(result, options.quick, time.monotonic() - begun)
        results.append(result)
    return results


def measure_curves(wanted, programs, n_rounds):
    results = []
    for curve in wanted:
        print(f"Measuring for the plot: {curve.title}", flush=True)
        results.append(curves.measure(curve, programs, n_rounds))
    return results


def save(path, data):
    with open(path + ".new", "w", encoding="utf-8") as file:
        json.dump(data, file, indent=1, ensure_ascii=False)
    os.replace(path + ".new", path)
    print(f"What was measured is in {path}")


def find_output(options):
    """Nothing that is in parts takes the place of a whole run."""
    if options.names or options.no_curves:
        return None
    return os.path.join(options.build, f"benchmarks{'-quick' if options.quick else ''}.json")


def print_start(options, facts, load):
    print_machine(facts)
    if load > machine.BUSY:
        print(f"Others use this machine (load {load:.1f}), so that the numbers are rough.")
    if options.quick:
        print("A quick run, of fewer and smaller things than it should be.")
    print(
        "\nMedians of the rounds. “≤”: pcall's time over the other's; “≥”: the other's over pcall's"
    )
    table.print_head()


def measure(options, groups, wanted_curves):
    programs = Programs(options.build)
    load = os.getloadavg()[0]
    try:
        facts = machine.describe(programs)
        print_start(options, facts, load)
        return {
            "quick": options.quick,
            "load": load,
            "rounds": options.rounds,
            "machine": facts,
            "groups": measure_groups(groups, programs, options),
            "curves": measure_curves(wanted_curves, programs, options.rounds),
        }
    finally:
        programs.close()


def choose(things, names):
    return [thing for thing in things if not names or thing.name in names]


def main():
    quick = "--quick" in sys.argv
    all_groups, all_curves = rows.make_groups(quick), curves.make_curves(quick)
    options = parse_options([thing.name for thing in (*all_groups, *all_curves)])
    begun = time.monotonic()
    wanted_curves = [] if options.no_curves else choose(all_curves, options.names)
    data = measure(options, choose(all_groups, options.names), wanted_curves)
    reached, n_bars = table.count_reached(data["groups"])
    data["minutes"] = (time.monotonic() - begun) / 60
    if not options.quick:
        print(f"\n{reached} of {n_bars} bars reached, in {data['minutes']:.1f} minutes")
    output = options.output or find_output(options)
    if output:
        save(output, data)


if __name__ == "__main__":
    main()
