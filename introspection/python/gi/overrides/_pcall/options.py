# SPDX-FileCopyrightText: 2026 The pcall authors
# SPDX-License-Identifier: LGPL-2.1-or-later

"""Pcall.Options: the options of a task, all of them looked at before anything is started."""

import difflib
import math
import operator
import os
import re
import sys
from collections.abc import Mapping

from gi.module import get_introspection_module

from . import progress, waiting

Pcall = get_introspection_module("Pcall")
AFFINITY = re.compile(r"[, ]*\d+(-\d+)?([, ]+\d+(-\d+)?)*[, ]*", re.ASCII)
MAX_PROCESSOR = 1023


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


def to_nice(value, name):
    return to_count(value, name, -39, 39)


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


def to_text(value, name):
    if value is not None and not isinstance(value, str):
        raise TypeError(f"{name} must be a string, not {type(value).__name__}")
    if value is not None and "\0" in value:
        raise ValueError(f"{name} must not have NUL in it: {value!r}")
    return value


def parse_affinity(text, name):
    """The numbers in it."""
    ranges = re.findall(r"(\d+)-(\d+)", text, re.ASCII)
    if not AFFINITY.fullmatch(text) or any(int(first) > int(last) for first, last in ranges):
        expected = 'numbers and ranges of processors, as "0-3,8"'
        raise ValueError(f"{name} must be {expected}, not {text!r}")
    return [int(number) for number in re.findall(r"\d+", text, re.ASCII)]


def to_affinity(value, name):
    """As `os.sched_setaffinity()` takes it, or as text."""
    if value is None:
        return None
    if isinstance(value, str):
        numbers = parse_affinity(value, name)
    else:
        try:
            numbers = [*value]
        except TypeError:
            text = f"{name} must be an iterable of processors, not {type(value).__name__}"
            raise TypeError(text) from None
    numbers = [to_count(number, f"each of {name}", most=MAX_PROCESSOR) for number in numbers]
    if not numbers:
        raise ValueError(f"{name} must name at least one processor")
    return value if isinstance(value, str) else ",".join(map(str, sorted({*numbers})))


def to_environment(value, name):
    """A mapping, as of `subprocess`, or a list of NAME=VALUE."""
    if value is None:
        return None
    if isinstance(value, Mapping):
        value = [f"{to_path(key, name)}={to_path(text, name)}" for key, text in value.items()]
    elif isinstance(value, str):
        raise TypeError(f"{name} must be a mapping of names to values, not str")
    variables = [to_text(variable, f"each of {name}") for variable in value]
    for variable in variables:
        if variable.find("=") < 1:
            raise ValueError(f"{name} must have names and values, not {variable!r}")
    return variables


def to_enum(value, name, kind):
    if not isinstance(value, kind):
        nicks = (f"{kind.__name__}.{member.value_nick.upper()}" for member in members(kind))
        raise TypeError(f"{name} must be one of {', '.join(nicks)}, not {value!r}")
    return value


def to_input(value, name):
    """A file, or its descriptor."""
    if value is None:
        return None
    try:
        fd = value if type(value) is int else attempt_fileno(value)
        if fd is None:
            raise TypeError(f"{name} must be a file or a descriptor, not {type(value).__name__}")
        os.fstat(fd)
    except (OSError, ValueError):
        raise ValueError(f"{name}: {value!r} is not open") from None
    return value


def attempt_fileno(value):
    try:
        return value.fileno()
    except (AttributeError, OSError):  # it is none, or has none
        return None


def to_exceptions(value, name):
    """Classes of exceptions, as `except` takes them."""
    if value is None:
        return None
    kinds = value if isinstance(value, tuple) else (value,)
    for kind in kinds:
        if not (isinstance(kind, type) and issubclass(kind, BaseException)):
            raise TypeError(
                f"{name} must be a class of exceptions or a tuple of them, as `except` takes, "
                f"not {kind!r}"
            )
    return kinds


def check_retries(retries, retry_on):
    if retry_on is not None and not retries:
        raise ValueError("retry_on: there are no retries; say how many with retries=")


def to_launcher(value, name):
    if value is not None and not isinstance(value, Pcall.Launcher):
        raise TypeError(f"{name} must be a Pcall.Launcher, not {type(value).__name__}")
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
    "progress": progress.check,
    "child_name": to_text,
    "nice": to_nice,
    "cpu_affinity": to_affinity,
    "max_address_space": to_size,
    "max_open_files": to_size,
    "own_cgroup": to_bool,
    "working_directory": to_path,
    "environment": to_environment,
    "launcher": to_launcher,
}

