# SPDX-FileCopyrightText: 2026 The pcall authors
# SPDX-License-Identifier: LGPL-2.1-or-later

"""Exceptions, from a child to its parent.

An exception travels pickled, with its traceback as text: traceback objects refer to frames, and
those do not leave their process. The parent raises a `ChildProcessException` whose cause is the
original exception, whose cause in turn is the text. Where an exception cannot be pickled, or what
was pickled is no exception when it arrives, a `RemoteError` with its name, message and traceback
stands in for it.
"""

import concurrent.futures
import ctypes
import functools
import os
import pickle
import sys
import traceback

from gi.module import get_introspection_module
from gi.repository import GLib

from . import hints, values, waiting

Pcall = get_introspection_module("Pcall")

PCALL_DOMAIN = GLib.quark_to_string(Pcall.error_quark())
OWN_DIRECTORY = os.path.dirname(__file__)
ENTRY = GLib.VariantType.new("{sv}")

# Two threads that use a class of introspection for the first time at the same moment may find it
# half made, or break it for good
GLib.VariantBuilder, GLib.VariantType, GLib.Bytes
for name in dir(Pcall):
    getattr(Pcall, name)


class ChildProcessException(Exception):
    """A call did not succeed.

    Its cause is the exception that the target raised, with the child's traceback; where the child
    died without raising, it is the `GLib.Error` of the library, whose message tells how.

    call: the index of the call

    >>> try:
    ...     Pcall.pcall(int, iargs=[("1",), ("one",)])
    ... except Pcall.ChildProcessException as error:
    ...     print(error.call, type(error.__cause__).__name__)
    1 ValueError
    """

    def __init__(self, message, call=None):
        super().__init__(message)
        self.call = call

    def __reduce__(self):
        return type(self), (str(self), self.call)


class Crashed(ChildProcessException):
    """The child died in the call: a signal killed it, or it ended without a result.

    pid: the child's
    exit_status: what it ended with; None where a signal killed it, or that is not known
    signal: the number of the signal that killed it; None where there was none
    """

    def __init__(self, message, call=None, pid=None, exit_status=None, signal=None):
        super().__init__(message, call)
        self.pid = pid
        self.exit_status = exit_status
        self.signal = signal

    def __reduce__(self):
        return type(self), (str(self), self.call, self.pid, self.exit_status, self.signal)


class BrokenChild(Crashed, concurrent.futures.BrokenExecutor):
    """The same of a child of `Pcall.map()` or of a `Pcall.Executor`. It costs that call alone."""


@functools.cache
def derive_broken_child(pool):
    def reduce(self):
        return BrokenChild, BrokenChild.__reduce__(self)[1]

    names = {name: getattr(BrokenChild, name) for name in ("__doc__", "__module__")}
    return type("BrokenChild", (BrokenChild, pool), {"__reduce__": reduce, **names})


def get_broken_pool():
    """Who catches the class of a ProcessPoolExecutor has its module, which takes long to import."""
    module = sys.modules.get("concurrent.futures.process")
    return getattr(module, "BrokenProcessPool", concurrent.futures.BrokenExecutor)


def make_broken_child(message, call, *facts):
    pool = get_broken_pool()
    is_plain = pool is concurrent.futures.BrokenExecutor
    return (BrokenChild if is_plain else derive_broken_child(pool))(message, call, *facts)


class Cancelled(ChildProcessException):
    """The call was ended from here, or never begun: by `terminate()`, or as another one failed."""


class TimedOut(ChildProcessException, TimeoutError):
    """The call took longer than it may, or the task did.

    Where `join()` does not want to wait any longer, that is a `TimeoutError` and nothing else.
    """


class ResultPicklingError(ChildProcessException, pickle.PicklingError):
    """A call returned what cannot be pickled."""


class RemoteError(Exception):
    """Stands in for an exception that cannot be pickled: its type and message, as text."""


class RemoteTraceback(Exception):
    """The traceback in the child, as text."""

    def __init__(self, text):
        super().__init__(text)
        self.text = text

    @property
    def tb(self):
        """As it is called with `concurrent.futures`."""
        return self.text

    def __str__(self):
        return f'\n"""\n{self.text}"""'


class UnpicklableResult(Exception):
    """In a child: what the target returned cannot be pickled."""


