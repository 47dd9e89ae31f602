# SPDX-FileCopyrightText: 2026 The pcall authors
# SPDX-License-Identifier: LGPL-2.1-or-later

"""Ctrl-C, and other signals that Python handles."""

import dis
import functools
import gc
import math
import os
import signal
import subprocess
import sys
import threading
import time
import unittest
from decimal import Decimal
from fractions import Fraction

from support import GLib, Pcall, TestCase, is_alive, run_program, shorten

N_INTERRUPTS = shorten(100)


def interrupt_after(seconds):
    """From the time on that this has returned, however long it takes to start the thread."""
    started = threading.Event()

    def interrupt():
        started.wait()
        time.sleep(seconds)
        os.kill(os.getpid(), signal.SIGINT)

    timer = threading.Thread(target=interrupt)
    timer.start()
    started.set()
    return timer


def tell_and_sleep(fd):
    os.write(fd, b"x")
    time.sleep(60)


class Interrupts(TestCase):
    def check_join(self, join, *arguments):
        p = Pcall.Pcall(time.sleep, iargs=[(60,)] * 2)
        p.start()
        pids = p.pids
        timer = interrupt_after(0.1)
        begun = time.monotonic()
        with self.assertRaises(KeyboardInterrupt):
            join(p, *arguments)
        self.assertLess(time.monotonic() - begun, 20)
        timer.join()
        return pids

    def test_join(self):
        pids = self.check_join(Pcall.Pcall.join)
        deadline = time.monotonic() + 5
        while any(map(is_alive, pids)):
            self.assertLess(time.monotonic(), deadline, "a child goes on")

    def test_join_with_a_timeout(self):
        self.check_join(Pcall.Pcall.join, 30)

    def test_as_completed(self):
        self.check_join(lambda p: list(Pcall.as_completed(p)))

    def test_pcall(self):
        timer = interrupt_after(0.1)
        with self.assertRaises(KeyboardInterrupt):
            Pcall.pcall(time.sleep, iargs=[(60,)])
        timer.join()

    def test_executor(self):
        """Leaving `with` by Ctrl-C ends what runs, of which the terminal tells children nothing."""
        read_fd, write_fd = os.pipe()
        with self.assertRaises(KeyboardInterrupt), Pcall.Executor(1) as executor:
            futures = [executor.submit(tell_and_sleep, write_fd) for _ in range(5)]
            self.assertEqual(os.read(read_fd, 1), b"x")
            signal.raise_signal(signal.SIGINT)
        self.assertEqual(futures[0].exception(0).signal, signal.SIGTERM)
        self.assertEqual([future.cancelled() for future in futures[1:]], [True] * 4)
        os.close(read_fd)
        os.close(write_fd)

    def test_that_comes_while_children_are_made(self):
        """Wherever it comes, it is neither lost nor raised where nobody can catch it."""
        hooks = []
        os.register_at_fork(before=lambda: hooks.append(1), after_in_parent=lambda: hooks.append(2))
        for i in range(N_INTERRUPTS):
            with self.assertRaises(KeyboardInterrupt):
                timer = interrupt_after(0.01 + i / 2000)
                for _ in range(200):
                    Pcall.pcall(lambda n: n, n=range(5))
            timer.join()
            self.assertEqual(hooks.count(1), hooks.count(2))

    def test_that_came_before_join(self):
        p = Pcall.Pcall(time.sleep, iargs=[(60,)])
        p.start()
        with self.assertRaises(KeyboardInterrupt):
            os.kill(os.getpid(), signal.SIGINT)
            p.join()

    def test_handler_and_wake_up_descriptor_stay(self):
        read_fd, write_fd = os.pipe()
        os.set_blocking(write_fd, False)
        signal.set_wakeup_fd(write_fd)
        try:
            self.check_join(Pcall.Pcall.join)
            self.assertIs(signal.getsignal(signal.SIGINT), signal.default_int_handler)
        finally:
            self.assertEqual(signal.set_wakeup_fd(-1), write_fd)
            os.close(write_fd)
        self.assertEqual(os.read(read_fd, 9), bytes([signal.SIGINT]))
        os.close(read_fd)

    def test_own_handler(self):
        heard = []
        before = signal.signal(signal.SIGINT, lambda signum, frame: heard.append(signum))
        try:
            timer = interrupt_after(0.1)
            self.assertEqual(Pcall.pcall(time.sleep, iargs=[(0.5,)]), (None,))
            timer.join()
        finally:
            signal.signal(signal.SIGINT, before)
        self.assertEqual(heard, [signal.SIGINT])

    def test_handler_that_raises(self):
        def raise_it(signum, frame):
            raise LookupError("alarm")

        before = signal.signal(signal.SIGALRM, raise_it)
        p = Pcall.Pcall(time.sleep, iargs=[(60,)])
        p.start()
        try:
            signal.setitimer(signal.ITIMER_REAL, 0.1)
            with self.assertRaisesRegex(LookupError, "alarm"):
                p.join()
        finally:
            signal.signal(signal.SIGALRM, before)

    def test_in_another_thread(self):
        """There, signals are not heard; and join() works as ever."""
        results = []
        thread = threading.Thread(target=lambda: results.append(Pcall.pcall(abs, iargs=[(-1,)])))
        thread.start()
        thread.join()
        self.assertEqual(results, [(1,)])

    def test_join_in_a_handler(self):
        """A task that is joined by a handler of another one's signal is joined as ever."""
        inner = []

        def join_another(task, call):
            p = Pcall.Pcall(time.sleep, iargs=[(60,)])
            p.start()
            inner.extend(p.pids)
            interrupt_after(0.1)
            with self.assertRaises(KeyboardInterrupt):
                p.join(30)
            reached.append(time.monotonic())

        reached = []
        p = Pcall.Pcall(time.sleep, iargs=[(0,), (60,)])
        p.task.connect("call-finished", join_another)
        p.start()
        begun = time.monotonic()
        with self.assertRaises(KeyboardInterrupt):
            p.join()
        self.assertLess(time.monotonic() - begun, 10)
        self.assertEqual(len(reached), 1)
        self.assertIs(signal.getsignal(signal.SIGINT), signal.default_int_handler)
        deadline = time.monotonic() + 5
        while any(map(is_alive, inner)):
            self.assertLess(time.monotonic(), deadline, "a child goes on")

    def test_without_descriptors(self):
        """Where a task fails for want of them Ctrl-C is what it was, and a join is interrupted."""
        program = run_program(
            """
            import os, resource, signal, threading, time
            def fill():
                held = []
                try:
                    while True:
                        held.append(os.open("/dev/null", os.O_RDONLY))
                except OSError:
                    return held
            def try_all():
                for call in (
                    lambda: Pcall.pcall(int),
                    lambda: Pcall.Pcall(int).start(),
                    lambda: Pcall.pcall(Pcall.Spawned(int)),
                ):
                    try:
                        call()
                        print("started")
                    except (RuntimeError, OSError, GLib.Error):
                        pass
            Pcall.pcall(int)
            p = Pcall.Pcall(time.sleep, iargs=[(60,)])
            p.start()
            q = Pcall.Pcall(lambda: time.sleep(0.3) or 5)
            q.start()
            resource.setrlimit(resource.RLIMIT_NOFILE, (64, 64))
            held = fill()
            try_all()
            print(signal.getsignal(signal.SIGINT) is signal.default_int_handler)
            q.join()
            print(q.results)
            threading.Timer(0.2, os.kill, (os.getpid(), signal.SIGINT)).start()
            begun = time.monotonic()
            try:
                p.join()
            except KeyboardInterrupt:
                print("interrupted", time.monotonic() - begun < 5)
            print(signal.getsignal(signal.SIGINT) is signal.default_int_handler)
            print(signal.set_wakeup_fd(-1))
            for fd in held:
                os.close(fd)
            try:
                os.kill(os.getpid(), signal.SIGINT)
                time.sleep(5)
            except KeyboardInterrupt:
                print("as it was")
            print(Pcall.pcall(lambda: 7))
            """
        )
        expected = "True\n(5,)\ninterrupted True\nTrue\n-1\nas it was\n(7,)\n"
        self.assertEqual((program.stdout, program.returncode), (expected, 0), program.stderr)

    def test_program(self):
        """A program that is interrupted ends as Python programs do, and its children with it."""
        source = """
import gi; gi.require_version("Pcall", "1.0")
from gi.repository import Pcall
import os, time
def target():
    os.write(1, b"%d\\n" % os.getpid())
    time.sleep(60)
p = Pcall.Pcall([target, target])
p.task.set_log_mode(Pcall.LogMode.INHERIT)
p.start()
p.join()
"""
        with subprocess.Popen(
            [sys.executable, "-c", source],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        ) as program:
            pids = [int(program.stdout.readline()) for _ in range(2)]
            program.send_signal(signal.SIGINT)
            _, errors = program.communicate(timeout=20)
        self.assertEqual(program.returncode, -signal.SIGINT)
        self.assertIn("KeyboardInterrupt", errors)
        self.assertNotIn("ignored", errors)
        deadline = time.monotonic() + 5
        while any(map(is_alive, pids)):
            self.assertLess(time.monotonic(), deadline, "a child goes on")


