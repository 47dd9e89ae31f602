# SPDX-FileCopyrightText: 2026 The pcall authors
# SPDX-License-Identifier: LGPL-2.1-or-later

"""What calls log with `logging`, and their warnings, arrive in their parent."""

import asyncio
import logging
import logging.handlers
import os
import queue
import re
import threading
import unittest
import warnings

import logging_targets as targets
from support import Pcall, TestCase, run_program

Spawned, Options, LogMode = Pcall.Spawned, Pcall.Options, Pcall.LogMode


class Keeper(logging.Handler):
    def __init__(self):
        super().__init__()
        self.records = []

    def emit(self, record):
        self.records.append(record)


class LoggingTestCase(TestCase):
    """With a handler that keeps all records of the root logger, of all levels."""

    def setUp(self):
        super().setUp()
        self.keeper = Keeper()
        logging.root.addHandler(self.keeper)
        self.addCleanup(logging.root.removeHandler, self.keeper)
        self.addCleanup(logging.root.setLevel, logging.root.level)
        logging.root.setLevel(1)

    def take(self, name="test"):
        """The records of loggers of this name and below."""
        taken = [r for r in self.keeper.records if r.name.split(".")[0] in (name, "root")]
        self.keeper.records = []
        return taken

    def take_texts(self, name="test"):
        return [record.getMessage() for record in self.take(name)]


def run_map(function, n):
    return list(Pcall.map(function, range(n), max_children=1))


def run_executor(function, n):
    with Pcall.Executor(1) as executor:
        return [executor.submit(function, i).result() for i in range(n)]


async def run_async(function, n):
    return await Pcall.pcall_async(function, iargs=[(i,) for i in range(n)])


def run_pcall(function, n, **options):
    return Pcall.pcall(function, iargs=[(i,) for i in range(n)], options=Options(**options))


WAYS = {
    "pcall": run_pcall,
    "live": lambda f, n: run_pcall(f, n, log_mode=LogMode.LIVE, max_children=1),
    "many a child": lambda f, n: run_pcall(f, n, calls_per_child=0),
    "spawned": lambda f, n: run_pcall(Spawned(f), n, max_children=1),
    "into GLib's log": lambda f, n: run_pcall(f, n, output_mode=Pcall.OutputMode.LOG),
    "asyncio": lambda f, n: asyncio.run(run_async(f, n)),
    "map": run_map,
    "executor": run_executor,
    "in a call": lambda f, n: Pcall.pcall(lambda: run_pcall(f, n))[0],
}


