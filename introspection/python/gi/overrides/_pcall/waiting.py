# SPDX-FileCopyrightText: 2026 The pcall authors
# SPDX-License-Identifier: LGPL-2.1-or-later

"""Blocking until a task ends, in a way that Ctrl-C can end.

Python runs the handler of a signal between two steps of Python code, and an exception that it
raises belongs to that code. While the library dispatches a task there may be such code where
nobody can catch: what others registered with `os.register_at_fork()`, handlers of the task's
signals. So SIGINT is only noted while the library has the word, and raises `KeyboardInterrupt` in
the place where Python waits, at once: Python's wake-up descriptor is one that is waited for, too.
"""

import _signal  # not signal, whose functions make enumerations of all that they return
import math
import os
import select
import sys
import threading
import time

from gi.module import get_introspection_module

Pcall = get_introspection_module("Pcall")


MAX_POLL = 86_400.0  # seconds; what poll() takes is limited
SLICE = 0.05  # seconds between two looks where there is no descriptor that could wake


def is_interrupt(error):
    """Whether it may be of Ctrl-C, which no other thread than the main one sees."""
    return (
        issubclass(type(error), KeyboardInterrupt)
        and threading.current_thread() is threading.main_thread()
    )


class Interrupts:
    """While it is entered, SIGINT raises KeyboardInterrupt in `wait()`, and only there.

    Where this is not the main thread, or somebody else handles SIGINT, it changes nothing. Where a
    handler of a task's signal waits in turn, it waits with what is entered already; what SIGINT
    raises there does not come through the library, and so is raised again behind it.
    """

    current = None  # of the main thread

    def __init__(self):
        self.poller = select.poll()
        self.active = False
        self.waiting = False
        self.noted = False
        self.outer = None
        self.depth = 0  # of what waits within
        self.read_fd = self.write_fd = self.previous_fd = -1

    def __enter__(self):
        if threading.current_thread() is threading.main_thread():
            if Interrupts.current is not None:
                return self.share(Interrupts.current)
            if _signal.getsignal(_signal.SIGINT) is _signal.default_int_handler:
                self.activate()
        return self

    def share(self, outer):
        self.outer = outer
        outer.depth += 1
        return outer

    def activate(self):
        """The handler first: from there on nothing is raised in here."""
        Interrupts.current = self
        _signal.signal(_signal.SIGINT, self.handle)
        self.active = True
        try:
            self.read_fd, self.write_fd = os.pipe2(os.O_CLOEXEC | os.O_NONBLOCK)
        except OSError:  # there are no descriptors left: `wait()` looks from time to time
            return
        self.poller.register(self.read_fd, select.POLLIN)
        self.previous_fd = _signal.set_wakeup_fd(self.write_fd, warn_on_full_buffer=False)

    def __exit__(self, kind, error, traceback):
        if self.outer is not None:
            self.outer.depth -= 1
        if not self.active:
            return
        if self.read_fd >= 0:
            _signal.set_wakeup_fd(self.previous_fd)
            self.hand_over()
        Interrupts.current = None
        _signal.signal(_signal.SIGINT, _signal.default_int_handler)
        if self.noted and kind is None:
            raise KeyboardInterrupt

    def hand_over(self):
        """Gives the previous wake-up descriptor what came for it, as an event loop waits there."""
        signals = self.drain()
        os.close(self.write_fd)
        os.close(self.read_fd)
        if signals and self.previous_fd >= 0:
            try:
                os.write(self.previous_fd, signals)
            except OSError:  # it is full, and so will be read
                pass

    def drain(self):
        try:
            return os.read(self.read_fd, 4096)
        except BlockingIOError:
            return b""

    def handle(self, signum, frame):
        self.noted = self.noted or not self.waiting or self.depth > 0
        if self.waiting:
            self.waiting = False
            raise KeyboardInterrupt

    def wait(self, fd, until):
        """Until the descriptor is readable, or the time has come; sometimes shorter."""
        self.poller.register(fd, select.POLLIN)
        self.waiting = True
        try:
            if self.noted:
                raise KeyboardInterrupt
            self.poller.poll(self.get_milliseconds(until))
        finally:
            self.waiting = False
            self.poller.unregister(fd)
        if self.read_fd >= 0 and self.previous_fd < 0:
            self.drain()

    def get_milliseconds(self, until):
        longest = SLICE if self.active and self.read_fd < 0 else MAX_POLL
        return math.ceil(1000 * min(max(0, until - time.monotonic()), longest))


def get_interrupt_handler():
    """What SIGINT does, if that is what Python has it do by itself; None otherwise."""
    handler = _signal.getsignal(_signal.SIGINT)
    if Interrupts.current is not None and handler == Interrupts.current.handle:
        return _signal.default_int_handler
    return handler if handler is _signal.default_int_handler else None


def to_seconds(value, name):
    """A number of seconds, infinity for more than there are; not one that is no number."""
    if isinstance(value, (bool, str)) or not hasattr(type(value), "__float__"):
        hint = "; total_seconds() is one" if hasattr(value, "total_seconds") else ""
        raise TypeError(f"{name} must be a number of seconds, not {type(value).__name__}{hint}")
    try:
        seconds = float(value)
    except OverflowError:
        return math.inf if value > 0 else -math.inf
    if math.isnan(seconds):
        raise ValueError(f"{name} must be a number of seconds, not {value!r}")
    return seconds


def to_until(timeout):
    """When a timeout of `join()` has passed: never where there is none, or it is less than 0."""
    if timeout is None:
        return math.inf
    seconds = to_seconds(timeout, "timeout")
    return time.monotonic() + seconds if seconds >= 0 else math.inf


def wait(task, until=math.inf):
    """Dispatches the task until it has finished; False when the time came before."""
    with Interrupts() as interrupts:
        fd = task.get_fd()  # which stays, also where another thread sees to the end
        while task.dispatch():
            if time.monotonic() >= until:
                return False
            interrupts.wait(fd, until)
    return True


def get_running_loop():
    """asyncio's, of this thread."""
    events = sys.modules.get("asyncio.events")
    return None if events is None else events._get_running_loop()


def start(task, joins=False):
    """With all calls that may run at once, unless a loop runs here, or the caller is about to join."""
    if joins:
        start_with(task, Pcall.StartFlags.IN_LOOP | Pcall.StartFlags.UNATTACHED)
    elif get_running_loop() is not None:
        start_with(task, Pcall.StartFlags.IN_LOOP)
    else:
        with Interrupts():
            task.start()


def start_with(task, flags):
    with Interrupts():
        task.start_with_flags(flags)
