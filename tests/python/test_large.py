# SPDX-FileCopyrightText: 2026 The pcall authors
# SPDX-License-Identifier: LGPL-2.1-or-later

"""Large results and arguments: bytes, and buffers that do not go with their pickle."""

import gc
import os
import pickle
import resource
import threading
import unittest

from gi.repository import Gio
from support import GLib, Gates, Pcall, TestCase, run_program

try:
    import numpy
except ImportError:
    numpy = None

pcall = Pcall.pcall
needs_numpy = unittest.skipIf(numpy is None, "there is no NumPy")

LARGE = 65536


def count_mappings():
    with open("/proc/self/maps", encoding="ascii", errors="replace") as maps:
        return sum("/memfd:pcall (deleted)" in line for line in maps)


def count_up(size):
    return bytes(i & 255 for i in range(256)) * (size // 256 + 1)


class Image:
    """What has a buffer, as NumPy's arrays do: it comes out of whatever it went into."""

    def __init__(self, pixels):
        self.pixels = memoryview(pixels)

    def __reduce_ex__(self, protocol):
        return Image, (pickle.PickleBuffer(self.pixels),)


def give_bytes(size):
    return count_up(size)[:size]


def give_image(size):
    return Image(bytearray(give_bytes(size)))


class Bytes(TestCase):
    def test_sizes(self):
        sizes = (0, 1, LARGE - 1, LARGE, LARGE + 1, LARGE + 63)
        sizes += ((1 << 20) - 1, 1 << 20, (3 << 20) + 7)
        for kind in (bytes, bytearray):
            for size, result in zip(sizes, pcall(lambda n: kind(give_bytes(n)), n=sizes)):
                with self.subTest(f"{kind.__name__} of {size}"):
                    self.assertIs(type(result), kind)
                    self.assertEqual(result, give_bytes(size))

    def test_nothing_is_kept(self):
        result = pcall(lambda: give_bytes(1 << 20))
        self.assertEqual(count_mappings(), 0)
        self.assertEqual(len(result[0]), 1 << 20)

    def test_subclass(self):
        class Name(bytes):
            pass

        globals()["Name"] = Name
        Name.__qualname__ = "Name"
        (result,) = pcall(lambda: Name(give_bytes(LARGE)))
        self.assertIs(type(result), Name)
        self.assertEqual(result, give_bytes(LARGE))

    def test_inside(self):
        (result,) = pcall(lambda: [give_bytes(LARGE), {"a": bytearray(give_bytes(LARGE * 2))}])
        self.assertEqual(result, [give_bytes(LARGE), {"a": give_bytes(LARGE * 2)}])

    def test_written_to(self):
        (result,) = pcall(lambda: bytearray(LARGE))
        result[0] = 7
        result.append(8)
        self.assertEqual((result[0], len(result)), (7, LARGE + 1))


class Buffers(TestCase):
    def test_sizes(self):
        for size in (0, 1, LARGE - 1, LARGE, LARGE + 1, 1 << 20):
            with self.subTest(size):
                (result,) = pcall(lambda: give_image(size))
                self.assertEqual(result.pixels, give_bytes(size))
                self.assertFalse(result.pixels.readonly)

    def test_it_is_mapped(self):
        (small,) = pcall(lambda: give_image(LARGE - 1))
        self.assertEqual(count_mappings(), 0)
        (image,) = pcall(lambda: give_image(LARGE))
        self.assertEqual(count_mappings(), 1)
        self.assertEqual(len(small.pixels) + 1, len(image.pixels))
        del image
        gc.collect()
        self.assertEqual(count_mappings(), 0)

    def test_some_small_some_large(self):
        sizes = (10, LARGE, 3, LARGE * 4 + 1, LARGE - 1, LARGE + 5)
        (result,) = pcall(lambda: {n: give_image(n) for n in sizes})
        for size in sizes:
            self.assertEqual(result[size].pixels, give_bytes(size))

    def test_the_same_twice(self):
        def give():
            image = give_image(LARGE)
            return image, image

        ((first, second),) = pcall(give)
        self.assertIs(first, second)

    def test_read_only(self):
        (result,) = pcall(lambda: Image(give_bytes(LARGE)))
        self.assertTrue(result.pixels.readonly)
        self.assertEqual(result.pixels, give_bytes(LARGE))

    def test_with_gaps(self):
        """As with `pickle` alone."""
        image = Image(memoryview(bytes(4 * LARGE))[::2])
        with self.assertRaises(pickle.PicklingError) as raised:
            pickle.dumps(image, 5)
        _, cause = self.assertRaisesFromChild(pickle.PicklingError, pcall, lambda: image)
        self.assertEqual(str(cause), str(raised.exception))

    def test_with_large_pickle(self):
        (result,) = pcall(lambda: (list(range(100000)), give_image(LARGE)))
        self.assertEqual(result[0], list(range(100000)))
        self.assertEqual(result[1].pixels, give_bytes(LARGE))

    def test_each_load_has_its_own(self):
        task = Pcall.Pcall(lambda: give_image(LARGE))
        task.start()
        task.join()
        first = task[0].result()
        first.pixels[:] = bytes(LARGE)
        second = task[0].result()
        self.assertEqual(second.pixels, give_bytes(LARGE))
        self.assertEqual(task.results[0].pixels, give_bytes(LARGE))
        self.assertEqual(first.pixels, bytes(LARGE))

    def test_outlives_its_task(self):
        images = [pcall(lambda: give_image(LARGE))[0] for _ in range(3)]
        gc.collect()
        for image in images:
            self.assertEqual(image.pixels, give_bytes(LARGE))

    def test_unpickling_fails(self):
        with self.assertRaises(Pcall.ChildProcessException):
            pcall(lambda: (Bomb(), give_image(LARGE)))

    def test_pickling_fails(self):
        error, _ = self.assertRaisesFromChild(
            TypeError, pcall, lambda: (give_image(LARGE), os.scandir("/"))
        )
        self.assertIn("cannot be pickled", str(error))

    def test_by_an_executor(self):
        with Pcall.Executor() as executor:
            future = executor.submit(give_image, LARGE)
            self.assertEqual(future.result().pixels, give_bytes(LARGE))
            self.assertEqual(executor.submit(give_bytes, LARGE).result(), give_bytes(LARGE))
            for size in range(LARGE - 30, LARGE + 1):  # some with a pickle that is large
                self.assertEqual(executor.submit(give_bytes, size).result(), give_bytes(size))

    def test_in_fresh_processes(self):
        results = pcall(Pcall.Spawned(give_image), size=(LARGE, 10, LARGE * 2))
        self.assertEqual([len(image.pixels) for image in results], [LARGE, 10, LARGE * 2])
        results = pcall(Pcall.Spawned(give_bytes), size=(LARGE, 10, LARGE * 2))
        self.assertEqual(results, tuple(map(give_bytes, (LARGE, 10, LARGE * 2))))

    def test_in_children_that_run_many(self):
        task = Pcall.Pcall(lambda n: give_image(n), n=[LARGE, 5, LARGE + 1] * 5)
        task.task.set_calls_per_child(0)
        task.start()
        task.join()
        for size, result in zip([LARGE, 5, LARGE + 1] * 5, task.results):
            self.assertEqual(result.pixels, give_bytes(size))


class Arguments(TestCase):
    """Of an executor's child that is there already."""

    def send(self, value):
        with Pcall.Executor(max_workers=1) as executor:
            executor.submit(int).result()
            results = [executor.submit(give_back, value).result()]
            results += executor.map(give_back, [0, value])
        results += Pcall.map(give_back, [0, 0, value], max_children=1)
        self.assertEqual(results[1], 0)
        return [results[i] for i in (0, 2, 5)]

    def test_sizes(self):
        kinds = (bytes, bytearray, lambda data: data.decode("latin-1"), lambda data: [data])
        for size in (0, 1, LARGE - 200, LARGE - 1, LARGE, LARGE + 1, (3 << 20) + 7):
            for kind in kinds:
                value = kind(give_bytes(size))
                for received in self.send(value):
                    with self.subTest(f"{type(value).__name__} of {size}"):
                        self.assertIs(type(received), type(value))
                        self.assertTrue(received == value)

    def test_buffers(self):
        """With others before and behind, of all sizes."""
        sizes = (LARGE, 10, 2 * LARGE + 1, 0, LARGE - 1)
        value = [(give_image(size), give_bytes(size)) for size in sizes]
        for received in self.send(value):
            for size, (image, data) in zip(sizes, received):
                self.assertEqual(image.pixels, give_bytes(size))
                self.assertEqual(data, give_bytes(size))

    @needs_numpy
    def test_arrays(self):
        def add(array):
            array += 1
            return array

        array = numpy.arange(100000)
        with Pcall.Executor(max_workers=1) as executor:
            for _ in range(3):
                self.assertTrue((executor.submit(add, array).result() == array + 1).all())
            array.flags.writeable = False
            self.assertFalse(executor.submit(give_back, array).result().flags.writeable)
            with self.assertRaises(ValueError):
                executor.submit(add, array).result()

    def test_one_copy(self):
        """In the parent there is what it has itself, and what the child maps."""
        program = run_program(
            """
            def get(name):
                with open("/proc/self/status", encoding="ascii", errors="replace") as status:
                    (line,) = (line for line in status if line.startswith(name))
                return int(line.split()[1]) * 1024
            executor = Pcall.Executor(max_workers=1)
            executor.submit(int).result()
            size = 64 << 20
            for value in (b"x" * size, [b"x" * size]):
                before = get("VmHWM")
                executor.submit(len, value).result()
                assert before >= size and get("VmHWM") - before < size // 4, get("VmHWM") - before
            print("done")
            """
        )
        self.assertEqual((program.stdout, program.stderr), ("done\n", ""))

    def test_no_file_may_be_large(self):
        """A fresh child inherits what cannot be sent."""
        program = run_program(
            """
            import resource
            with Pcall.Executor(max_workers=1) as executor:
                executor.submit(int).result()
                resource.setrlimit(resource.RLIMIT_FSIZE, (1000, resource.RLIM_INFINITY))
                print(executor.submit(len, b"x" * 100000).result())
                print(*executor.map(len, [b"x" * 100000, b""]))
            """
        )
        self.assertEqual((program.stdout, program.stderr), ("100000\n100000 0\n", ""))

    def test_taken_back(self):
        """Of what two children were given ahead, one does all while the other one is busy."""
        with Gates(1, 0) as gates, Pcall.Executor(max_workers=2) as executor:
            [*executor.map(int, range(1000))]
            waits = [executor.submit(gates.wait, index) for index in range(2)]
            lengths = [executor.submit(len, give_bytes(LARGE)) for _ in range(4)]
            self.assertEqual(waits[1].result(), 1)
            self.assertEqual([future.result() for future in lengths], [LARGE] * 4)
            self.assertFalse(waits[0].done())
            gates.open_next()
            self.assertEqual(waits[0].result(), 0)

    def test_that_cannot_be_pickled(self):
        """Nothing is left of what was written until then."""
        lock = threading.Lock()
        with Pcall.Executor(max_workers=1) as executor:
            executor.submit(int).result()
            future = executor.submit(lambda data, lock: len(data), give_bytes(LARGE), lock)
            self.assertEqual(future.result(), LARGE)


def give_back(value):
    return value


class Bomb:
    def __reduce__(self):
        return int, ("x",)


class Limits(TestCase):
    def test_no_file_may_be_large(self):
        def give(make):
            resource.setrlimit(resource.RLIMIT_FSIZE, (1000, resource.RLIM_INFINITY))
            return make(LARGE)

        result, image = pcall(give, make=(give_bytes, give_image))
        self.assertEqual(result, give_bytes(LARGE))
        self.assertEqual(image.pixels, give_bytes(LARGE))
        self.assertEqual(count_mappings(), 0)

    def test_no_descriptor_is_left_in_the_child(self):
        def give(make):
            first = os.dup(0)
            os.close(first)
            resource.setrlimit(resource.RLIMIT_NOFILE, (first, first))
            return make(LARGE)

        result, image = pcall(give, make=(give_bytes, give_image))
        self.assertEqual(result, give_bytes(LARGE))
        self.assertEqual(image.pixels, give_bytes(LARGE))

    def test_more_results_than_descriptors(self):
        done = run_program(
            """
            import pickle, resource
            class Image:
                def __init__(self, pixels):
                    self.pixels = pixels
                def __reduce_ex__(self, protocol):
                    return Image, (pickle.PickleBuffer(self.pixels),)
            resource.setrlimit(resource.RLIMIT_NOFILE, (64, 64))
            task = Pcall.Pcall(lambda n: Image(bytearray(n)), n=range(65536, 65536 + 300))
            task.task.set_max_children(8)
            task.start()
            task.join()
            print([len(image.pixels) for image in task.results] == list(range(65536, 65536 + 300)))
            """
        )
        self.assertEqual((done.stdout, done.stderr), ("True\n", ""))


class Handles(TestCase):
    @staticmethod
    def open_pipe(text):
        read_fd, write_fd = os.pipe()
        os.write(write_fd, text)
        handles = Gio.UnixFDList.new_from_array([read_fd])
        os.close(write_fd)
        return handles

    def read(self, handles):
        with open(handles.get(0), "rb") as pipe:
            self.assertEqual(pipe.read(), b"text")

    def test_of_a_result(self):
        def give():
            Pcall.set_result_fd_list(self.open_pipe(b"text"))
            return GLib.Variant("h", 0)

        for start in (give, Pcall.Spawned(give_handle)):
            task = Pcall.Pcall(start)
            task.start()
            task.join()
            self.assertEqual(task.results[0].get_handle(), 0)
            self.read(task[0].get_result_fd_list())
            del task

    def test_in_children_that_run_many(self):
        def give(n):
            if n % 10 == 3:
                Pcall.set_result_fd_list(self.open_pipe(b"text"))
            return choose(n)

        def choose(n):
            return [n, 1.5, "text"][n % 3 if n > 50 else 0]

        task = Pcall.Pcall(give, n=range(100))
        task.task.set_calls_per_child(0)
        task.start()
        task.join()
        self.assertEqual(task.results, tuple(map(choose, range(100))))
        for call in task:
            handles = call.get_result_fd_list()
            self.assertEqual(handles is not None, call.index % 10 == 3)
            if handles is not None:
                self.read(handles)
        del task, call, handles

    def test_of_a_message(self):
        def send():
            Pcall.send_message_with_fd_list(GLib.Variant("h", 0), self.open_pipe(b"text"))

        got = []
        task = Pcall.Pcall(send)
        task.task.connect(
            "call-message-with-fd-list",
            lambda _, call, *message: got.append((call.index, *message)),
        )
        task.start()
        task.join()
        ((index, message, handles),) = got
        self.assertEqual((index, message.get_handle()), (0, 0))
        self.read(handles)


def give_handle():
    Pcall.set_result_fd_list(Handles.open_pipe(b"text"))
    return GLib.Variant("h", 0)


class Variants(TestCase):
    def test_bytes_in_a_variant(self):
        for value in (GLib.Variant("ay", bytes(LARGE)), GLib.Variant("(ay)", (bytes(LARGE),)),
                      GLib.Variant("(ay)", (b"",)), GLib.Variant("as", ["a"] * 50000)):  # fmt: skip
            with self.subTest(value.get_type_string()):
                (result,) = pcall(lambda: value)
                self.assertTrue(result.equal(value))

    def test_of_a_library_task(self):
        """What others put into an (ay) is theirs."""
        for data in (bytes(LARGE), b"", b"short", bytes(24), b"\xff" * 100):
            value = GLib.Variant("(ay)", (data,))
            target = Pcall.Target.__base__.new("target", lambda args, kwargs: value)
            task = Pcall.Task.new(target)
            task.run(None)
            with self.subTest(data[:10]):
                self.assertTrue(task[0].result().equal(value))


@needs_numpy
class NumPy(TestCase):
    def check(self, make):
        expected = make()
        (result,) = pcall(make)
        self.assertEqual(result.dtype, expected.dtype)
        self.assertEqual(result.shape, expected.shape)
        if expected.flags.forc:
            self.assertEqual(result.flags.f_contiguous, expected.flags.f_contiguous)
        self.assertEqual(result.flags.writeable, expected.flags.writeable)
        self.assertTrue(result.flags.aligned)
        self.assertTrue((result == expected).all())
        return result

    def test_kinds(self):
        point = [("x", "<f8"), ("y", "<i4"), ("name", "S5")]
        kinds = (
            lambda: numpy.arange(100000),
            lambda: numpy.arange(10),
            lambda: numpy.arange(90000, dtype="float32").reshape(300, 300),
            lambda: numpy.asfortranarray(numpy.arange(90000).reshape(300, 300)),
            lambda: numpy.arange(100000)[::2],
            lambda: numpy.arange(90000).reshape(300, 300)[:, 10:200],
            lambda: numpy.zeros(50000, dtype=point),
            lambda: numpy.zeros(100000, dtype=">u2"),
            lambda: numpy.zeros(100000, dtype=bool),
            lambda: numpy.array([{}, "a", None] * 30000, dtype=object),
            lambda: numpy.zeros((0, 5)),
            lambda: numpy.frombuffer(bytes(100000), dtype="u1"),
            lambda: numpy.zeros(100000, dtype="complex128"),
        )
        for i, make in enumerate(kinds):
            with self.subTest(i):
                self.check(make)

    def test_written_to(self):
        result = self.check(lambda: numpy.arange(100000))
        result += 1
        result.sort()
        self.assertEqual(result[0], 1)
        self.assertEqual(count_mappings(), 1)

    def test_no_copy(self):
        """One mapping for all that a call returned, and none for what is in band."""
        (result,) = pcall(lambda: {i: numpy.full(100000, i) for i in range(10)})
        self.assertEqual(count_mappings(), 1)
        for i, array in result.items():
            self.assertEqual(array.ctypes.data % 64, 0)
            self.assertTrue((array == i).all())
        del array
        kept = result[7]
        del result
        gc.collect()
        self.assertEqual(count_mappings(), 1)
        self.assertTrue((kept == 7).all())
        del kept
        self.assertEqual(count_mappings(), 0)


if __name__ == "__main__":
    unittest.main()
