#!/usr/bin/env python3
# SPDX-FileCopyrightText: 2026 The pcall authors
# SPDX-License-Identifier: LGPL-2.1-or-later

"""Prints what a shell needs to find an installed pcall where the system's loaders do not.

Each argument is a kind of loader and the directory below the prefix that it has to search. Nothing
is printed where each finds it by itself.

usage: environment.py KIND=DIRECTORY…
"""

import os
import re
import subprocess
import sys

DATA_DIRS = ["/usr/local/share", "/usr/share"]  # as the XDG Base Directory Specification has it


def run(*command):
    environment = dict(os.environ, PATH=os.environ["PATH"] + ":/usr/sbin:/sbin", LC_ALL="C")
    try:
        done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    except FileNotFoundError:
        return ""
    return done.stdout + done.stderr


def get_library_dirs():
    """As ldconfig names them, a line and a colon for each, or a complaint if it does not exist."""
    return re.findall(r"(?:^|Can't stat )(/[^:\n]*):", run("ldconfig", "-v", "-N", "-X"), re.M)


def get_pkg_config_dirs():
    return run("pkg-config", "--variable=pc_path", "pkg-config").strip().split(":")


# Kind: the variable, what is searched when it is not set, and what of that it takes the place of
LOADERS = {
    "library": ("LD_LIBRARY_PATH", get_library_dirs, ""),
    "pkg-config": ("PKG_CONFIG_PATH", get_pkg_config_dirs, ""),
    "data": ("XDG_DATA_DIRS", lambda: DATA_DIRS, ":".join(DATA_DIRS)),
    "typelib": ("GI_TYPELIB_PATH", list, ""),
    "python": ("PYTHONPATH", list, ""),
}


def main(arguments):
    for argument in arguments:
        kind, _, directory = argument.partition("=")
        variable, get_searched, default = LOADERS[kind]
        known = {os.path.realpath(searched) for searched in get_searched()}
        if os.path.realpath(directory) not in known:
            rest = f":${{{variable}:-{default}}}" if default else f"${{{variable}:+:${variable}}}"
            print(f'export {variable}="{directory}{rest}"')


if __name__ == "__main__":
    main(sys.argv[1:])
