# SPDX-FileCopyrightText: 2026 The pcall authors
# SPDX-License-Identifier: LGPL-2.1-or-later

"""How targets and lists become calls: any iterable, anything callable, and what is refused."""

import asyncio
import collections
import functools
import itertools
import math
import types
import unittest

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
            "string": ("ab", ["a", "b"]),
            "dict": ({"a": 1}, ["a"]),
            "deque": (collections.deque([1, 2]), [1, 2]),
            "range": (range(2), [0, 1]),
            "bytes": (b"ab", [97, 98]),
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
            "iargs tuple": dict(iargs=()),
            "ikwargs": dict(ikwargs=iter(())),
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
        self.assertEqual(pcall([func, dict]), (((), {}), {}))

    def test_arguments_named_like_ours(self):
        self.assertEqual(pcall(func, args=[1], kwargs=[2]), (((), {"args": 1, "kwargs": 2}),))

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


class Refused(TestCase):
    """Before anything starts, with an exception that names what is wrong."""

    def test_refused(self):
        cases = [
            (TypeError, "targets must be iterable, not int", dict(targets=5)),
            (TypeError, r"targets\[1\] is not callable: 5", dict(targets=[func, 5])),
            (TypeError, "targets must be iterable, not NoneType", dict(targets=None)),
            (TypeError, "cargs must be iterable, not int", dict(cargs=5)),
            (TypeError, "iargs must be iterable, not int", dict(iargs=5)),
            (TypeError, r"iargs\[1\] must be iterable, not int", dict(iargs=[(), 7])),
            (TypeError, "x must be iterable, not float", dict(x=1.5)),
            (TypeError, "ckwargs must be a mapping, not list", dict(ckwargs=[1])),
            (TypeError, "ckwargs has a keyword that is no string: 5", dict(ckwargs={5: 1})),
            (TypeError, "ikwargs must be iterable, not int", dict(ikwargs=5)),
            (TypeError, r"ikwargs\[0\] must be a mapping, not tuple", dict(ikwargs=[()])),
            (TypeError, r"ikwargs\[1\] has a keyword .* 6", dict(ikwargs=[{}, {6: 1}])),
            (TypeError, "timeout must be a number of seconds, not str", dict(timeout="1")),
            (TypeError, "timeout must be a number of seconds, not bool", dict(timeout=True)),
            (ValueError, "timeout must be more than 0 seconds, not 0", dict(timeout=0)),
            (ValueError, "timeout must be more than 0 seconds, not -1", dict(timeout=-1)),
            (ValueError, "timeout must be more than 0 seconds, not nan", dict(timeout=math.nan)),
        ]
        for kind, message, arguments in cases:
            with self.subTest(message), self.assertRaisesRegex(kind, f"^{message}$"):
                pcall(**{"targets": func, **arguments})

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

    def test_outside_of_a_child(self):
        program = run_program("Pcall.send_message(5)\nprint(Pcall.get_call_index())", env=None)
        self.assertIn("there is no call here", program.stderr)


if __name__ == "__main__":
    unittest.main()
