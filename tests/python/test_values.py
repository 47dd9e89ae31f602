# SPDX-FileCopyrightText: 2026 The pcall authors
# SPDX-License-Identifier: LGPL-2.1-or-later

"""What comes back from a child: results, exceptions and messages."""

import gc
import os
import pickle
import sys
import unittest
import warnings

from support import GLib, Pcall, TestCase

pcall = Pcall.pcall


class Point:
    def __init__(self, x):
        self.x = x

    def __eq__(self, other):
        return self.x == other.x


class PickyError(Exception):
    """As many are: what its constructor takes is not what pickle gives it."""

    def __init__(self, code, *, text):
        super().__init__(f"{code}: {text}")


class LockedError(Exception):
    def __reduce__(self):
        raise TypeError("never")


class MuteError(Exception):
    def __str__(self):
        raise RuntimeError("no text")


class Bomb:
    """Pickles, and fails to be made anew."""

    def __reduce__(self):
        return int, ("x",)


class Results(TestCase):
    def test_any_picklable_object(self):
        cases = [
            None, True, 1 << 200, 1.5, "ä\0\udc80", b"", b"\0bytes", bytearray(b"x"), (), [1, [2]],
            {"a": {1, 2}}, frozenset("ab"), Point(7), len, Point, range(5), NotImplemented, ...,
            ValueError("as a value"),
        ]  # fmt: skip
        results = pcall(lambda i: cases[i], i=range(len(cases)))
        for expected, result in zip(cases, results):
            with self.subTest(repr(expected)):
                self.assertEqual(repr(result)[:9], repr(expected)[:9])
                self.assertIs(type(result), type(expected))
                if not isinstance(expected, Exception):
                    self.assertEqual(result, expected)

    def test_variants(self):
        cases = ["int32 5", "(1, 'a')", "@ay [1, 2]", "<1>", "<<@ay [1]>>", "@as []", "()", "true"]
        variants = [GLib.Variant.parse(None, text, None, None) for text in cases]
        p = Pcall.Pcall(lambda i: variants[i], i=range(len(cases)))
        p.start()
        p.join()
        for variant, result, call in zip(variants, p.results, p):
            with self.subTest(variant.print_(True)):
                self.assertIsInstance(result, GLib.Variant)
                self.assertTrue(result.equal(variant))
                if variant.get_type_string() not in ("ay", "v"):
                    self.assertTrue(call.get_result().equal(variant))

    def test_variants_inside_of_objects(self):
        (result,) = pcall(lambda: {"a": [GLib.Variant("(is)", (1, "b"))]})
        self.assertEqual(result["a"][0].unpack(), (1, "b"))

    def test_protocol_5(self):
        p = Pcall.Pcall(lambda: 1)
        p.start()
        p.join()
        self.assertEqual(p.task.get_result_data(0)[:2], b"\x80\x05")

    def test_large(self):
        size = 64 << 20
        (result,) = pcall(lambda: os.urandom(16) * (size // 16))
        self.assertEqual(len(result), size)
        self.assertEqual(result[:16], result[-16:])
        self.assertNotEqual(result[:16], bytes(16))

    def test_unpicklable(self):
        def target(n):
            return n if n != 1 else (i for i in ())

        message = r"^call 1 \(target\): the result, of type generator, cannot be pickled"
        for kind in (pickle.PicklingError, Pcall.ChildProcessException):
            with self.assertRaisesRegex(kind, message) as raised:
                pcall(target, n=range(3))
            self.assertIsInstance(raised.exception.__cause__, TypeError)

    def test_that_cannot_be_made_anew(self):
        with self.assertRaises(Pcall.ChildProcessException) as raised:
            pcall(lambda n: Bomb() if n == 1 else n, n=range(3))
        self.assertEqual(raised.exception.call, 1)
        self.assertIsInstance(raised.exception.__cause__, ValueError)
        del raised  # the frames of an exception hold the task
        gc.collect()

    def test_partial_results(self):
        p = Pcall.Pcall(lambda n: 1 // n, n=(1, 0, -1))
        p.start()
        with self.assertRaises(Pcall.ChildProcessException) as raised:
            p.join()
        self.assertEqual(raised.exception.call, 1)
        self.assertEqual((p[0].result(), p[2].result(), p.results), (1, -1, None))
        self.assertEqual([call.exception() is None for call in p], [True, False, True])
        with self.assertRaises(Pcall.ChildProcessException):
            p[1].result()


class Exceptions(TestCase):
    def check(self, target, kind):
        return self.assertRaisesFromChild(kind, pcall, target)

    def test_original_with_its_traceback(self):
        def inner():
            raise ValueError("inner", 5)

        def outer():
            try:
                inner()
            except ValueError as error:
                raise KeyError("outer") from error

        exception, cause = self.check(outer, KeyError)
        self.assertEqual(exception.call, 0)
        self.assertEqual(cause.args, ("outer",))
        text = str(cause.__cause__)
        for expected in ("in inner", "in outer", "ValueError: ('inner', 5)", "direct cause"):
            self.assertIn(expected, text)
        self.assertNotIn("_pcall", text)

    def test_exit(self):
        for code in (3, 0, None, "text"):
            with self.subTest(code):
                _, cause = self.check(lambda: (_ for _ in ()).throw(SystemExit(code)), SystemExit)
                self.assertEqual(cause.code, code)

    def test_keyboard_interrupt(self):
        def target():
            os.kill(os.getpid(), 2)

        self.check(target, KeyboardInterrupt)

    def test_glib_error(self):
        def target():
            raise GLib.Error("own", "own-domain", 7)

        exception, cause = self.check(target, GLib.Error)
        self.assertEqual((cause.domain, cause.code, cause.message), ("own-domain", 7, "own"))
        self.assertIn("in target", str(cause.__cause__))

    def test_degraded_but_readable(self):
        class LocalError(Exception):
            pass

        cases = {
            "PickyError: 5: because": PickyError(5, text="because"),
            "LockedError: shut": LockedError("shut"),
            "LocalError: here": LocalError("here"),
            "ValueError": ValueError(lambda: 0),
        }
        for message, error in cases.items():
            with self.subTest(message):

                def target():
                    raise error

                exception, cause = self.check(target, Pcall.RemoteError)
                self.assertIn(message, str(cause))
                self.assertIn(message, str(exception))
                self.assertIn("in target", str(cause.__cause__))

    def test_that_has_no_text(self):
        def target():
            raise MuteError

        exception, _ = self.check(target, MuteError)
        self.assertIn("no message", str(exception))

    def test_text_that_is_no_utf8(self):
        def target():
            raise ValueError("a\0b\udc80c")

        exception, cause = self.check(target, ValueError)
        self.assertEqual(cause.args, ("a\0b\udc80c",))
        self.assertIn("a\\x00b\\udc80c", str(exception))

    def test_warnings_as_errors(self):
        def target():
            warnings.simplefilter("error")
            warnings.warn("turned", UserWarning)

        self.check(target, UserWarning)

    def test_recursion(self):
        def target():
            return target()

        self.check(target, RecursionError)

    def test_memory(self):
        self.check(lambda: bytearray(sys.maxsize), MemoryError)

    def test_can_be_pickled_again(self):
        exception, _ = self.check(lambda: 1 / 0, ZeroDivisionError)
        copy = pickle.loads(pickle.dumps(exception))
        self.assertEqual((str(copy), copy.call), (str(exception), exception.call))

    def test_first_of_several(self):
        def target(n):
            raise (KeyError, IndexError)[n]

        self.assertRaisesFromChild(KeyError, pcall, target, n=range(2))


class Messages(TestCase):
    def test_objects_and_progress(self):
        def target(n):
            Pcall.send_message({"n": n})
            Pcall.report_progress(0.5, "half")
            Pcall.send_message(GLib.Variant("s", "as it is"))

        heard = []
        p = Pcall.Pcall(target, n=[5])
        p.task.connect(
            "call-message", lambda task, call, m: heard.append((call.index, Pcall.load_message(m)))
        )
        p.task.connect("call-progress", lambda task, call, *told: heard.append(told))
        p.start()
        p.join()
        self.assertEqual(heard[:2], [(0, {"n": 5}), (0.5, "half")])
        self.assertEqual(heard[2][1].unpack(), "as it is")

    def test_many(self):
        heard = []
        p = Pcall.Pcall(lambda: [Pcall.send_message(i) for i in range(2000)] and None)
        p.task.connect("call-message", lambda *a: heard.append(Pcall.load_message(a[2])))
        p.start()
        p.join()
        self.assertEqual(heard, list(range(2000)))

    def test_unpicklable(self):
        with self.assertRaises(Pcall.ChildProcessException):
            pcall(lambda: Pcall.send_message(lambda: 0))


if __name__ == "__main__":
    unittest.main()
