#!/usr/bin/python3
# SPDX-FileCopyrightText: 2026 The pcall authors
# SPDX-License-Identifier: LGPL-2.1-or-later

"""Whether modules of the library use each other in a circle.

    check-circles.py NM ARCHIVE…

A module uses another one by its functions and variables, as nm lists them. Most are one file each;
a class, and what has a header of the name pcall-…-parts-private.h, may be several. Circles are
named, and the exit status is 1; it is 77 where the archives were made for link-time optimization,
of which nm knows nothing.
"""

import re
import subprocess
import sys
from pathlib import Path

SOURCES = Path(__file__).parent.parent / "pcall-glib"

# archive[…/folder_file.c.o]: name letter …
SYMBOL = re.compile(r"([^/_]*)\.c\.o\]: (\S+) (\w)", re.M)

# Besides what has a header for its parts
CLASSES = {
    "pcall-call": {"pcall-call-output", "pcall-call-place"},
    "pcall-launcher": {"pcall-launcher-new", "pcall-launcher-options"},
    "pcall-task": {path.stem for path in SOURCES.glob("pcall-task-*.c")},
}


def find_stems():
    """The modules that have a header for their parts, the shortest name first: a part may have
    parts."""
    names = [path.name for path in SOURCES.glob("*/pcall-*-parts-private.h")]
    return sorted((name.removesuffix("-parts-private.h") for name in names), key=len)


def find_module(file, stems):
    """The module that a file is, or is a part of."""
    for module, parts in CLASSES.items():
        if file in parts:
            return module
    for stem in stems:
        if file == stem or file.startswith(stem + "-"):
            return stem
    return file


def read_symbols(nm, archives):
    """Each symbol in the archives, as its file, its name, and the letter of nm."""
    command = [nm, "--print-file-name", "--format=posix", *archives]
    output = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout
    return SYMBOL.findall(output)


def find_uses(symbols, stems):
    """Which modules each module uses, and by what."""
    owners, wanted = {}, []
    for file, name, letter in symbols:
        module = find_module(file, stems)
        if letter == "U":
            wanted.append((module, name))
        elif letter.isupper():
            owners[name] = module
    uses = {}
    for module, name in wanted:
        owner = owners.get(name, module)
        if owner != module:
            uses.setdefault(module, {}).setdefault(owner, name)
    return uses


def find_circle(uses, start):
    """A shortest way from a module back to itself, or None."""
    ways = [[start]]
    seen = set()
    for way in ways:
        for module in uses.get(way[-1], {}):
            if module == start:
                return [*way, start]
            if module not in seen:
                seen.add(module)
                ways.append([*way, module])
    return None


def main(nm, *archives):
    """The exit status."""
    uses = find_uses(read_symbols(nm, archives), find_stems())
    if not uses:
        print("no symbols")
        return 77

    told = set()
    for module in sorted(uses):
        circle = find_circle(uses, module)
        if circle is None or told & set(circle):
            continue
        told |= set(circle)
        steps = zip(circle, circle[1:])
        print(", ".join(f"{a} uses {uses[a][b]} of {b}" for a, b in steps))
    return 1 if told else 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
