# SPDX-FileCopyrightText: 2026 The pcall authors
# SPDX-License-Identifier: LGPL-2.1-or-later

"""What a child inherits and how it ends: as a child of `multiprocessing` does, and side by side
with one where that can be asked."""

import asyncio
import concurrent.futures
import itertools
import logging
import multiprocessing
import os
import random
import signal
import sys
import textwrap
import threading
import time
import unittest

from support import Pcall, TestCase, run_each, run_program

pcall = Pcall.pcall
fork = multiprocessing.get_context("fork")


def answer(connection, target):
    connection.send(target())


def ask_multiprocessing(target):
    """What the target returns in a child of multiprocessing."""
    ours, theirs = fork.Pipe()
    process = fork.Process(target=answer, args=(theirs, target))
    process.start()
    theirs.close()
    try:
        return ours.recv()
    finally:
        process.join()
        process.close()
        ours.close()


class LikeMultiprocessing(TestCase):
    def check(self, target):
        self.assertEqual(pcall(target), (ask_multiprocessing(target),))

    def test_main_thread(self):
        self.check(
            lambda: (
                threading.current_thread() is threading.main_thread(),
                threading.active_count(),
                len(threading.enumerate()),
            )
        )

    def test_in_another_thread(self):
        asked = []
        target = lambda: (  # noqa: E731
            threading.current_thread() is threading.main_thread(),
            threading.active_count(),
        )
        thread = threading.Thread(
            target=lambda: asked.extend([*pcall(target), ask_multiprocessing(target)])
        )
        thread.start()
        thread.join()
        self.assertEqual(asked[0], asked[1])

    def test_standard_input(self):
        self.check(lambda: (sys.stdin.read(), sys.stdin.readline(), os.read(0, 5)))

    def test_at_fork_hooks(self):
        program = run_program(
            """
            import os
            called = []
            os.register_at_fork(before=lambda: called.append("before"),
                                after_in_parent=lambda: called.append("parent"),
                                after_in_child=lambda: called.append("child"))
            print(Pcall.pcall(lambda: called), called)
            """
        )
        self.assertEqual(program.stdout, "(['before', 'child'],) ['before', 'parent']\n")

    def test_random_numbers(self):
        random.seed(1)
        numbers = pcall([random.random] * 8)
        self.assertEqual(len({*numbers, random.random()}), 9)

    def test_logging_lock(self):
        """That another thread holds it stops neither the child nor what waits for it."""
        held = threading.Event()
        let_go = threading.Event()
        logger = logging.getLogger("test_children")
        handler = logging.StreamHandler(sys.stderr)
        logger.addHandler(handler)

        def hold():
            with handler.lock:
                held.set()
                let_go.wait()

        thread = threading.Thread(target=hold)
        thread.start()
        held.wait()
        try:
            self.assertEqual(pcall(lambda: logger.warning("from a child"), timeout=20), (None,))
        finally:
            let_go.set()
            thread.join()
            logger.removeHandler(handler)

    def test_threads_are_waited_for(self):
        program = run_program(
            """
            import threading, time
            def late():
                time.sleep(0.2)
                print("late")
            Pcall.pcall(lambda: threading.Thread(target=late).start())
            """
        )
        self.assertEqual(program.stdout, "late\n", program)

    def test_thread_pool_of_the_parent(self):
        with concurrent.futures.ThreadPoolExecutor(2) as pool:
            list(pool.map(abs, range(9)))

            def target():
                with concurrent.futures.ThreadPoolExecutor(2) as own:
                    return list(own.map(abs, [-1, -2]))

            self.assertEqual(pcall(target, timeout=20), ([1, 2],))

    def test_queue(self):
        """What a child puts into a queue is written by a thread, which has to be waited for."""
        queue = fork.Queue()
        pcall(lambda: queue.put(b"x" * 1000))
        self.assertEqual(len(queue.get(timeout=20)), 1000)
        queue.close()
        queue.join_thread()
        queue._reader.close()

    def test_process_in_a_child(self):
        def target():
            process = fork.Process(target=os._exit, args=(7,))
            process.start()
            process.join()
            return process.exitcode, len(multiprocessing.active_children())

        self.check(target)

    def test_children_of_the_parent(self):
        event = fork.Event()
        process = fork.Process(target=event.wait, daemon=True)
        process.start()
        try:
            self.assertEqual(pcall(lambda: len(multiprocessing.active_children())), (0,))
            self.assertTrue(process.is_alive())
        finally:
            event.set()
            process.join()
            process.close()

    def test_environment(self):
        os.environ["PCALL_TEST"] = "5"
        try:
            self.check(lambda: (os.environ["PCALL_TEST"], os.getcwd(), sys.argv))
        finally:
            del os.environ["PCALL_TEST"]


