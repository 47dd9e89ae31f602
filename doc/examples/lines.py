#!/usr/bin/python3
# SPDX-FileCopyrightText: 2026 The pcall authors
# SPDX-License-Identifier: LGPL-2.1-or-later

"""Lines and words of files, as `wc -lw` has them. One that cannot be read costs no other its count.

usage: lines.py FILE…
"""

import sys

import gi

gi.require_version("Pcall", "1.0")

from gi.repository import Pcall  # noqa: E402


def count(path):
    with open(path, "rb") as file:
        text = file.read()
    return text.count(b"\n"), len(text.split())



status = 0
paths = sys.argv[1:]
for path, result in zip(paths, Pcall.map(count, paths, return_exceptions=True)):
    if isinstance(result, Exception):
        print(f"lines: {path}: {result.__cause__.strerror}", file=sys.stderr)
        status = 1
    else:
        print(*result, path)
sys.exit(status)
