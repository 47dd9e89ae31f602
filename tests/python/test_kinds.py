# SPDX-FileCopyrightText: 2026 The pcall authors
# SPDX-License-Identifier: LGPL-2.1-or-later

"""Results that come without a pickle, and those that only look like such: whatever comes of a call
is what it returned, as it was then."""

import asyncio
import collections
import enum
import math
import operator
import os
import random
import signal
import time
import unittest
from unittest import mock

from support import Pcall, TestCase

try:
    import numpy
except ImportError:
    numpy = None

N_CALLS = 1000


class Word(str):
    pass


class Key(str, enum.Enum):
    A = "a"


class Level(enum.IntEnum):
    LOW = 1


class Data(bytes):
    pass


Point = collections.namedtuple("Point", "x y")


def describe(value):
    """What tells one value from another that is only equal to it."""
    if isinstance(value, dict):
        return type(value), [*map(describe, value)], [*map(describe, value.values())]
    if isinstance(value, (tuple, list)):
        return type(value), [*map(describe, value)]
    if isinstance(value, float) and math.isnan(value):
        return type(value), "nan"
    return type(value), repr(value)


async def to_list(results):
    return [result async for result in results]


def run_all(function, *iterables, **options):
    """What comes by each way."""
    yield [*Pcall.map(function, *iterables, **options)]
    yield asyncio.run(to_list(Pcall.amap(function, *iterables, **options)))
    with Pcall.Executor() as executor:
        yield [*executor.map(function, *iterables)]


class KindsTestCase(TestCase):
    def check(self, function, values=range(N_CALLS)):
        expected = [*map(describe, map(function, values))]
        for results in run_all(function, values):
            self.assertEqual([*map(describe, results)], expected)

    def check_each(self, values, n_calls=300):
        """Each alone, and all in turns."""
        for value in values:
            with self.subTest(value=repr(value)[:60]):
                expected = describe(value)
                results = [*Pcall.map(lambda _: value, range(n_calls))]
                self.assertEqual([*map(describe, results)], [expected] * n_calls)
        self.check(lambda n: values[n % len(values)], range(n_calls))


class Texts(KindsTestCase):
    def test_text(self):
        self.check(str)
        self.check(lambda n: "x" * (n % 50))
        self.check(lambda n: "")
        self.check(lambda n: f"é{n}" if n % 3 else str(n))
        self.check(lambda n: "\0" * (n % 3) + f"a\0{n}")
        self.check(lambda n: chr(n * 500 if not 0xD800 <= n * 500 < 0xE000 else 1))

    def test_surrogates(self):
        """They are no Unicode by themselves, and two of them are no other character."""
        self.check_each(["\ud800", "\udcff", "a\udc80b", "\ud83d\ude00", "\U0001f600", "a", ""])
        self.check(lambda n: "\ud83d\ude00" if n % 10 == 9 else str(n), range(200))

    def test_bytes(self):
        everything = bytes(range(256))
        self.check(lambda n: everything)
        self.check(lambda n: everything[n % 256 :])
        self.check(lambda n: b"")
        self.check(lambda n: bytearray(everything) if n % 2 else everything, range(200))

    def test_long_among_short(self):
        lengths = [*[5, 0, 3] * 60, 70_000, *[7] * 60, 400_000, 1_500_000, *[1, 2] * 60]
        random.Random(7).shuffle(lengths)
        self.check(lambda n: "é" * n, lengths)
        self.check(lambda n: "x" * n, lengths)
        self.check(lambda n: b"x" * n, lengths)
        self.check(lambda n: (n, "x" * n), lengths)

    def test_subclasses(self):
        self.check_each([Word("a"), "a", Data(b"a"), b"a", Key.A, Level.LOW, 1, True])


