# SPDX-FileCopyrightText: 2026 The pcall authors
# SPDX-License-Identifier: LGPL-2.1-or-later

"""What goes wrong: children that die, hang or are ended, and parents that are busy meanwhile."""

import contextlib
import ctypes
import gc
import os
import select
import signal
import sys
import threading
import time
import unittest

from support import GLib, Pcall, TestCase, is_alive, run_program, shorten, wait_for_end

pcall = Pcall.pcall


def kill_myself(signum=signal.SIGKILL):
    os.kill(os.getpid(), signum)
    time.sleep(60)


def crash():
    ctypes.string_at(0)


class Deaths(TestCase):
    def check(self, target, code, message):
        p = Pcall.Pcall([lambda: 1, target, lambda: 3])
        p.start()
        with self.assertRaisesRegex(Pcall.ChildProcessException, f"^call 1 .*{message}") as raised:
            p.join()
        cause = raised.exception.__cause__
        self.assertIsInstance(cause, GLib.Error)
        self.assertTrue(cause.matches(Pcall.error_quark(), code), cause)
        self.assertEqual((p[0].result(), p[2].result()), (1, 3))
        return p

    def test_abort(self):
        p = self.check(os.abort, Pcall.Error.CRASHED, "killed by signal 6 .Aborted")
        self.assertEqual(p.childs[1].exitcode, -signal.SIGABRT)

    def test_segmentation_fault(self):
        self.check(crash, Pcall.Error.CRASHED, "killed by signal 11 .Segmentation fault")

    def test_killed(self):
        self.check(kill_myself, Pcall.Error.CRASHED, "killed by signal 9 .Killed")

    def test_exit_without_a_result(self):
        p = self.check(lambda: os._exit(99), Pcall.Error.EXITED, "99")
        self.assertEqual(p.childs[1].exitcode, 99)

    def test_exit_with_status_0(self):
        self.check(lambda: os._exit(0), Pcall.Error.EXITED, "")

    def test_that_closes_all_descriptors(self):
        """What it does to itself stands in the message, for a forked and for a fresh process."""
        message = "closed the descriptor that leads to its parent"
        self.check(lambda: os.closerange(3, 1000), Pcall.Error.EXITED, message)
        with self.assertRaisesRegex(Pcall.ChildProcessException, message):
            pcall(Pcall.Spawned(os.closerange), iargs=[(3, 1000)])

    def test_while_pickling(self):
        class Deadly:
            def __reduce__(self):
                kill_myself()

        self.check(Deadly, Pcall.Error.CRASHED, "killed by signal 9")

    def test_in_a_thread(self):
        def target():
            threading.Thread(target=kill_myself).start()
            time.sleep(60)

        self.check(target, Pcall.Error.CRASHED, "killed by signal 9")

    def test_by_an_exception_in_a_thread(self):
        """That is no error of the call, in Python."""

        def target():
            thread = threading.Thread(target=lambda: 1 / 0)
            thread.start()
            thread.join()
            return 5

        self.assertEqual(pcall(target), (5,))


copy = None  # in a child: the pid of its copy
gate = None


def fork_and_return(n):
    """The copy returns from the call as well, when the next call wants that, which waits for it."""
    global copy

    if n == 50:
        copy = os.fork()
        if copy == 0:
            os.read(gate[0], 1)
            return -n
    elif n == 51:
        os.write(gate[1], b"x")
        return os.waitpid(copy, 0)[1]
    return n


class Copies(TestCase):
    """One of a child that returns from a call is no child, and what it returns no result."""

    def setUp(self):
        global gate

        super().setUp()
        gate = os.pipe()

    def tearDown(self):
        for fd in gate:
            os.close(fd)
        super().tearDown()

    def check(self, results):
        self.assertEqual(results, [*range(51), 0, *range(52, 100)])

    def test_pcall(self):
        options = Pcall.Options(calls_per_child=0, max_children=1)
        self.check([*pcall(fork_and_return, n=range(100), options=options)])

    def test_map(self):
        self.check([*Pcall.map(fork_and_return, range(100), max_children=1)])

    def test_executor(self):
        with Pcall.Executor(1) as executor:
            self.check([*executor.map(fork_and_return, range(100), chunksize=100)])
            self.check([executor.submit(fork_and_return, n).result(20) for n in range(100)])

    def test_initializer(self):
        """A copy runs no call of the child."""
        read_fd, write_fd = os.pipe()
        with Pcall.Executor(1, initializer=os.fork) as executor:
            executor.submit(os.write, write_fd, b"x").result(20)
        os.close(write_fd)
        self.assertEqual(os.read(read_fd, 10), b"x")
        os.close(read_fd)


