#!/usr/bin/python3
# SPDX-FileCopyrightText: 2026 The pcall authors
# SPDX-License-Identifier: LGPL-2.1-or-later

"""SHA-256 of files, as sha256sum prints it. One that cannot be read costs no other its digest.

usage: digests.py FILE…
"""

import hashlib
import sys

import gi

gi.require_version("Pcall", "1.0")

from gi.repository import Pcall  # noqa: E402


def digest(path):
    with open(path, "rb") as file:
        return hashlib.sha256(file.read()).hexdigest()



status = 0
paths = sys.argv[1:]
for path, result in zip(paths, Pcall.map(digest, paths, return_exceptions=True)):
    if isinstance(result, Exception):
        print(f"digests: {path}: {result.__cause__.strerror}", file=sys.stderr)
        status = 1
    else:
        print(f"{result}  {path}")
sys.exit(status)
