# SPDX-FileCopyrightText: 2026 The pcall authors
# SPDX-License-Identifier: LGPL-2.1-or-later

"""Functions that raise what is hard to tell of, for `test_errors`; spawned processes import them,
too."""

import asyncio
import dataclasses
import signal
import subprocess
import time

from gi.repository import GLib

ALL = []


def listed(function):
    ALL.append(function.__name__)
    return function


def load(kind):
    raise kind("anew")


@listed
def syntax_error_with_bytes():
    raise SyntaxError("bad", ("data.txt", 1, 2, b"not text"))


@listed
def syntax_error_with_odd_places():
    error = SyntaxError("bad")
    error.text, error.offset, error.end_offset, error.lineno = "x", "one", object(), 1.5
    raise error


class NoTruthValue(Exception):
    def __bool__(self):
        raise TypeError("neither true nor false")


@listed
def no_truth_value():
    raise NoTruthValue


class Falsy(Exception):
    def __bool__(self):
        return False


@listed
def falsy():
    raise Falsy("told")


class Empty(Exception):
    def __len__(self):
        return 0


@listed
def empty():
    raise Empty


class NoText(Exception):
    def __str__(self):
        raise LookupError("no text")

    __repr__ = __str__


@listed
def no_text():
    raise NoText


class TextThatExits(Exception):
    def __str__(self):
        raise SystemExit(0)


@listed
def text_that_exits():
    raise TextThatExits


class TextThatInterrupts(Exception):
    def __str__(self):
        raise KeyboardInterrupt


@listed
def text_that_interrupts():
    raise TextThatInterrupts


class Text(str):
    def encode(self, *arguments):
        raise LookupError("not to be encoded")

    def __format__(self, spec):
        raise LookupError("not to be formatted")

    def __bool__(self):
        raise LookupError("neither true nor false")


class OddText(Exception):
    def __str__(self):
        return Text("from a child")


@listed
def text_of_its_own_class():
    raise OddText


class NoAttributes(Exception):
    def __getattribute__(self, name):
        raise LookupError(name)


@listed
def no_attributes():
    raise NoAttributes


class NoTraceback(Exception):
    @property
    def __traceback__(self):
        raise LookupError("no traceback")


@listed
def no_traceback():
    raise NoTraceback("told")


class NoNotes(Exception):
    @property
    def __notes__(self):
        raise LookupError("no notes")


@listed
def no_notes():
    raise NoNotes("told")


@listed
def odd_notes():
    error = ValueError("told")
    error.__notes__ = [NoText(), 5, b"x"]
    raise error


@dataclasses.dataclass(frozen=True)
class Frozen(Exception):
    pass


@listed
def frozen():
    raise Frozen


@dataclasses.dataclass(frozen=True)
class FrozenField(Exception):
    n: int = 5


@listed
def frozen_with_a_field():
    raise FrozenField


class NoSetting(Exception):
    __slots__ = ()

    def __setattr__(self, name, value):
        raise AttributeError(name)


@listed
def no_setting():
    raise NoSetting("told")


class Named(type):
    def __getattribute__(cls, name):
        raise LookupError(name)


@listed
def own_name():
    raise Named("Nameless", (Exception,), {})("told")


@listed
def cause_without_text():
    raise ValueError("told") from NoText()


class PicklingThatExits(Exception):
    def __reduce__(self):
        raise SystemExit(0)


@listed
def pickling_that_exits():
    raise PicklingThatExits("told")


class Anew(Exception):
    def __init__(self, kind):
        super().__init__(kind)
        self.kind = kind

    def __reduce__(self):
        return load, (self.kind,)


@listed
def unpickling_that_exits():
    raise Anew(SystemExit)


@listed
def unpickling_that_interrupts():
    raise Anew(KeyboardInterrupt)


@listed
def unpickling_that_is_cancelled():
    raise Anew(asyncio.CancelledError)


class ToSomethingElse(Exception):
    def __reduce__(self):
        return int, ()


@listed
def unpickling_to_something_else():
    raise ToSomethingElse("told")


class TwoArguments(Exception):
    def __init__(self, first, second):
        super().__init__(f"{first} {second}")


@listed
def unpickling_without_arguments():
    raise TwoArguments("first", "second")


@listed
def exits():
    raise SystemExit(3)


@listed
def interrupts():
    raise KeyboardInterrupt


@listed
def gives_up_a_generator():
    raise GeneratorExit


@listed
def is_cancelled():
    raise asyncio.CancelledError


@listed
def is_all_of_it():
    raise BaseException("told")


@listed
def stops():
    raise StopIteration(5)


@listed
def group():
    raise ExceptionGroup("both", [ValueError(1), NoText()])


@listed
def recursion():
    recursion()


def new_gerror(message="told", domain="its-own", code=7):
    error = GLib.Error("told", "its-own", 7)
    error.message, error.domain, error.code = message, domain, code
    return error


@listed
def gerror_with_surrogate():
    raise new_gerror(message="told \udc80")


@listed
def gerror_without_domain():
    raise new_gerror(domain=None)


@listed
def gerror_with_odd_domain():
    raise new_gerror(domain="own\udc80")


@listed
def gerror_with_odd_code():
    raise new_gerror(code="seven")


@listed
def gerror_with_large_code():
    raise new_gerror(code=2**40)


@listed
def gerror_with_odd_message():
    raise new_gerror(message=5)


class OwnGError(GLib.Error):
    def __init__(self, message="told", domain="its-own", code=7):
        super().__init__(message, domain, code)
        self.extra = [1, 2]


def own_gerror():
    raise OwnGError


class Loader:
    def get_source(self, name):
        raise LookupError("no source")


@listed
def source_that_cannot_be_had():
    names = {"__name__": "strange", "__loader__": Loader()}
    exec(compile("def fail():\n    raise ValueError('told')\n", "strange.py", "exec"), names)
    names["fail"]()


@listed
def zero_byte():
    raise ValueError("a\0b")


@listed
def lone_surrogate():
    raise ValueError("a\udc80b")


@listed
def large():
    raise ValueError("x" * 1_000_000, b"y" * 1_000_000)


def fail_with_data():
    data = bytes(8 << 20)
    raise subprocess.CalledProcessError(3, "program", data, data)


@listed
def alarm():
    """A time limit that is repeated until it is heard."""

    def handle(*arguments):
        raise TimeoutError("too long")

    signal.signal(signal.SIGALRM, handle)
    signal.setitimer(signal.ITIMER_REAL, 0.05, 0.001)
    time.sleep(20)
