# SPDX-FileCopyrightText: 2026 The pcall authors
# SPDX-License-Identifier: LGPL-2.1-or-later

"""Tasks that several threads use, beside a loop of GLib or of asyncio; and programs that only look."""

import asyncio
import os
import threading
import time
import unittest

from support import GLib, Pcall, TestCase, run_program

PATIENCE = 60  # seconds: only a hang takes longer


def square(n):
    return n * n


def in_threads(n_threads, function):
    """What `function(index)` returns in each of them; or raises the first exception."""
    outcomes = [None] * n_threads

    def run(index):
        try:
            outcomes[index] = function(index)
        except BaseException as error:
            outcomes[index] = error

    threads = [threading.Thread(target=run, args=(index,)) for index in range(n_threads)]
    for thread in threads:
        thread.start()
    return threads, outcomes


def end(threads):
    deadline = time.monotonic() + PATIENCE
    for thread in threads:
        thread.join(max(0, deadline - time.monotonic()))
        if thread.is_alive():
            raise AssertionError("a thread still waits")


class BesideLoop:
    """Each in worker threads, while the main thread runs a loop."""

    def check(self, function, expected, n_threads=4):
        done = threading.Event()
        threads, outcomes = in_threads(n_threads, function)
        threading.Thread(target=lambda: (end(threads), done.set())).start()
        self.run_loop(done)
        for outcome in outcomes:
            if isinstance(outcome, BaseException):
                raise outcome
            self.assertEqual(outcome, expected)

    def test_pcall(self):
        self.check(
            lambda _: [Pcall.pcall(square, n=range(3)) for _ in range(10)], [(0, 1, 4)] * 10
        )

    def test_start_and_join(self):
        def run(_):
            p = Pcall.Pcall(square, n=range(3))
            p.start()
            p.join()
            return p.results

        self.check(run, (0, 1, 4))

    def test_terminate_in_another_thread(self):
        def run(_):
            p = Pcall.Pcall(time.sleep, iargs=[(PATIENCE,)] * 2)
            p.start()
            threading.Thread(target=p.terminate).start()
            with self.assertRaisesRegex(Pcall.ChildProcessException, "terminated"):
                p.join()
            return p.livings

        self.check(run, ())

    def test_look(self):
        def run(_):
            p = Pcall.Pcall(square, n=range(3))
            p.start()
            while p.livings:
                time.sleep(0.001)
            p.join()
            return p.results

        self.check(run, (0, 1, 4))

    def test_executor(self):
        def run(_):
            with Pcall.Executor(2) as executor:
                return list(executor.map(square, range(20)))

        self.check(run, [n * n for n in range(20)], n_threads=2)

    def test_one_task_and_many_threads(self):
        for _ in range(5):
            p = Pcall.Pcall(square, n=range(3))
            p.start()

            def join(_):
                p.join()
                return p.results

            self.check(join, (0, 1, 4))


class BesideGLib(BesideLoop, TestCase):
    def run_loop(self, done):
        loop = GLib.MainLoop()

        def look():
            if done.is_set():
                loop.quit()
            return GLib.SOURCE_CONTINUE

        source = GLib.timeout_add(1, look)
        loop.run()
        GLib.source_remove(source)


class BesideAsyncio(BesideLoop, TestCase):
    def run_loop(self, done):
        async def main():
            while not done.is_set():
                self.assertEqual(await Pcall.pcall_async(square, n=(3,)), (9,))

        asyncio.run(main())

    def test_awaited_here_and_joined_there(self):
        async def main():
            for _ in range(10):
                p = Pcall.Pcall(square, n=range(3))
                p.start()
                threads, outcomes = in_threads(2, lambda _: p.join())
                await asyncio.wait_for(wait(p), PATIENCE)
                await asyncio.to_thread(end, threads)
                self.assertEqual(outcomes, [None, None])
                self.assertEqual(p.results, (0, 1, 4))

        async def wait(p):
            await p

        asyncio.run(main())

    def test_awaited_twice(self):
        async def main():
            p = Pcall.Pcall(square, n=range(3))
            p.start()

            async def wait():
                await p
                return p.results

            return await asyncio.wait_for(asyncio.gather(wait(), wait()), PATIENCE)

        self.assertEqual(asyncio.run(main()), [(0, 1, 4)] * 2)


class Looking(TestCase):
    def test_starts_all(self):
        can_end, end = os.pipe()
        p = Pcall.Pcall(os.read, iargs=[(can_end, 1)] * 20)
        p.start()
        self.assertEqual((len(p.livings), len(p.pids)), (20, 20))
        self.assertEqual(len([call for call in p if call.get_pid() > 0]), 20)
        os.write(end, bytes(20))
        while p.livings:
            time.sleep(0.01)
        self.assertTrue(all(call.done() for call in p))
        p.join()
        os.close(can_end)
        os.close(end)

    def test_first_task_of_a_process(self):
        for _ in range(5):
            program = run_program(
                """
                import os

                loop = GLib.MainLoop()

                async def go():
                    try:
                        await Pcall.pcall_async(os._exit, iargs=[(42,)])
                    except Pcall.ChildProcessException as error:
                        print(error)

                Pcall.run_coroutine(go()).add_done_callback(lambda _: loop.quit())
                GLib.timeout_add_seconds(30, lambda: os._exit(1))
                loop.run()
                """
            )
            self.assertEqual(program.returncode, 0, program.stderr)
            self.assertIn("exited with status 42", program.stdout)


if __name__ == "__main__":
    unittest.main()
