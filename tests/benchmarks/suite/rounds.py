# SPDX-FileCopyrightText: 2026 The pcall authors
# SPDX-License-Identifier: LGPL-2.1-or-later

"""How sides are measured and compared.

The sides of a group take turns: each round has all of them once, and every other round has them the
other way round, so that what the machine does meanwhile falls on all. The first round only warms
up. What is compared are two sides of the same round; the median of these ratios is what counts, and
the lowest and the highest tell what it is worth.

A side that has a setting to choose, a chunk size mostly, is tried with each value first, and
measured with its best.
"""

import dataclasses
import statistics
import sys

from .programs import Missing

TRIES = 2  # of each value of a setting


@dataclasses.dataclass
class Side:
    """A piece of work, done in one way.

    program, name, parameters: whom to ask for what, see `programs`
    label: what it is called in the table
    process: sides with the same one share a process
    tune: the name of a parameter, and the values to choose from
    hold: how large its process is, in bytes
    is_whole: its time is that of one thing, however many calls are in it
    """

    program: str
    name: str
    label: str
    parameters: dict = dataclasses.field(default_factory=dict)
    process: str = ""
    tune: tuple = ()
    hold: int = 0
    is_whole: bool = False

    def get_n(self):
        return 1 if self.is_whole else self.parameters.get("n", 1)


@dataclasses.dataclass
class Ratio:
    """Two sides compared: "≤" holds our time against theirs, "≥" theirs against ours.

    work: what it is called; the label of the other side where there is none
    more: to be said after that
    """

    ours: str
    theirs: str
    relation: str
    bar: float = None
    work: str = None
    more: str = ""


@dataclasses.dataclass
class Figure:
    """Something a side counted itself, from its answer: no ratio, or one to an ideal."""

    side: str
    work: str
    compute: object
    relation: str = "≤"
    bar: float = None
    unit: str = ""
    is_peer: bool = False


@dataclasses.dataclass
class Group:
    """Sides that take turns, and what is to be said of them.

    is_fresh: each round is the first of its processes
    """

    name: str
    title: str
    sides: dict
    rows: list
    rounds: int = 7
    note: str = ""
    is_fresh: bool = False


class Measurement:
    """The answers of the sides of a group, round by round."""

    def __init__(self, group, programs):
        self.group = group
        self.programs = programs
        self.sides = dict(group.sides)
        self.answers = {}
        self.missing = {}

    def run(self, n_rounds):
        """Without warming up where there is but one round."""
        try:
            for key in list(self.sides):
                self._choose(key)
            for number in range(1 if n_rounds == 1 else 0, n_rounds + 1):
                self._run_round(number)
        finally:
            self.programs.close()
        return self

    def _ask(self, side, **parameters):
        return self.programs.ask(
            side.program, side.process, side.name, {**side.parameters, **parameters}, side.hold
        )

    def _drop(self, key, missing):
        self.missing[self.sides[key].label] = str(missing)
        del self.sides[key]

    def _choose(self, key):
        """Sets the best value of a side's setting. One that cannot run here is left out."""
        side = self.sides[key]
        if not side.tune:
            return
        name, values = side.tune
        times = {value: [] for value in values}
        try:
            for _ in range(TRIES if len(values) > 1 else 1):
                for value in values:
                    times[value].append(self._ask(side, **{name: value})["seconds"])
        except Missing as missing:
            self._drop(key, missing)
            return
        best = min(values, key=lambda value: statistics.median(times[value]))
        self.sides[key] = dataclasses.replace(
            side,
            label=f"{side.label}, {name} {best}",
            parameters={**side.parameters, name: best},
        )

    def _run_round(self, number):
        keys = list(self.sides)
        for key in keys if number % 2 else reversed(keys):
            try:
                answer = self._ask(self.sides[key])
            except Missing as missing:
                self._drop(key, missing)
                continue
            if self.group.is_fresh:
                self.programs.close()
            if number > 0:
                self.answers.setdefault(key, []).append(answer)

    def get_costs(self, key):
        """Seconds of a call, one for each round."""
        n = self.sides[key].get_n()
        return [answer["seconds"] / n for answer in self.answers[key]]

    def get_row(self, row):
        """A row of the table, as it goes to JSON; None where one of its sides is left out."""
        keys = [row.ours, row.theirs] if isinstance(row, Ratio) else [row.side]
        if any(key not in self.sides for key in keys):
            return None
        return self._get_ratio(row) if isinstance(row, Ratio) else self._get_figure(row)

    def _get_ratio(self, row):
        ours, theirs = self.get_costs(row.ours), self.get_costs(row.theirs)
        above, below = (ours, theirs) if row.relation == "≤" else (theirs, ours)
        return {
            "work": (row.work or self.sides[row.theirs].label) + row.more,
            "ours": statistics.median(ours),
            "theirs": statistics.median(theirs),
            **judge([a / b for a, b in zip(above, below)], row.relation, row.bar),
        }

    def _get_figure(self, row):
        values = [row.compute(answer) for answer in self.answers[row.side]]
        result = {"work": row.work, "unit": row.unit}
        if not row.unit:  # a share of the time that it took
            key = "theirs" if row.is_peer else "ours"
            result[key] = statistics.median(self.get_costs(row.side))
        return {**result, **judge(values, row.relation, row.bar)}


def judge(values, relation, bar):
    median = statistics.median(values)
    reached = None if bar is None else median <= bar if relation == "≤" else median >= bar
    return {
        "median": median,
        "lowest": min(values),
        "highest": max(values),
        "relation": relation,
        "bar": bar,
        "reached": reached,
    }


def measure_group(group, programs, n_rounds=None):
    """A group of the table, as it goes to JSON, and what was left out, by package."""
    measurement = Measurement(group, programs).run(n_rounds or group.rounds)
    rows = [measurement.get_row(row) for row in group.rows]
    for label, package in measurement.missing.items():
        print(f"left out: {label} (needs {package})", file=sys.stderr)
    return {
        "name": group.name,
        "title": group.title,
        "note": group.note,
        "rows": [row for row in rows if row is not None],
        "missing": measurement.missing,
    }
