# SPDX-FileCopyrightText: 2026 The pcall authors
# SPDX-License-Identifier: LGPL-2.1-or-later

"""Pcall.Options, and what the log says of many calls."""

import asyncio
import io
import os
import random
import resource
import subprocess
import sys
import unittest

from gi.repository import GLib
from support import Pcall, TestCase, has_children, run_program

try:
    import numpy
except ImportError:
    numpy = None


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
            progress=True,
            child_name="crew",
            nice=3,
            cpu_affinity=[8, 0, 1],
            max_address_space=1 << 40,
            max_open_files=99,
            own_cgroup=True,
            working_directory="/proc",
            environment=None,
        )
        task = Pcall.Pcall(abs, iargs=[(-1,), (-2,)], options=options).task
        self.assertEqual(task.get_deadline(), 50)
        self.assertGreater(task.get_grace_period(), 1e300)
        self.assertEqual((task.get_max_children(), task.get_calls_per_child()), (2, 0))
        self.assertEqual(task.get_start_method(), Pcall.StartMethod.FORK)
        self.assertEqual(task.get_failure_policy(), Pcall.FailurePolicy.STOP)
        self.assertEqual(task.get_log_mode(), Pcall.LogMode.LIVE)
        self.assertEqual((task.get_max_log_size(), task.get_priority()), (1 << 40, -5))
        self.assertTrue(task.get_show_progress())
        self.assertEqual((task.get_child_name(), task.get_nice()), ("crew", 3))
        self.assertEqual(task.get_cpu_affinity(), "0,1,8")
        self.assertEqual((task.get_max_address_space(), task.get_max_open_files()), (1 << 40, 99))
        self.assertTrue(task.get_own_cgroup())
        self.assertEqual((task.get_working_directory(), task.get_environment()), ("/proc", []))
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
        with self.assertRaisesRegex(TypeError, "options must be an iterable of values"):
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
            ({"progress": 3}, TypeError, "progress must be a callable or a bool, not int"),
            ({"child_name": 3}, TypeError, "child_name must be a string, not int"),
            ({"child_name": "a\0b"}, ValueError, "child_name must not have NUL in it"),
            ({"nice": 40}, ValueError, "nice must be at most 39, not 40"),
            ({"nice": -40}, ValueError, "nice must be at least -39, not -40"),
            ({"cpu_affinity": 3}, TypeError, "cpu_affinity must be an iterable of proc.*, not int"),
            ({"cpu_affinity": ["0"]}, TypeError, "each of cpu_affinity must be a whole number"),
            ({"cpu_affinity": [1024]}, ValueError, "each of cpu_affinity must be at most 1023"),
            ({"cpu_affinity": "1024"}, ValueError, "each of cpu_affinity must be at most 1023"),
            ({"cpu_affinity": ()}, ValueError, "cpu_affinity must name at least one processor"),
            ({"cpu_affinity": ""}, ValueError, 'cpu_affinity must be numbers .*, as "0-3,8"'),
            ({"cpu_affinity": "3-1"}, ValueError, "cpu_affinity must be numbers and ranges"),
            ({"cpu_affinity": "x"}, ValueError, "cpu_affinity must be .*, not 'x'"),
            ({"max_address_space": -1}, ValueError, "max_address_space must be at least 0"),
            ({"max_open_files": "9"}, TypeError, "max_open_files must be a whole number"),
            ({"own_cgroup": "yes"}, TypeError, "own_cgroup must be True or False"),
            ({"working_directory": 5}, TypeError, "working_directory must be a path, not int"),
            ({"environment": "A=1"}, TypeError, "environment must be a mapping"),
            ({"environment": {"A": 1}}, TypeError, "environment must be a path, not int"),
            ({"environment": {"": "1"}}, ValueError, "environment must have names and values"),
            ({"environment": {"A": "1"}}, ValueError, "the environment is for workers"),
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


def look():
    """The process that it runs in, as others see it."""
    with open("/proc/self/comm") as comm:
        return comm.read().strip(), os.nice(0), os.sched_getaffinity(0), os.getcwd()


