# SPDX-FileCopyrightText: 2026 The pcall authors
# SPDX-License-Identifier: LGPL-2.1-or-later

"""Rows of the table: what a call costs, in a child of its own, and as one of very many."""

from .rounds import Figure, Group, Ratio, Side

# For each peer the best one is neither the smallest nor the largest of them
CHUNKS = (100, 500, 2000, 10000, 25000, 100000)


def c_calls(size):
    n = size.calls(2000)
    return Group(
        name="calls-c",
        title=f"One C call per child, 2 at a time, {n:,} calls",
        note=(
            "Bare: a loop of fork, pipe, read, waitpid in the same process. “Beside a thread”: in "
            "a process with a second thread, which sleeps; GLib starts one at the first GTask."
        ),
        rounds=11,
        sides={
            "sections": Side("C", "calls/pcall", "pcall", {"n": n}),
            "inherit": Side("C", "calls/pcall", "pcall", {"n": n, "log-mode": "inherit"}),
            "bare": Side("C", "calls/bare", "bare loop", {"n": n}),
            "beside": Side("C", "calls/pcall", "pcall", {"n": n, "threads": 1}, "threads"),
            "bare-beside": Side("C", "calls/bare", "bare loop", {"n": n, "threads": 1}, "threads"),
        },
        rows=[
            Ratio("sections", "bare", "≤", 1.25),
            Ratio("inherit", "bare", "≤", 1.25, "bare loop, logs not captured (log-mode inherit)"),
            Ratio("beside", "bare-beside", "≤", 1.25, "bare loop, both beside a thread"),
            Ratio("beside", "sections", "≤", 1.1, "pcall itself, beside a thread and without"),
        ],
    )


