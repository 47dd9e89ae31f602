# SPDX-FileCopyrightText: 2026 The pcall authors
# SPDX-License-Identifier: LGPL-2.1-or-later

"""Functions on other machines, for which this one stands in: an agent runs what it would there."""

import asyncio
import os
import pickle
import signal
import socket
import sys
import tempfile
import unittest

from support import GLib, Pcall, TestCase

pcall = Pcall.pcall

try:
    import cloudpickle
except ImportError:
    cloudpickle = None


def square(n):
    return n * n


def add(x, y=0, z=0):
    return x + y + z


def fail(n):
    raise LookupError("there", n)


def get_place():
    return os.getpid(), os.getppid(), os.getcwd()


def kill_parent_once(path, n):
    try:
        os.close(os.open(path, os.O_CREAT | os.O_EXCL))
    except FileExistsError:
        return n
    os.kill(os.getppid(), signal.SIGKILL)
    signal.pause()


async def wait(n):
    await asyncio.sleep(0.01)
    return n


def make_launcher(n_workers=2):
    return Pcall.Launcher.new(["{agent}"], n_workers, Pcall.LauncherTransport.STREAMS)


class LauncherCase(TestCase):
    n_workers = 2

    def setUp(self):
        super().setUp()
        self.launcher = make_launcher(self.n_workers)

    def tearDown(self):
        self.launcher.close()
        super().tearDown()


class Launchers(LauncherCase):
    def test_call(self):
        self.assertEqual(pcall(square, n=range(5), launcher=self.launcher), (0, 1, 4, 9, 16))

    def test_arguments(self):
        results = pcall(
            add, cargs=(1,), iargs=((2,), (3,)), ikwargs=({"z": 4}, {}), launcher=self.launcher
        )
        self.assertEqual(results, (7, 4))

    def test_options(self):
        options = Pcall.Options(launcher=self.launcher, calls_per_child=1)
        self.assertEqual(pcall(square, n=(2, 3), options=options), (4, 9))
        task = Pcall.Pcall(square, n=(2,), options=options, launcher=self.launcher)
        self.assertIs(task.task.get_launcher(), self.launcher)

    def test_several_targets(self):
        results = pcall([square, Pcall.Spawned(add)], iargs=((3,), (4,)), launcher=self.launcher)
        self.assertEqual(results, (9, 4))

    def test_host(self):
        task = Pcall.Pcall(square, n=(1, 2), launcher=self.launcher)
        task.start()
        task.join()
        self.assertEqual({call.get_host() for call in task}, {socket.gethostname()})
        self.assertEqual({child.get_host() for child in task.childs}, {socket.gethostname()})

    def test_exception(self):
        with self.assertRaises(Pcall.ChildProcessException) as caught:
            pcall(fail, n=(7,), launcher=self.launcher)
        self.assertEqual(caught.exception.__cause__.args, ("there", 7))

    def test_coroutine(self):
        self.assertEqual(pcall(wait, n=(1, 2), launcher=self.launcher), (1, 2))

    def test_await(self):
        async def run():
            return await Pcall.pcall_async(square, n=(2, 3), launcher=self.launcher)

        self.assertEqual(asyncio.run(run()), (4, 9))

    def test_same_agents(self):
        parents = [pcall(get_place, launcher=self.launcher)[0][1] for _ in range(3)]
        self.assertEqual(len(set(parents)), 1)

    def test_directory(self):
        self.launcher.set_working_directory("/usr")
        self.assertEqual(pcall(get_place, launcher=self.launcher)[0][2], "/usr")

    def test_lost(self):
        with tempfile.TemporaryDirectory() as directory:
            path = os.path.join(directory, "once")
            with self.assertRaisesRegex(Pcall.ChildProcessException, "connection was lost"):
                pcall(kill_parent_once, cargs=(path,), n=(1,), launcher=self.launcher)
            os.unlink(path)
            task = Pcall.Task.new(Pcall.Target.new(None, int))
            task.set_retries(3)
            self.assertEqual(task.get_retries(), 3)

    def test_retried(self):
        with tempfile.TemporaryDirectory() as directory:
            path = os.path.join(directory, "once")
            task = Pcall.Pcall(kill_parent_once, cargs=(path,), n=(1, 2), launcher=self.launcher)
            task.task.set_retries(1)
            task.start()
            task.join()
            self.assertEqual(task.results, (1, 2))