class Conditions(TestCase):
    """What children run under. See tests/child/test-conditions.c for most of it."""

    def test_forked(self):
        cpu = min(os.sched_getaffinity(0))
        nice = min(os.nice(0) + 2, 19)
        options = Pcall.Options(nice=2, cpu_affinity={cpu}, working_directory="/proc")
        results = Pcall.pcall([look, look], options=options)
        self.assertEqual(results, tuple((f"look:{i}", nice, {cpu}, "/proc") for i in range(2)))
        options = Pcall.Options(cpu_affinity=f"{cpu}", child_name="crew", max_open_files=99)
        results = Pcall.pcall(lambda: (look(), resource.getrlimit(resource.RLIMIT_NOFILE)), options=options)
        self.assertEqual(results, ((("crew:0", os.nice(0), {cpu}, os.getcwd()), (99, 99)),))

    def test_name_where_there_are_retries(self):
        """A call that may be run again has a supervisor, and is called as that."""

        def get_names():
            names = []
            for pid in (os.getpid(), os.getppid()):
                with open(f"/proc/{pid}/comm") as comm:
                    names.append(comm.read().strip())
            return names

        results = Pcall.pcall([get_names] * 2, options=Pcall.Options(retries=1, child_name="crew"))
        self.assertEqual(results, (["crew:0"] * 2, ["crew:1"] * 2))

    def test_spawned(self):
        """Begin in that directory and with that environment, of which a copy is changed in vain."""
        environment = {**os.environ, "PCALL_TEST": "a=b"}
        options = Pcall.Options(working_directory="/proc", environment=environment)
        environment["PCALL_TEST"] = "changed"
        results = Pcall.pcall([Pcall.Spawned(os.getcwd)] * 2, options=options)
        self.assertEqual(results, ("/proc", "/proc"))
        (value,) = Pcall.pcall(Pcall.Spawned(os.getenv), cargs=["PCALL_TEST"], options=options)
        self.assertEqual(value, "a=b")
        self.assertNotIn("PCALL_TEST", os.environ)

    def test_own_cgroup(self):
        """Is one of the task's, or the task does not start."""

        def tell():
            with open("/proc/self/cgroup", encoding="ascii") as file:
                return next(line for line in file if line.startswith("0::"))

        try:
            results = Pcall.pcall([tell] * 2, options=Pcall.Options(own_cgroup=True))
        except GLib.Error as error:
            self.assertIn("own-cgroup", error.message)
            self.skipTest("no control groups to be had")
        self.assertEqual(len(set(results)), 1)
        self.assertRegex(results[0], "/pcall-[^/]*$")
        self.assertNotEqual(results[0], tell())

    def test_not_to_be_had(self):
        """Is told by each call, by name and reason."""
        cases = (
            ({"cpu_affinity": [1023]}, "cpu_affinity", "Invalid argument"),
            ({"working_directory": "/proc/none"}, "working-directory /proc/none", "No such file"),
            ({"max_open_files": 3}, "max-open-files 3", "Too many open files"),
        )
        for options, name, reason in cases:
            with self.subTest(name):
                task = Pcall.Pcall([look, look], options=Pcall.Options(**options))
                task.start()
                with self.assertRaisesRegex(Pcall.ChildProcessException, reason):
                    task.join()
                for call in task:
                    self.assertRegex(str(call.exception()), name.replace("_", "-"))

    def test_of_a_task(self):
        """Raises as the options do."""
        task = Pcall.Pcall(look).task
        for name, value in (("nice", 99), ("cpu_affinity", "x"), ("environment", ["A"])):
            with self.subTest(name), self.assertRaisesRegex(ValueError, name):
                task.set_property(name.replace("_", "-"), value)
            with self.subTest(name), self.assertRaisesRegex(ValueError, name):
                getattr(task, f"set_{name}")(value)


class Progress(TestCase):
    def test_function(self):
        told = []
        options = Pcall.Options(progress=lambda *numbers: told.append(numbers))
        Pcall.pcall(abs, iargs=[(-1,), (-2,), (-3,)], options=options)
        self.assertEqual(told, [(1, 3), (2, 3), (3, 3)])

    def test_function_in_this_process(self):
        told = []
        options = Pcall.Options(progress=lambda *numbers: told.append(numbers), debug=True)
        Pcall.pcall(abs, iargs=[(-1,), (-2,)], options=options)
        self.assertEqual(told, [(1, 2), (2, 2)])

    def test_bar_of_map(self):
        """Looks as that of a task, which tests/task/test-progress-bar.c looks at."""
        program = (
            "import sys\n"
            "class Screen(type(sys.stderr)):\n"
            "    def isatty(self): return True\n"
            "sys.stderr = Screen(sys.stderr.buffer)\n"
            "list(Pcall.map(abs, range(40), progress=True))\n"
            "list(Pcall.map(abs, iter(range(7)), progress=True))\n"
        )
        done = run_program(program)
        self.assertEqual(done.returncode, 0, done.stderr)
        bars = done.stderr.replace("\n", "\r")  # as they were
        self.assertIn(f"\r[{'#' * 30}] 40/40\x1b[K\r", bars)
        self.assertIn("\r7 done\x1b[K\r", bars)

    def test_no_terminal(self):
        done = run_program(
            "Pcall.pcall(abs, cargs=[1], options=Pcall.Options(progress=True))\n"
            "list(Pcall.map(abs, range(3), progress=True))\n"
        )
        self.assertEqual((done.returncode, done.stderr), (0, ""))


class RandomNumbers(TestCase):
    """Siblings have numbers of their own, also where their parent has set a seed."""

    N = 16

    def check(self, draw):
        options = Pcall.Options(calls_per_child=0, max_children=2)
        results = {
            *Pcall.pcall([draw] * self.N),
            *Pcall.pcall([draw] * self.N, options=options),
            *Pcall.map(lambda _: draw(), range(self.N), calls_per_child=1),
            draw(),
        }
        self.assertEqual(len(results), 3 * self.N + 1)

    def test_random(self):
        random.seed(1)
        self.check(random.random)

    def test_glib(self):
        GLib.random_set_seed(1)
        self.check(GLib.random_double)

    @unittest.skipIf(numpy is None, "there is no NumPy")
    def test_numpy(self):
        numpy.random.seed(1)
        before = numpy.random.get_state()[1].tolist()
        self.check(numpy.random.random)
        numpy.random.seed(1)
        Pcall.pcall(numpy.random.random)
        self.assertEqual(numpy.random.get_state()[1].tolist(), before)

    @unittest.skipIf(numpy is None, "there is no NumPy")
    def test_numpy_of_grandchildren(self):
        def draw():
            return (numpy.random.random(), *Pcall.pcall([numpy.random.random] * 3))

        numbers = [number for row in Pcall.pcall([draw] * 4) for number in row]
        self.assertEqual(len({*numbers}), 16)


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
