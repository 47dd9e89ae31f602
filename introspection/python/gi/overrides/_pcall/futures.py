# SPDX-FileCopyrightText: 2026 The pcall authors
# SPDX-License-Identifier: LGPL-2.1-or-later

"""Futures of an executor, and what it has to do for them."""

import concurrent.futures
import contextlib
import functools
import logging
import queue
import threading
import time

from . import calls, errors, jobs, kinds, values

CANCELLED = "CANCELLED"
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

    def again(self, job):
        """It goes on running."""
        self._driver.crew.returned.append(job)

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


def to_error(failure, name):
    """What a future raises: what the function did, or why that did not come to its end.

    Who awaits a future would take a StopIteration for its end, or wait for ever. So it is what
    Python makes of one that leaves a coroutine.
    """
    try:
        if failure.parts is None or "unpicklable-result" in failure.parts:
            return failure.to_exception(None, name)
        error = failure.get_original()
    except BaseException as raised:  # whatever unpickling does
        error = raised
    if issubclass(type(error), StopIteration):
        return errors.caused(RuntimeError(f"{name} raised StopIteration"), error)
    return error


def is_wanted_again(driver, retries, key, make_error):
    """Whether a call that did not succeed is to be run once more, which counts then."""
    return not driver.is_dropping and retries.take(key, make_error)


class Work:
    """One call: the sink of its job."""

    def __init__(self, future, function, args, kwargs, timeout, retries):
        self.retries = retries
        self.future = future
        self.function = function
        self.timeout = timeout
        self.job = jobs.Job(self, arguments=(args, kwargs))

    def supply(self, size, limit):
        return self.job

    def is_supplied(self):
        return True

    def begin(self):
        """False where it was cancelled."""
        return self.future.set_running_or_notify_cancel()

    def is_cancelled(self):
        return self.future.cancelled()

    def take(self, job, at, results):
        self.forget()
        self.future.settle(results[0], None)

    def fail(self, job, at, failure):
        name = calls.get_name(self.function)
        driver, retries = self.future._driver, self.retries
        if is_wanted_again(driver, retries, self, lambda: failure.to_exception(None, name)):
            self.job = jobs.Job(self, arguments=job.arguments)
            self.future.again(self.job)
            return
        self.forget()
        self.future.settle(None, to_error(failure, name))

    def forget(self):
        """What would be kept as long as the future."""
        self.retries.forget(self)
        self.job = self.function = None

    def cancel(self):
        """Who waits for it is told, unless a future that was given to a child has done so."""
        if self.future.cancel() and self.future._state == CANCELLED:
            self.future.set_running_or_notify_cancel()

    def give_up(self, error):
        if self.future.done():
            return
        if self.future.running() or self.future.set_running_or_notify_cancel():
            self.future.settle(None, error)


class MapWork:
    """The calls of a `map()`: the supply and the sink of their jobs, and who waits for them."""

    def __init__(self, driver, function, columns, chunksize, timeout, retries):
        self.retries = retries
        self.driver = driver
        self.function = function
        self.columns = columns
        self.chunksize = chunksize
        self.timeout = timeout
        self.n_calls = len(columns[0]) if columns else 0
        self.n_supplied = 0
        self.n_consumed = 0
        self.pickled = None
        self.ended = {}  # by the index of the first: lists of results, or a Failure
        self.error = None  # of all that have not ended
        self.is_given_up = False
        self.news = queue.SimpleQueue()  # for who waits

    def supply(self, size, limit):
        size = min(limit, self.chunksize or size)
        first, self.n_supplied = self.n_supplied, min(self.n_supplied + size, self.n_calls)
        columns = [column[first : self.n_supplied] for column in self.columns]
        if self.is_supplied():
            self.columns = ()
        return jobs.Job(self, self.n_supplied - first, first, columns)

    def is_supplied(self):
        return self.n_supplied >= self.n_calls or self.error is not None

    def begin(self):
        return self.error is None

    def is_cancelled(self):
        return self.is_given_up

    def get_inherited(self):
        return self

    def get_pickled(self):
        if self.pickled is None:
            self.pickled = values.dumps(self.function), jobs.mark(self.function)
        return self.pickled

    def take(self, job, at, results):
        self.put(job.first + at, results)

    def fail(self, job, at, failure):
        index = job.first + at
        name = calls.get_name(self.function)
        driver, retries = self.driver, self.retries
        if is_wanted_again(driver, retries, index, lambda: failure.to_exception(None, name)):
            driver.crew.returned.append(job.slice(at, at + 1))
            return
        self.put(index, failure)

    def put(self, index, ended):
        self.ended[index] = ended
        self.news.put(None)

    def give_up(self, error):
        if self.error is None:
            self.error = error
        self.news.put(None)

    def cancel(self):
        """What was not begun."""
        self.give_up(concurrent.futures.CancelledError())

    def abandon(self):
        """Ends what runs, too, as nobody waits for it."""
        if len(self.ended) == 0 and self.n_consumed == self.n_calls:
            return
        self.is_given_up = True
        self.cancel()
        self.driver.wake()

    def wait(self, until):
        """The next results, a list. No lock is held: a threading.Condition, in which a signal's
        handler raises, may stay locked for ever."""
        while (found := self.ended.pop(self.n_consumed, None)) is None:
            if self.error is not None:
                raise self.error
            left = None if until is None else until - time.monotonic()
            if left is not None and left <= 0:
                raise TimeoutError()
            with contextlib.suppress(queue.Empty):
                self.news.get(timeout=left)
        if type(found) is jobs.Failure:
            raise to_error(found, calls.get_name(self.function))
        return found

    def iterate(self, until):
        try:
            while self.n_consumed < self.n_calls:
                results = self.wait(until)
                self.n_consumed += len(results)
                yield from kinds.hand_out(results)
        finally:
            self.abandon()