class Ends(TestCase):
    def test_timeout_of_a_busy_loop(self):
        def target():
            while True:
                pass

        begun = time.monotonic()
        with self.assertRaisesRegex(TimeoutError, "call 0 .target.: timed out after 0.2 s"):
            pcall(target, timeout=0.2)
        self.assertLess(time.monotonic() - begun, 20)

    def test_timeout_of_one_that_ignores_sigterm(self):
        def target():
            signal.signal(signal.SIGTERM, signal.SIG_IGN)
            time.sleep(60)

        p = Pcall.Pcall(target, timeout=0.3)
        p.task.set_grace_period(0.2)
        p.start()
        with self.assertRaises(TimeoutError):
            p.join()
        self.assertEqual(p.childs[0].exitcode, -signal.SIGKILL)

    def test_results_before_a_timeout(self):
        p = Pcall.Pcall(time.sleep, timeout=0.3, iargs=[(0,), (60,)])
        p.start()
        with self.assertRaises(TimeoutError):
            p.join()
        self.assertIsNone(p[0].result())
        self.assertIsInstance(p[1].exception(), TimeoutError)

    def test_deadline(self):
        p = Pcall.Pcall(time.sleep, iargs=[(60,)] * 3)
        p.task.set_max_children(1)
        p.task.set_deadline(0.2)
        p.start()
        with self.assertRaisesRegex(TimeoutError, "deadline of 0.2 s"):
            p.join()

    def test_failure_policy(self):
        p = Pcall.Pcall([lambda: time.sleep(60), lambda: 1 / 0])
        p.task.set_failure_policy(Pcall.FailurePolicy.STOP)
        p.start()
        self.assertRaisesFromChild(ZeroDivisionError, p.join)
        self.assertEqual(p[0].state, Pcall.CallState.CANCELLED)

    def test_terminate_from_another_thread(self):
        p = Pcall.Pcall(time.sleep, iargs=[(60,)])
        p.start()
        thread = threading.Timer(0.1, p.task.terminate)
        thread.start()
        with self.assertRaisesRegex(Pcall.ChildProcessException, "terminated"):
            p.join()
        thread.join()

    def test_terminate_is_at_once(self):
        """The children end though nobody joins them."""
        p = Pcall.Pcall(time.sleep, iargs=[(60,)])
        p.start()
        (pid,) = p.pids
        end = os.pidfd_open(pid)
        p.terminate()
        self.assertTrue(select.select([end], [], [], 60)[0])
        os.close(end)
        with self.assertRaises(Pcall.ChildProcessException):
            p.join()

    def test_dropped(self):
        p = Pcall.Pcall(time.sleep, iargs=[(60,)] * 3)
        p.start()
        pids = p.pids
        self.assertTrue(all(map(is_alive, pids)))
        del p
        wait_for_end(self.descriptors)
        self.assertFalse(any(map(is_alive, pids)))

    def test_dropped_while_iterating(self):
        p = Pcall.Pcall(time.sleep, iargs=[(0,), (60,)])
        p.start()
        pids = p.pids
        next(Pcall.as_completed(p))
        del p
        wait_for_end(self.descriptors)
        self.assertFalse(any(map(is_alive, pids)))

    def test_parent_killed(self):
        program = run_program(
            """
            import os, signal, time
            p = Pcall.Pcall(time.sleep, iargs=[(60,)] * 2)
            p.start()
            print(*p.pids, flush=True)
            os.kill(os.getpid(), signal.SIGKILL)
            """
        )
        self.assertEqual(program.returncode, -signal.SIGKILL)
        deadline = time.monotonic() + 5
        while any(is_alive(pid) for pid in program.stdout.split()):
            self.assertLess(time.monotonic(), deadline, "an orphan is left")

    def test_program_ends_while_a_task_runs(self):
        program = run_program(
            """
            import time
            p = Pcall.Pcall(time.sleep, iargs=[(60,)] * 2)
            p.start()
            print(*p.pids, flush=True)
            """
        )
        self.assertEqual((program.returncode, program.stderr), (0, ""))
        deadline = time.monotonic() + 5
        while any(is_alive(pid) for pid in program.stdout.split()):
            self.assertLess(time.monotonic(), deadline, "an orphan is left")


