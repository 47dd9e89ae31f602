# SPDX-FileCopyrightText: 2026 The pcall authors
# SPDX-License-Identifier: LGPL-2.1-or-later

"""Targets of the library for functions of Python."""

import functools
import weakref

from gi.module import get_introspection_module
from gi.overrides import override
from gi.repository import GLib

from . import calls, child, errors, values, views, waiting

Pcall = get_introspection_module("Pcall")
UNIT = GLib.Variant.new_tuple()


def make_guarded(function):
    """A function in GLib.Variant, such that what it raises is an error of its call, and what it
    returns its result: pickled, unless it is a GLib.Variant or, as in C, nothing."""

    def target(*args):
        result = function(*args)
        return UNIT if result is None else result

    def call(args, kwargs, *user_data):
        data, value = child.run(target, (args, kwargs, *user_data), {})
        return value if data is None else GLib.Variant.new_from_bytes(values.BYTES, data, True)

    target.__name__ = calls.get_name(function)
    return call


class Target(Pcall.Target):
    """What a task calls: for functions that take and return `GLib.Variant`."""

    __module__ = views.MODULE

    @classmethod
    def new(cls, name, func, *user_data):
        """Makes one of a function, `func(args, kwargs, *user_data)`.

        name: what it is called in messages and logs; None for the function's own name
        """
        function = make_guarded(calls.check_target(func, "func"))
        return Pcall.Target.new(name or calls.get_name(func), function, *user_data)

    def __repr__(self):
        return f"<Target {self.get_name()}>"


Target = override(Target)


class Runner:
    """What C calls in a child: it finds the functions and arguments of the task, which never leave
    memory, where that holds them."""

    batches = None  # a weak reference

    def run(self, index):
        return child.run(*self.batches().rows[index])

    def run_batch(self, first, n_calls):
        return self.batches()(first, n_calls)


class Lease(weakref.ref):
    """A target of the library, for as long as a task has calls for it.

    PyGObject keeps some memory for good of each function that C can call. So those that are in no
    task any more are used again, for functions of the same name. They come back without any code
    of Python being run, as what a signal's handler raised in there would be lost.
    """

    __slots__ = ("name", "target", "runner")


MAX_IDLE = 64
leases = {}  # all of them, by their addresses
idle = []  # those whose tasks are gone


def take_idle(name):
    """The target and runner of one that is idle; none where there is none."""
    while len(idle) > MAX_IDLE:
        leases.pop(id(idle.pop(0)), None)
    for lease in idle[:]:
        if lease.name == name and lease.target.__grefcount__ == 1:
            try:
                idle.remove(lease)
            except ValueError:  # another thread was faster
                continue
            del leases[id(lease)]
            return lease.target, lease.runner
    return None


def make_called(name):
    runner = Runner()
    with waiting.Interrupts():  # what raised in there would be in the way of what PyGObject returns
        target = Pcall.Target.new_for_bytes(name, runner.run)
        target.set_batch_func(runner.run_batch)
    return target, runner


def take_target(name, batches):
    """A target that runs these calls for as long as there are these batches."""
    target, runner = take_idle(name) or make_called(name)
    runner.batches = weakref.ref(batches)
    lease = Lease(batches, idle.append)
    lease.name, lease.target, lease.runner = name, target, runner
    leases[id(lease)] = lease
    return target


def get_utf8_name(function):
    return errors.clean(calls.get_name(function))


@functools.cache
def get_empty_target():
    """Of tasks without calls."""
    return Target.new(None, int)
