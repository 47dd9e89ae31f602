# SPDX-FileCopyrightText: 2026 The pcall authors
# SPDX-License-Identifier: LGPL-2.1-or-later

"""Pcall.Executor, for everything that takes a `concurrent.futures.Executor`.

Its calls are jobs of a crew (see crew.py). One thread drives that; it is there while there is
something to do, and a moment longer, so that an executor that is forgotten leaves nothing behind.
Children stay without it. Others reach it through a queue and a descriptor that wakes it.

Nothing that a call brings, nor a callback of a future, may end that thread. Should it end all the
same, each future that it leaves gets the reason as its exception.
"""

import collections
import concurrent.futures
import functools
import math
import os
import select
import signal
import threading
import time
import weakref

from . import calls, errors, jobs, local, places, waiting
from .crew import Crew
from .futures import Future, MapWork, Work
from .options import to_bool, to_count, to_launcher, to_timeout
from .retries import Retries

LOOK = 0.1  # seconds until an idle thread sees that the program is at its end


class Driver:
    """The thread of an executor, and what others share with it under the lock."""

    def __init__(self, make_crew):
        self.pid = os.getpid()
        self.lock = threading.Lock()
        self.waiting = collections.deque()
        self.thread = None
        self.wake_fd = -1
        self.ending = False  # whether children are told to stop when there is nothing to do
        self.signals = []  # for the children
        self.is_dropping = False  # whether nothing is begun any more
        self.killed_by = None  # what children were ended by: none is to be there any more
        self.broken = None  # why nothing more can be run
        self.make_crew = make_crew
        self.crew = None  # of the thread alone while there is one

    def submit(self, work):
        with self.lock:
            if self.broken is not None:
                raise errors.get_broken_pool()(str(self.broken)) from self.broken
            self.waiting.append(work)
            if self.thread is None:
                with waiting.Interrupts():  # whatever a signal's handler raises, it is known
                    self.begin()
        self.wake()

    def begin(self):
        self.wake_fd = os.eventfd(0, os.EFD_CLOEXEC | os.EFD_NONBLOCK)
        self.thread = threading.Thread(target=self.run, name="Pcall.Executor")
        try:
            self.thread.start()
        except BaseException:
            if self.waiting:
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
            self.is_dropping = True
            works, self.waiting = self.waiting, collections.deque()
        for work in works:
            work.cancel()

    def shut_down(self, signum=None):
        """Has the thread end the children when there is nothing to do, or at once, by a signal."""
        with self.lock:
            self.ending = True
            if signum is not None:
                self.signals.append(signum)
            if self.thread is None and self.crew is not None:
                with waiting.Interrupts():
                    self.begin()
        self.wake()

    def forget(self):
        """When nobody has the executor any more; of any thread, which may have the lock."""
        self.ending = True
        if os.getpid() != self.pid:
            return
        thread, crew = self.thread, self.crew
        if thread is not None:
            self.wake_at_once()
        elif crew is not None:
            self.crew = None
            crew.close()

    def wake_at_once(self):
        try:
            os.eventfd_write(self.wake_fd, 1)
        except (OSError, OverflowError):  # it ends by itself
            pass

    def join(self):
        thread = self.thread
        if thread is not None and thread is not threading.current_thread():
            thread.join()
        with waiting.Interrupts():  # what is raised where a thread's object ends is lost
            del thread

    # In the thread

    def run(self):
        try:
            self.drive()
        except BaseException as error:
            self.give_up(error)
            raise

    def give_up(self, reason):
        """What is left of the work fails."""
        with self.lock:
            works, self.waiting = [*self.waiting], collections.deque()
            crew, self.crew = self.crew, None
            if self.thread is not None:
                self.end()
        self.abandon(crew, works, reason, "the thread of the executor has ended")

    def abandon(self, crew, works, reason, text):
        left = [] if crew is None else crew.get_jobs()
        if crew is not None:
            crew.close()
        for sink in {id(sink): sink for sink in [*(job.sink for job in left), *works]}.values():
            error = errors.get_broken_pool()(text)
            error.__cause__ = reason
            sink.give_up(error)

    def drive(self):
        if self.crew is None:
            self.crew = self.make_crew(supply=self.supply)
        self.crew.epoll.register(self.wake_fd, select.EPOLLIN)
        idle_since = None
        while True:
            self.step()
            if self.is_busy():
                idle_since = None
                seconds = self.crew.get_patience()
            elif self.ending:
                self.crew.stop()
                if self.end_idle():
                    return
                continue
            else:
                now = time.monotonic()
                idle_since = now if idle_since is None else idle_since
                seconds = min(idle_since + self.crew.linger - now, LOOK)
                if seconds <= 0:
                    self.crew.rest()
                    if self.end_idle():
                        return
            self.crew.epoll.poll(max(0, min(seconds, waiting.MAX_POLL)))

    def end_idle(self):
        """Whether there is nothing to do still, and so nobody does it from here on."""
        with self.lock:
            if self.waiting or self.signals:
                return False
            self.crew.epoll.unregister(self.wake_fd)
            if self.ending:
                self.crew.close()
                self.crew = self.make_crew = None  # a launcher, too, may be nobody else's
            self.end()
            return True

    def is_busy(self):
        return bool(self.waiting) or self.crew.is_busy()

    def step(self):
        try:
            os.eventfd_read(self.wake_fd)
        except BlockingIOError:
            pass
        else:
            self.obey()
        self.crew.dispatch()
        if self.is_dropping:
            self.crew.drop_returned()
        if self.killed_by is not None:  # a child may have been just about to be made
            self.crew.kill(self.killed_by)
        self.feed()
        if self.crew.broken is not None:  # which a start may find out
            self.give_up_all()

    def feed(self):
        try:
            self.crew.feed()
        except Exception as error:  # there is no room for a single child
            job = self.crew.returned.popleft()
            for at in range(job.n_calls):
                job.sink.fail(job, at, jobs.Failure(reason=error))

    def give_up_all(self):
        """No child can be prepared: so it will be with the next one."""
        reason = self.crew.broken.to_exception(None, "initializer")
        with self.lock:
            self.broken = reason
            works, self.waiting = [*self.waiting], collections.deque()
        self.crew.epoll.unregister(self.wake_fd)
        crew, self.crew = self.crew, self.make_crew(supply=self.supply)
        self.crew.epoll.register(self.wake_fd, select.EPOLLIN)
        is_start = crew.broken.reason is not None
        text = str(reason) if is_start else "the initializer of the executor failed"
        self.abandon(crew, works, reason, text)

    def obey(self):
        if self.is_dropping:
            self.crew.withdraw()
        while self.signals:
            self.killed_by = self.signals.pop()
            self.crew.kill(self.killed_by)
        self.crew.end_cancelled()

    def supply(self, size, limit):
        """For the crew."""
        while True:
            with self.lock:
                if not self.waiting:
                    return None
                work = self.waiting[0]
                job = work.supply(size, limit)
                if work.is_supplied():
                    self.waiting.popleft()
            if work.begin():  # which may call back
                return job


