# SPDX-FileCopyrightText: 2026 The pcall authors
# SPDX-License-Identifier: LGPL-2.1-or-later

"""Children as processes of `multiprocessing`: here, and as they know themselves."""

import errno
import logging
import multiprocessing
import multiprocessing.connection
import os
import signal
import sys
import threading
import time
import unittest

from support import Pcall, TestCase, is_alive, run_program

PATIENCE = 60


def who():
    own, parent = multiprocessing.current_process(), multiprocessing.parent_process()
    return own.name, own.pid, parent.name, parent.pid, parent.is_alive()


def wait(file, *_):
    """Until the parent ends it."""
    os.read(file, 1)


class Pipe(TestCase):
    """With a pipe that says nothing."""

    def setUp(self):
        super().setUp()
        self.never, self.silent = os.pipe()

    def tearDown(self):
        os.close(self.never)
        os.close(self.silent)
        super().tearDown()

    def start(self, n_calls=3, target=wait, **options):
        p = Pcall.Pcall(
            target, cargs=(self.never,), iargs=[(i,) for i in range(n_calls)], **options
        )
        p.start()
        return p


class Children(Pipe):
    def test_terminate(self):
        """One, and no other."""
        with self.start() as p:
            child = p.childs[1]
            self.assertTrue(child.is_alive())
            self.assertIsNone(child.exitcode)
            child.terminate()
            child.join()
            self.assertFalse(child.is_alive())
            self.assertEqual(child.exitcode, -signal.SIGTERM)
            self.assertEqual(p[1].state, Pcall.CallState.CANCELLED)
            self.assertIs(type(p[1].exception()), Pcall.Cancelled)
            self.assertFalse(p[0].done() or p[2].done())
            child.terminate()
            child.kill()

    def test_kill(self):
        def stay(file, _):
            signal.signal(signal.SIGTERM, signal.SIG_IGN)
            Pcall.report_progress(0.5)
            os.read(file, 1)

        options = Pcall.Options(grace_period=float("inf"))
        with self.start(1, stay, options=options) as p:
            while p[0].get_progress() < 0.5:
                p.childs[0].join(0.01)
            child = p.childs[0]
            child.terminate()
            child.join(0.05)
            self.assertTrue(child.is_alive())
            child.kill()
            child.join()
            self.assertEqual(child.exitcode, -signal.SIGKILL)
            self.assertIs(type(p[0].exception()), Pcall.Cancelled)

    def test_children_that_stay(self):
        """What the child was to do besides, another one does."""
        options = Pcall.Options(calls_per_child=0, max_children=1)
        with self.start(4, lambda file, i: i or os.read(file, 1), options=options) as p:
            while p[0].state != Pcall.CallState.RUNNING:
                time.sleep(0.001)
            (child,) = p.childs
            child.terminate()
            with self.assertRaises(Pcall.Cancelled) as raised:
                p.join()
            self.assertEqual(raised.exception.call, 0)
            self.assertEqual([call.result() for call in [*p][1:]], [1, 2, 3])
            self.assertFalse(child.is_alive())

    def test_join(self):
        with self.start() as p:
            child = p.childs[0]
            begun = time.monotonic()
            child.join(0.05)
            self.assertGreaterEqual(time.monotonic() - begun, 0.05)
            child.join(0)
            self.assertTrue(child.is_alive())
            p.terminate()
            for child in p.childs:
                child.join(PATIENCE)
                self.assertIsNotNone(child.exitcode)

    def test_join_drives(self):
        """A child that fills its pipes is read meanwhile, also where another thread joins all."""
        p = Pcall.Pcall([lambda: b"x" * 60000, lambda: [Pcall.send_message(b"x" * 50000)] * 20])
        p.start()
        thread = threading.Thread(target=p.join)
        thread.start()
        for child in p.childs:
            child.join()
            self.assertEqual(child.exitcode, 0)
        thread.join()

    def test_sentinel(self):
        with self.start() as p:
            children = p.childs
            sentinels = [child.sentinel for child in children]
            self.assertEqual(sentinels, [child.sentinel for child in children])
            self.assertEqual(multiprocessing.connection.wait(sentinels, 0), [])
            children[2].kill()
            ready = multiprocessing.connection.wait(sentinels, PATIENCE)
            self.assertEqual(ready, [sentinels[2]])
            children[2].join()
            self.assertEqual(multiprocessing.connection.wait(sentinels, 0), [sentinels[2]])
        self.assertEqual(len(multiprocessing.connection.wait(sentinels, PATIENCE)), 3)
        del children

    def test_sentinel_of_one_that_has_ended(self):
        p = Pcall.Pcall(int)
        p.start()
        p.join()
        (child,) = p.childs
        self.assertEqual(multiprocessing.connection.wait([child.sentinel], 0), [child.sentinel])

    def test_names(self):
        p = Pcall.Pcall(who, iargs=[()] * 3)
        p.start()
        names = [child.name for child in p.childs]
        idents = [child.ident for child in p.childs]
        self.assertRegex(repr(p.childs[0]), r"<Child Pcall-\d+: (running|exitcode 0)>")
        p.join()
        self.assertEqual(names, [name for name, *_ in p.results])
        self.assertEqual(idents, [pid for _, pid, *_ in p.results])
        self.assertEqual(repr(p.childs[1]), f"<Child {names[1]}: exitcode 0>")

    def test_when_the_task_is_gone(self):
        p = self.start(1)
        (child,) = p.childs
        pid = child.pid
        p.task.run_dispose()
        child.terminate()
        child.kill()
        child.join(0)
        self.assertFalse(child.is_alive())
        until = time.monotonic() + PATIENCE
        while is_alive(pid):
            self.assertLess(time.monotonic(), until)

    def test_wrong(self):
        p = self.start(1)
        with p:
            for timeout, kind in (("1", TypeError), (float("nan"), ValueError), ([], TypeError)):
                with self.subTest(timeout), self.assertRaisesRegex(
                    kind, "timeout must be a number"
                ):
                    p.childs[0].join(timeout)
            with self.assertRaises(AttributeError):
                p.childs[0].name = "x"
            with self.assertRaises(AttributeError):
                p.childs[0].sentinel = 5


