# SPDX-FileCopyrightText: 2026 The pcall authors
# SPDX-License-Identifier: LGPL-2.1-or-later

"""What calls print: it comes out of the program where it would with `multiprocessing`."""

import os
import subprocess
import sys
import tempfile
import textwrap
import threading
import unittest

from support import Pcall, TestCase, run_bare_program, run_program

OutputMode, LogMode = Pcall.OutputMode, Pcall.LogMode

# A program with what children print in all ways, and how to run them
PRINTING = """
import os, subprocess, sys

def work(n):
    if n == 2:
        return
    print("out", n)
    print("err", n, file=sys.stderr)
    sys.stdout.flush()
    os.write(1, b"raw \\0\\xff")
    subprocess.run(["sh", "-c", "echo program; echo complaint >&2"])
    print("half a line", end="")
    sys.stderr.write("half of another")

print("before")
sys.stdout.flush()
{run}
print("after")
"""
WAYS = {
    "pcall": "Pcall.pcall(work, n=range(4))",
    "one at a time": "Pcall.pcall(work, n=range(4), options=Pcall.Options(max_children=1))",
    "many a child": "Pcall.pcall(work, n=range(4), options=Pcall.Options(calls_per_child=0))",
    "kept": "Pcall.pcall(work, n=range(4), options=Pcall.Options(keep_logs=True,"
    " log_directory=sys.argv[1]))",
    "asyncio": "import asyncio\nasync def go(): await Pcall.pcall_async(work, n=range(4))\n"
    "asyncio.run(go())",
    "a task of GLib's": "task = Pcall.Task.new_for_func(lambda args, kwargs: work(args.unpack()[0]))\n"
    "task.set_instance_args(GLib.Variant('a(i)', [(n,) for n in range(4)]))\n"
    "task.run()",
    "in a call": "Pcall.pcall(lambda: Pcall.pcall(work, n=range(4)) and None)",
}
MULTIPROCESSING = """
import multiprocessing
for n in range(4):
    process = multiprocessing.get_context("fork").Process(target=work, args=(n,))
    process.start()
    process.join()
"""


def run_printing(run, *arguments, same_place=False):
    """The standard output and error of such a program, or both as one."""
    head = "import gi; gi.require_version('Pcall', '1.0')\nfrom gi.repository import GLib, Pcall\n"
    environment = {k: v for k, v in os.environ.items() if k != "PYTHONUNBUFFERED"}
    done = subprocess.run(
        [sys.executable, "-c", head + PRINTING.format(run=run.strip()), *arguments],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT if same_place else subprocess.PIPE,
        env=environment,
        timeout=60,
        check=True,
    )
    return done.stdout, done.stderr


class Streams(TestCase):
    def test_as_with_multiprocessing(self):
        expected = run_printing(MULTIPROCESSING)
        for name, way in WAYS.items():
            with self.subTest(name), tempfile.TemporaryDirectory() as directory:
                self.assertEqual(run_printing(way, directory), expected)

    def test_same_place(self):
        """What was printed first comes first."""
        ended = b"raw \0\xffprogram\ncomplaint\nhalf a linehalf of another"
        calls = b"".join(b"out %d\nerr %d\n%s" % (n, n, ended) for n in (0, 1, 3))
        for name, way in WAYS.items():
            with self.subTest(name), tempfile.TemporaryDirectory() as directory:
                printed = run_printing(way, directory, same_place=True)
                self.assertEqual(printed, (b"before\n" + calls + b"after\n", None))

    def test_as_it_comes(self):
        """In what order that of several calls comes is not known."""
        options = "options=Pcall.Options(log_mode=Pcall.LogMode.LIVE, calls_per_child=%d)"
        for calls_per_child in 0, 1:
            run = f"Pcall.pcall(work, n=[0], {options % calls_per_child})"
            out, err = run_printing(run)
            self.assertEqual(out, b"before\nout 0\nraw \0\xffprogram\nhalf a lineafter\n")
            self.assertEqual(err, b"err 0\ncomplaint\nhalf of another")

    def test_spawned(self):
        source = """
            import sys
            print(Pcall.pcall(Pcall.Spawned(print), iargs=[("a",), ("b",)], options=Pcall.Options(
                max_children=1)))
            Pcall.pcall(Pcall.Spawned(exec), iargs=[("import sys; print('c', file=sys.stderr)",)])
            """
        program = run_program(source)
        self.assertEqual((program.stdout, program.stderr), ("a\nb\n(None, None)\n", "c\n"))

    def test_much(self):
        source = """
            def work(n):
                for i in range(20000):
                    print(n, "x" * 100)
            Pcall.pcall(work, n=range(3), options=Pcall.Options(log_mode=Pcall.LogMode.{mode}))
            """
        line = "x" * 100
        for mode in "SECTIONS", "LIVE":
            program = run_program(source.format(mode=mode))
            lines = program.stdout.splitlines()
            if mode == "LIVE":  # each line comes whole
                lines.sort()
            expected = [f"{n} {line}" for n in range(3) for _ in range(20000)]
            self.assertTrue(lines == expected, mode)  # to tell the difference would take long
            self.assertEqual(program.stderr, "")

    def test_of_a_crash(self):
        source = """
            import os
            def work():
                print("said")
                os.abort()
            try:
                Pcall.pcall(work)
            except Pcall.ChildProcessException as error:
                print(str(error).partition("; ")[2])
            """
        program = run_program(source)
        self.assertRegex(program.stdout, "^said\n.*last output: said\n$")
        self.assertEqual(program.stderr, "")

    def test_of_what_raises(self):
        """Nothing but the exception is said of a call that prints and raises."""
        source = """
            def work():
                print("said")
                raise ValueError("none")
            try:
                Pcall.pcall(work)
            except Pcall.ChildProcessException as error:
                print(repr(error.__cause__))
            """
        program = run_program(source)
        self.assertEqual((program.stdout, program.stderr), ("said\nValueError('none')\n", ""))

    def test_into_the_log(self):
        source = """
            Pcall.pcall(lambda: print("said"),
                        options=Pcall.Options(output_mode=Pcall.OutputMode.LOG))
            """
        program = run_program(source)
        self.assertEqual(program.stdout, "")
        self.assertRegex(program.stderr, r"(?s)>>>> Begin child log .*: said\n.*<<<< End child log")

    def test_what_is_left_out(self):
        source = """
            Pcall.pcall(lambda: print("x" * 100), options=Pcall.Options(max_log_size=10))
            """
        program = run_program(source)
        self.assertEqual(program.stdout, "x" * 10)
        self.assertEqual(
            program.stderr,
            "call 0 (<lambda>): the last 91 bytes of its output are not here: max-log-size is 10\n",
        )

    def test_reader_is_gone(self):
        """As for what a program prints itself: it goes on, and is told."""
        source = """
            import os
            def work(n):
                print("said", n)
                return n
            read, write = os.pipe()
            os.dup2(write, 1)
            os.close(write)
            os.close(read)
            assert Pcall.pcall(work, n=range(2)) == (0, 1)
            """
        program = run_bare_program("from gi.repository import Pcall\n" + textwrap.dedent(source))
        self.assertEqual(program.returncode, 0, program.stderr)
        self.assertEqual(program.stderr.count("bytes of its output are not here: Broken pipe"), 2)

    def test_progress_bar(self):
        """Parts of a line come out while the call that has printed them goes on."""
        source = """
            import sys
            def work():
                for percent in 10, 20, 30:
                    print(f"\\r{percent}%", end="", flush=True)
                    sys.stdin = open(int(sys.argv[1]), "rb", 0, closefd=False)
                    sys.stdin.read(1)
            Pcall.pcall(work, options=Pcall.Options(log_mode=Pcall.LogMode.LIVE))
            """
        head = "import gi; gi.require_version('Pcall', '1.0')\nfrom gi.repository import Pcall\n"
        read, write = os.pipe()
        program = subprocess.Popen(
            [sys.executable, "-c", head + textwrap.dedent(source), str(read)],
            stdout=subprocess.PIPE,
            pass_fds=[read],
        )
        timer = threading.Timer(60, program.kill)
        timer.start()
        try:
            for percent in 10, 20, 30:
                self.assertEqual(program.stdout.read(4), b"\r%d%%" % percent)
                os.write(write, b"-")
            self.assertEqual(program.stdout.read(), b"")
            self.assertEqual(program.wait(), 0)
        finally:
            timer.cancel()
            program.stdout.close()
            os.close(read)
            os.close(write)


