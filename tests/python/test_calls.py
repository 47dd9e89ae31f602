# SPDX-FileCopyrightText: 2026 The pcall authors
# SPDX-License-Identifier: LGPL-2.1-or-later

"""How targets and lists become calls: any iterable, anything callable, and what is refused."""

import array
import asyncio
import collections
import functools
import gc
import inspect
import itertools
import math
import threading
import time
import types
import unittest
import unittest.mock
import weakref
from fractions import Fraction

from support import GLib, Pcall, TestCase, run_program

pcall = Pcall.pcall


def func(*args, **kwargs):
    return (args, kwargs)


class Counter:
    def __init__(self, start):
        self.start = start

    def add(self, n):
        return self.start + n

    def __call__(self, n):
        return self.start * n

    @classmethod
    def make(cls, n):
        return cls(n).start


class Iterables(TestCase):
    def test_generators(self):
        self.assertEqual(
            pcall(
                (f for f in [func, func]),
                cargs=(i for i in range(2)),
                iargs=((i for i in range(n)) for n in range(2)),
                ikwargs=({"a": n} for n in range(5)),
                x=map(str, range(3)),
            ),
            (((0, 1), {"a": 0, "x": "0"}), ((0, 1, 0), {"a": 1, "x": "1"})),
        )

    def test_endless_iterators(self):
        self.assertEqual(
            pcall(func, x=itertools.count(), y=[5, 6]),
            (((), {"x": 0, "y": 5}), ((), {"x": 1, "y": 6})),
        )
        self.assertEqual(
            pcall(itertools.cycle([max, min]), iargs=[(1, 2), (3, 4), (5, 6)]), (2, 3, 6)
        )
        self.assertEqual(pcall([max, min], iargs=itertools.repeat((1, 2))), (2, 1))

    def test_other_iterables(self):
        cases = {
            "set": ({1}, [1]),
            "dict": ({"a": 1}, ["a"]),
            "deque": (collections.deque([1, 2]), [1, 2]),
            "range": (range(2), [0, 1]),
            "array": (array.array("i", [1, 2]), [1, 2]),
        }
        for name, (values, expected) in cases.items():
            with self.subTest(name):
                self.assertEqual(pcall(lambda x: x, x=values), tuple(expected))

    def test_mappings(self):
        common = types.MappingProxyType({"a": 1})
        single = collections.ChainMap({"b": 2})
        self.assertEqual(pcall(func, ckwargs=common, ikwargs=[single]), (((), {"a": 1, "b": 2}),))

    def test_precedence(self):
        self.assertEqual(
            pcall(func, ckwargs={"a": 1, "b": 1, "c": 1}, ikwargs=[{"b": 2, "c": 2}], c=[3]),
            (((), {"a": 1, "b": 2, "c": 3}),),
        )

    def test_empty_lists(self):
        cases = {
            "iargs list": dict(iargs=[]),
            "iargs generator": dict(iargs=(i for i in ())),
            "iargs range": dict(iargs=range(0)),
            "iargs of a class of its own": dict(iargs=collections.namedtuple("None_", "")()),
            "ikwargs": dict(ikwargs=iter(())),
            "ikwargs list": dict(ikwargs=[]),
            "ikwargs, and iargs not given": dict(iargs=(), ikwargs=[]),
            "keyword tuple": dict(x=()),
            "keyword": dict(x=[]),
            "one of two": dict(x=[], y=[1]),
        }
        for name, lists in cases.items():
            with self.subTest(name):
                self.assertEqual(pcall(func, **lists), ())
        self.assertEqual(pcall([]), ())

    def test_none_given(self):
        self.assertEqual(pcall(func), (((), {}),))
        self.assertEqual(pcall(func, iargs=None, ikwargs=None), (((), {}),))
        self.assertEqual(pcall(func, iargs=(), ikwargs=()), (((), {}),))
        self.assertEqual(pcall(func, iargs=(), ikwargs=(), x=[1]), (((), {"x": 1}),))
        self.assertEqual(pcall([func, dict], iargs=()), (((), {}), {}))

    def test_defaults_are_passed_on(self):
        """By a program that has the same arguments, with the defaults that the signature tells
        of."""

        def run(targets, **arguments):
            return pcall(targets, **arguments)

        defaults = {
            name: parameter.default
            for name, parameter in inspect.signature(pcall).parameters.items()
            if parameter.default is not parameter.empty
        }
        self.assertEqual(defaults["iargs"], ())
        self.assertEqual(run(func, **defaults), (((), {}),))
        self.assertEqual(run(func, **defaults, x=[5]), (((), {"x": 5}),))
        self.assertEqual(pcall([func, dict]), (((), {}), {}))

    def test_arguments_named_like_ours(self):
        names = "self cls args kwargs target function index rows name task".split()
        for name in names:
            with self.subTest(name):
                expected = (((), {name: 1}), ((), {name: 2}))
                self.assertEqual(pcall(func, **{name: [1, 2]}), expected)
                p = Pcall.Pcall(func, **{name: [1, 2]})
                p.task.set_calls_per_child(0)
                p.start()
                p.join()
                self.assertEqual(p.results, expected)
                self.assertEqual(pcall(func, ckwargs={name: 3}), (((), {name: 3}),))
                self.assertEqual(asyncio.run(Pcall.pcall_async(func, **{name: [1, 2]})), expected)
        everything = dict.fromkeys(names, [5])
        self.assertEqual(pcall(func, **everything), (((), dict.fromkeys(names, 5)),))

    def test_one_target_in_a_list(self):
        self.assertEqual(pcall([func], iargs=[(1,), (2,)]), (((1,), {}),))


