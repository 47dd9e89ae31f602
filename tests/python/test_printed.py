# SPDX-FileCopyrightText: 2026 The pcall authors
# SPDX-License-Identifier: LGPL-2.1-or-later

"""What calls of map() print: whole, in the order of the calls, with their results."""

import subprocess
import sys
import unittest

from support import TestCase, run_program

# Calls that print in all ways, and those of index 0 and 1 while the other one does so, too.
HEAD = """
import asyncio, ctypes, multiprocessing, os, subprocess, sys

barrier = multiprocessing.Barrier(2)

def work(n):
    print("begin", n)
    print("error", n, file=sys.stderr)
    if n < 2:
        barrier.wait(60)
    ctypes.CDLL(None).printf(b"library %d\\n", n)
    ctypes.CDLL(None).fflush(None)
    subprocess.run(["echo", "program", str(n)])
    os.write(1, b"raw\\n")
    print("end", n)
    return n

def die(n):
    work(n + 2)
    print("half a line", end="")
    sys.stdout.flush()
    if n == 3:
        os.kill(os.getpid(), 9)

def nest(n):
    print("outer", n)
    return sum(Pcall.map(work, range(10 * n, 10 * n + 3)))

async def run():
    return [n async for n in Pcall.amap(work, range(20), max_children=2)]
"""
BOTH = "begin {0}\nerror {0}\nlibrary {0}\nprogram {0}\nraw\nend {0}\n"
OUTPUT = BOTH.replace("error {0}\n", "")


def run(source, **options):
    return run_program(HEAD + source, **options)


class Printed(TestCase):
    def check(self, source, expected, **options):
        done = run(source, **options)
        self.assertEqual((done.returncode, done.stdout), (0, expected), done.stderr)
        return done

    def test_in_call_order(self):
        expected = "".join(map(OUTPUT.format, range(30)))
        done = self.check("list(Pcall.map(work, range(30), max_children=2))", expected)
        self.assertEqual(done.stderr, "".join(f"error {n}\n" for n in range(30)))

    def test_in_call_order_async(self):
        self.check("asyncio.run(run())", "".join(map(OUTPUT.format, range(20))))

    def test_order_of_both(self):
        """Where they are the same file, there is an order between the two."""
        source = "os.dup2(1, 2); list(Pcall.map(work, range(10), max_children=2))"
        self.check(source, "".join(map(BOTH.format, range(10))))

    def test_whole(self):
        """As they end, but each by itself."""
        done = run("list(Pcall.map(work, range(2), max_children=2, ordered=False))")
        parts = [OUTPUT.format(n) for n in range(2)]
        self.assertIn(done.stdout, ["".join(parts), "".join(parts[::-1])], done.stderr)

    def test_with_its_result(self):
        """Before that is handed out, not when all is over."""
        source = """
for n in Pcall.map(work, range(2, 12), max_children=2):
    os.write(1, b"result %d\\n" % n)
"""
        done = run(source)
        for n in range(2, 12):
            self.assertIn(f"end {n}\n", done.stdout[: done.stdout.index(f"result {n}\n")])

    def test_death(self):
        source = "list(Pcall.map(die, range(6), max_children=1, return_exceptions=True))"
        expected = "half a line".join(map(OUTPUT.format, range(2, 8))) + "half a line"
        self.check(source, expected)

    def test_exceptions_and_initializers(self):
        source = """
def fail():
    print("initializer")
    raise LookupError

for initializer in (lambda: print("initializer"), fail):
    try:
        options = {"max_children": 1, "initializer": initializer}
        list(Pcall.map(lambda n: (print(n), 1 // n), (2, 1, 0), **options))
    except Pcall.ChildProcessException as error:
        os.write(1, type(error.__cause__).__name__.encode() + b"\\n")
"""
        expected = "initializer\n2\n1\n0\nZeroDivisionError\ninitializer\nLookupError\n"
        self.check(source, expected)

    def test_left_early(self):
        """What was printed is not lost with the results."""
        source = """
results = Pcall.map(work, range(2, 100), max_children=1)
next(results)
results.close()
"""
        done = run(source)
        self.assertTrue(done.stdout.startswith(OUTPUT.format(2)), done.stdout)

    def test_nested(self):
        expected = ""
        for n in (1, 2, 3):
            expected += f"outer {n}\n" + "".join(map(OUTPUT.format, range(10 * n, 10 * n + 3)))
        self.check("list(Pcall.map(nest, (1, 2, 3), max_children=2))", expected)

    def test_much(self):
        source = "list(Pcall.map(lambda n: print(str(n) * 5_000_000), range(4), max_children=2))"
        self.check(source, "".join(str(n) * 5_000_000 + "\n" for n in range(4)))

    def test_nowhere(self):
        """Into what is closed goes nothing, and into a broken pipe neither, as of print()."""
        source = "os.close(1); os.close(2); os._exit(sum(Pcall.map(abs, range(5))))"
        self.assertEqual(run(source).returncode, 10)
        source = """
reading, writing = os.pipe()
os.dup2(writing, 1)
os.close(writing)
os.close(reading)
try:
    list(Pcall.map(work, range(5)))
except BrokenPipeError:
    os._exit(5)
"""
        self.assertEqual(run(source).returncode, 5)

    def test_of_an_executor(self):
        """It is there at once, while the call goes on."""
        source = """
reading, writing = os.pipe()
with Pcall.Executor(1) as executor:
    future = executor.submit(lambda: (print("now"), os.read(reading, 1)))
    input()
    os.write(writing, b"x")
    print(future.result(20)[1])
"""
        head = "import gi; gi.require_version('Pcall', '1.0')\nfrom gi.repository import Pcall\n"
        command = [sys.executable, "-c", head + HEAD + source]
        streams = dict.fromkeys(("stdin", "stdout"), subprocess.PIPE)
        with subprocess.Popen(command, text=True, **streams) as program:
            self.assertEqual(program.stdout.readline(), "now\n")
            self.assertEqual(program.communicate("\n", timeout=60)[0], "b'x'\n")


if __name__ == "__main__":
    unittest.main()
