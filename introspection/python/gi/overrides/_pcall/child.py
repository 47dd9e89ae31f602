# SPDX-FileCopyrightText: 2026 The pcall authors
# SPDX-License-Identifier: LGPL-2.1-or-later

"""What runs in a child.

A child is a copy of its parent. What is the parent's own business in the copy is put aside first:
its asyncio loop, its wake-up descriptor, its streams. At the end Python's threads are waited for
and its streams are flushed, as `multiprocessing` does; the library ends the process without running
what was registered with `atexit`.
"""

import _signal  # not signal, whose functions make enumerations of all that they return
import gc
import sys
import threading
import types

from gi.module import get_introspection_module
from gi.repository import GLib

from . import errors, streams, values, waiting

Pcall = get_introspection_module("Pcall")

new_bytes = GLib.Bytes.new


def warm_up():
    """Does in the parent what each child would have to do, or look up, anew."""
    new_bytes(b"-")
    streams.prepare()


def leave_asyncio():
    """As asyncio itself does at a fork, from Python 3.12 on."""
    events = sys.modules.get("asyncio.events")
    if events is None:
        return
    policy = events._event_loop_policy
    if policy is not None and hasattr(policy, "_local"):
        policy._local = type(policy)._Local()
    if events._get_running_loop() is not None:
        events._set_running_loop(None)


def enter_multiprocessing(util):
    """What a Process does for the package's own objects: a queue has a thread to start anew."""
    sys.modules["multiprocessing.process"]._children = set()
    util._finalizer_registry.clear()
    if util._afterfork_registry:
        util._run_after_forkers()


def leave_multiprocessing(util):
    if util._finalizer_registry or sys.modules["multiprocessing.process"]._children:
        util._exit_function()


def begin():
    # Looking for garbage among what was inherited would copy all of it.
    gc.freeze()
    _signal.set_wakeup_fd(-1)
    if waiting.get_interrupt_handler() is not None:
        _signal.signal(_signal.SIGINT, _signal.default_int_handler)
    streams.adopt()
    leave_asyncio()
    util = sys.modules.get("multiprocessing.util")
    if util is not None:
        enter_multiprocessing(util)


def end():
    util = sys.modules.get("multiprocessing.util")
    if util is not None:
        leave_multiprocessing(util)
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


def guard(get_name, function, *args):
    """Calls a function as the whole of what a child does; any exception becomes a GLib.Error."""
    try:
        begin()
        try:
            return function(*args)
        finally:
            end()
    except BaseException as error:  # SystemExit, too, would end this process without a word
        where = f"call {Pcall.get_call_index()} ({get_name()})"
        Pcall.set_error_details(errors.to_details(error))
        raise errors.to_gerror(error, where) from None
