# SPDX-FileCopyrightText: 2026 The pcall authors
# SPDX-License-Identifier: LGPL-2.1-or-later

"""The children of a Pcall.Executor: how long they stay, how they end, and what that costs."""

import concurrent.futures
import gc
import multiprocessing
import os
import pickle
import select
import signal
import threading
import time
import unittest

from support import GLib, Pcall, TestCase, is_alive, run_program


def fail(text="from a child"):
    raise LookupError(text)


def add_and_tell(x, y):
    return x + y, os.getpid()


def die(n):
    if n % 100 == 50:
        os.kill(os.getpid(), signal.SIGKILL)
    return n


def wait_for(path, text=b"x"):
    os.write(path, text)
    time.sleep(60)


def can_read(fd):
    return bool(select.select([fd], [], [], 0)[0])


class Children(TestCase):
    """They stay, for one call after the other."""

    def setUp(self):
        super().setUp()
        errors = self.errors = []
        hook, threading.excepthook = threading.excepthook, lambda args: errors.append(repr(args))
        self.addCleanup(setattr, threading, "excepthook", hook)

    def tearDown(self):
        gc.collect()
        self.assertEqual(self.errors, [], "a thread has ended by an exception")
        self.assertEqual(threading.active_count(), 1, "a thread is left")
        super().tearDown()

    def test_broken_pool(self):
        """Who catches what a ProcessPoolExecutor raises catches this, too."""
        from concurrent.futures.process import BrokenProcessPool

        with Pcall.Executor(1) as executor:
            with self.assertRaises(BrokenProcessPool) as raised:
                executor.submit(die, 50).result(20)
            error = raised.exception
            self.assertIsInstance(error, Pcall.BrokenChild)
            copy = pickle.loads(pickle.dumps(error))
            self.assertIs(type(copy), Pcall.BrokenChild)
            self.assertEqual((str(copy), copy.signal), (str(error), signal.SIGKILL))
        with Pcall.Executor(1, initializer=fail) as executor:
            with self.assertRaises(BrokenProcessPool):
                executor.submit(os.getpid).result(20)

    def test_processes(self):
        """Where programs look for what they want to end."""
        with Pcall.Executor(2) as executor:
            self.assertEqual(executor._processes, {})
            pid = executor.submit(os.getpid).result(20)
            process = executor._processes[pid]
            self.assertTrue(process.is_alive())
            process.kill()
            process.join(20)
            self.assertEqual(process.exitcode, -signal.SIGKILL)
            self.assertNotEqual(executor.submit(os.getpid).result(20), pid)
        self.assertEqual(executor._processes, {})

    def test_reused(self):
        with Pcall.Executor(1) as executor:
            pids = {executor.submit(os.getpid).result(20) for _ in range(10)}
            self.assertEqual(len(pids), 1)
            (pid,) = pids
            while executor._driver.thread is not None:
                time.sleep(0.01)
            self.assertTrue(is_alive(pid))
            self.assertEqual(executor.submit(os.getpid).result(20), pid)
        self.assertFalse(is_alive(pid))

    def test_max_tasks_per_child(self):
        with Pcall.Executor(1, max_tasks_per_child=3) as executor:
            pids = [executor.submit(os.getpid).result(20) for _ in range(9)]
            self.assertEqual([pids.count(pid) for pid in pids], [3] * 9)
            pids = [pid for _, pid in executor.map(add_and_tell, range(30), range(30))]
            self.assertLessEqual(max(map(pids.count, pids)), 3)

    def test_initializer_once(self):
        seen = []
        initializer = lambda n: seen.append((n, os.getpid()))  # noqa: E731
        globals()["seen_by_children"] = seen
        with Pcall.Executor(2, initializer=initializer, initargs=(7,)) as executor:
            for future in [executor.submit(tell_seen) for _ in range(50)]:
                found, pid = future.result(20)
                self.assertEqual(found, [(7, pid)])

    def test_initializer_that_fails(self):
        for initializer, kind in ((fail, LookupError), (os.abort, GLib.Error)):
            with self.subTest(kind), Pcall.Executor(2, initializer=initializer) as executor:
                futures = [executor.submit(abs, -1) for _ in range(4)]
                for future in futures:
                    error = future.exception(20)
                    self.assertIsInstance(error, concurrent.futures.BrokenExecutor)
                    self.assertIsInstance(error.__cause__.__cause__, kind)
                with self.assertRaises(concurrent.futures.BrokenExecutor):
                    executor.submit(abs, -1)
                del error, future, futures

    def test_death(self):
        """It costs one call, of a map, too, and tells how the child has ended."""
        with Pcall.Executor(2) as executor:
            futures = [executor.submit(die, n) for n in range(200)]
            errors = {n: future.exception(20) for n, future in enumerate(futures)}
            self.assertEqual([n for n, error in errors.items() if error], [50, 150])
            error = errors[50]
            self.assertIsInstance(error, concurrent.futures.BrokenExecutor)
            self.assertIsInstance(error, Pcall.BrokenChild)
            self.assertEqual((error.signal, error.exit_status), (signal.SIGKILL, None))
            self.assertFalse(is_alive(error.pid))
            copy = pickle.loads(pickle.dumps(error))
            self.assertEqual((str(copy), copy.pid), (str(error), error.pid))
            error = executor.submit(os._exit, 9).exception(20)
            self.assertEqual((error.signal, error.exit_status), (None, 9))
            results = executor.map(die, range(200))
            self.assertEqual([next(results) for _ in range(50)], [*range(50)])
            self.assertRaises(Pcall.BrokenChild, next, results)

    def test_child_that_is_killed_while_idle(self):
        with Pcall.Executor(1) as executor:
            for _ in range(5):
                pid = executor.submit(os.getpid).result(20)
                os.kill(pid, signal.SIGKILL)
                while is_alive(pid):
                    time.sleep(0.001)
                self.assertNotEqual(executor.submit(os.getpid).result(20), pid)

    def test_functions_of_later(self):
        """What a child has not heard of, a fresh one inherits."""
        with Pcall.Executor(1) as executor:
            pid = executor.submit(os.getpid).result(20)

            def later():
                return "later", os.getpid()

            later.__qualname__ = "later"
            globals()["later"] = later
            self.addCleanup(globals().pop, "later")
            text, other = executor.submit(later).result(20)
            self.assertEqual(text, "later")
            self.assertNotEqual(other, pid)
            self.assertEqual(executor.submit(lambda: 5).result(20), 5)
            lock = threading.Lock()
            self.assertFalse(executor.submit(lambda lock: lock.locked(), lock).result(20))

    def test_functions_defined_anew(self):
        """As a notebook does: what runs is what the name means now."""
        program = run_program(
            """
            with Pcall.Executor(2) as executor:
                for n in range(6):
                    exec(f"def add(m): return m + {n}")
                    found = executor.submit(add, 10).result(), *executor.map(add, [10, 20])
                    if found != (10 + n, 10 + n, 20 + n):
                        print(n, found)
            """
        )
        self.assertEqual((program.stdout, program.returncode), ("", 0), program.stderr)

    def test_timeout(self):
        with Pcall.Executor(1) as executor:
            late = executor.schedule(time.sleep, (60,), timeout=0.3)
            others = [executor.submit(abs, -n) for n in range(5)]
            error = late.exception(20)
            self.assertIs(type(error), Pcall.TimedOut)
            self.assertEqual(str(error), "sleep: took longer than 0.3 s")
            self.assertEqual([future.result(20) for future in others], [*range(5)])
            kwargs = executor.schedule(int, ["12"], {"base": 5}, timeout=20)
            self.assertEqual(kwargs.result(20), 7)
            for bad, kind in (("1", TypeError), (-1, ValueError)):
                with self.assertRaisesRegex(kind, "timeout must be"):
                    executor.schedule(abs, (1,), timeout=bad)
        with Pcall.Executor(2, timeout=0.3) as executor:
            self.assertIs(type(executor.submit(time.sleep, 60).exception(20)), Pcall.TimedOut)
            results = executor.map(time.sleep, [0, 0, 60, 0])
            self.assertEqual([next(results), next(results)], [None, None])
            self.assertRaises(TimeoutError, next, results)

    def test_end_workers_at_once(self):
        """What a child had not begun is not for another one that nobody ends."""
        for _ in range(20):
            executor = Pcall.Executor(2)
            futures = [executor.submit(signal.pause) for _ in range(2)]
            while not all(future.running() for future in futures):
                time.sleep(0.0001)
            executor.kill_workers()
            self.assertFalse(concurrent.futures.wait(futures, 20).not_done)
            executor.shutdown()

    def test_killed(self):
        for end in ("terminate_workers", "kill_workers"):
            read_fd, write_fd = os.pipe()
            executor = Pcall.Executor(2)
            futures = [executor.submit(wait_for, write_fd) for _ in range(5)]
            self.assertEqual(len(os.read(read_fd, 1) + os.read(read_fd, 1)), 2)
            getattr(executor, end)()
            errors = [future.exception(20) for future in futures if not future.cancelled()]
            self.assertEqual(len(errors), 2)
            for error in errors:
                signum = signal.SIGKILL if end == "kill_workers" else signal.SIGTERM
                self.assertEqual(error.signal, signum)
            with self.assertRaises(RuntimeError):
                executor.submit(abs, -1)
            executor.shutdown()
            os.close(read_fd)
            os.close(write_fd)

    def test_killed_with_much_ahead(self):
        """What a child was given and has not begun, as calls seemed to be short, no other begins."""
        for end in ("terminate_workers", "kill_workers"):
            read_fd, write_fd = os.pipe()
            executor = Pcall.Executor(2)
            self.assertEqual(len([*executor.map(abs, range(10000))]), 10000)
            results = executor.map(wait_for, [write_fd] * 1000)
            futures = [executor.submit(wait_for, write_fd) for _ in range(10)]
            n_begun = len(os.read(read_fd, 1))
            getattr(executor, end)()
            executor.shutdown()
            n_begun += len(os.read(read_fd, 1000)) if can_read(read_fd) else 0
            self.assertLessEqual(n_begun, 2)
            with self.assertRaises((Pcall.BrokenChild, concurrent.futures.CancelledError)):
                next(results)
            self.assertEqual([future.cancelled() for future in futures[1:]], [True] * 9)
            os.close(read_fd)
            os.close(write_fd)

    def test_context(self):
        with Pcall.Executor(1, multiprocessing.get_context("fork")) as executor:
            self.assertEqual(executor.submit(abs, -1).result(20), 1)
        for method in ("spawn", "forkserver"):
            with self.assertRaisesRegex(ValueError, f"mp_context.*{method}"):
                Pcall.Executor(mp_context=multiprocessing.get_context(method))
        for bad, kind in ((0, ValueError), (-1, ValueError), ("2", TypeError), (1.5, TypeError)):
            with self.assertRaisesRegex(kind, "max_tasks_per_child"):
                Pcall.Executor(max_tasks_per_child=bad)

    def test_forgotten(self):
        """Idle children end when nobody has the executor any more."""
        executor = Pcall.Executor(2)
        self.assertEqual([*executor.map(abs, range(100))], [*range(100)])
        while executor._driver.thread is not None:
            time.sleep(0.01)
        del executor

    def test_forgotten_at_exit(self):
        program = run_program(
            """
            executor = Pcall.Executor(2)
            print(*executor.map(abs, range(5)), executor.submit(abs, -5).result())
            """
        )
        self.assertEqual((program.returncode, program.stdout), (0, "0 1 2 3 4 5\n"), program.stderr)

    def test_output(self):
        program = run_program(
            """
            with Pcall.Executor(1) as executor:
                list(executor.map(print, range(5)))
                executor.submit(print, "end", end="")
            """
        )
        self.assertEqual(program.stdout, "0\n1\n2\n3\n4\nend", program.stderr)


def tell_seen():
    return seen_by_children, os.getpid()  # noqa: F821


if __name__ == "__main__":
    unittest.main()
