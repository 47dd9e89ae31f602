# SPDX-FileCopyrightText: 2026 The pcall authors
# SPDX-License-Identifier: LGPL-2.1-or-later

"""What a task, its calls and its exceptions are like in Python: in `with`, in a `repr()`, as a
pickle."""

import asyncio
import inspect
import itertools
import os
import pickle
import signal
import subprocess
import sys
import threading
import time
import unittest

from support import GLib, Pcall, TestCase, has_children

PATIENCE = 60


def add(x, y=0):
    return x + y


class Quit(Exception):
    pass


class With(TestCase):
    """Nothing is left running behind it."""

    def start(self, n_calls=3):
        return Pcall.Pcall(time.sleep, iargs=[(PATIENCE,)] * n_calls)

    def assertEnded(self, p):
        self.assertFalse(p.livings)
        self.assertFalse(has_children())
        self.assertTrue(all(call.done() for call in p))

    def test_with(self):
        with self.start() as p:
            p.start()
            self.assertEqual(len(p.livings), 3)
        self.assertEnded(p)
        self.assertIsNone(p.results)
        with self.assertRaises(Pcall.Cancelled):
            p.join()

    def test_joined(self):
        with Pcall.Pcall(add, x=(1, 2), y=(3, 4)) as p:
            p.start()
            p.join()
        self.assertEqual(p.results, (4, 6))
        p.join()

    def test_not_started(self):
        with self.start() as p:
            pass
        p.start()
        p.terminate()
        with self.assertRaises(Pcall.Cancelled):
            p.join()

    def test_exception(self):
        with self.assertRaises(Quit), self.start() as p:
            p.start()
            raise Quit
        self.assertEnded(p)

    def test_failed(self):
        with self.assertRaises(Pcall.ChildProcessException):
            with Pcall.Pcall([lambda: 1 / 0, lambda: time.sleep(PATIENCE)]) as p:
                p.start()
                next(Pcall.as_completed(p)).result()
        self.assertEnded(p)

    def test_stubborn(self):
        """What ignores SIGTERM is killed when the grace period has passed."""

        def stay():
            signal.signal(signal.SIGTERM, signal.SIG_IGN)
            Pcall.report_progress(1)
            time.sleep(PATIENCE)

        with Pcall.Pcall(stay, options=Pcall.Options(grace_period=0.1)) as p:
            p.start()
            while p[0].get_progress() < 1:
                time.sleep(0.001)
        self.assertEnded(p)
        self.assertEqual(p.childs[0].exitcode, -signal.SIGKILL)

    def test_in_a_thread(self):
        ps = []

        def run():
            with self.start() as p:
                ps.append(p)
                p.start()

        threads = [threading.Thread(target=run) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        for p in ps:
            self.assertFalse(p.livings)

    def test_async(self):
        async def run(raises):
            async with self.start() as p:
                ps.append(p)
                p.start()
                if raises:
                    raise Quit

        ps = []
        asyncio.run(run(False))
        with self.assertRaises(Quit):
            asyncio.run(run(True))
        for p in ps:
            self.assertEnded(p)

    def test_async_joined(self):
        async def run():
            async with Pcall.Pcall(add, x=(1, 2)) as p:
                return await p

        self.assertEqual(asyncio.run(run()), (1, 2))

    def test_async_cancelled(self):
        """Within it, and while it waits at its end."""

        async def run():
            async with self.start() as p:
                ps.append(p)
                await p

        async def main():
            task = asyncio.create_task(run())
            while not (ps and ps[0].livings):
                await asyncio.sleep(0.001)
            task.cancel()
            with self.assertRaises(asyncio.CancelledError):
                await task

        ps = []
        asyncio.run(main())
        self.assertFalse(ps[0].livings)

    def test_async_on_glib(self):
        async def run():
            async with self.start() as p:
                p.start()
            return p

        loop = GLib.MainLoop()
        future = Pcall.run_coroutine(run())
        future.add_done_callback(lambda _: loop.quit())
        loop.run()
        self.assertEnded(future.result())


class Arguments(TestCase):
    def test_of_functions(self):
        """The very objects."""
        lock = threading.Lock()
        lists = {"ikwargs": [{"b": 2}, {"b": 3}], "c": [4, 5]}
        p = Pcall.Pcall(lambda *_, **__: None, cargs=(lock,), ckwargs={"a": 1}, **lists)
        p.start()
        self.assertEqual([call.args for call in p], [(lock,), (lock,)])
        self.assertIs(p[0].args[0], lock)
        expected = [{"a": 1, "b": 2, "c": 4}, {"a": 1, "b": 3, "c": 5}]
        self.assertEqual([call.kwargs for call in p], expected)
        p.join()
        self.assertEqual([call.kwargs for call in p], expected)

    def test_of_spawned(self):
        expected = [{"x": {1}, "y": {3}}, {"x": {2}, "y": {4}}]
        p = Pcall.Pcall(Pcall.Spawned(dict), x=[{1}, {2}], y=({3}, {4}))
        p.start()
        self.assertEqual([(call.args, call.kwargs) for call in p], [((), row) for row in expected])
        p.join()
        self.assertEqual(p.results, tuple(expected))

    def test_of_variants(self):
        task = Pcall.Task.new_for_func(lambda args, kwargs: args)
        task.set_instance_args(GLib.Variant("a(is)", [(1, "a"), (2, "b")]))
        task.set_common_kwargs(GLib.Variant("a{sv}", {"k": GLib.Variant("d", 0.5)}))
        task.run()
        self.assertEqual([call.args for call in task], [(1, "a"), (2, "b")])
        self.assertEqual(task[1].kwargs, {"k": 0.5})
        self.assertRegex(repr(task[0]), r"<Call 0 .*\(1, 'a', k=0\.5\): succeeded after .* s>")

    def test_when_the_task_is_gone(self):
        p = Pcall.Pcall(add, x=[1])
        p.start()
        p.join()
        call = p[0]
        del p
        with self.assertRaisesRegex(LookupError, "the task is gone"):
            call.args
        self.assertRegex(repr(call), r"<Call 0 add\(…\): succeeded after .* s>")
        self.assertEqual(call.result(), 1)


class Repr(TestCase):
    def test_task(self):
        p = Pcall.Pcall(add, x=[1, 2, "x"], y=(1, 2, 3))
        self.assertEqual(repr(p), "<Pcall of 3 calls of add: not started>")
        self.assertEqual(repr(p.task), "<Task of 3 calls of add: not started>")
        p.start()
        with self.assertRaises(Pcall.ChildProcessException):
            p.join()
        self.assertEqual(repr(p), "<Pcall of 3 calls of add: over, 3 ended, 1 failed>")
        self.assertEqual(repr(p.task), "<Task of 3 calls of add: over, 3 ended, 1 failed>")
        self.assertRegex(repr(p[0]), r"<Call 0 add\(x=1, y=1\): succeeded after \S+ s>")
        self.assertRegex(repr(p[2]), r"<Call 2 add\(x='x', y=3\): failed after \S+ s>")

    def test_running(self):
        with Pcall.Pcall([time.sleep, int], cargs=(PATIENCE,)) as p:
            p.start()
            next(Pcall.as_completed(p))
            self.assertEqual(repr(p), "<Pcall of 2 calls of sleep, int: running, 1 ended>")
            self.assertRegex(repr(p[0]), r"<Call 0 sleep\(60\): (pending|running)>")

    def test_numbers_of_calls(self):
        class Mine(Pcall.Pcall):
            pass

        self.assertEqual(repr(Mine([])), "<Mine of 0 calls: not started>")
        self.assertEqual(repr(Mine(int)), "<Mine of 1 call of int: not started>")
        many = Mine([int, str, bool, float, abs])
        self.assertEqual(repr(many), "<Mine of 5 calls of int, str, bool, …: not started>")
        self.assertEqual(repr(Mine(Pcall.Spawned(int))), "<Mine of 1 call: not started>")
        empty = Mine([])
        empty.start()
        self.assertEqual(repr(empty), "<Mine of 0 calls: over, 0 ended>")

    def test_arguments(self):
        """Large ones are shortened, and one whose own `repr()` raises does no harm."""

        class Bad:
            def __repr__(self):
                raise Quit

        values = ("x" * 10**6, Bad(), [[]] * 99, {n: n for n in range(999)})
        p = Pcall.Pcall(id, iargs=[(value,) for value in values])
        p.start()
        p.join()
        for call in p:
            self.assertLess(len(repr(call)), 200)

    def test_others(self):
        self.assertEqual(repr(Pcall.Target.new("name", add)), "<Target name>")
        self.assertEqual(repr(Pcall.Spawned(int)), "Spawned(<class 'int'>)")
        self.assertEqual(repr(Pcall.Options(strict=True)), "Options(strict=True)")
        results = Pcall.map(add, [1])
        self.assertRegex(repr(results), r"<generator object Pcall.map\(add\) at .*>")
        results.close()
        executor = Pcall.Executor(3)
        self.assertEqual(repr(executor), "<Executor of at most 3 children: open>")
        executor.shutdown()
        self.assertEqual(repr(executor), "<Executor of at most 3 children: shut down>")
        p = Pcall.Pcall(int)
        p.start()
        self.assertEqual(repr(Pcall.as_completed(p)), "<as_completed: 1 calls left>")
        p.join()

    def test_in_a_child(self):
        p = Pcall.Pcall(add, x=[1])
        self.assertEqual(Pcall.pcall(lambda: repr(p)), ("<Pcall of 1 call of add: not started>",))


class ClassMethod(TestCase):
    def test_results(self):
        self.assertEqual(Pcall.Pcall.pcall(add, x=(1, 2, 3), y=(4, 5, 6)), (5, 7, 9))
        self.assertEqual(Pcall.Pcall.pcall(add, None, (1,), [(2,)]), (3,))
        names = [str(value) for value in inspect.signature(Pcall.Pcall.pcall).parameters.values()]
        self.assertEqual(
            names, [str(v) for v in inspect.signature(Pcall.Pcall).parameters.values()]
        )

    def test_of_a_class_below(self):
        """That class it is that is made, as the seed's users extend it."""
        made = []

        class Mine(Pcall.Pcall):
            def __init__(self, *args, **kwargs):
                made.append(type(self))
                super().__init__(*args, **kwargs)

        self.assertEqual(Mine.pcall(add, x=[1]), (1,))
        self.assertEqual(made, [Mine])

    def test_wrong(self):
        with self.assertRaisesRegex(TypeError, "targets must be a callable, or an iterable"):
            Pcall.Pcall.pcall(5)
        with self.assertRaises(TypeError):
            Pcall.Pcall.pcall()


class Strict(TestCase):
    def run_strictly(self, *args, **kwargs):
        return Pcall.pcall(*args, **kwargs, options=Pcall.Options(strict=True))

    def test_equal(self):
        for make_x, make_y in itertools.product((list, iter), (tuple, iter)):
            results = self.run_strictly(add, x=make_x([1, 2]), y=make_y([3, 4]))
            self.assertEqual(results, (4, 6))
        self.assertEqual(self.run_strictly(add, x=iter([1]), y=iter([2])), (3,))
        self.assertEqual(self.run_strictly([int, str], iargs=iter([(1,), (2,)])), (1, "2"))
        self.assertEqual(self.run_strictly(add, x=[]), ())
        self.assertEqual(self.run_strictly(int), (0,))

    def test_different(self):
        cases = (
            ({"x": [1], "y": [1, 2]}, "strict: x ends after 1, and y goes on"),
            ({"x": [1, 2], "y": [1]}, "strict: y ends after 1, and x goes on"),
            ({"x": [1, 2], "y": iter([1])}, "strict: y ends after 1, and x goes on"),
            ({"x": [1], "y": itertools.count()}, "strict: x ends after 1, and y goes on"),
            ({"x": iter([1]), "y": itertools.count()}, "strict: x ends after 1, and y goes on"),
            ({"x": [1], "iargs": [(), ()]}, "strict: x ends after 1, and iargs goes on"),
            ({"ikwargs": [], "iargs": iter([()])}, "strict: ikwargs ends after 0, and iargs goes"),
            ({"x": [1], "y": iter(())}, "strict: y ends after 0, and x goes on"),
        )
        for keywords, message in cases:
            with self.subTest(message), self.assertRaisesRegex(ValueError, message):
                self.run_strictly(add, **keywords)
        with self.assertRaisesRegex(ValueError, "strict: targets ends after 2, and x goes on"):
            self.run_strictly([int, int], x=[1, 2, 3])
        self.assertFalse(has_children())

    def test_wrong(self):
        with self.assertRaisesRegex(TypeError, "strict must be True or False, not int"):
            Pcall.Options(strict=1)


def crash():
    os.kill(os.getpid(), signal.SIGKILL)


class Exceptions(TestCase):
    def fail(self, function, **options):
        p = Pcall.Pcall(function, **options)
        p.start()
        with self.assertRaises(Pcall.ChildProcessException) as raised:
            p.join()
        return raised.exception, p.pids[0]

    def test_crashed(self):
        error, pid = self.fail(crash)
        self.assertIs(type(error), Pcall.Crashed)
        self.assertEqual((error.call, error.pid), (0, pid))
        self.assertEqual((error.signal, error.exit_status), (signal.SIGKILL, None))
        self.assertIsInstance(error.__cause__, GLib.Error)

        error, pid = self.fail(lambda: os._exit(7))
        self.assertIs(type(error), Pcall.Crashed)
        self.assertEqual((error.pid, error.signal, error.exit_status), (pid, None, 7))

    def test_crashed_among_many(self):
        """Each knows its own child."""
        functions = [lambda i=i: os._exit(i) if i else crash() for i in range(5)]
        p = Pcall.Pcall(functions)
        p.start()
        with self.assertRaises(Pcall.Crashed):
            p.join()
        found = [call.exception() for call in p]
        self.assertEqual([error.pid for error in found], [*p.pids])
        self.assertEqual([error.exit_status for error in found], [None, 1, 2, 3, 4])

    def test_crashed_when_the_task_is_gone(self):
        p = Pcall.Pcall(crash)
        p.start()
        with self.assertRaises(Pcall.Crashed):
            p.join()
        call, pid = p[0], p.pids[0]
        del p
        error = call.exception()
        self.assertEqual((type(error), error.pid, error.signal), (Pcall.Crashed, pid, None))

    def test_crashed_where_children_stay(self):
        options = Pcall.Options(calls_per_child=0, max_children=1)
        p = Pcall.Pcall([int, crash, int], options=options)
        p.start()
        with self.assertRaises(Pcall.Crashed) as raised:
            p.join()
        error = raised.exception
        self.assertEqual((error.call, error.signal), (1, signal.SIGKILL))
        self.assertEqual(error.pid, p.childs[0].pid)

    def test_cancelled(self):
        options = Pcall.Options(failure_policy=Pcall.FailurePolicy.STOP, max_children=1)
        p = Pcall.Pcall([crash, int], options=options)
        p.start()
        with self.assertRaises(Pcall.Crashed):
            p.join()
        self.assertIs(type(p[1].exception()), Pcall.Cancelled)

    def test_timed_out(self):
        error, _ = self.fail(time.sleep, iargs=[(PATIENCE,)], timeout=0.1)
        self.assertIs(type(error), Pcall.TimedOut)
        self.assertIsInstance(error, TimeoutError)
        self.assertEqual((error.call, str(error)), (0, "call 0 (sleep): timed out after 0.1 s"))
        self.assertIsNone(error.errno)

    def test_timeout_of_join(self):
        """Is no call's."""
        with Pcall.Pcall(time.sleep, iargs=[(PATIENCE,)]) as p:
            p.start()
            with self.assertRaises(TimeoutError) as raised:
                p.join(0.01)
        self.assertIs(type(raised.exception), TimeoutError)

    def test_raised(self):
        """What the target itself raised is no end of its child, whatever it is."""
        for error in (TimeoutError("x"), Pcall.Crashed("x"), asyncio.CancelledError()):

            def fail(error=error):
                raise error

            found, _ = self.fail(fail)
            self.assertIs(type(found), Pcall.ChildProcessException)
            self.assertIs(type(found.__cause__), type(error))

    def test_pickles(self):
        """Also where nobody has imported Pcall yet."""
        made = [
            Pcall.ChildProcessException("text", 1),
            Pcall.Crashed("text", 1, 2, 3, 4),
            Pcall.BrokenChild("text", None, 2, None, 9),
            Pcall.Cancelled("text", 5),
            Pcall.TimedOut("text", 6),
        ]
        facts = [(type(error), str(error), vars(error)) for error in made]
        copies = pickle.loads(pickle.dumps(made))
        self.assertEqual([(type(error), str(error), vars(error)) for error in copies], facts)
        source = "import pickle, sys; print(pickle.load(sys.stdin.buffer))"
        command = [sys.executable, "-W", "ignore", "-c", source]
        done = subprocess.run(command, input=pickle.dumps(made), capture_output=True, timeout=60)
        self.assertEqual(done.stdout.decode().strip(), str(made), done.stderr.decode())

    def test_modules(self):
        module = sys.modules["gi.repository.Pcall"]
        for name in (
            "ChildProcessException",
            "Crashed",
            "Pcall",
            "Call",
            "Options",
            "pcall",
            "map",
        ):
            found = getattr(Pcall, name)
            self.assertEqual((found.__module__, found.__qualname__), ("gi.repository.Pcall", name))
            self.assertIs(getattr(module, name), found)
            self.assertIs(pickle.loads(pickle.dumps(found)), found)


if __name__ == "__main__":
    unittest.main()
