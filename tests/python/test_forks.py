# SPDX-FileCopyrightText: 2026 The pcall authors
# SPDX-License-Identifier: LGPL-2.1-or-later

"""Processes that a call forks, and that come back out of it, too: they end, and have no say."""

import os
import signal
import sys
import time
import unittest

from support import Pcall, TestCase, run_program

N_CALLS = 20
SILENT = ("children that stay", "map", "executor")  # where a fork ends without a word
ENDS = {"return": 0, "raise": 1, "exit": 3, "exit with text": 1, "exit at last": 0}


def come_back(how):
    if how == "raise":
        raise LookupError("in a fork of a call")
    if how == "exit":
        sys.exit(3)
    if how == "exit with text":
        sys.exit("in a fork of a call")
    if how == "exit at last":
        sys.exit()
    return "a fork's result"


def fork(how, comes_first=True):
    """Has a fork that comes back before the call does so, or some time after it."""
    pid = os.fork()
    if pid == 0:
        signal.alarm(20)
        if not comes_first:
            while os.getppid() == int(os.environ["CHILD"]):  # until the child has ended
                time.sleep(0.001)
        return come_back(how)
    if not comes_first:
        return "the call's result"
    return "the call's result", os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])


def fork_among_others(n):
    """One of many short calls, which children run in batches."""
    if n != N_CALLS // 2:
        return n
    return fork("return")


class Forks(TestCase):
    WAYS = ("child each", "children that stay", "spawned", "variants", "map", "executor")

    def call(self, way, function, *values):
        """What comes of calls, in a list."""
        options = Pcall.Options(calls_per_child=0, max_children=1)
        if way == "child each":
            return [*Pcall.pcall(function, 30, iargs=[(value,) for value in values])]
        if way == "children that stay":
            return [*Pcall.pcall(function, 30, iargs=[(v,) for v in values], options=options)]
        if way == "spawned":
            spawned = Pcall.Spawned(function)
            return [*Pcall.pcall(spawned, 30, iargs=[(v,) for v in values], options=options)]
        if way == "variants":
            return [self.call_task(function, value) for value in values]
        if way == "map":
            return [*Pcall.map(function, values, max_children=1, timeout=30)]
        with Pcall.Executor(1, timeout=30) as executor:
            return [executor.submit(function, value).result(60) for value in values]

    def call_task(self, function, value):
        task = Pcall.Task.new_for_func(lambda args, kwargs: function(value))
        task.start()
        task.join(30, None)
        return task[0].result()

    def test_result_is_the_calls(self):
        for way in self.WAYS:
            for how, status in ENDS.items():
                with self.subTest(way, how=how):
                    results = self.call(way, fork, how, how)
                    self.assertEqual([result for result, _ in results], ["the call's result"] * 2)
                    if way not in SILENT:
                        self.assertEqual([told for _, told in results], [status] * 2)

    def test_in_the_middle_of_a_batch(self):
        """The fork puts nothing into shared memory, and runs no other call."""
        ran = os.memfd_create("ran")

        def note(n):
            os.pwrite(ran, b"%c" % (os.pread(ran, 1, n)[0] + 1), n)
            return fork_among_others(n)

        expected = [*range(N_CALLS)]
        expected[N_CALLS // 2] = "the call's result", 0
        for way in ("children that stay", "map"):
            with self.subTest(way):
                os.pwrite(ran, bytes(N_CALLS), 0)
                self.assertEqual(self.call(way, note, *range(N_CALLS)), expected)
                self.assertEqual(os.pread(ran, N_CALLS, 0), b"\1" * N_CALLS)
        os.close(ran)

    def test_that_comes_later(self):
        for way in ("child each", "map", "executor"):
            for how in ENDS:
                with self.subTest(way, how=how):
                    function = self.call_late
                    self.assertEqual(self.call(way, function, how), ["the call's result"])

    @staticmethod
    def call_late(how):
        os.environ["CHILD"] = str(os.getpid())
        return fork(how, comes_first=False)

    def test_says_why_it_ends(self):
        program = run_program(
            """
            import os, sys
            def fork(how):
                pid = os.fork()
                if pid == 0:
                    print("printed by a fork")
                    if how == "raise":
                        raise LookupError("in a fork of a call")
                    sys.exit("text of a fork")
                os.waitpid(pid, 0)
            for how in ("raise", "exit"):
                Pcall.pcall(fork, how=[how])
                with Pcall.Executor(1) as executor:
                    executor.submit(fork, how).result()
            """
        )
        self.assertEqual(program.stdout, "printed by a fork\n" * 4)
        self.assertEqual(program.stderr.count("\nLookupError: in a fork of a call\n"), 1)
        self.assertEqual(program.stderr.count("text of a fork\n"), 1)
        self.assertNotIn("there is no call here", program.stderr)


if __name__ == "__main__":
    unittest.main()