class ByValue(LauncherCase):
    n_workers = 1

    @unittest.skipUnless(cloudpickle, "cloudpickle is not installed (Debian: python3-cloudpickle)")
    def test_lambda(self):
        offset = 5
        results = pcall(lambda n: n + offset, n=(1, 2), launcher=self.launcher)
        self.assertEqual(results, (6, 7))

    def test_other_version(self):
        from gi.overrides._pcall import launching

        with self.assertRaisesRegex(RuntimeError, "from Python 2.7, and this is"):
            launching.load_by_value((2, 7), b"")
        self.assertEqual(launching.load_by_value(launching.VERSION, pickle.dumps(5)), 5)

    def test_not_installed(self):
        sys.modules["cloudpickle"] = None
        try:
            with self.assertRaisesRegex(pickle.PicklingError, "target of call 0.*cloudpickle"):
                pcall(lambda n: n, n=(1,), launcher=self.launcher)
            with self.assertRaisesRegex(pickle.PicklingError, "argument 'n' of call 0"):
                pcall(square, n=(lambda: 1,), launcher=self.launcher)
        finally:
            del sys.modules["cloudpickle"]


class Mistakes(TestCase):
    def test_list_is_an_argument(self):
        def tell(launcher):
            return launcher

        self.assertEqual(pcall(tell, launcher=("a", "b")), ("a", "b"))

    def test_no_launcher(self):
        with self.assertRaisesRegex(TypeError, "launcher must be a Pcall.Launcher, not str"):
            Pcall.Options(launcher="slurm:40")

    def test_constructors(self):
        launcher = Pcall.Launcher.slurm(4, "--partition=x")
        self.assertEqual(
            launcher.get_command(), ["srun", "--export=ALL", "-n{n}", "--partition=x"]
        )
        launcher = Pcall.Launcher.ssh("a", "3/b", options=["-p2222"])
        self.assertEqual(launcher.get_n_workers(), 4)
        self.assertEqual(launcher.get_command()[:2], ["ssh", "-p2222"])
        with self.assertRaisesRegex(GLib.Error, "no number of workers"):
            Pcall.Launcher.new_for_string("slurm:x")

    def test_none_to_start(self):
        """Whoever calls by them, it is an error that names the thing."""
        streams = Pcall.LauncherTransport.STREAMS
        for text, launcher in (
            ("there are no hosts", Pcall.Launcher.ssh()),
            ("its command is empty", Pcall.Launcher.new([], 1, streams)),
            ("nonesuch: not found in PATH", Pcall.Launcher.new(["nonesuch"], 1, streams)),
        ):
            for call in (
                lambda launcher: pcall(square, n=(1,), launcher=launcher),
                lambda launcher: [*Pcall.map(square, (1,), launcher=launcher)],
                lambda launcher: Pcall.Executor(launcher=launcher).submit(square, 1).result(60),
            ):
                with self.assertRaisesRegex(RuntimeError, text):
                    call(launcher)

    def test_nobody_comes(self):
        launcher = Pcall.Launcher.new(["false"], 1, Pcall.LauncherTransport.STREAMS)
        with self.assertRaisesRegex(Pcall.ChildProcessException, "exited with status 1 before"):
            pcall(square, n=(1, 2), launcher=launcher)

    def test_callback(self):
        task = Pcall.Task.new(Pcall.Target.new(None, lambda args, kwargs: None))
        task.set_launcher(make_launcher())
        with self.assertRaisesRegex(GLib.Error, "not there on another machine"):
            task.start()


if __name__ == "__main__":
    unittest.main()
