# SPDX-FileCopyrightText: 2026 The pcall authors
# SPDX-License-Identifier: LGPL-2.1-or-later

"""Exceptions that resist being told of: none is taken for a success, and none is waited for."""

import asyncio
import dataclasses
import gc
import os
import pickle
import signal
import subprocess
import time
import unittest

import errors_of_modules as kinds
from support import GLib, Pcall, TestCase, run_program

N_DOUBLE_INTERRUPTS = 40
N_STORMS = 20
MEGABYTE = 1 << 20

# What the report says of the errors that `kinds` raises, by the names of functions there
REPORTS = {
    "syntax_error_with_bytes": "SyntaxError: bad",
    "syntax_error_with_odd_places": "SyntaxError: ",
    "no_truth_value": "NoTruthValue",
    "falsy": "Falsy: told",
    "empty": "Empty",
    "no_text": "NoText: <no message",
    "text_that_exits": "TextThatExits: <no message",
    "text_that_interrupts": "TextThatInterrupts: <no message",
    "text_of_its_own_class": "OddText: from a child",
    "no_attributes": "NoAttributes",
    "no_traceback": "NoTraceback: told",
    "no_notes": "NoNotes: told",
    "odd_notes": "ValueError: told",
    "frozen": "Frozen",
    "frozen_with_a_field": "FrozenField",
    "no_setting": "NoSetting: told",
    "own_name": "",
    "cause_without_text": "ValueError: told",
    "pickling_that_exits": "PicklingThatExits: told",
    "unpickling_that_exits": "Anew: ",
    "unpickling_that_interrupts": "Anew: ",
    "unpickling_that_is_cancelled": "Anew: ",
    "unpickling_to_something_else": "ToSomethingElse: told",
    "unpickling_without_arguments": "TwoArguments: first second",
    "exits": "SystemExit: 3",
    "interrupts": "KeyboardInterrupt",
    "gives_up_a_generator": "GeneratorExit",
    "is_cancelled": "CancelledError",
    "is_all_of_it": "BaseException: told",
    "stops": "StopIteration: 5",
    "group": "ExceptionGroup: both .2 sub-exceptions.",
    "recursion": "RecursionError: ",
    "gerror_with_surrogate": "told .udc80",
    "gerror_without_domain": "told",
    "gerror_with_odd_domain": "told",
    "gerror_with_odd_code": "told",
    "gerror_with_large_code": "told",
    "gerror_with_odd_message": "5",
    "source_that_cannot_be_had": "ValueError: told",
    "zero_byte": "ValueError: a.x00b",
    "lone_surrogate": "ValueError: a.udc80b",
    "large": "ValueError: ",
    "alarm": "TimeoutError: too long",
}


class ErrorsTestCase(TestCase):
    def tearDown(self):
        gc.collect()  # exceptions that are looked at hold the frames of the test
        super().tearDown()


class Kinds(ErrorsTestCase):
    def check(self, p, function, report):
        p.start()
        with self.assertRaisesRegex(Pcall.ChildProcessException, report) as raised:
            p.join(20)
        self.assertIsInstance(raised.exception.__cause__, BaseException)
        self.assertIsNone(p.results)
        self.assertEqual(p[0].state, Pcall.CallState.FAILED)
        traceback = p[0].get_error_details().lookup_value("traceback", None).get_string()
        self.assertIn(function.__code__.co_name, traceback)
        self.assertIsNotNone(p[0].exception())

    def test_all_are_listed(self):
        self.assertEqual(set(REPORTS), set(kinds.ALL))

    def test_alone(self):
        for name, report in REPORTS.items():
            with self.subTest(name):
                function = getattr(kinds, name)
                self.check(Pcall.Pcall(function), function, report)

    def test_in_batches(self):
        for name, report in REPORTS.items():
            with self.subTest(name):
                function = getattr(kinds, name)
                p = Pcall.Pcall([function, int, int, function, int])
                p.task.set_calls_per_child(0)
                p.task.set_max_children(1)
                self.check(p, function, report)
                self.assertEqual(p[3].state, Pcall.CallState.FAILED)
                if name != "alarm":  # that goes on in the same child
                    self.assertEqual([p[i].result() for i in (1, 2, 4)], [0, 0, 0])

    def test_spawned(self):
        p = Pcall.Pcall(
            [Pcall.Spawned(getattr(kinds, name)) for name in REPORTS if name != "alarm"]
        )
        p.start()
        with self.assertRaises(Pcall.ChildProcessException):
            p.join(60)
        for call, (name, report) in zip(p, REPORTS.items()):
            with self.subTest(name):
                with self.assertRaisesRegex(Pcall.ChildProcessException, report):
                    call.result()
        self.check(Pcall.Pcall(Pcall.Spawned(kinds.alarm)), kinds.alarm, REPORTS["alarm"])

    def test_of_functions_of_variants(self):
        for name, report in REPORTS.items():
            with self.subTest(name):
                function = getattr(kinds, name)
                task = Pcall.Task.new_for_func(lambda args, kwargs, function=function: function())
                with self.assertRaisesRegex(GLib.Error, report):
                    task.run(None)
                self.assertIsNone(task.get_results())

    def test_in_an_executor(self):
        """The next call is run as ever, but for what the call before has left in its child."""
        with Pcall.Executor(2) as staying, Pcall.Executor(2, max_tasks_per_child=1) as fresh:
            for name, report in REPORTS.items():
                executor = fresh if name == "alarm" else staying
                with self.subTest(name):
                    future = executor.submit(getattr(kinds, name))
                    error = future.exception(20)
                    self.assertIsInstance(error, BaseException)
                    with self.assertRaises(type(error)):
                        future.result()
                    self.assertEqual(executor.submit(abs, -5).result(20), 5)

    def test_awaited(self):
        async def main():
            for name, report in REPORTS.items():
                with self.subTest(name), self.assertRaisesRegex(
                    Pcall.ChildProcessException, report
                ):
                    await Pcall.pcall_async(getattr(kinds, name))

        asyncio.run(main())