class BusyParent(TestCase):
    def run_beside(self, work, n_calls):
        """Calls beside three threads that work without end."""
        stop = False

        def loop():
            while not stop:
                work()

        interval = sys.getswitchinterval()
        sys.setswitchinterval(interval / 10)  # each call waits for the lock of Python several times
        threads = [threading.Thread(target=loop) for _ in range(3)]
        for thread in threads:
            thread.start()
        try:
            p = Pcall.Pcall(lambda n: n, timeout=60, n=range(n_calls))
            p.task.set_max_children(20)
            p.start()
            p.join()
            return p.results
        finally:
            stop = True
            for thread in threads:
                thread.join()
            sys.setswitchinterval(interval)

    def test_three_python_threads(self):
        n = shorten(1000)
        self.assertEqual(self.run_beside(lambda: sum(range(100)), n), tuple(range(n)))

    def test_threads_that_allocate(self):
        def work():
            gc.collect(0)
            str([object() for _ in range(100)])

        self.assertEqual(self.run_beside(work, 100), tuple(range(100)))

    def test_threads_that_print(self):
        with open(os.devnull, "w", encoding="ascii") as null:
            with contextlib.redirect_stdout(null):
                n = shorten(200)
                self.assertEqual(self.run_beside(lambda: print("x" * 9000), n), tuple(range(n)))

    def test_threads_that_use_glib(self):
        def work():
            GLib.Variant("(is)", (1, "x")).print_(True)

        self.assertEqual(self.run_beside(work, 100), tuple(range(100)))

    def test_tasks_in_several_threads(self):
        results = {}

        def run(n):
            results[n] = [pcall(lambda x: x + n, x=range(5)) for _ in range(5)]

        threads = [threading.Thread(target=run, args=(n,)) for n in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        for n in range(4):
            self.assertEqual(results[n], [tuple(range(n, n + 5))] * 5)


class Limits(unittest.TestCase):
    def test_descriptors(self):
        """Calls for which there is no room wait for those that run."""
        program = run_program(
            """
            import resource
            resource.setrlimit(resource.RLIMIT_NOFILE, (40, 40))
            print(Pcall.pcall(lambda n: n, n=range(200)) == tuple(range(200)))
            """
        )
        self.assertEqual((program.returncode, program.stdout), (0, "True\n"), program.stderr)

    def test_no_descriptor_at_all(self):
        program = run_program(
            """
            import os, resource
            free = os.open("/dev/null", os.O_RDONLY)
            resource.setrlimit(resource.RLIMIT_NOFILE, (free, free))
            try:
                Pcall.pcall(int)
            except (GLib.Error, OSError, RuntimeError) as error:
                print("refused:", error)
            """
        )
        self.assertRegex(program.stdout, "^refused: .*[Tt]oo many open files")

    @unittest.skipIf(os.getuid() != 0, "only root can become somebody who has a limit")
    def test_processes(self):
        program = run_program(
            """
            import os, resource
            resource.setrlimit(resource.RLIMIT_NPROC, (12, 12))
            os.setresuid(54321, 54321, 54321)
            print(Pcall.pcall(lambda n: n, n=range(100)) == tuple(range(100)))
            """
        )
        self.assertEqual((program.stdout, program.stderr), ("True\n", ""))


if __name__ == "__main__":
    unittest.main()
