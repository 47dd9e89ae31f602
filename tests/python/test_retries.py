# SPDX-FileCopyrightText: 2026 The pcall authors
# SPDX-License-Identifier: LGPL-2.1-or-later

"""Calls of a task that are run again. Those of `map()` are in test_map.py."""

import asyncio
import os
import shutil
import signal
import tempfile
import time
import unittest

from support import GLib, Pcall, TestCase, has_children, is_alive

PATIENCE = 60
N_CALLS = 5
COUNTS = "/proc/{}/fd/{}"


def work_by_name(path, n):
    """In a fresh process."""
    fd = os.open(path, os.O_RDWR)
    tried = os.pread(fd, 1, n)[0] + 1
    os.pwrite(fd, bytes([tried]), n)
    if tried < 3:
        raise LookupError(n)
    return tried


class Retries(TestCase):
    def setUp(self):
        super().setUp()
        self.fd = os.memfd_create("counts")
        os.ftruncate(self.fd, 8)

    def tearDown(self):
        os.close(self.fd)
        super().tearDown()

    def count(self, n):
        """How often this call has been tried, with this time."""
        tried = os.pread(self.fd, 1, n)[0] + 1
        os.pwrite(self.fd, bytes([tried]), n)
        return tried

    def get_counts(self, n):
        return [*os.pread(self.fd, n, 0)]

    def work(self, n, n_fails=2):
        if self.count(n) > n_fails:
            return n
        if n == 0:
            os.kill(os.getpid(), signal.SIGKILL)
        if n == 1:
            os._exit(4)
        if n == 2:
            raise PermissionError(n)
        if n == 3:
            raise GLib.Error("text", "domain", 5)
        return lambda: 0

    def run_to_end(self, target=None, **options):
        options = {"retries": 2, **options}
        p = Pcall.Pcall(target or self.work, n=range(N_CALLS), options=Pcall.Options(**options))
        p.start()
        try:
            p.join()
        except Pcall.ChildProcessException:
            pass
        return p

    def test_each_kind(self):
        """A crash, an end without a word, exceptions, and a bad result."""
        p = self.run_to_end()
        self.assertEqual(p.results, tuple(range(N_CALLS)))
        self.assertEqual(self.get_counts(N_CALLS), [3] * N_CALLS)

    def test_none_too_many(self):
        p = self.run_to_end(lambda n: self.count(n))
        self.assertEqual(p.results, (1,) * N_CALLS)

    def test_not_enough(self):
        """What comes of the last attempt comes of the call, as without retries."""
        found = []
        for retries in (0, 1):
            os.pwrite(self.fd, bytes(8), 0)
            p = self.run_to_end(retries=retries)
            self.assertEqual(self.get_counts(N_CALLS), [retries + 1] * N_CALLS)
            errors = [call.exception() for call in p]
            found.append(
                [(type(error), str(error), error.call, repr(error.__cause__)) for error in errors]
            )
            self.assertEqual((errors[0].signal, errors[1].exit_status), (signal.SIGKILL, 4))
            self.assertIn("raise PermissionError(n)", str(errors[2].__cause__.__cause__))
            self.assertEqual(errors[3].__cause__.code, 5)
        self.assertEqual(*found)

    def test_retry_on(self):
        cases = (
            (Pcall.Crashed, [3, 3, 1, 1, 1]),
            (Pcall.TimedOut, [1, 1, 1, 1, 1]),
            ((OSError, GLib.Error), [1, 1, 3, 3, 1]),
            (Pcall.ResultPicklingError, [1, 1, 1, 1, 3]),
            (Pcall.ChildProcessException, [3, 3, 3, 3, 3]),
        )
        for retry_on, expected in cases:
            os.pwrite(self.fd, bytes(8), 0)
            with self.subTest(retry_on):
                p = self.run_to_end(retry_on=retry_on)
                self.assertEqual(self.get_counts(N_CALLS), expected)
                succeeded = [call.exception() is None for call in p]
                self.assertEqual(succeeded, [n == 3 for n in expected])

    def test_timeout(self):
        """Is that of each attempt. A busy machine may let one pass before it begins."""

        def work():
            if self.count(0) < 3:
                time.sleep(PATIENCE)

        for retry_on in (None, TimeoutError):
            os.pwrite(self.fd, bytes(8), 0)
            options = Pcall.Options(retries=1000, retry_on=retry_on)
            self.assertEqual(Pcall.pcall(work, 0.5, options=options), (None,))
            self.assertGreaterEqual(self.get_counts(1)[0], 3)

        os.pwrite(self.fd, bytes(8), 0)
        with self.assertRaises(Pcall.TimedOut) as raised:
            Pcall.pcall(work, 0.5, options=Pcall.Options(retries=1000, retry_on=Pcall.Crashed))
        self.assertEqual(str(raised.exception), "call 0 (work): timed out after 0.5 s")
        self.assertLessEqual(self.get_counts(1)[0], 1)

    def test_children_that_stay(self):
        p = self.run_to_end(calls_per_child=0, max_children=2)
        self.assertEqual(p.results, tuple(range(N_CALLS)))
        self.assertLessEqual(len(p.childs), 2)

    def test_fresh_processes(self):
        path = COUNTS.format(os.getpid(), self.fd)
        options = Pcall.Options(retries=2, retry_on=LookupError)
        results = Pcall.pcall(Pcall.Spawned(work_by_name), cargs=(path,), n=(1, 2), options=options)
        self.assertEqual(results, (3, 3))
        p = Pcall.Pcall(Pcall.Spawned(work_by_name), cargs=(path,), n=(0,), options=options)
        self.assertEqual(p.task.get_n_calls(), 1)

    def test_what_a_call_tells(self):
        """It has its own index, and what each attempt tells and writes is told and written."""

        def work(n):
            tried = self.count(n)
            Pcall.report_progress(tried / 4, f"{tried}")
            Pcall.send_message((n, Pcall.get_call_index(), tried))
            print("attempt", tried, "of", n)
            if tried < 2:
                raise LookupError
            return Pcall.get_call_index()

        options = Pcall.Options(retries=1, keep_logs=True)
        p = Pcall.Pcall(work, n=(0, 1), options=options)
        told = []
        p.task.connect("call-progress", lambda task, call, *data: told.append((call.index, *data)))
        p.task.connect(
            "call-message", lambda task, call, m: told.append((call.index, *Pcall.load_message(m)))
        )
        p.start()
        p.join()
        self.assertEqual(p.results, (0, 1))
        for i, call in enumerate(p):
            with open(call.log_file, encoding="utf-8", errors="replace") as log:
                self.assertIn(f"attempt 1 of {i}\nattempt 2 of {i}\n", log.read())
            os.unlink(call.log_file)
            expected = [(i, 0.25, "1"), (i, i, i, 1), (i, 0.5, "2"), (i, i, i, 2)]
            self.assertEqual([data for data in told if data[0] == i], expected)

    def test_results(self):
        """Of every kind, as ever: also what does not go through a pickle."""
        options = Pcall.Options(retries=1)
        variant = GLib.Variant("(is)", (1, "a"))
        functions = [lambda: None, lambda: variant, lambda: b"x" * 10**6, lambda: {1: [2]}]
        results = Pcall.pcall(functions, options=options)
        self.assertEqual(results[1].unpack(), (1, "a"))
        self.assertEqual((results[0], *results[2:]), (None, b"x" * 10**6, {1: [2]}))

        async def double(n):
            return 2 * n

        self.assertEqual(asyncio.run(Pcall.pcall_async(double, n=[1, 2], options=options)), (2, 4))

    def test_terminated(self):
        """Neither the call nor who looks after it is left."""

        def work():
            Pcall.send_message(os.getpid())
            time.sleep(PATIENCE)

        pids = []
        p = Pcall.Pcall(work, options=Pcall.Options(retries=5))
        p.task.connect("call-message", lambda task, call, m: pids.append(Pcall.load_message(m)))
        with p:
            p.start()
            while not pids:
                p.childs[0].join(0.01)
            self.assertTrue(is_alive(pids[0]))
            p[0].terminate()
        self.assertIs(type(p[0].exception()), Pcall.Cancelled)
        until = time.monotonic() + PATIENCE
        while is_alive(pids[0]):
            self.assertLess(time.monotonic(), until)
        self.assertEqual(len(pids), 1)

    def test_deadline(self):
        """Is for all attempts together."""
        options = Pcall.Options(retries=10**9, deadline=0.5)
        p = Pcall.Pcall(lambda: 1 / 0, options=options)
        p.start()
        with self.assertRaises(Pcall.TimedOut):
            p.join()

    def test_here(self):
        tried = []

        def work(n):
            tried.append(n)
            if tried.count(n) < 3:
                raise LookupError(n)
            return n

        options = Pcall.Options(debug=True, retries=2, retry_on=LookupError)
        self.assertEqual(Pcall.pcall(work, n=[1, 2], options=options), (1, 2))
        self.assertEqual(tried, [1, 1, 1, 2, 2, 2])
        options = Pcall.Options(debug=True, retries=2, retry_on=OSError)
        with self.assertRaises(Pcall.ChildProcessException):
            Pcall.pcall(work, n=[3], options=options)
        self.assertEqual(tried.count(3), 1)

    def test_refused(self):
        cases = (
            ({"retries": -1}, ValueError, "retries must be at least 0, not -1"),
            ({"retries": "2"}, TypeError, "retries must be a whole number, not str"),
            ({"retries": 1.5}, TypeError, "retries must be a whole number, not float"),
            ({"retry_on": OSError}, ValueError, "retry_on: there are no retries; say how many"),
            ({"retries": 1, "retry_on": "OSError"}, TypeError, "retry_on must be a class of exc"),
            ({"retries": 1, "retry_on": [OSError]}, TypeError, "or a tuple of them, as `except`"),
            ({"retry": 1}, TypeError, "retry is no option; did you mean retr(ies|y_on)"),
        )
        for options, kind, message in cases:
            with self.subTest(message), self.assertRaisesRegex(kind, message):
                Pcall.pcall(int, options=Pcall.Options(**options))
        self.assertFalse(has_children())


