# SPDX-FileCopyrightText: 2026 The pcall authors
# SPDX-License-Identifier: LGPL-2.1-or-later

"""Programs that know nothing of launchers, and are told of one by `PCALL_LAUNCHER`."""

import os
import subprocess
import sys
import tempfile
import textwrap
import unittest

from support import TestCase

PROGRAM = """
import asyncio, concurrent.futures, os, signal, threading, time, gi
gi.require_version("Pcall", "1.0")
from gi.repository import Pcall

def get_parent(pid=None):
    with open(f"/proc/{pid or os.getpid()}/status") as status:
        return next(int(line.split()[1]) for line in status if line.startswith("PPid:"))

def find_place(n=0):
    main = int(os.environ["PCALL_TEST_MAIN"])
    return "here" if main in (os.getpid(), os.getppid()) else "away"

def fail(n):
    raise LookupError("there", n)

class Lock:
    def __init__(self):
        self.lock = threading.Lock()
    def find_place(self, n=0):
        return find_place()

"""


class Programs(TestCase):
    def run_program(self, text, variable="{agent}", is_file=True):
        """What it prints. It begins with functions that tell where they run."""
        main = textwrap.indent(textwrap.dedent(text), "    ")
        begin = 'if __name__ == "__main__":\n    os.environ["PCALL_TEST_MAIN"] = str(os.getpid())'
        program = f"{PROGRAM}{begin}\n{main}"
        with tempfile.NamedTemporaryFile("w", suffix=".py") as file:
            file.write(program)
            file.flush()
            return subprocess.run(
                [sys.executable, *([file.name] if is_file else ["-c", program])],
                env=os.environ | {"PCALL_LAUNCHER": variable},
                stdout=subprocess.PIPE,
                check=True,
                text=True,
            ).stdout

    def test_task(self):
        output = self.run_program(
            """
            (away,) = Pcall.pcall(Pcall.Spawned(get_parent))
            (here,) = Pcall.pcall(get_parent)
            print(away != os.getpid(), here == os.getpid())
            """
        )
        self.assertEqual(output, "True True\n")

    def test_map(self):
        output = self.run_program(
            """
            print({*Pcall.map(find_place, range(30))}, [*Pcall.map(abs, range(-3, 0))])
            print({*Pcall.map(lambda n: find_place(), range(30))})
            print({*Pcall.map(find_place, range(30), initializer=lambda: None)})
            print({*Pcall.map(find_place, range(30), debug=True)})
            """
        )
        self.assertEqual(output, "{'away'} [3, 2, 1]\n{'here'}\n{'here'}\n{'here'}\n")

    def test_map_of_some_that_stay(self):
        """One that cannot be pickled among those that can; all in their order."""
        output = self.run_program(
            """
            values = [*range(100)]
            values[50] = values[99] = (n for n in "generator")
            places = [*Pcall.map(find_place, values)]
            print(places[50], places[99], {*places[:50]}, {*places[51:99]}, len(places))
            places = Pcall.map(find_place, values, ordered=False, calls_per_child=10)
            print(sorted(places).count("here"))
            """
        )
        self.assertEqual(output, "here here {'away'} {'away'} 100\n2\n")

    def test_amap(self):
        output = self.run_program(
            """
            async def run():
                print({place async for place in Pcall.amap(find_place, range(30))})
                values = [1, threading.Lock(), 2]
                print([place async for place in Pcall.amap(find_place, values)])

            asyncio.run(run())
            """
        )
        self.assertEqual(output, "{'away'}\n['away', 'here', 'away']\n")

    def test_executor(self):
        output = self.run_program(
            """
            with Pcall.Executor(2) as executor:
                futures = [
                    executor.submit(find_place),
                    executor.submit(lambda: find_place()),
                    executor.submit(Lock().find_place),
                    executor.submit(find_place, threading.Lock()),
                    executor.submit(find_place, 5),
                ]
                print([future.result() for future in futures])
                print({*executor.map(find_place, range(50))})
                print({*executor.map(lambda n: find_place(), range(50))})
                print(repr(executor.submit(fail, 5).exception()))
                print(repr(executor.submit(lambda: fail(6)).exception()))
            with Pcall.Executor(2, initializer=lambda: None) as executor:
                print(executor.submit(find_place).result())
            """
        )
        lines = [
            "['away', 'here', 'here', 'here', 'away']",
            "{'away'}",
            "{'here'}",
            "LookupError('there', 5)",
            "LookupError('there', 6)",
            "here",
        ]
        self.assertEqual(output.splitlines(), lines)

    def test_executor_is_killed(self):
        """Those here and those there."""
        output = self.run_program(
            """
            executor = Pcall.Executor(2)
            print(executor.submit(find_place).result(), executor.submit(lambda: 5).result())
            futures = [executor.submit(signal.pause), executor.submit(lambda: signal.pause())]
            while not all(future.running() for future in futures):
                time.sleep(0.001)
            executor.kill_workers()
            print(len(concurrent.futures.wait(futures, 60).done))
            """
        )
        self.assertEqual(output, "away 5\n2\n")

    def test_executor_is_cancelled(self):
        output = self.run_program(
            """
            with Pcall.Executor(1) as executor:
                future = executor.submit(lambda: signal.pause())
                while not future.running():
                    time.sleep(0.001)
                print(future.cancel(), executor.submit(lambda: 5).result())
            """
        )
        self.assertEqual(output, "True 5\n")

    def test_context(self):
        output = self.run_program(
            """
            import multiprocessing
            with Pcall.Executor(1, multiprocessing.get_context("fork")) as executor:
                print(executor.submit(find_place).result())
            """
        )
        self.assertEqual(output, "here\n")

    def test_no_file(self):
        """Nobody else can import what is in there."""
        output = self.run_program(
            """
            print({*Pcall.map(find_place, range(30))}, [*Pcall.map(abs, (-1, -2))])
            """,
            is_file=False,
        )
        self.assertEqual(output, "{'here'} [1, 2]\n")

    def test_means_nothing(self):
        output = self.run_program(
            """
            def attempt(function):
                try:
                    function()
                except RuntimeError as error:
                    print(error)

            attempt(lambda: Pcall.map(find_place, range(3)))
            attempt(lambda: Pcall.amap(find_place, range(3)))
            attempt(lambda: Pcall.Executor())
            attempt(lambda: Pcall.pcall(Pcall.Spawned(find_place)))
            """,
            variable="slurm:none",
        )
        text = 'PCALL_LAUNCHER: launcher: slurm: "none" is no number of workers'
        self.assertEqual(output.splitlines(), 4 * [text])

    def test_nobody_comes(self):
        output = self.run_program(
            """
            try:
                [*Pcall.map(find_place, range(3))]
            except Pcall.ChildProcessException as error:
                print(error)
            """,
            variable="false",
        )
        self.assertRegex(output, "exited with status 1 before an agent came")


if __name__ == "__main__":
    unittest.main()
