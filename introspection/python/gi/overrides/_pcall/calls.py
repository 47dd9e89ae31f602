# SPDX-FileCopyrightText: 2026 The pcall authors
# SPDX-License-Identifier: LGPL-2.1-or-later

"""Targets and argument lists, zipped into calls.

Everything is looked at before anything starts: a list that is none, or a keyword that is no
string, is an exception that names it. Lists may be any iterables but text, and endless ones where
another one is not.
"""

import collections.abc
import functools
import itertools
import types

from . import hints, waiting

MAX_PARTIALS = 100

MISSING = object()

# Columns that are no keywords, whose names are strings
TARGETS, IARGS, IKWARGS = range(3)


def refuse(values, name, kind, hint=hints.say_nothing):
    """`hint` says what was probably meant."""
    text = f"{name} must be {kind}, not {hints.say_kind(values)}{hint(name, values)}"
    raise TypeError(text) from None


def iterate(values, name, kind="iterable", hint=hints.say_nothing):
    try:
        return iter(values)
    except TypeError:
        refuse(values, name, kind, hint)


def iterate_list(values, name, kind, hint=hints.say_nothing):
    """Of what is for the calls: text is none."""
    if hints.is_text(values):
        refuse(values, name, kind, lambda *_: hints.say_split(values) + hint(name, values))
    return iterate(values, name, kind, hint)


def check_target(target, name):
    if not callable(target):
        raise TypeError(f"{name} is not callable: {target!r}{hints.mean_target(name, target)}")
    return target


def to_kwargs(values, name):
    if not isinstance(values, collections.abc.Mapping):
        refuse(values, name, "a mapping of names to values")
    for key in values:
        if not isinstance(key, str):
            raise TypeError(f"{name} has a keyword that is no string: {key!r}")
    return dict(values)


def numbered(convert, values, name):
    """Each of the values, converted, with its number in the name."""
    for i, value in enumerate(values):
        yield convert(value, f"{name}[{i}]")


def to_args(values, name, hint=hints.mean_arguments):
    if isinstance(values, collections.abc.Mapping):
        refuse(values, name, "an iterable of arguments", hints.mean_kwargs)
    return tuple(iterate_list(values, name, "an iterable of arguments", hint))


def iterate_targets(targets):
    kind = "a callable, or an iterable of callables"
    if hints.is_text(targets):
        refuse(targets, "targets", kind, hints.mean_target)
    targets = iterate(targets, "targets", kind, hints.mean_target)
    return numbered(check_target, targets, "targets")


def iterate_iargs(iargs):
    def convert(values, name):
        return to_args(values, name, lambda *_: hints.mean_lists("iargs", iargs))

    kind = "an iterable of argument lists, one for each call"
    return numbered(convert, iterate_list(iargs, "iargs", kind, hints.mean_list), "iargs")


def iterate_ikwargs(ikwargs):
    kind = "an iterable of mappings, one for each call"
    if isinstance(ikwargs, collections.abc.Mapping):
        refuse(ikwargs, "ikwargs", kind, hints.mean_list)
    return numbered(to_kwargs, iterate_list(ikwargs, "ikwargs", kind), "ikwargs")


def iterate_column(values, name):
    kind = "an iterable of values, one for each call"
    return iterate_list(values, name, kind, hints.mean_column)


def is_given(values):
    """The empty tuple is what stands for a list that was not given, so that a program can pass on
    what it was called with. Any other list without elements makes no calls."""
    return values is not None and not (type(values) is tuple and not values)


def find_columns(targets, iargs, ikwargs, varkwargs):
    """The lists that were given, by what they are lists of."""
    columns = {}
    if not callable(targets):
        columns[TARGETS] = iterate_targets(targets)
    if is_given(iargs):
        columns[IARGS] = iterate_iargs(iargs)
    if is_given(ikwargs):
        columns[IKWARGS] = iterate_ikwargs(ikwargs)
    for name, values in varkwargs.items():
        columns[name] = values if is_sequence(values) else iterate_column(values, name)
    return columns


def is_sequence(values):
    return type(values) in (list, tuple, range)


def name_column(name):
    return ("targets", "iargs", "ikwargs")[name] if type(name) is int else name


def refuse_lengths(shorter, n, longer):
    shorter, longer = name_column(shorter), name_column(longer)
    raise ValueError(f"strict: {shorter} ends after {n}, and {longer} goes on")


