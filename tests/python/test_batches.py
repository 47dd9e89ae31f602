# SPDX-FileCopyrightText: 2026 The pcall authors
# SPDX-License-Identifier: LGPL-2.1-or-later

"""Calls of which one child runs many, in batches: whatever comes of one is what would come of it alone,
and a child that dies loses the one that it was in."""

import enum
import math
import mmap
import os
import random
import re
import select
import signal
import textwrap
import threading
import time
import unittest

try:
    import numpy
except ImportError:
    numpy = None

from support import GLib, Pcall, TestCase, run_program, shorten

N_CALLS = 3000
PATIENCE = 30


def make(targets, /, n_children=2, calls_per_child=0, **arguments):
    task = Pcall.Pcall(targets, **arguments)
    task.task.set_calls_per_child(calls_per_child)
    task.task.set_max_children(n_children)
    return task


def run(targets, /, **arguments):
    task = make(targets, **arguments)
    task.start()
    task.join()
    return task.results


def join_all(task):
    """The task, when all calls have ended, in whatever state."""
    task.start()
    try:
        task.join()
    except Pcall.ChildProcessException:
        pass
    return task


def step(task, timeout):
    """Does what there is to do, or comes to be so within that time. False when the task is over."""
    if task.task.dispatch():
        select.select([task.task.get_fd()], [], [], timeout)
    return task.task.dispatch()


class Counters:
    """A number for each call, in memory that children share."""

    def __init__(self, n_calls):
        self.numbers = memoryview(mmap.mmap(-1, 8 * n_calls)).cast("q")

    def count(self, index):
        self.numbers[index] += 1

    def __getitem__(self, index):
        return self.numbers[index]


class Color(enum.IntEnum):
    RED = 1


class Number(int):
    pass


class Results(TestCase):
    def check(self, function, n_calls=N_CALLS):
        expected = tuple(map(function, range(n_calls)))
        results = run(function, n=range(n_calls))
        self.assertEqual(results, expected)
        self.assertEqual([*map(type, results)], [*map(type, expected)])

    def test_integers(self):
        self.check(lambda n: n * n - 1000)

    def test_limits(self):
        for edge in (2**63, -(2**63), 2**64, 2**200):
            self.check(lambda n, edge=edge: edge - 2 + n % 4, 400)

    def test_floats(self):
        self.check(lambda n: n / 7)
        odd = (math.inf, -math.inf, 5e-324, 1.7976931348623157e308)
        self.check(lambda n: odd[n % 4], 400)
        results = run(lambda n: (math.nan, -0.0)[n % 2], n=range(400))
        self.assertTrue(all(map(math.isnan, results[::2])))
        self.assertEqual({math.copysign(1, result) for result in results[1::2]}, {-1.0})

    def test_truths_and_none(self):
        self.check(lambda n: n % 3 == 0)
        self.check(lambda n: None)
        self.check(lambda n: (True, False, None)[n % 3])

    def test_others(self):
        self.check(lambda n: str(n) * (n % 5))
        self.check(lambda n: (n, [n], {n: str(n)}))
        self.check(lambda n: b"\0" * (n % 100))
        self.check(lambda n: Number(n))
        self.check(lambda n: Color.RED)

    def test_mixed(self):
        self.check(lambda n: (n, n / 2, str(n), None, n > 5, (n,), 2**70)[n % 7])
        self.check(lambda n: n if n < N_CALLS / 2 else str(n))
        self.check(lambda n: "x" if n == 1234 else n)

    def test_large_among_small(self):
        self.check(lambda n: bytes(n * 1000) if n % 100 == 7 else b"small", 400)

    def test_memory(self):
        """What does not go with the pickle."""
        self.check(lambda n: bytes([n % 256]) * 100000 if n % 50 == 7 else n, 300)
        self.check(lambda n: bytes([n % 256]) * 100000 if n % 50 == 7 else str(n), 300)

    @unittest.skipIf(numpy is None, "numpy is not here")
    def test_arrays(self):
        def work(n):
            return numpy.full(20000 if n % 20 == 7 else 3, n)

        for n, result in enumerate(run(work, n=range(200))):
            self.assertTrue(numpy.array_equal(result, work(n)), n)
        self.check(lambda n: int(numpy.int64(n)), 100)
        results = run(lambda n: numpy.int64(n), n=range(100))
        self.assertEqual({*map(type, results)}, {numpy.int64})

    def test_variants(self):
        results = run(lambda n: GLib.Variant("x", n) if n % 2 else n, n=range(400))
        self.assertEqual([r.unpack() if n % 2 else r for n, r in enumerate(results)], [*range(400)])
        self.assertIsInstance(results[1], GLib.Variant)
        maybe = GLib.Variant("mx", 5)
        self.assertTrue(run(lambda n: maybe, n=range(10))[3].equal(maybe))

    def test_coroutines(self):
        async def double(n):
            return 2 * n

        self.assertEqual(run(double, n=range(300)), tuple(range(0, 600, 2)))

    def test_single_calls(self):
        task = make(lambda n: n / 2 if n % 2 else n, n=range(300))
        task.start()
        task.join()
        self.assertEqual([task[i].result() for i in range(300)], [*task.results])

    def test_few(self):
        for n_calls in (0, 1, 2, 3):
            self.check(lambda n: n, n_calls)