class Relayed(Exception):
    """In a child that has run the call in another one: what became of it there.

    kind, facts: the class of the exception that the parent raises, and what it takes but for the
    message and the call
    original: its cause, with the traceback as text, or none
    """

    def __init__(self, message, kind, facts, original, traceback):
        super().__init__(message)
        self.kind = kind
        self.facts = facts
        self.original = original
        self.traceback = traceback

    @classmethod
    def of(cls, error, name):
        cause = error.__cause__
        traceback = cause.__cause__ if cause is not None else None
        _, (message, _, *facts) = error.__reduce__()
        message = message.removeprefix(f"call {error.call} ({name}): ")
        text = traceback.text if type(traceback) is RemoteTraceback else None
        return cls(message, type(error), facts, cause, text)

    def __reduce__(self):
        parts = str(self), self.kind, self.facts, self.original, self.traceback
        return type(self), parts

    def restore(self, gerror, index):
        """The exception, as of this call."""
        error = self.kind(gerror.message, index, *self.facts)
        if self.traceback is None:
            return caused(error, gerror)
        return caused(error, caused(self.original, RemoteTraceback(self.traceback)))


def caused(error, cause):
    set_cause(error, cause)
    return error


# In the child. What an exception's own class does here may raise anything


def attempt(function, *args, otherwise):
    """What the function returns, or what there is otherwise, whatever it raises."""
    try:
        return function(*args)
    except BaseException:
        return otherwise


def get_type_name(error):
    return str.__str__(type.__dict__["__qualname__"].__get__(type(error)))


def get_text(error):
    """`str()` may give an object of a class of its own."""
    return str.__str__(str(error))


def get_arguments(error):
    return str.__str__(repr(BaseException.args.__get__(error)))


def describe(error):
    """Its type and message, or its arguments where its own `__str__()` raises."""
    name = get_type_name(error)
    text = attempt(get_text, error, otherwise=None)
    if text is None:
        arguments = attempt(get_arguments, error, otherwise="")
        text = f"<no message: its __str__() raised> {arguments}"
    if type(error) in (UnpicklableResult, Relayed):
        return text
    return f"{name}: {text}" if text else name


def say_unpicklable(value, error):
    """What kind of a value cannot be pickled, and why, whatever its class does."""
    hint = attempt(hints.mean_result, value, otherwise="")
    return f"of type {get_type_name(value)}, cannot be pickled: {describe(error)}{hint}"


def clean(text):
    """Text as GLib takes it: without lone surrogates and zero bytes."""
    return text.encode("utf-8", "backslashreplace").decode().replace("\0", "\\x00")


def pickle_exception(error):
    """The exception as bytes, if they can be made an exception again."""
    data = values.dumps(error)
    values.loads(data)
    return data


def get_frames(error):
    """From the target on, or all of them where that was not reached."""
    frames = target = BaseException.__traceback__.__get__(error)
    while target is not None:
        if os.path.dirname(target.tb_frame.f_code.co_filename) != OWN_DIRECTORY:
            return target
        target = target.tb_next
    return frames


def format_frames(error):
    """A traceback of nothing but places, for errors of which Python cannot make one."""
    lines = ["Traceback (most recent call last):"]
    frames = get_frames(error)
    while frames is not None:
        code = frames.tb_frame.f_code
        lines.append(f'  File "{code.co_filename}", line {frames.tb_lineno}, in {code.co_name}')
        frames = frames.tb_next
    return "\n".join([*lines, describe(error), ""])


def format_all(error):
    return get_text("".join(traceback.format_exception(type(error), error, get_frames(error))))


def format_traceback(error):
    text = attempt(format_all, error, otherwise=None)
    return format_frames(error) if text is None else text


def to_entry(key, value):
    return GLib.Variant.new_dict_entry(
        GLib.Variant.new_string(key), GLib.Variant.new_variant(value)
    )


def to_parts(error):
    """What goes with the error to the parent, by names."""
    parts = {
        "type": clean(get_type_name(error)),
        "message": clean(describe(error)),
        "traceback": clean(format_traceback(error)),
    }
    if type(error) is UnpicklableResult:
        parts["unpicklable-result"] = True
        error = BaseException.__cause__.__get__(error)
    if not is_plain_gerror(error):
        parts["pickle"] = attempt(pickle_exception, error, otherwise=b"")
    return parts


TO_VARIANT = {
    str: GLib.Variant.new_string,
    bool: GLib.Variant.new_boolean,
    bytes: values.bytes_to_variant,
}


def to_details(error):
    """The same as an a{sv}."""
    parts = to_parts(error)
    entries = [to_entry(key, TO_VARIANT[type(value)](value)) for key, value in parts.items()]
    return GLib.Variant.new_array(ENTRY, entries)


def is_plain_gerror(error):
    """Whether a GLib.Error says all of it."""
    return type(error) is GLib.Error and to_own_gerror(error) is not None