def get_file(module):
    return sys.modules[module].__file__


class Moments:
    """Raises a signal in a task at a moment of one's choice, and not of a clock's.

    The interpreter looks for signals where a function begins, behind a call and where a loop goes
    back. These moments are counted once for each place in the code, in what waits for tasks and
    threads, and in what PyGObject runs where a variant ends.
    """

    FILES = {
        get_file("gi.overrides._pcall.waiting"),
        get_file("gi.overrides._pcall.futures"),
        get_file("gi.overrides.GLib"),
        get_file("threading"),
    }
    LOOKS = {
        code
        for name, code in dis.opmap.items()
        if name in ("RESUME", "CALL", "CALL_FUNCTION_EX", "CALL_KW")
        or ("BACKWARD" in name and "NO_INTERRUPT" not in name)
    }

    def __init__(self, signum):
        self.signum = signum
        self.pid = os.getpid()

    def run(self, function, number):
        """How many moments there were. At the one of this number the signal is raised."""
        self.number = number
        self.places = set()
        self.last = {}
        sys.settrace(self.trace)
        try:
            function()
        finally:
            sys.settrace(None)
            self.last.clear()
        return len(self.places)

    def trace(self, frame, event, argument):
        if os.getpid() != self.pid:
            sys.settrace(None)
        if frame.f_code.co_filename not in self.FILES:
            return None
        if event == "call":
            frame.f_trace_opcodes = True
            frame.f_trace_lines = False
            self.last[frame] = dis.opmap["RESUME"]
        elif event == "opcode":
            last = self.last.get(frame)
            self.last[frame] = frame.f_code.co_code[frame.f_lasti]
            if last in self.LOOKS:
                self.come(frame)
        return self.trace

    def come(self, frame):
        place = frame.f_code, frame.f_lasti
        if place not in self.places:
            self.places.add(place)
            if len(self.places) == self.number:
                signal.raise_signal(self.signum)