class Arguments(TestCase):
    def check(self, expected, function, /, **arguments):
        self.assertEqual(run(function, **arguments), tuple(expected))

    def test_kinds(self):
        def show(*args, **kwargs):
            return args, kwargs

        rows = range(200)
        self.check((((n,), {}) for n in rows), show, iargs=[(n,) for n in rows])
        self.check(((("c", n), {}) for n in rows), show, cargs=("c",), iargs=[[n] for n in rows])
        self.check((((), {"k": 1, "n": n}) for n in rows), show, ckwargs={"k": 1}, n=rows)
        self.check((((), {"k": n}) for n in rows), show, ckwargs={"k": 1}, k=rows)
        self.check((((), {"k": n}) for n in rows), show, ikwargs=[{"k": n} for n in rows])
        self.check(
            (((n,), {"k": n, "m": -n}) for n in rows),
            show,
            iargs=((n,) for n in rows),
            ikwargs=[{"k": n} for n in rows],
            m=[-n for n in rows],
        )

    def test_names(self):
        rows = range(200)
        for name in ("class", "target", "count", "each", "value0", "no name", "naïve", "cells"):
            self.check(
                ({name: n, "other": -n} for n in rows),
                lambda **kwargs: kwargs,
                **{name: rows, "other": [-n for n in rows]},
            )

    def test_targets(self):
        functions = [lambda n, i=i: n * i for i in range(200)]
        self.check((n * n for n in range(200)), functions, n=range(200))

    def test_endless(self):
        def count():
            n = 0
            while True:
                yield n
                n += 1

        self.check(((n, n) for n in range(50)), lambda a, b: (a, b), a=count(), b=[*range(50)])

    def test_list_that_changes(self):
        values = [*range(100)]
        task = make(lambda n: n, n=values)
        values.clear()
        task.start()
        task.join()
        self.assertEqual(task.results, tuple(range(100)))


class Failures(TestCase):
    def test_exceptions(self):
        def fail(n):
            if n % 100 == 50:
                raise KeyError(n)
            return n

        task = join_all(make(fail, n=range(1000)))
        for n, call in enumerate(task):
            if n % 100 != 50:
                self.assertEqual(call.result(), n)
                continue
            error = call.exception()
            self.assertEqual(error.call, n)
            self.assertEqual(error.__cause__.args, (n,))

    def test_exits_and_pickles(self):
        def fail(n):
            if n == 300:
                raise SystemExit(3)
            if n == 400:
                return threading.Lock()
            return str(n)

        task = join_all(make(fail, n=range(600)))
        failed = [n for n, call in enumerate(task) if call.exception() is not None]
        self.assertEqual(failed, [300, 400])
        self.assertIn("cannot be pickled", str(task[400].exception()))

    def test_death(self):
        counters = Counters(2000)

        def die(n):
            counters.count(n)
            if n % 500 == 123:
                os.kill(os.getpid(), signal.SIGKILL)
            return n

        task = join_all(make(die, n=range(2000)))
        for n, call in enumerate(task):
            self.assertEqual(counters[n], 1, n)
            crashed = call.state == Pcall.CallState.CRASHED
            self.assertEqual(crashed, n % 500 == 123, (n, call.exception()))
            if not crashed:
                self.assertEqual(call.result(), n)

    def test_murder(self):
        for results in (lambda n: n, lambda n: str(n)):
            for _ in range(shorten(10)):
                self.murder(results)

    def murder(self, make_result):
        n_calls = 20000
        counters = Counters(n_calls)

        def work(n):
            counters.count(n)
            return make_result(n)

        task = make(work, n=range(n_calls))
        task.start()
        while step(task, random.random() / 500):
            for child in task.livings:
                if random.random() < 0.3:
                    try:
                        os.kill(child.pid, signal.SIGKILL)
                    except ProcessLookupError:
                        pass
        n_crashed = 0
        for n, call in enumerate(task):
            self.assertLessEqual(counters[n], 1)
            if call.state == Pcall.CallState.CRASHED:
                n_crashed += 1
            else:
                self.assertEqual(call.result(), make_result(n))
                self.assertEqual(counters[n], 1)
        self.assertLessEqual(n_crashed, len(task.childs))

    def test_timeout(self):
        def sleep(n):
            if n == 50:
                time.sleep(PATIENCE)
            return n

        task = join_all_timeout(make(sleep, n=range(100), timeout=0.5))
        states = [call.state for call in task]
        self.assertEqual(states.pop(50), Pcall.CallState.TIMED_OUT)
        self.assertEqual(set(states), {Pcall.CallState.SUCCEEDED})


