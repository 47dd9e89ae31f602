# SPDX-FileCopyrightText: 2026 The pcall authors
# SPDX-License-Identifier: LGPL-2.1-or-later

"""Targets and argument lists, zipped into calls.

Everything is looked at before anything starts: a list that is none, or a keyword that is no
string, is an exception that names it. Lists may be any iterables, and endless ones where another
one is not.
"""

import collections.abc


class NotGiven(tuple):
    """The default of an argument list: an empty tuple, but not one that somebody gave."""


NOT_GIVEN = NotGiven()


def iterate(values, name):
    try:
        return iter(values)
    except TypeError:
        raise TypeError(f"{name} must be iterable, not {type(values).__name__}") from None


def check_target(target, name):
    if not callable(target):
        raise TypeError(f"{name} is not callable: {target!r}")
    return target


def to_kwargs(values, name):
    if not isinstance(values, collections.abc.Mapping):
        raise TypeError(f"{name} must be a mapping, not {type(values).__name__}")
    for key in values:
        if not isinstance(key, str):
            raise TypeError(f"{name} has a keyword that is no string: {key!r}")
    return dict(values)


def numbered(convert, values, name):
    """Each of the values, converted, with its number in the name."""
    for i, value in enumerate(iterate(values, name)):
        yield convert(value, f"{name}[{i}]")


def to_args(values, name):
    return tuple(iterate(values, name))


def is_given(values):
    return values is not None and values is not NOT_GIVEN


def find_columns(targets, iargs, ikwargs, varkwargs):
    """The lists that were given, by what they are lists of."""
    columns = {}
    if not callable(targets):
        columns["target",] = numbered(check_target, targets, "targets")
    if is_given(iargs):
        columns["args",] = numbered(to_args, iargs, "iargs")
    if is_given(ikwargs):
        columns["kwargs",] = numbered(to_kwargs, ikwargs, "ikwargs")
    for name, values in varkwargs.items():
        columns[name] = iterate(values, name)
    return columns


def build(targets, cargs, iargs, ckwargs, ikwargs, varkwargs):
    """A list of calls, each (target, args, kwargs)."""
    cargs = to_args(cargs, "cargs")
    ckwargs = to_kwargs(ckwargs, "ckwargs")
    columns = find_columns(targets, iargs, ikwargs, varkwargs)
    if not columns:
        return [(targets, cargs, ckwargs)]

    calls = []
    for row in zip(*columns.values()):
        cells = dict(zip(columns, row))
        target = cells.pop(("target",), targets)
        args = cargs + cells.pop(("args",), ())
        kwargs = {**ckwargs, **cells.pop(("kwargs",), {}), **cells}
        calls.append((target, args, kwargs))
    return calls


def get_name(target):
    """What a target is called in messages and logs."""
    while not hasattr(target, "__name__") and hasattr(target, "func"):  # functools.partial
        target = target.func
    return getattr(target, "__name__", None) or type(target).__name__
