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
import threading
import time


class Interrupts:
    """While it is entered, SIGINT raises KeyboardInterrupt in `wait()`, and only there.

    Where this is not the main thread, or somebody else handles SIGINT, it changes nothing.
    """

    current = None  # of the main thread

    def __init__(self):
        self.poller = select.poll()
        self.active = False
        self.waiting = False
        self.noted = False

    def __enter__(self):
        if (
            threading.current_thread() is threading.main_thread()
            and _signal.getsignal(_signal.SIGINT) is _signal.default_int_handler
        ):
            self.activate()
        return self

    def activate(self):
        """The handler first: from there on nothing is raised in here."""
        Interrupts.current = self
        _signal.signal(_signal.SIGINT, self.handle)
        self.active = True
        self.read_fd, self.write_fd = os.pipe2(os.O_CLOEXEC | os.O_NONBLOCK)
        self.poller.register(self.read_fd, select.POLLIN)
        self.previous_fd = _signal.set_wakeup_fd(self.write_fd, warn_on_full_buffer=False)

    def __exit__(self, kind, error, traceback):
        if not self.active:
            return
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
        if self.waiting:
            self.waiting = False
            raise KeyboardInterrupt
        self.noted = True

    def wait(self, fd, until):
        """Until the descriptor is readable, or the time has come."""
        self.poller.register(fd, select.POLLIN)
        self.waiting = True
        try:
            if self.noted:
                raise KeyboardInterrupt
            self.poller.poll(get_milliseconds(until))
        finally:
            self.waiting = False
        if self.active and self.previous_fd < 0:
            self.drain()


def get_milliseconds(until):
    if until is None:
        return None
    return max(0, math.ceil((until - time.monotonic()) * 1000))


def get_interrupt_handler():
    """What SIGINT does, if that is what Python has it do by itself; None otherwise."""
    handler = _signal.getsignal(_signal.SIGINT)
    if Interrupts.current is not None and handler == Interrupts.current.handle:
        return _signal.default_int_handler
    return handler if handler is _signal.default_int_handler else None


def wait(task, timeout=None):
    """Dispatches the task until it has finished; False when the timeout passed before."""
    until = None if timeout is None else time.monotonic() + timeout
    with Interrupts() as interrupts:
        while task.dispatch():
            if until is not None and time.monotonic() >= until:
                return False
            interrupts.wait(task.get_fd(), until)
    return True


def start(task):
    with Interrupts():
        task.start()
