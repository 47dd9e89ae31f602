# SPDX-FileCopyrightText: 2026 The pcall authors
# SPDX-License-Identifier: LGPL-2.1-or-later

"""Rows of the table: large results, uneven work, many children at once, large parents, windows,
logs."""

import random

from .rounds import Figure, Group, Ratio, Side

MIB = 1 << 20
AT_A_TIME = 2
SECONDS_OF_WORK = 2.0  # of processor time, for all calls together


def c_result(size):
    n_bytes = size.bytes(256 * MIB)
    read = {"size": n_bytes, "read": 1}
    return Group(
        name="result-c",
        title=f"One result of {n_bytes // MIB} MiB, C",
        note="Until the parent has it, and until it has read a byte of each page.",
        sides={
            "pcall": Side("C", "result/pcall", "pcall", {"size": n_bytes}),
            "memcpy": Side("C", "result/memcpy", "memcpy into fresh memory", {"size": n_bytes}),
            "read": Side("C", "result/pcall", "pcall", read),
            "memcpy-read": Side("C", "result/memcpy", "memcpy, both then read", read),
            "pipe": Side(
                "C", "result/pipe", "fork, and a pipe into fresh memory", {"size": n_bytes}
            ),
        },
        rows=[
            Ratio("pcall", "memcpy", "≤", 0.8),
            Ratio("read", "memcpy-read", "≤"),
            Ratio("pcall", "pipe", "≤"),
        ],
    )


def python_result(size):
    n_bytes = size.bytes(256 * MIB)

    def side(program, name, kind, label):
        given = {"kind": kind, "size": n_bytes}
        return Side(program, f"result/{name}", label, given, process=f"{name}-{kind}")

    return Group(
        name="result-python",
        title=f"One result of {n_bytes // MIB} MiB, Python",
        note="Making the pool of one process counts.",
        rounds=5,
        sides={
            "bytes": side("python", "pcall", "bytes", "pcall"),
            "numpy": side("python", "pcall", "numpy", "pcall"),
            "peer-bytes": side("peers", "executor", "bytes", "ProcessPoolExecutor, bytes"),
            "peer-numpy": side("peers", "executor", "numpy", "ProcessPoolExecutor, a NumPy array"),
        },
        rows=[
            Ratio("bytes", "peer-bytes", "≥", 2.5),
            Ratio("numpy", "peer-numpy", "≥", 8.0),
        ],
    )


def fill(next_duration, seconds):
    """Durations, in microseconds, until they come to that."""
    durations = []
    while sum(durations) < seconds * 1e6:
        durations.append(int(next_duration(len(durations))))
    return durations


def make_patterns(size):
    """The same total in calls of 1 ms; in calls of 1 ms, but each twentieth of 20; in calls of a
    long tail, from a third of a millisecond up to 50, that come in no order."""
    seconds = SECONDS_OF_WORK / (50 if size.quick else 1)
    tail = random.Random(1)
    return {
        "even": ("all of 1 ms", fill(lambda i: 1000, seconds)),
        "skewed": ("1 in 20 of 20 ms", fill(lambda i: 1000 if i % 20 else 20000, seconds)),
        "tail": (
            "a long tail, 0.3 to 50 ms",
            fill(lambda i: min(333 * tail.paretovariate(1.4), 50000), seconds),
        ),
    }


def work(size, pattern):
    words, durations = make_patterns(size)[pattern]
    ideal = sum(durations) / AT_A_TIME / 1e6
    given = {"durations": ",".join(map(str, durations))}
    peers = {
        name: Side("peers", f"work/{name}", label, given, process=name, tune=tune)
        for name, label, tune in [
            ("pool", "mp.Pool.map, chunk 1", ()),
            ("pebble", "pebble, chunk 1", ()),
            ("joblib", "joblib", () if size.quick else ("chunk", (1, "auto"))),
        ]
    }
    sides = {
        "c": Side("C", "work/pcall", "pcall, C", given),
        "python": Side("python", "work/pcall", "pcall, Python", given),
        **peers,
        "bare": Side("C", "work/bare", "two forks, half of the work each", given, process="bare"),
    }
    return Group(
        name=f"work-{pattern}",
        title=f"{len(durations):,} calls, {words}, on 2 processors: share of the ideal",
        note=f"The ideal is {ideal * 1e3:.0f} ms: all processor time, divided by the processors. "
        "The last row is what the machine gave where nothing else had to be done.",
        rounds=4,
        sides=sides,
        rows=[
            Figure(
                key,
                side.label,
                lambda answer: ideal / answer["seconds"],
                "≥",
                0.97 if key in ("c", "python") else None,
                is_peer=key not in ("c", "python"),
            )
            for key, side in sides.items()
        ],
    )