class Alarms(TestCase):
    """What the handler of a signal raises is raised once, and where somebody can catch it."""

    def setUp(self):
        super().setUp()
        self.n_calls = 0
        self.hidden = []
        self.hook, sys.unraisablehook = sys.unraisablehook, self.hidden.append
        self.before = signal.signal(signal.SIGALRM, self.handle)

    def tearDown(self):
        signal.signal(signal.SIGALRM, self.before)
        sys.unraisablehook = self.hook
        gc.collect()  # what is traced is held by its own variables, in CPython before 3.13
        super().tearDown()

    def handle(self, signum, frame):
        self.n_calls += 1
        raise TimeoutError("alarm")

    def check_moments(self, function):
        moments = Moments(signal.SIGALRM)
        moments.run(function, 0)
        number, n_moments = 1, moments.run(function, 0)
        self.assertGreater(n_moments, 20)
        while number <= n_moments:
            self.n_calls = n_raised = 0
            try:
                moments.run(function, number)
            except TimeoutError as error:
                self.assertEqual(str(error), "alarm")
                n_raised = 1
            self.assertEqual((number, n_raised, self.hidden), (number, self.n_calls, []))
            self.assertEqual(signal.getsignal(signal.SIGALRM), self.handle)
            self.assertEqual(signal.getsignal(signal.SIGINT), signal.default_int_handler)
            number += 1

    def test_of_map(self):
        self.check_moments(lambda: [*Pcall.map(abs, range(3), max_children=1)])

    def test_of_pcall(self):
        self.check_moments(lambda: Pcall.pcall(abs, iargs=[(-1,)]))

    def test_of_an_executor(self):
        """It comes to its end, and the next one goes on as ever."""

        def work():
            with Pcall.Executor(1) as executor:
                self.assertEqual([*executor.map(abs, range(-3, 0))], [3, 2, 1])

        self.check_moments(work)
        work()

    def test_of_calls(self):
        """Numbers and strings come as variants."""

        def work():
            with Pcall.Pcall([int, str]) as p:
                p.start()
                for call in Pcall.as_completed(p):
                    call.result()

        self.check_moments(work)

    def test_of_errors(self):
        def work():
            try:
                Pcall.pcall(int, iargs=[("x",)])
            except Pcall.ChildProcessException:
                pass

        self.check_moments(work)

    def test_of_what_is_pickled(self):
        """It is no failure to pickle, whatever the handler is and does."""

        class Value:
            def __reduce__(self):
                signal.raise_signal(signal.SIGALRM)
                return int, ()

        class Handler:
            __call__ = staticmethod(self.handle)

        def ignore(signum, frame):
            signal.signal(signal.SIGALRM, signal.SIG_IGN)
            raise TimeoutError("alarm")

        handlers = (self.handle, functools.partial(self.handle), Handler(), ignore)
        for handler in handlers:
            with self.subTest(handler):
                signal.signal(signal.SIGALRM, handler)
                with self.assertRaisesRegex(TimeoutError, "^alarm$"):
                    list(Pcall.map(abs, [1, Value(), Value()], max_children=1))
                signal.signal(signal.SIGALRM, handler)
                with self.assertRaisesRegex(TimeoutError, "^alarm$"):
                    Pcall.pcall(Pcall.Spawned(abs), iargs=[(Value(),)])


