# SPDX-FileCopyrightText: 2026 The pcall authors
# SPDX-License-Identifier: LGPL-2.1-or-later

"""Calls that are run in this process, for a debugger: as they would be in children."""

import asyncio
import os
import threading
import traceback
import unittest
from unittest import mock

from support import GLib, Pcall, TestCase, has_children, run_program

HERE = Pcall.Options(debug=True)


def add(x, y=0):
    return x + y


def fail(x):
    raise LookupError(x)


def pid(*_):
    return os.getpid()


class Custom(Exception):
    def __init__(self, a, b):
        super().__init__(a, b)


def describe(p):
    """What came of a task, but for where."""
    outcomes = []
    for call in p:
        error = call.exception()
        kinds = type(error), type(getattr(error, "__cause__", None)), getattr(error, "call", None)
        outcomes.append((call.index, call.state, str(error), kinds, error or call.result()))
    return [(*known, repr(value)) for *known, value in outcomes]


class Tasks(TestCase):
    def run_both(self, *args, **kwargs):
        """The same in children and here."""
        options = kwargs.pop("options", {})
        found = []
        for debug in (False, True):
            p = Pcall.Pcall(*args, **kwargs, options=Pcall.Options(debug=debug, **options))
            p.start()
            try:
                p.join()
            except Pcall.ChildProcessException as error:
                found.append((p.results, type(error), str(error), describe(p)))
            else:
                found.append((p.results, None, None, describe(p)))
        self.assertEqual(*found)
        return found[1]

    def test_same(self):
        async def wait():
            await asyncio.sleep(0)
            return 5

        def leave():
            raise SystemExit(3)

        variant = GLib.Variant("(is)", (1, "a"))

        def raise_gerror():
            raise GLib.Error("text", "domain", 5)

        def raise_custom():
            raise Custom(1, 2)

        self.assertEqual(self.run_both(add, x=(1, 2, 3), y=(4, 5, 6))[0], (5, 7, 9))
        self.assertEqual(self.run_both(wait)[0], (5,))
        self.assertEqual(self.run_both([int, dict, list])[0], (0, {}, []))
        self.assertEqual(self.run_both([])[0], ())
        self.assertEqual(self.run_both(lambda: variant.unpack())[0], ((1, "a"),))
        for function in (fail, lambda x: 1 / 0, lambda x: lambda: 0, lambda: 5):
            self.run_both(function, x=(1, 2))
        for function in (leave, raise_gerror, raise_custom, threading.Lock):
            self.run_both(function)
        self.run_both(Pcall.Spawned(add), x=(1, "a"), y=(2, 3))

    def test_policy(self):
        options = {"failure_policy": Pcall.FailurePolicy.STOP, "max_children": 1}
        p = Pcall.Pcall([int, fail, str], cargs=(5,), options=Pcall.Options(debug=True, **options))
        p.start()
        self.assertEqual(
            [call.state.value_nick for call in p], ["succeeded", "failed", "cancelled"]
        )
        self.assertIs(type(p[2].exception()), Pcall.Cancelled)

    def test_here(self):
        """In this process, and in order."""
        order = []
        results = Pcall.pcall(lambda n: order.append(n) or os.getpid(), n=range(4), options=HERE)
        self.assertEqual(results, (os.getpid(),) * 4)
        self.assertEqual(order, [0, 1, 2, 3])
        self.assertEqual(asyncio.run(Pcall.pcall_async(pid, options=HERE)), (os.getpid(),))
        with Pcall.Pcall(pid, options=HERE) as p:
            p.start()
            self.assertEqual((p.childs, p.livings, p.pids), ((), (), ()))
            self.assertRegex(repr(p), "<Pcall of 1 call.*: over, 1 ended>")
            self.assertRegex(repr(p[0]), r"<Call 0 pid\(\): succeeded after \S+ s>")
            self.assertEqual((p[0].args, p[0].kwargs, p[0].pid), ((), {}, os.getpid()))
        self.assertFalse(has_children())

    def test_results_are_copies(self):
        kept = []
        (result,) = Pcall.pcall(lambda: kept, options=HERE)
        self.assertIsNot(result, kept)

    def test_traceback(self):
        """The exception is the very one, with the frames of the call; a debugger finds them."""
        raised = LookupError("x")

        def fail():
            local = 5
            raise raised

        with self.assertRaises(Pcall.ChildProcessException) as context:
            Pcall.pcall(fail, options=HERE)
        self.assertIs(context.exception.__cause__, raised)
        frames = [*traceback.walk_tb(raised.__traceback__)]
        self.assertEqual(frames[-1][0].f_locals["local"], 5)
        self.assertEqual(len(frames), 1)

    def test_signals(self):
        def work(n):
            Pcall.report_progress(0.5, f"half of {n}")
            Pcall.send_message({n})
            return fail(n) if n else Pcall.get_call_index()

        told = []
        p = Pcall.Pcall(work, n=[0, 1], options=HERE)
        p.task.connect("call-started", lambda _, call: told.append(("started", call.index)))
        p.task.connect("call-progress", lambda _, call, *data: told.append((call.index, *data)))
        p.task.connect("call-message", lambda _, call, m: told.append(Pcall.load_message(m)))
        p.task.connect("call-failed", lambda _, call, error: told.append(error.message))
        p.task.connect("call-finished", lambda _, call: told.append(call.done()))
        p.task.connect("finished", lambda _: told.append("finished"))
        p.start()
        first = [("started", 0), (0, 0.5, "half of 0"), {0}, True]
        message = "call 1 (work): LookupError: 1"
        second = [("started", 1), (1, 0.5, "half of 1"), {1}, message, True, "finished"]
        self.assertEqual(told, first + second)
        self.assertEqual([call.index for call in Pcall.as_completed(p)], [0, 1])
        self.assertEqual((p.task.get_n_finished(), p.task.get_n_failed()), (2, 1))
        self.assertEqual((p.task.get_fraction(), p.task.get_results()), (1, None))
        self.assertEqual(p.task.dup_first_failed().index, 1)
        self.assertEqual(p[1].dup_error().message, message)

    def test_progress(self):
        seen = []
        options = Pcall.Options(debug=True, progress=lambda *numbers: seen.append(numbers), nice=3)
        Pcall.pcall(add, x=[1, 2], options=options)
        self.assertEqual(seen, [(1, 2), (2, 2)])

    def test_terminate(self):
        """What has not begun never does."""
        p = Pcall.Pcall(pid, iargs=[()] * 4, options=HERE)

        def finished(task, call):
            if call.index == 0:
                p[2].terminate()
            if call.index == 1:
                p.terminate()

        p.task.connect("call-finished", finished)
        p.start()
        nicks = [call.state.value_nick for call in p]
        self.assertEqual(nicks, ["succeeded", "succeeded", "cancelled", "cancelled"])
        with self.assertRaises(Pcall.Cancelled):
            p.join()

    def test_nested(self):
        """Calls of a call, each with its own index."""

        def outer(n):
            inner = Pcall.pcall(lambda m: (m, Pcall.get_call_index()), m=["a", "b"], options=HERE)
            return n, Pcall.get_call_index(), inner

        results = Pcall.pcall(outer, n=[7, 8], options=HERE)
        self.assertEqual(results, tuple((7 + i, i, (("a", 0), ("b", 1))) for i in range(2)))

    def test_in_a_loop(self):
        """A coroutine as a target, where asyncio's loop runs already."""

        async def double(n):
            await asyncio.sleep(0)
            return fail(n) if n > 2 else 2 * n

        async def main():
            with self.assertRaises(Pcall.ChildProcessException) as raised:
                await Pcall.pcall_async(double, n=[3], options=HERE)
            self.assertIsInstance(raised.exception.__cause__, LookupError)
            return await Pcall.pcall_async(double, n=[1, 2], options=HERE)

        self.assertEqual(asyncio.run(main()), (2, 4))

    def test_interrupt(self):
        """Ctrl-C is the user's, and no call's. So is leaving the debugger."""
        import bdb

        for kind in (KeyboardInterrupt, bdb.BdbQuit):

            def interrupt(n):
                order.append(n)
                raise kind

            order = []
            with self.subTest(kind), self.assertRaises(kind):
                Pcall.pcall(interrupt, n=[1, 2], options=HERE)
            self.assertEqual(order, [1])

    def test_twice(self):
        p = Pcall.Pcall(int, options=HERE)
        with self.assertRaisesRegex(RuntimeError, "call start"):
            p.join()
        p.start()
        with self.assertRaisesRegex(RuntimeError, "a task runs once"):
            p.start()

    def test_bad_input(self):
        """As without."""
        with self.assertRaisesRegex(TypeError, "x must be an iterable"):
            Pcall.pcall(add, x=5, options=HERE)
        with self.assertRaisesRegex(ValueError, "timeout must be 0 seconds or more"):
            Pcall.pcall(add, -1, options=HERE)
        with self.assertRaisesRegex(TypeError, "debug must be True or False, not str"):
            Pcall.Options(debug="in-process")
        with self.assertRaisesRegex(TypeError, "debug must be True or False, not int"):
            Pcall.map(add, [1], debug=1)
        with self.assertRaisesRegex(TypeError, "debug must be True or False, not int"):
            Pcall.Executor(debug=1)


