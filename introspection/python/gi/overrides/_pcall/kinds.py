# SPDX-FileCopyrightText: 2026 The pcall authors
# SPDX-License-Identifier: LGPL-2.1-or-later

"""Results that need no pickle on their way from a child of a crew (see board.py).

A pickle of its own for each result costs more than a small call. So text, bytes, arrays of numbers,
and tuples, lists and dictionaries of a few such things and numbers lie in the lane as they are, as
long as one is like the other: a number in a cell of its own, what is longer behind the other bytes,
with its end in the cell. What all of them have in common is said once for a batch, before their
bytes. So a result is still a copy of what a call returned, made before the next one begins.

Types are compared exactly: what is a subclass of one of these is pickled.
"""

import functools
import itertools
import pickle
import struct
import sys
import typing

from . import batches, values

MAX_FIELDS = 16  # of a tuple, list or dictionary
MAX_HEAD = 4096  # bytes, for what results have in common
ALIGNMENT = 64  # of the bytes of a batch
DESCRIBED = "r"  # in the place of the type of numbers
SIZE = struct.Struct("=Q")
DTYPES = "?bBhHiIlLqQefdgFDG"  # the codes of NumPy's numbers

# By the type of a field: how it is put there
PUTS = {
    int: "cells[{cell}] = {value}",
    bool: "cells[{cell}] = {value}",
    float: "reals[{cell}] = {value}",
    type(None): "pass",
    str: "end += write({value}.encode()); cells[{cell}] = end",
    bytes: "end += write({value}); cells[{cell}] = end",
}
LONG = (str, bytes)  # of what there is an end in the cell

STORE_ROW = """
            if {other}:
                return ended, result
            {unpack}
            if {others}:
                return ended, result
            try:
                {puts}
            except (IndexError, ValueError):  # no room, more than 64 bits, or no Unicode
                return ended, result
"""

STORE_ARRAY = """
            if (
                type(result) is not array
                or result.dtype is not dtype
                or not (shape := result.shape)
                or shape[1:] != rest
                or not result.flags.carray
            ):
                return ended, result
            try:
                end += write(result)
            except ValueError:
                return ended, result
            cells[ended] = end
"""

STORE_PICKLE = """
            if type(result) in SPECIAL and not is_small(result):
                return ended, result
            try:
                dump(result)
            except Exception:  # no room, or what pickling it once more tells
                clear_memo()
                return ended, result
            clear_memo()
            if large:
                large.clear()
                return ended, result
            cells[ended] = tell() - first
"""

PICKLES = batches.Way(
    "p", "q", STORE_PICKLE, "dump, clear_memo, tell = area.open_pickler(); first = tell()"
)


class Row(typing.NamedTuple):
    """What results have in common: the type of the container, or none, the keys, and the types of
    the fields. Keys are compared by what they are, and not what they are equal to."""

    container: object
    keys: tuple
    fields: tuple

    prepare = "write, reals = area.write, area.reals; _, keys, _ = kind"

    def get_parts(self):
        return tuple(self)

    def get_width(self):
        return len(self.fields)

    def describe_store(self):
        names = [f"field{i}" for i in range(len(self.fields))]
        other, unpack, others = self.describe_container(names)
        for name, field in zip(names, self.fields):
            kind = f"type({name}) is not {field.__name__}"
            others.append(f"{name} is not None" if field is type(None) else kind)
        cells = ["ended"]
        if len(names) > 1:
            cells = [f"ended * {len(names)} + {i}" for i in range(len(names))]
        puts = [
            PUTS[field].format(cell=cell, value=name)
            for cell, name, field in zip(cells, names, self.fields)
        ]
        return STORE_ROW.format(
            other=other, unpack=unpack, others=" or ".join(others), puts="; ".join(puts)
        )

    def describe_container(self, names):
        """What tells another one, how the fields are found, and what tells another one then."""
        fields = f"{', '.join(names)},"
        if self.container is None:
            return "False", f"{fields} = result,", []
        other = f"type(result) is not {self.container.__name__} or len(result) != {len(names)}"
        if self.container is not dict:
            return other, f"{fields} = result", []
        keys = [f"key{i}" for i in range(len(names))]
        values = ", ".join(f"result[{key}]" for key in keys)
        others = [f"{key} is not keys[{i}]" for i, key in enumerate(keys)]
        return other, f"{', '.join(keys)}, = result; {fields} = {values},", others

    def load(self, cells, data, n, skip):
        """The results of `n` calls but the first ones."""
        columns = [*self.load_columns(cells[: 8 * n * len(self.fields)], data, n, skip)]
        return columns[0] if self.container is None else Lazy(n - skip, self.build(columns))

    def load_columns(self, cells, data, n, skip):
        width = len(self.fields)
        numbers = cells.cast("q").tolist()
        reals = cells.cast("d").tolist() if float in self.fields else ()
        last = max((i for i, field in enumerate(self.fields) if field in LONG), default=None)
        if last is not None:
            ends = [0, *numbers[last::width]]  # of the long field before
            cut = make_cutter(bytes(data[: ends[-1]]), str in self.fields)
        for i, field in enumerate(self.fields):
            column = (reals if field is float else numbers)[i::width]
            if field in LONG:
                begins, ends = ends, column
                yield cut(field, begins[skip:], ends[skip:])
            elif field is type(None):
                yield itertools.repeat(None, n - skip)
            else:
                yield map(bool, column[skip:]) if field is bool else column[skip:]

    def build(self, columns):
        if self.container is tuple:
            return zip(*columns)
        if self.container is list:
            return map(list, zip(*columns))
        return to_builder(self.keys)(*columns)