class Originals(ErrorsTestCase):
    """What arrives is what was raised, wherever that can be."""

    def test_types(self):
        cases = {
            "syntax_error_with_bytes": SyntaxError,
            "no_truth_value": kinds.NoTruthValue,
            "falsy": kinds.Falsy,
            "empty": kinds.Empty,
            "no_attributes": Pcall.RemoteError,
            "frozen": kinds.Frozen,
            "no_setting": kinds.NoSetting,
            "exits": SystemExit,
            "is_cancelled": asyncio.CancelledError,
            "gerror_with_surrogate": GLib.Error,
            "gerror_without_domain": GLib.Error,
            "unpickling_that_exits": Pcall.RemoteError,
            "unpickling_to_something_else": Pcall.RemoteError,
            "no_text": kinds.NoText,
        }
        for name, kind in cases.items():
            with self.subTest(name):
                _, cause = self.assertRaisesFromChild(kind, Pcall.pcall, getattr(kinds, name))
                self.assertIs(type(cause), kind)
                if kind is not GLib.Error:
                    self.assertIsInstance(cause.__cause__, Pcall.RemoteTraceback)
                with Pcall.Executor(1) as executor:
                    self.assertIs(type(executor.submit(getattr(kinds, name)).exception(20)), kind)

    def test_subclasses_of_gerror(self):
        _, cause = self.assertRaisesFromChild(kinds.OwnGError, Pcall.pcall, kinds.own_gerror)
        self.assertEqual((cause.domain, cause.code, cause.extra), ("its-own", 7, [1, 2]))

    def test_data_is_fast(self):
        """An exception with data is no dearer than a result with it."""
        begun = time.monotonic()
        data = os.urandom(8 * MEGABYTE)

        def fail():
            raise subprocess.CalledProcessError(3, "program", data, data)

        for spawned in (False, True):
            with self.subTest(spawned=spawned):
                target = Pcall.Spawned(kinds.fail_with_data) if spawned else fail
                _, cause = self.assertRaisesFromChild(
                    subprocess.CalledProcessError, Pcall.pcall, target
                )
                self.assertEqual(len(cause.output), 8 * MEGABYTE)
        self.assertLess(time.monotonic() - begun, 10)


def load(kind):
    raise kind("anew")


@dataclasses.dataclass
class Loads:
    """A result that raises when it is made anew."""

    kind: type

    def __reduce__(self):
        return load, (self.kind,)


class OwnBaseException(BaseException):
    pass


class Results(ErrorsTestCase):
    KINDS = (SystemExit, GeneratorExit, asyncio.CancelledError, OwnBaseException, LookupError)

    def test_that_raise_when_unpickled(self):
        for kind in self.KINDS:
            for n_calls, per_child in ((1, 1), (3, 0)):
                with self.subTest(kind=kind, n_calls=n_calls):
                    p = Pcall.Pcall(Loads, kind=[kind] * n_calls)
                    p.task.set_calls_per_child(per_child)
                    p.start()
                    with self.assertRaisesRegex(
                        Pcall.ChildProcessException, "call 0: its result came, but cannot be"
                    ) as raised:
                        p.join()
                    self.assertIsInstance(raised.exception.__cause__, kind)
                    with self.assertRaises(Pcall.ChildProcessException):
                        p[n_calls - 1].result()

    def test_awaited(self):
        async def main(kind):
            with self.assertRaises(Pcall.ChildProcessException):
                await Pcall.pcall_async(Loads, kind=[kind])

        for kind in self.KINDS:
            asyncio.run(main(kind))

    def test_in_an_executor(self):
        with Pcall.Executor(1) as executor:
            for kind in (*self.KINDS, KeyboardInterrupt):
                with self.subTest(kind):
                    error = executor.submit(Loads, kind).exception(20)
                    self.assertIsInstance(error.__cause__ or error, kind)
                    self.assertEqual(executor.submit(abs, -5).result(20), 5)


