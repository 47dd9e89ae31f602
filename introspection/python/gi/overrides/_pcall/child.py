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
import os
import sys
import threading
import types

from gi.module import get_introspection_module
from gi.repository import GLib

from . import calls, errors, here, identity, logs, streams, values, waiting

Pcall = get_introspection_module("Pcall")

SIGNALS = _signal.valid_signals()
STRIDE = 2654435761  # Knuth's, 2**32 / φ: sets numbers that follow one another apart
FATAL = {_signal.SIGSEGV, _signal.SIGFPE, _signal.SIGABRT, _signal.SIGBUS, _signal.SIGILL}
SIGINT = _signal.SIGINT
getsignal = _signal.getsignal
getpid = os.getpid

new_bytes = GLib.Bytes.new
dump_result = values.dump_result
Variant = GLib.Variant
active = threading._active
limbo = threading._limbo  # threads that have been started and are not active yet

# About the parent, at the time of the fork
had_threads = False
has_interrupts = False
handled = ()  # the signals that Python handled, but SIGINT
is_plain = False  # nothing but its streams has to be put aside
has_numpy = False
seed = None  # of NumPy's random numbers in the child; none before the first fork

unhushed = None  # in a child: the signals that were blocked before `hush()`


def warm_up():
    """Looks up in the parent what each child would look up anew."""
    new_bytes(b"-")


def before_fork():
    global had_threads, has_interrupts, handled, is_plain, has_numpy, seed

    had_threads = len(active) > 1
    handled = [n for n in SIGNALS if n != SIGINT and callable(getsignal(n))]
    has_interrupts = waiting.get_interrupt_handler() is not None
    has_numpy = "numpy.random" in sys.modules
    seed = int.from_bytes(os.urandom(4), "little") if seed is None else (seed + STRIDE) % 2**32
    streams.prepare()
    logs.before_fork()
    identity.prepare(os.getpid())
    is_plain = (
        "asyncio.events" not in sys.modules
        and "multiprocessing.util" not in sys.modules
        and "faulthandler" not in sys.modules
        and not handled
        and not any(streams.find_handlers())
    )


def put_aside():
    """What few parents have."""
    streams.adopt_handlers()
    for signum in handled:
        _signal.signal(signum, _signal.SIG_DFL)
    faulthandler = sys.modules.get("faulthandler")
    if faulthandler is not None:
        renew_faulthandler(faulthandler)
    events = sys.modules.get("asyncio.events")
    if events is not None:
        leave_asyncio(events)
    util = sys.modules.get("multiprocessing.util")
    if util is not None:
        enter_multiprocessing(util)


def renew_faulthandler(faulthandler):
    """The library has set signals back to what they do by default, of which that does not know."""
    if faulthandler.is_enabled():
        faulthandler.disable()
        faulthandler.enable(2)
    for signum in SIGNALS - FATAL:
        if faulthandler.unregister(signum):
            faulthandler.register(signum, 2)


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
    if logs.begun != getpid():
        logs.begun = getpid()
        begin()
    else:
        speak()


def begin():
    here.call = here.index = None
    identity.adopt()
    gc.freeze()  # looking for garbage among what was inherited would copy all of it
    _signal.set_wakeup_fd(-1)
    if has_interrupts:
        _signal.signal(SIGINT, _signal.default_int_handler)
    elif callable(getsignal(SIGINT)):
        _signal.signal(SIGINT, _signal.SIG_DFL)
    if not had_threads:
        streams.unbuffer()
    sys.stdin, sys.stdout, sys.stderr = streams.children
    if has_numpy:
        reseed(sys.modules["numpy.random"])
    if not is_plain:
        put_aside()


def reseed(numbers):
    """As `random` does itself in every fork; here with a number, which costs NumPy 2 µs, and not 400.
    No two forks of this process have the same, and those of the child begin with another. A generator
    that the program has put in the place of NumPy's own may have no seed to set."""
    global seed

    try:
        numbers.seed(seed)
    except (AttributeError, TypeError):
        pass
    seed = None


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
        for stream in streams.kept:
            stream.flush()
    except Exception:
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
    message = f"the result, {errors.say_unpicklable(result, error)}"
    raise errors.caused(errors.UnpicklableResult(message), error)


