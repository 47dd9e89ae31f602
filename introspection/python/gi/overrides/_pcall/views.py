# SPDX-FileCopyrightText: 2026 The pcall authors
# SPDX-License-Identifier: LGPL-2.1-or-later

"""What a call and a child of a task are in Python: the one as a future, the other as a process of
`multiprocessing`."""

import os
import reprlib
import time

from gi.module import get_introspection_module
from gi.overrides import override

from . import errors, identity, loops, values, waiting

Pcall = get_introspection_module("Pcall")
MODULE = "gi.overrides.Pcall"  # where override() looks for the classes


def describe_arguments(args, kwargs):
    """As they stand in a call, shortened."""
    parts = [*map(reprlib.repr, args), *(f"{k}={reprlib.repr(v)}" for k, v in kwargs.items())]
    return ", ".join(parts)


def describe_call(call):
    """For `repr()`: which call it is, of what, and where it stands."""
    try:
        arguments = describe_arguments(call.args, call.kwargs)
    except Exception as error:  # there is no task any more, or an argument's own repr() raises
        if waiting.is_interrupt(error):
            raise
        arguments = "…"
    state = call.state
    time = f" after {call.elapsed:.3g} s" if state > Pcall.CallState.RUNNING else ""
    nick = state.value_nick.replace("-", " ")
    return f"<Call {call.index} {call.get_target_name()}({arguments}): {nick}{time}>"


def check_succeeded(call):
    """Raises what became of a call that has no result."""
    error = call.exception()
    if error is not None:
        raise error
    if not call.done():
        raise RuntimeError(f"call {call.index} has not ended; join() waits for all of them")


class Call(Pcall.Call):
    """One call of a task.

    index: which call of its task it is, counted from 0
    state: where it stands, a `Pcall.CallState`
    pid: of the process in which it runs or ran; 0 before it has begun
    elapsed: since when it has been running, or how long it took, in seconds
    log_file: the file with what it writes, a path; None where there is none
    output: what it has written so far, as bytes; None where it has not begun, or nothing is captured
    """

    __module__ = MODULE

    index = property(lambda self: self.get_index())
    state = property(lambda self: self.get_state())
    pid = property(lambda self: self.get_pid())
    elapsed = property(lambda self: self.get_elapsed())
    log_file = property(lambda self: self.get_log_file())

    @property
    def output(self):
        """What the call has written so far, as bytes; None where it has not begun, or nothing is
        captured."""
        output = self.get_output()
        return None if output is None else output.get_data()

    @property
    def args(self):
        """The positional arguments, a tuple: the very objects, where the call is a function of this
        program's; copies of them for `Pcall.Spawned`. LookupError where the task is gone."""
        return self._find_row()[1]

    @property
    def kwargs(self):
        """The keyword arguments, a dictionary; else as `args`."""
        return self._find_row()[2]

    def _find_row(self):
        """The target, args and kwargs."""
        task = self.dup_task()
        if task is None:
            raise LookupError("the task is gone, and with it the arguments of its calls")
        batches = getattr(task, "_batches", None)
        if batches is not None:
            return batches.rows[self.index]
        with waiting.Interrupts():  # what a signal's handler raises where a variant ends is lost
            load = self._find_arguments(getattr(task, "_is_spawned", False))
        return load()

    def _find_arguments(self, is_spawned):
        args = self.get_args()
        if is_spawned:
            data = values.variant_to_bytes(args.get_child_value(args.n_children() - 1))
            return lambda: values.loads(data)
        row = None, args.unpack(), self.get_kwargs().unpack()
        return lambda: row

    def done(self):
        """Whether the call has ended, in whatever state."""
        return self.get_state() >= Pcall.CallState.SUCCEEDED

    def result(self):
        """What the call returned. Raises what became of it where it did not succeed."""
        check_succeeded(self)
        return errors.load_result(values.load_result, self, self.index)

    def exception(self):
        """Why the call did not succeed, as `Pcall.Pcall.join()` raises it; None where it did."""
        return errors.to_exception(self)

    __repr__ = describe_call


Call = override(Call)


class Sentinel:
    """A descriptor that is readable when the child has ended; closed when nobody has it."""

    def __init__(self, child):
        self.fd = -1
        if child.is_alive():
            self.open(child)
        if self.fd < 0:
            self.fd = os.eventfd(1, os.EFD_CLOEXEC)
        self.owner = waiting.own(self.fd)

    def open(self, child):
        try:
            self.fd = os.pidfd_open(child.pid)
        except ProcessLookupError:
            return
        if not child.is_alive():  # another process may have that number
            os.close(self.fd)
            self.fd = -1


class Child(Pcall.Child):
    """One child process of a task, as a `multiprocessing.Process`.

    pid, ident: the number of the process
    name: what `multiprocessing.current_process()` calls it there
    exitcode: None while it runs, and -N where signal N ended it; -1 where that is not known
    """

    __module__ = MODULE

    pid = ident = property(lambda self: self.get_pid())
    name = property(lambda self: identity.make_name(self.get_pid()))

    def is_alive(self):
        """Whether it has not ended."""
        return self.get_running()

    @property
    def exitcode(self):
        if self.get_running():
            return None
        return -self.get_term_signal() or self.get_exit_status()

    @property
    def sentinel(self):
        """A descriptor that is readable when it has ended, for `multiprocessing.connection.wait()`
        and other loops. It is open as long as this object is there."""
        if not hasattr(self, "_sentinel"):
            self._sentinel = Sentinel(self)
        return self._sentinel.fd

    def terminate(self):
        """Ends this child alone: by SIGTERM, and where it goes on, by SIGKILL later. The call that
        it has counts as cancelled; what else it was to do, another child does."""
        super().terminate()

    def kill(self):
        """The same by SIGKILL at once."""
        super().kill()

    def join(self, timeout=None):
        """Waits until it has ended, or until the timeout, in seconds, has passed. What came of its
        calls does not matter here, and nothing tells whether it has ended but `exitcode`."""
        until = waiting.to_until(timeout)
        with waiting.Interrupts() as interrupts:
            while self.get_running():
                task = self.dup_task()
                if task is None:
                    return
                fd = task.get_fd()  # as in waiting.wait()
                if not task.dispatch():
                    return
                now = time.monotonic()
                if now >= until or not self.get_running():
                    return
                interrupts.wait(fd, min(until, now + loops.LOOK))

    def __repr__(self):
        code = self.exitcode
        return f"<Child {self.name}: {'running' if code is None else f'exitcode {code}'}>"


Child = override(Child)
