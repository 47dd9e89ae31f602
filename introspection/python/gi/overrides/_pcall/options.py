# SPDX-FileCopyrightText: 2026 The pcall authors
# SPDX-License-Identifier: LGPL-2.1-or-later

"""Pcall.Options: the options of a task, all of them looked at before anything is started."""

import difflib
import math
import operator
import os
import sys

from gi.module import get_introspection_module

from . import waiting

Pcall = get_introspection_module("Pcall")


def to_timeout(timeout, name="timeout"):
    """In seconds, 0 for none, as the library has it."""
    if timeout is None:
        return 0.0
    seconds = waiting.to_seconds(timeout, name)
    if seconds < 0:
        raise ValueError(f"{name} must be 0 seconds or more, not {timeout!r}")
    return 0.0 if math.isinf(seconds) else seconds


def to_grace_period(seconds, name):
    """Here 0 is no time at all."""
    return sys.float_info.max if seconds == math.inf else to_timeout(seconds, name)


def to_count(value, name, least=0, most=2**32 - 1):
    """A whole number."""
    try:
        value = operator.index(value)
    except TypeError:
        text = f"{name} must be a whole number, not {type(value).__name__}"
        raise TypeError(text) from None
    if not least <= value <= most:
        limits = f"at least {least}" if value < least else f"at most {most}"
        raise ValueError(f"{name} must be {limits}, not {value}")
    return value


def to_size(value, name):
    return to_count(value, name, most=2**64 - 1)


def to_priority(value, name):
    return to_count(value, name, -(2**31), 2**31 - 1)


def to_bool(value, name):
    if not isinstance(value, bool):
        raise TypeError(f"{name} must be True or False, not {type(value).__name__}")
    return value


def to_path(value, name):
    if value is None:
        return None
    try:
        return os.fsdecode(value)
    except TypeError:
        raise TypeError(f"{name} must be a path, not {type(value).__name__}") from None


def to_enum(value, name, kind):
    if not isinstance(value, kind):
        nicks = (f"{kind.__name__}.{member.value_nick.upper()}" for member in members(kind))
        raise TypeError(f"{name} must be one of {', '.join(nicks)}, not {value!r}")
    return value


def members(kind):
    return [kind.__enum_values__[number] for number in sorted(kind.__enum_values__)]


# By their names: what makes a value of the library's of them
CONVERT = {
    "deadline": to_timeout,
    "grace_period": to_grace_period,
    "max_children": to_count,
    "calls_per_child": to_count,
    "start_method": lambda value, name: to_enum(value, name, Pcall.StartMethod),
    "failure_policy": lambda value, name: to_enum(value, name, Pcall.FailurePolicy),
    "log_mode": lambda value, name: to_enum(value, name, Pcall.LogMode),
    "log_directory": to_path,
    "keep_logs": to_bool,
    "max_log_size": to_size,
    "output_mode": lambda value, name: to_enum(value, name, Pcall.OutputMode),
    "priority": to_priority,
}


class Options:
    """Options of a task, for `Pcall.pcall()`, `Pcall.pcall_async()` and `Pcall.Pcall`.

        Pcall.pcall(double, n=range(1000), options=Pcall.Options(calls_per_child=0))

    deadline: how long all calls may take together, in seconds; `None` and 0 for no limit
    grace_period: seconds between SIGTERM and SIGKILL, where a child is ended
    max_children: how many children there are at once, at most; 0 for as many as may be
    calls_per_child: how many calls a child runs, one after the other; 0 for no limit
    start_method, failure_policy, log_mode: a `Pcall.StartMethod`, `FailurePolicy`, `LogMode`
    log_directory: where log files are, a path
    keep_logs: whether they stay
    max_log_size: how many bytes of what a call has written go into the log, or are passed on
    output_mode: a `Pcall.OutputMode`: whether what calls print goes to this process's standard
    output and error, as by itself, or into GLib's log
    priority: of what the task does in GLib's main loop

    What is not given is as the properties of `Pcall.Task` are by themselves. An option that does
    not exist, or of a wrong type, is a TypeError here; one that is out of range, or that another
    one excludes, a ValueError. A keyword `options` whose value is anything else is an argument of
    the calls like any other.
    """

    __slots__ = ("_values",)

    def __init__(self, **options):
        self._values = {}
        for name, value in options.items():
            if name not in CONVERT:
                raise TypeError(f"{name} is no option{suggest(name)}")
            self._values[name] = CONVERT[name](value, name)
        self._check()

    def _check(self):
        if self._values.get("log_mode") != Pcall.LogMode.INHERIT:
            return
        for name in ("log_directory", "keep_logs", "max_log_size"):
            if self._values.get(name):
                raise ValueError(f"{name}: there are no log files with LogMode.INHERIT")
        if "output_mode" in self._values:
            raise ValueError("output_mode: nothing is captured with LogMode.INHERIT")

    def apply(self, task):
        for name, value in self._values.items():
            task.set_property(name.replace("_", "-"), value)

    def __repr__(self):
        return f"Options({', '.join(f'{k}={v!r}' for k, v in self._values.items())})"


def suggest(name):
    if name == "timeout":
        return "; timeout is an argument of its own"
    close = difflib.get_close_matches(name, CONVERT, 1)
    return f"; did you mean {close[0]}?" if close else f"; there are {', '.join(CONVERT)}"


def take(keywords):
    """Takes the options out of the keywords of a call; none where there are none."""
    return keywords.pop("options") if type(keywords.get("options")) is Options else None
