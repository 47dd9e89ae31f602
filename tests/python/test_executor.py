# SPDX-FileCopyrightText: 2026 The pcall authors
# SPDX-License-Identifier: LGPL-2.1-or-later

"""Pcall.Executor, as something that takes an Executor uses it."""

import asyncio
import concurrent.futures
import gc
import itertools
import os
import threading
import time
import unittest

from support import GLib, Gates, Pcall, TestCase, is_alive, run_program


def fail(text="from a child"):
    raise LookupError(text)


def add_and_tell(x, y):
    return x + y, os.getpid()


def tell_and_sleep(fd):
    os.write(fd, b"%d" % os.getpid())
    time.sleep(60)


class Submit(TestCase):
    def tearDown(self):
        gc.collect()
        self.assertEqual(threading.active_count(), 1, "a thread is left")
        super().tearDown()

    def test_result(self):
        with Pcall.Executor() as executor:
            future = executor.submit(pow, 2, 5)
            self.assertIsInstance(future, concurrent.futures.Future)
            self.assertEqual(future.result(20), 32)
            self.assertEqual(executor.submit(lambda *, x: x, x=5).result(20), 5)
            self.assertNotEqual(executor.submit(os.getpid).result(20), os.getpid())

    def test_exception(self):
        with Pcall.Executor() as executor:
            error = executor.submit(fail).exception(20)
        self.assertIsInstance(error, LookupError)
        self.assertIn("in fail", str(error.__cause__))
        self.assertIn("in fail", error.__cause__.tb)

    def test_child_that_dies(self):
        """It costs its own call alone."""
        with Pcall.Executor(1) as executor:
            calls = (abs, -1), (os.abort,), (abs, -2)
            futures = [executor.submit(*call) for call in calls]
            self.assertEqual((futures[0].result(20), futures[2].result(20)), (1, 2))
            with self.assertRaisesRegex(Pcall.ChildProcessException, "killed by signal 6"):
                futures[1].result(20)

    def test_result_that_cannot_be_pickled(self):
        with Pcall.Executor() as executor:
            error = executor.submit(lambda: (i for i in ())).exception(20)
        self.assertIn("cannot be pickled", str(error))

    def test_variant(self):
        with Pcall.Executor() as executor:
            self.assertEqual(executor.submit(GLib.Variant, "i", 5).result(20).unpack(), 5)

    def test_max_workers(self):
        with Pcall.Executor(2) as executor:
            begun = time.monotonic()
            futures = [executor.submit(time.sleep, 0.2) for _ in range(6)]
            time.sleep(0.1)
            self.assertEqual([future.running() for future in futures].count(True), 2)
            concurrent.futures.wait(futures)
        self.assertGreater(time.monotonic() - begun, 0.59)

    def test_order_of_submission(self):
        done = []
        with Pcall.Executor(1) as executor:
            for n in range(20):
                executor.submit(abs, n).add_done_callback(lambda f: done.append(f.result()))
        self.assertEqual(done, list(range(20)))

    def test_submit_from_a_callback(self):
        results = []
        with Pcall.Executor(1) as executor:
            futures = []

            def again(future):
                results.append(future.result())
                if len(results) < 5:
                    submit()
                else:
                    enough.set()

            def submit():
                futures.append(executor.submit(abs, len(results)))
                futures[-1].add_done_callback(again)

            enough = threading.Event()
            submit()
            self.assertTrue(enough.wait(20))
        self.assertEqual(results, list(range(5)))
        del again, submit

    def test_from_many_threads(self):
        with Pcall.Executor(4) as executor:
            results = []

            def run(n):
                results.extend(executor.submit(abs, -n - i).result(20) for i in range(10))

            threads = [threading.Thread(target=run, args=(10 * n,)) for n in range(4)]
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join()
        self.assertEqual(sorted(results), list(range(40)))

    def test_initializer(self):
        values = []
        with Pcall.Executor(initializer=values.append, initargs=(7,)) as executor:
            self.assertEqual(executor.submit(lambda: values).result(20), [7])
        self.assertEqual(values, [])

    def test_wait_and_as_completed(self):
        with Pcall.Executor(3) as executor:
            order = []
            with Gates(1, 2, 0) as gates:
                futures = [executor.submit(gates.wait, i) for i in range(3)]
                for future in concurrent.futures.as_completed(futures):
                    order.append(futures.index(future))
                    gates.open_next()
            self.assertEqual(order, [1, 2, 0])
            done, left = concurrent.futures.wait(futures)
            self.assertEqual((done, left), (set(futures), set()))

    def test_refused(self):
        for arguments in ({"max_workers": 0}, {"max_workers": -1}):
            with self.assertRaises(ValueError):
                Pcall.Executor(**arguments)
        with self.assertRaises(TypeError):
            Pcall.Executor(initializer=5)
        with Pcall.Executor() as executor:
            with self.assertRaisesRegex(TypeError, "fn is not callable: 5"):
                executor.submit(5)
            with self.assertRaises(ValueError):
                executor.map(abs, [1], chunksize=0)

    def test_in_a_forked_child(self):
        with Pcall.Executor() as executor:
            error = executor.submit(lambda: executor.submit(abs, 1)).exception(20)
        self.assertIsInstance(error, RuntimeError)
        self.assertIn("make a new one", str(error))

    def test_nested(self):
        def target():
            with Pcall.Executor() as own:
                return list(own.map(abs, [-1, -2]))

        with Pcall.Executor() as executor:
            self.assertEqual(executor.submit(target).result(20), [1, 2])


