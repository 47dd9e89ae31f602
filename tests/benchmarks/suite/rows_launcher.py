# SPDX-FileCopyrightText: 2026 The pcall authors
# SPDX-License-Identifier: LGPL-2.1-or-later

"""Rows of the table: what it costs that a worker is an agent's, as on another machine."""

from .rounds import Figure, Group, Ratio, Side

WAYS = {
    "local": "a worker here",
    "streams": "by an agent on its streams",
    "connect": "by an agent that connects",
}


def make_sides(name, n):
    return {
        by: Side("C", f"launcher/{name}", label, {"by": by, "n": n}) for by, label in WAYS.items()
    }


def make_rows(n, unit, scale, bar):
    return [
        *(
            Figure(by, label, lambda answer: answer["seconds"] / n * scale, unit=unit)
            for by, label in WAYS.items()
        ),
        *(
            Ratio(by, "local", "≤", bar, f"{WAYS[by]}, against {WAYS['local']}")
            for by in ("streams", "connect")
        ),
    ]


def one_call(size):
    return Group(
        name="launcher-one",
        title="One call by a launcher, from its start to its result",
        note="The agent is on this machine: what a real engine takes comes on top of it.",
        rounds=15,
        sides=make_sides("one", 1),
        rows=make_rows(1, "ms", 1e3, None),
    )


def warm_calls(size):
    n = size.calls(2000)
    return Group(
        name="launcher-warm",
        title=f"A tiny C call by a launcher, one after the other, {n:,} calls",
        note="In one worker that is warm; each call makes one round trip.",
        sides=make_sides("warm", n),
        rows=make_rows(n, "µs", 1e6, 3.0),
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
