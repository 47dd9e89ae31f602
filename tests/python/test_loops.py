# SPDX-FileCopyrightText: 2026 The pcall authors
# SPDX-License-Identifier: LGPL-2.1-or-later

"""Tasks on event loops: asyncio's and GLib's, which go on meanwhile."""

import asyncio
import concurrent.futures
import contextlib
import gc
import os
import select
import socket
import threading
import time
import unittest

from support import GLib, Gates, Pcall, TestCase, get_descriptors, is_alive


try:
    import uvloop
except ImportError:
    uvloop = None


async def sleep_and_return(seconds):
    await asyncio.sleep(seconds)
    return seconds


def fail():
    raise LookupError("from a child")


async def run_in_order():
    order = []
    with Gates(1, 2, 0) as gates:
        p = Pcall.Pcall(gates.wait, index=range(3))
        p.start()
        async for call in Pcall.as_completed(p):
            order.append(call.index)
            gates.open_next()
        return order, await p


class Ticks:
    """Of a loop that goes on meanwhile. What lies between two is measured in processor time of this
    process: how long that takes on a busy machine says nothing."""

    def __init__(self):
        self.times = []

    def note(self):
        self.times.append(time.process_time())

    def check(self, test):
        gaps = [after - before for before, after in zip(self.times, self.times[1:])]
        test.assertGreater(len(self.times), 20)
        test.assertLess(max(gaps), 0.1)


class Asyncio(TestCase):
    def test_pcall_async(self):
        result = asyncio.run(self.add())
        self.assertEqual(result, (5, 7, 9))

    @staticmethod
    async def add():
        return await Pcall.pcall_async(lambda x, y: x + y, x=(1, 2, 3), y=(4, 5, 6))

    def test_the_loop_goes_on(self):
        ticks = Ticks()

        async def tick():
            while True:
                ticks.note()
                await asyncio.sleep(0.01)

        async def main():
            ticker = asyncio.create_task(tick())
            await Pcall.pcall_async(time.sleep, iargs=[(0.01 * n,) for n in range(50)])
            ticker.cancel()

        asyncio.run(main())
        ticks.check(self)

    def test_several_at_once(self):
        async def main():
            return await asyncio.gather(
                *(Pcall.pcall_async(lambda n: n * n, n=range(n)) for n in range(5))
            )

        self.assertEqual(asyncio.run(main())[4], (0, 1, 4, 9))

    def test_exceptions(self):
        async def main():
            with self.assertRaises(Pcall.ChildProcessException) as raised:
                await Pcall.pcall_async(fail)
            self.assertIsInstance(raised.exception.__cause__, LookupError)
            with self.assertRaises(TimeoutError):
                await Pcall.pcall_async(time.sleep, timeout=0.1, iargs=[(60,)])
            with self.assertRaisesRegex(TypeError, "x must be an iterable"):
                await Pcall.pcall_async(fail, x=5)
            gc.collect()

        asyncio.run(main())
        gc.collect()

    def test_cancelled(self):
        async def main():
            p = Pcall.Pcall(time.sleep, iargs=[(60,)] * 2)
            p.start()
            with self.assertRaises(asyncio.TimeoutError):
                await asyncio.wait_for(p._run(), 0.1)
            return p.pids

        pids = asyncio.run(main())
        deadline = time.monotonic() + 5
        while any(map(is_alive, pids)):
            self.assertLess(time.monotonic(), deadline, "a child goes on")
        gc.collect()

    def test_task_of_pcall_async_cancelled(self):
        async def main():
            task = asyncio.create_task(Pcall.pcall_async(time.sleep, iargs=[(60,)]))
            await asyncio.sleep(0.1)
            task.cancel()
            with self.assertRaises(asyncio.CancelledError):
                await task

        begun = time.monotonic()
        asyncio.run(main())
        self.assertLess(time.monotonic() - begun, 20)
        gc.collect()

    def test_object(self):
        async def main():
            p = Pcall.Pcall([sleep_and_return] * 2, iargs=[(0.1,), (0,)])
            p.start()
            first = await p
            return first, await p, p.results

        self.assertEqual(asyncio.run(main()), ((0.1, 0),) * 3)

    def test_async_for(self):
        self.assertEqual(asyncio.run(run_in_order()), ([1, 2, 0], (0, 1, 2)))

    def test_no_calls(self):
        async def main():
            p = Pcall.Pcall(fail, iargs=[])
            p.start()
            self.assertEqual([call async for call in Pcall.as_completed(p)], [])
            return await p

        self.assertEqual(asyncio.run(main()), ())

    def test_join_inside_of_a_loop(self):
        """It blocks, as a function that blocks does, and leaves the loop's signals alone."""

        async def main():
            p = Pcall.Pcall(abs, iargs=[(-1,)])
            p.start()
            p.join()
            await asyncio.sleep(0)
            return p.results

        self.assertEqual(asyncio.run(main()), (1,))