class Streams(unittest.TestCase):
    def run_and_check(self, source, expected):
        program = run_program(source)
        self.assertEqual((program.returncode, program.stdout), (0, expected), program.stderr)
        return program

    def test_nothing_is_written_twice(self):
        self.run_and_check(
            """
            import sys
            sys.stdout.write("before ")
            p = Pcall.Pcall(lambda n: None, n=range(5))
            p.task.set_max_children(1)
            p.task.set_log_mode(Pcall.LogMode.INHERIT)
            p.task.connect("call-finished", lambda task, call: print(call.index, end=" "))
            p.start()
            p.join()
            print("after")
            """,
            "before 0 1 2 3 4 after\n",
        )

    def test_nothing_is_lost(self):
        self.run_and_check(
            """
            p = Pcall.Pcall(lambda: print("unflushed", end=""))
            p.task.set_log_mode(Pcall.LogMode.INHERIT)
            p.start()
            p.join()
            """,
            "unflushed",
        )

    def test_of_an_exception_too(self):
        program = run_program("Pcall.pcall(lambda: [print('said'), 1 / 0])")
        self.assertEqual(program.stdout, "said\n")
        self.assertIn("ZeroDivisionError", program.stderr)

    def test_logs_beside_those_of_others(self):
        """A program that begins a task sweeps up what nobody uses, and nothing else."""
        program = run_program(
            """
            import os, subprocess, sys
            OTHER = (
                "import gi; gi.require_version('Pcall', '1.0');"
                "from gi.repository import Pcall;"
                "p = Pcall.Pcall(int); p.start(); print(flush=True); input(); p.join()"
            )
            def begin_other():
                other = subprocess.Popen([sys.executable, "-c", OTHER], text=True,
                                         stdin=subprocess.PIPE, stdout=subprocess.PIPE)
                other.stdout.readline()
                return other
            second, printed = os.pipe(), os.pipe()
            def target():
                print("kept")
                os.write(printed[1], b"x")
                os.read(second[0], 1)
            other = begin_other()
            p = Pcall.Pcall(target)
            p.start()
            other.communicate("\\n")
            os.read(printed[0], 1)
            begin_other().communicate("\\n")
            os.write(second[1], b"x")
            p.join()
            """
        )
        self.assertEqual(program.stdout, "kept\n", program)

    def test_kept_streams(self):
        """What goes to a stream of the parent's that somebody kept is written, at once, and in
        order."""
        head = """
            import codecs, csv, io, logging, os, sys
            def say(text, file=sys.stdout):
                print(text, file=file)
            out = sys.stdout
            from sys import stdout, __stdout__
            writer = csv.writer(sys.stdout)
            encoder = codecs.getwriter("utf-8")(sys.stdout.buffer)
            handler = logging.StreamHandler(sys.stdout)
            class Tee:
                def __init__(self, stream):
                    self.stream = stream
                def write(self, text):
                    self.stream.write(text)
                def flush(self):
                    self.stream.flush()
            """
        ways = {
            "a default argument": 'say("kept")',
            "a global": 'out.write("kept\\n")',
            "without a line's end": 'out.write("kept")',
            "imported by name": 'print("kept", file=stdout)',
            "the interpreter's own": 'print("kept", file=__stdout__)',
            "csv": 'writer.writerow(["kept"])',
            "bytes": 'stdout.buffer.write(b"kept\\n")',
            "a codec": 'encoder.write("kept\\n")',
            "logging": 'handler.emit(logging.makeLogRecord({"msg": "kept"}))',
            "replaced": 'sys.stdout = io.StringIO(); say("kept")',
            "a tee": 'sys.stdout = Tee(out); print("kept")',
        }
        cases = [*itertools.product(("SECTIONS", "INHERIT"), (1, 2), ways)]
        programs = [
            f"""
            def target(i):
                {ways[name]}
            p = Pcall.Pcall(target, i=range({n_calls}))
            p.task.set_calls_per_child({2 - n_calls})
            p.task.set_log_mode(Pcall.LogMode.{mode})
            p.start()
            p.join()
            """
            for mode, n_calls, name in cases
        ]
        runs = run_each(head, programs)
        self.assertEqual(len(runs), len(cases))
        for (mode, n_calls, name), (status, stdout, stderr) in zip(cases, runs):
            with self.subTest(name, mode=mode, n_calls=n_calls):
                self.assertEqual(status, 0, stderr)
                self.assertEqual(stdout.count("kept"), n_calls, (stdout, stderr))

    def test_kept_streams_of_replaced_ones(self):
        """Where the parent has put something else in their places, before it has run a task or
        behind."""
        for before in ("", "Pcall.pcall(int)"):
            with self.subTest(before):
                self.run_and_check(
                    f"""
                    import contextlib, io, sys
                    out = sys.stdout
                    {before}
                    out.write("before ")
                    with contextlib.redirect_stdout(io.StringIO()):
                        p = Pcall.Pcall(lambda: out.write("kept "))
                        p.task.set_log_mode(Pcall.LogMode.INHERIT)
                        p.start()
                        p.join()
                    print("after")
                    """,
                    "before kept after\n",
                )

    def test_kept_streams_of_a_child_that_crashes(self):
        """Whole lines are there, and stand among others in the order in which they were written."""
        program = run_program(
            """
            import os, sys
            def crash(out=sys.stdout):
                print("first", file=out)
                print("second")
                print("third", file=out)
                os.abort()
            try:
                Pcall.pcall(crash)
            except Pcall.ChildProcessException as error:
                print(error)
            """
        )
        self.assertRegex(program.stdout, "last output: first . second . third")

    def test_kept_streams_beside_threads(self):
        """Also where a thread of the parent's may hold the stream's lock."""
        program = run_program(
            """
            import os, sys, threading
            stop = threading.Event()
            null = open(os.devnull, "w")
            def loop():
                while not stop.is_set():
                    print("x" * 5000, file=null)
            thread = threading.Thread(target=loop)
            thread.start()
            def target(n, out=sys.stdout):
                print(f"kept {n}", file=out)
            p = Pcall.Pcall(target, n=range(20))
            p.task.set_max_children(1)
            p.task.set_log_mode(Pcall.LogMode.INHERIT)
            p.start()
            p.join()
            stop.set()
            thread.join()
            """
        )
        self.assertEqual(
            sorted(program.stdout.split("\n")), sorted([f"kept {n}" for n in range(20)] + [""])
        )

    def test_streams_that_raise(self):
        """Whatever stands in the place of standard output: it is not the call's failure."""
        self.run_and_check(
            """
            import sys, unittest.mock
            class Bad:
                def write(self, text): raise RuntimeError("write")
                def flush(self): raise RuntimeError("flush")
                def __eq__(self, other): raise RuntimeError("compared")
                __hash__ = object.__hash__
            out = sys.stdout
            for stream in (Bad(), unittest.mock.Mock(), unittest.mock.MagicMock(), object(), 5):
                sys.stdout = sys.stderr = stream
                out.write(f"{Pcall.pcall(lambda: 5)}")
            sys.stdout, sys.stderr = out, sys.__stderr__
            """,
            "(5,)" * 5,
        )

    def test_closed(self):
        self.run_and_check(
            """
            import sys
            out = sys.stdout
            sys.stdout = None
            sys.stderr.close()
            r = Pcall.pcall(lambda: 5)
            out.write(repr(r))
            """,
            "(5,)",
        )

    def test_at_exit_functions_of_the_parent(self):
        self.run_and_check(
            """
            import atexit
            atexit.register(print, "once")
            Pcall.pcall(int, iargs=[()] * 3)
            """,
            "once\n",
        )