def read_equal(iterators, n_rows, other):
    """What they give, in rows; no more than is needed to see that they are not as long as `other`,
    or as each other."""
    rows = []
    for row in itertools.zip_longest(*iterators.values(), fillvalue=MISSING):
        there = [name for name, value in zip(iterators, row) if value is not MISSING]
        if len(rows) == n_rows:
            refuse_lengths(other, n_rows, there[0])
        if len(there) < len(row):
            over = next(name for name in iterators if name not in there)
            refuse_lengths(over, len(rows), there[0])
        rows.append(row)
    if n_rows is not None and len(rows) < n_rows:
        refuse_lengths(next(iter(iterators)), len(rows), other)
    return rows


def equalize(columns):
    """The columns, which are refused unless they have as many elements as each other, as with
    `zip(strict=True)`."""
    lengths = {name: len(values) for name, values in columns.items() if is_sequence(values)}
    shortest = min(lengths, key=lengths.get, default=None)
    for name, n in lengths.items():
        if n > lengths[shortest]:
            refuse_lengths(shortest, lengths[shortest], name)
    iterators = {name: values for name, values in columns.items() if name not in lengths}
    rows = read_equal(iterators, lengths.get(shortest), shortest) if iterators else ()
    return columns | dict.fromkeys(iterators, ()) | dict(zip(iterators, zip(*rows)))


def gather(columns):
    """The columns as sequences of the same length, which is that of the shortest."""
    sequences = {name: values for name, values in columns.items() if is_sequence(values)}
    iterators = {name: values for name, values in columns.items() if name not in sequences}
    n_rows = min(map(len, sequences.values()), default=None)
    if iterators:
        rows = list(itertools.islice(zip(*iterators.values()), n_rows))
        n_rows = len(rows)
        columns = dict.fromkeys(columns, ()) | dict(zip(iterators, zip(*rows)))
    return n_rows, {
        name: sequences[name][:n_rows] if name in sequences else values
        for name, values in columns.items()
    }


class Rows:
    """The calls of a task, a sequence of (target, args, kwargs), each made when it is asked for.

    target: of all calls, or where there are `targets`, the first of these
    cargs, ckwargs: what all calls have
    targets, iargs, ikwargs: a tuple or list of what each call has, or None
    columns: the same by the names of keywords
    """

    def __init__(self, target, cargs, ckwargs, n_rows, columns):
        self.target = target
        self.cargs = cargs
        self.ckwargs = ckwargs
        self.n_rows = n_rows
        self.targets = columns.pop(TARGETS, None)
        self.iargs = columns.pop(IARGS, None)
        self.ikwargs = columns.pop(IKWARGS, None)
        self.columns = columns

    def __len__(self):
        return self.n_rows

    def __getitem__(self, index):
        if isinstance(index, slice):
            return [self[i] for i in range(*index.indices(self.n_rows))]
        if not 0 <= index < self.n_rows:
            raise IndexError(index)
        target = self.targets[index] if self.targets is not None else self.target
        args = self.cargs + self.iargs[index] if self.iargs is not None else self.cargs
        kwargs = {**self.ckwargs, **self.ikwargs[index]} if self.ikwargs is not None else {**self.ckwargs}
        for name, values in self.columns.items():
            kwargs[name] = values[index]
        return target, args, kwargs

    def has_arguments(self):
        """Whether any were given, for all calls or for each."""
        lists = (self.iargs, self.ikwargs)
        return bool(self.cargs or self.ckwargs or self.columns or any(x is not None for x in lists))

    def wrap(self, make_target):
        """Puts another target into the place of each."""
        self.target = make_target(self.target)
        if self.targets is not None:
            self.targets = [make_target(target) for target in self.targets]

    def get_targets(self):
        return self.targets if self.targets is not None else [self.target][: self.n_rows]


def build(targets, cargs, iargs, ckwargs, ikwargs, varkwargs, strict=False):
    """The calls."""
    cargs = to_args(cargs, "cargs")
    ckwargs = to_kwargs(ckwargs, "ckwargs")
    columns = find_columns(targets, iargs, ikwargs, varkwargs)
    if strict:
        columns = equalize(columns)
    n_rows, columns = gather(columns) if columns else (1, {})
    target = targets if TARGETS not in columns else next(iter(columns[TARGETS]), None)
    return Rows(target, cargs, ckwargs, n_rows, columns)


def get_string(target, name):
    """An attribute that is a string; None otherwise. It is not asked for of objects that answer to
    everything, as mocks and proxies do, or do something else when they are asked."""
    if type(target) is types.MethodType:
        target = target.__func__
    try:
        value = object.__getattribute__(target, name)
    except Exception as error:  # of a property
        if waiting.is_interrupt(error):
            raise
        return None
    return value if type(value) is str else None


def get_name(target):
    """What a target is called in messages and logs."""
    for _ in range(MAX_PARTIALS):
        if not issubclass(type(target), functools.partial):
            break
        target = target.func
    return get_string(target, "__name__") or type.__dict__["__name__"].__get__(type(target))
