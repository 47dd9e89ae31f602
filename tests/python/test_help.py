# SPDX-FileCopyrightText: 2026 The pcall authors
# SPDX-License-Identifier: LGPL-2.1-or-later

"""What `help()` says: that all of it has words, and that the examples in these are true."""

import doctest
import inspect
import pydoc
import re
import sys
import unittest

from support import Pcall, TestCase


def list_own():
    """What the override defines, by name."""
    return {name: getattr(Pcall, name) for name in sys.modules["gi.overrides.Pcall"].__all__}


def list_public(cls):
    members = ((name, value) for name, value in vars(cls).items() if not name.startswith("_"))
    return {name: getattr(value, "__func__", value) for name, value in members}


class Help(TestCase):
    def test_module(self):
        self.assertEqual(pydoc.splitdoc(Pcall.__doc__)[0].split(":")[0], "Pcall for Python")
        missing = [name for name in Pcall.__all__ if not re.search(rf"\b{name}\b", Pcall.__doc__)]
        self.assertEqual(missing, [])

    def test_shown(self):
        """Whatever lines a version of Python breaks it into."""
        text = "".join(pydoc.render_doc(Pcall, renderer=pydoc.plaintext).split())
        for words in (
            "Many calls, in children that stay",
            "pcall(targets, timeout=None, cargs=()",
            "map(fn, *iterables, ",
            "class Executor(",
            "class CallState(",
        ):
            self.assertIn("".join(words.split()), text)

    def test_words(self):
        """Of each function, class and method."""
        for name, thing in list_own().items():
            with self.subTest(name):
                self.assertTrue(inspect.getdoc(thing))
            if inspect.isclass(thing):
                for method, function in list_public(thing).items():
                    if inspect.isfunction(function):
                        with self.subTest(f"{name}.{method}"):
                            self.assertTrue(inspect.getdoc(function))

    def test_examples(self):
        runner = doctest.DocTestRunner(optionflags=doctest.REPORT_NDIFF)
        examples = [("Pcall", Pcall.__doc__)]
        examples += [(name, inspect.getdoc(thing)) for name, thing in list_own().items()]
        parser = doctest.DocTestParser()
        said = []
        for name, text in examples:
            test = parser.get_doctest(text, {"Pcall": Pcall}, name, None, 0)
            runner.run(test, out=said.append)
        self.assertEqual(runner.failures, 0, "".join(said))
        self.assertGreaterEqual(runner.tries, 15)


if __name__ == "__main__":
    unittest.main()
