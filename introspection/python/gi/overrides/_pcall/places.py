# SPDX-FileCopyrightText: 2026 The pcall authors
# SPDX-License-Identifier: LGPL-2.1-or-later

"""Where calls of `Pcall.map()` and `Pcall.Executor` run: here, or on machines of a launcher.

A program that knows nothing of launchers may be told of one by `PCALL_LAUNCHER` in its environment.
It goes on as it did, so what goes away is what can be pickled, as it is; the rest runs here.
"""

import functools
import os
import pickle
import select
import sys

from gi.module import get_introspection_module
from gi.repository import GLib

from . import errors, task, values, waiting
from .away import AwayCrew
from .crew import Crew

Pcall = get_introspection_module("Pcall")


def count_processors():
    return len(os.sched_getaffinity(0))


def get_size(launcher):
    """How many calls can run at once, going by processors here."""
    n = 0 if launcher is None else launcher.get_n_workers()
    return n or count_processors()


def pack_as_it_is(value, what):
    """What is of a main module that is in no file cannot be found elsewhere."""
    try:
        data = values.dumps(value)
    except Exception as error:  # as many as there are __reduce__
        if waiting.is_interrupt(error):
            raise
        raise pickle.PicklingError(f"{what}: {errors.describe(error)}") from error
    main = sys.modules.get("__main__")
    if b"__main__" in data and not (getattr(main, "__spec__", None) or hasattr(main, "__file__")):
        raise pickle.PicklingError(f"{what} is of a main module that is in no file")
    return data


def can_go(value):
    try:
        pack_as_it_is(value, "it")
    except pickle.PicklingError:
        return False
    return True


class MixedCrew(AwayCrew):
    """One with children of this machine, too, for what cannot go away."""

    pack = staticmethod(pack_as_it_is)

    def __init__(self, launcher, size, name, supply, **options):
        super().__init__(launcher, size, name, supply, **options)
        size = min(size, count_processors())
        self.here = Crew(size, name, lambda size, limit: None, **options)
        self.epoll.register(self.here.fileno(), select.EPOLLIN)

    def is_busy(self):
        return super().is_busy() or self.here.is_busy()

    def is_full(self):
        """What comes next may have to stay, and wait."""
        return len(self.here.returned) >= self.here.size

    def find_place(self):
        return None if self.is_full() else super().find_place()

    def refuse(self, job, error):
        if job.n_calls > 1 and can_go(job.sink.function):
            super().refuse(job, error)
        else:
            self.here.returned.append(job)

    def feed(self):
        while True:
            super().feed()
            was_full = self.is_full()
            self.feed_here()
            if self.is_full() or not was_full:
                return

    def feed_here(self):
        self.here.show = self.show
        try:
            self.here.feed()
        except BaseException:
            self.returned.extendleft(reversed(self.here.returned))
            self.here.returned.clear()
            raise

    def dispatch(self):
        super().dispatch()
        self.here.dispatch()
        self.broken = self.broken or self.here.broken

    def get_patience(self):
        return min(super().get_patience(), self.here.get_patience())

    def get_tasks(self):
        return [*super().get_tasks(), *self.here.get_tasks()]

    def get_jobs(self):
        return [*super().get_jobs(), *self.here.get_jobs()]

    def end_cancelled(self):
        super().end_cancelled()
        self.here.end_cancelled()

    def kill(self, signum):
        super().kill(signum)
        self.here.kill(signum)

    def withdraw(self):
        super().withdraw()
        self.here.withdraw()

    def drop_returned(self):
        super().drop_returned()
        self.here.drop_returned()

    def tell_stop(self):
        is_left = self.here.tell_stop()
        return super().tell_stop() or is_left

    def close(self):
        self.here.close()
        super().close()


def find_default():
    """The launcher of the environment; where that means nothing, it is an error."""
    try:
        return Pcall.Launcher.get_default()
    except GLib.Error as error:
        return task.raise_start_error(error)


def choose(launcher, *functions):
    """What makes the children, and the launcher that has them; none where they are of this machine.

    functions: those of the program, as far as they are known
    """
    if launcher is not None:
        return functools.partial(AwayCrew, launcher), launcher
    launcher = find_default()
    if launcher is None or not all(map(can_go, functions)):
        return Crew, None
    return functools.partial(MixedCrew, launcher), launcher