def to_own_gerror(error):
    """Of an exception that is a GLib.Error, the same in a form that GLib can take; else none."""
    if not issubclass(type(error), GLib.Error):
        return None
    return attempt(copy_gerror, error, otherwise=None)


def copy_gerror(error):
    domain, code = error.domain, error.code
    is_whole = (
        type(domain) is str and domain == clean(domain) != "" and code == ctypes.c_int(code).value
    )
    return GLib.Error(clean(get_text(error.message)), domain, int(code)) if is_whole else None


def to_gerror(error, where):
    """What the library tells of the exception: a GLib.Error is its own."""
    is_relayed = type(error) is Relayed
    own = to_own_gerror(error.original if is_relayed and error.traceback is not None else error)
    if own is not None:
        return own
    code = error.original.code if is_relayed and error.traceback is None else Pcall.Error.FAILED
    return GLib.Error(clean(f"{where}: {describe(error)}"), PCALL_DOMAIN, code)


def tell(error, name):
    """Sets the details of this call's error. Returns what the library tells of it."""
    Pcall.set_error_details(to_details(error))
    return to_gerror(error, f"call {Pcall.get_call_index()} ({name})")


# In the parent


FROM_VARIANT = {
    "s": lambda variant: variant.get_string(),
    "b": lambda variant: variant.get_boolean(),
    "ay": values.variant_to_bytes,
}


def read_details(details):
    """What `to_parts()` has made of an exception; None where there was none."""
    if details is None:
        return None
    names = ("message", "traceback", "unpicklable-result", "pickle")
    found = {name: details.lookup_value(name, None) for name in names}
    return {
        name: FROM_VARIANT[variant.get_type_string()](variant)
        for name, variant in found.items()
        if variant is not None
    }


def load_exception(data, message):
    """What `pickle_exception()` was given, or what stands in for it."""
    try:
        error = values.loads(data)
    except BaseException as raised:  # its class may do anything here
        if waiting.is_interrupt(raised):
            raise
        error = None
    return error if issubclass(type(error), BaseException) else RemoteError(message)


def set_cause(error, cause):
    """Also where the error's class lets nobody set attributes, as a frozen dataclass does."""
    BaseException.__cause__.__set__(error, cause)


def make_original(gerror, parts):
    """The exception that a target raised, with the child's traceback as its cause; None where it
    raised none."""
    if parts is None:
        return None
    error = load_exception(parts["pickle"], parts["message"]) if "pickle" in parts else gerror
    set_cause(error, RemoteTraceback(parts["traceback"]))
    return error


def to_exception(call):
    """What a parent raises for a call; None where it succeeded, or has not ended."""
    with waiting.Interrupts():  # what a signal's handler raises where a variant ends is lost
        gerror = call.get_error()
        parts = read_details(call.get_error_details())
    if gerror is None:
        return None
    original = make_original(gerror, parts)
    if type(original) is Relayed:
        return original.restore(gerror, call.get_index())
    kind = find_kind(call, gerror, parts)
    facts = find_facts(call) if kind is Crashed else ()
    error = kind(gerror.message, call.get_index(), *facts)
    return caused(error, original if original is not None else gerror)


KINDS = {
    Pcall.CallState.TIMED_OUT: TimedOut,
    Pcall.CallState.CANCELLED: Cancelled,
    Pcall.CallState.CRASHED: Crashed,
}


def find_kind(call, gerror, parts):
    """Of the exception for a call that did not succeed. What it raised itself has parts."""
    if parts is not None:
        is_result = "unpicklable-result" in parts
        return ResultPicklingError if is_result else ChildProcessException
    is_silent = any(gerror.matches(Pcall.error_quark(), code) for code in SILENT)
    return Crashed if is_silent else KINDS.get(call.get_state(), ChildProcessException)


SILENT = (Pcall.Error.EXITED, Pcall.Error.STATUS_LOST)  # the child ended without a word


def find_facts(call):
    """The pid, exit status and signal of the child that died in it, as far as they are known."""
    child = call.dup_child()
    return (call.get_pid(), None, None) if child is None else get_end(child)


def get_end(child):
    """The pid, exit status and signal of a child that has ended; None for what there is not."""
    status = child.get_exit_status()
    return child.get_pid(), None if status < 0 else status, child.get_term_signal() or None


def load_result(load, data, index):
    """The result of a call, made anew; what its class raises then counts as the call's failure."""
    try:
        return load(data)
    except BaseException as error:
        raise_load_error(error, index)


def raise_load_error(error, index):
    if waiting.is_interrupt(error):
        raise error
    message = f"call {index}: its result came, but cannot be unpickled: {describe(error)}"
    raise caused(ChildProcessException(message, index), error)