def check_not_exiting():
    """In the main thread, when it has waited for all the others at the program's end: no thread
    that is begun then is waited for."""
    main = threading.main_thread()
    if threading.get_ident() != main.ident:
        return
    with waiting.Interrupts():  # before 3.13, what is raised in there ends the thread to CPython
        is_alive = main.is_alive()
    if not is_alive:
        raise RuntimeError("cannot schedule new futures after interpreter shutdown")


def check_max_workers(max_workers, launcher):
    if max_workers is None:
        return places.get_size(launcher)
    max_workers = to_count(max_workers, "max_workers", least=-math.inf)
    if max_workers <= 0:
        raise ValueError("max_workers must be greater than 0")
    return max_workers


def check_max_tasks(max_tasks):
    if max_tasks is None:
        return 0
    if not isinstance(max_tasks, int):
        raise TypeError("max_tasks_per_child must be an integer")
    if max_tasks <= 0:
        raise ValueError("max_tasks_per_child must be >= 1")
    return max_tasks


def check_context(context, launcher):
    """Of multiprocessing: children are forks."""
    if context is not None and launcher is not None:
        raise ValueError("mp_context: with a launcher calls run in fresh processes elsewhere")
    method = None if context is None else context.get_start_method(allow_none=True)
    if method not in (None, "fork"):
        raise ValueError(
            f"mp_context: an executor's children are made by fork, not by {method!r}; what has to "
            "run in a fresh process can be called as Pcall.Spawned by Pcall.pcall()"
        )
    return context