class Lazy:
    """Results that are made when they are asked for, once. Made all at once they would have the
    garbage collector look at each."""

    def __init__(self, n, rows):
        self.n = n
        self.rows = rows

    def __len__(self):
        return self.n

    def __iter__(self):
        return self.rows


def to_pop(results):
    """How many there are, and what gives the next one, and keeps none that it has given."""
    if type(results) is Lazy:
        return results.n, results.rows.__next__
    results.reverse()
    return len(results), results.pop


def hand_out(results):
    """The same as an iterator."""
    if type(results) is Lazy:
        return results.rows
    n, pop = to_pop(results)
    return itertools.starmap(pop, itertools.repeat((), n))


def make_cutter(data, has_text):
    """Gives fields of a type that begin and end there. In ASCII a character is a byte."""
    text = data.decode("ascii") if has_text and data.isascii() else None

    def cut(field, begins, ends):
        whole = data if field is bytes else text
        if whole is not None:
            return [whole[begin:end] for begin, end in zip(begins, ends)]
        return [data[begin:end].decode() for begin, end in zip(begins, ends)]

    return cut


@functools.lru_cache(64)
def to_builder(keys):
    """Of dictionaries with these keys."""
    names = [f"value{i}" for i in range(len(keys))]
    pairs = ", ".join(f"{key!r}: {name}" for key, name in zip(keys, names))
    columns = ", ".join(f"{name}s" for name in names)
    row = ", ".join(names)
    return eval(f"lambda {columns}: ({{{pairs}}} for {row}, in zip({columns}))")


class Array(typing.NamedTuple):
    """What arrays have in common: all but their first dimension."""

    type: object
    dtype: object
    rest: tuple

    prepare = "write = area.write; array, dtype, rest = kind"

    def get_parts(self):
        return self.dtype.char, self.rest

    def get_width(self):
        return 1

    def describe_store(self):
        return STORE_ARRAY

    def load(self, cells, data, n, skip):
        """Arrays of their own, which can be written to."""
        ends = cells[: 8 * n].cast("q").tolist()
        whole = numpy_of_rows(data[: ends[-1]], self.dtype, self.rest)
        size = self.dtype.itemsize
        for length in self.rest:
            size *= length
        rows = [end // size for end in ends]
        places = zip([0, *rows], rows)
        return [whole[a:b].copy() for a, b in itertools.islice(places, skip, None)]


def numpy_of_rows(data, dtype, rest):
    import numpy

    return numpy.frombuffer(data, dtype).reshape(-1, *rest)


def find_array(result):
    numpy = sys.modules.get("numpy")
    if numpy is None or type(result) is not getattr(numpy, "ndarray", None):
        return None
    dtype = result.dtype
    if dtype.char not in DTYPES or numpy.dtype(dtype.char) is not dtype:
        return None
    rest = result.shape[1:]
    return Array(type(result), dtype, rest) if result.ndim and 0 not in rest else None


def is_known(field):
    """Not with `in`, which would ask the type."""
    return any(field is known for known in PUTS)


def find_row(result):
    container = type(result)
    if container not in (tuple, list, dict):
        return Row(None, (), (container,)) if container in (str, bytes) else None
    if not 0 < len(result) <= MAX_FIELDS:
        return None
    keys = (*result,) if container is dict else ()
    fields = (*map(type, result.values() if container is dict else result),)
    if all(type(key) is str for key in keys) and all(map(is_known, fields)):
        return Row(container, keys, fields)
    return None


@functools.lru_cache(64)
def to_way(kind):
    """How results of a kind are put into a lane; none where there is too much to say of them."""
    is_row = type(kind) is Row
    described = pickle.dumps((is_row, *kind.get_parts()), values.PROTOCOL)
    size = SIZE.size + len(described)
    size += -size % ALIGNMENT
    if size > MAX_HEAD:
        return None
    head = (SIZE.pack(size) + described).ljust(size, b"\0")
    return batches.Way(DESCRIBED, "q", kind.describe_store(), kind.prepare, head, kind.get_width())


@functools.lru_cache(64)
def read_head(head):
    """The kind that is described there."""
    is_row, *parts = pickle.loads(head[SIZE.size :])
    if is_row:
        return Row(*parts)
    import numpy

    char, rest = parts
    return Array(numpy.ndarray, numpy.dtype(char), rest)


def choose(result):
    """The kind of a result, and the way for such."""
    kind = find_row(result) or find_array(result)
    way = None if kind is None else to_way(kind)
    if way is None:
        kind = type(result)
        way = batches.KINDS.get(kind, PICKLES)
    return kind, way


def load(cells, data, n, skip):
    """Of what a batch left that says what it is: the results of `n` calls but the first ones."""
    (size,) = SIZE.unpack_from(data)
    return read_head(bytes(data[:size])).load(cells, data[size:], n, skip)