def crowd(size):
    n = size.calls(2000)
    return Group(
        name="crowd",
        title=f"{n:,} children at once",
        note="None ends before all have begun.",
        sides={
            "pcall": Side("C", "crowd/pcall", "pcall", {"n": n}),
            "bare": Side("C", "crowd/bare", "bare loop", {"n": n}),
        },
        rows=[Ratio("pcall", "bare", "≤", 1.4)],
    )


def sleeping_crowd(size):
    n, nap = size.calls(2000), 1 if size.quick else 2
    return Group(
        name="crowd-asleep",
        title=f"{n:,} children that sleep for {nap} s",
        rounds=1,
        sides={"pcall": Side("C", "crowd/pcall", "pcall", {"n": n, "nap": nap}, is_whole=True)},
        rows=[
            Figure(
                "pcall",
                "processor time of the parent meanwhile",
                lambda answer: answer["parent-seconds"] * 1e3,
                bar=0.0,
                unit="ms",
            )
        ],
    )


def stall(size):
    n, held = size.calls(200), size.bytes(500_000_000)
    return Group(
        name="stall",
        title=f"{n} children from a process of {held // 1_000_000} MB: longest stall of its loop",
        sides={
            "pcall": Side("C", "stall/pcall", "pcall", {"n": n}, hold=held, is_whole=True),
            "bare": Side("C", "stall/bare", "one fork", hold=held),
        },
        rows=[
            Ratio("pcall", "bare", "≤", 2.0),
            Figure(
                "pcall",
                "while they end, all at once",
                lambda answer: answer["ending-seconds"] * 1e3,
                unit="ms",
            ),
        ],
    )


def get_frames(answer):
    return answer["frames"] / answer["seconds"]


def window(size):
    n, work = size.calls(1000), {"microseconds": 1000, "calls-per-child": 1}

    def side(label, **given):
        return Side("window", "window/pcall", label, {"n": n, **given}, is_whole=True)

    return Group(
        name="window",
        title=f"A window of GTK that shows {n:,} short calls: frames a second",
        note="Each call has a child of its own. The window has all calls in a list, and moves "
        "something in each frame. It is drawn by the processor, in Xvfb.",
        rounds=3,
        sides={
            "few": side("2 children at a time", **work, **{"max-children": 2}),
            "all": side("all children at once", **work),
            "reports": side("100 reports of each call", **work, reports=100),
            "rest": Side("window", "window/rest", "at rest", {"milliseconds": 1000}, is_whole=True),
        },
        rows=[
            Figure("few", "2 children at a time", get_frames, "≥", 30, "/s"),
            Figure("all", "all children at once", get_frames, "≥", 30, "/s"),
            Figure("reports", "the same, with 100 reports of each", get_frames, "≥", 30, "/s"),
            Figure("rest", "nothing runs", get_frames, unit="/s", is_peer=True),
            Figure(
                "all",
                "all children at once: longest time between two frames",
                lambda answer: answer["longest-gap"] * 1e3,
                unit="ms",
            ),
        ],
    )


def logs(size):
    n, lines = size.calls(2000), size.calls(100000)
    return Group(
        name="logs",
        title=f"Capturing logs: {n:,} silent calls, and {lines:,} lines in one call",
        note="The other side writes the same to a file by itself, in the same directory.",
        rounds=9,
        sides={
            "silent": Side("C", "silent/pcall", "pcall", {"n": n}),
            "inherit": Side("C", "silent/pcall", "pcall", {"n": n, "log-mode": "inherit"}),
            "records": Side("C", "records/pcall", "pcall", {"lines": lines}),
            "own-records": Side("C", "records/own", "g_message to a file", {"lines": lines}),
            "lines": Side("C", "lines/pcall", "pcall", {"lines": lines}),
            "own-lines": Side("C", "lines/own", "printf to a file, by lines", {"lines": lines}),
            "blocks": Side("C", "lines/own", "…, by blocks", {"lines": lines, "blocks": 1}),
        },
        rows=[
            Ratio("silent", "inherit", "≤", 1.10, "silent calls, not captured"),
            Ratio("records", "own-records", "≤", 1.33),
            Ratio("lines", "own-lines", "≤", 1.33),
            Ratio("lines", "blocks", "≤", work="printf to a file, by blocks of 4 KiB"),
        ],
    )
