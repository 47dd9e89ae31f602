# SPDX-FileCopyrightText: 2026 The pcall authors
# SPDX-License-Identifier: LGPL-2.1-or-later

"""Pcall.map() and Pcall.Executor on other machines, for which this one stands in."""

import asyncio
import concurrent.futures
import contextlib
import gc
import itertools
import logging
import multiprocessing
import os
import pickle
import signal
import socket
import subprocess
import sys
import tempfile
import textwrap
import threading
import time
import unittest

from support import Pcall, TestCase, is_alive

try:
    import cloudpickle
except ImportError:
    cloudpickle = None

LIMIT = 60
prepared = None


def square(n):
    return n * n


def fail(n):
    raise LookupError("there", n)


def fail_at_five(n):
    return n if n != 5 else fail(n)


def die_at_five(n):
    if n == 5:
        os.kill(os.getpid(), signal.SIGKILL)
    return n


def sleep_at_one(n):
    if n == 1:
        signal.pause()
    return n


def get_pid(n=0):
    return os.getpid()


def get_parent(pid):
    with open(f"/proc/{pid}/status", encoding="ascii", errors="replace") as status:
        return next(int(line.split()[1]) for line in status if line.startswith("PPid:"))


def get_agent(n=0):
    """A call is in a child of a worker, which is one of an agent."""
    return get_parent(os.getppid())


def get_all_pids(n=0):
    return os.getpid(), os.getppid(), get_agent()


def is_first(path):
    try:
        os.close(os.open(path, os.O_CREAT | os.O_EXCL))
    except FileExistsError:
        return False
    return True


def fail_once(path):
    return fail(0) if is_first(path) else "later"


def kill_agent_once(path):
    if is_first(path):
        os.kill(get_agent(), signal.SIGKILL)
        signal.pause()
    return "later"


def kill_agent(n):
    os.kill(get_agent(), signal.SIGKILL)
    signal.pause()


def meet(directory, n):
    """Waits until calls of so many agents are here."""
    is_first(os.path.join(directory, str(get_agent())))
    until = time.monotonic() + LIMIT
    while len(os.listdir(directory)) < n and time.monotonic() < until:
        time.sleep(0.001)
    return get_agent()


def prepare():
    global prepared
    prepared = os.getpid()


def get_prepared(n=0):
    return prepared, os.getpid()


def tell_and_wait(path):
    with open(path, "w", encoding="ascii") as file:
        file.write(f"{os.getpid()}\n")
    signal.pause()


def log(n):
    logging.getLogger("away").warning("call %d", n, extra={"number": n})
    return n


class Odd:
    """Cannot be pickled."""

    def __reduce__(self):
        raise TypeError("an odd one")


def return_odd(n):
    return Odd()


async def double(n):
    await asyncio.sleep(0)
    return 2 * n


def make_launcher(n_workers=1):
    return Pcall.Launcher.new(["{agent}"], n_workers, Pcall.LauncherTransport.STREAMS)


def wait_until(function):
    until = time.monotonic() + LIMIT
    while not function() and time.monotonic() < until:
        time.sleep(0.005)
    return function()


def read_pid(path):
    """What `tell_and_wait()` has written."""

    def is_whole():
        with contextlib.suppress(FileNotFoundError), open(path, encoding="ascii") as file:
            return file.read().endswith("\n")

    wait_until(is_whole)
    with open(path, encoding="ascii") as file:
        return int(file.read())


class AwayCase(TestCase):
    n_workers = 1

    def setUp(self):
        super().setUp()
        self.launcher = make_launcher(self.n_workers)
        self.directory = tempfile.mkdtemp()
        self.path = os.path.join(self.directory, "path")

    def tearDown(self):
        gc.collect()
        self.launcher.close()
        for name in os.listdir(self.directory):
            os.unlink(os.path.join(self.directory, name))
        os.rmdir(self.directory)
        wait_until(lambda: threading.active_count() == 1)
        self.assertEqual(threading.active_count(), 1, "a thread is left")
        super().tearDown()

    def map(self, *args, **options):
        return [*Pcall.map(*args, launcher=self.launcher, **options)]