class Identity(TestCase):
    def check(self, results):
        own = multiprocessing.current_process()
        for name, pid, *parent in results:
            self.assertEqual(name, f"Pcall-{pid}")
            self.assertNotEqual(pid, os.getpid())
            self.assertEqual(parent, [own.name, os.getpid(), True])

    def test_everywhere(self):
        self.check(Pcall.pcall(who, iargs=[()] * 2))
        self.check(Pcall.pcall(who, iargs=[()] * 5, options=Pcall.Options(calls_per_child=0)))
        self.check(Pcall.map(lambda _: who(), range(5)))
        self.check(Pcall.pcall(Pcall.Spawned(who)))
        with Pcall.Executor(1) as executor:
            self.check([executor.submit(who).result()])
        own = multiprocessing.current_process()
        self.assertEqual(own.name, "MainProcess")
        self.assertIsNone(multiprocessing.parent_process())

    def test_name_of_the_parent(self):
        own = multiprocessing.current_process()
        own.name, before = "renamed", own.name
        try:
            self.check(Pcall.pcall(who) + Pcall.pcall(Pcall.Spawned(who)))
        finally:
            own.name = before
        self.check(Pcall.pcall(who))

    def test_nested(self):
        """A child of a child, of multiprocessing within, and the other way round."""

        def outer():
            (inner,) = Pcall.pcall(who)
            return inner, who()

        (((inner, middle),)) = Pcall.pcall(outer)
        self.assertEqual(inner[2:4], middle[:2])
        self.check([middle])

        def start():
            queue = multiprocessing.get_context("fork").SimpleQueue()
            process = multiprocessing.get_context("fork").Process(target=lambda: queue.put(who()))
            process.start()
            process.join()
            return queue.get(), who()

        ((process, middle),) = Pcall.pcall(start)
        self.assertEqual(process[2:4], middle[:2])
        self.assertEqual(process[0], f"ForkProcess-{middle[1]}:1")

        queue = multiprocessing.get_context("fork").SimpleQueue()
        process = multiprocessing.get_context("fork").Process(
            target=lambda: queue.put((Pcall.pcall(who)[0], who()))
        )
        process.start()
        process.join()
        inner, middle = queue.get()
        self.assertEqual(inner[2:4], middle[:2])
        queue.close()

    def test_process_object(self):
        def ask():
            own = multiprocessing.current_process()
            before = own.name
            own.name = "other"
            facts = own.is_alive(), own.daemon, own.exitcode, len(own.authkey), repr(own)
            return before, own.name, *facts

        before, name, alive, daemon, exitcode, n, text = Pcall.pcall(ask)[0]
        self.assertTrue(before.startswith("Pcall-"))
        self.assertEqual((name, alive, daemon, exitcode, n), ("other", True, False, None, 32))
        self.assertEqual(text, f"<Process name='other' parent={os.getpid()} started>")

    def test_parent_that_dies(self):
        """Its sentinel says so, to what has outlived it, as a daemon that closes what it has does."""
        done = run_program(
            """
            import multiprocessing, os, signal, sys
            read, write = os.pipe()
            def watch():
                parent = multiprocessing.parent_process()
                fd = parent._sentinel
                if os.fork() == 0:
                    os.setsid()
                    os.closerange(3, min(fd, write))
                    os.closerange(min(fd, write) + 1, max(fd, write))
                    os.closerange(max(fd, write) + 1, 1024)
                    print(parent.pid, parent.is_alive(), file=sys.__stderr__, flush=True)
                    os.write(write, b"-")
                    parent.join(60)
                    print("gone:", not parent.is_alive(), file=sys.__stderr__, flush=True)
                    os._exit(0)
                import time
                time.sleep(60)
            p = Pcall.Pcall(watch, options=Pcall.Options(log_mode=Pcall.LogMode.INHERIT))
            p.start()
            os.read(read, 1)
            print(os.getpid(), flush=True)
            os.kill(os.getpid(), signal.SIGKILL)
        """
        )
        pid = done.stdout.strip()
        self.assertEqual(done.stderr.split("\n")[:2], [f"{pid} True", "gone: True"])

    def test_logging(self):
        def name():
            record = logging.getLogger().makeRecord("a", 20, "b", 1, "c", (), None)
            return record.processName, os.getpid()

        ((name, pid),) = Pcall.pcall(name)
        self.assertEqual(name, f"Pcall-{pid}")

    def test_descriptors_run_out(self):
        """Without one for the sentinel it is an error, and no wrong answer."""
        import resource

        def ask():
            resource.setrlimit(resource.RLIMIT_NOFILE, (3, 3))
            try:
                multiprocessing.parent_process().is_alive()
            except OSError as error:
                return error.errno

        self.assertEqual(Pcall.pcall(ask), (errno.EMFILE,))


if __name__ == "__main__":
    sys.exit(unittest.main())
