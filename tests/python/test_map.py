# SPDX-FileCopyrightText: 2026 The pcall authors
# SPDX-License-Identifier: LGPL-2.1-or-later

"""Pcall.map() and Pcall.amap()."""

import asyncio
import contextlib
import gc
import itertools
import os
import signal
import threading
import time
import unittest

from support import GLib, Gates, Pcall, TestCase, get_descriptors, has_children, run_program

try:
    import numpy
except ImportError:
    numpy = None

PATIENCE = 30


def square(n):
    return n * n


def sleep_if(n, which):
    if n == which:
        time.sleep(PATIENCE)
    return n


class MapTestCase(TestCase):
    def tearDown(self):
        gc.collect()
        super().tearDown()

    def check(self, function, *iterables, **options):
        expected = [*map(function, *iterables)]
        self.assertEqual([*Pcall.map(function, *iterables, **options)], expected)


class Results(MapTestCase):
    def test_numbers(self):
        self.check(square, range(20000))
        self.check(square, [*range(100)])
        self.assertEqual([*Pcall.map(square, iter(range(999)))], [n * n for n in range(999)])
        self.check(lambda n: n % 3 == 0 or None, range(1000))
        self.check(lambda n: n << n, range(200))

    def test_kinds_that_change(self):
        kinds = (int, float, str, bool, type(None), bytes, list)
        self.check(lambda n: (n, n / 2, str(n), n > 5, None, b"%d" % n, [n])[n % 7], range(500))
        self.check(lambda n: n if n < 300 else str(n), range(600))
        self.assertEqual({*map(type, Pcall.map(lambda n: kinds[n % 7](), range(70)))}, {*kinds})

    def test_sizes(self):
        """What is sent by packets, and what is not, both ways."""
        sizes = [0, 10, 65000, 65536, 70000, 131072, 3_000_000, 5]
        self.check(lambda n: b"x" * n, sizes)
        self.check(lambda n: "x" * n, sizes)
        self.check(lambda n: [b"ab"] * (n // 20), sizes)
        self.check(lambda n: bytearray(n), sizes)
        self.check(len, [b"x" * n for n in sizes])
        self.check(lambda n: b"x" * 3000, range(3000))

    @unittest.skipIf(numpy is None, "numpy is not here")
    def test_arrays(self):
        arrays = [*Pcall.map(lambda n: numpy.full(50000 if n % 2 else 5, n), range(60))]
        for n, array in enumerate(arrays):
            self.assertTrue((array == n).all() and len(array) == (50000 if n % 2 else 5))
            array += 1
        descriptors = get_descriptors()
        self.assertEqual(descriptors, self.descriptors, "an array keeps a descriptor")

    def test_variants_and_coroutines(self):
        async def double(n):
            return 2 * n

        self.assertEqual([*Pcall.map(double, range(50))], [*range(0, 100, 2)])
        variants = Pcall.map(lambda n: GLib.Variant("u", n), range(5))
        self.assertEqual([variant.unpack() for variant in variants], [*range(5)])

    def test_several_iterables(self):
        self.check(lambda *ns: ns, range(1000), "abc" * 200)
        self.assertEqual([*Pcall.map(pow, itertools.count(), [2, 2, 2])], [0, 1, 4])
        self.check(max, [1, 5], [3, 2])

    def test_none(self):
        self.check(square, [])
        self.check(square, iter(()))
        self.check(max, [], "abc")

    def test_what_cannot_be_pickled(self):
        """Fresh children inherit it."""
        self.check(lambda f: f(), [lambda i=i: i for i in range(40)])
        locks = [threading.Lock() for _ in range(5)]
        self.check(lambda lock, n: (lock.locked(), n), locks, range(5))

    def test_what_cannot_be_unpickled_in_a_child(self):
        """As it is made of something that the child has not."""

        def iterate():
            yield 0
            yield 1
            yield 2
            kind = type("Later", (), {"__module__": __name__})
            globals()["Later"] = kind
            for _ in range(3):
                yield kind()

        self.addCleanup(globals().pop, "Later")
        names = Pcall.map(lambda value: type(value).__name__, iterate(), max_children=1)
        self.assertEqual([*names], ["int"] * 3 + ["Later"] * 3)

    def test_unordered(self):
        with Gates(2, 0, 1) as gates:
            seen = []
            for index in Pcall.map(gates.wait, range(3), ordered=False, max_children=3):
                seen.append(index)
                gates.open_next()
        self.assertEqual(seen, [2, 0, 1])
        unordered = Pcall.map(square, range(5000), ordered=False)
        self.assertEqual(sorted(unordered), [n * n for n in range(5000)])


class Lazy(MapTestCase):
    def test_nothing_before_the_first(self):
        def iterate():
            self.fail("it was read")
            yield

        results = Pcall.map(square, iterate())
        self.assertFalse(has_children())
        results.close()

    def test_bounded(self):
        n_read = 0

        def iterate():
            nonlocal n_read
            for n_read in itertools.count(1):
                yield n_read

        results = Pcall.map(lambda n: time.sleep(0.02) or n, iterate(), max_children=2)
        for n in range(1, 8):
            self.assertEqual(next(results), n)
            self.assertLessEqual(n_read, n + 16)
        results.close()

        results = Pcall.map(square, iterate(), max_children=2)
        for n in range(1, 50000):
            self.assertEqual(next(results), n * n)
            self.assertLessEqual(n_read - n, 100000)

    def test_given_up(self):
        for give_up in (lambda g: g.close(), lambda g: None):
            results = Pcall.map(square, itertools.count())
            self.assertEqual([next(results) for _ in range(3)], [0, 1, 4])
            self.assertTrue(has_children())
            give_up(results)
            del results
            gc.collect()
            self.tearDown()

    def test_given_up_at_the_end_of_the_program(self):
        """Nothing is said of one that nobody has closed."""
        program = run_program(
            """
            import threading
            held = Pcall.map(abs, range(10000), max_children=2)
            def go_on():
                for _ in Pcall.map(abs, range(10**9), max_children=1):
                    going.set()
            going = threading.Event()
            threading.Thread(target=go_on, daemon=True).start()
            print(next(held), going.wait(30))
            """
        )
        self.assertEqual((program.stdout, program.stderr), ("0 True\n", ""))
        self.assertEqual(program.returncode, 0)

    def test_consumer_that_raises(self):
        with self.assertRaises(LookupError):
            for n in Pcall.map(square, itertools.count()):
                if n > 100:
                    raise LookupError(n)

    def test_iterable_that_raises(self):
        """Where the consumer has come to it."""

        def iterate():
            yield from range(20)
            raise LookupError("no more")

        seen = []
        with self.assertRaisesRegex(LookupError, "no more"):
            for n in Pcall.map(square, iterate()):
                seen.append(n)
        self.assertEqual(seen, [n * n for n in range(20)])

    def test_strict(self):
        seen = []
        with self.assertRaisesRegex(ValueError, "shorter"):
            seen.extend(Pcall.map(max, range(20), range(10), strict=True))
        self.assertEqual([*Pcall.map(max, [1], [2], strict=True)], [2])

    def test_slow_among_fast(self):
        """What has ended before a call that lasts comes while that runs."""
        for make in (int, str):
            read_fd, write_fd = os.pipe()

            def work(n):
                if n == 700:
                    os.read(read_fd, 1)
                return make(n)

            seen = []
            for result in Pcall.map(work, range(2000), max_children=1):
                seen.append(result)
                if len(seen) == 700:
                    os.write(write_fd, b"x")
            self.assertEqual(seen, [make(n) for n in range(2000)])
            os.close(read_fd)
            os.close(write_fd)

    def test_nested(self):
        def work(n):
            return sum(Pcall.map(square, range(n)))

        self.check(lambda n: sum(k * k for k in range(n)), range(5))
        self.assertEqual([*Pcall.map(work, range(5))], [0, 0, 1, 5, 14])

    def test_two_at_once(self):
        pairs = zip(Pcall.map(square, range(9000)), Pcall.map(str, range(9000)))
        self.assertEqual([*pairs], [(n * n, str(n)) for n in range(9000)])

    def test_in_threads(self):
        results = {}

        def run(i):
            results[i] = [*Pcall.map(lambda n: n + i, range(3000))]

        threads = [threading.Thread(target=run, args=(i,)) for i in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        self.assertEqual(results, {i: [*range(i, 3000 + i)] for i in range(4)})

    def test_interrupt(self):
        done = run_program(
            """
            import os, signal, time
            def work(n):
                if n == 5:
                    os.kill(os.getppid(), signal.SIGINT)
                    time.sleep(60)
                return n
            try:
                print(*Pcall.map(work, range(100)))
            except KeyboardInterrupt:
                print("interrupted")
            try:
                while True:  # those that a thread of the library's has not reaped yet
                    os.waitpid(-1, 0)
            except ChildProcessError:
                print("nothing is left")
            """
        )
        self.assertEqual(done.stdout, "interrupted\nnothing is left\n", done.stderr)


class Failures(MapTestCase):
    def test_exception(self):
        def work(n):
            if n == 300:
                raise KeyError(n)
            return n

        seen = []
        with self.assertRaises(Pcall.ChildProcessException) as raised:
            seen.extend(Pcall.map(work, range(1000)))
        error = raised.exception
        self.assertEqual((error.call, error.__cause__.args), (300, (300,)))
        self.assertIn("in work", str(error.__cause__.__cause__))
        self.assertEqual(str(error), "call 300 (work): KeyError: 300")
        results = [*Pcall.map(work, range(1000), return_exceptions=True)]
        self.assertEqual(type(results.pop(300).__cause__), KeyError)
        self.assertEqual(results, [n for n in range(1000) if n != 300])

    def test_death(self):
        """It costs one call."""
        fd = os.memfd_create("calls")
        os.ftruncate(fd, 2000)

        def work(n):
            os.pwrite(fd, bytes([os.pread(fd, 1, n)[0] + 1]), n)
            if n % 500 == 123:
                os.kill(os.getpid(), signal.SIGKILL)
            if n % 500 == 124:
                os._exit(9)
            return n if n % 2 else str(n)

        results = [*Pcall.map(work, range(2000), return_exceptions=True)]
        self.assertEqual({*os.pread(fd, 2000, 0)}, {1}, "a call was run twice, or never")
        os.close(fd)
        for n, result in enumerate(results):
            if n % 500 not in (123, 124):
                self.assertEqual(result, n if n % 2 else str(n))
                continue
            self.assertIsInstance(result, Pcall.BrokenChild)
            facts = (result.exit_status, result.signal)
            self.assertEqual(facts, (None, 9) if n % 500 == 123 else (9, None))
            self.assertEqual(result.call, n)
            self.assertNotEqual(result.pid, os.getpid())

    def test_murder(self):
        """Of children at any moment: what comes is right, in order, and each comes once."""
        pids = set()
        results = Pcall.map(lambda n: (n, os.getpid()), range(30000), return_exceptions=True)
        n_died = 0
        for n, result in enumerate(results):
            if isinstance(result, Pcall.BrokenChild):
                n_died += 1
                self.assertEqual(result.call, n)
                continue
            self.assertEqual(result[0], n)
            pids.add(result[1])
            if n % 1000 == 77:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(result[1], signal.SIGKILL)
        self.assertGreater(len(pids), 2, "none was replaced")
        self.assertLessEqual(n_died, 30)

    def test_timeout(self):
        begun = time.monotonic()
        options = {"timeout": 0.3, "return_exceptions": True}
        results = [*Pcall.map(lambda n: sleep_if(n, 40), range(100), **options)]
        self.assertIs(type(results[40]), Pcall.TimedOut)
        self.assertEqual(str(results.pop(40)), "call 40 (<lambda>): took longer than 0.3 s")
        self.assertEqual(results, [n for n in range(100) if n != 40])
        self.assertLess(time.monotonic() - begun, PATIENCE)

    def test_retries(self):
        fd = os.memfd_create("calls")
        os.ftruncate(fd, 60)

        def work(n):
            tried = os.pread(fd, 1, n)[0]
            os.pwrite(fd, bytes([tried + 1]), n)
            if tried < n % 3:
                if n % 2:
                    os._exit(1)
                raise LookupError
            return n

        self.assertEqual([*Pcall.map(work, range(60), retries=2)], [*range(60)])
        self.assertEqual([*os.pread(fd, 60, 0)], [n % 3 + 1 for n in range(60)])
        os.ftruncate(fd, 0)
        os.ftruncate(fd, 60)
        results = [*Pcall.map(work, range(60), retries=1, return_exceptions=True)]
        failed = [n for n, result in enumerate(results) if isinstance(result, Exception)]
        self.assertEqual(failed, [*range(2, 60, 3)])
        os.close(fd)

    def test_retry_on(self):
        """What a call would raise here, or what it raised there."""

        def work(n):
            tried = os.pread(fd, 1, n)[0]
            os.pwrite(fd, bytes([tried + 1]), n)
            if n == 0:
                os._exit(1)
            raise LookupError if n == 1 else PermissionError

        every = {"retries": 2, "return_exceptions": True}
        cases = (
            (None, [3, 3, 3]),
            (Pcall.Crashed, [3, 1, 1]),
            (TimeoutError, [1, 1, 1]),
            ((Pcall.BrokenChild, LookupError), [3, 3, 1]),
            (PermissionError, [1, 1, 3]),
            (Pcall.ChildProcessException, [3, 3, 3]),
            ((), [1, 1, 1]),
        )
        for retry_on, expected in cases:
            fd = os.memfd_create("calls")
            os.ftruncate(fd, 4)
            with self.subTest(retry_on):
                kinds = [*map(type, Pcall.map(work, range(3), retry_on=retry_on, **every))]
                others = [Pcall.ChildProcessException] * 2
                self.assertEqual(kinds, [Pcall.BrokenChild, *others])
                self.assertEqual([*os.pread(fd, 3, 0)], expected)
            os.close(fd)

    def test_retries_of_what_times_out(self):
        """A busy machine may let the time pass before the call begins."""
        fd = os.memfd_create("calls")
        os.ftruncate(fd, 1)

        def work(n):
            tried = os.pread(fd, 1, 0)[0]
            os.pwrite(fd, bytes([tried + 1]), 0)
            return sleep_if(n, n if tried < 2 else -1)

        options = {"retries": 1000, "timeout": 0.5}
        self.assertEqual([*Pcall.map(work, [7], retry_on=Pcall.TimedOut, **options)], [7])
        self.assertGreaterEqual(os.pread(fd, 1, 0)[0], 3)
        os.pwrite(fd, b"\0", 0)
        with self.assertRaises(Pcall.TimedOut):
            list(Pcall.map(work, [7], retry_on=Pcall.Crashed, **options))
        self.assertLessEqual(os.pread(fd, 1, 0)[0], 1)
        os.close(fd)

    def test_results_that_cannot_be_pickled(self):
        results = [*Pcall.map(lambda n: threading.Lock(), range(3), return_exceptions=True)]
        for n, error in enumerate(results):
            self.assertIn("cannot be pickled", str(error))
            self.assertEqual(error.call, n)

    def test_results_that_cannot_be_unpickled(self):
        bad = Pcall.map(lambda n: Bad() if n == 50 else [n], range(90), return_exceptions=True)
        results = [*bad]
        error = results.pop(50)
        self.assertIn("call 50 (<lambda>): its result came, but cannot be unpickled", str(error))
        self.assertEqual(results, [[n] for n in range(90) if n != 50])

    def test_errors_of_glib(self):
        def work(n):
            raise GLib.Error("no such thing", "a-domain", 7)

        with self.assertRaisesRegex(Pcall.ChildProcessException, "^no such thing$") as raised:
            list(Pcall.map(work, range(3)))
        cause = raised.exception.__cause__
        self.assertEqual((cause.domain, cause.code), ("a-domain", 7))

    def test_exits(self):
        """SystemExit is an exception of its call."""
        error = [*Pcall.map(lambda n: exit(n), [3], return_exceptions=True)][0]
        self.assertEqual(error.__cause__.code, 3)


class Bad:
    def __reduce__(self):
        return fail, ()


def fail():
    raise LookupError("not here")


class Options(MapTestCase):
    def test_calls_per_child(self):
        for limit, n_pids in ((1, 20), (5, 4), (0, None)):
            pids = [*Pcall.map(lambda n: os.getpid(), range(20), calls_per_child=limit)]
            self.assertLessEqual(max(map(pids.count, pids)), limit or 20)
            if n_pids is not None:
                self.assertGreaterEqual(len({*pids}), n_pids)

    def test_max_children(self):
        pids = {*Pcall.map(lambda n: time.sleep(0.002) or os.getpid(), range(50), max_children=3)}
        self.assertLessEqual(len(pids), 3)
        self.assertNotIn(os.getpid(), pids)

    def test_initializer(self):
        seen = []
        initializer = lambda: seen.append(os.getpid())  # noqa: E731
        for pids in Pcall.map(lambda n: [*seen], range(50), initializer=initializer):
            self.assertEqual(len(pids), 1)
        self.assertEqual(seen, [])

    def test_initializer_that_fails(self):
        for initializer, kind in ((fail, LookupError), (lambda: os._exit(3), GLib.Error)):
            with self.assertRaises(Pcall.ChildProcessException) as raised:
                list(Pcall.map(square, range(50), initializer=initializer))
            self.assertIsInstance(raised.exception.__cause__, kind)

    def test_progress(self):
        seen = []
        list(Pcall.map(square, range(5000), progress=lambda *numbers: seen.append(numbers)))
        self.assertEqual(seen[-1], (5000, 5000))
        self.assertEqual(seen, sorted(seen))
        list(Pcall.map(square, iter(range(5)), progress=lambda *numbers: seen.append(numbers)))
        self.assertEqual(seen[-1], (5, None))

    def test_bar(self):
        """Only on a terminal."""
        source = "list(Pcall.map(abs, range(50), progress=True))"
        done = run_program(source)
        self.assertEqual((done.stdout, done.stderr), ("", ""))
        parent, child = os.openpty()
        import subprocess
        import sys

        head = "import gi; gi.require_version('Pcall', '1.0'); from gi.repository import Pcall\n"
        subprocess.run([sys.executable, "-c", head + source], stderr=child, timeout=60, check=True)
        os.close(child)
        drawn = os.read(parent, 65536)
        os.close(parent)
        self.assertTrue(drawn.endswith(b"] 50/50\x1b[K\r\n"), drawn)

    def test_output(self):
        """It goes where the parent's goes."""
        done = run_program("list(Pcall.map(lambda n: print('line', n), range(30), max_children=1))")
        self.assertEqual(done.stdout, "".join(f"line {n}\n" for n in range(30)))
        self.assertEqual(done.stderr, "")

    def test_refused(self):
        """At the call, with the name of what is wrong."""
        cases = (
            ((5, []), {}, TypeError, "fn is not callable: 5"),
            ((square,), {}, TypeError, "at least one iterable"),
            ((square, 5), {}, TypeError, r"iterables\[0\] must be iterable, not int"),
            ((square, [1], 5), {}, TypeError, r"iterables\[1\] must be iterable, not int"),
            ((square, []), {"max_children": -1}, ValueError, "max_children must be at least 0"),
            ((square, []), {"max_children": "2"}, TypeError, "max_children must be a whole number"),
            ((square, []), {"calls_per_child": 1.5}, TypeError, "calls_per_child"),
            ((square, []), {"retries": -1}, ValueError, "retries must be at least 0"),
            ((square, []), {"timeout": "1"}, TypeError, "timeout must be a number of seconds"),
            ((square, []), {"timeout": -1}, ValueError, "timeout must be 0 seconds or more"),
            ((square, []), {"initializer": 5}, TypeError, "initializer is not callable: 5"),
            ((square, []), {"progress": 5}, TypeError, "progress must be a callable or a bool"),
            (
                (square, []),
                {"max_childs": 5},
                TypeError,
                r"map\(\) has no option max_childs; did you mean max_children\?",
            ),
            ((square, []), {"retry_on": 5}, TypeError, "retry_on must be a class of exceptions"),
            ((square, []), {"retry_on": (int,)}, TypeError, "a tuple of them, as `except` takes"),
            ((square, []), {"retry_on": OSError}, ValueError, "retry_on: there are no retries"),
            ((square, []), {"ordered": 1}, TypeError, "ordered must be True or False, not int"),
            ((square, []), {"strict": None}, TypeError, "strict must be True or False"),
            ((square, []), {"return_exceptions": "x"}, TypeError, "return_exceptions must be"),
        )
        for arguments, options, kind, message in cases:
            for function in (Pcall.map, Pcall.amap):
                with self.subTest(message), self.assertRaisesRegex(kind, message):
                    function(*arguments, **options)


class Async(MapTestCase):
    async def collect(self):
        results = [n async for n in Pcall.amap(square, range(3000))]
        self.assertEqual(results, [*map(square, range(3000))])
        options = {"timeout": 0.3, "return_exceptions": True}
        results = Pcall.amap(lambda n: sleep_if(n, 3), range(9), **options)
        results = [result async for result in results]
        self.assertIs(type(results[3]), Pcall.TimedOut, results)
        del results[3]
        self.assertEqual(results, [0, 1, 2, 4, 5, 6, 7, 8])
        with self.assertRaises(Pcall.ChildProcessException):
            async for _ in Pcall.amap(fail_if, itertools.count()):
                pass

    def test_asyncio(self):
        asyncio.run(self.collect())

    def test_glib(self):
        loop = GLib.MainLoop()
        future = Pcall.run_coroutine(self.collect())
        future.add_done_callback(lambda _: loop.quit())
        loop.run()
        future.result()

    def test_given_up(self):
        async def run():
            async with contextlib.aclosing(Pcall.amap(square, itertools.count())) as results:
                async for n in results:
                    if n > 1000:
                        break

        asyncio.run(run())

    def test_cancelled(self):
        async def run():
            async for _ in Pcall.amap(time.sleep, [PATIENCE] * 4):
                pass

        async def main():
            with self.assertRaises(asyncio.TimeoutError):
                await asyncio.wait_for(run(), 0.2)

        begun = time.monotonic()
        asyncio.run(main())
        self.assertLess(time.monotonic() - begun, PATIENCE)

    def test_loop_stays_alive(self):
        async def main():
            n_ticks = 0

            async def tick():
                nonlocal n_ticks
                while True:
                    n_ticks += 1
                    await asyncio.sleep(0.005)

            ticking = asyncio.create_task(tick())
            async for _ in Pcall.amap(lambda n: time.sleep(0.02), range(20), max_children=2):
                pass
            ticking.cancel()
            return n_ticks

        self.assertGreater(asyncio.run(main()), 5)


def fail_if(n):
    if n == 50:
        raise LookupError(n)


if __name__ == "__main__":
    unittest.main()
