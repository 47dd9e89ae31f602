# SPDX-FileCopyrightText: 2026 The pcall authors
# SPDX-License-Identifier: LGPL-2.1-or-later

"""The page that pcall began with: each of its examples, and each of its sentences that a program
can check. The comments quote it."""

import inspect
import os
import signal
import time
import unittest

from support import GLib, Pcall, TestCase, is_alive, run_program

pcall = Pcall.pcall


def add(x, y):
    return x + y


def func(*args, **kwargs):
    return (args, kwargs)


def func1(*args, **kwargs):
    return dict(name="func1", arg=args, kwargs=kwargs)


def func2(*args, **kwargs):
    return dict(name="func2", arg=args, kwargs=kwargs)


def func3(*args, **kwargs):
    return dict(name="func3", arg=args, kwargs=kwargs)


def sleep_and_return(seconds, value):
    time.sleep(seconds)
    return value


class Introduction(TestCase):
    def test_simple_parallel_call(self):
        """to calculate 1 + 4, 2 + 5, 3 + 6"""
        result = pcall(add, x=(1, 2, 3), y=(4, 5, 6))
        self.assertEqual(result, (5, 7, 9))

    def test_any_procedure_function_and_method(self):
        """supports calling any and all procedures, functions and methods in parallel"""

        def procedure():
            os.getpid()

        self.assertEqual(pcall(procedure), (None,))
        self.assertEqual(pcall("a-b".split, iargs=[("-",)]), (["a", "b"],))
        self.assertEqual(pcall(dict.fromkeys, iargs=[("ab",)]), ({"a": None, "b": None},))

    def test_return_must_be_pickleable(self):
        """the return of called target must be a pickleable object"""
        with self.assertRaises(Pcall.ChildProcessException):
            pcall(lambda: (lambda: 0))

    def test_creates_handles_and_terminates_all_processes(self):
        """creates, handles and gracefully terminates all processes"""
        pids = pcall(os.getpid, ikwargs=[{}, {}, {}])
        self.assertEqual(len({*pids, os.getpid()}), 4)
        self.assertFalse(any(map(is_alive, pids)))

    def test_results_in_called_order(self):
        """returns target results in their called order"""
        result = pcall(sleep_and_return, seconds=(0.2, 0.1, 0), value=(1, 2, 3))
        self.assertEqual(result, (1, 2, 3))

    def test_reraises_errors_in_parent(self):
        """re-raises child process errors in the parent process"""
        self.assertRaisesFromChild(ZeroDivisionError, pcall, lambda: 1 / 0)

    def test_concurrently_through_forked_children(self):
        """zipped together … and run concurrently through forked child processes"""
        begun = time.monotonic()
        self.assertEqual(pcall(os.getppid, iargs=[()] * 3), (os.getpid(),) * 3)
        pcall(time.sleep, iargs=[(1,)] * 8)
        self.assertLess(time.monotonic() - begun, 7)

    def test_stops_when_the_shortest_is_exhausted(self):
        """the iterator stops when the shortest input iterable is exhausted, instead of throwing"""
        self.assertEqual(pcall(add, x=(1, 2, 3), y=(4, 5)), (5, 7))

    def test_tuple(self):
        """automatically aggregated together into a tuple"""
        self.assertIs(type(pcall(add, x=[1], y=[2])), tuple)


class SingleTarget(TestCase):
    def test_positional(self):
        self.assertEqual(
            pcall(func, cargs=(1, 2, 3), iargs=((4,), (5,), (6,))),
            (((1, 2, 3, 4), {}), ((1, 2, 3, 5), {}), ((1, 2, 3, 6), {})),
        )

    def test_keyword(self):
        self.assertEqual(
            pcall(func, ckwargs={"a": 1, "b": 2}, ikwargs=[{"c": 3}, {"c": 4}, {"c": 5}]),
            (
                ((), {"a": 1, "b": 2, "c": 3}),
                ((), {"a": 1, "b": 2, "c": 4}),
                ((), {"a": 1, "b": 2, "c": 5}),
            ),
        )

    def test_variable_keyword(self):
        self.assertEqual(
            pcall(func, x=(1, 2, 3), y=(4, 5, 6), z=(7, 8, 9)),
            (
                ((), {"x": 1, "y": 4, "z": 7}),
                ((), {"x": 2, "y": 5, "z": 8}),
                ((), {"x": 3, "y": 6, "z": 9}),
            ),
        )

    def test_combo(self):
        """combo is always fun"""
        self.assertEqual(
            pcall(
                func,
                cargs=(1, 2, 3),
                iargs=((6, 7), (8, 9)),
                ckwargs={"a": 1, "b": 2},
                ikwargs=({"c": 3}, {"c": 4}),
                x=(10, 20),
                y=(100, 200),
            ),
            (
                ((1, 2, 3, 6, 7), {"a": 1, "b": 2, "c": 3, "x": 10, "y": 100}),
                ((1, 2, 3, 8, 9), {"a": 1, "b": 2, "c": 4, "x": 20, "y": 200}),
            ),
        )

    def test_numbers_of_iterations_must_match(self):
        """there is no child #3, as there is no ikwargs to match (5, 6) of iargs"""
        self.assertEqual(
            pcall(func, iargs=((1, 2), (3, 4), (5, 6)), ikwargs=({"a": 1}, {"a": 2})),
            (((1, 2), {"a": 1}), ((3, 4), {"a": 2})),
        )


