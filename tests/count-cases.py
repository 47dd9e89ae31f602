#!/usr/bin/python3
# SPDX-FileCopyrightText: 2026 The pcall authors
# SPDX-License-Identifier: LGPL-2.1-or-later

"""Counts the single test cases of one or more runs of `meson test`.

Meson itself counts programs. This reads its testlog.json, where the output of each program
stands, and counts the cases in it: TAP lines, and the lines of Google Test. A program that
failed without a case of its own to show for it (it crashed, timed out, or stopped early) counts
as one failed case; a program that prints no cases at all is one case.

The last line is `N passed, N failed`, with `, N skipped` behind it where some were.
"""

import json
import re
import sys
from collections import Counter

TAP_CASE = re.compile(r"^(?P<not>not )?ok\b(?P<name>[^#]*)(?:#\s*(?P<directive>\w+))?", re.I)
GTEST_CASE = re.compile(r"^\[\s+(?P<verdict>OK|FAILED|SKIPPED)\s+\] (?P<name>\S+).* \(\d+ ms\)$")
GTEST_VERDICTS = {"OK": "passed", "FAILED": "failed", "SKIPPED": "skipped"}
PROGRAM_VERDICTS = {"OK": "passed", "EXPECTEDFAIL": "passed", "SKIP": "skipped"}


def read_case(line):
    """The name and the verdict of the case that a line of output tells of, or None."""
    if match := TAP_CASE.match(line):
        if (match["directive"] or "").upper() in ("SKIP", "TODO"):
            return match["name"], "skipped"
        return match["name"], "failed" if match["not"] else "passed"
    if match := GTEST_CASE.match(line):
        return match["name"], GTEST_VERDICTS[match["verdict"]]
    return None


def count_program(program):
    """What became of the cases of one program, which are told when they failed."""
    cases = [case for line in program.get("stdout", "").splitlines() if (case := read_case(line))]
    count = Counter(verdict for _, verdict in cases)
    verdict = PROGRAM_VERDICTS.get(program["result"], "failed")

    for name, case_verdict in cases:
        if case_verdict == "failed":
            print(f"failed: {program['name']}: {name.strip()}")
    if not cases or (verdict == "failed" and not count["failed"]):
        count[verdict] += 1
        if verdict == "failed":
            print(f"failed: {program['name']}: {program['result'].lower()}")
    return count


def count_log(path):
    """The cases of one run. A run that left no log, or an empty one, failed."""
    try:
        with open(path, encoding="utf-8") as log:
            programs = [json.loads(line) for line in log if line.strip()]
    except OSError as error:
        print(f"failed: {path}: {error.strerror}")
        return Counter(failed=1)
    if not programs:
        print(f"failed: {path}: no program was run")
        return Counter(failed=1)
    return sum((count_program(program) for program in programs), Counter())


def main(paths):
    count = sum((count_log(path) for path in paths), Counter())
    skipped = f", {count['skipped']} skipped" if count["skipped"] else ""
    print(f"{count['passed']} passed, {count['failed']} failed{skipped}")
    return 1 if count["failed"] or not count["passed"] else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