class Timeouts(TestCase):
    """Of `join()`. None that is wrong ends anything."""

    def setUp(self):
        super().setUp()
        self.read_fd, self.write_fd = os.pipe()
        self.p = Pcall.Pcall(lambda: os.read(self.read_fd, 1))
        self.p.start()

    def tearDown(self):
        os.write(self.write_fd, b"x")
        self.p.join()
        self.assertEqual(self.p.results, (b"x",))
        os.close(self.read_fd)
        os.close(self.write_fd)
        del self.p
        super().tearDown()

    def test_that_pass(self):
        for timeout in (0, 0.0, 0.01, Fraction(1, 100), Decimal("0.01"), 5e-324):
            with self.subTest(timeout), self.assertRaisesRegex(TimeoutError, "they go on"):
                self.p.join(timeout)

    def test_that_are_wrong(self):
        wrong = ("1", b"1", True, [1], object(), 1j, {}, math.nan, Decimal("nan"), time)
        for timeout in wrong:
            with self.subTest(timeout), self.assertRaises((TypeError, ValueError)):
                self.p.join(timeout)
            self.assertTrue(self.p.livings)

    def test_that_are_long(self):
        for timeout in (
            2_000_000,
            2_147_483.648,
            9_999_999,
            2**40,
            2**63,
            10**400,
            threading.TIMEOUT_MAX,
            sys.float_info.max,
            math.inf,
            -1,
            -0.5,
            -(10**400),
            -math.inf,
            None,
        ):
            with self.subTest(timeout):
                p = Pcall.Pcall(lambda: time.sleep(0.02) or 5)
                p.start()
                p.join(timeout)
                self.assertEqual(p.results, (5,))


class Waiting(TestCase):
    def test_costs_nothing(self):
        before = time.process_time()
        Pcall.pcall(time.sleep, iargs=[(1,)])
        self.assertLess(time.process_time() - before, 0.2)

    def test_join_in_a_main_loop_does_not_iterate_it(self):
        called = []
        source = GLib.idle_add(lambda: called.append(1))
        Pcall.pcall(time.sleep, iargs=[(0.1,)])
        self.assertEqual(called, [])
        GLib.source_remove(source)


if __name__ == "__main__":
    unittest.main()
