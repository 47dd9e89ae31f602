# SPDX-FileCopyrightText: 2026 The pcall authors
# SPDX-License-Identifier: LGPL-2.1-or-later

"""The plots: what a call costs, as one thing grows, for pcall, its peers and the bare system."""

import dataclasses
import statistics
import time

from . import machine
from .programs import Missing
from .rows_system import MIB

ROUNDS = 3  # at least
MOST_ROUNDS = 15  # of a point that takes next to no time, since what disturbs it is as small
ENOUGH = 0.5  # seconds for a point, all series together


@dataclasses.dataclass
class Series:
    """A line of a plot: a side, asked with other parameters at each point.

    kind: "pcall", "peer" or "bare"
    parameters: those of the side at x
    most: the largest x that it is asked for
    """

    label: str
    kind: str
    program: str
    side: str
    parameters: object
    most: float = float("inf")
    process: str = ""


@dataclasses.dataclass
class Curve:
    """A plot.

    per: by what the seconds at x are divided
    hold: how large the processes are at x, in bytes
    """

    name: str
    title: str
    x_label: str
    y_label: str
    xs: list
    series: list
    per: object = lambda x: x
    hold: object = lambda x: 0
    x_unit: str = ""


def choose_chunk(n):
    """Of the sizes that are best for many calls; for few, such that each process gets a share."""
    return max(1, min(10000, n // 8))


def with_chunk(n):
    return {"n": n, "chunk": choose_chunk(n)}


def only_n(n):
    return {"n": n}


def calls_curve(quick):
    return Curve(
        name="by-calls",
        title="Cost of a call, as calls become many",
        x_label="calls, 2 at a time",
        y_label="time of a call",
        xs=[1, 100] if quick else [10**i for i in range(7)],
        series=[
            Series("pcall, C", "pcall", "C", "many/pcall", only_n),
            Series("pcall, Python", "pcall", "python", "many/pcall", only_n),
            Series("pcall, C, one call per child", "pcall", "C", "calls/pcall", only_n, 1000),
            Series("mp.Pool", "peer", "peers", "many/pool", with_chunk, process="pool"),
            Series(
                "ProcessPoolExecutor",
                "peer",
                "peers",
                "many/executor",
                with_chunk,
                process="executor",
            ),
            Series("joblib", "peer", "peers", "many/joblib", with_chunk, 100000, "joblib"),
            Series("MCE (Perl)", "peer", "perl", "many/mce", with_chunk),
            Series("limit: a fork for each call", "bare", "C", "calls/bare", only_n, 1000),
            Series("limit: two forks, one pipe", "bare", "C", "many/bare", only_n, process="bare"),
        ],
    )


def results_curve(quick):
    def bytes_of(size):
        return {"kind": "bytes", "size": size}

    def array_of(size):
        return {"kind": "numpy", "size": size}

    def size_of(size):
        return {"size": size}

    return Curve(
        name="by-results",
        title="Cost of a call, as its result becomes large",
        x_label="size of the result",
        y_label="time of one call",
        x_unit="B",
        xs=[1, 1024]
        if quick
        else [1, 64, 4096, 65536, 262144, MIB, 4 * MIB, 16 * MIB, 64 * MIB, 256 * MIB],
        per=lambda size: 1,
        series=[
            Series("pcall, C", "pcall", "C", "result/pcall", size_of),
            Series("pcall, Python, bytes", "pcall", "python", "result/pcall", bytes_of),
            Series(
                "pcall, Python, NumPy", "pcall", "python", "result/pcall", array_of, process="numpy"
            ),
            Series("ProcessPoolExecutor, bytes", "peer", "peers", "result/executor", bytes_of),
            Series(
                "ProcessPoolExecutor, NumPy",
                "peer",
                "peers",
                "result/executor",
                array_of,
                process="numpy",
            ),
            Series(
                "Process + Pipe, bytes",
                "peer",
                "peers",
                "result/process",
                bytes_of,
                process="process",
            ),
            Series("limit: fork and a pipe", "bare", "C", "result/pipe", size_of, process="pipe"),
            Series(
                "limit: memcpy, no process", "bare", "C", "result/memcpy", size_of, process="memcpy"
            ),
        ],
    )


def choose_sizes(sizes):
    """In megabytes; those that as many processes can have as the curve has, all at a time."""
    fitting = machine.get_available_memory() / 1_000_000 / 6
    return [size for size in sizes if size <= max(fitting, sizes[1])]


def memory_curve(quick):
    def count(x):
        """A fork of a large process takes long."""
        return 8 if quick else max(20, min(100, 10000 // x))

    def calls(x):
        return {"n": count(x)}

    return Curve(
        name="by-memory",
        title="Cost of a call, as the parent becomes large",
        x_label="resident memory of the parent",
        y_label="time of a call, one per child, 2 at a time",
        x_unit="MB",
        xs=[10, 20] if quick else choose_sizes([10, 30, 100, 300, 500, 1000]),
        per=count,
        hold=lambda x: x * 1_000_000,
        series=[
            Series("pcall, C", "pcall", "C", "calls/pcall", calls),
            Series("pcall, Python", "pcall", "python", "calls/pcall", calls),
            Series("Process + Pipe", "peer", "peers", "calls/process", calls, process="process"),
            Series(
                "Pool(maxtasksperchild=1)", "peer", "peers", "calls/pool", calls, process="pool"
            ),
            Series("Parallel::ForkManager", "peer", "perl", "calls/fork-manager", calls),
            Series("limit: fork, pipe, waitpid", "bare", "C", "calls/bare", calls),
            Series("limit: os.fork in Python", "bare", "python", "calls/bare", calls),
        ],
    )


def crowd_curve(quick):
    return Curve(
        name="by-crowd",
        title="Cost of a call, as all run at once",
        x_label="children at once",
        y_label="time of a call",
        xs=[1, 10] if quick else [1, 3, 10, 30, 100, 300, 1000, 2000],
        series=[
            Series("pcall, C", "pcall", "C", "crowd/pcall", only_n),
            Series("pcall, Python", "pcall", "python", "crowd/pcall", only_n, 1000),
            Series("Process + Pipe", "peer", "peers", "crowd/process", only_n, 1000),
            Series("limit: fork, pipe, waitpid", "bare", "C", "crowd/bare", only_n),
            Series("limit: os.fork in Python", "bare", "python", "crowd/bare", only_n, 1000),
        ],
    )


def make_curves(quick):
    return [calls_curve(quick), results_curve(quick), memory_curve(quick), crowd_curve(quick)]


def ask(series, x, curve, programs):
    """The seconds of one round; None where the side cannot run here."""
    try:
        answer = programs.ask(
            series.program, series.process, series.side, series.parameters(x), curve.hold(x)
        )
    except Missing:
        return None
    return answer["seconds"] / curve.per(x)


def is_enough(n_done, n_rounds, took):
    """Whether so many rounds will do; `n_rounds` where a number was asked for."""
    if n_rounds or n_done < ROUNDS:
        return n_done >= (n_rounds or ROUNDS)
    return n_done >= MOST_ROUNDS or took >= ENOUGH


def measure_at(curve, x, programs, n_rounds):
    """The cost by series, those that are asked for this x and can run."""
    asked = [series for series in curve.series if x <= series.most]
    costs = {id(series): [] for series in asked}
    n_done, begun = 0, time.monotonic()
    while not is_enough(n_done, n_rounds, time.monotonic() - begun):
        for series in asked:
            costs[id(series)].append(ask(series, x, curve, programs))
        n_done += 1
    programs.close()
    return {key: statistics.median(values) for key, values in costs.items() if None not in values}


def measure(curve, programs, n_rounds=None):
    """A plot, as it goes to JSON."""
    points = {id(series): [] for series in curve.series}
    for x in curve.xs:
        for key, cost in measure_at(curve, x, programs, n_rounds).items():
            points[key].append((x, cost))
    return {
        "name": curve.name,
        "title": curve.title,
        "x_label": curve.x_label,
        "y_label": curve.y_label,
        "x_unit": curve.x_unit,
        "series": [
            {"label": series.label, "kind": series.kind, "points": points[id(series)]}
            for series in curve.series
            if points[id(series)]
        ],
    }