def run(target, args, kwargs):
    """Calls the target as the whole of what this child does. Gives what the library takes: bytes,
    or a value."""
    try:
        try:
            begin_once()
            try:
                result = target(*args, **kwargs)
                if type(result) is types.CoroutineType:
                    result = run_coroutine(result)
                if issubclass(type(result), Variant):
                    return None, values.to_variant(result)
                try:
                    data = dump_result(result)
                    return None if data is None else new_bytes(data), None
                except Exception as error:  # as many as there are __reduce__
                    refuse(result, error)
            finally:
                end()
        except BaseException as error:  # SystemExit, too, would end this process without a word
            failure = tell(error, target)
    except BaseException as error:  # of a signal that came before all were held back
        failure = tell(error, target)
    raise failure


def run_batch(batches, first, n_calls):
    """Runs several calls. Gives what the library takes: how many have ended with their results in
    the memory of the batch, and what came of the next, as bytes or as a value."""
    try:
        try:
            begin_once()
            try:
                ended, result = batches.run(first, n_calls)
                if result is batches.NOTHING:
                    return ended, None, None
                batches.note(result)
                if type(result) is types.CoroutineType:
                    result = run_coroutine(result)
                if issubclass(type(result), Variant):
                    return ended, None, values.to_variant(result)
                try:
                    data = dump_result(result)
                    return ended, None if data is None else new_bytes(data), None
                except Exception as error:  # as many as there are __reduce__
                    refuse(result, error)
            finally:
                end()
                if not has_forked():
                    batches.note_written()
        except BaseException as error:  # SystemExit, too, would end this process without a word
            failure = tell(error, batches.get_target(first))
    except BaseException as error:  # of a signal that came before all were held back
        failure = tell(error, batches.get_target(first))
    raise failure


def hush():
    """Holds back the signals for which Python has handlers, as what these raise would take the
    place of the error that is told of. Each may have come before."""
    global unhushed

    for _ in SIGNALS:
        try:
            if unhushed is None:
                unhushed = _signal.pthread_sigmask(_signal.SIG_BLOCK, ())
            _signal.pthread_sigmask(_signal.SIG_BLOCK, SIGNALS)
            others = [n for n in SIGNALS if not callable(_signal.getsignal(n))]
            _signal.pthread_sigmask(_signal.SIG_UNBLOCK, others)
            return
        except BaseException:
            continue


def speak():
    """Before the next call of this child."""
    global unhushed

    if unhushed is not None:
        mask, unhushed = unhushed, None
        _signal.pthread_sigmask(_signal.SIG_SETMASK, mask)


def has_forked():
    """Whether this is a process that the call has forked, which came back from it, too."""
    return logs.begun not in (0, getpid())


def leave(error=None):
    """Ends such a process as Python ends: what came of the call is for the child to say."""
    status = 0
    try:
        if error is not None:
            status = to_exit_status(error)
        streams.flush_all((*streams.children[1:], sys.stdout, sys.stderr))
    finally:
        os._exit(status)


def to_exit_status(error):
    if not issubclass(type(error), SystemExit):
        sys.excepthook(type(error), error, errors.get_frames(error))
        return 1
    code = BaseException.args.__get__(error)[:1] or (None,)
    if code[0] is None or type(code[0]) is int:
        return (code[0] or 0) & 0xFF
    print(*code, file=sys.stderr)
    return 1


def tell(error, target):
    """Tells of an error, whatever its class or a signal's handler do meanwhile. Returns what is to
    be raised: a library's error; with anything else there would be no error at all."""
    hush()
    if has_forked():
        leave(error)
    streams.flush_all(streams.children[1:])
    return errors.tell(error, errors.attempt(calls.get_name, target, otherwise="function"))