class FaultHandler(unittest.TestCase):
    """Where it was enabled it works in a child, too, and tells where that crashed."""

    SOURCE = """
        import ctypes, faulthandler, os, signal, sys, tempfile
        {before}
        def innermost():
            {crash}
        def middle(n):
            return middle(n - 1) if n else innermost()
        def target():
            {within}
            middle({depth})
        p = Pcall.Pcall(target)
        p.start()
        try:
            p.join()
        except Pcall.ChildProcessException as error:
            print(p.childs[0].exitcode, error)
        """

    def check(
        self, before, crash="ctypes.string_at(0)", signum=11, within="pass", depth=1, found=True
    ):
        program = run_program(
            self.SOURCE.format(before=before, crash=crash, within=within, depth=depth)
        )
        self.assertTrue(program.stdout.startswith(f"-{signum} call 0"), program)
        pattern = r"last output: .*File .*line \d+,? in innermost.*in middle"
        (self.assertRegex if found else self.assertNotRegex)(program.stdout, pattern)

    def test_enabled(self):
        enabled = "faulthandler.enable()"
        for before in (
            enabled,
            "faulthandler.enable(all_threads=False)",
            "faulthandler.enable(tempfile.TemporaryFile())",
            f"{enabled}; Pcall.pcall(int)",
            f"Pcall.pcall(int); {enabled}",
            f"{enabled}; sys.stderr = None",
        ):
            with self.subTest(before):
                self.check(before)
        for name in ("ABRT", "FPE", "BUS", "ILL", "SEGV"):
            with self.subTest(name):
                signum = getattr(signal, f"SIG{name}")
                self.check(enabled, f"os.kill(os.getpid(), {signum:d})", signum=int(signum))

    def test_deep(self):
        """The innermost frames are those that count."""
        self.check("faulthandler.enable()", depth=300)

    def test_beside_other_threads(self):
        within = (
            "import threading; threading.Thread(target=threading.Event().wait, daemon=True).start()"
        )
        self.check("faulthandler.enable()", within=within)

    def test_enabled_in_a_child(self):
        for before in (
            "pass",
            "faulthandler.enable()",
            "faulthandler.enable(); faulthandler.disable()",
        ):
            with self.subTest(before):
                self.check(before, within="faulthandler.enable(2)")

    def test_not_enabled(self):
        for before in ("pass", "faulthandler.enable(); faulthandler.disable()"):
            with self.subTest(before):
                self.check(before, found=False)

    def test_registered(self):
        """A signal for which it was registered shows where a child is."""
        program = run_program(
            """
            import faulthandler, os, signal, sys
            faulthandler.register(signal.SIGUSR1)
            def target():
                os.kill(os.getpid(), signal.SIGUSR1)
                return faulthandler.unregister(signal.SIGUSR1), signal.getsignal(signal.SIGUSR1)
            print(Pcall.pcall(target) == ((True, signal.SIG_DFL),))
            """
        )
        self.assertEqual(program.stdout, "True\n", program)
        self.assertIn("in target", program.stderr)


