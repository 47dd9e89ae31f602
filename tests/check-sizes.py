#!/usr/bin/python3
# SPDX-FileCopyrightText: 2026 The pcall authors
# SPDX-License-Identifier: LGPL-2.1-or-later

"""Whether files, lines and structs are small enough to be read.

    check-sizes.py [ROOT]

No file of C, Python or JavaScript has more than 700 lines. In pcall-glib/ no line has more than 100
columns, no function more than 60 lines, but for class_init, and no struct more than 25 fields. What
is larger is named, and the exit status is 1.
"""

import re
import sys
from pathlib import Path

FOLDERS = ("doc", "introspection", "pcall-glib", "tests")
SOURCES = {".c", ".h", ".cpp", ".hpp", ".py", ".js"}
MAX_LINES = 700
MAX_COLUMNS = 100
MAX_LINES_OF_FUNCTION = 60
MAX_FIELDS = 25

COMMENT = re.compile(r"/\*.*?\*/|//[^\n]*", re.S)
FUNCTION = re.compile(r"^(\w+) \([^;{}]*\)\n\{\n(.*?)^\}", re.M | re.S)
STRUCT = re.compile(r"\b(?:struct|union)\s*(\w*)\s*\{")
BRACKETS = re.compile(r"\([^()]*\)|\[[^\[\]]*\]|<[^<>]*>")


def find_body(code, start):
    """What stands between the brace that ends at start and its counterpart, and the end of that."""
    depth, end = 1, start
    while depth:
        depth += {"{": 1, "}": -1}.get(code[end], 0)
        end += 1
    return code[start : end - 1], end


def count_fields(body):
    """The fields of a struct, with those of structs inside of it."""
    while BRACKETS.search(body):
        body = BRACKETS.sub("_", body)
    declarations = re.split(r"[;{}]", body)
    return sum(
        declaration.count(",") + 1
        for declaration in map(str.strip, declarations)
        if re.search(r"\w\s+\**\s*\w", declaration) or "*" in declaration
    )


def find_structs(text):
    """Each struct, as its name and the number of its fields."""
    code = COMMENT.sub(" ", text)
    for match in STRUCT.finditer(code):
        body, end = find_body(code, match.end())
        name = match[1] or code[end : code.index(";", end)].strip()
        yield name, count_fields(body)


def find_functions(text):
    """Each function of C, as its name and the number of lines between its braces."""
    for match in FUNCTION.finditer(text):
        yield match[1], match[2].count("\n")


def check_library(text):
    """What is too large in a file of the library."""
    for number, line in enumerate(text.splitlines(), 1):
        if len(line) > MAX_COLUMNS:
            yield f"line {number} has {len(line)} columns"
    for function, n_lines in find_functions(text):
        if n_lines > MAX_LINES_OF_FUNCTION and not function.endswith("_class_init"):
            yield f"{function} has {n_lines} lines"
    for struct, n_fields in find_structs(text):
        if n_fields > MAX_FIELDS:
            yield f"{struct} has {n_fields} fields"


def check_file(path, name):
    """What is too large in that file, a line for each."""
    text = path.read_text(encoding="utf-8")
    n_lines = len(text.splitlines())

    if path.suffix in SOURCES and n_lines > MAX_LINES:
        yield f"{name}: {n_lines} lines"
    if name.startswith("pcall-glib/"):
        yield from (f"{name}: {complaint}" for complaint in check_library(text))


def main(root="."):
    """The exit status."""
    root = Path(root)
    paths = [p for folder in FOLDERS for p in sorted((root / folder).rglob("*")) if p.is_file()]
    paths = [p for p in paths if p.suffix in SOURCES or p.name == "meson.build"]
    complaints = [c for p in paths for c in check_file(p, p.relative_to(root).as_posix())]
    if not paths:
        complaints.append(f"{root}: no sources")

    for complaint in complaints:
        print(complaint)
    return 1 if complaints else 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