class Records(LoggingTestCase):
    def test_all_that_they_are(self):
        for name, way in WAYS.items():
            with self.subTest(name):
                self.assertEqual(list(way(targets.log_all, 2)), [0, 1])
                records = self.take()
                self.assertEqual(len(records), 14)
                self.check(records[:7], 0)
                self.check(records[7:], 1)

    def check(self, records, n):
        self.assertEqual(
            [(r.name, r.levelno, r.getMessage()) for r in records],
            [
                ("test.of.logging", logging.DEBUG, f"debug {n}"),
                ("test.of.logging", logging.INFO, f"info {n}"),
                ("test", logging.WARNING, f"warning of {n}"),
                ("root", logging.WARNING, "of the root"),
                ("test.of.logging", logging.ERROR, "failed"),
                ("test.of.logging", 35, "between"),
                ("test.of.logging", logging.CRITICAL, "critical"),
            ],
        )
        info, warning, failed = records[1], records[2], records[4]
        self.assertEqual((info.color, info.odd), ("red", "<odd>"))
        self.assertEqual((info.funcName, info.filename), ("log_all", "logging_targets.py"))
        self.assertIn("Stack (most recent call last)", warning.stack_info)
        self.assertRegex(failed.exc_text, rf"(?s)^Traceback .*KeyError: {n}$")
        self.assertRegex(logging.Formatter().format(failed), f"(?s)^failed\nTraceback.*KeyError: {n}$")
        self.assertNotEqual(info.process, os.getpid())

    def test_index_of_the_call(self):
        run_pcall(targets.log_one, 3)
        self.assertEqual([r.pcall_call for r in self.take()], [0, 1, 2])

    def test_order(self):
        """That of the calls, whichever ends first."""
        read, write = os.pipe()

        def work(n):
            if n == 0:
                os.read(read, 1)
            targets.log_one(n)
            if n == 1:
                os.write(write, b"-")

        Pcall.pcall(work, n=range(2))
        self.assertEqual(self.take_texts(), ["only 0", "only 1"])
        os.close(read)
        os.close(write)

    def test_sections(self):
        """There are lines around what a call has logged, and none where it has logged nothing."""
        run_pcall(targets.log_unless_1, 3)
        records = self.keeper.records
        said = [(r.name, r.levelno, r.getMessage().split(" /")[0], r.pcall_call) for r in records]
        begin, end = ">>>> Begin child log", "<<<< End child log"
        self.assertEqual(
            said,
            [
                ("pcall", logging.INFO, begin, 0),
                ("test.of.logging", logging.WARNING, "from 0", 0),
                ("pcall", logging.INFO, end, 0),
                ("pcall", logging.INFO, begin, 2),
                ("test.of.logging", logging.WARNING, "from 2", 2),
                ("pcall", logging.INFO, end, 2),
            ],
        )

    def test_end_of_a_call_that_failed(self):
        def work():
            targets.log_one(1)
            os.abort()

        with self.assertRaises(Pcall.ChildProcessException):
            Pcall.pcall(work)
        texts = [r.getMessage() for r in self.keeper.records]
        self.assertEqual(texts[1], "only 1")
        self.assertRegex(texts[2], r"^call 0 \(work\): killed by signal 6")

    def test_handlers_of_the_parent(self):
        """Each with its own level and filters; a logger that does not propagate keeps it."""
        strict, picky = Keeper(), Keeper()
        strict.setLevel(logging.ERROR)
        picky.addFilter(lambda record: "critical" in record.getMessage())
        logger = logging.getLogger("test.of")
        for handler in strict, picky:
            logger.addHandler(handler)
        logger.propagate = False
        try:
            run_pcall(targets.log_all, 1)
        finally:
            logger.propagate = True
            for handler in strict, picky:
                logger.removeHandler(handler)
        self.assertEqual([r.getMessage() for r in strict.records], ["failed", "critical"])
        self.assertEqual([r.getMessage() for r in picky.records], ["critical"])
        self.assertEqual(self.take_texts(), ["warning of 0", "of the root"])

    def test_levels(self):
        """What the parent does not want is not made in the child, in a fresh process too."""
        for target in targets.log_all, Spawned(targets.log_all):
            logging.root.setLevel(logging.ERROR)
            logging.getLogger("test.of").setLevel(logging.CRITICAL)
            try:
                run_pcall(target, 1)
            finally:
                logging.getLogger("test.of").setLevel(logging.NOTSET)
            self.assertEqual(self.take_texts(), ["critical"])

    def test_queue_handler(self):
        """Which sends it on, as programs of many processes do."""
        records = queue.Queue()
        handler = logging.handlers.QueueHandler(records)
        logging.root.addHandler(handler)
        try:
            run_pcall(targets.log_one, 2)
        finally:
            logging.root.removeHandler(handler)
        texts = [records.get_nowait().getMessage() for _ in range(records.qsize())]
        self.assertEqual([text for text in texts if "child log" not in text], ["only 0", "only 1"])

    def test_assert_logs(self):
        """A handler that a test puts in place of all others, while calls run."""
        with self.assertLogs("test", "INFO") as logs:
            run_pcall(targets.log_one, 2)
        self.assertEqual(logs.output, [f"WARNING:test.of.logging:only {n}" for n in range(2)])

    def test_handler_of_the_call(self):
        self.assertEqual(Pcall.pcall(targets.add_handler), (["to both"],))
        self.assertEqual(self.take_texts(), ["to both"])

    def test_file_of_the_call(self):
        """A handler that a call adds is its own alone where no other takes the record."""
        logger = logging.getLogger("of a file")
        logger.propagate = False

        def work():
            handler = Keeper()
            logger.addHandler(handler)
            logger.warning("mine")
            return [r.getMessage() for r in handler.records]

        self.assertEqual(Pcall.pcall(work), (["mine"],))
        self.assertEqual(self.keeper.records, [])

    def test_thread(self):
        Pcall.pcall(targets.log_in_a_thread)
        (record,) = self.take()
        self.assertEqual((record.getMessage(), record.threadName), ("from a thread", "helper"))

    def test_before_a_crash(self):
        def work():
            targets.log_one(1)
            os.kill(os.getpid(), 9)

        with self.assertRaises(Pcall.ChildProcessException):
            Pcall.pcall(work)
        self.assertEqual(self.take_texts(), ["only 1"])

    def test_much(self):
        def work():
            for i in range(1000):
                targets.logger.info("%d %s", i, "x" * 1000)
            targets.logger.info("x" * (1 << 20))

        Pcall.pcall(work)
        texts = self.take_texts()
        self.assertEqual([text.split()[0] for text in texts[:-1]], [*map(str, range(1000))])
        self.assertEqual(len(texts[-1]), 1 << 20)

    def test_as_it_comes(self):
        """Before the call has ended."""
        read, write = os.pipe()

        def work():
            targets.log_one(7)
            os.read(read, 1)

        class Opener(logging.Handler):
            def emit(self, record):
                if record.getMessage() == "only 7":
                    os.write(write, b"-")

        handler = Opener()
        logging.root.addHandler(handler)
        try:
            Pcall.pcall(work, timeout=60, options=Options(log_mode=LogMode.LIVE))
        finally:
            logging.root.removeHandler(handler)
        os.close(read)
        os.close(write)

    def test_nothing_captured(self):
        """Then a child's handlers are called where it is."""
        source = """
            import logging
            logging.basicConfig(format="%(process)d %(message)s")
            def work():
                logging.warning("said")
                import os
                return os.getpid()
            print(*Pcall.pcall(work, options=Pcall.Options(log_mode=Pcall.LogMode.INHERIT)))
            """
        program = run_program(source)
        self.assertEqual(program.stderr, f"{program.stdout.strip()} said\n")

    def test_without_handlers(self):
        """As the parent does with what it logs itself."""
        program = run_program(
            """
            import logging
            def work():
                logging.getLogger("a").warning("said")
                logging.getLogger("a").info("not said")
            work()
            Pcall.pcall(work)
            """
        )
        self.assertEqual((program.stdout, program.stderr), ("", "said\nsaid\n"))

    def test_kept_handlers_are_not_called(self):
        """Neither is what they have written to, or hold, touched in the child."""
        program = run_program(
            """
            import logging, os, sys
            class Handler(logging.Handler):
                def emit(self, record):
                    os.write(1, b"%d\\n" % (os.getpid() == parent))
            parent = os.getpid()
            logging.root.addHandler(Handler())
            Pcall.pcall(lambda: logging.warning("said"))
            """
        )
        self.assertEqual((program.stdout, program.stderr), ("1\n", ""))

    def test_glib(self):
        """Records of GLib's log stay what they are, beside those of logging."""
        program = run_program(
            """
            import logging
            logging.basicConfig(level=logging.INFO, format="%(name)s: %(message)s")
            def work():
                logging.info("first")
                GLib.log_variant("Own", GLib.LogLevelFlags.LEVEL_WARNING,
                                 GLib.Variant("a{sv}", {"MESSAGE": GLib.Variant("s", "second")}))
                logging.info("third")
            Pcall.pcall(work)
            """,
            env={k: v for k, v in os.environ.items() if k not in ("G_DEBUG", "PYTHONUNBUFFERED")},
        )
        self.assertRegex(
            program.stderr,
            r"^pcall: >>>> Begin child log /.*\nroot: first\n\n.*Own-WARNING.*: second\n"
            r"root: third\npcall: <<<< End child log /.*\n$",
        )