def join_all_timeout(task):
    task.start()
    try:
        task.join()
    except TimeoutError:
        pass
    return task


class Watched(TestCase):
    def test_slow_among_fast(self):
        """What ended before a call that lasts, in the same batch, is known while that runs."""
        read_fd, write_fd = os.pipe()
        seen = []

        def work(n):
            if n % 1000 == 999:
                os.read(read_fd, 1)
            return n

        task = make(work, n_children=1, n=range(4000))
        task.start()
        deadline = time.monotonic() + PATIENCE
        while step(task, PATIENCE):
            self.assertLess(time.monotonic(), deadline)
            n_finished = task.task.get_n_finished()
            if n_finished % 1000 == 999 and n_finished not in seen:
                seen.append(n_finished)
                os.write(write_fd, b"x")
        self.assertEqual(seen, [999, 1999, 2999, 3999])
        os.close(read_fd)
        os.close(write_fd)

    def test_signals(self):
        events = []
        task = make(lambda n: n, n=range(500))
        task.task.connect("call-started", lambda _, call: events.append((call.index, "started")))
        task.task.connect("call-finished", lambda _, call: events.append((call.index, "finished")))
        task.start()
        task.join()
        events.sort(key=lambda event: event[0])
        self.assertEqual(
            events, [(n, what) for n in range(500) for what in ("started", "finished")]
        )

    def test_messages(self):
        heard = []

        def work(n):
            if n % 7 == 3:
                Pcall.report_progress(0.5, str(n))
                Pcall.send_message(n)
            return Pcall.get_call_index()

        task = make(work, n=range(1000))
        task.task.connect(
            "call-message",
            lambda _, call, message: heard.append((call.index, Pcall.load_message(message))),
        )
        task.start()
        task.join()
        self.assertEqual(sorted(heard), [(n, n) for n in range(3, 1000, 7)])
        self.assertEqual(task.results, tuple(range(1000)))

    def collect_sections(self, source):
        """What each call of a program's task has in the log, which is all that it writes."""
        head = """
            import os
            def run(work, n_children, n_calls):
                task = Pcall.Pcall(work, n=range(n_calls))
                task.task.set_calls_per_child(0)
                task.task.set_max_children(n_children)
                task.task.set_output_mode(Pcall.OutputMode.LOG)
                task.start()
                task.join()
        """
        done = run_program(textwrap.dedent(head) + textwrap.dedent(source))
        self.assertEqual(done.returncode, 0, done.stderr)
        sections = {}
        for line in (done.stdout + done.stderr).splitlines():
            if begin := re.search(r">>>> Begin .*-call-(\d+)-pid", line):
                lines = sections[int(begin[1])] = []
            elif "<<<< End" not in line and line:
                lines.append(line)
        return sections

    def test_output(self):
        sections = self.collect_sections("""
            def work(n):
                if n % 97 == 5:
                    print("line of", n, end="")
                return n
            run(work, 2, 1000)
        """)
        self.assertEqual([*sections], [*range(5, 1000, 97)])
        for n, lines in sections.items():
            self.assertEqual(len(lines), 1)
            self.assertTrue(lines[0].endswith(f"line of {n}"), lines)

    def test_output_of_others(self):
        """What does not go through Python's streams is there, if not always with its own call."""
        sections = self.collect_sections("""
            def work(n):
                if n == 700:
                    os.write(1, b"from below\\n")
                return n
            run(work, 1, 2000)
        """)
        ((index, lines),) = sections.items()
        self.assertGreaterEqual(index, 700)
        self.assertTrue(any("from below" in line for line in lines), lines)
        if index != 700:
            self.assertTrue(any("may be that of" in line for line in lines), lines)

    def test_limit(self):
        task = make(lambda n: n, calls_per_child=7, n=range(100))
        task.start()
        task.join()
        pids = [call.pid for call in task]
        self.assertLessEqual(max(map(pids.count, pids)), 7)
        self.assertEqual(task.results, tuple(range(100)))


if __name__ == "__main__":
    unittest.main()