class Executor(concurrent.futures.Executor):
    """Runs calls in child processes that stay, for one call after the other.

        with Pcall.Executor(4) as executor:
            for thumbnail in executor.map(shrink, paths):
                …

    >>> with Pcall.Executor(2) as executor:
    ...     executor.submit(pow, 2, 5).result()
    32

    max_workers: how many children there are at most; by default, as usable processors
    mp_context: a context of `multiprocessing` whose start method is fork, as others take it
    initializer, initargs: what each child calls first
    max_tasks_per_child: after how many calls a child is replaced by a fresh one
    timeout: how long each single call may run, in seconds, about; see `schedule()` for one call
    retries, retry_on: how often a call is run again that did not succeed, and after what, as of
    `map()`; its future tells of the last time
    debug: whether calls are run in this process, when they are submitted, for a debugger
    launcher: a `Pcall.Launcher`, on whose machines calls run; its workers are there while there is
    something to do, and a moment longer, and its agents as long as somebody has the launcher

    A future raises what its call has raised, but for StopIteration, which is a RuntimeError there, as
    of a coroutine. Functions and arguments are pickled; those that cannot be, a fresh child inherits, so that
    lambdas will do. A child that dies costs the call that it was in and no other: its future gets
    a `BrokenChild`, which tells how it has ended. A future can be cancelled while it runs: that
    ends its child. What is printed goes where the parent's goes, at once.
    """

    def __init__(
        self,
        max_workers=None,
        mp_context=None,
        initializer=None,
        initargs=(),
        *,
        max_tasks_per_child=None,
        timeout=None,
        retries=0,
        retry_on=None,
        debug=False,
        launcher=None,
    ):
        if initializer is not None and not callable(initializer):
            raise TypeError("initializer must be a callable")
        launcher = to_launcher(launcher, "launcher")
        self._mp_context = check_context(mp_context, launcher)
        self._timeout = to_timeout(timeout)
        self._retries = Retries(retries, retry_on)
        prepare = None if initializer is None else functools.partial(initializer, *initargs)
        max_tasks = check_max_tasks(max_tasks_per_child)
        is_local = local.is_asked(to_bool(debug, "debug"))
        make_crew = Crew
        if mp_context is None and not is_local:
            make_crew, launcher = places.choose(launcher, prepare)
        self._max_workers = check_max_workers(max_workers, launcher)  # where others look for it
        if is_local:
            self._driver = local.Driver(prepare)
        else:
            self._driver = Driver(
                functools.partial(
                    make_crew,
                    self._max_workers,
                    "call",
                    initializer=prepare,
                    calls_per_child=max_tasks,
                )
            )
        self._shutdown = False
        self._parent = os.getpid()
        self._forget = weakref.finalize(self, self._driver.forget)

    @property
    def _broken(self):
        """Where others look for it, too."""
        return self._driver.broken is not None

    @property
    def _processes(self):
        """The living children by their pids, where others look for them, too."""
        crew = self._driver.crew
        tasks = [] if crew is None else crew.get_tasks()
        return {child.pid: child for task in tasks for child in task.get_living_children()}

    def __repr__(self):
        state = "broken" if self._broken else "shut down" if self._shutdown else "open"
        return f"<Executor of at most {self._max_workers} children: {state}>"

    def submit(self, fn, /, *args, **kwargs):
        """Calls `fn(*args, **kwargs)` in a child. Returns the call's future."""
        return self._submit(fn, args, kwargs, self._timeout)

    def schedule(self, function, args=(), kwargs={}, timeout=None):
        """As `submit()`, with a timeout of the call's own, in seconds, from when it begins to run.

        A call that takes longer is ended, and its future gets a `TimedOut`, a `TimeoutError`.
        """
        seconds = self._timeout if timeout is None else to_timeout(timeout)
        args, kwargs = calls.to_args(args, "args"), calls.to_kwargs(kwargs, "kwargs")
        return self._submit(function, args, kwargs, seconds)

    def _submit(self, fn, args, kwargs, timeout):
        self._check(fn)
        future = Future(self._driver)
        self._driver.submit(Work(future, fn, args, kwargs, timeout, self._retries))
        return future

    def _check(self, fn):
        if os.getpid() != self._parent:
            raise RuntimeError("an executor is of no use in a forked child; make a new one")
        if self._shutdown:
            raise RuntimeError("cannot schedule new futures after shutdown")
        if not callable(fn):
            raise TypeError(f"fn is not callable: {fn!r}")
        check_not_exiting()

    def map(self, fn, *iterables, timeout=None, chunksize=None):
        """As the builtin `map()`, in parallel. All arguments are read at once.

        timeout: when results have to be there, in seconds from now
        chunksize: how many calls go to a child together; by itself it is as many as take some
        milliseconds
        """
        if chunksize is not None and chunksize < 1:
            raise ValueError("chunksize must be >= 1.")
        until = None if timeout is None else timeout + time.monotonic()
        self._check(fn)
        rows = [*iterables[0]] if len(iterables) == 1 else [*zip(*iterables)]
        columns = [rows] if len(iterables) == 1 else [*zip(*rows)]
        columns = columns if rows else ()
        retries = Retries(self._retries.most, self._retries.kinds)
        work = MapWork(self._driver, fn, columns, chunksize, self._timeout, retries)
        if rows:
            self._driver.submit(work)
        return work.iterate(until)

    def shutdown(self, wait=True, *, cancel_futures=False):
        """Takes no more calls; with `cancel_futures` drops those that were not begun. Children end
        when there is nothing to do for them."""
        self._end(wait, cancel_futures)

    def __exit__(self, kind, error, traceback):
        """Children are not in the terminal's group, so that Ctrl-C has to be told to them."""
        if kind is not None and issubclass(kind, KeyboardInterrupt):
            self.terminate_workers()
        self.shutdown()

    def terminate_workers(self):
        """Shuts down, and ends all children at once by SIGTERM; what runs gets a `BrokenChild`."""
        self._end(False, True, signal.SIGTERM)

    def kill_workers(self):
        """Shuts down, and ends all children at once by SIGKILL."""
        self._end(False, True, signal.SIGKILL)

    def _end(self, wait, cancel_futures, signum=None):
        self._shutdown = True
        if os.getpid() != self._parent:
            return
        if cancel_futures:
            self._driver.cancel_waiting()
        self._driver.shut_down(signum)
        self._forget.detach()  # what a signal's handler raises in there would be lost
        if wait:
            self._driver.join()