class OnGLib(TestCase):
    def run_coroutine(self, coroutine):
        loop = GLib.MainLoop()
        future = Pcall.run_coroutine(coroutine)
        future.add_done_callback(lambda _: loop.quit())
        loop.run()
        return future.result(0)

    def test_pcall_async(self):
        self.assertEqual(self.run_coroutine(Asyncio.add()), (5, 7, 9))

    def test_the_loop_goes_on(self):
        ticks = Ticks()
        source = GLib.timeout_add(10, lambda: ticks.note() or True)
        self.run_coroutine(Pcall.pcall_async(time.sleep, iargs=[(0.01 * n,) for n in range(50)]))
        GLib.source_remove(source)
        ticks.check(self)

    def test_exception(self):
        with self.assertRaises(Pcall.ChildProcessException) as raised:
            self.run_coroutine(Pcall.pcall_async(fail))
        self.assertIsInstance(raised.exception.__cause__, LookupError)
        del raised
        gc.collect()

    def test_async_for(self):
        self.assertEqual(self.run_coroutine(run_in_order()), ([1, 2, 0], (0, 1, 2)))

    def test_something_else(self):
        async def main():
            await asyncio.sleep(1)

        async def foreign():
            class Foreign:
                def __await__(self):
                    yield self

            await Foreign()

        with self.assertRaises(RuntimeError):
            self.run_coroutine(main())
        with self.assertRaisesRegex(RuntimeError, "cannot await"):
            self.run_coroutine(foreign())
        gc.collect()

    def test_signals(self):
        heard = []
        loop = GLib.MainLoop()
        p = Pcall.Pcall([os.getpid, fail, lambda: time.sleep(60)], timeout=0.3)
        task = p.task
        for name in ("call-started", "call-finished", "call-timed-out", "child-exited"):
            task.connect(name, lambda task, what, name=name: heard.append((name, what)))
        task.connect("call-failed", lambda task, call, error: heard.append((error.message, call)))
        task.connect("finished", lambda task: loop.quit())
        p.start()
        loop.run()

        calls = {name: [] for name, _ in heard}
        for name, what in heard:
            calls[name].append(what)
        self.assertEqual(sorted(call.index for call in calls["call-started"]), [0, 1, 2])
        self.assertEqual(sorted(call.index for call in calls["call-finished"]), [0, 1, 2])
        self.assertEqual([call.index for call in calls["call-timed-out"]], [2])
        self.assertEqual(len(calls["child-exited"]), 3)
        self.assertIn("call 1 (fail): LookupError: from a child", calls)
        self.assertEqual(p[0].result(), p[0].pid)
        with self.assertRaises(Pcall.ChildProcessException):
            p.join()
        del task, calls, heard, what
        gc.collect()


