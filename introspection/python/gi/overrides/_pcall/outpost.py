# SPDX-FileCopyrightText: 2026 The pcall authors
# SPDX-License-Identifier: LGPL-2.1-or-later

"""What a worker on another machine does for `Pcall.map()` and `Pcall.Executor` (see away.py).

It has a crew of one child, which it gives the jobs that it is sent. So all that is known here of a
child that dies, of a call that takes too long and of one that cannot be begun is known there, too,
and a child that dies costs the call that it was in: those before it have their results, those
behind it go on in the next child.

A function is made of its pickle in here, too, so that its modules are imported once and for all of
the children. The arguments of a single call are not: what they bring along may do harm.

Each call of the worker writes to files of its own, and the child stays: so it writes to pipes, and
the worker passes that on.
"""

import math
import os
import select
import socket
import time

from gi.repository import GLib

from . import errors, jobs, values, worker
from .crew import Crew

MAX_SECONDS = 0.2  # of a job, until the rest of it is given back

crew = None  # of this worker, from its first job on
SIZE = 65536


class Outpost(Crew):
    """A crew of one child, which writes to pipes."""

    def __init__(self, initializer, calls_per_child):
        prepare = None if initializer is None else values.loads(initializer)
        super().__init__(1, "call", lambda size, limit: None, None, prepare, calls_per_child)
        self.readers = {}
        for fd in (1, 2):
            self.readers[fd], self.outputs[fd] = os.pipe2(os.O_CLOEXEC)
            os.set_blocking(self.readers[fd], False)
            self.epoll.register(self.readers[fd], select.EPOLLIN)

    def dispatch(self):
        super().dispatch()
        self.pass_output()

    def pass_output(self):
        for fd, reader in self.readers.items():
            pass_on(reader, fd)


def pass_on(reader, fd):
    while True:
        try:
            data = memoryview(os.read(reader, SIZE))
        except BlockingIOError:
            return
        while data:
            data = data[os.write(fd, data) :]


def call(function, data):
    """A single call, in the child. Its result is bytes to who is in between."""
    try:
        function, (args, kwargs) = values.loads(function), values.loads(data)
    except BaseException as error:  # imports run the code of modules
        raise worker.to_not_found("the function or an argument", error) from error
    return worker.invoke(function, args, kwargs, values.dumps)


class Order:
    """The sink of a job: what came of its calls goes back as a whole."""

    def __init__(self, function, timeout):
        self.function = function
        self.timeout = timeout
        self.ended = []  # (the index of the first, its results or what is left of a failure)

    def get_inherited(self):
        return self.function

    get_pickled = get_inherited

    def is_cancelled(self):
        return False

    def take(self, job, at, results):
        self.ended.append((job.first + at, [*results]))

    def fail(self, job, at, failure):
        self.ended.append((job.first + at, pack_failure(failure)))


def make_job(function, payload, n_calls, timeout):
    try:
        values.loads(function)
        if n_calls is None:
            return jobs.Job(Order(call, timeout), arguments=((function, payload), {}))
        return jobs.Job(Order(function, timeout), n_calls, 0, values.loads(payload))
    except BaseException as error:  # imports run the code of modules
        raise worker.to_not_found("the function or an argument", error) from error


def run(setup, function, payload, n_calls, timeout):
    """Runs a job: (what it ended with, a failure of the initializer or none, seconds of a call).

    setup: of the children: the initializer, pickled, and after how many calls one is replaced
    function: what is called, pickled
    payload: columns of arguments, pickled; those of a single call where there is no `n_calls`
    """
    global crew

    job = make_job(function, payload, n_calls, timeout)
    if crew is None:
        crew = Outpost(*setup)
    crew.returned.append(job)
    begun = time.monotonic()
    while crew.is_busy() and crew.broken is None:
        if time.monotonic() - begun > MAX_SECONDS and not any(m.jobs for m in crew.members):
            break  # others may have nothing to do
        crew.feed()
        if crew.members and crew.is_busy():  # a child may have ended within its start
            crew.step(math.inf)
    crew.pass_output()
    crew.returned.clear()
    broken = None if crew.broken is None else pack_failure(crew.broken)
    n_ended = sum(len(ended) if type(ended) is list else 1 for _, ended in job.sink.ended)
    return job.sink.ended, broken, (time.monotonic() - begun) / max(1, n_ended)


# Failures, which have errors of GLib in them


def pack_failure(failure):
    fate = None if failure.fate is None else pack_fate(failure.fate)
    cause = None if failure.cause is None else errors.describe(failure.cause)
    return failure.parts, fate, failure.timeout, cause


def pack_fate(fate):
    error = fate.cause
    packed = None if error is None else (error.message, error.domain, error.code)
    return (f"on {socket.gethostname()}: {fate.text}", packed, *fate[2:])


def unpack_failure(packed):
    parts, fate, timeout, cause = packed
    if fate is not None:
        text, error, *facts = fate
        fate = jobs.Fate(text, None if error is None else GLib.Error(*error), *facts)
    cause = None if cause is None else errors.RemoteError(cause)
    return jobs.Failure(parts=parts, fate=fate, timeout=timeout, cause=cause)
