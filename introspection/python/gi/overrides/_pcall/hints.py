# SPDX-FileCopyrightText: 2026 The pcall authors
# SPDX-License-Identifier: LGPL-2.1-or-later

"""What was probably meant, for messages about arguments. Nothing here is run where all is well."""

import collections.abc
import itertools
import types

from . import options

TEXT = (str, bytes, bytearray)
MAX_SHOWN = 60  # characters of a value
MAX_ELEMENTS = 3  # of a list


def show(value):
    """A value as it is written, if that is short; else nothing."""
    try:
        text = repr(value)
    except Exception:  # of its class
        return ""
    return text if len(text) <= MAX_SHOWN else ""


def is_text(value):
    """What can be iterated over, and is hardly meant to be."""
    return isinstance(value, TEXT)


def is_list(value):
    return isinstance(value, (list, tuple, range, set, frozenset))


def say_kind(value):
    """What a value is that should be something else."""
    return "None" if value is None else type(value).__name__


def say_split(value):
    """Why text is refused that Python would iterate over."""
    if not is_text(value):
        return ""
    return f", which would be split into {'characters' if isinstance(value, str) else 'numbers'}"


def say_meant(meant):
    return f"; did you mean {meant}?" if meant else ""


def wrap(value):
    return value if isinstance(value, (list, tuple)) else (value,)


def say_nothing(name, value):
    return ""


def mean_lists(name, values):
    """Of `(1, 2, 3)`, where each call has a list of its own: `((1,), (2,), (3,))`."""
    if not is_list(values):
        return "; each element is the arguments of one call, such as (1,)"
    head = [*itertools.islice(values, MAX_ELEMENTS + 1)]
    kind = list if isinstance(values, list) else tuple
    shown = show(kind(map(wrap, head[:MAX_ELEMENTS])))
    if shown and len(head) > MAX_ELEMENTS:
        shown = f"{shown[:-1]}, …{shown[-1]}"
    return say_meant(shown and f"{name}={shown}")


def mean_arguments(name, value):
    """Of a single argument in the place of those of a call: in a tuple."""
    shown = show((value,))
    return say_meant(shown and f"{name}={shown}")


def mean_kwargs(name, value):
    """Of keyword arguments in the place of positional ones."""
    return f"; arguments by keyword go into {'ckwargs' if name == 'cargs' else 'ikwargs'}"


def mean_list(name, value):
    """Of the arguments of one call in the place of those of each."""
    shown = show([value if isinstance(value, collections.abc.Mapping) else (value,)])
    return say_meant(shown and f"{name}={shown}")


def mean_column(name, value):
    """Of a single value in the place of one for each call."""
    if name in options.CONVERT or name in options.OWN:
        return f"; the option of this name goes into options=Pcall.Options({name}={show(value)})"
    shown = show(value)
    if not shown or not name.isidentifier():
        return "; what is the same for all calls goes into ckwargs"
    each = f"; for one with each, {name}=list({shown})" if is_text(value) else ""
    same = f"; for the same in all, ckwargs={{{name!r}: {shown}}}"
    return f"; for one call, {name}=[{shown}]{each}{same}"


def mean_target(name, value):
    """Of a function's name, or what it has returned, in its place."""
    if isinstance(value, (types.CoroutineType, types.GeneratorType)):
        return "; it was called already: the function goes here, and its arguments by keyword"
    return "; the function itself goes here, not its name" if is_text(value) else ""


def mean_result(value):
    """Of what cannot be pickled."""
    if issubclass(type(value), types.GeneratorType):
        return "; a list of what it yields can be"
    if callable(value):
        return "; functions and classes can be where they can be imported"
    return ""


def mean_option(name, value):
    return "; options go by keyword, such as max_children=2"


def get_signature(target):
    """None where nobody knows."""
    import inspect  # which takes some milliseconds

    try:
        return inspect.signature(target)
    except (TypeError, ValueError):
        return None


def name_parameters(target):
    """The names of the arguments that a function takes, in order, and of more."""
    signature = get_signature(target)
    names = [] if signature is None else [*signature.parameters]
    return [*names, *"nmk"[len(names) :]]


def mean_keywords(target, *values):
    """Of positional lists: the same by keyword."""
    shown = (show(value if is_list(value) else [value]) or "…" for value in values)
    meant = ", ".join(f"{name}={text}" for name, text in zip(name_parameters(target), shown))
    return f"; arguments go by keyword: {meant}"


def check_positional(targets, timeout, cargs):
    """That what stands second and third was not meant for the calls."""
    if timeout is None or not callable(targets):
        return
    given = (timeout,) if type(cargs) is tuple and not cargs else (timeout, cargs)
    if is_list(timeout) or isinstance(timeout, collections.abc.Iterator):
        hint = mean_keywords(targets, *given)
        raise TypeError(f"timeout must be a number of seconds, not {say_kind(timeout)}{hint}")
    if isinstance(cargs, (int, float)):
        hint = mean_keywords(targets, *given)
        raise TypeError(f"cargs must be an iterable of arguments, not {say_kind(cargs)}{hint}")


def check_arguments(targets, timeout):
    """That a timeout was meant, where there is nothing else."""
    if timeout and callable(targets) and needs_arguments(targets):
        hint = mean_keywords(targets, timeout)
        name = name_parameters(targets)[0]
        raise TypeError(
            f"the call needs an argument {name}, and gets none; {timeout!r} is the timeout{hint}"
        )


def needs_arguments(target):
    signature = get_signature(target)
    try:
        return signature is not None and not signature.bind()
    except TypeError:
        return True