class Mistakes(LoggingTestCase):
    def test_bad_records(self):
        """They are said as `logging` says it, and cost no call its result."""
        program = run_program(
            """
            import logging_targets, logging
            logging.basicConfig()
            print(Pcall.pcall(logging_targets.log_badly))
            """,
            cwd=os.path.dirname(__file__),
        )
        self.assertEqual(program.stdout, "(None,)\n")
        self.assertEqual(program.stderr.count("--- Logging error ---"), 2)
        self.assertIn("WARNING:test.of.logging:good", program.stderr)

    def test_handler_that_raises(self):
        class Handler(logging.Handler):
            def handle(self, record):
                raise LookupError("in the parent")

        program = run_program(
            """
            import logging
            class Handler(logging.Handler):
                def handle(self, record):
                    raise LookupError("in the parent")
            logging.root.addHandler(Handler())
            print(Pcall.pcall(lambda: logging.warning("said")))
            """
        )
        self.assertEqual(program.stdout, "(None,)\n")
        self.assertIn("LookupError: in the parent", program.stderr)

    def test_class_that_is_not_known_here(self):
        """Of a value that a record has, in a fresh process: the message is there all the same."""

        def work():
            class Local:
                def __reduce__(self):
                    return (__import__, ("no_such_module",))

            targets.logger.warning("said", extra={"local": Local()})

        Pcall.pcall(work)
        self.assertIn("said", [r.getMessage() for r in self.keeper.records])

    def test_lock_that_is_held(self):
        """By another thread of the parent's: nobody waits for it, and all arrives in its order."""
        held, let_go = threading.Event(), threading.Event()

        def hold():
            with self.keeper.lock:
                held.set()
                let_go.wait()

        thread = threading.Thread(target=hold)
        thread.start()
        held.wait()
        try:
            self.assertEqual(Pcall.pcall(targets.log_one, n=range(3), timeout=60), (0, 1, 2))
            self.assertEqual(self.keeper.records, [])
        finally:
            let_go.set()
            thread.join()
        for thread in threading.enumerate():
            if thread.name == "pcall-logging":
                thread.join()
        self.assertEqual(self.take_texts(), ["only 0", "only 1", "only 2"])