class MultipleTargets(TestCase):
    def test_positional(self):
        result = pcall(
            [func1, func2, func3], cargs=[1, 2, 3], iargs=[[4, 5, 6], [7, 8, 9], [9, 10, 11]]
        )
        self.assertEqual(
            result,
            (
                dict(name="func1", arg=(1, 2, 3, 4, 5, 6), kwargs={}),
                dict(name="func2", arg=(1, 2, 3, 7, 8, 9), kwargs={}),
                dict(name="func3", arg=(1, 2, 3, 9, 10, 11), kwargs={}),
            ),
        )

    def test_keyword(self):
        result = pcall(
            [func1, func2, func3],
            ckwargs={"a": 1, "b": 2},
            ikwargs=[{"c": 3}, {"c": 4}, {"c": 5}],
        )
        self.assertEqual(
            result,
            (
                dict(name="func1", arg=(), kwargs={"a": 1, "b": 2, "c": 3}),
                dict(name="func2", arg=(), kwargs={"a": 1, "b": 2, "c": 4}),
                dict(name="func3", arg=(), kwargs={"a": 1, "b": 2, "c": 5}),
            ),
        )

    def test_combined(self):
        """combine it all together"""
        result = pcall(
            [func1, func2],
            cargs=(1, 2, 3),
            iargs=((6, 7), (8, 9)),
            ckwargs={"a": 1, "b": 2},
            ikwargs=({"c": 3}, {"c": 4}),
            x=(10, 20),
            y=(100, 200),
        )
        self.assertEqual(
            result,
            (
                dict(
                    name="func1",
                    arg=(1, 2, 3, 6, 7),
                    kwargs={"a": 1, "b": 2, "c": 3, "x": 10, "y": 100},
                ),
                dict(
                    name="func2",
                    arg=(1, 2, 3, 8, 9),
                    kwargs={"a": 1, "b": 2, "c": 4, "x": 20, "y": 200},
                ),
            ),
        )

    def test_numbers_of_iterations_must_match(self):
        """and thus not enough knowledge on how to call func3"""
        result = pcall(
            [func1, func2, func3],
            iargs=((1, 2), (3, 4), (5, 6)),
            ikwargs=({"a": 1}, {"a": 2}),
        )
        self.assertEqual(
            result,
            (
                dict(name="func1", arg=(1, 2), kwargs={"a": 1}),
                dict(name="func2", arg=(3, 4), kwargs={"a": 2}),
            ),
        )

    def test_each_in_its_own_child(self):
        """each target is run within its own child process"""
        self.assertEqual(len(set(pcall([os.getpid, os.getpid, lambda: os.getpid()]))), 3)


class ErrorsAndTimeouts(TestCase):
    def test_caught_and_reraised(self):
        """caught, and re-raised within the calling process as ChildProcessException"""

        def raise_it():
            raise LookupError("no such thing")

        with self.assertRaisesRegex(Pcall.ChildProcessException, "no such thing"):
            pcall(raise_it)

    def test_details_of_its_own(self):
        """What the function says of its error stands beside what is known of the exception."""

        def target():
            Pcall.set_error_details(GLib.Variant("a{sv}", {"line": GLib.Variant("i", 7)}))
            raise KeyError("lost")

        p = Pcall.Pcall(target)
        p.start()
        with self.assertRaises(Pcall.ChildProcessException):
            p.join()
        details = p[0].get_error_details().unpack()
        self.assertEqual((details["line"], details["type"]), (7, "KeyError"))

    def test_details_and_traceback_as_cause(self):
        """The details and traceback of the original exception is attached as the cause"""

        def raise_it():
            raise LookupError("no such thing", 7)

        _, cause = self.assertRaisesFromChild(LookupError, pcall, raise_it)
        self.assertEqual(cause.args, ("no such thing", 7))
        self.assertIn("in raise_it", str(cause.__cause__))

    def test_timeout(self):
        """When child processes exceed the provided timeout value, SIGTERM is sent to each"""
        task = Pcall.Pcall(time.sleep, timeout=0.2, iargs=[(60,), (60,)])
        task.start()
        with self.assertRaises(TimeoutError):
            task.join()
        self.assertEqual([child.exitcode for child in task.childs], [-signal.SIGTERM] * 2)

    def test_timeout_of_a_single_child(self):
        """max runtime of any single child process in seconds"""
        with self.assertRaises(TimeoutError):
            pcall(time.sleep, timeout=0.2, iargs=[(0,), (60,)])
        self.assertEqual(pcall(time.sleep, timeout=60, iargs=[(0,), (0.1,)]), (None, None))


