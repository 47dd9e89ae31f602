#!/usr/bin/python3
# SPDX-FileCopyrightText: 2026 The pcall authors
# SPDX-License-Identifier: LGPL-2.1-or-later

"""Prints the directory for modules, below PREFIX, that this Python looks in by itself.

Prints nothing where there is none: the modules are then found by PYTHONPATH alone.

usage: find-directory.py PREFIX
"""

import re
import site
import sys

MODULES = re.compile(r"lib(32|64)?/python[0-9.]+/(dist|site)-packages")


def get_directories():
    """What is searched, and what will be as soon as it is there."""
    user_site = [site.getusersitepackages()] if site.ENABLE_USER_SITE else []
    return [*sys.path, *user_site, *site.getsitepackages()]


def find_below(prefix, directories):
    start = prefix.rstrip("/") + "/"
    for directory in directories:
        if directory.startswith(start) and MODULES.fullmatch(directory[len(start):]):
            return directory
    return ""


if __name__ == "__main__":
    print(find_below(sys.argv[1], get_directories()))
