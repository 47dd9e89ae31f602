# SPDX-FileCopyrightText: 2026 The pcall authors
# SPDX-License-Identifier: LGPL-2.1-or-later

"""Pcall.Executor, for everything that takes a `concurrent.futures.Executor`.

Each call is a task of its own, in a child of its own. One thread drives all tasks of an executor,
since a task is for one thread; it is there as long as there is something to do, so that an
executor that is forgotten leaves nothing behind. Others reach it through a queue and a descriptor
that wakes it.

Nothing that a call brings, nor a callback of a future, may end that thread. Should it end all the
same, each future that it leaves gets the reason as its exception.
"""

import collections
import concurrent.futures
import functools
import itertools
import logging
import operator
import os
import select
import threading

from gi.module import get_introspection_module

from . import errors, task

Pcall = get_introspection_module("Pcall")

CANCELLED_AND_NOTIFIED = "CANCELLED_AND_NOTIFIED"
RUNNING = "RUNNING"
LOGGER = logging.getLogger("concurrent.futures")


def call_back(function, future):
    """In the executor's thread no exception has anywhere to go, SystemExit neither."""
    try:
        function(future)
    except BaseException as error:
        if issubclass(type(error), Exception) or threading.current_thread() is not future.thread():
            raise
        LOGGER.exception("exception calling callback for %r", future)


class Future(concurrent.futures.Future):
    """A future that can be cancelled while its call runs: that ends the child."""

    def __init__(self, driver):
        super().__init__()
        self._driver = driver

    def thread(self):
        return self._driver.thread

    def result(self, timeout=None):
        """As the class above, also where the exception has no truth value, or a false one."""
        error = self.exception(timeout)
        if error is None:
            return super().result(0)
        try:
            raise error
        finally:
            error = self = None  # they would hold each other, through the traceback

    def add_done_callback(self, fn):
        super().add_done_callback(functools.partial(call_back, fn))

    def cancel(self):
        if super().cancel():
            return True
        with self._condition:
            if self._state != RUNNING:
                return False
            self._state = CANCELLED_AND_NOTIFIED
            for waiter in self._waiters:
                waiter.add_cancelled(self)
            self._condition.notify_all()
        self._driver.wake()
        self._invoke_callbacks()
        return True

    def settle(self, result, error):
        """What came of the call, unless it was cancelled meanwhile."""
        try:
            if error is not None:
                self.set_exception(error)
            else:
                self.set_result(result)
        except concurrent.futures.InvalidStateError:
            pass


class Work:
    """One call that waits or runs."""

    def __init__(self, future, function):
        self.future = future
        self.function = function
        self.pcall = None

    def start(self):
        """False where there is nothing to run after all."""
        if not self.future.set_running_or_notify_cancel():
            return False
        try:
            self.pcall = task.Pcall(self.function)
            self.pcall.start_unattached()
        except BaseException as error:
            self.future.settle(None, error)
            return False
        return True

    def dispatch(self):
        """False when it is over."""
        if self.future.cancelled():
            self.pcall.task.terminate()
        if self.pcall.task.dispatch():
            return True
        conclusion = self.conclude()
        self.pcall = None  # which the exception's traceback would hold
        self.future.settle(*conclusion)
        return False

    def conclude(self):
        """What came of the call: (result, error)."""
        try:
            error = self.pcall[0].exception()
            if type(error) is errors.ChildProcessException:
                original = errors.get_original(self.pcall[0])
                error = original if original is not None else error
            return (self.pcall[0].result() if error is None else None), error
        except BaseException as error:  # whatever unpickling does
            return None, error

    def give_up(self, reason):
        error = concurrent.futures.BrokenExecutor("the thread of the executor has ended")
        error.__cause__ = reason
        if not self.future.running() and not self.future.set_running_or_notify_cancel():
            return
        self.future.settle(None, error)