class Map(AwayCase):
    def test_results(self):
        self.assertEqual(self.map(square, range(10)), [n * n for n in range(10)])

    def test_columns(self):
        self.assertEqual(self.map(divmod, (7, 8), (2, 3)), [(3, 1), (2, 2)])

    def test_endless(self):
        squares = Pcall.map(square, itertools.count(), launcher=self.launcher)
        self.assertEqual([*itertools.islice(squares, 1000)], [n * n for n in range(1000)])
        squares.close()

    def test_jobs_are_large(self):
        """A job for each call would be a round trip for each."""
        pids = self.map(get_pid, range(20_000), max_children=1)
        self.assertEqual(len({*pids}), 1)

    def test_exception(self):
        error, cause = self.assertRaisesFromChild(
            LookupError, self.map, fail_at_five, range(10)
        )
        self.assertEqual((error.call, cause.args), (5, ("there", 5)))
        self.assertIn("in fail", str(cause.__cause__))

    def test_exceptions_as_results(self):
        results = self.map(fail_at_five, range(10), return_exceptions=True)
        self.assertIsInstance(results.pop(5), Pcall.ChildProcessException)
        self.assertEqual(results, [0, 1, 2, 3, 4, 6, 7, 8, 9])

    def test_crash(self):
        results = self.map(die_at_five, range(100), return_exceptions=True)
        error = results.pop(5)
        self.assertIsInstance(error, Pcall.BrokenChild)
        self.assertEqual((error.call, error.signal), (5, signal.SIGKILL))
        self.assertIn(f"on {socket.gethostname()}: killed by signal 9", str(error))
        self.assertTrue(error.__cause__.matches(Pcall.error_quark(), Pcall.Error.CRASHED))
        self.assertEqual(results, [n for n in range(100) if n != 5])

    def test_timeout(self):
        results = self.map(sleep_at_one, range(4), timeout=0.5, return_exceptions=True)
        self.assertIsInstance(results[1], Pcall.TimedOut)
        self.assertEqual((results[0], *results[2:]), (0, 2, 3))

    def test_lost(self):
        with self.assertRaisesRegex(Pcall.BrokenChild, "connection was lost") as caught:
            self.map(kill_agent, [0])
        cause = caught.exception.__cause__
        self.assertTrue(cause.matches(Pcall.error_quark(), Pcall.Error.LOST))

    def test_retries(self):
        self.assertEqual(self.map(fail_once, [self.path], retries=1), ["later"])

    def test_retries_of_lost(self):
        options = {"retries": 1, "retry_on": Pcall.Crashed}
        self.assertEqual(self.map(kill_agent_once, [self.path], **options), ["later"])

    def test_initializer(self):
        for begun, here in self.map(get_prepared, range(100), initializer=prepare):
            self.assertEqual(begun, here)

    def test_initializer_fails(self):
        with self.assertRaisesRegex(Pcall.ChildProcessException, "initializer.*fail"):
            self.map(square, range(10), initializer=fail)

    def test_calls_per_child(self):
        pids = self.map(get_pid, range(6), calls_per_child=1)
        self.assertEqual(len({*pids}), 6)

    def test_coroutine(self):
        self.assertEqual(self.map(double, range(3)), [0, 2, 4])

    def test_unpicklable_result(self):
        with self.assertRaisesRegex(Pcall.ResultPicklingError, "an odd one"):
            self.map(return_odd, [0])

    def test_unpicklable_argument(self):
        results = self.map(square, [1, 2, Odd(), 4], return_exceptions=True)
        self.assertIsInstance(results.pop(2), pickle.PicklingError)
        self.assertEqual(results, [1, 4, 16])

    def test_large(self):
        (result,) = self.map(bytes, [3 << 20])
        self.assertEqual(result, bytes(3 << 20))

    def test_await(self):
        async def run():
            squares = Pcall.amap(square, range(100), launcher=self.launcher)
            return [n async for n in squares]

        self.assertEqual(asyncio.run(run()), [n * n for n in range(100)])

    def test_left_early(self):
        pids = Pcall.map(get_all_pids, itertools.count(), launcher=self.launcher)
        child, worker, agent = next(pids)
        pids.close()
        self.assertTrue(wait_until(lambda: not is_alive(child) and not is_alive(worker)))
        self.assertTrue(is_alive(agent), "it is the launcher's")

    def test_no_agent_is_left(self):
        (_, _, agent), *_ = Pcall.map(get_all_pids, range(3), launcher=make_launcher())
        gc.collect()
        self.assertTrue(wait_until(lambda: not is_alive(agent)))

    def test_progress(self):
        told = []
        self.map(square, range(10), progress=lambda *numbers: told.append(numbers))
        self.assertEqual(told[-1], (10, 10))

    def test_log(self):
        with self.assertLogs("away") as logs:
            self.assertEqual(self.map(log, range(3)), [0, 1, 2])
        self.assertEqual({record.number for record in logs.records}, {0, 1, 2})

    @unittest.skipUnless(cloudpickle, "cloudpickle is not installed (Debian: python3-cloudpickle)")
    def test_by_value(self):
        offset = 5
        self.assertEqual(self.map(lambda n: n + offset, range(100)), [*range(5, 105)])

    def test_not_by_value(self):
        sys.modules["cloudpickle"] = None
        try:
            with self.assertRaisesRegex(pickle.PicklingError, "the function.*cloudpickle"):
                self.map(lambda n: n, [1])
        finally:
            del sys.modules["cloudpickle"]