class AsCompleted(TestCase):
    def start(self, *seconds):
        p = Pcall.Pcall(time.sleep, iargs=[(s,) for s in seconds])
        p.start()
        return p

    def test_order(self):
        order = []
        with Gates(1, 2, 0) as gates:
            p = Pcall.Pcall(gates.wait, index=range(3))
            p.start()
            for call in Pcall.as_completed(p):
                order.append(call.index)
                gates.open_next()
            self.assertEqual(order, [1, 2, 0])
            self.assertEqual([call.index for call in Pcall.as_completed(p)], [0, 1, 2])
            p.join()

    def test_what_had_ended_comes_first(self):
        with Gates(1, 2, 0) as gates:
            p = Pcall.Pcall(gates.wait, index=range(3))
            p.start()
            completions = Pcall.as_completed(p)
            gates.open_next()
            self.assertEqual({next(completions).index, next(completions).index}, {1, 2})
            later = Pcall.as_completed(p)
            gates.open_next()
            self.assertEqual([call.index for call in later], [1, 2, 0])
            self.assertEqual([call.index for call in completions], [0])

    def test_shared_by_coroutines(self):
        """Each call goes to one of those that take them, and all of these come to the end."""

        async def take(completions, taken):
            async for call in completions:
                taken.append(call.index)
                await asyncio.sleep(0)

        async def main():
            with Gates(*range(6)) as gates:
                p = Pcall.Pcall(gates.wait, index=range(6))
                p.start()
                completions = Pcall.as_completed(p)
                taken = []
                takers = [asyncio.ensure_future(take(completions, taken)) for _ in range(4)]
                takers.pop().cancel()
                while not all(taker.done() for taker in takers):
                    await asyncio.sleep(0.001)
                    gates.open_next()
                return taken

        taken = asyncio.run(asyncio.wait_for(main(), 30))
        self.assertEqual(sorted(taken), [*range(6)])

    def test_shared_on_glib(self):
        async def take(completions, taken):
            async for call in completions:
                taken.append(call.index)

        loop = GLib.MainLoop()
        p = Pcall.Pcall(lambda i: i, i=range(6))
        p.start()
        completions, taken = Pcall.as_completed(p), []
        futures = [Pcall.run_coroutine(take(completions, taken)) for _ in range(3)]
        timer = GLib.timeout_add_seconds(30, loop.quit)
        for future in futures:
            future.add_done_callback(
                lambda _: all(future.done() for future in futures) and loop.quit()
            )
        loop.run()
        GLib.source_remove(timer)
        self.assertEqual([future.result(0) for future in futures], [None] * 3)
        self.assertEqual(sorted(taken), [*range(6)])
        del completions
        gc.collect()

    def test_shared_by_threads(self):
        for _ in range(10):
            p = Pcall.Pcall(lambda i: i, i=range(8))
            p.start()
            completions, taken = Pcall.as_completed(p), []
            with concurrent.futures.ThreadPoolExecutor(4) as threads:
                for future in [
                    threads.submit(lambda: taken.extend(call.index for call in completions))
                    for _ in range(4)
                ]:
                    future.result(30)
            self.assertEqual(sorted(taken), [*range(8)])

    def test_of_a_task_that_was_ended(self):
        """Its calls come as what they are."""
        p = self.start(60, 60)
        completions = Pcall.as_completed(p)
        p.task.run_dispose()
        kinds = [type(call.exception()) for call in completions]
        self.assertEqual(kinds, [Pcall.Cancelled] * 2)

    def test_in_a_fork(self):
        """There the task is nobody's."""
        p = self.start(0.5)
        completions = Pcall.as_completed(p)
        pid = os.fork()
        if pid == 0:
            try:
                next(completions)
            except RuntimeError:
                os._exit(5)
            finally:
                os._exit(1)
        self.assertEqual(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]), 5)
        self.assertEqual([call.index for call in completions], [0])
        p.join()

    def test_failures_come_too(self):
        p = Pcall.Pcall([fail, os.getpid])
        p.start()
        exceptions = {call.index: call.exception() for call in Pcall.as_completed(p)}
        self.assertIsNone(exceptions[1])
        self.assertIsInstance(exceptions[0].__cause__, LookupError)

    def test_of_a_task(self):
        order = []
        with Gates(1, 0) as gates:
            p = Pcall.Pcall(gates.wait, index=range(2))
            p.start()
            for call in Pcall.as_completed(p.task):
                order.append(call.index)
                gates.open_next()
        self.assertEqual(order, [1, 0])

    def test_sequence(self):
        p = self.start(0.5, 0)
        self.assertEqual((len(p), [call.index for call in p], p[-1].index), (2, [0, 1], 1))
        self.assertEqual([call.index for call in p[:1]], [0])
        with self.assertRaises(IndexError):
            p[2]
        self.assertFalse(p[0].done())
        with self.assertRaisesRegex(RuntimeError, "call 0 has not ended"):
            p[0].result()
        p.join()
        self.assertTrue(p[0].done())

    def test_own_loop(self):
        """Any loop that waits for descriptors will do."""
        p = self.start(0.1, 0)
        poller = select.poll()
        poller.register(p.task.get_fd(), select.POLLIN)
        while p.task.dispatch():
            poller.poll()
        p.join(0)
        self.assertEqual(p.results, (None, None))


async def use_numbers(n=30):
    """Sockets whose descriptors get all the numbers that are free."""
    with contextlib.ExitStack() as stack:
        for _ in range(n):
            here, there = (stack.enter_context(s) for s in socket.socketpair())
            here.setblocking(False)
            there.send(b"-")
            loop = asyncio.get_running_loop()
            assert await asyncio.wait_for(loop.sock_recv(here, 1), 20) == b"-"


