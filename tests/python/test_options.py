# SPDX-FileCopyrightText: 2026 The pcall authors
# SPDX-License-Identifier: LGPL-2.1-or-later

"""Pcall.Options, and what the log says of many calls."""

import asyncio
import io
import os
import subprocess
import sys
import unittest

from support import Pcall, TestCase, has_children, run_program


class Options(TestCase):
    def test_all(self):
        options = Pcall.Options(
            deadline=50,
            grace_period=float("inf"),
            max_children=2,
            calls_per_child=0,
            start_method=Pcall.StartMethod.FORK,
            failure_policy=Pcall.FailurePolicy.STOP,
            log_mode=Pcall.LogMode.LIVE,
            log_directory=None,
            keep_logs=False,
            max_log_size=1 << 40,
            priority=-5,
        )
        task = Pcall.Pcall(abs, iargs=[(-1,), (-2,)], options=options).task
        self.assertEqual(task.get_deadline(), 50)
        self.assertGreater(task.get_grace_period(), 1e300)
        self.assertEqual((task.get_max_children(), task.get_calls_per_child()), (2, 0))
        self.assertEqual(task.get_start_method(), Pcall.StartMethod.FORK)
        self.assertEqual(task.get_failure_policy(), Pcall.FailurePolicy.STOP)
        self.assertEqual(task.get_log_mode(), Pcall.LogMode.LIVE)
        self.assertEqual((task.get_max_log_size(), task.get_priority()), (1 << 40, -5))
        self.assertEqual(repr(Pcall.Options(max_children=3)), "Options(max_children=3)")

    def test_everywhere(self):
        options = Pcall.Options(calls_per_child=0, max_children=1)

        def run(function):
            return len({*function(os.getpid, ikwargs=[{}] * 20, options=options)})

        self.assertEqual(run(Pcall.pcall), 1)
        self.assertEqual(run(lambda *args, **kw: asyncio.run(Pcall.pcall_async(*args, **kw))), 1)
        task = Pcall.Pcall([os.getpid] * 20, options=options)
        task.start()
        task.join()
        self.assertEqual(len({*task.results}), 1)

    def test_an_argument_of_this_name(self):
        """Is one, as ever."""

        def show(**kwargs):
            return kwargs

        self.assertEqual(Pcall.pcall(show, options=(1, 2)), ({"options": 1}, {"options": 2}))
        results = Pcall.pcall(show, ckwargs={"options": 5}, options=Pcall.Options(max_children=1))
        self.assertEqual(results, ({"options": 5},))
        with self.assertRaisesRegex(TypeError, "options must be iterable"):
            Pcall.pcall(show, options=5)

    def test_refused(self):
        live = {"log_mode": Pcall.LogMode.INHERIT}
        with open(os.devnull) as closed:
            pass
        cases = (
            ({"max_childs": 3}, TypeError, "max_childs is no option; did you mean max_children?"),
            ({"xyz": 3}, TypeError, "xyz is no option; there are deadline, .*priority"),
            ({"timeout": 3}, TypeError, "timeout is an argument of its own"),
            ({"max_children": -1}, ValueError, "max_children must be at least 0, not -1"),
            ({"max_children": 1 << 32}, ValueError, "max_children must be at most 4294967295"),
            ({"max_children": "2"}, TypeError, "max_children must be a whole number, not str"),
            ({"calls_per_child": 1.5}, TypeError, "calls_per_child must be a whole number"),
            ({"deadline": "1"}, TypeError, "deadline must be a number of seconds, not str"),
            ({"deadline": -1}, ValueError, "deadline must be 0 seconds or more"),
            ({"grace_period": float("nan")}, ValueError, "grace_period must be a number"),
            ({"log_mode": 2}, TypeError, "log_mode must be one of .*LIVE.*, not 2"),
            ({"start_method": "fork"}, TypeError, "start_method must be one of .*FORK"),
            ({"failure_policy": None}, TypeError, "failure_policy must be one of"),
            ({"keep_logs": 1}, TypeError, "keep_logs must be True or False, not int"),
            ({"log_directory": 5}, TypeError, "log_directory must be a path, not int"),
            ({"max_log_size": -1}, ValueError, "max_log_size must be at least 0"),
            ({"priority": 1 << 31}, ValueError, "priority must be at most"),
            ({"strict": None}, TypeError, "strict must be True or False, not NoneType"),
            ({"stdin": "file"}, TypeError, "stdin must be a file or a descriptor, not str"),
            ({"stdin": True}, TypeError, "stdin must be a file or a descriptor, not bool"),
            ({"stdin": io.StringIO()}, TypeError, "stdin must be a file or a descriptor, not Str"),
            ({"stdin": 1 << 20}, ValueError, "stdin: 1048576 is not open"),
            ({"stdin": -1}, ValueError, "stdin: -1 is not open"),
            ({"stdin": closed}, ValueError, "stdin: .* is not open"),
            ({"keep_logs": True, **live}, ValueError, "keep_logs: there are no log files"),
            ({"log_directory": "/tmp", **live}, ValueError, "log_directory: there are no log"),
        )
        for options, kind, message in cases:
            with self.subTest(message), self.assertRaisesRegex(kind, message):
                Pcall.pcall(abs, iargs=[(1,)], options=Pcall.Options(**options))
        self.assertFalse(has_children())


