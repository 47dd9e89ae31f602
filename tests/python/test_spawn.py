# SPDX-FileCopyrightText: 2026 The pcall authors
# SPDX-License-Identifier: LGPL-2.1-or-later

"""Functions in fresh processes."""

import asyncio
import functools
import math
import os
import pickle
import subprocess
import sys
import tempfile
import textwrap
import threading
import time
import unittest

from support import GLib, Pcall, TestCase

pcall = Pcall.pcall
Spawned = Pcall.Spawned
here = []


def add(x, y=0):
    return x + y


def tell():
    return os.getpid(), len(here), threading.active_count()


def fail():
    raise LookupError("from a worker", 5)


def abort_if(n, bad):
    if n == bad:
        os.abort()
    return n


async def wait(seconds):
    await asyncio.sleep(seconds)
    return seconds


def send():
    Pcall.send_message({"a": 1})
    Pcall.report_progress(0.5, "half")
    print("printed by a worker", file=sys.stderr)
    return GLib.Variant("s", "x")


class Adder:
    def __init__(self, x):
        self.x = x

    def add(self, y):
        return self.x + y


class Spawn(TestCase):
    def test_seed(self):
        self.assertEqual(pcall(Spawned(add), x=(1, 2, 3), y=(4, 5, 6)), (5, 7, 9))
        self.assertEqual(pcall(Spawned(add), cargs=(1,), iargs=[(2,), (3,)]), (3, 4))
        self.assertEqual(pcall([Spawned(add), Spawned(max)], iargs=[(1, 2), (3, 4)]), (3, 4))
        self.assertEqual(pcall(Spawned(add), x=[]), ())

    def test_fresh_and_used_again(self):
        here.append(1)
        try:
            told = pcall(Spawned(tell), ikwargs=[{}] * 20)
        finally:
            here.clear()
        pids = {pid for pid, _, _ in told}
        self.assertNotIn(os.getpid(), pids)
        self.assertLess(len(pids), 20)
        self.assertEqual({n for _, n, _ in told}, {0})

    def test_callables(self):
        self.assertEqual(pcall(Spawned(math.sqrt), iargs=[(4,)]), (2,))
        self.assertEqual(pcall(Spawned(functools.partial(add, 1)), y=[2]), (3,))
        self.assertEqual(pcall(Spawned(Adder(5).add), y=[2]), (7,))
        self.assertEqual(pcall(Spawned(wait), iargs=[(0.01,)]), (0.01,))

    def test_exceptions(self):
        _, cause = self.assertRaisesFromChild(LookupError, pcall, Spawned(fail))
        self.assertEqual(cause.args, ("from a worker", 5))
        self.assertIn("in fail", str(cause.__cause__))
        self.assertRaisesFromChild(SystemExit, pcall, Spawned(sys.exit), iargs=[(3,)])
        with self.assertRaisesRegex(pickle.PicklingError, "cannot be pickled"):
            pcall(Spawned(threading.Lock))

    def test_crash_costs_its_own_call_alone(self):
        p = Pcall.Pcall(Spawned(abort_if), n=range(6), bad=[3] * 6)
        p.start()
        with self.assertRaisesRegex(Pcall.ChildProcessException, "call 3 .*killed by signal 6"):
            p.join()
        results = [call.result() for call in p if call.index != 3]
        self.assertEqual(results, [0, 1, 2, 4, 5])

    def test_timeout(self):
        begun = time.monotonic()
        with self.assertRaises(TimeoutError):
            pcall(Spawned(time.sleep), timeout=0.5, iargs=[(60,)])
        self.assertLess(time.monotonic() - begun, 10)

    def test_messages_and_output(self):
        heard = []
        p = Pcall.Pcall(Spawned(send))
        p.task.connect("call-message", lambda *a: heard.append(Pcall.load_message(a[2])))
        p.task.connect("call-progress", lambda *a: heard.append(a[2:]))
        p.start()
        p.join()
        self.assertEqual(heard, [{"a": 1}, (0.5, "half")])
        self.assertEqual(p.results[0].unpack(), "x")

    def test_await(self):
        async def main():
            return await Pcall.pcall_async(Spawned(add), x=[1, 2])

        self.assertEqual(asyncio.run(main()), (1, 2))

    def test_refused(self):
        generator = (i for i in ())
        cases = [
            (pickle.PicklingError, "the target of call 0", dict(targets=Spawned(lambda x: 0))),
            (pickle.PicklingError, "'x' of call 1, of type generator", dict(x=[1, generator])),
            (pickle.PicklingError, "argument 0 of call 0", dict(iargs=[(generator,)])),
            (TypeError, "target 1 is not Pcall.Spawned", dict(targets=[Spawned(add), add])),
        ]
        for kind, message, arguments in cases:
            with self.subTest(message), self.assertRaisesRegex(kind, message):
                pcall(**{"targets": Spawned(add), "x": [1, 2], **arguments})
        with self.assertRaisesRegex(TypeError, "function is not callable: 5"):
            Spawned(5)

    def test_that_does_not_begin(self):
        """The message names the program, and has not its source."""
        options = Pcall.Options(environment={"PYTHONHOME": "/nowhere"})
        with self.assertRaises(Pcall.ChildProcessException) as raised:
            Pcall.pcall(Pcall.Spawned(abs), iargs=[(-1,)], options=options)
        self.assertRegex(
            str(raised.exception),
            r"worker program \S*python\S* (-\w+ )*-c # gi\.overrides\._pcall\.worker…: exited with",
        )