class OfTheParent(TestCase):
    def test_handlers_of_signals(self):
        """Are gone, for Python as for the kernel."""

        def look():
            return [signal.getsignal(n) for n in signums]

        signums = (signal.SIGUSR1, signal.SIGTERM, signal.SIGALRM, signal.SIGINT, signal.SIGRTMIN)
        before = [signal.signal(n, lambda *_: None) for n in signums]
        try:
            self.assertEqual(pcall(look), ([signal.SIG_DFL] * len(signums),))
            self.assertEqual(pcall([look, look]), ([signal.SIG_DFL] * len(signums),) * 2)
            self.assertTrue(all(map(callable, look())))
        finally:
            for signum, handler in zip(signums, before):
                signal.signal(signum, handler)
        self.assertEqual(pcall(look)[0][3], signal.default_int_handler)

    def test_running_loop(self):
        """A child is not inside of its parent's loop, and can run one of its own."""

        async def inner():
            await asyncio.sleep(0)
            return os.getpid()

        async def main():
            loop = asyncio.get_running_loop()
            loop.add_signal_handler(signal.SIGUSR1, lambda: None)
            try:
                p = Pcall.Pcall([inner, lambda: asyncio.run(inner())])
                return await p, p.pids
            finally:
                loop.remove_signal_handler(signal.SIGUSR1)

        results, pids = asyncio.run(main())
        self.assertEqual(results, pids)

    def test_signals_of_a_child_are_its_own(self):
        """Not those of the parent's loop, whose wake-up descriptor it inherits."""

        def target():
            signal.signal(signal.SIGUSR1, lambda *_: None)
            os.kill(os.getpid(), signal.SIGUSR1)

        async def main():
            heard = []
            loop = asyncio.get_running_loop()
            loop.add_signal_handler(signal.SIGUSR1, heard.append, "by the parent")
            await Pcall.pcall_async(target)
            await asyncio.sleep(0.1)
            loop.remove_signal_handler(signal.SIGUSR1)
            return heard

        self.assertEqual(asyncio.run(main()), [])

    def test_memory(self):
        data = [0]

        def target():
            data[0] += 1
            return data

        self.assertEqual(pcall([target, target]), ([1], [1]))
        self.assertEqual(data, [0])

    def test_nested(self):
        def nest(depth):
            return pcall(nest, depth=[depth - 1] * 2) if depth else os.getpid()

        def flatten(value):
            return [x for v in value for x in flatten(v)] if isinstance(value, tuple) else [value]

        self.assertEqual(len(set(flatten(pcall(nest, depth=[3])))), 8)

    def test_task_of_the_parent(self):
        """A task that runs is of no use in a child, and dropping it there ends nothing."""
        p = Pcall.Pcall(lambda: time.sleep(0.3) or 1)
        p.start()

        def target():
            nonlocal p
            refused = p.task.dispatch()
            del p
            return refused

        self.assertEqual(pcall(target), (False,))
        p.join()
        self.assertEqual(p.results, (1,))


if __name__ == "__main__":
    unittest.main()