class Logging(TestCase):
    def test_section_for_each_process(self):
        """joined into the main tasklog, with each process having its own section"""
        program = run_program(
            """
            import logging, os, sys
            logging.basicConfig(level=logging.INFO, format="%(levelname)s: %(message)s")
            def target(n):
                logging.info("this is a message from %d", os.getpid())
                print("printed by", os.getpid())
                return os.getpid()
            print(*Pcall.pcall(target, n=range(2)), flush=True)
            """
        )
        self.assertEqual(program.returncode, 0, program.stderr)
        *printed, last = program.stdout.splitlines()
        first, second = last.split()
        messages = [line.partition(": ")[2] for line in program.stderr.splitlines()]
        begins = [i for i, line in enumerate(messages) if ">>>> Begin child log" in line]
        ends = [i for i, line in enumerate(messages) if "<<<< End child log" in line]
        self.assertEqual((len(begins), len(ends)), (2, 2), program.stderr)
        for pid, begin, end in zip((first, second), begins, ends):
            section = "\n".join(messages[begin:end])
            self.assertIn(f"pid-{pid}.log", messages[begin])
            self.assertIn(f"this is a message from {pid}", section)
        self.assertEqual(printed, [f"printed by {first}", f"printed by {second}"])


class PcallObject(TestCase):
    def test_example(self):
        p = Pcall.Pcall(add, x=(1, 2, 3), y=(4, 5, 6))
        p.start()
        p.join()
        self.assertEqual(p.results, (5, 7, 9))

    def test_takes_the_same_arguments(self):
        """takes in the exact same arguments as pcall"""
        self.assertEqual(inspect.signature(Pcall.Pcall), inspect.signature(pcall))
        self.assertEqual(
            str(inspect.signature(pcall)),
            "(targets, timeout=None, cargs=(), iargs=(), ckwargs={}, ikwargs=(), **varkwargs)",
        )

    def test_childs_and_livings(self):
        """tuple of all child processes; tuple of all currently alive child processes"""
        read_fd, write_fd = os.pipe()
        p = Pcall.Pcall([lambda: None, lambda: os.read(read_fd, 1)])
        p.start()
        self.assertEqual(len(p.childs), 2)
        self.assertEqual(p.pids, tuple(child.pid for child in p.childs))
        next(Pcall.as_completed(p))
        self.assertEqual([child.pid for child in p.livings], [p[1].pid])
        os.write(write_fd, b"x")
        p.join()
        self.assertEqual((len(p.childs), p.livings), (2, ()))
        os.close(read_fd)
        os.close(write_fd)

    def test_results_default_to_none(self):
        """results defaults to None when the process has not yet started, or joined"""
        p = Pcall.Pcall(add, x=(1,), y=(4,))
        self.assertIsNone(p.results)
        p.start()
        self.assertIsNone(p.results)
        list(Pcall.as_completed(p))
        self.assertIsNone(p.results)
        p.join()
        self.assertEqual(p.results, (5,))

    def test_join_with_timeout(self):
        """blocks the current process and wait for all childs to finish, or until timeout"""
        p = Pcall.Pcall(time.sleep, iargs=[(3,)])
        p.start()
        begun = time.monotonic()
        with self.assertRaisesRegex(TimeoutError, "1 calls had not ended after 0.1 s"):
            p.join(0.1)
        self.assertLess(time.monotonic() - begun, 2.8)
        p.join()
        self.assertEqual(p.results, (None,))

    def test_terminate(self):
        """terminates all children processes with SIGTERM"""
        p = Pcall.Pcall(time.sleep, iargs=[(60,), (60,)])
        p.start()
        p.terminate()
        with self.assertRaisesRegex(Pcall.ChildProcessException, "call 0 .sleep.: terminated"):
            p.join()
        self.assertEqual([child.exitcode for child in p.childs], [-signal.SIGTERM] * 2)
        self.assertIsNone(p.results)


if __name__ == "__main__":
    unittest.main()