class Counted:
    """Counts how often each is made of its pickle."""

    made = []

    def __init__(self, number):
        self.number = number

    def __reduce__(self):
        return make_counted, (self.number,)


def make_counted(number):
    Counted.made.append(number)
    if number % 3 == 1:
        raise LookupError(number)
    return number


class ThatAreMadeOnce(ErrorsTestCase):
    """No result is made twice, also where one among them raises."""

    def setUp(self):
        super().setUp()
        Counted.made.clear()

    def test_in_batches(self):
        p = Pcall.Pcall(
            Counted, number=range(9), options=Pcall.Options(calls_per_child=0, max_children=1)
        )
        p.start()
        with self.assertRaisesRegex(Pcall.ChildProcessException, "^call 1: its result came, but"):
            p.join()
        self.assertEqual(Counted.made, [0, 1])

    def test_of_map(self):
        results = [*Pcall.map(Counted, range(90), max_children=1, return_exceptions=True)]
        for number, result in enumerate(results):
            if number % 3 == 1:
                self.assertIs(type(result.__cause__), LookupError)
                self.assertEqual(result.call, number)
            else:
                self.assertEqual(result, number)
        self.assertEqual(sorted(Counted.made), [*range(90)])


class Aloof:
    """Cannot be pickled, and lets nobody see what it is."""

    __class__ = property(lambda self: self.refuse())

    def refuse(self):
        raise LookupError("nobody's business")

    def __reduce__(self):
        raise TypeError("stays here")


class AloofMeta(type):
    def __getattribute__(cls, name):
        raise LookupError("nobody's business")


class AloofClass(metaclass=AloofMeta):
    def __reduce__(self):
        raise TypeError("stays here")


class ThatCannotBePickled(ErrorsTestCase):
    """Are said to be that, whatever their classes do."""

    def test_results(self):
        for kind in (Aloof, AloofClass):
            name = type.__dict__["__name__"].__get__(kind)
            text = f"the result, of type {name}, cannot be pickled: "
            with self.subTest(name):
                for function in (
                    lambda: Pcall.pcall(lambda: kind()),
                    lambda: list(Pcall.map(lambda n: kind(), [0])),
                    lambda: asyncio.run(Pcall.pcall_async(lambda: kind())),
                ):
                    with self.assertRaisesRegex(Pcall.ResultPicklingError, text):
                        function()

    def test_arguments(self):
        for kind in (Aloof, AloofClass):
            with self.assertRaisesRegex(pickle.PicklingError, "^argument 0 of call 0, of type Al"):
                Pcall.pcall(Pcall.Spawned(abs), iargs=[(kind(),)])


