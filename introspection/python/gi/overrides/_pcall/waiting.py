# SPDX-FileCopyrightText: 2026 The pcall authors
# SPDX-License-Identifier: LGPL-2.1-or-later

"""Blocking until a task ends, in a way that Ctrl-C can end.

Python runs the handler of a signal between two steps of Python code, and an exception that it
raises belongs to that code. While the library dispatches a task there may be such code where
nobody can catch: what others registered with `os.register_at_fork()`, handlers of the task's
signals. So what a handler raises, `KeyboardInterrupt` for SIGINT or that a time is over for
SIGALRM, is only noted while the library has the word, and raised behind that; and in the place
where Python waits, at once: Python's wake-up descriptor is one that is waited for, too.
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

SIGNALS = _signal.valid_signals()
SIGINT = _signal.SIGINT
getsignal = _signal.getsignal

MAX_POLL = 86_400.0  # seconds; what poll() takes is limited
CO_VARARGS = 4  # of a function with *arguments
SLICE = 0.05  # seconds between two looks where there is no descriptor that could wake


def find_handlers():
    """What Python calls for signals, by their numbers. A loop of asyncio sees to signals in a way of
    its own, in which only Ctrl-C may raise."""
    if get_running_loop() is None:
        return {signum: handler for signum in SIGNALS if callable(handler := getsignal(signum))}
    handler = getsignal(SIGINT)
    return {SIGINT: handler} if handler is _signal.default_int_handler else {}


class Interrupts:
    """While it is entered, what handlers of signals raise comes out of `wait()`, or else out of the
    end of the `with`.

    Where this is not the main thread it changes nothing. Where a handler of a task's signal waits in
    turn, it waits with what is entered already; what is raised there does not come through the
    library, and so is raised again behind it.
    """

    current = None  # of the main thread

    def __init__(self):
        self.poller = select.poll()
        self.handlers = {}  # what is called in here
        self.waiting = False
        self.noted = None  # what one of them has raised while the library had the word
        self.outer = None
        self.depth = 0  # of what waits within
        self.is_open = False
        self.read_fd = self.write_fd = self.previous_fd = -1

    def __enter__(self):
        if threading.current_thread() is threading.main_thread():
            if Interrupts.current is not None:
                return self.share(Interrupts.current)
            handlers = find_handlers()
            if handlers:
                self.activate(handlers)
        return self

    def share(self, outer):
        self.outer = outer
        outer.depth += 1
        return outer

    def activate(self, handlers):
        """From the first of the handlers on, what is raised in here is known."""
        self.handlers = handlers
        Interrupts.current = self
        try:
            for signum in handlers:
                _signal.signal(signum, self.handle)
        except BaseException as error:  # of a handler that was still the program's own
            self.__exit__(type(error), error, None)
            raise

    def open(self):
        self.is_open = True
        try:
            self.read_fd, self.write_fd = os.pipe2(os.O_CLOEXEC | os.O_NONBLOCK)
        except OSError:  # there are no descriptors left: `wait()` looks from time to time
            return
        self.poller.register(self.read_fd, select.POLLIN)
        self.previous_fd = _signal.set_wakeup_fd(self.write_fd, warn_on_full_buffer=False)

    def __exit__(self, kind, error, traceback):
        if self.outer is not None:
            self.outer.depth -= 1
        if not self.handlers:
            return
        try:
            self.leave()
        except BaseException as raised:  # of a handler that is the program's own again
            self.note(raised)
            self.leave()
        noted, self.noted = self.noted, None
        if noted is not None and noted is not error:
            try:
                raise noted
            finally:
                noted = None  # it would hold itself, through the traceback

    def leave(self):
        """A second time does what is left, where something was raised in the first one."""
        if self.read_fd >= 0:
            _signal.set_wakeup_fd(self.previous_fd)
            self.hand_over()
        self.restore()
        Interrupts.current = None

    def restore(self):
        """But for handlers that were set in here."""
        for signum, handler in self.handlers.items():
            if getsignal(signum) == self.handle:
                _signal.signal(signum, handler)

    def hand_over(self):
        """Gives the previous wake-up descriptor what came for it, as an event loop waits there."""
        signals = self.drain()
        os.close(self.write_fd)
        os.close(self.read_fd)
        self.read_fd = -1
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
        """Of each of these signals. Who has kept this as what it found may set it later again."""
        try:
            self.handlers[signum](signum, frame)
        except BaseException as error:
            if Interrupts.current is not self:
                raise
            self.note(error)
            if self.waiting:
                self.waiting = False
                raise

    def note(self, error):
        """For the end, also where it is raised at once: there may be code in between, as that of a
        destructor, which hides it. Of two it is the first, unless that is an error, and the second
        one is to end the program."""
        first = self.noted
        if first is None or isinstance(first, Exception) and not isinstance(error, Exception):
            self.noted = error

    def wait(self, fd, until):
        """Until the descriptor is readable, or the time has come; sometimes shorter."""
        if self.handlers and not self.is_open:
            self.open()
        self.poller.register(fd, select.POLLIN)
        self.waiting = True
        try:
            if self.noted is not None:
                raise self.noted
            self.poller.poll(self.get_milliseconds(until))
        finally:
            self.waiting = False
            self.poller.unregister(fd)
        if self.read_fd >= 0 and self.previous_fd < 0:
            self.drain()

    def get_milliseconds(self, until):
        longest = SLICE if self.handlers and self.read_fd < 0 else MAX_POLL
        return math.ceil(1000 * min(max(0, until - time.monotonic()), longest))


def own(fd):
    """What closes the descriptor at its end, of whatever kind that is: not with code of Python,
    as what a signal's handler raises in a destructor is lost."""
    return select.epoll.fromfd(fd)


