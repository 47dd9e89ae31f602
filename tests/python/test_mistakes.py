# SPDX-FileCopyrightText: 2026 The pcall authors
# SPDX-License-Identifier: LGPL-2.1-or-later

"""Sixty mistakes, and more, that users of Pcall make, and what they are told: what is wrong, where,
and what to do. Those who read it have not read the sources."""

import asyncio
import datetime
import os
import pickle
import sys
import threading
import unittest

from support import Pcall, TestCase, has_children

pcall = Pcall.pcall
FAILED = Pcall.ChildProcessException


def square(n):
    return n * n


def add(x, y):
    return x + y


async def fetch(url):
    return url


def wait():
    threading.Event().wait()


def make_lock():
    return threading.Lock()


def kill_myself(signal):
    os.kill(os.getpid(), signal)


def call_what_was_called():
    coroutine = fetch("x")
    try:
        pcall(coroutine)
    finally:
        coroutine.close()


def make(*arguments, **options):
    """A task that has ended."""
    task = Pcall.Pcall(*arguments, **options)
    task.start()
    task.join()
    return task


class Waiting:
    """A task whose call does not end by itself."""

    def __enter__(self):
        self.task = Pcall.Pcall(wait)
        self.task.start()
        return self.task

    def __exit__(self, *exception):
        self.task.terminate()
        try:
            self.task.join()
        except FAILED:
            pass


def ask_too_early():
    with Waiting() as task:
        task[0].result()


def join_too_short():
    with Waiting() as task:
        task.join(0.01)


def change_too_late():
    with Waiting() as task:
        task.task.set_timeout(5)


def start_twice():
    with Waiting() as task:
        task.start()


def submit_too_late():
    executor = Pcall.Executor(1)
    executor.shutdown()
    executor.submit(square, 1)


def use_executor(use):
    def run():
        with Pcall.Executor(1) as executor:
            use(executor)

    return run


async def iterate_without_async():
    for _ in Pcall.amap(square, [1]):
        pass


SPLIT = "not str, which would be split into characters; "
EACH = "must be an iterable of values, one for each call, not "