class Others(TestCase):
    def test_map(self):
        pids = Pcall.map(pid, range(3), debug=True)
        self.assertEqual([*pids], [os.getpid()] * 3)
        begun = []
        results = Pcall.map(lambda n: begun.append(n) or n * n, range(1000), debug=True)
        self.assertEqual(next(results), 0)
        self.assertEqual(begun, [0])
        self.assertEqual([*results], [n * n for n in range(1, 1000)])
        self.assertEqual([*Pcall.map(add, [1, 2], [3, 4, 5], debug=True, ordered=False)], [4, 6])

    def test_map_that_fails(self):
        results = Pcall.map(lambda n: 6 // n, (3, 0, 2), debug=True)
        self.assertEqual(next(results), 2)
        with self.assertRaises(Pcall.ChildProcessException) as raised:
            next(results)
        self.assertEqual(
            (type(raised.exception.__cause__), raised.exception.call), (ZeroDivisionError, 1)
        )
        options = {"return_exceptions": True, "debug": True}
        first, error, last = Pcall.map(lambda n: 6 // n, (3, 0, 2), **options)
        self.assertEqual((first, type(error.__cause__), last), (2, ZeroDivisionError, 3))

    def test_map_with_options(self):
        seen, prepared, tried = [], [], []

        def work(n):
            tried.append(n)
            return fail(n) if tried.count(n) < 3 else n

        options = {"retries": 2, "initializer": lambda: prepared.append(1), "debug": True}
        results = Pcall.map(work, "ab", progress=lambda *n: seen.append(n), **options)
        self.assertEqual([*results], ["a", "b"])
        self.assertEqual((prepared, tried, seen), ([1], [*"aaabbb"], [(1, 2), (2, 2)]))
        with self.assertRaises(Pcall.ChildProcessException) as raised:
            list(Pcall.map(work, "c", initializer=lambda: 1 / 0, debug=True))
        self.assertIsInstance(raised.exception.__cause__, ZeroDivisionError)

    def test_amap(self):
        async def collect():
            return [result async for result in Pcall.amap(pid, range(3), debug=True)]

        self.assertEqual(asyncio.run(collect()), [os.getpid()] * 3)

    def test_executor(self):
        with Pcall.Executor(2, initializer=fail, initargs=(1,), debug=True) as executor:
            with self.assertRaises(Exception) as raised:
                executor.submit(pid)
            self.assertIn("LookupError", str(raised.exception))
        with Pcall.Executor(debug=True) as executor:
            future = executor.submit(pid)
            self.assertTrue(future.done())
            self.assertEqual(future.result(), os.getpid())
            self.assertIsInstance(executor.submit(fail, 1).exception(), LookupError)
            self.assertEqual([*executor.map(add, range(5), range(5))], [0, 2, 4, 6, 8])
            with self.assertRaises(ZeroDivisionError):
                list(executor.map(lambda n: 1 // n, [1, 0]))
            nested = executor.submit(lambda: executor.submit(add, 1, 2).result())
            self.assertEqual(nested.result(), 3)
        with self.assertRaises(RuntimeError):
            executor.submit(pid)
        self.assertFalse(has_children())

    def test_environment(self):
        source = """
            import os
            pid = os.getpid()
            here = [Pcall.pcall(os.getpid) == (pid,), [*Pcall.map(lambda n: os.getpid(), [1])] == [pid]]
            with Pcall.Executor() as executor:
                here.append(executor.submit(os.getpid).result() == pid)
            print(*here)
        """
        for value, expected in (
            ("in-process", "True"),
            ("x,in-process", "True"),
            ("other", "False"),
        ):
            environment = {**os.environ, "PCALL_DEBUG": value}
            done = run_program(source, env=environment)
            self.assertEqual(done.stdout.split(), [expected] * 3, done.stderr)
        with mock.patch.dict(os.environ, {"PCALL_DEBUG": "in-process"}):
            self.assertEqual(Pcall.pcall(pid), (os.getpid(),))

    def test_breakpoint(self):
        """pdb in a call finds its variables, and leaving it leaves the program."""
        source = """
            def work(n):
                square = n * n
                breakpoint()
                return square
            print("results", Pcall.pcall(work, n=[2, 3], options=Pcall.Options(debug=True)))
        """
        done = run_program(source, input="p square\nc\np square\nc\n")
        self.assertIn("(Pdb) 4\n", done.stdout, done.stderr)
        self.assertIn("(Pdb) 9\n", done.stdout)
        self.assertIn("results (4, 9)\n", done.stdout)
        done = run_program(source, input="q\n")
        self.assertIn("bdb.BdbQuit", done.stderr)
        self.assertEqual(done.stdout.count("(Pdb)"), 1)


if __name__ == "__main__":
    unittest.main()
