# SPDX-FileCopyrightText: 2026 The pcall authors
# SPDX-License-Identifier: LGPL-2.1-or-later

"""Waiting without blocking, on asyncio's loop or on GLib's.

Where an asyncio loop runs in this thread, it watches the task's descriptor: a duplicate of it, that
is closed only after the loop has let go of it. A loop that watched a number which somebody closed
would be deaf on it for whoever gets it next. Elsewhere the main context in which the task was
started runs it, and what is awaited is a `GLibFuture`: its awaitable yields itself, and calls back
in that context when it is done. `run_coroutine()` is all that a coroutine needs to be driven by
that.
"""

import collections
import collections.abc
import concurrent.futures
import threading
import time
import weakref

from gi.module import get_introspection_module
from gi.repository import Gio, GLib

from . import waiting

Pcall = get_introspection_module("Pcall")

LOOK = 0.05  # seconds: how often to look for what another thread was told


class GLibFuture:
    """Something to await in a coroutine that GLib's main loop drives."""

    def __init__(self):
        self._done = False
        self._callbacks = []
        self._lock = threading.Lock()

    def done(self):
        return self._done

    def set_result(self, result):
        """In any thread."""
        with self._lock:
            self._done = True
            callbacks, self._callbacks = self._callbacks, []
        for callback in callbacks:
            callback(self)

    def add_done_callback(self, callback):
        with self._lock:
            if not self._done:
                self._callbacks.append(callback)
                return
        callback(self)

    def __await__(self):
        if not self._done:
            yield self


class Driver:
    """Runs a coroutine on GLib's main context, from one thing that it awaits to the next."""

    def __init__(self, coroutine):
        self.coroutine = coroutine
        self.future = concurrent.futures.Future()
        self.context = GLib.MainContext.ref_thread_default()

    def step(self):
        try:
            awaited = self.coroutine.send(None)
        except StopIteration as stop:
            self.future.set_result(stop.value)
        except BaseException as error:
            self.future.set_exception(error)
        else:
            self.wait_for(awaited)
        return GLib.SOURCE_REMOVE

    def wait_for(self, awaited):
        if isinstance(awaited, GLibFuture):
            awaited.add_done_callback(lambda _: self.schedule())
        else:
            self.coroutine.close()
            error = RuntimeError(f"a coroutine on GLib's main loop cannot await {awaited!r}")
            self.future.set_exception(error)

    def schedule(self):
        source = GLib.idle_source_new()
        source.set_priority(GLib.PRIORITY_DEFAULT)
        source.set_callback(lambda *_: self.step())
        source.attach(self.context)


def run_coroutine(coroutine):
    """Runs a coroutine on GLib's main loop, in this thread's default main context.

    What it can await is what Pcall gives it. Returns a `concurrent.futures.Future`, which gets
    the coroutine's result or exception, and whose callbacks are called in the main loop.
    """
    if not isinstance(coroutine, collections.abc.Coroutine):
        hint = "; call it, and give what that returns" if callable(coroutine) else ""
        raise TypeError(f"coroutine must be a coroutine, not {type(coroutine).__name__}{hint}")
    driver = Driver(coroutine)
    driver.schedule()
    return driver.future


def get_running_loop():
    return waiting.get_running_loop()


def new_future(task):
    """To be awaited until something comes of the task; an error where that is ended meanwhile."""
    loop = get_running_loop()
    if loop is None:
        return GLibFuture()
    future = loop.create_future()
    watch = find_watch(loop, task)
    if watch is not None:
        watch.futures.add(future)
    return future


def disconnect(task, handler):
    """A task that was ended has no handlers any more."""
    if task.handler_is_connected(handler):
        task.disconnect(handler)


def resolve(future):
    """Whichever thread drives the task."""
    if isinstance(future, GLibFuture):
        future.set_result(None)
        return
    try:
        future.get_loop().call_soon_threadsafe(resolve_here, future)
    except RuntimeError:  # the loop is closed, and nobody waits
        pass


def resolve_here(future):
    if not future.done():
        future.set_result(None)


class Watch:
    """Makes an asyncio loop dispatch a task, until that has finished or is ended.

    Its loop holds it, and it does not hold that: uvloop's would never be collected.
    """

    all = weakref.WeakValueDictionary()  # by loop and task

    def __init__(self, loop, task):
        self.loop = weakref.ref(loop)
        self.task = task
        self.dispatching = False
        self.futures = weakref.WeakSet()
        self.fds = Gio.UnixFDList.new()  # closes what is in it, and without code of Python
        self.fds.append(task.get_fd())
        (self.fd,) = self.fds.peek_fds()
        loop.add_reader(self.fd, self.dispatch)
        self.all[id(loop), hash(task)] = self
        self.handler = task.connect("finished", finish, weakref.ref(self))

    def dispatch(self):
        self.dispatching = True
        try:
            goes_on = self.task.dispatch()
        finally:
            self.dispatching = False
        if not goes_on:
            self.stop()

    def stop(self):
        """In the loop's thread."""
        if self.fds is None:
            return
        loop = self.loop()
        disconnect(self.task, self.handler)
        if not loop.is_closed():
            loop.remove_reader(self.fd)
        self.fds = None


def finish(task, reference):
    """Where somebody else has dispatched the task up to its end, in this thread or another one."""
    watch = reference()
    loop = None if watch is None else watch.loop()
    if loop is not None and not watch.dispatching:
        try:
            loop.call_soon_threadsafe(watch.stop)
        except RuntimeError:  # it is closed, and has let go of all
            pass