class TwoAgents(AwayCase):
    n_workers = 2

    def test_many_by_two_agents(self):
        both = {*self.map(meet, [self.directory] * 2, [2] * 2)}
        self.assertEqual(len(both), 2)
        self.assertEqual(sum(self.map(square, range(20_000))), sum(n * n for n in range(20_000)))
        self.assertEqual({*self.map(get_agent, range(20_000))} - both, set())

    def test_unordered(self):
        self.assertEqual({*self.map(square, range(50), ordered=False)}, {n * n for n in range(50)})

    def test_executor(self):
        with Pcall.Executor(launcher=self.launcher) as executor:
            self.assertEqual(executor._max_workers, 2)
            futures = [executor.submit(meet, self.directory, 2) for _ in range(2)]
            self.assertEqual(len({future.result(LIMIT) for future in futures}), 2)


class Executors(AwayCase):
    def make(self, **options):
        return Pcall.Executor(launcher=self.launcher, **options)

    def test_submit(self):
        with self.make() as executor:
            futures = [executor.submit(square, n) for n in range(30)]
            self.assertEqual([f.result(LIMIT) for f in futures], [n * n for n in range(30)])

    def test_size(self):
        with self.make() as executor:
            self.assertEqual(executor._max_workers, 1)
            self.assertEqual(len({*executor.map(get_pid, range(50))}), 1)

    def test_map(self):
        with self.make() as executor:
            self.assertEqual([*executor.map(pow, range(500), [2] * 500)], [*map(square, range(500))])

    def test_keywords(self):
        with self.make() as executor:
            future = executor.submit(int, "12", base=16)
            self.assertEqual(future.result(LIMIT), 18)

    def test_exceptions(self):
        with self.make() as executor:
            error = executor.submit(fail, 7).exception(LIMIT)
            self.assertEqual((type(error), error.args), (LookupError, ("there", 7)))
            self.assertIn("in fail", str(error.__cause__))

    def test_crash(self):
        with self.make() as executor:
            error = executor.submit(die_at_five, 5).exception(LIMIT)
            self.assertIsInstance(error, Pcall.BrokenChild)
            self.assertEqual(error.signal, signal.SIGKILL)
            self.assertEqual(executor.submit(square, 3).result(LIMIT), 9)

    def test_lost(self):
        with self.make() as executor:
            error = executor.submit(kill_agent, 0).exception(LIMIT)
            self.assertIsInstance(error, concurrent.futures.BrokenExecutor)
            self.assertTrue(error.__cause__.matches(Pcall.error_quark(), Pcall.Error.LOST))
            self.assertIn("connection was lost", str(error))
            self.assertEqual(executor.submit(square, 3).result(LIMIT), 9)

    def test_retries_of_lost(self):
        with self.make(retries=1) as executor:
            self.assertEqual(executor.submit(kill_agent_once, self.path).result(LIMIT), "later")

    def test_timeout_of_one(self):
        with self.make() as executor:
            late = executor.schedule(sleep_at_one, (1,), timeout=0.3)
            with self.assertRaisesRegex(Pcall.TimedOut, "longer than 0.3 s"):
                late.result(LIMIT)

    def test_cancel_running(self):
        with self.make() as executor:
            future = executor.submit(tell_and_wait, self.path)
            pid = read_pid(self.path)
            self.assertTrue(future.cancel())
            self.assertTrue(wait_until(lambda: not is_alive(pid)))
            self.assertEqual(executor.submit(square, 3).result(LIMIT), 9)

    def test_initializer(self):
        with self.make(initializer=prepare) as executor:
            begun, here = executor.submit(get_prepared).result(LIMIT)
            self.assertEqual(begun, here)

    def test_initializer_fails(self):
        with self.make(initializer=fail, initargs=(1,)) as executor:
            future = executor.submit(square, 2)
            self.assertIsInstance(future.exception(LIMIT), concurrent.futures.BrokenExecutor)

    def test_max_tasks_per_child(self):
        with self.make(max_tasks_per_child=2) as executor:
            pids = [executor.submit(get_pid).result(LIMIT) for _ in range(4)]
        self.assertEqual([pids.count(pid) for pid in pids], [2, 2, 2, 2])

    def test_kill_workers(self):
        with self.make() as executor:
            future = executor.submit(tell_and_wait, self.path)
            pid = read_pid(self.path)
            executor.kill_workers()
            self.assertIsInstance(future.exception(LIMIT), Pcall.BrokenChild)
        self.assertTrue(wait_until(lambda: not is_alive(pid)))

    def test_shutdown_leaves_no_agent(self):
        with Pcall.Executor(launcher=make_launcher()) as executor:
            pids = executor.submit(get_all_pids).result(LIMIT)
        gc.collect()
        self.assertTrue(wait_until(lambda: not any(map(is_alive, pids))))
        with self.assertRaisesRegex(RuntimeError, "after shutdown"):
            executor.submit(square, 2)

    def test_forgotten(self):
        executor = Pcall.Executor(launcher=make_launcher())
        pids = executor.submit(get_all_pids).result(LIMIT)
        del executor
        gc.collect()
        self.assertTrue(wait_until(lambda: not any(map(is_alive, pids))))

    def test_shared_launcher(self):
        """While it has nothing to do its agents are for others."""
        with self.make() as executor:
            self.assertEqual(executor.submit(square, 2).result(LIMIT), 4)
            self.assertEqual(Pcall.pcall(square, n=(3,), launcher=self.launcher), (9,))
            self.assertEqual(executor.submit(square, 4).result(LIMIT), 16)

    def test_closed_launcher(self):
        with self.make() as executor:
            self.launcher.close()
            with self.assertRaisesRegex(RuntimeError, "closed"):
                executor.submit(square, 2).result(LIMIT)
            with self.assertRaisesRegex(RuntimeError, "closed"):
                self.map(square, [1])

    def test_by_name_only(self):
        sys.modules["cloudpickle"] = None
        try:
            with self.make() as executor:
                with self.assertRaisesRegex(pickle.PicklingError, "cloudpickle"):
                    executor.submit(lambda: 1).result(LIMIT)
                self.assertEqual(executor.submit(square, 2).result(LIMIT), 4)
        finally:
            del sys.modules["cloudpickle"]


