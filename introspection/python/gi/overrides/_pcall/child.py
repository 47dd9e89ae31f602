# SPDX-FileCopyrightText: 2026 The pcall authors
# SPDX-License-Identifier: LGPL-2.1-or-later

"""What runs in a child.

A child is a copy of its parent. What is the parent's own business in the copy is put aside first:
its asyncio loop, its wake-up descriptor, its streams. At the end Python's threads are waited for
and its streams are flushed, as `multiprocessing` does; the library ends the process without running
what was registered with `atexit`.
"""

import signal
import sys
import threading
import types

from gi.module import get_introspection_module
from gi.repository import GLib

from . import errors, streams, values

Pcall = get_introspection_module("Pcall")

new_bytes = GLib.Bytes.new


def warm_up():
    """Does in the parent what each child would have to do, or look up, anew."""
    new_bytes(b"-")
    streams.prepare()


def leave_asyncio():
    events = sys.modules.get("asyncio.events")
    if events is not None:
        events._set_running_loop(None)
        events.set_event_loop(None)


def enter_multiprocessing():
    """What a Process does for the package's own objects: a queue has a thread to start anew."""
    util = sys.modules.get("multiprocessing.util")
    if util is not None:
        sys.modules["multiprocessing.process"]._children = set()
        util._finalizer_registry.clear()
        util._run_after_forkers()


def begin(interrupt_handler):
    signal.set_wakeup_fd(-1)
    if interrupt_handler is not None:
        signal.signal(signal.SIGINT, interrupt_handler)
    streams.adopt()
    leave_asyncio()
    enter_multiprocessing()


def end():
    util = sys.modules.get("multiprocessing.util")
    if util is not None:
        util._exit_function()
    if threading.active_count() > 1:
        threading._shutdown()
    streams.finish()


def run_coroutine(coroutine):
    import asyncio

    return asyncio.run(coroutine)


def invoke(target, args, kwargs):
    result = target(*args, **kwargs)
    return run_coroutine(result) if isinstance(result, types.CoroutineType) else result


def pack(result):
    """What the library takes: bytes, or a value."""
    if isinstance(result, GLib.Variant):
        return None, values.to_variant(result)
    try:
        return new_bytes(values.dumps(result)), None
    except Exception as error:  # as many as there are __reduce__
        message = f"the result, of type {type(result).__qualname__}, cannot be pickled: {error}"
        raise errors.UnpicklableResult(message) from error


def guard(name, interrupt_handler, function, *args):
    """Calls a function as the whole of what a child does; any exception becomes a GLib.Error."""
    try:
        begin(interrupt_handler)
        try:
            return function(*args)
        finally:
            end()
    except BaseException as error:  # SystemExit, too, would end this process without a word
        where = f"call {Pcall.get_call_index()} ({name})"
        Pcall.set_error_details(errors.to_details(error))
        raise errors.to_gerror(error, where) from None
