# SPDX-FileCopyrightText: 2026 The pcall authors
# SPDX-License-Identifier: LGPL-2.1-or-later

"""What a crew has to do, and why something of it failed."""

import types
import typing

from gi.repository import GLib

from . import errors


def mark(function):
    """What tells a function of the program itself from one that had its name before, as they have in
    a notebook; none of others. A child is a copy: it has the same object in the same place."""
    if type(function) is not types.FunctionType or function.__module__ != "__main__":
        return None
    code = function.__code__
    return id(code), hash((code.co_code, repr(code.co_consts), code.co_names))


def check_mark(function, given):
    """In a child: that the name means there what it means in its parent."""
    if given is not None and given != mark(function):
        raise LookupError("another function has that name by now")


class Job:
    """Calls that go to a child together.

    sink: what is told of their ends: `take(job, at, results)`, `fail(job, at, failure)`, where `at`
    counts from the job's first call; it knows what is called
    columns: of positional arguments, or
    arguments: (args, kwargs), of a single call
    """

    __slots__ = ("sink", "first", "columns", "arguments", "n_calls", "at", "is_inherited")

    def __init__(self, sink, n_calls=1, first=0, columns=None, arguments=None):
        self.sink = sink
        self.n_calls = n_calls
        self.first = first
        self.columns = columns
        self.arguments = arguments
        self.at = 0  # how many calls are known to have ended
        self.is_inherited = False

    def get_inherited(self):
        """As an order, with what has the function in its place."""
        if self.columns is None:
            return "call", self.sink.function, *self.arguments
        return "map", self.sink.get_inherited(), self.columns, self.n_calls

    def get_order(self):
        """To be pickled."""
        if self.columns is None:
            return "call", self.sink.function, *self.arguments, mark(self.sink.function)
        return "map", self.sink.get_pickled(), self.columns, self.n_calls

    def slice(self, begin, end=None):
        """Some of its calls, as a job of their own."""
        if self.columns is None:
            return self
        end = self.n_calls if end is None else end
        job = Job(self.sink, end - begin, self.first + begin, [c[begin:end] for c in self.columns])
        job.is_inherited = self.is_inherited
        return job

    def get_timeout(self):
        return self.sink.timeout


class Fate(typing.NamedTuple):
    """How a child has ended."""

    text: str
    cause: object
    pid: int
    exit_status: int
    signal: int


class Failure:
    """Why a call did not succeed; one of these is given.

    parts: what it raised, in parts
    fate: of its child, that has died in it
    timeout: the seconds that it may take, and did not keep
    cause: why its result cannot be unpickled
    reason: why it was not even begun
    original: with parts, the exception itself, where the call ran in this process
    """

    def __init__(
        self, *, parts=None, fate=None, timeout=None, cause=None, reason=None, original=None
    ):
        self.original = original
        self.reason = reason
        self.parts = parts
        self.fate = fate
        self.timeout = timeout
        self.cause = cause

    def get_original(self):
        """What the function raised, with its traceback; none where there was no such thing."""
        if self.parts is None:
            return self.cause
        if self.original is not None:
            return self.original
        if "gerror" in self.parts:
            error = GLib.Error(*self.parts["gerror"])
        else:
            error = errors.load_exception(self.parts["pickle"], self.parts["message"])
        errors.set_cause(error, errors.RemoteTraceback(self.parts["traceback"]))
        return error

    def to_exception(self, index, name):
        """As `Pcall.Pcall.join()` raises it."""
        if self.reason is not None:
            return self.reason
        where = name if index is None else f"call {index} ({name})"
        if self.timeout is not None:
            return errors.TimedOut(f"{where}: took longer than {self.timeout:g} s", index)
        if self.fate is not None:
            text, cause, *facts = self.fate
            return errors.caused(errors.make_broken_child(f"{where}: {text}", index, *facts), cause)
        if self.cause is not None:
            text = f"its result came, but cannot be unpickled: {errors.describe(self.cause)}"
            return errors.caused(errors.ChildProcessException(f"{where}: {text}", index), self.cause)
        own = self.parts.get("gerror")
        message = own[0] if own else f"{where}: {self.parts['message']}"
        is_result = "unpicklable-result" in self.parts
        kind = errors.ResultPicklingError if is_result else errors.ChildProcessException
        return errors.caused(kind(message, index), self.get_original())