def raise_it(kind):
    raise kind()


class RaisesInParent:
    def __init__(self, kind):
        self.kind = kind

    def __reduce__(self):
        return raise_it, (self.kind,)


class Exit(BaseException):
    pass


def interrupt(pid):
    """Raises in every process but this one."""
    if os.getpid() != pid:
        raise KeyboardInterrupt
    return InterruptingError()


class Interrupting:
    def __reduce__(self):
        return interrupt, (0,)


class InterruptingError(Exception):
    def __reduce__(self):
        return interrupt, (os.getpid(),)


class Robust(TestCase):
    """Whatever happens in the executor's thread, futures do not hang."""

    def tearDown(self):
        gc.collect()
        super().tearDown()

    def test_callbacks_that_raise(self):
        """All callbacks are called, and the next call is run."""
        for kind in (LookupError, SystemExit, KeyboardInterrupt, GeneratorExit, Exit):
            with self.subTest(kind), Pcall.Executor(1) as executor:
                called = []

                def call_back(future):
                    called.append(threading.current_thread().name)
                    raise kind

                with Gates(1, 0) as gates, self.assertLogs("concurrent.futures") as logs:
                    future = executor.submit(gates.wait, 0)
                    later = executor.submit(abs, -5)
                    for _ in range(3):
                        future.add_done_callback(call_back)
                    gates.open_next()
                    self.assertEqual(future.result(20), 0)
                    self.assertEqual(later.result(20), 5)
                self.assertEqual(called, ["Pcall.Executor"] * 3)
                self.assertEqual(len(logs.records), 3)

    def test_callbacks_of_cancelled_futures(self):
        """Their exceptions are those of whoever cancels, and the child is ended all the same."""
        with Pcall.Executor(1) as executor:
            future = executor.submit(time.sleep, 60)
            while not future.running():
                time.sleep(0.01)

            def call_back(future):
                raise Exit

            future.add_done_callback(call_back)
            with self.assertRaises(Exit):
                future.cancel()
            begun = time.monotonic()
            self.assertEqual(executor.submit(abs, -5).result(20), 5)
        self.assertLess(time.monotonic() - begun, 20)

    def test_falsy_exceptions(self):
        """Are exceptions."""

        class Falsy(Exception):
            def __bool__(self):
                return False

        class Unsure(Exception):
            def __bool__(self):
                raise TypeError

        async def wait(executor, kind):
            with self.assertRaises(kind):
                await asyncio.get_running_loop().run_in_executor(executor, raise_it, kind)

        globals().update(Falsy=Falsy, Unsure=Unsure)
        for kind in (Falsy, Unsure):
            kind.__qualname__ = kind.__name__
            with self.subTest(kind), Pcall.Executor(1) as executor:
                future = executor.submit(raise_it, kind)
                self.assertRaises(kind, future.result, 20)
                self.assertRaises(kind, future.result)
                self.assertRaises(kind, list, executor.map(raise_it, [kind]))
                asyncio.run(wait(executor, kind))

    def test_stop_iteration(self):
        """Who awaits one would take it for a result, or wait for ever. It is a RuntimeError, as
        where one leaves a coroutine."""

        async def wait(executor, kind):
            call = asyncio.get_running_loop().run_in_executor(executor, raise_it, kind)
            return await asyncio.wait_for(call, 20)

        class Stop(StopIteration):
            pass

        globals().update(Stop=Stop)
        Stop.__qualname__ = "Stop"
        for kind in (StopIteration, Stop):
            with self.subTest(kind), Pcall.Executor(1) as executor:
                for function in (
                    lambda: executor.submit(raise_it, kind).result(20),
                    lambda: list(executor.map(raise_it, [kind])),
                    lambda: asyncio.run(wait(executor, kind)),
                ):
                    with self.assertRaisesRegex(RuntimeError, "raise_it raised StopIter") as raised:
                        function()
                    self.assertIs(type(raised.exception.__cause__), kind)

    def test_results_that_raise_interrupts(self):
        """No result ends the thread, which others wait for."""
        with Gates(0) as gates, Pcall.Executor(1) as executor:
            gates.closed.append(0)
            futures = [executor.submit(Interrupting), executor.submit(gates.wait, 0)]
            for future in (*futures[:1], executor.submit(raise_it, InterruptingError)):
                thread = executor._driver.thread
                error = future.exception(20)
                self.assertIsInstance(error, (Pcall.ChildProcessException, Pcall.RemoteError))
                self.assertIs(executor._driver.thread, thread)
            self.assertEqual(futures[1].result(20), 0)
            mapped = executor.map(lambda n: Interrupting() if n == 1 else n, range(3))
            self.assertEqual(next(mapped), 0)
            self.assertRaises(Pcall.ChildProcessException, next, mapped)

    def test_results_that_raise(self):
        """When they are made of their pickles, whatever that is: no thread ends by it."""
        for kind in (ValueError, SystemExit, KeyboardInterrupt, GeneratorExit):
            with Pcall.Executor(1) as executor:
                error = executor.submit(RaisesInParent, kind).exception(20)
                self.assertIs(type(error.__cause__), kind)
                with self.assertRaisesRegex(Pcall.ChildProcessException, "cannot be unpickled"):
                    next(executor.map(RaisesInParent, [kind, kind]))
                self.assertEqual(executor.submit(abs, -1).result(20), 1)

    def test_thread_that_ends(self):
        """Each future gets the reason."""
        executor = Pcall.Executor(1)
        first = executor.submit(time.sleep, 60)
        while not first.running():
            time.sleep(0.01)
        waiting = [executor.submit(abs, -1) for _ in range(3)]

        def fail(*arguments):
            raise LookupError("out of order")

        hook = threading.excepthook
        threading.excepthook = lambda arguments: None
        try:
            executor._driver.step = fail
            executor._driver.wake()
            for future in (first, *waiting):
                error = future.exception(20)
                self.assertIsInstance(error, concurrent.futures.BrokenExecutor)
                self.assertIsInstance(error.__cause__, LookupError)
            executor._driver.join()
        finally:
            threading.excepthook = hook
            del executor._driver.step
        self.assertEqual(executor.submit(abs, -5).result(20), 5)

    def test_what_others_read(self):
        """Of an executor, to find out how much to give it at once."""
        for n in (1, 3):
            with Pcall.Executor(n) as executor:
                self.assertEqual(executor._max_workers, n)
        with Pcall.Executor() as executor:
            self.assertEqual(executor._max_workers, len(os.sched_getaffinity(0)))
        for bad in ("2", 1.5, [1]):
            self.assertRaises(TypeError, Pcall.Executor, bad)


