# SPDX-FileCopyrightText: 2026 The pcall authors
# SPDX-License-Identifier: LGPL-2.1-or-later

"""What handlers may do: those of a task's signals, and those of the process's."""

import gc
import os
import signal
import threading
import time
import unittest

from support import GLib, Pcall, TestCase

SIGNALS = ("call-started", "call-finished", "child-exited", "finished")
LIMIT = 20


def add_one(n):
    return n + 1


class OfTasks(TestCase):
    """Handlers that do with their task what the program does."""

    def tearDown(self):
        gc.collect()  # a task and its handler hold each other
        super().tearDown()

    def check(self, signal_name, do, drive):
        done = []

        def handle(task, *_):
            if len(done) < 3:
                index = len(done)
                done.append(None)
                done[index] = do(p)

        p = Pcall.Pcall(add_one, n=range(3))
        p.task.connect(signal_name, handle)
        p.start()
        drive(p)
        p.join(LIMIT)
        self.assertEqual(p.results, (1, 2, 3))
        return done

    def drive(self, p):
        """By GLib's main loop."""
        loop = GLib.MainLoop()
        p.task.connect("finished", lambda task: loop.quit())
        timer = GLib.timeout_add_seconds(LIMIT, loop.quit)
        if p.task.get_running():
            loop.run()
        GLib.source_remove(timer)

    def check_all(self, do, expected):
        for drive in (lambda p: p.join(LIMIT), self.drive):
            for signal_name in SIGNALS:
                with self.subTest(signal_name, drive=drive):
                    done = self.check(signal_name, do, drive)
                    self.assertEqual(done, [expected] * len(done))
                    self.assertTrue(done)

    def test_join(self):
        """Also in that of the last call, behind which only the task's own end is to come."""

        def join(p):
            p.join(LIMIT)
            return p.results

        self.check_all(join, (1, 2, 3))

    def test_as_completed(self):
        self.check_all(
            lambda p: sorted(call.result() for call in Pcall.as_completed(p)), [1, 2, 3]
        )

    def test_another_task(self):
        self.check_all(lambda p: Pcall.pcall(add_one, n=(5, 6)), (6, 7))

    def test_try_join(self):
        """Tells the same; and what dispatch() tells is for a loop, which is not to stop there."""

        def wait(p):
            begun = time.monotonic()
            while not p.task.try_join():
                self.assertLess(time.monotonic(), begun + LIMIT)
                time.sleep(0.001)
            return p.task.get_n_finished()

        self.check_all(wait, 3)
        self.assertTrue(Pcall.Task.new_for_func(lambda args, kwargs: None).try_join())


class Limit(TimeoutError):
    """As many time limits do; it is an OSError, too, which others mean something else by."""


armed = []  # a signal that comes while this process forks next

os.register_at_fork(before=lambda: armed and signal.raise_signal(armed.pop()))


class OfTheProcess(TestCase):
    """What they raise is neither lost nor raised where nobody can catch it."""

    def setUp(self):
        super().setUp()
        self.heard = []
        self.before = {n: signal.signal(n, self.handle) for n in (signal.SIGALRM, signal.SIGTERM)}

    def tearDown(self):
        gc.collect()
        for signum, handler in self.before.items():
            self.assertEqual(signal.getsignal(signum), self.handle)
            signal.signal(signum, handler)
        super().tearDown()

    def handle(self, signum, frame):
        self.heard.append(signum)
        raise Limit(signum)

    def start_and_join(self):
        p = Pcall.Pcall(time.sleep, iargs=[(60,)] * 2)
        p.start()
        p.join()

    def iterate(self):
        p = Pcall.Pcall(time.sleep, iargs=[(60,)] * 2)
        p.start()
        list(Pcall.as_completed(p))

    def run_task(self):
        task = Pcall.Task.new_for_func(lambda args, kwargs: time.sleep(60))
        p = Pcall.Pcall(int)
        p.task = task
        p.start()
        p.join()

    def test_while_children_are_made(self):
        functions = (
            lambda: Pcall.pcall(time.sleep, iargs=[(60,)] * 2),
            self.start_and_join,
            self.iterate,
            self.run_task,
            lambda: list(Pcall.map(time.sleep, [60] * 2)),
        )
        for function in functions:
            for signum in self.before:
                with self.subTest(function, signum=signum):
                    armed.append(signum)
                    self.assertRaises(Limit, function)
                    self.assertEqual(self.heard.pop(), signum)
                    self.assertEqual(armed, [])

    def test_while_a_handler_of_a_task_waits_for_it(self):
        """It is called at once, and what it raises comes behind that."""

        def wait(task, call):
            os.kill(os.getpid(), signal.SIGTERM)
            deadline = time.monotonic() + LIMIT
            while not self.heard and time.monotonic() < deadline:
                time.sleep(0.001)
            heard_within.extend(self.heard)

        heard_within = []
        p = Pcall.Pcall(add_one, n=(1,))
        p.task.connect("call-finished", wait)
        p.start()
        self.assertRaises(Limit, p.join)
        self.assertEqual(heard_within, [signal.SIGTERM])

    def test_handlers_of_handlers(self):
        """One that is set meanwhile stays, and one that was found then is as good as it was."""

        def handle(task, call):
            kept.append(signal.signal(signal.SIGALRM, signal.SIG_IGN))
            kept.append(signal.signal(signal.SIGUSR1, signal.SIG_IGN))

        kept = []
        p = Pcall.Pcall(add_one, n=(1,))
        p.task.connect("call-finished", handle)
        p.start()
        p.join()
        self.assertEqual(signal.getsignal(signal.SIGALRM), signal.SIG_IGN)
        self.assertEqual(signal.signal(signal.SIGUSR1, signal.SIG_DFL), signal.SIG_IGN)
        signal.signal(signal.SIGALRM, kept[0])
        self.assertRaises(Limit, signal.raise_signal, signal.SIGALRM)
        signal.signal(signal.SIGALRM, self.handle)

    def test_in_another_thread(self):
        """Where a thread has a task driven the main thread hears its signals as ever."""
        thread = threading.Thread(target=lambda: Pcall.pcall(time.sleep, iargs=[(0.2,)]))
        thread.start()
        self.assertRaises(Limit, signal.raise_signal, signal.SIGTERM)
        thread.join()


if __name__ == "__main__":
    unittest.main()
