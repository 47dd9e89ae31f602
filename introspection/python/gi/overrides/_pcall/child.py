# SPDX-FileCopyrightText: 2026 The pcall authors
# SPDX-License-Identifier: LGPL-2.1-or-later

"""What runs in a child.

A child is a copy of its parent. What is the parent's own business in the copy is put aside first:
its asyncio loop, its wake-up descriptor, its streams. At the end Python's threads are waited for
and its streams are flushed, as `multiprocessing` does; the library ends the process without running
what was registered with `atexit`.

A child copies each page of memory that it writes to, if only to count a reference, so that each
function of Python that it calls costs it some microseconds. That is why what can be found out in
the parent is found out there, why `begin()` and `end()` leave the rare cases to others, and why
`run()` is one function.
"""

import _signal  # not signal, whose functions make enumerations of all that they return
import gc
import sys
import threading
import types

from gi.module import get_introspection_module
from gi.repository import GLib

from . import calls, errors, streams, values, waiting

Pcall = get_introspection_module("Pcall")

new_bytes = GLib.Bytes.new
dump_result = values.dump_result
active = threading._active
limbo = threading._limbo  # threads that have been started and are not active yet

# About the parent, at the time of the fork
had_threads = False
has_begun = False
has_interrupts = False
is_plain = False  # nothing but its streams has to be put aside


def warm_up():
    """Looks up in the parent what each child would look up anew."""
    new_bytes(b"-")


def before_fork():
    global had_threads, has_begun, has_interrupts, is_plain

    has_begun = False
    had_threads = len(active) > 1
    has_interrupts = waiting.get_interrupt_handler() is not None
    streams.prepare()
    is_plain = (
        "asyncio.events" not in sys.modules
        and "multiprocessing.util" not in sys.modules
        and not any(streams.find_handlers())
    )


def put_aside():
    """What few parents have."""
    streams.adopt_handlers()
    events = sys.modules.get("asyncio.events")
    if events is not None:
        leave_asyncio(events)
    util = sys.modules.get("multiprocessing.util")
    if util is not None:
        enter_multiprocessing(util)


def leave_asyncio(events):
    """As asyncio itself does at a fork, from Python 3.12 on. A policy that is not built on
    asyncio's own, as PyGObject's is not, keeps its loops in its own way: a new one has none."""
    policy = get_policy(events)
    if hasattr(policy, "_Local"):
        policy._local = policy._Local()
    elif policy is not None:
        events._event_loop_policy = renew(policy)
    if events._get_running_loop() is not None:
        events._set_running_loop(None)


def get_policy(events):
    """The one that was set or made; without making one. Later versions of Python have none."""
    return getattr(events, "_event_loop_policy", None)


def renew(policy):
    try:
        return type(policy)()
    except TypeError:  # it takes arguments; None is asyncio's own policy
        return None


def enter_multiprocessing(util):
    """What a Process does for the package's own objects: a queue has a thread to start anew."""
    sys.modules["multiprocessing.process"]._children = set()
    util._finalizer_registry.clear()
    if util._afterfork_registry:
        util._run_after_forkers()


def leave_multiprocessing(util):
    if util._finalizer_registry or sys.modules["multiprocessing.process"]._children:
        util._exit_function()


def begin_once():
    """Before the first call of a child; others that it runs find all as that has left it."""
    global has_begun

    if not has_begun:
        has_begun = True
        begin()


def begin():
    gc.freeze()  # looking for garbage among what was inherited would copy all of it
    _signal.set_wakeup_fd(-1)
    if has_interrupts:
        _signal.signal(2, _signal.default_int_handler)
    sys.stdin, sys.stdout, sys.stderr = streams.children
    if not is_plain:
        put_aside()


def end():
    util = sys.modules.get("multiprocessing.util")
    if util is not None:
        leave_multiprocessing(util)
    if limbo or len(active) > 1:
        threading._shutdown()
    out, err = sys.stdout, sys.stderr
    if had_threads or out is not streams.children[1] or err is not streams.children[2]:
        streams.finish(had_threads)
        return
    try:
        out.flush()
        err.flush()
    except (AttributeError, OSError, ValueError):
        streams.finish(False)


def run_coroutine(coroutine):
    """With PyGObject's policy, on a loop of this thread's main context, which this thread has: so
    what GIO gives to await can be awaited, too."""
    import asyncio

    policy = get_policy(asyncio.events)
    glib_events = sys.modules.get("gi.events")
    if glib_events is None or not isinstance(policy, glib_events.GLibEventLoopPolicy):
        return asyncio.run(coroutine)
    with asyncio.Runner(loop_factory=policy.get_event_loop) as runner:
        return runner.run(coroutine)


def refuse(result, error):
    message = f"the result, of type {type(result).__qualname__}, cannot be pickled: {error}"
    raise errors.UnpicklableResult(message) from error


def run(target, args, kwargs):
    """Calls the target as the whole of what this child does. Gives what the library takes: bytes,
    or a value."""
    try:
        begin_once()
        try:
            result = target(*args, **kwargs)
            if type(result) is types.CoroutineType:
                result = run_coroutine(result)
            if isinstance(result, GLib.Variant):
                return None, values.to_variant(result)
            try:
                data = dump_result(result)
                return None if data is None else new_bytes(data), None
            except Exception as error:  # as many as there are __reduce__
                refuse(result, error)
        finally:
            end()
    except BaseException as error:  # SystemExit, too, would end this process without a word
        fail(error, target)


def run_batch(batches, first, n_calls):
    """Runs several calls. Gives what the library takes: how many have ended with their results in the
    memory of the batch, and what came of the next, as bytes or as a value."""
    try:
        begin_once()
        try:
            ended, result = batches.run(first, n_calls)
            if result is batches.NOTHING:
                return ended, None, None
            batches.note(result)
            if type(result) is types.CoroutineType:
                result = run_coroutine(result)
            if isinstance(result, GLib.Variant):
                return ended, None, values.to_variant(result)
            try:
                data = dump_result(result)
                return ended, None if data is None else new_bytes(data), None
            except Exception as error:  # as many as there are __reduce__
                refuse(result, error)
        finally:
            end()
            batches.note_written()
    except BaseException as error:  # SystemExit, too, would end this process without a word
        fail(error, batches.rows[first + batches.count_ended()][0])


def fail(error, target):
    where = f"call {Pcall.get_call_index()} ({calls.get_name(target)})"
    Pcall.set_error_details(errors.to_details(error))
    raise errors.to_gerror(error, where) from None