def raise_it(kind):
    raise kind


class Cancel(TestCase):
    def test_running(self):
        """That ends the child."""
        with Pcall.Executor(1) as executor:
            read_fd, write_fd = os.pipe()
            future = executor.submit(tell_and_sleep, write_fd)
            pid = int(os.read(read_fd, 20))
            begun = time.monotonic()
            self.assertTrue(future.running())
            self.assertTrue(future.cancel())
            self.assertTrue(future.cancelled())
            with self.assertRaises(concurrent.futures.CancelledError):
                future.result()
            self.assertEqual(executor.submit(abs, -1).result(20), 1)
        self.assertLess(time.monotonic() - begun, 5)
        self.assertFalse(is_alive(pid))
        os.close(read_fd)
        os.close(write_fd)

    def test_waiting(self):
        with Pcall.Executor(1) as executor:
            first = executor.submit(time.sleep, 0.3)
            second = executor.submit(time.sleep, 60)
            self.assertTrue(second.cancel())
            self.assertIsNone(first.result(20))

    def test_done(self):
        with Pcall.Executor(1) as executor:
            future = executor.submit(abs, -1)
            future.result(20)
            self.assertFalse(future.cancel())
            self.assertEqual(future.result(), 1)

    def test_notifies(self):
        called = []
        with Pcall.Executor(1) as executor:
            future = executor.submit(time.sleep, 60)
            future.add_done_callback(called.append)
            while not future.running():
                time.sleep(0.01)
            threading.Timer(0.1, future.cancel).start()
            done, _ = concurrent.futures.wait([future], timeout=20)
            self.assertEqual(done, {future})
        self.assertEqual(called, [future])

    def test_raced(self):
        """A call that ends while it is cancelled is one or the other."""
        with Pcall.Executor(2) as executor:
            for i in range(60):
                future = executor.submit(abs, -1)
                time.sleep(i / 20000)
                if future.cancel():
                    self.assertTrue(future.cancelled())
                else:
                    self.assertEqual(future.result(20), 1)