# What stands where: an exception at the call, and nothing is started
SHAPES = [
    (lambda: pcall(square, [1, 2, 3]), TypeError,
     "timeout must be a number of seconds, not list; arguments go by keyword: n=[1, 2, 3]"),
    (lambda: pcall(square, range(3)), TypeError,
     "timeout must be a number of seconds, not range; arguments go by keyword: n=range(0, 3)"),
    (lambda: pcall(add, [1, 2], [3, 4]), TypeError,
     "timeout must be a number of seconds, not list; arguments go by keyword: x=[1, 2], y=[3, 4]"),
    (lambda: pcall(add, 1, 2), TypeError,
     "cargs must be an iterable of arguments, not int; arguments go by keyword: x=[1], y=[2]"),
    (lambda: pcall(square, 5), TypeError,
     "the call needs an argument n, and gets none; 5 is the timeout; arguments go by keyword: "
     "n=[5]"),
    (lambda: pcall(square, n=[1], timeout="5"), TypeError,
     "timeout must be a number of seconds, not str"),
    (lambda: pcall(square, n=[1], timeout=datetime.timedelta(seconds=5)), TypeError,
     "timeout must be a number of seconds, not timedelta; total_seconds() is one"),
    (lambda: pcall(square, n=[1], timeout=True), TypeError,
     "timeout must be a number of seconds, not bool"),
    (lambda: pcall(square, n=[1], timeout=-1), ValueError,
     "timeout must be 0 seconds or more, not -1"),
    (lambda: pcall(square, n=[1], timeout=float("nan")), ValueError,
     "timeout must be a number of seconds, not nan"),
    (lambda: pcall(square, iargs=(1, 2, 3)), TypeError,
     "iargs[0] must be an iterable of arguments, not int; did you mean iargs=((1,), (2,), (3,))?"),
    (lambda: pcall(square, iargs=[1, 2, 3, 4]), TypeError,
     "iargs[0] must be an iterable of arguments, not int; did you mean "
     "iargs=[(1,), (2,), (3,), …]?"),
    (lambda: pcall(square, iargs=[(1,), 2]), TypeError,
     "iargs[1] must be an iterable of arguments, not int; did you mean iargs=[(1,), (2,)]?"),
    (lambda: pcall(square, iargs=(n for n in (1, 2))), TypeError,
     "iargs[0] must be an iterable of arguments, not int; each element is the arguments of one "
     "call, such as (1,)"),
    (lambda: pcall(square, iargs=["ab", "cd"]), TypeError,
     f"iargs[0] must be an iterable of arguments, {SPLIT}did you mean iargs=[('ab',), ('cd',)]?"),
    (lambda: pcall(square, iargs="abc"), TypeError,
     f"iargs must be an iterable of argument lists, one for each call, {SPLIT}did you mean "
     "iargs=[('abc',)]?"),
    (lambda: pcall(square, iargs=5), TypeError,
     "iargs must be an iterable of argument lists, one for each call, not int; did you mean "
     "iargs=[(5,)]?"),
    (lambda: pcall(square, iargs=[{"n": 1}]), TypeError,
     "iargs[0] must be an iterable of arguments, not dict; arguments by keyword go into ikwargs"),
    (lambda: pcall(square, cargs="abc"), TypeError,
     f"cargs must be an iterable of arguments, {SPLIT}did you mean cargs=('abc',)?"),
    (lambda: pcall(square, cargs=5), TypeError,
     "cargs must be an iterable of arguments, not int; did you mean cargs=(5,)?"),
    (lambda: pcall(square, cargs={"n": 5}), TypeError,
     "cargs must be an iterable of arguments, not dict; arguments by keyword go into ckwargs"),
    (lambda: pcall(square, ckwargs=[("n", 1)]), TypeError,
     "ckwargs must be a mapping of names to values, not list"),
    (lambda: pcall(square, ckwargs={5: 1}), TypeError,
     "ckwargs has a keyword that is no string: 5"),
    (lambda: pcall(square, ikwargs={"n": 1}), TypeError,
     "ikwargs must be an iterable of mappings, one for each call, not dict; did you mean "
     "ikwargs=[{'n': 1}]?"),
    (lambda: pcall(square, ikwargs=5), TypeError,
     "ikwargs must be an iterable of mappings, one for each call, not int"),
    (lambda: pcall(square, ikwargs=[5]), TypeError,
     "ikwargs[0] must be a mapping of names to values, not int"),
    (lambda: pcall(square, ikwargs=[{"n": 1}, {6: 1}]), TypeError,
     "ikwargs[1] has a keyword that is no string: 6"),
    (lambda: pcall(square, n=5), TypeError,
     f"n {EACH}int; for one call, n=[5]; for the same in all, ckwargs={{'n': 5}}"),
    (lambda: pcall(square, n=None), TypeError,
     f"n {EACH}None; for one call, n=[None]; for the same in all, ckwargs={{'n': None}}"),
    (lambda: pcall(square, n="abc"), TypeError,
     f"n {EACH}str, which would be split into characters; for one call, n=['abc']; for one with "
     "each, n=list('abc'); for the same in all, ckwargs={'n': 'abc'}"),
    (lambda: pcall(square, n=b"abc"), TypeError,
     f"n {EACH}bytes, which would be split into numbers; for one call, n=[b'abc']; for one with "
     "each, n=list(b'abc'); for the same in all, ckwargs={'n': b'abc'}"),
    (lambda: pcall(square, n="x" * 99), TypeError,
     f"n {EACH}str, which would be split into characters; what is the same for all calls goes "
     "into ckwargs"),
    (lambda: pcall(square, n=[1], max_children=5), TypeError,
     f"max_children {EACH}int; the option of this name goes into "
     "options=Pcall.Options(max_children=5)"),
    (lambda: pcall(square, n=[1], options=5), TypeError,
     f"options {EACH}int; for one call, options=[5]; for the same in all, ckwargs={{'options': 5}}"),
    (lambda: pcall(None), TypeError,
     "targets must be a callable, or an iterable of callables, not None"),
    (lambda: pcall(square(2)), TypeError,
     "targets must be a callable, or an iterable of callables, not int"),
    (lambda: pcall("square"), TypeError,
     "targets must be a callable, or an iterable of callables, not str; the function itself goes "
     "here, not its name"),
    (lambda: pcall([square, None], n=[1, 2]), TypeError, "targets[1] is not callable: None"),
    (lambda: pcall([square, square(2)], n=[1, 2]), TypeError, "targets[1] is not callable: 4"),
    (call_what_was_called, TypeError,
     "targets must be a callable, or an iterable of callables, not coroutine; it was called "
     "already: the function goes here, and its arguments by keyword"),
    (lambda: asyncio.run(Pcall.pcall_async(square, [1, 2])), TypeError,
     "timeout must be a number of seconds, not list; arguments go by keyword: n=[1, 2]"),
    (lambda: pcall([Pcall.Spawned(square), abs], n=[1, 2]), TypeError,
     "target 1 is not Pcall.Spawned as others are: <built-in function abs>"),
    (lambda: Pcall.Spawned(5), TypeError, "function is not callable: 5"),
    (lambda: pcall(Pcall.Spawned(square), n=[threading.Lock()]), pickle.PicklingError,
     "argument 'n' of call 0, of type lock, cannot be pickled: TypeError: cannot pickle "
     "'_thread.lock' object"),
    (lambda: Pcall.Target.new("name", 5), TypeError, "func is not callable: 5"),
    (lambda: Pcall.run_coroutine(fetch), TypeError,
     "coroutine must be a coroutine, not function; call it, and give what that returns"),
    (lambda: Pcall.load_message(5), TypeError,
     "message must be the GLib.Variant of a call-message, not int"),
    (lambda: Pcall.Options(max_childs=3), TypeError,
     "max_childs is no option; did you mean max_children?"),
    (lambda: Pcall.Options(timeout=3), TypeError,
     "timeout is no option; timeout is an argument of its own"),
    (lambda: Pcall.Options(keep_logs=1), TypeError, "keep_logs must be True or False, not int"),
    (lambda: Pcall.Options(max_children=-1), ValueError, "max_children must be at least 0, not -1"),
    (lambda: Pcall.map([1, 2], square), TypeError, "fn is not callable: [1, 2]"),
    (lambda: Pcall.map(square, 5), TypeError,
     "iterables[0] must be iterable, not int; options go by keyword, such as max_children=2"),
    (lambda: Pcall.map(square, [1, 2], 4), TypeError,
     "iterables[1] must be iterable, not int; options go by keyword, such as max_children=2"),
    (lambda: Pcall.map(square), TypeError, "map() takes at least one iterable"),
    (lambda: asyncio.run(iterate_without_async()), TypeError,
     "'async_generator' object is not iterable"),
    (lambda: Pcall.Executor(0), ValueError, "max_workers must be greater than 0"),
    (lambda: Pcall.Executor("2"), TypeError, "max_workers must be a whole number, not str"),
    (use_executor(lambda executor: executor.submit(square(3))), TypeError,
     "fn is not callable: 9"),
    (use_executor(lambda executor: executor.schedule(square, 3)), TypeError,
     "args must be an iterable of arguments, not int; did you mean args=(3,)?"),
    (submit_too_late, RuntimeError, "cannot schedule new futures after shutdown"),
]