class Targets(TestCase):
    def test_callables(self):
        n = 5

        def closure(x):
            return x + n

        async def coroutine(x):
            await asyncio.sleep(0)
            return x - 1

        cases = {
            "lambda": (lambda x: x + 1, 3),
            "closure": (closure, 7),
            "bound method": (Counter(10).add, 12),
            "callable object": (Counter(10), 20),
            "class method": (Counter.make, 2),
            "class": (str, "2"),
            "builtin": (abs, 2),
            "partial": (functools.partial(pow, 3), 9),
            "partial of a method": (functools.partial(Counter(1).add), 3),
            "coroutine function": (coroutine, 1),
            "partial of a coroutine function": (functools.partial(coroutine), 1),
        }
        for name, (target, expected) in cases.items():
            with self.subTest(name):
                self.assertEqual(pcall(target, iargs=[(2,)]), (expected,))
        self.assertEqual(
            pcall([target for target, _ in cases.values()], cargs=(2,)),
            tuple(expected for _, expected in cases.values()),
        )

    def test_arguments_are_never_pickled(self):
        class Unpicklable:
            def __reduce__(self):
                raise AssertionError("pickled")

        value = Unpicklable()
        value.n = 7
        self.assertEqual(pcall(lambda x: x.n, x=[value]), (7,))
        self.assertEqual(pcall(lambda x: next(x), x=[(i for i in range(3, 9))]), (3,))

    def test_each_call_has_its_name(self):
        def first():
            raise ValueError("one")

        failed = Pcall.ChildProcessException
        with self.assertRaisesRegex(failed, "^call 1 .first.: ValueError: one"):
            pcall([func, first, func])
        with self.assertRaisesRegex(failed, "^call 0 .first.: "):
            pcall(functools.partial(first))

    def test_objects_that_answer_to_everything(self):
        """Mocks, proxies, command builders: they are called, and asked for nothing else."""

        class Builder:
            def __getattr__(self, name):
                return Builder()

            def __call__(self, *args, **kwargs):
                return 5

        class Asked(Builder):
            def __getattribute__(self, name):
                raise AssertionError(f"asked for {name}")

        class Property:
            __call__ = Builder.__call__

            @property
            def __name__(self):
                raise RuntimeError("not now")

        class Named(Property):
            __name__ = func = 7

        class Endless(functools.partial):
            @property
            def func(self):
                return self

        mock = unittest.mock
        targets = [
            mock.Mock(return_value=5),
            mock.MagicMock(return_value=5),
            mock.Mock(spec=func, return_value=5),
            mock.Mock(spec=Pcall.Spawned, return_value=5),
            mock.create_autospec(func, return_value=5),
            mock.Mock(return_value=5).method.of.it,
            functools.partial(mock.Mock(return_value=5)),
            types.MethodType(mock.Mock(return_value=5), self),
            Builder(),
            Builder().run.this,
            Asked(),
            Property(),
            Named(),
            Endless(lambda n=0: 5),
        ]
        targets[5].return_value = 5
        for target in targets:
            with self.subTest(type(target).__name__):
                self.assertEqual(pcall(target, n=(1, 2)), (5, 5))
                self.assertEqual(pcall([target, func], iargs=[(), ()]), (5, ((), {})))
                with Pcall.Executor(1) as executor:
                    self.assertEqual(executor.submit(target).result(20), 5)

    def test_results_that_answer_to_everything(self):
        """They are pickled, or not, as what they are."""
        with self.assertRaisesRegex(Pcall.ChildProcessException, "cannot be pickled"):
            pcall(lambda: unittest.mock.Mock(spec=GLib.Variant))
        with self.assertRaisesRegex(Pcall.ChildProcessException, "cannot be pickled"):
            pcall(lambda: unittest.mock.Mock(spec=types.CoroutineType))

    def test_python_results_of_functions_of_variants(self):
        results = [5, None, "x", (1, 2), b"y" * 200_000, [1.5], GLib.Variant("i", 7), {"a": {1}}]
        task = Pcall.Task.new_for_func(lambda args, kwargs: results[args.unpack()[0]])
        task.set_instance_args(GLib.Variant("a(i)", [(i,) for i in range(len(results))]))
        self.assertEqual(len(task.run(None).unpack()), len(results))
        loaded = [call.result() for call in task]
        self.assertEqual(loaded.pop(1).print_(True), "()")
        self.assertEqual(loaded.pop(5).unpack(), 7)
        self.assertEqual(loaded, [r for i, r in enumerate(results) if i not in (1, 6)])

    def test_variants_to_functions_of_variants(self):
        """The functions of the library itself, from Python."""

        def add(args, kwargs):
            x, y = args.unpack()
            if x < 0:
                raise ValueError("negative")
            return GLib.Variant("i", x + y)

        task = Pcall.Task.new_for_func(add)
        task.set_instance_args(GLib.Variant("a(ii)", [(1, 4), (2, 5)]))
        self.assertEqual(task.run(None).unpack(), [5, 7])

        task = Pcall.Task.new(Pcall.Target.new("add", add))
        task.set_instance_args(GLib.Variant("a(ii)", [(1, 4), (-2, 5)]))
        with self.assertRaisesRegex(GLib.Error, "call 1 .add.: ValueError: negative"):
            task.run(None)
        self.assertEqual(task[0].result().unpack(), 5)
        self.assertIsInstance(task[1].exception().__cause__, ValueError)


