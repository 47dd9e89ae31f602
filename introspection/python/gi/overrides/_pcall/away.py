# SPDX-FileCopyrightText: 2026 The pcall authors
# SPDX-License-Identifier: LGPL-2.1-or-later

"""The crew of `Pcall.map()` and `Pcall.Executor` on other machines, which a launcher has.

It is one task, each call of which is a job; they are added while it runs, so that workers stay
between jobs. A worker has a child, in which it runs what it is sent (see outpost.py), and tells of a
whole job what came of it. Jobs are longer than here, as each of them goes there and back.

What is lost with its machine costs all calls of its job: nobody knows how far it was.

While nothing is to be done for a while the task ends, and with it the workers, since others may
wait for their agents. These are the launcher's, and stay.
"""

import collections
import os
import pickle
import select
import signal
import threading

from gi.module import get_introspection_module
from gi.repository import GLib

from . import board, errors, jobs, launching, outpost, spawn, task, values, waiting
from .crew import Crew

Pcall = get_introspection_module("Pcall")
IDLE_SECONDS = 3.0  # until workers end that have nothing to do


def pack(value, what):
    try:
        return values.dumps(value)
    except Exception as error:  # as many as there are __reduce__
        if waiting.is_interrupt(error):
            raise
        data = launching.dump_by_value(value)
        if data is not None:
            return data
        text = f"{what} cannot be pickled: {errors.describe(error)}{launching.HINT}"
        raise pickle.PicklingError(text) from error