def python_calls(size):
    n = size.calls(400)
    few = max(4, n // 20)
    alone = {
        name: Side(program, f"calls/{name}", label, {"n": count}, process=name)
        for name, program, label, count in [
            ("process", "peers", "multiprocessing.Process + Pipe", n),
            ("pool", "peers", "Pool(maxtasksperchild=1)", n),
            ("pebble", "peers", "pebble ProcessPool(max_tasks=1)", few),
            ("fork-manager", "perl", "Parallel::ForkManager (Perl)", n),
            ("gnu-parallel", "peers", "GNU parallel, jobs of `true`", few),
        ]
    }
    return Group(
        name="calls-python",
        title=f"One Python call per child, 2 at a time, {n:,} calls",
        note=(
            "The first three in the process that pcall runs in, the others, “alone”, in one that "
            f"has loaded nothing else. pebble and GNU parallel make {few} calls, being slow."
        ),
        sides={
            "pcall": Side("python", "calls/pcall", "pcall", {"n": n}),
            "bare": Side("python", "calls/bare", "os.fork, os.pipe, os.waitpid", {"n": n}),
            "beside": Side("python", "calls/pcall", "pcall", {"n": n}, "shared"),
            "process-beside": Side("python", "calls/process", "Process", {"n": n}, "shared"),
            "pool-beside": Side("python", "calls/pool", "Pool", {"n": n}, "shared"),
            **alone,
        },
        rows=[
            Ratio("pcall", "bare", "≤", 1.3),
            Ratio("beside", "process-beside", "≥", 2.0, "multiprocessing.Process + Pipe"),
            Ratio("beside", "pool-beside", "≥", 2.0, "Pool(maxtasksperchild=1)"),
            *(Ratio("pcall", name, "≥", more=", alone") for name in alone),
        ],
    )


def warm_javascript(size):
    n = size.calls(1000)
    kinds = {
        "number": ("a number", 1.0),
        "object": ("an object", 1.0),
        "async": ("a number, asynchronous", 1.0),
        "bytes": ("64 KiB of bytes", None),
    }
    return Group(
        name="calls-gjs",
        title="A call in JavaScript, on a worker that is warm",
        sides={
            kind: Side("gjs", "warm/pcall", label, {"kind": kind, "n": n})
            for kind, (label, _) in kinds.items()
        },
        rows=[
            Figure(kind, label, lambda answer: answer["seconds"] / n * 1e3, bar=bar, unit="ms")
            for kind, (label, bar) in kinds.items()
        ],
    )


def make_pools(size, n):
    chunks = (n // 2,) if size.quick else CHUNKS
    return {
        name: Side(program, f"many/{name}", label, {"n": n}, process=name, tune=("chunk", chunks))
        for name, program, label in [
            ("pool", "peers", "mp.Pool.map"),
            ("executor", "peers", "ProcessPoolExecutor.map"),
            ("joblib", "peers", "joblib"),
            ("mce", "perl", "MCE mce_map"),
        ]
    }


def many_c_calls(size):
    n = size.calls(200000)
    pools = make_pools(size, n)
    variants = {
        "pcall": ("", {}),
        "inherit": (", not captured", {"log-mode": "inherit"}),
        "bare-call": (", no arguments", {"arguments": "none"}),
        "numbers": (", read at once", {"arguments": "none", "log-mode": "inherit"}),
    }
    ours = {
        key: Side(
            "C",
            "many/numbers" if key == "numbers" else "many/pcall",
            "pcall",
            {"n": n, **given},
            process=key,
        )
        for key, (_, given) in variants.items()
    }
    limit = Side("C", "many/bare", "two forks, half each, one pipe", {"n": n}, process="bare")
    return Group(
        name="many-c",
        title=f"{n:,} tiny C calls, any number in a child, 2 children",
        note=(
            "From nothing to all results read; a pool is made and ended in that time. Each pool "
            f"with the best of the chunk sizes {', '.join(map(str, CHUNKS))}. “Not captured” is "
            "pcall with log-mode inherit, “no arguments” with calls that get none, “read at once” with "
            "both of that and with results that are read as one array instead of as so many GVariant."
        ),
        sides={**ours, **pools, "limit": limit},
        rows=[
            *(
                Ratio(key, name, "≥", 2.0, more=words)
                for key, (words, _) in variants.items()
                for name in pools
            ),
            Ratio("pcall", "limit", "≤"),
        ],
    )


def many_python_calls(size):
    n = size.calls(200000)
    pools = make_pools(size, n)
    del pools["mce"]
    ours = {
        "pcall": Side("python", "many/pcall", "pcall", {"n": n}),
        "map": Side("python", "many/map", "Pcall.map", {"n": n}),
        "own-executor": Side("python", "many/own-executor", "Pcall.Executor.map", {"n": n}),
    }
    return Group(
        name="many-python",
        title=f"{n:,} tiny Python calls, any number in a child, 2 children",
        note="As above; pcall has no chunk size to choose.",
        rounds=5,
        sides={**ours, **pools},
        rows=[
            *(Ratio("pcall", name, "≥", 1.5 if name == "pool" else None) for name in pools),
            Ratio("map", "executor", "≥", 0.95, more=", by Pcall.map"),
            Ratio("own-executor", "executor", "≥", 0.83, more=", by Pcall.Executor.map"),
        ],
    )


def tiny_results(size):
    kinds = {
        "text": (size.calls(100000), CHUNKS[1:], "strings"),
        "pair": (size.calls(100000), CHUNKS[1:], "pairs of numbers"),
        "array": (size.calls(5000), (20, 100, 500), "arrays of 8 kB"),
    }
    ways = {"map": "Pcall.map", "own-executor": "Pcall.Executor.map"}
    sides, rows = {}, []
    for kind, (n, chunks, words) in kinds.items():
        given = {"kind": kind, "n": n}
        tune = ("chunk", (max(1, n // 2),) if size.quick else chunks)
        for way, label in ways.items():
            sides[f"{kind}-{way}"] = Side("python", f"tiny/{way}", label, given)
        sides[kind] = Side(
            "peers", "tiny/executor", "ProcessPoolExecutor.map", given, "executor", tune
        )
        rows += [
            Ratio(f"{kind}-{way}", kind, "≥", bar, more=f", {words}, by {ways[way]}")
            for way, bar in (("map", 1.0), ("own-executor", 0.83))
        ]
    return Group(
        name="many-results",
        title="Tiny Python calls that return other things than numbers, 2 children",
        note=(
            f"As above: {kinds['text'][0]:,} strings or pairs, and {kinds['array'][0]:,} arrays, "
            "which are NumPy's."
        ),
        rounds=9,
        sides=sides,
        rows=rows,
    )


def growth(size):
    counts = [size.calls(n) for n in (10000, 100000, 1000000)]
    sides = {f"{n}": Side("C", "many/memory", f"the same of {n:,} calls", {"n": n}) for n in counts}
    most = f"{counts[-1]}"
    return Group(
        name="growth",
        title=f"{counts[-1]:,} tiny C calls: memory and time of each",
        note="What the parent keeps of a call that has ended, until its task is freed.",
        is_fresh=True,
        rounds=3,
        sides=sides,
        rows=[
            Figure(
                most, "memory of the parent a call", lambda a: a["bytes"], bar=100, unit="bytes"
            ),
            Ratio(most, f"{counts[1]}", "≤", 1.1, f"time of a call, against {counts[1]:,}"),
            Ratio(most, f"{counts[0]}", "≤", 1.1, f"time of a call, against {counts[0]:,}"),
        ],
    )