class Rows(KindsTestCase):
    def test_tuples(self):
        self.check(lambda n: (n, n + 1))
        self.check(lambda n: (n,))
        self.check(lambda n: (str(n), b"%d" % n, n, n / 7, n % 2 == 0, None, "é" * (n % 4), ""))
        self.check(lambda n: (None, None))
        self.check(lambda n: (b"", "", b"%d" % n, str(n)))
        self.check(lambda n: divmod(n, 7))

    def test_lists_and_dictionaries(self):
        self.check(lambda n: [n, str(n)])
        self.check(lambda n: {"n": n, "text": str(n), "é\ud800'": None})
        self.check(lambda n: {"value0": n, "None": 1.5, "": b"x"})

    def test_other_shapes(self):
        self.check_each([(), [], {}, ((1, 2),), [[1]], {"a": {}}, {1: 2}, {None: 1}, (1,) * 17])
        self.check(lambda n: (n,) * (n % 20), range(500))
        self.check(lambda n: {"k" * 9000: n}, range(300))

    def test_fields_that_change(self):
        fields = (1, 1.5, True, None, "é", b"\xff", 2**63, -(2**63), "\ud800", Level.LOW, Word())
        self.check(lambda n: (n, fields[n // 60 % len(fields)]), range(1500))
        self.check(lambda n: (fields[n % len(fields)], n), range(500))

    def test_numbers(self):
        numbers = (0.0, -0.0, math.inf, -math.inf, math.nan, 5e-324, 0.1)
        self.check(lambda n: (numbers[n % 7], n))
        self.check(lambda n: (n, 2 ** (n % 80), -(2**63) + n))

    def test_keys(self):
        """Their order counts, and what they are, and not only what they are equal to."""
        self.check(lambda n: {"a": 1, "b": 2} if n % 40 else {"b": 2, "a": 1})
        self.check(lambda n: {"a": n} if n % 40 else {Key.A: n})
        self.check(lambda n: {"".join(["k", "ey"]): n, "a": 1})

    def test_subclasses(self):
        self.check(lambda n: Point(n, 1) if n % 100 == 99 else (n, 1))
        self.check(lambda n: collections.OrderedDict(a=n) if n % 100 == 99 else {"a": n})
        self.check_each([Point(1, 2), (Level.LOW, 2), (1, True), (True, 1), [Word("a")], ["a"]])

    def test_own(self):
        """No two results are one object."""
        for results in run_all(lambda n, row=[1, "a"]: row, range(500)):
            self.assertEqual(len({*map(id, results)}), 500)


@unittest.skipIf(numpy is None, "numpy is not here")
class Arrays(KindsTestCase):
    def check_arrays(self, function, values=range(500)):
        results = [*Pcall.map(function, values)]
        self.assertEqual(len(results), len(values))
        for array, expected in zip(results, map(function, values)):
            self.assertIs(type(array), type(expected))
            self.assertEqual((array.dtype, array.shape), (expected.dtype, expected.shape))
            self.assertEqual(array.flags.fnc, expected.flags.fnc)
            self.assertEqual(array.flags.writeable, expected.flags.writeable)
            self.assertEqual(array.tolist(), expected.tolist())

    def test_types(self):
        for code in "?bBhHiIlLqQefdgFDG":
            self.check_arrays(lambda n: numpy.arange(n % 9).astype(code), range(60))
        for kind in ("U3", "S3", "M8[s]", ">i4", "V5", "i4,f8"):
            self.check_arrays(lambda n: numpy.zeros(n % 9, kind), range(60))
        codes = "dfqQ"
        self.check_arrays(lambda n: numpy.full(3, n, codes[n // 50 % 4]))

    def test_objects(self):
        for results in run_all(lambda n: numpy.array([n, str(n)], object), range(60)):
            self.assertEqual([*map(list, results)], [[n, str(n)] for n in range(60)])

    def test_shapes(self):
        shapes = [(), (0,), (5,), (3, 4), (7, 4), (0, 4), (4, 0), (2, 3, 4), (1, 1, 1, 1)]
        for shape in shapes:
            self.check_arrays(lambda n: numpy.full(shape, n), range(60))
        self.check_arrays(lambda n: numpy.full(shapes[n % len(shapes)], n))
        for shape in shapes:
            self.check_arrays(lambda n: numpy.full(shape if n % 90 == 89 else (2,), n), range(200))

    def test_layouts(self):
        self.check_arrays(lambda n: numpy.full((3, 4), n, order="F"))
        self.check_arrays(lambda n: numpy.arange(20)[:: 1 + n % 3].copy("K"))
        self.check_arrays(lambda n: numpy.arange(24).reshape(4, 6)[:, ::2].copy())
        self.check_arrays(lambda n: numpy.full(4, n).view(numpy.matrix), range(60))
        self.check_arrays(lambda n: numpy.broadcast_to(n, 5).copy())

        def make_read_only(n):
            array = numpy.full(4, n)
            array.flags.writeable = n % 50 != 49
            return array

        self.check_arrays(make_read_only)

    def test_own(self):
        for results in run_all(lambda n, array=numpy.zeros(5): array, range(500)):
            for n, array in enumerate(results):
                array += n
            self.assertEqual([array[4] for array in results], [*range(500)])

    def test_scalars(self):
        self.check(lambda n: numpy.float64(n))
        self.check(lambda n: (numpy.float64(n), n))
        self.check(lambda n: (n, numpy.int64(n)) if n % 50 == 49 else (n, n))


class Moments(KindsTestCase):
    """A result is what it was when the call returned."""

    def test_what_later_calls_change(self):
        def append(n, values=[]):
            values.append(n)
            del values[:-3]
            return values

        def count(n, values={"n": 0, "m": "a"}):
            values["n"] = n
            return values

        def nest(n, values=([0], {})):
            values[0][0] = n
            return values

        for results in run_all(append, range(N_CALLS)):
            self.assertEqual([values[-1] for values in results], [*range(N_CALLS)])
        for results in run_all(count, range(N_CALLS)):
            self.assertEqual([values["n"] for values in results], [*range(N_CALLS)])
        for results in run_all(nest, range(N_CALLS)):
            self.assertEqual([values[0][0] for values in results], [*range(N_CALLS)])

    @unittest.skipIf(numpy is None, "numpy is not here")
    def test_arrays_that_later_calls_change(self):
        def fill(n, array=numpy.zeros(10) if numpy else None):
            array[:] = n
            return array

        for results in run_all(fill, range(N_CALLS)):
            self.assertEqual([array[9] for array in results], [*range(N_CALLS)])

    def test_death(self):
        """It costs the call that it was in, and no other."""
        makers = [str, lambda n: b"%d" % n, lambda n: (n, str(n)), lambda n: {"n": n}]
        makers.append(lambda n: {n})
        if numpy is not None:
            makers.append(lambda n: numpy.full(3, n))
        for make in makers:

            def call(n):
                if n % 400 == 350:
                    os.kill(os.getpid(), signal.SIGKILL)
                return make(n)

            results = [*Pcall.map(call, range(N_CALLS), return_exceptions=True)]
            for n, result in enumerate(results):
                if n % 400 == 350:
                    self.assertIsInstance(result, Pcall.BrokenChild)
                    self.assertEqual(result.signal, signal.SIGKILL)
                else:
                    self.assertEqual(describe(result), describe(make(n)))

    def test_exceptions(self):
        def call(n):
            if n % 90 == 70:
                raise LookupError(n)
            return f"text {n}"

        results = [*Pcall.map(call, range(N_CALLS), return_exceptions=True)]
        for n, result in enumerate(results):
            if n % 90 == 70:
                self.assertEqual(result.__cause__.args, (n,))
            else:
                self.assertEqual(result, f"text {n}")

    def test_copies(self):
        """One that a call has forked, and that comes back from it when later calls run, leaves
        nothing behind."""

        def call(n, copies=[]):
            if n % 100 == 50:
                reader, writer = os.pipe()
                pid = os.fork()
                if pid == 0:
                    os.read(reader, 1)
                    return f"child {n}"
                copies.append((pid, writer))
            elif n % 100 == 52 and copies:
                pid, writer = copies.pop()
                os.write(writer, b"-")
                os.waitpid(pid, 0)
            return f"child={n}"

        for make in (str, lambda text: (text, 1), lambda text: {text}):
            results = [*Pcall.map(lambda n: make(call(n)), range(1000))]
            self.assertEqual(results, [make(f"child={n}") for n in range(1000)])

    def test_seen_while_they_go_on(self):
        """Calls that wait until those before them have been consumed."""
        consumed, consume = os.pipe()

        def call(n):
            if n % 50 == 49:
                os.read(consumed, 1)
            return str(n), n

        for n, result in enumerate(Pcall.map(call, range(1000), max_children=1)):
            self.assertEqual(result, (str(n), n))
            if n % 50 == 48:
                os.write(consume, b"-")
        os.close(consumed)
        os.close(consume)


class Room(KindsTestCase):
    """What a job leaves until it is read has an end; results are not sent one by one for that."""

    def count(self, cls, name):
        """A list that grows by one with each call of a method."""
        calls = []
        original = getattr(cls, name)

        def count(*arguments):
            calls.append(None)
            return original(*arguments)

        patch = mock.patch.object(cls, name, count)
        patch.start()
        self.addCleanup(patch.stop)
        return calls

    def count_single(self, function, n_calls, is_equal=operator.eq):
        """How many of the results came by a message of their own."""
        from gi.overrides._pcall import crew

        single = self.count(crew.Crew, "take_outcome")
        for n, result in enumerate(Pcall.map(function, range(n_calls), max_children=2)):
            self.assertTrue(is_equal(result, function(n)), n)
        return len(single)

    def test_larger_than_a_lane(self):
        for function in (
            lambda n: f"{n:8000}",
            lambda n: (f"{n:8000}", n),
            lambda n: [[f"{n:8000}"]],
            lambda n: b"%8000d" % n,
        ):
            self.assertLess(self.count_single(function, 3000), 150)

    @unittest.skipIf(numpy is None, "numpy is not here")
    def test_arrays_larger_than_a_lane(self):
        def is_equal(array, other):
            return (array == other).all()

        self.assertLess(self.count_single(lambda n: numpy.full(1000, n), 3000, is_equal), 150)

    def test_long_jobs(self):
        """Of more results than a lane has room for."""
        from gi.overrides._pcall import crew

        single = self.count(crew.Crew, "take_outcome")
        with Pcall.Executor(max_workers=1) as executor:
            results = [*executor.map(lambda n: f"{n:8000}", range(3000), chunksize=1500)]
        self.assertEqual(results, [f"{n:8000}" for n in range(3000)])
        self.assertLess(len(single), 150)

    def test_full_to_the_end(self):
        """By batches of one call each: with no room for what is said of the next one."""
        from gi.overrides._pcall import board, kinds

        length = board.AREA_SIZE // 4 - len(kinds.choose("")[1].head)

        def give(n):
            time.sleep(0.01)  # so that there is no second one in a batch
            return chr(97 + n) * length

        with Pcall.Executor(max_workers=1) as executor:
            results = executor.map(give, range(12), chunksize=12)
            self.assertTrue(all(text == chr(97 + n) * length for n, text in enumerate(results)))

    def test_wide(self):
        """Rows that need many cells."""
        self.check(lambda n: (n,) * 16, range(5000))


class Choice(unittest.TestCase):
    """What comes without a pickle, and what does not."""

    def test_which(self):
        from gi.overrides._pcall import kinds

        plain = ["", "é", b"", (1, 2.5), [None, True], {"a": b"", "b": "x"}, (1,) * 16]
        others = [Word(), Data(), Point(1, 2), (), [], {}, (1,) * 17, {1: 2}, ((),), {Key.A: 1}]
        others += [{1}, (Level.LOW,), {"k" * 5000: 1}, object(), bytearray()]
        if numpy is not None:
            plain += [numpy.zeros(3), numpy.zeros((2, 3), "f"), numpy.zeros(0, bool)]
            others += [numpy.zeros(()), numpy.zeros((2, 0)), numpy.zeros(2, "U1"), numpy.float64(1)]
            others += [numpy.zeros(2, object), numpy.zeros(2, ">i4"), numpy.matrix([1])]
        for value in plain:
            self.assertEqual(kinds.choose(value)[1].type, kinds.DESCRIBED, repr(value))
        for value in others:
            self.assertIs(kinds.choose(value)[1], kinds.PICKLES, repr(value)[:60])


if __name__ == "__main__":
    unittest.main()