class Stdin(TestCase):
    """What a call reads from."""

    def setUp(self):
        super().setUp()
        self.file = os.fdopen(os.memfd_create("input"), "w+")
        self.file.write("first\nsecond\n")
        self.file.seek(0)

    def tearDown(self):
        self.file.close()
        super().tearDown()

    def test_read(self):
        for stdin in (self.file, self.file.fileno()):
            self.file.seek(0)
            options = Pcall.Options(stdin=stdin)
            self.assertEqual(Pcall.pcall(input, options=options), ("first",))
        self.file.seek(0)
        self.assertEqual(
            Pcall.pcall(lambda: subprocess.check_output("cat"), options=options),
            (b"first\nsecond\n",),
        )
        none = Pcall.Options(stdin=None)
        self.assertEqual(Pcall.pcall(lambda: sys.stdin.read(), options=none), ("",))

    def test_in_turn(self):
        """One call after the other goes on where the one before has stopped."""
        options = Pcall.Options(stdin=self.file, max_children=1)
        results = Pcall.pcall([lambda: os.read(0, 6), lambda: os.read(0, 6)], options=options)
        self.assertEqual(results, (b"first\n", b"second"))

    def test_refused(self):
        options = Pcall.Options(stdin=self.file)
        with self.assertRaisesRegex(ValueError, "calls that run alone, and here are 2: set max_chil"):
            Pcall.pcall([input, input], options=options)
        with self.assertRaisesRegex(ValueError, "stdin: a Pcall.Spawned runs in a process that reads"):
            Pcall.pcall(Pcall.Spawned(input), options=options)
        self.assertFalse(has_children())
        self.assertEqual(Pcall.pcall([], options=options), ())

    def test_name(self):
        """Messages name the function, and its frames come first."""
        options = Pcall.Options(stdin=self.file)
        error, cause = self.assertRaisesFromChild(
            ZeroDivisionError, Pcall.pcall, lambda: 1 / 0, options=options
        )
        self.assertEqual(str(error), "call 0 (<lambda>): ZeroDivisionError: division by zero")
        self.assertNotIn("terminal.py", str(cause.__cause__))


class ManyCalls(TestCase):
    def count(self, source):
        """How often the log says what would be faster."""
        environment = {**os.environ, "G_MESSAGES_DEBUG": "Pcall"}
        done = run_program(source, env=environment)
        self.assertEqual(done.returncode, 0, done.stderr)
        return (done.stdout + done.stderr).count("Pcall.map()")

    def test_told(self):
        """Once."""
        started = "tasks = [Pcall.Pcall(abs, iargs=[(1,)] * {n}, {options}) for _ in range(2)]\n"
        each = "for task in tasks: task.start_unattached(); task.terminate()\n"
        few, many = {"n": 1000, "options": ""}, {"n": 3000, "options": ""}
        fast = {"n": 3000, "options": "options=Pcall.Options(calls_per_child=0)"}
        for case, n_told in ((few, 0), (many, 1), (fast, 0)):
            with self.subTest(**case):
                self.assertEqual(self.count(started.format(**case) + each), n_told)


if __name__ == "__main__":
    unittest.main()
