# SPDX-FileCopyrightText: 2026 The pcall authors
# SPDX-License-Identifier: LGPL-2.1-or-later

"""Calls that are run in this process, one after the other: for a debugger.

`debug=True` asks for it, or `PCALL_DEBUG=in-process` in the environment for a whole program. What
comes of a call is the same as of one in a child: results are pickled and made anew, so that one
that cannot be pickled is found out here, too; an exception is the cause of what is raised, with its
own traceback. What cannot be had in one process: a call that crashes takes this process with it,
none is ended by a timeout, and what it changes stays.
"""

import os
import sys
import threading
import types

from . import child, errors, jobs, values

VARIABLE = "PCALL_DEBUG"
IN_PROCESS = "in-process"


def is_asked(debug):
    """Whether calls are to be run here."""
    return debug or IN_PROCESS in os.environ.get(VARIABLE, "").split(",")


def is_end(error):
    """Whether it ends the program, or the debugger is left by it: it is no call's."""
    bdb = sys.modules.get("bdb")
    return isinstance(error, (KeyboardInterrupt, *([bdb.BdbQuit] if bdb is not None else [])))


def run_coroutine(coroutine):
    """On a loop of its own, which a thread that runs one already cannot have."""
    import asyncio

    if asyncio._get_running_loop() is None:
        return child.run_coroutine(coroutine)
    outcome = []

    def run():
        try:
            outcome.append((asyncio.run(coroutine), None))
        except BaseException as error:
            outcome.append((None, error))

    thread = threading.Thread(target=run, name="Pcall.debug")
    thread.start()
    thread.join()
    result, error = outcome[0]
    if error is not None:
        raise error
    return result


def copy(result):
    """As it would arrive from a child."""
    if values.is_variant(result):
        return result
    try:
        data = values.dumps(result)
    except Exception as error:  # as many as there are __reduce__
        child.refuse(result, error)
    return values.loads(data)


def call(function, args, kwargs):
    """What came of it: (result, failure), of which one is none."""
    try:
        result = function(*args, **kwargs)
        if type(result) is types.CoroutineType:
            result = run_coroutine(result)
        return copy(result), None
    except BaseException as error:  # SystemExit, too: a child would not end its parent
        if is_end(error):
            raise
        return None, to_failure(error)


def to_failure(error):
    is_result = type(error) is errors.UnpicklableResult
    parts = {"message": errors.describe(error)}
    if is_result:
        parts["unpicklable-result"] = True
        error = error.__cause__
    elif (own := errors.to_own_gerror(error)) is not None:
        parts["gerror"] = (own.message, own.domain, own.code)
    BaseException.with_traceback(error, errors.get_frames(error))
    return jobs.Failure(parts=parts, original=error)


class Crew:
    """In the place of a crew (see crew.py): it has no children, and does a job when it is fed."""

    broken = None
    seconds = None  # what a call takes, which does not matter
    size = 1
    returned = ()

    def __init__(self, size, name, supply, function=None, initializer=None, calls_per_child=0):
        self.supply = supply
        self.function = function
        self.initializer = initializer
        self.returned = []

    def feed(self):
        """One call: who consumes has its result before the next one begins."""
        if self.initializer is not None and not self.prepare():
            return
        job = self.returned.pop() if self.returned else self.supply(1, 1)
        if job is not None:
            self.run(job)

    def prepare(self):
        _, failure = call(self.initializer, (), {})
        self.broken, self.initializer = failure, None
        return failure is None

    def run(self, job):
        if job.columns is None:
            function, (args, kwargs) = job.sink.function, job.arguments
        else:
            function, args, kwargs = job.sink.function, [column[0] for column in job.columns], {}
        result, failure = call(function, args, kwargs)
        if failure is not None:
            job.sink.fail(job, 0, failure)
        else:
            job.sink.take(job, 0, [result])

    def look(self):
        pass

    def get_tasks(self):
        return []

    def step(self, until):
        pass

    async def step_async(self):
        pass

    def stop(self):
        pass

    async def stop_async(self):
        pass

    def close(self):
        pass


class Driver:
    """In the place of an executor's driver: what is submitted has been done when that returns."""

    thread = None
    is_dropping = False  # as nothing waits

    def __init__(self, initializer):
        self.crew = Crew(1, "call", None, initializer=initializer)
        self.lock = threading.RLock()  # a call may submit another one
        self.broken = None

    def submit(self, work):
        with self.lock:
            if self.crew.initializer is not None and not self.crew.prepare():
                self.broken = self.crew.broken.to_exception(None, "initializer")
            if self.broken is not None:
                raise errors.get_broken_pool()(str(self.broken)) from self.broken
            if work.begin():
                self.run(work)

    def run(self, work):
        self.run_job(work.supply(1, 1))
        while not work.is_supplied():
            self.run_job(work.supply(1, 1))

    def run_job(self, job):
        self.crew.run(job)
        while self.crew.returned:  # to be run again
            self.crew.run(self.crew.returned.pop())

    def wake(self):
        pass

    def forget(self):
        pass

    def cancel_waiting(self):
        pass

    def shut_down(self, signum=None):
        pass

    def join(self):
        pass