def get_own_memory():
    """In bytes, what this process has of its own and has written to."""
    with open("/proc/self/smaps_rollup", encoding="ascii") as lines:
        return (
            next(int(line.split()[1]) for line in lines if line.startswith("Private_Dirty")) << 10
        )


class UsedAgain(TestCase):
    """What C calls is used again by later tasks, as PyGObject keeps memory of each for good."""

    def tearDown(self):
        gc.collect()
        super().tearDown()

    def test_memory(self):
        cases = {
            "made": (3000, lambda: Pcall.Pcall(func)),
            "without calls": (3000, lambda: pcall(func, x=[])),
            "two targets": (3000, lambda: Pcall.Pcall([func, len])),
            "run": (300, lambda: pcall(func)),
        }
        for name, (n, work) in cases.items():
            with self.subTest(name):
                for _ in range(n // 3):
                    work()
                gc.collect()
                before = get_own_memory()
                for _ in range(n):
                    work()
                gc.collect()
                self.assertLess((get_own_memory() - before) / n, 80)

    def test_nothing_is_held(self):
        """Neither functions nor arguments, once their task is gone."""

        class Argument:
            pass

        def target(x):
            return 5

        argument = Argument()
        references = [weakref.ref(argument), weakref.ref(target)]
        p = Pcall.Pcall(target, x=[argument])
        task = p.task
        p.start()
        p.join()
        del p, argument, target
        self.assertTrue(all(reference() is not None for reference in references))
        del task
        gc.collect()
        self.assertFalse(any(reference() is not None for reference in references))

    def test_side_by_side(self):
        """Tasks of functions of one name, in any order of making, starting and dropping."""

        def make(n):
            def target(x):
                return n, x

            return target

        for _ in range(3):
            ps = [Pcall.Pcall(make(n), x=range(n)) for n in range(1, 6)]
            for p in reversed(ps):
                p.start()
            more = [Pcall.Pcall([make(n), make(-n)], x=[0, 1]) for n in range(3)]
            for n, p in enumerate(ps, 1):
                p.join()
                self.assertEqual(p.results, tuple((n, x) for x in range(n)))
            for n, p in enumerate(more):
                p.start()
                p.join()
                self.assertEqual(p.results, ((n, 0), (-n, 1)))

    def test_while_one_runs(self):
        """Also where nobody has it any more: its children are being ended then."""
        for n in range(5):
            p = Pcall.Pcall(time.sleep, iargs=[(60,)])
            p.start()
            del p
            self.assertEqual(pcall(time.sleep, iargs=[(0,)] * n), (None,) * n)

    def test_in_threads(self):
        results = {}

        def run(n):
            results[n] = [pcall(lambda x: (n, x), x=[0, 1]) for _ in range(5)]

        threads = [threading.Thread(target=run, args=(n,)) for n in range(6)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        self.assertEqual(results, {n: [((n, 0), (n, 1))] * 5 for n in range(6)})

    def test_many_names(self):
        for n in range(200):
            target = lambda n=n: n  # noqa: E731
            target.__name__ = f"target{n}"
            p = Pcall.Pcall(target)
            if n % 50 == 0:
                p.start()
                p.join()
                self.assertEqual(p.results, (n,))


class Refused(TestCase):
    """Before anything starts, with an exception that names what is wrong."""

    def test_refused(self):
        cases = [
            (TypeError, "targets must be a callable, or an iterable of callables, not int", dict(targets=5)),
            (TypeError, r"targets\[1\] is not callable: 5", dict(targets=[func, 5])),
            (TypeError, "targets must be a callable, or an iterable of callables, not None", dict(targets=None)),
            (TypeError, "cargs must be an iterable of arguments, not int.*", dict(cargs=5)),
            (TypeError, "iargs must be an iterable of argument lists, .*, not int.*", dict(iargs=5)),
            (TypeError, r"iargs\[1\] must be an iterable of arguments, not int.*", dict(iargs=[(), 7])),
            (TypeError, "x must be an iterable of values, .*, not float.*", dict(x=1.5)),
            (TypeError, "ckwargs must be a mapping .*, not list", dict(ckwargs=[1])),
            (TypeError, "ckwargs has a keyword that is no string: 5", dict(ckwargs={5: 1})),
            (TypeError, "ikwargs must be an iterable of mappings, .*, not int", dict(ikwargs=5)),
            (TypeError, r"ikwargs\[0\] must be a mapping .*, not tuple", dict(ikwargs=[()])),
            (TypeError, r"ikwargs\[1\] has a keyword .* 6", dict(ikwargs=[{}, {6: 1}])),
            (TypeError, "timeout must be a number of seconds, not str", dict(timeout="1")),
            (TypeError, "timeout must be a number of seconds, not bool", dict(timeout=True)),
            (TypeError, "timeout must be a number of seconds, not complex", dict(timeout=1j)),
            (ValueError, "timeout must be 0 seconds or more, not -1", dict(timeout=-1)),
            (ValueError, "timeout must be 0 seconds or more, not -inf", dict(timeout=-math.inf)),
            (ValueError, "timeout must be a number of seconds, not nan", dict(timeout=math.nan)),
        ]
        for kind, message, arguments in cases:
            with self.subTest(message), self.assertRaisesRegex(kind, f"^{message}$"):
                pcall(**{"targets": func, **arguments})

    def test_no_timeout(self):
        """0 means in all languages that there is none, and so does more than there will ever be."""
        for timeout in (
            None,
            0,
            0.0,
            math.inf,
            1e300,
            10**400,
            threading.TIMEOUT_MAX,
            Fraction(10**9),
        ):
            with self.subTest(timeout):
                self.assertEqual(pcall(lambda: 5, timeout=timeout), (5,))

    def test_options(self):
        """They raise where they cannot be what they are set to."""
        p = Pcall.Pcall(func)
        task = p.task
        cases = [
            (ValueError, lambda: task.set_timeout(-1)),
            (ValueError, lambda: task.set_timeout(math.nan)),
            (TypeError, lambda: task.set_timeout("1")),
            (ValueError, lambda: task.set_deadline(-0.5)),
            (ValueError, lambda: task.set_grace_period(-1)),
            (OverflowError, lambda: task.set_max_children(-1)),
            (OverflowError, lambda: task.set_calls_per_child(2**32)),
            (OverflowError, lambda: task.set_n_calls(-1)),
            (TypeError, lambda: task.set_log_mode(99)),
            (TypeError, lambda: task.set_failure_policy("stop")),
            (TypeError, lambda: task.set_log_directory(5)),
            (ValueError, lambda: task.set_property("timeout", -1)),
            (ValueError, lambda: task.set_property("grace-period", -1)),
            (ValueError, lambda: setattr(task.props, "deadline", -1)),
            (OverflowError, lambda: setattr(task.props, "max_children", -1)),
            (TypeError, lambda: setattr(task.props, "n_finished", 1)),
            (AttributeError, lambda: setattr(p, "max_children", 1)),
            (AttributeError, lambda: setattr(p, "timeout", 1)),
            (AttributeError, lambda: setattr(p, "results", 1)),
            (AttributeError, lambda: setattr(task, "max_children", 1)),
            (AttributeError, lambda: setattr(task, "no_such_thing", 1)),
        ]
        for i, (kind, action) in enumerate(cases):
            with self.subTest(i):
                self.assertRaises(kind, action)
        self.assertEqual((task.get_timeout(), task.get_max_children()), (0, 0))
        task.set_timeout(math.inf)
        task.set_deadline(None)
        task.props.max_children = 3
        task.set_property("keep-logs", False)
        self.assertEqual(
            (task.get_timeout(), task.get_deadline(), task.props.max_children), (0, 0, 3)
        )

    def test_options_that_come_too_late(self):
        """While the task runs, and behind its end; also where it had no calls."""
        late = [
            ("set_timeout", (1,)),
            ("set_deadline", (1,)),
            ("set_grace_period", (1,)),
            ("set_max_children", (1,)),
            ("set_calls_per_child", (0,)),
            ("set_n_calls", (1,)),
            ("set_start_method", (Pcall.StartMethod.FORK,)),
            ("set_failure_policy", (Pcall.FailurePolicy.STOP,)),
            ("set_log_mode", (Pcall.LogMode.INHERIT,)),
            ("set_log_directory", ("/tmp",)),
            ("set_keep_logs", (True,)),
            ("set_max_log_size", (1,)),
            ("set_priority", (0,)),
            ("add_target", (Pcall.Target.new("x", func),)),
            ("set_common_args", (GLib.Variant("(i)", (1,)),)),
            ("set_instance_args", (GLib.Variant("a(i)", [(1,)]),)),
            ("set_common_kwargs", (GLib.Variant("a{sv}", {}),)),
            ("set_instance_kwargs", (GLib.Variant("aa{sv}", []),)),
            ("set_argument", ("x", GLib.Variant("ai", [1]))),
            ("set_property", ("max-children", 1)),
        ]

        def check(task):
            for name, arguments in late:
                with self.subTest(name), self.assertRaisesRegex(RuntimeError, "was started"):
                    getattr(task, name)(*arguments)
            with self.assertRaisesRegex(RuntimeError, "was started"):
                task.props.max_children = 1

        for p in (Pcall.Pcall(func), Pcall.Pcall(func, x=[])):
            p.start()
            if len(p):
                check(p.task)
            p.join()
            check(p.task)

    def test_what_an_iterator_raises(self):
        def failing():
            yield (1,)
            raise LookupError("from the iterator")

        with self.assertRaisesRegex(LookupError, "from the iterator"):
            pcall(func, iargs=failing())

    def test_nothing_started(self):
        """Everything is looked at first."""
        called = []
        with self.assertRaises(TypeError):
            pcall([called.append, None], iargs=[(1,), (2,)])
        self.assertEqual(called, [])

    def test_join_before_start(self):
        with self.assertRaisesRegex(RuntimeError, "was not started"):
            Pcall.Pcall(func).join()
        with self.assertRaisesRegex(RuntimeError, "was not started"):
            Pcall.as_completed(Pcall.Pcall(func))

    def test_start_twice(self):
        p = Pcall.Pcall(func)
        p.start()
        with self.assertRaisesRegex(RuntimeError, "started before"):
            p.start()
        p.join()

    def test_terminate_before_start(self):
        p = Pcall.Pcall(func)
        p.terminate()
        p.start()
        with self.assertRaisesRegex(Pcall.ChildProcessException, "terminated"):
            p.join()
        self.assertIsNone(p.results)

    def test_terminate_one_call(self):
        for calls_per_child in 1, 0:
            p = Pcall.Pcall(time.sleep, iargs=[(0,), (600,), (0,), (600,)])
            p.task.set_calls_per_child(calls_per_child)
            p.start()
            for index in 3, 1:
                p.task.get_call(index).terminate()
            with self.assertRaisesRegex(Pcall.ChildProcessException, r"call 1 \(sleep\): terminated"):
                p.join()
            states = [call.get_state().value_nick for call in p.task]
            self.assertEqual(states, ["succeeded", "cancelled"] * 2)

    def test_outside_of_a_child(self):
        program = run_program("Pcall.send_message(5)\nprint(Pcall.get_call_index())", env=None)
        self.assertIn("there is no call here", program.stderr)


if __name__ == "__main__":
    unittest.main()