def get_interrupt_handler():
    """What SIGINT does, if that is what Python has it do by itself; None otherwise."""
    handler = getsignal(SIGINT)
    if Interrupts.current is not None and handler == Interrupts.current.handle:
        handler = Interrupts.current.handlers[SIGINT]
    return handler if handler is _signal.default_int_handler else None


def is_interrupt(error):
    """Whether it comes from without: by Ctrl-C, or from the handler of a signal, and not from the
    code around which it was caught. That is so in the main thread alone."""
    if threading.current_thread() is not threading.main_thread():
        return False
    return issubclass(type(error), KeyboardInterrupt) or is_of_handler(error)


def is_of_handler(error):
    handlers = {getattr(handler, "__func__", handler) for handler in get_handlers()}
    codes = {getattr(handler, "__code__", None) for handler in handlers} - {None}
    step = BaseException.__traceback__.__get__(error)
    while step is not None and (step := step.tb_next) is not None:  # the first one has caught it
        if step.tb_frame.f_code in codes or has_its_caller(step.tb_frame):
            return True
    return False


def has_its_caller(frame):
    """Among its arguments, as a handler has, which is given the frame that it interrupts. So those
    are found, too, that are no functions, or that have set another handler before they raise. Not of
    a frame that runs still: what is told of its variables would hold them as long as that does."""
    code = frame.f_code
    n_names = code.co_argcount + code.co_kwonlyargcount + bool(code.co_flags & CO_VARARGS)
    values = [frame.f_locals.get(name) for name in code.co_varnames[:n_names]]
    rest = values.pop() if code.co_flags & CO_VARARGS else None
    caller = frame.f_back
    values += rest if type(rest) is tuple else ()
    return caller is not None and any(value is caller for value in values)


def get_handlers():
    """Those of the program."""
    current = Interrupts.current
    handlers = (getsignal(signum) for signum in SIGNALS)
    return [*filter(callable, handlers), *(current.handlers.values() if current else ())]


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
        while not task.try_join():
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