class Value(TestCase):
    def setUp(self):
        super().setUp()
        # What the calls of these tests print is of no interest in what the test prints.
        null = os.open(os.devnull, os.O_WRONLY)
        self.saved = [os.dup(1), os.dup(2)]
        for fd in 1, 2:
            os.dup2(null, fd)
        os.close(null)
        self.addCleanup(self.restore)
        self.descriptors |= {*map(str, self.saved)}

    def restore(self):
        for fd, saved in zip((1, 2), self.saved):
            os.dup2(saved, fd)
            os.close(saved)

    def run_calls(self, **options):
        def work(n):
            if n == 1:
                return
            print("out", n)
            print("err", n, file=sys.stderr)
            os.write(1, b"\0\xff")

        task = Pcall.Pcall(work, n=range(3), options=Pcall.Options(**options))
        task.start()
        task.join()
        return [call.output for call in task]

    def test_of_each_call(self):
        for options in (
            {},
            {"calls_per_child": 0},
            {"log_mode": LogMode.LIVE},
            {"output_mode": OutputMode.LOG},
        ):
            with self.subTest(options):
                written = self.run_calls(**options)
                self.assertEqual([sorted(written[n].splitlines()) for n in (0, 2)], [
                    sorted([b"out %d" % n, b"err %d" % n, b"\0\xff"]) for n in (0, 2)
                ])
                self.assertEqual(written[1], b"")

    def test_none(self):
        self.assertEqual(self.run_calls(log_mode=LogMode.INHERIT), [None] * 3)

    def test_while_it_runs(self):
        read, write = os.pipe()
        told, tell = os.pipe()

        def work():
            print("begun")
            os.write(tell, b"-")
            os.read(read, 1)
            print("ended")

        task = Pcall.Pcall(work)
        task.start()
        os.read(told, 1)
        self.assertEqual(task[0].output, b"begun\n")
        os.write(write, b"-")
        task.join()
        self.assertEqual(task[0].output, b"begun\nended\n")
        for fd in read, write, told, tell:
            os.close(fd)


class Mistakes(TestCase):
    def test_options(self):
        for options, kind, message in (
            ({"output_mode": "log"}, TypeError, "output_mode must be one of OutputMode.LOG, "),
            ({"output_mode": None}, TypeError, "OutputMode.STREAMS, not None"),
            (
                {"output_mode": OutputMode.LOG, "log_mode": LogMode.INHERIT},
                ValueError,
                "output_mode: nothing is captured with LogMode.INHERIT",
            ),
        ):
            with self.subTest(options), self.assertRaises(kind) as raised:
                Pcall.Options(**options)
            self.assertIn(message, str(raised.exception))

    def test_after_the_start(self):
        task = Pcall.Pcall(int)
        task.start()
        task.join()
        with self.assertRaises(RuntimeError):
            task.task.set_output_mode(OutputMode.LOG)


if __name__ == "__main__":
    unittest.main()
