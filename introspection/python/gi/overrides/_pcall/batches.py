# SPDX-FileCopyrightText: 2026 The pcall authors
# SPDX-License-Identifier: LGPL-2.1-or-later

"""Calls that one child runs in a row: the library calls once for many of them.

Each result goes into memory that the parent shares before the next call begins, so that a child that
dies loses the call that it was in and no other. Integers, floats, truth values and None go there as
they are; all else is pickled, each result by itself. A result that is not of the kind of those
before it ends the batch, and so does a call that has written something, or took longer than a
whole batch should.

The loop around the calls is compiled for the arguments and results that it has to do with, as
`dataclasses` and `namedtuple` compile their methods: an argument that is looked up, or a kind that
is looked at, would cost as much as a small call.
"""

import ctypes
import functools
import keyword
import os
import pickle
import time
import types
import typing

from gi.module import get_introspection_module
from gi.repository import GLib

from . import child, copies, errors, streams, values

Pcall = get_introspection_module("Pcall")

BATCH_SECONDS = 0.002
N_HEADER = 8  # numbers of 64 bits
COUNT, TYPE, WROTE = range(3)
NOTHING = object()  # there is no result but those in the memory
SPECIAL = {*values.RAW, GLib.Variant, types.CoroutineType}  # what may not be pickled

LOOP_FILE = os.path.join(errors.OWN_DIRECTORY, "<loop>")  # so that tracebacks begin behind it
GROUP = 8  # calls between two looks at the clock

LOOP = """
def run(starts, {parameters}, target, cargs, ckwargs, count, cells, area, until, kind):
    ended = end = 0
    {prepare}
    for start in starts:
        for {row} in {rows}:
            count[0] = ended
            result = {call}
            {store}
            ended += 1
            if written:
                return ended, NOTHING
        if clock() > until:
            break
    return ended, NOTHING
"""

LOOK = """
            return ended, result
"""

STORE_NUMBER = """
            if type(result) is not kind:
                return ended, result
            try:
                cells[ended] = result
            except ValueError:  # more than 64 bits
                return ended, result
"""

STORE_NONE = """
            if result is not None:
                return ended, result
            cells[ended] = 2
"""

STORE_PICKLE = """
            if type(result) in SPECIAL and not is_small(result):
                return ended, result
            try:
                data = dumps(result, 5, buffer_callback=take_large)
            except Exception as error:  # as many as there are __reduce__
                refuse(result, error)
            if large:
                large.clear()
                return ended, result
            begin, end = end, end + len(data)
            if end > len(area):
                return ended, result
            area[begin:end] = data
            cells[ended] = end
"""


class Way(typing.NamedTuple):
    """How results get into the memory.

    type: what the reader is told that they are, a character
    format: of the cells
    store: the part of the loop that puts a result there
    prepare: what comes before the loop
    head: what is said of all results
    width: how many cells a result has
    """

    type: str
    format: str
    store: str
    prepare: str = "pass"
    head: bytes = b""
    width: int = 1


# By the type of a result; what the library knows
KINDS = {
    int: Way("X", "q", STORE_NUMBER),
    float: Way("D", "d", STORE_NUMBER),
    bool: Way("B", "q", STORE_NUMBER),
    type(None): Way("B", "q", STORE_NONE),
}
UNKNOWN = Way("p", "q", LOOK)
PICKLES = Way("p", "q", STORE_PICKLE)
MAX_CHANGES = 2  # from one type to another, until all are pickled


def is_small(result):
    return type(result) in values.RAW and len(result) < values.LARGE


NAMES = {
    "NOTHING": NOTHING,
    "SPECIAL": SPECIAL,
    "clock": time.monotonic,
    "dumps": pickle.dumps,
    "is_small": is_small,
    "large": values.large,
    "refuse": child.refuse,
    "take_large": values.take_large,
    "written": streams.written,
}


class Memory:
    """What the library shows of the batch."""

    def __init__(self):
        address, n_calls, n_bytes = Pcall.get_batch_memory()
        size = 8 * (N_HEADER + n_calls) + n_bytes
        memory = memoryview((ctypes.c_char * size).from_address(address)).cast("B")
        self.header = memory[: 8 * N_HEADER].cast("Q")
        self.cells = memory[8 * N_HEADER : size - n_bytes]
        self.area = memory[size - n_bytes :]


