# SPDX-FileCopyrightText: 2026 The pcall authors
# SPDX-License-Identifier: LGPL-2.1-or-later

"""What a call tells its parent, from a child or, for a debugger, from this process."""

from gi.module import get_introspection_module
from gi.repository import GLib

from . import here, hints, local_task, streams, values

Pcall = get_introspection_module("Pcall")


def report_progress(fraction, text=None):
    """Tells the parent how far this call is; to be called in a child.

    fraction: from 0 to 1
    text: what it is at, or None
    """
    if here.call is not None:
        local_task.report_progress(fraction, text)
    else:
        Pcall.report_progress(fraction, text)


def get_call_index():
    """Which call this is of its task, counted from 0; to be called in a child."""
    if here.call is not None:
        return here.call.index
    return Pcall.get_call_index() if here.index is None else here.index


def send_message(message):
    """Sends the parent any object that can be pickled; to be called in a child.

    The parent gets it from the signal `call-message` of the task, see `load_message()`.
    """
    relay(values.to_variant(message))


def relay(variant):
    """A message that is a `GLib.Variant` already."""
    if here.call is not None:
        local_task.send_message(variant)
    else:
        Pcall.send_message(variant)


def load_message(message):
    """The object that a child sent, from the `GLib.Variant` that `call-message` carries."""
    if not isinstance(message, GLib.Variant):
        kind = hints.say_kind(message)
        raise TypeError(f"message must be the GLib.Variant of a call-message, not {kind}")
    return values.from_variant(message)


def set_result_fd_list(fd_list):
    """Sets the descriptors that the result of this call carries, a `Gio.UnixFDList`."""
    if here.call is not None:
        here.call.fd_list = fd_list
        return
    Pcall.set_result_fd_list(fd_list)
    streams.written.append(True)  # it ends a batch: they are this result's
