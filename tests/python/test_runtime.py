# SPDX-FileCopyrightText: 2026 The pcall authors
# SPDX-License-Identifier: LGPL-2.1-or-later

"""What differs between versions and builds of Python and PyGObject, and what a program may have
set. Each case is a program of its own.

Whatever policy of asyncio there is: functions and coroutine functions are targets, awaited from a
loop of that policy and called without one.
"""

import importlib.util
import tempfile
import textwrap
import unittest

from support import TestCase, run_bare_program, run_program

POLICIES = {
    "asyncio's own": """
        policy = asyncio.DefaultEventLoopPolicy()
        policy.set_event_loop(policy.new_event_loop())
    """,
    "one that is built on it": """
        class Policy(asyncio.DefaultEventLoopPolicy):
            pass
        policy = Policy()
        policy.set_event_loop(policy.new_event_loop())
    """,
    "a foreign one": """
        class Policy(asyncio.AbstractEventLoopPolicy):
            loop = None
            def get_event_loop(self):
                if self.loop is None:
                    self.loop = self.new_event_loop()
                return self.loop
            def set_event_loop(self, loop):
                self.loop = loop
            def new_event_loop(self):
                return asyncio.SelectorEventLoop()
        policy = Policy()
        policy._local = None  # as a fork in Python 3.12 leaves it
    """,
    "a foreign one that takes arguments": """
        class Policy(asyncio.AbstractEventLoopPolicy):
            def __init__(self, loop):
                self.loop = loop
            def get_event_loop(self):
                return self.loop
        policy = Policy(asyncio.SelectorEventLoop())
    """,
}
OF_PYGOBJECT = """
    from gi.events import GLibEventLoopPolicy
    policy = GLibEventLoopPolicy()
"""
if importlib.util.find_spec("gi.events") is not None:
    POLICIES["PyGObject's"] = OF_PYGOBJECT

PROGRAM = """
import asyncio, warnings
warnings.simplefilter("ignore", DeprecationWarning)
{policy}
asyncio.set_event_loop_policy(policy)
warnings.simplefilter("error")

def add(x, y):
    return x + y

async def add_later(x, y):
    await asyncio.sleep(0)
    return x + y

async def both():
    return [await Pcall.pcall_async(target, cargs=(1,), y=(2, 3)) for target in (add, add_later)]

print([Pcall.pcall(target, cargs=(1,), y=(2, 3)) for target in (add, add_later)])
print(policy.get_event_loop().run_until_complete(both()))
print([Pcall.pcall(target, cargs=(1,), y=(2, 3)) for target in (add, add_later)])
"""

# What PyGObject gives to await, beside what Pcall gives; in the parent, and in a child whose parent
# has no thread of GIO's yet.
OF_GIO = """
import asyncio, warnings
warnings.simplefilter("ignore", DeprecationWarning)
from gi.repository import Gio
{policy}
asyncio.set_event_loop_policy(policy)

async def look():
    file = Gio.File.new_for_path("/dev/null")
    return (await file.query_info_async("standard::name", 0, 0)).get_name()

async def both():
    async def call():
        return await Pcall.pcall_async(str, cargs=(7,))
    return await asyncio.gather(look(), call())

async def run_task():
    task = Pcall.Task.new_for_func(lambda args, kwargs: GLib.Variant("i", 3))
    return (await task.run_async()).unpack()

print(Pcall.pcall(look))
print(policy.get_event_loop().run_until_complete(both()))
print(policy.get_event_loop().run_until_complete(run_task()))
"""


class Policies(TestCase):
    def assert_prints(self, program, policy, lines):
        done = run_program(program.format(policy=textwrap.dedent(policy)))
        self.assertEqual((done.stdout.splitlines(), done.stderr), (lines, ""))

    def test_targets(self):
        for name, policy in POLICIES.items():
            with self.subTest(name):
                self.assert_prints(PROGRAM, policy, ["[(3, 4), (3, 4)]"] * 3)

    def test_what_gio_gives_to_await(self):
        if OF_PYGOBJECT in POLICIES.values():
            self.assert_prints(OF_GIO, OF_PYGOBJECT, ["('null',)", "['null', ('7',)]", "[3]"])


class Interpreter(TestCase):
    def test_no_warning_of_threads(self):
        """As os.fork() gives one from Python 3.12 on."""
        source = """
            import threading, warnings
            warnings.simplefilter("error")
            end = threading.Event()
            thread = threading.Thread(target=end.wait)
            thread.start()
            print(Pcall.pcall(str, cargs=(1,)))
            end.set()
        """
        done = run_program(source)
        self.assertEqual((done.stdout, done.stderr), ("('1',)\n", ""))

    def test_lost_lock_of_a_stream(self):
        """Whether a thread has the number of one that the parent had is by chance. This one says at
        once what a stream says then."""
        source = """
            import os, sys, threading

            class Stream:
                parent = os.getpid()
                def write(self, text):
                    pass
                def flush(self):
                    if os.getpid() != self.parent:
                        raise RuntimeError("reentrant call inside <_io.BufferedWriter>")

            end = threading.Event()
            thread = threading.Thread(target=end.wait)
            thread.start()
            out, sys.stdout = sys.stdout, Stream()
            result = Pcall.pcall(str, cargs=(1,))
            sys.stdout = out
            print(result)
            end.set()
        """
        done = run_program(source)
        self.assertEqual((done.stdout, done.stderr), ("('1',)\n", ""))

    def test_no_room_for_the_log(self):
        """It costs lines, which is said, and no result; but it is an error where the program's own
        output has no room."""
        source = """
            import os, resource, sys
            resource.setrlimit(resource.RLIMIT_FSIZE, (8192, 8192))

            def target(n):
                for i in range(1000):
                    print("some text")
                print("more", file=sys.stderr)
                return n

            def pcall(**properties):
                p = Pcall.Pcall(target, n=(1, 2))
                for name, value in properties.items():
                    p.task.set_property(name, value)
                p.start()
                p.join()
                return p.results

            print(pcall(), pcall(calls_per_child=0), file=sys.stderr)
            out = os.open(sys.argv[1], os.O_RDWR | os.O_TMPFILE)
            os.dup2(out, 1)
            try:
                pcall(log_mode=Pcall.LogMode.INHERIT)
            except Pcall.ChildProcessException as error:
                print(error, file=sys.stderr)
        """
        with tempfile.TemporaryDirectory() as directory:
            done = run_program(source, directory)
        self.assertRegex(done.stderr, r"(?s)lines were lost: File too large\n.*\(1, 2\) \(1, 2\)\n")
        self.assertRegex(done.stderr, r"call 0 \(target\): OSError: \[Errno 27\] File too large")
        self.assertEqual(done.returncode, 0)

    def test_free_threaded(self):
        source = """
            import sys
            sys._is_gil_enabled = lambda: {enabled}
            from gi.repository import Pcall
            print(Pcall.pcall(str, cargs=(1,)))
        """
        self.assertEqual(run_bare_program(source.format(enabled=True)).stdout, "('1',)\n")
        refused = run_bare_program(source.format(enabled=False))
        self.assertEqual((refused.stdout, refused.returncode), ("", 1))
        self.assertRegex(refused.stderr, "ImportError: .* start it with PYTHON_GIL=1")


if __name__ == "__main__":
    unittest.main()
