# SPDX-FileCopyrightText: 2026 The pcall authors
# SPDX-License-Identifier: LGPL-2.1-or-later

"""Calls that ask something at the terminal, which is their parent's: they are answered at once."""

import os
import pty
import sys
import textwrap
import time
import unittest

HEAD = """
import getpass, os, subprocess, sys, termios
import gi
gi.require_version("Pcall", "1.0")
from gi.repository import Pcall

def show(function, **options):
    try:
        print("answer:", Pcall.pcall(function, timeout=30, **options))
    except Exception as error:
        print("answer:", type(error).__name__, type(error.__cause__).__name__)
"""


def run_at_terminal(source, replies={}):
    """What a program prints as the foreground job of a terminal of its own. What it asks is replied
    to once for each time that it does."""
    pid, terminal = pty.fork()
    if pid == 0:
        os.execv(sys.executable, [sys.executable, "-c", HEAD + textwrap.dedent(source)])
    output = b""
    asked = dict.fromkeys(replies, 0)
    until = time.monotonic() + 60
    while time.monotonic() < until:
        try:
            data = os.read(terminal, 4096)
        except OSError:  # so ends a terminal that nobody has open
            break
        output += data
        if not data:
            break
        for question, reply in replies.items():
            while output.count(question) > asked[question]:
                asked[question] += 1
                os.write(terminal, reply + b"\n")
    os.close(terminal)
    os.waitpid(pid, 0)
    lines = output.decode(errors="replace").replace("\r", "").split("\n")
    return [line.partition("answer: ")[2] for line in lines if "answer: " in line]


class TestTerminal(unittest.TestCase):
    def test_getpass(self):
        answers = run_at_terminal("show(lambda: getpass.getpass('Password: '))")
        self.assertEqual(answers, ["ChildProcessException EOFError"])

    def test_open(self):
        answers = run_at_terminal("show(lambda: os.open('/dev/tty', os.O_RDWR))")
        self.assertEqual(answers, ["ChildProcessException OSError"])

    def test_programs(self):
        answers = run_at_terminal("show(lambda: os.system('stty -F /dev/tty -echo') != 0)")
        self.assertEqual(answers, ["(True,)"])

    def test_modes(self):
        answers = run_at_terminal("""
            kept = os.dup(0)
            def change():
                termios.tcsetattr(kept, termios.TCSADRAIN, termios.tcgetattr(kept))
                return "changed"
            show(change)
        """)
        self.assertEqual(answers, ["('changed',)"])

    def test_parent_keeps_it(self):
        answers = run_at_terminal("""
            show(lambda: 1)
            with open("/dev/tty", "w"):
                print("answer:", os.tcgetpgrp(0) == os.getpgrp())
        """)
        self.assertEqual(answers, ["(1,)", "True"])

    def test_stdin(self):
        """The terminal for one call: to ask, and for a debugger; it is set as before then."""
        ask = """
            here = Pcall.Options(stdin=sys.stdin)
            def ask():
                return input("name? "), os.isatty(0), os.isatty(1), getpass.getpass("secret? ")
            show(ask, options=here)
            show(ask, options=here)
        """
        answers = run_at_terminal(ask, {b"name? ": b"Ada", b"secret? ": b"x"})
        self.assertEqual(answers, ["(('Ada', True, True, 'x'),)"] * 2)

    def test_debugger(self):
        answers = run_at_terminal(
            """
            def work(n):
                square = n * n
                breakpoint()
                return square
            show(work, n=[3], options=Pcall.Options(stdin=sys.stdin))
            print("answer:", os.tcgetpgrp(0) == os.getpgrp())
            """,
            {b"(Pdb) ": b"square += 1;; c"},
        )
        self.assertEqual(answers, ["(10,)", "True"])

    def test_modes_after_a_crash(self):
        answers = run_at_terminal("""
            import tty
            before = termios.tcgetattr(0)
            def crash():
                tty.setraw(0)
                os.abort()
            show(crash, options=Pcall.Options(stdin=sys.stdin))
            print("answer:", termios.tcgetattr(0) == before)
        """)
        self.assertEqual(answers, ["Crashed Error", "True"])

    def test_interrupt(self):
        """Ctrl-C is for the parent, which ends the call that waits for input."""
        answers = run_at_terminal(
            """
            try:
                Pcall.pcall(input, iargs=[("name? ",)], options=Pcall.Options(stdin=sys.stdin))
            except KeyboardInterrupt:
                print("answer: interrupted", Pcall.pcall(int))
            """,
            {b"name? ": b"\x03"},
        )
        self.assertEqual(answers, ["interrupted (0,)"])

    def test_spawned(self):
        answers = run_at_terminal("show(Pcall.Spawned(os.system), command=['stty -F /dev/tty -echo'])")
        self.assertEqual(len(answers), 1)
        self.assertRegex(answers[0], r"^\([1-9]")