class Mistakes(TestCase):
    def test_no_launcher(self):
        for function in (lambda: Pcall.map(square, [1], launcher="slurm:4"),
                         lambda: Pcall.amap(square, [1], launcher=("a",)),
                         lambda: Pcall.Executor(launcher=3)):
            with self.assertRaisesRegex(TypeError, "launcher must be a Pcall.Launcher, not"):
                function()

    def test_context(self):
        with self.assertRaisesRegex(ValueError, "mp_context: with a launcher"):
            Pcall.Executor(mp_context=multiprocessing.get_context("fork"), launcher=make_launcher())

    def test_nobody_comes(self):
        def make():
            return Pcall.Launcher.new(["false"], 1, Pcall.LauncherTransport.STREAMS)

        with self.assertRaisesRegex(Pcall.ChildProcessException, "exited with status 1 before"):
            [*Pcall.map(square, [1, 2], launcher=make())]
        with Pcall.Executor(launcher=make()) as executor:
            with self.assertRaisesRegex(concurrent.futures.BrokenExecutor, "before an agent came"):
                executor.submit(square, 1).result(LIMIT)

    def test_no_command(self):
        launcher = Pcall.Launcher.new(["/nowhere/srun"], 1, Pcall.LauncherTransport.STREAMS)
        with self.assertRaisesRegex(RuntimeError, "/nowhere/srun"):
            [*Pcall.map(square, [1, 2], launcher=launcher)]
        with Pcall.Executor(launcher=launcher) as executor:
            with self.assertRaisesRegex(RuntimeError, "/nowhere/srun"):
                executor.submit(square, 1).result(LIMIT)

    def test_debug(self):
        """Calls run in this process, wherever they would run."""
        squares = Pcall.map(get_pid, [1], debug=True, launcher=make_launcher())
        self.assertEqual([*squares], [os.getpid()])


class Programs(TestCase):
    def test_output(self):
        """It goes where that of the program goes."""
        program = """
            import sys
            import gi
            gi.require_version("Pcall", "1.0")
            from gi.repository import Pcall
            def talk(n):
                print("call", n)
                print("error", n, file=sys.stderr)
            if __name__ == "__main__":
                launcher = Pcall.Launcher.new(["{agent}"], 1, Pcall.LauncherTransport.STREAMS)
                print("before", flush=True)
                for _ in Pcall.map(talk, [1, 2], launcher=launcher):
                    pass
                with Pcall.Executor(launcher=launcher) as executor:
                    executor.submit(print, "submitted").result()
        """
        with tempfile.NamedTemporaryFile("w", suffix=".py") as file:
            file.write(textwrap.dedent(program))
            file.flush()
            run = subprocess.run(
                [sys.executable, file.name], capture_output=True, text=True, timeout=LIMIT
            )
        self.assertEqual(run.stdout, "before\ncall 1\ncall 2\nsubmitted\n")
        self.assertEqual(run.stderr, "error 1\nerror 2\n")


if __name__ == "__main__":
    unittest.main()