class Driver:
    """The thread of an executor, and what others share with it under the lock."""

    def __init__(self, max_workers):
        self.max_workers = max_workers
        self.lock = threading.Lock()
        self.waiting = collections.deque()
        self.running = {}  # by descriptor; of the thread alone
        self.taken = None  # what is neither waiting nor running; of the thread alone
        self.thread = None
        self.wake_fd = -1

    def submit(self, work):
        with self.lock:
            self.waiting.append(work)
            if self.thread is None:
                self.begin()
        self.wake()

    def begin(self):
        self.wake_fd = os.eventfd(0, os.EFD_CLOEXEC | os.EFD_NONBLOCK)
        self.thread = threading.Thread(target=self.run, name="Pcall.Executor")
        try:
            self.thread.start()
        except BaseException:
            self.waiting.pop()
            self.end()
            raise

    def end(self):
        os.close(self.wake_fd)
        self.wake_fd = -1
        self.thread = None

    def wake(self):
        with self.lock:
            if self.wake_fd >= 0:
                os.eventfd_write(self.wake_fd, 1)

    def cancel_waiting(self):
        with self.lock:
            works, self.waiting = self.waiting, collections.deque()
        for work in works:
            work.future.cancel()
            work.future.set_running_or_notify_cancel()

    def join(self):
        thread = self.thread
        if thread is not None and thread is not threading.current_thread():
            thread.join()

    # In the thread

    def run(self):
        try:
            self.drive()
        except BaseException as error:
            self.give_up(error)
            raise

    def give_up(self, reason):
        with self.lock:
            works = [self.taken, *self.running.values(), *self.waiting]
            self.taken, self.running, self.waiting = None, {}, collections.deque()
            if self.thread is not None:
                self.end()
        for work in works:
            if work is not None and not work.future.done():
                work.give_up(reason)

    def drive(self):
        poller = select.poll()
        poller.register(self.wake_fd, select.POLLIN)
        while self.start_waiting(poller):
            ready = [fd for fd, _ in poller.poll()]
            if self.wake_fd in ready:
                os.eventfd_read(self.wake_fd)
                ready = list(self.running)  # any of them may have been cancelled
            self.dispatch(ready, poller)

    def start_waiting(self, poller):
        """Starts what there is room for. False when there is nothing more to do."""
        while len(self.running) < self.max_workers and (work := self.take()) is not None:
            if work.start():
                fd = work.pcall.task.get_fd()
                self.running[fd] = work
                self.taken = None
                poller.register(fd, select.POLLIN)
                self.dispatch([fd], poller)
            self.taken = work = None
        with self.lock:
            if self.waiting or self.running:
                return True
            self.end()
            return False

    def take(self):
        with self.lock:
            self.taken = self.waiting.popleft() if self.waiting else None
        return self.taken

    def dispatch(self, fds, poller):
        for fd in fds:
            if not self.running[fd].dispatch():
                poller.unregister(fd)
                del self.running[fd]


def check_not_exiting():
    """In the main thread, when it has waited for all the others at the program's end: no thread
    that is begun then is waited for."""
    main = threading.main_thread()
    if threading.get_ident() == main.ident and not main.is_alive():
        raise RuntimeError("cannot schedule new futures after interpreter shutdown")


def call_all(function, chunk):
    return [function(*args) for args in chunk]


def call_after(initializer, initargs, function, args, kwargs):
    """In a child: each has to be prepared, as each is a fresh copy."""
    initializer(*initargs)
    return function(*args, **kwargs)


def get_chunks(iterables, size):
    rows = zip(*iterables)
    while chunk := tuple(itertools.islice(rows, size)):
        yield chunk


def check_max_workers(max_workers):
    if max_workers is None:
        return len(os.sched_getaffinity(0))
    max_workers = operator.index(max_workers)
    if max_workers <= 0:
        raise ValueError("max_workers must be greater than 0")
    return max_workers


class Executor(concurrent.futures.Executor):
    """Runs calls in child processes, each in one of its own, made by a fork.

    max_workers: how many run at once; by default as many as there are usable processors
    initializer, initargs: what to call in each child before its call

    A call inherits its function and arguments, so that they need not be picklable; its result has
    to be. A child that dies costs its own call alone, whose future gets a `ChildProcessException`.
    A future can be cancelled while it runs: that ends its child.
    """

    def __init__(self, max_workers=None, initializer=None, initargs=()):
        if initializer is not None and not callable(initializer):
            raise TypeError("initializer must be a callable")
        self._driver = Driver(check_max_workers(max_workers))
        self._initializer = initializer
        self._initargs = tuple(initargs)
        self._shutdown = False
        self._parent = os.getpid()

    @property
    def _max_workers(self):
        """Where others look for it, as Python's own executors have no public name for it."""
        return self._driver.max_workers

    def submit(self, fn, /, *args, **kwargs):
        """Calls `fn(*args, **kwargs)` in a child. Returns the call's future."""
        if os.getpid() != self._parent:
            raise RuntimeError("an executor is of no use in a forked child; make a new one")
        if self._shutdown:
            raise RuntimeError("cannot schedule new futures after shutdown")
        if not callable(fn):
            raise TypeError(f"fn is not callable: {fn!r}")
        check_not_exiting()
        future = Future(self._driver)
        self._driver.submit(Work(future, self._bind(fn, args, kwargs)))
        return future

    def _bind(self, fn, args, kwargs):
        if self._initializer is not None:
            return functools.partial(
                call_after, self._initializer, self._initargs, fn, args, kwargs
            )
        return functools.partial(fn, *args, **kwargs)

    def map(self, fn, *iterables, timeout=None, chunksize=1):
        """As the builtin `map()`, in parallel, with `chunksize` items for each child."""
        if chunksize < 1:
            raise ValueError("chunksize must be >= 1.")
        if chunksize == 1:
            return super().map(fn, *iterables, timeout=timeout)
        chunks = get_chunks(iterables, chunksize)
        results = super().map(functools.partial(call_all, fn), chunks, timeout=timeout)
        return itertools.chain.from_iterable(results)

    def shutdown(self, wait=True, *, cancel_futures=False):
        """Takes no more calls; with `cancel_futures` drops those that were not begun."""
        self._shutdown = True
        if os.getpid() != self._parent:
            return
        if cancel_futures:
            self._driver.cancel_waiting()
        if wait:
            self._driver.join()
