# SPDX-FileCopyrightText: 2026 The pcall authors
# SPDX-License-Identifier: LGPL-2.1-or-later

"""What several of the test modules need."""

import os
import subprocess
import sys
import textwrap
import time
import unittest

import gi

gi.require_version("Pcall", "1.0")

from gi.repository import GLib, Pcall  # noqa: E402


def shorten(often):
    """How often something is done: a fifth of that, but in the suite slow."""
    return often if "PCALL_TEST_SLOW" in os.environ else often // 5


def get_descriptors():
    return set(os.listdir("/proc/self/fd"))


def is_alive(pid):
    """Whether there is such a process, and it is no zombie."""
    try:
        with open(f"/proc/{pid}/stat", encoding="ascii", errors="replace") as stat:
            return stat.read().rpartition(")")[2].split()[0] != "Z"
    except (FileNotFoundError, ProcessLookupError):
        return False


def has_children():
    try:
        os.waitid(os.P_ALL, 0, os.WEXITED | os.WNOHANG | os.WNOWAIT)
    except ChildProcessError:
        return False
    return True


def wait_for_end(descriptors):
    """When a task that runs is dropped, a thread of the library's does what takes longer."""
    deadline = time.monotonic() + 10
    while has_children() or get_descriptors() != descriptors:
        if time.monotonic() > deadline:
            break
        time.sleep(0.01)


def run_program(source, *arguments, **options):
    """Runs a Python program that has Pcall, in a process of its own."""
    head = "from gi.repository import GLib, Pcall\n"
    return run_bare_program(head + textwrap.dedent(source), *arguments, **options)


def run_bare_program(source, *arguments, **options):
    """Runs one that may import it, with buffers as they are."""
    environment = {k: v for k, v in os.environ.items() if k != "PYTHONUNBUFFERED"}
    head = "import gi; gi.require_version('Pcall', '1.0')\n"
    return subprocess.run(
        [sys.executable, "-c", head + textwrap.dedent(source), *arguments],
        capture_output=True,
        text=True,
        timeout=60,
        **{"env": environment, **options},
    )


EACH = """
import ctypes, os, sys
programs = eval(sys.stdin.read())
sys.stdin = open(os.devnull)
for program in programs:
    outputs = [open(fd, "w+b", 0) for fd in (os.memfd_create("out"), os.memfd_create("err"))]
    pid = ctypes.PyDLL(None).fork()  # without what os.fork() calls, which prepares things
    if pid == 0:
        for fd, output in enumerate(outputs, 1):
            os.dup2(output.fileno(), fd)
            output.close()
        break
    status = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
    told = [os.pread(output.fileno(), 1 << 20, 0).decode() for output in outputs]
    print((status, *told), flush=True)
    for output in outputs:
        output.close()
else:
    sys.exit()
exec(program, globals())
"""


def run_each(head, sources):
    """Runs programs with this head, as `run_program()` does, but in copies of one interpreter that
    has loaded everything, and has not run a task. Returns (status, stdout, stderr) of each."""
    head, *sources = (textwrap.dedent(source) for source in (head, *sources))
    program = run_program(EACH, input=repr([head + source for source in sources]))
    if program.returncode != 0:
        raise RuntimeError(program.stderr)
    return [eval(line) for line in program.stdout.splitlines()]


class Gates:
    """Lets calls end in an order: each waits at its gate, and the next gate is opened by the test."""

    def __init__(self, *order):
        self.pipes = [os.pipe() for _ in order]
        self.closed = list(order)
        self.open_next()

    def __enter__(self):
        return self

    def __exit__(self, *exception):
        for pipe in self.pipes:
            os.close(pipe[0])
            os.close(pipe[1])

    def wait(self, index):
        os.read(self.pipes[index][0], 1)
        return index

    def open_next(self):
        if self.closed:
            os.write(self.pipes[self.closed.pop(0)][1], b"-")


class TestCase(unittest.TestCase):
    """With what each test of Pcall has to leave as it was."""

    @classmethod
    def setUpClass(cls):
        Pcall.pcall(int)  # a process has some descriptors for good once it has run a task

    def setUp(self):
        self.descriptors = get_descriptors()

    def tearDown(self):
        wait_for_end(self.descriptors)
        self.assertEqual(get_descriptors(), self.descriptors, "descriptors are left")
        self.assertFalse(has_children(), "a child is left")

    def assertRaisesFromChild(self, kind, function, *args, **kwargs):
        """That a ChildProcessException is raised from an exception of this type; returns both."""
        with self.assertRaises(Pcall.ChildProcessException) as raised:
            function(*args, **kwargs)
        cause = raised.exception.__cause__
        self.assertIsInstance(cause, kind)
        return raised.exception, cause


__all__ = [
    "GLib",
    "Gates",
    "Pcall",
    "TestCase",
    "get_descriptors",
    "is_alive",
    "run_each",
    "run_program",
    "shorten",
]