class FirstFailed(ErrorsTestCase):
    def test_one(self):
        p = Pcall.Pcall(lambda n: 1 // n, n=(1, 0, 2, 0))
        self.assertIsNone(p.task.get_first_failed())
        p.start()
        with self.assertRaises(Pcall.ChildProcessException) as raised:
            p.join()
        self.assertIsInstance(raised.exception.__cause__, ZeroDivisionError)
        call = p.task.get_first_failed()
        self.assertEqual(call.index, 1)
        self.assertIsInstance(call.exception().__cause__, ZeroDivisionError)

    def test_none(self):
        p = Pcall.Pcall(abs, iargs=((1,), (2,)))
        p.start()
        p.join()
        self.assertIsNone(p.task.get_first_failed())


class Signals(ErrorsTestCase):
    def test_two_interrupts(self):
        """As of somebody who presses Ctrl-C twice: a program that has an error has no result."""
        for i in range(N_DOUBLE_INTERRUPTS):
            ready, told = os.pipe()
            p = Pcall.Pcall(lambda: os.write(told, b"x") and time.sleep(20))
            p.start()
            os.read(ready, 1)
            time.sleep(0.01)
            for gap in (i / N_DOUBLE_INTERRUPTS / 500, 0):
                try:
                    os.kill(p.pids[0], signal.SIGINT)
                except ProcessLookupError:
                    pass
                time.sleep(gap)
            self.assertRaisesFromChild(KeyboardInterrupt, p.join)
            os.close(ready)
            os.close(told)

    def test_storms(self):
        """Handlers that raise again and again."""
        for signum, timer in (
            (signal.SIGALRM, signal.ITIMER_REAL),
            (signal.SIGPROF, signal.ITIMER_PROF),
            (signal.SIGVTALRM, signal.ITIMER_VIRTUAL),
        ):

            def storm():
                def handle(*arguments):
                    raise TimeoutError("too long")

                signal.signal(signum, handle)
                signal.setitimer(timer, 0.01, 0.0005)
                while True:
                    sum(range(1000))

            for per_child in (1, 0):
                p = Pcall.Pcall(storm, ikwargs=[{}] * (N_STORMS // 2))
                p.task.set_calls_per_child(per_child)
                p.start()
                with self.assertRaises(Pcall.ChildProcessException):
                    p.join()
                self.assertEqual(p.task.get_n_failed(), N_STORMS // 2)
                causes = [type(call.exception().__cause__) for call in p]
                self.assertGreater(causes.count(TimeoutError), N_STORMS // 4, causes)

    def test_handlers_work_in_the_next_call(self):
        """Signals are held back only while an error is told of."""
        heard = []

        def fail():
            signal.signal(signal.SIGUSR1, lambda *arguments: heard.append(1))
            raise LookupError

        def listen():
            os.kill(os.getpid(), signal.SIGUSR1)
            return len(heard), signal.pthread_sigmask(signal.SIG_BLOCK, ())

        p = Pcall.Pcall([fail, listen])
        p.task.set_calls_per_child(0)
        p.task.set_max_children(1)
        p.start()
        self.assertRaisesFromChild(LookupError, p.join)
        self.assertEqual(p[1].result(), (1, set()))

    def test_sigterm_is_heard_while_an_error_is_told_of(self):
        def fail():
            class Slow(Exception):
                def __str__(self):
                    time.sleep(60)

            raise Slow

        begun = time.monotonic()
        p = Pcall.Pcall(fail, timeout=0.3)
        p.task.set_grace_period(50)
        p.start()
        with self.assertRaises(TimeoutError):
            p.join()
        self.assertLess(time.monotonic() - begun, 20)


class Tracebacks(ErrorsTestCase):
    """They begin with the target."""

    def find_first_frame(self, function, **arguments):
        p = Pcall.Pcall(function, **arguments)
        p.task.set_calls_per_child(0)
        p.start()
        with self.assertRaises(Pcall.ChildProcessException):
            p.join()
        lines = p[0].get_error_details().unpack()["traceback"].splitlines()
        return next(line for line in lines if line.startswith("  File "))

    def test_of_batches(self):
        def fail(*args, **kwargs):
            raise LookupError

        for arguments in (
            dict(x=[1, 2]),
            dict(iargs=[(1,), (2,)]),
            dict(ikwargs=[{"x": 1}, {}]),
            dict(cargs=(1,), ckwargs={"y": 2}, z=[3, 4]),
            {"not an identifier": [1, 2]},
        ):
            with self.subTest(arguments):
                frame = self.find_first_frame(fail, **arguments)
                self.assertIn(f'File "{__file__}"', frame)
                self.assertIn("in fail", frame)


class Threads(unittest.TestCase):
    def test_first_use_in_threads(self):
        """Each has its exception, though none has used GLib's classes before."""
        program = run_program(
            """
            import threading
            def fail():
                raise LookupError("from a child")
            gate = threading.Barrier(8)
            causes = []
            def run():
                gate.wait()
                try:
                    Pcall.pcall(fail)
                except Pcall.ChildProcessException as error:
                    causes.append(repr(error.__cause__))
            threads = [threading.Thread(target=run) for _ in range(8)]
            for thread in threads: thread.start()
            for thread in threads: thread.join()
            print(causes.count("LookupError('from a child')"))
            """
        )
        self.assertEqual((program.returncode, program.stdout), (0, "8\n"), program.stderr)


class Loaders(unittest.TestCase):
    def test_loader_whose_source_raises(self):
        program = run_program(
            """
            import types
            class Loader:
                def get_source(self, name):
                    raise SystemExit("no source")
            names = {"__name__": "strange", "__loader__": Loader(), "__file__": "strange.py"}
            source = "def fail():\\n    raise LookupError('told')\\n"
            exec(compile(source, "strange.py", "exec"), names)
            try:
                print(Pcall.pcall(names["fail"]))
            except Pcall.ChildProcessException as error:
                print(repr(error.__cause__))
            """
        )
        self.assertEqual(program.stdout, "LookupError('told')\n", program.stderr)


if __name__ == "__main__":
    unittest.main()