# The same for what is not the library's
OWN = {
    "strict": to_bool,
    "stdin": to_input,
    "retries": to_count,
    "retry_on": to_exceptions,
    "debug": to_bool,
}


class Options:
    """Options of a task, for `Pcall.pcall()`, `Pcall.pcall_async()` and `Pcall.Pcall`.

        Pcall.pcall(double, n=range(1000), options=Pcall.Options(calls_per_child=0))

    >>> Pcall.Options(max_children=2, keep_logs=True)
    Options(max_children=2, keep_logs=True)

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
    progress: `True` draws a bar on standard error where that is a terminal; a function is called with
    the number of calls that have ended and that of all
    child_name: what children are called where processes are listed, in place of their function's
    name; "" leaves them that of their parent
    nice: what is added to the niceness of this process for children, from -39 to 39
    cpu_affinity: on which processors they run, as `{0, 2}` or "0-3,8"
    max_address_space: how many bytes of memory each of them may have mapped; 0 for the limit of this
    process
    max_open_files: how many descriptors each may have open; 0 for the limit of this process
    own_cgroup: whether they are in a control group of the task's own, so that nothing that they start
    outlives it
    working_directory: where they begin, a path
    environment: all of the environment of a `Pcall.Spawned`, a mapping; other children have that of
    this process, and their calls can change it
    launcher: a `Pcall.Launcher`, where calls run on other machines; each in a fresh process there,
    as if its function was `Pcall.Spawned`
    strict: whether lists of different lengths are a ValueError, as with `zip()`
    stdin: what the call reads from, a file or a descriptor: `sys.stdin` for a debugger at the
    terminal, to which it then writes, too, unless there is a log_mode; for calls that run alone:
    a single one, or with max_children=1. By itself there is nothing to read
    retries: how often a call is run again that raised, died or took too long. Each call has a second
    process then, which looks after it
    retry_on: a class of exceptions or a tuple of them, after which alone it is: what the call would
    raise here, as `Pcall.Crashed` or `Pcall.TimedOut`, or what it raised there, as `OSError`
    debug: whether calls are run in this process, one after the other, for a debugger;
    `PCALL_DEBUG=in-process` in the environment has a whole program do so

    What is not given is as the properties of `Pcall.Task` are by themselves. An option that does
    not exist, or of a wrong type, is a TypeError here; one that is out of range, or that another
    one excludes, a ValueError. A keyword `options` whose value is anything else is an argument of
    the calls like any other.
    """

    __slots__ = ("_values",)

    def __init__(self, **options):
        self._values = {}
        for name, value in options.items():
            if name not in CONVERT and name not in OWN:
                raise TypeError(f"{name} is no option{suggest_option(name)}")
            convert = CONVERT.get(name) or OWN[name]
            self._values[name] = convert(value, name)
        self._check()

    def _check(self):
        check_retries(self._values.get("retries"), self._values.get("retry_on"))
        if self._values.get("log_mode") != Pcall.LogMode.INHERIT:
            return
        for name in ("log_directory", "keep_logs", "max_log_size"):
            if self._values.get(name):
                raise ValueError(f"{name}: there are no log files with LogMode.INHERIT")
        if "output_mode" in self._values:
            raise ValueError("output_mode: nothing is captured with LogMode.INHERIT")

    def get(self, name, default=None):
        """One of them, or what it is where it was not given."""
        return self._values.get(name, default)

    def apply(self, task):
        """Sets them of a `Pcall.Task` that is not started."""
        for name, value in self._values.items():
            if name == "progress":
                progress.watch(task, value)
            elif name in CONVERT:
                task.set_property(name.replace("_", "-"), value)
        # What is lost with its machine, no supervisor there can run again.
        if self.get("launcher") is not None:
            task.set_property("retries", self.get("retries", 0))

    def __repr__(self):
        return f"Options({', '.join(f'{k}={v!r}' for k, v in self._values.items())})"


def suggest_option(name):
    if name == "timeout":
        return "; timeout is an argument of its own"
    return suggest(name, (*CONVERT, *OWN))


def suggest(name, names):
    close = difflib.get_close_matches(name, names, 1)
    return f"; did you mean {close[0]}?" if close else f"; there are {', '.join(names)}"


NONE = Options()


def take(keywords):
    """Takes the options out of the keywords of a call: also a launcher, which is no list."""
    given = keywords.pop("options") if type(keywords.get("options")) is Options else NONE
    if not isinstance(keywords.get("launcher"), Pcall.Launcher):
        return given
    taken = Options()
    taken._values = given._values | {"launcher": keywords.pop("launcher")}
    return taken