class Main(unittest.TestCase):
    HEAD = """
        import gi
        gi.require_version("Pcall", "1.0")
        from gi.repository import Pcall
        import neighbour
        """

    SOURCE = (
        HEAD
        + """

        def double(n):
            return neighbour.twice(n), __name__

        if __name__ == "__main__":
            print(Pcall.pcall(Pcall.Spawned(double), n=(1, 2)))
        """
    )

    NEIGHBOUR = """
import sys

def twice(n):
    return 2 * n

def count():
    return len(sys.argv), sum(map(len, sys.argv))

def speak():
    print("spoken")
    print("spoken", file=sys.stderr)
    return 5

def ask():
    import __main__
    return __main__.SETTING
"""

    def run_main(self, *arguments, source=SOURCE, preexec_fn=None):
        with tempfile.TemporaryDirectory() as directory:
            for name, source in (
                ("program.py", source),
                ("neighbour.py", self.NEIGHBOUR),
            ):
                with open(os.path.join(directory, name), "w", encoding="utf-8") as file:
                    file.write(textwrap.dedent(source))
            return subprocess.run(
                [sys.executable, *arguments],
                cwd=directory,
                capture_output=True,
                text=True,
                timeout=60,
                preexec_fn=preexec_fn,
            )

    def test_long_command_lines(self):
        """What a program was called with may be longer than one argument can be."""
        source = (
            self.SOURCE
            + """
            import sys
            Pcall.pcall(Pcall.Spawned(abs), iargs=[(-1,)])
            (told,) = Pcall.pcall(Pcall.Spawned(neighbour.count))
            print(told == (len(sys.argv), sum(map(len, sys.argv))))
            """
        )
        for n, size in ((1500, 100), (10, 100_000), (18, 100_000), (2, 65_000), (9000, 0)):
            with self.subTest(n=n, size=size):
                program = self.run_main("program.py", *["x" * size] * n, source=source)
                expected = "((2, '__mp_main__'), (4, '__mp_main__'))\nTrue\n"
                self.assertEqual(program.stdout, expected, program.stderr[-2000:])

    def test_main_without_a_guard(self):
        """What does not need the main module does not run it anew."""
        source = """
            import gi
            gi.require_version("Pcall", "1.0")
            from gi.repository import Pcall
            import math, neighbour, os
            print("top level")
            Spawned = Pcall.Spawned
            print(Pcall.pcall(Spawned(math.sqrt), iargs=[(4,), (9,)]))
            print(Pcall.pcall(Spawned(neighbour.twice), n=[1]))
            print(Pcall.pcall(Spawned(len), iargs=[("ab",)]))
            """
        program = self.run_main("program.py", source=source)
        expected = "top level\n(2.0, 3.0)\n(2,)\n(2,)\n"
        self.assertEqual((program.stdout, program.returncode), (expected, 0), program.stderr)

    def test_functions_of_a_main_without_a_guard(self):
        """As an error that tells what is missing, whatever the top level does."""
        head = """
            import gi
            gi.require_version("Pcall", "1.0")
            from gi.repository import Pcall
            import os, sys
            def double(n):
                return 2 * n
            def main():
                try:
                    return Pcall.pcall({target}, n=(1, 2))
                except Pcall.ChildProcessException as error:
                    print(error, file=sys.stderr)
                    return "refused"
            """
        ends = {
            "plain": "print(Pcall.pcall(Pcall.Spawned(double), n=(1, 2)))",
            "exits": "sys.exit(Pcall.pcall(Pcall.Spawned(double), n=(1, 2)))",
            "forks": "Pcall.pcall(double, n=(1,)); Pcall.pcall(Pcall.Spawned(double), n=(1, 2))",
            "executor": "Pcall.Executor(1).submit(double, 1).result(); "
            "Pcall.pcall(Pcall.Spawned(double), n=(1, 2))",
        }
        for name, end in ends.items():
            with self.subTest(name):
                program = self.run_main("program.py", source=textwrap.dedent(head) + end + "\n")
                self.assertNotEqual(program.returncode, 0)
                self.assertEqual(program.stdout, "")
                self.assertRegex(
                    program.stderr,
                    "__main__:double cannot be found here: RuntimeError: a task is started while a "
                    'worker imports the main module .* `if __name__ == "__main__":`',
                )

    def test_main_that_raises(self):
        for statement, told in (
            ("raise SystemExit(0)", "SystemExit: 0"),
            ("raise KeyboardInterrupt", "KeyboardInterrupt"),
            ("1 / 0", "ZeroDivisionError"),
        ):
            with self.subTest(statement):
                source = self.SOURCE + textwrap.indent(f"\nelse:\n    {statement}\n", " " * 8)
                program = self.run_main("program.py", source=source)
                self.assertEqual((program.returncode, program.stdout), (1, ""))
                self.assertRegex(program.stderr, f"__main__:double cannot be found here: {told}")

    def test_main_is_what_others_find(self):
        """A module may ask the main one for something."""
        source = (
            self.SOURCE
            + """
            print(Pcall.pcall(Pcall.Spawned(neighbour.ask)))
        SETTING = 7
            """
        )
        program = self.run_main("program.py", source=source)
        self.assertTrue(program.stdout.endswith("\n(7,)\n"), program.stderr)

    def test_closed_streams(self):
        source = (
            self.HEAD
            + """
        if __name__ == "__main__":
            import os
            answer = os.open("answer", os.O_CREAT | os.O_WRONLY)
            told = Pcall.pcall([Pcall.Spawned(neighbour.speak)] * 2)
            os._exit(7 if told == (5, 5) else 1)
            """
        )
        for closed in ((0,), (1,), (2,), (0, 1), (1, 2), (0, 2), (0, 1, 2)):
            with self.subTest(closed):

                def close():
                    for fd in closed:
                        os.close(fd)

                program = self.run_main("program.py", source=source, preexec_fn=close)
                self.assertEqual(program.returncode, 7, program.stderr)
                if 2 not in closed:
                    self.assertEqual(program.stderr.count("spoken\n"), 2, program.stderr)
                    self.assertNotIn("\0", program.stderr)
                if 1 not in closed:
                    self.assertEqual(program.stdout.count("spoken\n"), 2, program.stdout)

    def test_functions_of_main(self):
        for arguments in (["program.py"], ["-m", "program"]):
            with self.subTest(arguments):
                program = self.run_main(*arguments)
                expected = "((2, '__mp_main__'), (4, '__mp_main__'))\n"
                self.assertEqual(program.stdout, expected, program.stderr)

    def test_that_does_not_resolve(self):
        """Of a program that was not read from a file."""
        source = """
            import gi
            gi.require_version("Pcall", "1.0")
            from gi.repository import GLib, Pcall
            def double(n):
                return 2 * n
            try:
                Pcall.pcall(Pcall.Spawned(double), n=(1, 2))
            except Pcall.ChildProcessException as error:
                assert error.__cause__.matches(Pcall.error_quark(), Pcall.Error.TARGET)
                print(error)
            """
        program = self.run_main("-c", textwrap.dedent(source))
        message = f"worker program {sys.executable}: __main__:double cannot be found here: "
        self.assertRegex(program.stdout, message + ".*looked for in", program.stderr)


if __name__ == "__main__":
    unittest.main()