class Warnings(LoggingTestCase):
    def test_shown_by_the_parent(self):
        for name, way in WAYS.items():
            with self.subTest(name), warnings.catch_warnings(record=True) as caught:
                warnings.simplefilter("always")
                way(targets.warn, 1)
            if name == "spawned":  # with filters of its own
                continue
            seen = [(str(w.message), w.category, os.path.basename(w.filename)) for w in caught]
            self.assertEqual(
                seen,
                [
                    ("careful", UserWarning, "logging_targets.py"),
                    ("odd", targets.Odd, "logging_targets.py"),
                    ("elsewhere", DeprecationWarning, "file.py"),
                ],
                name,
            )

    def test_captured_as_records(self):
        logging.captureWarnings(True)
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("always")
                Pcall.pcall(targets.warn, n=(1,))
        finally:
            logging.captureWarnings(False)
        records = self.take("py")
        self.assertEqual([r.name for r in records], ["py.warnings"] * 3)
        self.assertIn("UserWarning: careful", records[0].getMessage())
        self.assertNotEqual(records[0].process, os.getpid())

    def test_as_errors(self):
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            self.assertRaisesFromChild(UserWarning, Pcall.pcall, targets.warn, n=(1,))

    def test_printed(self):
        """By who does not care, as the parent prints its own."""
        program = run_program(
            """
            import warnings
            def work():
                warnings.warn("careful")
            Pcall.pcall(work)
            Pcall.pcall(work, options=Pcall.Options(log_mode=Pcall.LogMode.INHERIT))
            """
        )
        self.assertEqual(program.stdout, "")
        lines = [line for line in program.stderr.splitlines() if "careful" in line]
        self.assertEqual([re.sub(r"^.*:\d+: ", "", line) for line in lines], ["UserWarning: careful"] * 2)


if __name__ == "__main__":
    unittest.main()
