#!/usr/bin/python3
# SPDX-FileCopyrightText: 2026 The pcall authors
# SPDX-License-Identifier: LGPL-2.1-or-later

"""Compiles a module as Python does when it is imported, but the same bytes each time.

Python takes what was compiled when the source has the hash in it, so that neither time nor a change
of the installed source matters.

usage: compile.py SOURCE COMPILED INSTALLED_SOURCE
"""

import py_compile
import sys

if __name__ == "__main__":
    source, compiled, installed = sys.argv[1:]
    py_compile.compile(
        source,
        cfile=compiled,
        dfile=installed,
        doraise=True,
        invalidation_mode=py_compile.PycInvalidationMode.CHECKED_HASH,
    )
