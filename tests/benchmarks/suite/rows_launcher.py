# SPDX-FileCopyrightText: 2026 The pcall authors
# SPDX-License-Identifier: LGPL-2.1-or-later

"""Rows of the table: what it costs that a worker is an agent's, as on another machine."""

from .rounds import Figure, Group, Ratio, Side

MIB = 1 << 20
WAYS = {
    "local": "a worker here",
    "streams": "by an agent on its streams",
    "connect": "by an agent that connects",
}
AWAY = ("streams", "connect")


def make_sides(name, given, ways=WAYS):
    return {
        by: Side("C", f"launcher/{name}", label, {"by": by, **given}) for by, label in ways.items()
    }


def make_figures(n, unit, scale, ways=WAYS):
    return [
        Figure(by, label, lambda answer: answer["seconds"] / n * scale, unit=unit)
        for by, label in ways.items()
    ]


def make_ratios(bar, relation="≤"):
    return [
        Ratio(by, "local", relation, bar, f"{WAYS[by]}, against {WAYS['local']}") for by in AWAY
    ]


def one_call(size):
    return Group(
        name="launcher-one",
        title="One call by a launcher, from its start to its result",
        note="The agent is on this machine: what a real engine takes comes on top of it.",
        rounds=15,
        sides=make_sides("one", {"n": 1}),
        rows=[*make_figures(1, "ms", 1e3), *make_ratios(None)],
    )


def one_call_by(size, by, label, bar):
    return Group(
        name=f"launcher-one-{by}",
        title=f"One call by {by}, from its start to its result, against the bare engine",
        note="The launcher is a new one, and so is the connection or the job. The engine is on this "
        "machine.",
        rounds=7,
        sides={
            "pcall": Side(f"C-{by}", "launcher/one", "pcall", {"by": by}),
            "engine": Side(f"C-{by}", "engine/true", label, {"by": by}),
        },
        rows=[Ratio("pcall", "engine", "≤", bar)],
    )


def warm_calls(size):
    n = size.calls(2000)
    return Group(
        name="launcher-warm",
        title=f"A tiny C call by a launcher, one after the other, {n:,} calls",
        note="In one worker that is warm. Each call is made when the one before it is over, and "
        "makes one round trip.",
        sides=make_sides("warm", {"n": n}),
        rows=[*make_figures(n, "µs", 1e6), *make_ratios(3.0)],
    )


def calls_ahead(size):
    n = size.calls(2000)
    ways = {**WAYS, "far": "by an agent behind a link"}
    return Group(
        name="launcher-ahead",
        title=f"{n:,} tiny C calls by a launcher, which are sent ahead",
        note="In one worker that is warm. The link delays what goes through it by 5 ms, in each "
        "direction, and has room for any number of bytes that are on their way, as a long line has.",
        sides=make_sides("ahead", {"n": n}, ways),
        rows=[
            *make_figures(n, "µs", 1e6, ways),
            *make_ratios(1.5),
            Ratio("far", "streams", "≤", 2.0, f"{ways['far']}, against one on its streams"),
        ],
    )


def large_results(size):
    n_bytes = size.bytes(64 * MIB)
    return Group(
        name="launcher-large",
        title=f"4 results of {n_bytes // MIB} MiB by a launcher",
        note="One after the other by one worker, from its start on. Each call makes its result.",
        rounds=4,
        sides=make_sides("large", {"size": n_bytes, "times": 4}),
        rows=[*make_figures(1, "ms", 1e3), *make_ratios(0.45, "≥")],
    )


def large_results_by_ssh(size):
    n_bytes = size.bytes(64 * MIB)
    given = {"by": "ssh", "size": n_bytes, "times": 4}
    return Group(
        name="launcher-large-ssh",
        title=f"4 results of {n_bytes // MIB} MiB by ssh, which are a file, against the file itself",
        note="From the connection to the last byte, which lies in memory then. The file is in the "
        "page cache, and comes four times.",
        rounds=3,
        sides={
            "pcall": Side("C-ssh", "launcher/file", "pcall", given, is_whole=True),
            "cat": Side("C-ssh", "engine/cat", "`ssh host cat`", given, is_whole=True),
        },
        rows=[Ratio("pcall", "cat", "≥", 0.9)],
    )


def many_workers(size):
    n = 4 if size.quick else 40
    given = {"by": "slurm", "n": n}
    return Group(
        name="launcher-many",
        title=f"{n} calls at once by Slurm, from the start to the last result, beyond the call",
        note="Each call takes 1 s, so that it has a worker of its own; that second is not counted. "
        "Slurm is on this machine, as if it were two nodes.",
        rounds=5,
        sides={
            "pcall": Side(
                "C-slurm", "launcher/many", "pcall", {**given, "nap-ms": 1000}, is_whole=True
            ),
            "one": Side("C-slurm", "engine/true", f"`srun -n{n} true`", given, is_whole=True),
            "each": Side(
                "C-slurm",
                "engine/true",
                f"{n} times `srun -n1 true`, at once",
                {**given, "commands": n},
                is_whole=True,
            ),
        },
        rows=[Ratio("pcall", "one", "≤", 1.3), Ratio("pcall", "each", "≥", 2.0)],
    )


def mocks(size):
    n, n_workers = size.calls(10000), size.calls(1000)
    few, many = ({"workers": m, "n": n} for m in (1, n_workers))
    return Group(
        name="launcher-mocks",
        title=f"{n_workers:,} workers that run nothing: what one of them costs the parent",
        note="They are one program. Logs are not captured. The time is processor time of the parent, "
        "in workers that are there; its memory is what a worker adds that has a call.",
        is_fresh=True,
        rounds=5,
        sides={
            "many": Side("C", "mocks", "many workers", many),
            "one": Side("C", "mocks", "one worker", few),
        },
        rows=[
            Figure(
                "many",
                "memory of the parent a worker",
                lambda a: a["bytes"] / 1024,
                bar=3,
                unit="KiB",
            ),
            Ratio("many", "one", "≤", 2.0, "time of the parent a call, against one worker"),
        ],
    )


def engine(size, by, label):
    """Each call executes `true`, wherever that is."""
    n = size.calls(1000)
    return Group(
        name=f"launcher-{by}",
        title=f"{n:,} calls that run `true` by {by}, two at a time, against the bare engine",
        note="The engine is on this machine. Of pcall it is the time of the calls, in workers that "
        "are there.",
        rounds=3,
        sides={
            "pcall": Side(by, "true/pcall", "pcall", {"by": by, "n": n}),
            "engine": Side(by, "true/engine", label, {"by": by, "n": size.calls(10)}),
        },
        rows=[Ratio("pcall", "engine", "≥")],
    )


def tiny_map(size):
    n = size.calls(10000)
    sides = {
        "pcall": Side("here", "map/pcall", "pcall", {"by": "connect", "n": n}),
        "mpi4py": Side("here", "map/mpi4py", "mpi4py.futures, map", {"n": n}),
    }
    rows = [Ratio("pcall", "mpi4py", "≤", 1.0)]
    if not size.quick:  # it takes long to start and to end
        sides["dask"] = Side("here", "map/dask", "dask, map", {"n": n})
        rows.append(Ratio("pcall", "dask", "≥", 5.0))
    return Group(
        name="launcher-map",
        title=f"{n:,} tiny Python calls in two workers of other machines, which are warm",
        note="The machines are this one. mpirun has a third process, which gives out the calls.",
        rounds=3,
        sides=sides,
        rows=rows,
    )