def has_own_arguments(rows):
    """Whether a call has a dictionary of its own, or names that cannot stand in a call."""
    return (
        rows.ikwargs is not None
        or not rows.ckwargs.keys().isdisjoint(rows.columns)
        or any(not name.isidentifier() or keyword.iskeyword(name) for name in rows.columns)
    )


def describe_calls(rows):
    """What a loop goes through, by the names that it gives to it, and how it calls."""
    if has_own_arguments(rows):
        return {"(each, args, kwargs)": rows}, "each(*args, **kwargs)"

    sources = {}
    arguments = ["*cargs"] if rows.cargs else []
    target = "target"
    if rows.targets is not None:
        target = "each"
        sources["each"] = rows.targets
    if rows.iargs is not None:
        sources["args"] = rows.iargs
        arguments.append("*args")
    for i, (name, values) in enumerate(rows.columns.items()):
        sources[f"value{i}"] = values
        arguments.append(f"{name}=value{i}")
    if rows.ckwargs:
        arguments.append("**ckwargs")
    return sources or {"_": range(len(rows))}, f"{target}({', '.join(arguments)})"


@functools.lru_cache(64)
def to_code(source):
    return compile(source, LOOP_FILE, "exec")


class Batches:
    """The function of a target that runs several of the calls of a task."""

    NOTHING = NOTHING
    seconds = BATCH_SECONDS
    pickles = PICKLES  # the way for results of any kind

    def __init__(self, rows):
        self.rows = rows
        self.kind = None  # the type of the last result
        self.way = UNKNOWN
        self.n_changes = 0
        self.sources = None
        self.loops = {}
        self.memory = None

    def __call__(self, first, n_calls):
        """In a child."""
        if self.memory is None:
            copies.watch()
            self.memory = Memory()
            self.sources, self.call = describe_calls(self.rows)
        return child.run_batch(self, first, n_calls)

    def run(self, first, n_calls):
        """How many calls ended with their results in the memory, and what the next one returned."""
        way, memory = self.way, self.memory
        memory.header[TYPE] = ord(way.type)
        lent = memory.header, memory.cells.cast(way.format), memory.area
        copies.lend(*lent)
        loop = self.loops.get(way.store) or self.compile(way)
        try:
            return loop(
                range(0, n_calls, GROUP),
                *(source[first : first + n_calls] for source in self.sources.values()),
                self.rows.target,
                self.rows.cargs,
                self.rows.ckwargs,
                *lent,
                time.monotonic() + self.seconds,
                self.kind,
            )
        finally:
            copies.end()

    def compile(self, way):
        names = list(self.sources)
        parameters = [f"column{i}" for i in range(len(names))]
        groups = [f"{parameter}[start : start + {GROUP}]" for parameter in parameters]
        source = LOOP.format(
            parameters=", ".join(parameters),
            row=", ".join(names),
            rows=f"zip({', '.join(groups)})" if len(names) > 1 else groups[0],
            call=self.call,
            prepare=way.prepare,
            store=way.store.strip(),
        )
        namespace = dict(NAMES)
        exec(to_code(source), namespace)
        self.loops[way.store] = loop = namespace["run"]
        return loop

    def note(self, result):
        """The next batch is for results like this one, which those before it were not like."""
        if self.way is self.pickles:
            return
        self.n_changes += 1
        self.kind, self.way = self.choose(result)
        if self.n_changes > MAX_CHANGES:
            self.way = self.pickles

    @staticmethod
    def choose(result):
        """Its kind, and the way for such results."""
        return type(result), KINDS.get(type(result), PICKLES)

    def note_written(self):
        """Whether it is known that the last call has written, and that no other has."""
        self.memory.header[WROTE] = bool(streams.written)
        streams.written.clear()

    def get_target(self, first):
        """Of the call that raised."""
        return self.rows[first + self.memory.header[COUNT]][0]