class Given(TestCase):
    """Tasks that are given up in some way leave their loop as it was: whatever gets the numbers of
    their descriptors is heard."""

    runners = [asyncio.run]

    def tearDown(self):
        gc.collect()
        super().tearDown()

    async def check(self):
        await use_numbers()
        results = await asyncio.wait_for(asyncio.gather(*(add_all(n) for n in range(5))), 60)
        self.assertEqual(results, [(n, n + 1) for n in range(5)])
        await use_numbers()

    async def wait_until_let_go(self, expected):
        """The loop holds no descriptor of a task that is through."""
        for _ in range(500):
            gc.collect()
            if len(get_descriptors()) <= expected:
                break
            await asyncio.sleep(0.01)
        self.assertLessEqual(len(get_descriptors()), expected)

    def run_and_check(self, give_up, times=3):
        async def main():
            before = len(get_descriptors())
            for _ in range(times):
                await give_up()
                await self.check()
            await self.wait_until_let_go(before)

        for run in self.runners:
            run(main())
            gc.collect()

    def test_cancelled(self):
        async def give_up():
            with self.assertRaises(asyncio.TimeoutError):
                await asyncio.wait_for(Pcall.pcall_async(time.sleep, iargs=[(60,)] * 3), 0.1)

        self.run_and_check(give_up)

    def test_cancelled_at_once(self):
        async def give_up():
            task = asyncio.ensure_future(Pcall.pcall_async(time.sleep, iargs=[(60,)]))
            await asyncio.sleep(0)
            task.cancel()
            with self.assertRaises(asyncio.CancelledError):
                await task

        self.run_and_check(give_up)

    def test_one_of_two_who_wait(self):
        """The other one still hears."""

        async def give_up():
            p = Pcall.Pcall(time.sleep, iargs=[(0.3,)])
            p.start()
            waiter = asyncio.ensure_future(self.wait_for(p.task))
            with self.assertRaises(asyncio.TimeoutError):
                await asyncio.wait_for(self.wait_for(p.task), 0.05)
            await asyncio.wait_for(waiter, 20)

        self.run_and_check(give_up)

    @staticmethod
    async def wait_for(task):
        await task

    def test_ended_by_one_of_several(self):
        """The others do not wait for what will never come."""

        async def follow(p):
            async for call in Pcall.as_completed(p):
                pass

        async def give_up():
            p = Pcall.Pcall(time.sleep, iargs=[(60,)])
            p.start()
            others = [asyncio.ensure_future(w) for w in (self.wait_for(p.task), follow(p))]
            first = asyncio.ensure_future(self.wait_for(p))
            await asyncio.sleep(0.05)
            first.cancel()
            for other in others:
                with self.assertRaisesRegex(RuntimeError, "ended by somebody else"):
                    await asyncio.wait_for(other, 20)

        self.run_and_check(give_up)

    def test_as_completed_left_early(self):
        """And the task ended, joined, or forgotten in some way."""

        async def leave(then):
            p = Pcall.Pcall(time.sleep, iargs=[(0,), (0.1,)])
            p.start()
            async for call in Pcall.as_completed(p):
                break
            then(p)

        def join_in_a_thread(p):
            thread = threading.Thread(target=p.join)
            thread.start()
            thread.join()

        def end(p):
            p.terminate()
            with self.assertRaises(Pcall.ChildProcessException):
                p.join()

        cases = {
            "dropped": lambda p: None,
            "joined": Pcall.Pcall.join,
            "joined in a thread": join_in_a_thread,
            "terminated": end,
            "disposed of": lambda p: p.task.run_dispose(),
            "collected": lambda p: gc.collect(),
        }
        for name, then in cases.items():
            with self.subTest(name):
                self.run_and_check(lambda: leave(then), 2)

    def test_failed(self):
        async def give_up():
            with self.assertRaises(Pcall.ChildProcessException):
                await Pcall.pcall_async(fail)

        self.run_and_check(give_up)

    def test_interrupted_start(self):
        async def give_up():
            p = Pcall.Pcall(time.sleep, iargs=[(60,)])
            p.start()
            waiter = asyncio.ensure_future(self.wait_for(p.task))
            await asyncio.sleep(0.05)
            p.terminate()
            await asyncio.wait_for(waiter, 20)

        self.run_and_check(give_up)

    def test_loop_that_is_closed(self):
        """While a task runs: the next loop hears of it."""
        for run in self.runners:
            p = Pcall.Pcall(time.sleep, iargs=[(0.2,)])
            p.start()

            async def look():
                waiter = asyncio.ensure_future(self.wait_for(p.task))
                await asyncio.sleep(0.01)
                waiter.cancel()

            async def wait_again():
                await asyncio.wait_for(self.wait_for(p.task), 20)
                await self.check()

            run(look())
            run(wait_again())
            self.assertEqual(p[0].result(), None)


async def add_all(n):
    return await Pcall.pcall_async(lambda x: x + n, x=[0, 1])


@unittest.skipIf(uvloop is None, "there is no uvloop")
class GivenToUvloop(Given):
    @staticmethod
    def run_on_uvloop(coroutine):
        loop = uvloop.new_event_loop()
        try:
            return loop.run_until_complete(coroutine)
        finally:
            loop.run_until_complete(loop.shutdown_asyncgens())
            loop.close()

    runners = [run_on_uvloop]

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.run_on_uvloop(asyncio.sleep(0))  # a process has some descriptors for good then


if __name__ == "__main__":
    unittest.main()