class Map(TestCase):
    def test_map(self):
        with Pcall.Executor(2) as executor:
            self.assertEqual(
                list(executor.map(pow, range(9), range(9))), [n**n for n in range(9)]
            )
            self.assertEqual(list(executor.map(abs, [])), [])

    def test_chunks(self):
        with Pcall.Executor(2) as executor:
            for size in (None, 1, 3, 9, 100):
                with self.subTest(size):
                    ns = range(9)
                    results = list(executor.map(add_and_tell, ns, ns, chunksize=size))
                    self.assertEqual([x for x, _ in results], list(range(0, 18, 2)))
                    self.assertLessEqual(len({pid for _, pid in results}), 2)

    def test_many(self):
        with Pcall.Executor(2) as executor:
            results = executor.map(abs, range(0, -100000, -1))
            self.assertEqual([*results], [*range(100000)])
            mixed = executor.map(lambda n: str(n) if n % 3 else n, range(5000))
            self.assertEqual([*mixed], [str(n) if n % 3 else n for n in range(5000)])

    def test_begun_by_itself(self):
        """Before anybody asks for a result."""
        read_fd, write_fd = os.pipe()
        with Pcall.Executor(1) as executor:
            results = executor.map(os.write, [write_fd] * 3, [b"x"] * 3)
            self.assertEqual(len(os.read(read_fd, 1)), 1)
            self.assertEqual([*results], [1, 1, 1])
        os.close(read_fd)
        os.close(write_fd)

    def test_given_up(self):
        """What runs is ended, as nobody waits for it."""
        with Pcall.Executor(2) as executor:
            results = executor.map(time.sleep, [0, 60, 60, 60])
            next(results)
            results.close()

    def test_cancelled(self):
        executor = Pcall.Executor(1)
        results = executor.map(time.sleep, [0, 0.2] + [60] * 5, chunksize=1)
        next(results)
        executor.shutdown(cancel_futures=True, wait=False)
        with self.assertRaises(concurrent.futures.CancelledError):
            list(results)
        executor.shutdown()

    def test_shortest(self):
        with Pcall.Executor(2) as executor:
            pairs = executor.map(max, itertools.count(), [5, 0, 5], chunksize=2)
            self.assertEqual(list(pairs), [5, 1, 5])

    def test_exception(self):
        with Pcall.Executor(2) as executor:
            results = executor.map(lambda n: 1 // n, [1, 0, 1])
            self.assertEqual(next(results), 1)
            with self.assertRaises(ZeroDivisionError):
                next(results)
        del results
        gc.collect()

    def test_timeout(self):
        begun = time.monotonic()
        with Pcall.Executor(2) as executor:
            with self.assertRaises(concurrent.futures.TimeoutError):
                list(executor.map(time.sleep, [0, 60], timeout=0.2))
        self.assertLess(time.monotonic() - begun, 10)
        gc.collect()


class Shutdown(TestCase):
    def test_refuses(self):
        executor = Pcall.Executor()
        executor.shutdown()
        with self.assertRaisesRegex(RuntimeError, "after shutdown"):
            executor.submit(abs, 1)

    def test_waits(self):
        executor = Pcall.Executor(1)
        futures = [executor.submit(time.sleep, 0.1) for _ in range(3)]
        executor.shutdown()
        self.assertTrue(all(future.done() for future in futures))

    def test_does_not_wait(self):
        executor = Pcall.Executor(1)
        future = executor.submit(time.sleep, 0.2)
        executor.shutdown(wait=False)
        self.assertFalse(future.done())
        self.assertIsNone(future.result(20))
        while threading.active_count() > 1:
            time.sleep(0.01)

    def test_cancel_futures(self):
        executor = Pcall.Executor(1)
        futures = [executor.submit(time.sleep, 0.3) for _ in range(10)]
        while not futures[0].running():
            time.sleep(0.01)
        executor.shutdown(cancel_futures=True)
        self.assertEqual([future.cancelled() for future in futures], [False] + [True] * 9)

    def test_program_that_forgets_it(self):
        """Its calls are run to their ends, as those of the others' executors."""
        program = run_program(
            """
            import time
            def done(future):
                print(future.result())
            Pcall.Executor(1).submit(lambda: time.sleep(0.2) or 5).add_done_callback(done)
            """
        )
        self.assertEqual((program.returncode, program.stdout), (0, "5\n"), program.stderr)

    def check_at_exit(self, source, expected):
        program = run_program(source)
        self.assertEqual((program.returncode, program.stdout), (0, expected), program.stderr)

    def test_submit_at_exit(self):
        """Is refused, as no thread is waited for any more; with an executor that was used, and
        without."""
        for before in ("", "executor.submit(abs, -1).result()"):
            with self.subTest(before):
                self.check_at_exit(
                    f"""
                    import atexit, threading
                    executor = Pcall.Executor(1)
                    {before}
                    def late():
                        try:
                            print(executor.submit(print, "run").result(5))
                        except RuntimeError as error:
                            print(error)
                    atexit.register(late)
                    """,
                    "cannot schedule new futures after interpreter shutdown\n",
                )

    def test_submit_from_a_thread_that_is_waited_for(self):
        """Its calls are run, though the main thread is through."""
        self.check_at_exit(
            """
            import threading
            executor = Pcall.Executor(1)
            def work():
                threading.main_thread().join()
                print(executor.submit(abs, -5).result(20), flush=True)
            threading.Thread(target=work).start()
            """,
            "5\n",
        )

    def test_pcall_at_exit(self):
        self.check_at_exit(
            """
            import atexit
            atexit.register(lambda: print(*Pcall.pcall(lambda: 5)))
            """,
            "5\n",
        )


class RunInExecutor(TestCase):
    def test_asyncio(self):
        async def main():
            loop = asyncio.get_running_loop()
            with Pcall.Executor(2) as executor:
                results = await asyncio.gather(
                    *(loop.run_in_executor(executor, abs, -n) for n in range(5))
                )
                with self.assertRaises(LookupError):
                    await loop.run_in_executor(executor, fail)
            return results

        self.assertEqual(asyncio.run(main()), list(range(5)))
        gc.collect()

    def test_asyncio_cancels(self):
        async def main():
            loop = asyncio.get_running_loop()
            with Pcall.Executor(1) as executor:
                with self.assertRaises(asyncio.TimeoutError):
                    await asyncio.wait_for(loop.run_in_executor(executor, time.sleep, 60), 0.2)

        begun = time.monotonic()
        asyncio.run(main())
        self.assertLess(time.monotonic() - begun, 5)
        gc.collect()


if __name__ == "__main__":
    unittest.main()