class AwayCrew(Crew):
    """As a crew of this machine."""

    job_seconds = 0.05
    pack = staticmethod(pack)

    def __init__(self, launcher, *args, **options):
        super().__init__(*args, **options)
        self.name = errors.clean(self.name)
        self.launcher = launcher
        self.task = None
        self.fd = -1
        self.jobs = {}  # by the index of the call
        self.n_given = 0
        self.ended = collections.deque()  # calls, of which nothing was taken in yet
        self.packed = None, None  # the last sink of many calls, and its function as it is sent
        prepare = None if self.initializer is None else self.pack(self.initializer, "initializer")
        self.setup = prepare, self.calls_per_child

    @property
    def linger(self):
        """At the end of the program nobody waits for more calls."""
        return IDLE_SECONDS if threading.main_thread().is_alive() else super().linger

    def is_busy(self):
        return bool(self.returned or self.jobs)

    # Giving

    def find_place(self):
        n_places = 2 * self.size if self.is_short() else self.size
        return "away" if len(self.jobs) < n_places else None

    def get_limit(self, place):
        return board.MAX_CALLS

    def give(self, job, place):
        try:
            data = values.dumps((outpost.run, self.get_order(job), {}))
        except pickle.PicklingError as error:
            self.refuse(job, error)
            return
        with waiting.Interrupts():  # what a signal's handler raises where a variant ends is lost
            if self.task is None:
                try:
                    self.start(spawn.to_argument(data))
                except BaseException:
                    self.returned.appendleft(job)
                    raise
            else:
                self.task.feed(spawn.to_argument(data))
            self.jobs[self.n_given] = job
            self.n_given += 1

    def get_order(self, job):
        if job.columns is None:
            function = self.pack(job.sink.function, "the function")
            data = self.pack(job.arguments, "an argument")
            return self.setup, function, data, None, job.get_timeout()
        if self.packed[0] is not job.sink:
            self.packed = job.sink, self.pack(job.sink.function, "the function")
        data = self.pack(job.columns, "an argument")
        return self.setup, self.packed[1], data, job.n_calls, job.get_timeout()

    def refuse(self, job, error):
        """The one of its calls whose arguments cannot be pickled is to be found."""
        if job.n_calls > 1:
            self.returned.extendleft(job.slice(i, i + 1) for i in reversed(range(job.n_calls)))
        else:
            job.sink.fail(job, 0, jobs.Failure(reason=error))

    def start(self, arguments):
        command_line, rest = spawn.get_command_line()
        new = task.Task.new(Pcall.Target.new_worker(command_line, self.name))
        new.set_launcher(self.launcher)
        new.set_max_children(self.size)
        new.set_log_mode(Pcall.LogMode.LIVE)
        if rest is not None:
            new.set_common_args(spawn.to_argument(rest))
        new.feed(arguments)
        new.connect("call-finished", self.note)
        try:
            waiting.start(new, joins=True)
        except GLib.Error as error:
            task.raise_start_error(error)
        self.task = new
        self.n_given = 0
        self.fd = os.dup(new.get_fd())
        self.epoll.register(self.fd, select.EPOLLIN)

    # Taking

    def note(self, _, call):
        """What an exception in here would do, nobody knows."""
        self.ended.append(call)

    def get_patience(self):
        return waiting.MAX_POLL

    def dispatch(self):
        is_over = self.task is not None and not self.task.dispatch()
        while self.ended:
            call = self.ended.popleft()
            self.take_call(self.jobs.pop(call.get_index()), call)
        if is_over:
            self.put_down()

    def take_call(self, job, call):
        if call.get_error() is not None:
            self.lose(job, call)
            return
        ended, broken, seconds = values.load_result(call)
        self.task.forget_call(call.get_index())
        self.learn(seconds)
        begin = 0
        for at, what in sorted(ended, key=lambda each: each[0]):
            self.return_some(job, begin, at)
            begin = at + self.take_some(job, at, what)
        self.return_some(job, begin, job.n_calls)
        if broken is not None:
            self.broken = outpost.unpack_failure(broken)

    def return_some(self, job, begin, end):
        """What was not run."""
        if begin < end and not job.sink.is_cancelled():
            self.returned.appendleft(job.slice(begin, end))

    def take_some(self, job, at, what):
        """How many calls that were."""
        if type(what) is not list:
            job.sink.fail(job, at, outpost.unpack_failure(what))
            return 1
        if job.columns is None:
            self.take_one(job, at, lambda: values.loads(what[0]))
        else:
            job.sink.take(job, at, what)
        return len(what)

    def lose(self, job, call):
        """The worker did not come to the end of the job, or nobody came to begin with it."""
        error = call.get_error()
        if error.matches(Pcall.error_quark(), Pcall.Error.START):
            self.broken = jobs.Failure(reason=errors.to_exception(call))
            self.returned.append(job)
        elif call.get_error_details() is not None:
            self.fail_all(job, jobs.Failure(reason=errors.to_exception(call)))
        elif not job.sink.is_cancelled():
            text = error.message.removeprefix(f"call {call.get_index()} ({self.name})")
            fate = jobs.Fate(text.removeprefix(": ").strip(), error, *errors.find_facts(call))
            self.fail_all(job, jobs.Failure(fate=fate))

    def fail_all(self, job, failure):
        for at in range(job.n_calls):
            job.sink.fail(job, at, failure)

    # Ending

    def get_tasks(self):
        task = self.task
        return [] if task is None else [task]

    def get_jobs(self):
        return [*self.jobs.values(), *self.returned]

    def end_cancelled(self):
        for index, job in [*self.jobs.items()]:
            if job.sink.is_cancelled():
                self.task.get_call(index).terminate()

    def kill(self, signum):
        if self.task is None:
            return
        if signum == signal.SIGKILL:
            for process in self.task.get_living_children():
                process.kill()
        self.task.terminate()

    def rest(self):
        self.stop()
        if self.task is not None:  # somebody does not end
            self.put_down()

    def tell_stop(self):
        if self.task is not None:
            self.task.end_feed()
        return self.task is not None

    def put_down(self):
        """Ends what of it still runs."""
        self.epoll.unregister(self.fd)
        os.close(self.fd)
        self.fd = -1
        ended, self.task = self.task, None
        ended.disconnect_by_func(self.note)
        ended.run_dispose()
        self.jobs.clear()

    def close(self):
        if os.getpid() != self.pid:
            return
        if self.task is not None:
            self.put_down()
        self.epoll.close()