def drive(task):
    """Makes asyncio's loop, where one runs in this thread, dispatch the task until it finishes."""
    loop = get_running_loop()
    if loop is None or find_watch(loop, task) is not None:
        return
    if task.dispatch() and task.get_fd() >= 0:
        Watch(loop, task)


def find_watch(loop, task):
    watch = Watch.all.get((id(loop), hash(task)))
    return watch if watch is not None and watch.fds is not None and watch.loop() is loop else None


def forget(task):
    """Before the task is ended: this thread's asyncio loop lets go of it, and so does who waits."""
    watch = find_watch(get_running_loop(), task)
    if watch is None:
        return
    watch.stop()
    for future in tuple(watch.futures):
        if not future.done():
            future.set_exception(RuntimeError("the task was ended by somebody else who waited"))


async def wait(task):
    """Until the task has finished."""
    drive(task)
    future = new_future(task)
    handler = task.connect("finished", lambda task: resolve(future))
    try:
        if task.dispatch():
            await future
    finally:
        disconnect(task, handler)


class Ended:
    """Calls that have ended, each once. It knows no task, so that a task can hold it as a handler.

    Who looks at a call may know of its end before that is told. Several may take calls, in
    coroutines or in threads.
    """

    def __init__(self, n_calls):
        self.lock = threading.RLock()  # which a handler of a signal may enter, too
        self.calls = collections.deque()
        self.known = set()
        self.futures = set()  # of those who wait
        self.n_left = n_calls

    def add(self, task, call):
        with self.lock:
            if call.index not in self.known:
                self.known.add(call.index)
                self.calls.append(call)
        self.wake()

    def add_all(self, task):
        """Those that have ended. Whether these are all that there are."""
        for call in task:
            if call.done():
                self.add(task, call)
        return len(self.known) == len(task)

    def take(self):
        """None where there is none now."""
        with self.lock:
            if not self.calls:
                return None
            self.n_left -= 1
            call = self.calls.popleft()
        if self.n_left == 0:
            self.wake()
        return call

    def wake(self):
        for future in tuple(self.futures):
            resolve(future)


class Completions:
    """The calls of a task in the order in which they end; for both kinds of `for`.

    Calls that had ended before come first, in call order. Iterating drives the task; it does not
    end it when the iteration is given up.
    """

    def __init__(self, task):
        if not task.get_running() and len(task) < task.get_n_calls():
            raise RuntimeError("the task was not started; call start() before as_completed()")
        self.task = task
        self.ended = Ended(task.get_n_calls())
        task.connect("call-finished", self.ended.add)
        self.ended.add_all(task)

    def __repr__(self):
        return f"<as_completed: {self.ended.n_left} calls left>"

    def __iter__(self):
        return self

    def __next__(self):
        call = self.ended.take()
        if call is None:
            call = self.wait()
        if call is None:
            raise StopIteration
        return call

    def wait(self):
        """For the next call; none where there are no more."""
        with waiting.Interrupts() as interrupts:
            fd = self.task.get_fd()
            while (call := self.ended.take()) is None and self.ended.n_left > 0:
                if not self.task.dispatch():  # a task that was ended does not tell of its calls
                    if not self.ended.add_all(self.task):
                        raise RuntimeError("the task runs no more: it is of another process")
                elif not self.ended.calls:
                    interrupts.wait(fd, time.monotonic() + LOOK)
        return call

    def __aiter__(self):
        drive(self.task)
        return self

    async def __anext__(self):
        while (call := self.ended.take()) is None:
            if self.ended.n_left == 0:
                raise StopAsyncIteration
            await self.wait_async()
        return call

    async def wait_async(self):
        future = new_future(self.task)
        self.ended.futures.add(future)
        try:
            if not self.ended.calls and self.ended.n_left > 0:
                await future
        finally:
            self.ended.futures.discard(future)


class Readable(GLib.Source):
    """Of GLib's main loop: sets a future when a descriptor is readable, or the time has come."""

    def __init__(self, fd, seconds, future):
        super().__init__()
        self.future = future
        self.poll = GLib.PollFD(fd, GLib.IOCondition.IN)
        self.add_poll(self.poll)
        if seconds < waiting.MAX_POLL:
            self.set_ready_time(GLib.get_monotonic_time() + int(seconds * 1e6))
        self.until = time.monotonic() + seconds

    def prepare(self):
        return False, -1

    def check(self):
        return bool(self.poll.revents) or time.monotonic() >= self.until

    def dispatch(self, callback, arguments):
        self.future.set_result(None)
        return GLib.SOURCE_REMOVE


async def wait_readable(fd, seconds):
    """Until a descriptor is readable, or the time is up."""
    loop = get_running_loop()
    if loop is None:
        future = GLibFuture()
        source = Readable(fd, seconds, future)
        source.attach(GLib.MainContext.ref_thread_default())
        try:
            await future
        finally:
            source.destroy()
        return
    future = loop.create_future()
    loop.add_reader(fd, resolve_here, future)
    timer = None
    if seconds < waiting.MAX_POLL:
        timer = loop.call_later(seconds, resolve_here, future)
    try:
        await future
    finally:
        loop.remove_reader(fd)
        if timer is not None:
            timer.cancel()