# What is asked of a task at the wrong time
TIMES = [
    (lambda: Pcall.Pcall(square, n=[1])[0], IndexError,
     "there is no call 0; calls are there from start() on"),
    (lambda: make(square, n=[1, 2])[3], IndexError, "there is no call 3; the task has 2"),
    (lambda: Pcall.Pcall(square, n=[1]).join(), RuntimeError,
     "it was not started; call start() before join()"),
    (lambda: Pcall.as_completed(Pcall.Pcall(square, n=[1])), RuntimeError,
     "the task was not started; call start() before as_completed()"),
    (lambda: Pcall.as_completed([square]), TypeError,
     "task must be a Pcall.Pcall that was started, or a Pcall.Task, not list"),
    (start_twice, RuntimeError, "the task was started before; a task runs once"),
    (change_too_late, RuntimeError,
     "set_timeout: the task was started; it cannot be changed any more"),
    (ask_too_early, RuntimeError, "call 0 has not ended; join() waits for all of them"),
    (join_too_short, TimeoutError, "1 calls had not ended after 0.01 s; they go on"),
    (lambda: setattr(Pcall.Pcall(square).task, "timeout", 5), AttributeError,
     "'Task' object has no attribute 'timeout'; call set_timeout()"),
]

# What becomes of a call; the name of a function and the number of its call come first
CALLS = [
    (lambda: pcall(add, x=[1]), FAILED,
     "call 0 (add): TypeError: add() missing 1 required positional argument: 'y'"),
    (lambda: pcall(square, m=[1]), FAILED,
     "call 0 (square): TypeError: square() got an unexpected keyword argument 'm'"),
    (lambda: pcall(lambda: (n for n in (1, 2))), pickle.PicklingError,
     "call 0 (<lambda>): the result, of type generator, cannot be pickled: TypeError: cannot "
     "pickle 'generator' object; a list of what it yields can be"),
    (lambda: pcall(make_lock), pickle.PicklingError,
     "call 0 (make_lock): the result, of type lock, cannot be pickled: TypeError: cannot "
     "pickle '_thread.lock' object"),
    (lambda: pcall(sys.exit, iargs=[(3,)]), FAILED, "call 0 (exit): SystemExit: 3"),
    (lambda: pcall(os._exit, iargs=[(0,)]), FAILED,
     "call 0 (_exit): exited with status 0 without handing over a result"),
    (lambda: pcall(kill_myself, signal=[11]), FAILED,
     "call 0 (kill_myself): killed by signal 11 (Segmentation fault)"),
    (lambda: pcall(wait, timeout=0.05), TimeoutError, "call 0 (wait): timed out after 0.05 s"),
    (lambda: pcall(open, iargs=[("/no/such",)]), FAILED,
     "call 0 (open): FileNotFoundError: [Errno 2] No such file or directory: '/no/such'"),
    (lambda: [*Pcall.map(add, [1, 2])], FAILED,
     "call 0 (add): TypeError: add() missing 1 required positional argument: 'y'"),
]


class Mistakes(TestCase):
    def check(self, cases):
        for action, kind, message in cases:
            with self.subTest(message), self.assertRaises(kind) as raised:
                action()
            self.assertEqual(str(raised.exception), message)

    def test_shapes(self):
        self.check(SHAPES)
        self.assertFalse(has_children())

    def test_times(self):
        self.check(TIMES)

    def test_calls(self):
        self.check(CALLS)

    def test_killed(self):
        """SIGKILL is what the kernel sends where memory has run out, and it counts that."""
        with self.assertRaises(FAILED) as raised:
            pcall(kill_myself, signal=[9])
        hint = (
            "(, perhaps out of memory(: its control group counts [1-9][0-9]* of such kills)?)?"
        )
        text = rf"^call 0 \(kill_myself\): killed by signal 9 \(Killed\){hint}$"
        self.assertRegex(str(raised.exception), text)

    def test_number(self):
        self.assertGreaterEqual(len(SHAPES) + len(TIMES) + len(CALLS), 60)


if __name__ == "__main__":
    unittest.main()
