# SPDX-FileCopyrightText: 2026 The pcall authors
# SPDX-License-Identifier: LGPL-2.1-or-later

"""Runs the tests of one module, or one class of it, and prints them as TAP.

usage: run.py MODULE[.CLASS]
"""

import sys
import time
import unittest


class TapResult(unittest.TestResult):
    """Prints a line for each case as soon as it has ended."""

    def __init__(self):
        super().__init__()
        self.number = 0

    def startTest(self, test):
        super().startTest(test)
        self.begun = time.monotonic()
        self.trouble = []

    def stopTest(self, test):
        super().stopTest(test)
        self.number += 1
        took = time.monotonic() - self.begun
        reasons = [text for kind, text in self.trouble if kind == "skip"]
        failures = [text for kind, text in self.trouble if kind == "failure"]
        name = test.id().replace("#", "")
        if failures:
            self.say(f"not ok {self.number} {name}")
        elif reasons:
            self.say(f"ok {self.number} {name} # SKIP {reasons[0]}")
        else:
            self.say(f"ok {self.number} {name}")
        for line in "\n".join(failures).splitlines():
            self.say(f"# {line}")
        if took > 1:
            self.say(f"# it took {took:.1f} s")

    @staticmethod
    def say(line):
        print(line, flush=True)

    def note(self, test, error):
        self.trouble.append(("failure", self._exc_info_to_string(error, test)))

    def addError(self, test, error):
        super().addError(test, error)
        if hasattr(self, "trouble"):
            self.note(test, error)
        else:  # of a module or a class: there is no case to tell it by
            self.number += 1
            self.say(f"not ok {self.number} {test}")

    def addFailure(self, test, error):
        super().addFailure(test, error)
        self.note(test, error)

    def addSubTest(self, test, subtest, error):
        super().addSubTest(test, subtest, error)
        if error is not None:
            self.note(subtest, error)

    def addSkip(self, test, reason):
        super().addSkip(test, reason)
        self.trouble.append(("skip", reason))


def main(name):
    tests = unittest.defaultTestLoader.loadTestsFromName(name)
    result = TapResult()
    tests.run(result)
    print(f"1..{result.number}", flush=True)
    return 0 if result.wasSuccessful() and result.number else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