class Executors(TestCase):
    """The same of calls that are submitted, here and in this process."""

    def setUp(self):
        super().setUp()
        self.path = os.path.join(tempfile.mkdtemp(), "attempts")

    def tearDown(self):
        shutil.rmtree(os.path.dirname(self.path))
        super().tearDown()

    def attempt(self, kind, n):
        """Raises in the first so many attempts. Returns which attempt it is."""
        with open(self.path, "a", encoding="ascii") as file:
            file.write("-")
        n_attempts = os.path.getsize(self.path)
        if n_attempts <= n:
            raise kind("of this attempt")
        return n_attempts

    def test_submit(self):
        for debug in (False, True):
            with self.subTest(debug=debug), Pcall.Executor(1, retries=2, debug=debug) as executor:
                self.assertEqual(executor.submit(self.attempt, OSError, 2).result(20), 3)
            os.unlink(self.path)

    def test_too_often(self):
        for debug in (False, True):
            with self.subTest(debug=debug), Pcall.Executor(1, retries=2, debug=debug) as executor:
                with self.assertRaisesRegex(OSError, "of this attempt"):
                    executor.submit(self.attempt, OSError, 9).result(20)
                self.assertEqual(os.path.getsize(self.path), 3)
            os.unlink(self.path)

    def test_retry_on(self):
        with Pcall.Executor(1, retries=2, retry_on=LookupError) as executor:
            with self.assertRaises(OSError):
                executor.submit(self.attempt, OSError, 9).result(20)
            self.assertEqual(os.path.getsize(self.path), 1)
            self.assertEqual(executor.submit(self.attempt, KeyError, 2).result(20), 3)

    def test_map(self):
        for debug in (False, True):
            with self.subTest(debug=debug), Pcall.Executor(1, retries=1, debug=debug) as executor:
                results = executor.map(self.attempt, [OSError, OSError], [0, 2])
                self.assertEqual([*results], [1, 3])
            os.unlink(self.path)

    def test_crash(self):
        def die_once():
            with open(self.path, "a", encoding="ascii") as file:
                file.write("-")
            if os.path.getsize(self.path) == 1:
                os.kill(os.getpid(), signal.SIGKILL)
            return "later"

        with Pcall.Executor(1, retries=1, retry_on=Pcall.Crashed) as executor:
            self.assertEqual(executor.submit(die_once).result(20), "later")

    def test_mistakes(self):
        with self.assertRaisesRegex(ValueError, "there are no retries"):
            Pcall.Executor(retry_on=OSError)
        with self.assertRaisesRegex(TypeError, "retries must be a whole number"):
            Pcall.Executor(retries="often")


if __name__ == "__main__":
    unittest.main()
