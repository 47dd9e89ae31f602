# SPDX-FileCopyrightText: 2026 The pcall authors
# SPDX-License-Identifier: LGPL-2.1-or-later

"""Exceptions, from a child to its parent.

An exception travels pickled, with its traceback as text: traceback objects refer to frames, and
those do not leave their process. The parent raises a `ChildProcessException` whose cause is the
original exception, whose cause in turn is the text. Where an exception cannot be pickled, or what
was pickled is no exception when it arrives, a `RemoteError` with its name, message and traceback
stands in for it.
"""

import os
import pickle
import traceback

from gi.module import get_introspection_module
from gi.repository import GLib

from . import values

Pcall = get_introspection_module("Pcall")

PCALL_DOMAIN = GLib.quark_to_string(Pcall.error_quark())
OWN_DIRECTORY = os.path.dirname(__file__)


class ChildProcessException(Exception):
    """A call did not succeed.

    Its cause is the exception that the target raised, with the child's traceback; where the child
    died without raising, it is the `GLib.Error` of the library, whose message tells how.

    call: the index of the call
    """

    def __init__(self, message, call=None):
        super().__init__(message)
        self.call = call

    def __reduce__(self):
        return type(self), (str(self), self.call)


class ResultPicklingError(ChildProcessException, pickle.PicklingError):
    """A call returned what cannot be pickled."""


class RemoteError(Exception):
    """Stands in for an exception that cannot be pickled: its type and message, as text."""


class RemoteTraceback(Exception):
    """The traceback in the child, as text."""

    def __init__(self, text):
        super().__init__(text)
        self.text = text

    def __str__(self):
        return f'\n"""\n{self.text}"""'


class UnpicklableResult(Exception):
    """In a child: what the target returned cannot be pickled."""


# In the child


def pickle_exception(error):
    """The exception as bytes; none where it does not survive that."""
    try:
        data = values.dumps(error)
        values.loads(data)
        return data
    except Exception:  # whatever its __reduce__ and __init__ do
        return b""


def describe(error):
    """Its type and message, also where its own `__str__()` raises."""
    name = type(error).__qualname__
    try:
        text = str(error)
    except Exception:
        text = "<no message: its __str__() raised>"
    if isinstance(error, UnpicklableResult):
        return text
    return f"{name}: {text}" if text else name


def skip_own_frames(frames):
    """A traceback from the target on, or all of it where the target was not reached."""
    target = frames
    while target is not None:
        if os.path.dirname(target.tb_frame.f_code.co_filename) != OWN_DIRECTORY:
            return target
        target = target.tb_next
    return frames


def to_details(error):
    frames = skip_own_frames(error.__traceback__)
    text = "".join(traceback.format_exception(type(error), error, frames))
    details = {
        "type": GLib.Variant("s", type(error).__qualname__),
        "message": GLib.Variant("s", clean(describe(error))),
        "traceback": GLib.Variant("s", clean(text)),
    }
    if isinstance(error, UnpicklableResult):
        details["unpicklable-result"] = GLib.Variant("b", True)
        error = error.__cause__
    if not isinstance(error, GLib.Error):
        details["pickle"] = values.to_variant(GLib.Variant("ay", pickle_exception(error)))
    return GLib.Variant("a{sv}", details)


def clean(text):
    """Text as GLib takes it: without lone surrogates and zero bytes."""
    return text.encode("utf-8", "backslashreplace").decode().replace("\0", "\\x00")


def to_gerror(error, where):
    """What the library tells of the exception: a GLib.Error is its own."""
    if isinstance(error, GLib.Error) and error.domain:
        return error
    message = clean(f"{where}: {describe(error)}")
    return GLib.Error(message, PCALL_DOMAIN, Pcall.Error.FAILED)


# In the parent


def find_original(gerror, details):
    """The exception that the target raised; None where there was none."""
    if details is None:
        return None
    data = details.lookup_value("pickle", None)
    if data is None:
        return gerror
    try:
        error = values.loads(values.variant_to_bytes(data.get_variant()))
    except Exception:  # its class may do anything here
        error = None
    if not isinstance(error, BaseException):
        error = RemoteError(details.lookup_value("message", None).get_string())
    return error


def get_original(call):
    """The exception that the target of a call raised, with the child's traceback as its cause."""
    details = call.get_error_details()
    error = find_original(call.get_error(), details)
    if error is not None:
        error.__cause__ = RemoteTraceback(details.lookup_value("traceback", None).get_string())
    return error


def to_exception(call):
    """What a parent raises for a call; None where it succeeded, or has not ended."""
    gerror = call.get_error()
    if gerror is None:
        return None
    if call.get_state() == Pcall.CallState.TIMED_OUT:
        return TimeoutError(gerror.message)

    details = call.get_error_details()
    kind = ChildProcessException
    if details is not None and details.lookup_value("unpicklable-result", None) is not None:
        kind = ResultPicklingError
    error = kind(gerror.message, call.get_index())
    error.__cause__ = get_original(call) or gerror
    return error


def load_result(load, data, index):
    """The result of a call, made anew; what its class raises then counts as the call's failure."""
    try:
        return load(data)
    except Exception as error:
        message = f"call {index}: its result came, but cannot be unpickled: {describe(error)}"
        raise ChildProcessException(message, index) from error
