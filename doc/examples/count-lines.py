#!/usr/bin/python3
# SPDX-FileCopyrightText: 2026 The pcall authors
# SPDX-License-Identifier: LGPL-2.1-or-later

"""How long the examples are, beside the same with what users have today, in today/. What counts is
lines that are not empty and not comments.

usage: count-lines.py PAGE            compares with the page's tables, in TAP
       count-lines.py PAGE --update   writes them there
"""

import ast
import pathlib
import re
import sys

HERE = pathlib.Path(__file__).parent
LANGUAGES = {"py": "Python", "c": "C", "cpp": "C++", "vala": "Vala", "js": "JavaScript"}
BEGIN, END = "<!-- lines: begin -->\n", "<!-- lines: end -->\n"
COMMENT = re.compile(r"/\*.*?\*/", re.DOTALL)


def strip_python(text):
    """Without comments, and strings that stand alone."""
    lines = [re.sub(r"(^|\s)#.*", "", line) for line in text.splitlines()]
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant):
            for number in range(node.lineno - 1, node.end_lineno):
                lines[number] = ""
    return lines


def count(path):
    text = path.read_text(encoding="utf-8")
    if path.suffix == ".py":
        lines = strip_python(text)
    else:
        lines = [re.sub(r"(^|\s)//.*", "", line) for line in COMMENT.sub("", text).splitlines()]
    return sum(bool(line.strip()) for line in lines)


def find_pairs(suffix):
    """By names: the lines of an example, and of the other."""
    return {
        today.stem: (count(HERE / today.name), count(today))
        for today in sorted((HERE / "today").glob(f"*.{suffix}"))
    }


def find_all():
    tables = {suffix: find_pairs(suffix) for suffix in LANGUAGES}
    return {suffix: pairs for suffix, pairs in tables.items() if pairs}


def make_tables(tables):
    """A row for each program: where there is one in a language, its lines and those of the other."""
    names = sorted({name for pairs in tables.values() for name in pairs})
    rows = [["", *(LANGUAGES[suffix] for suffix in tables)], ["---"] * (len(tables) + 1)]
    for name in names:
        cells = ("{} / {}".format(*pairs[name]) if name in pairs else "" for pairs in tables.values())
        rows.append([f"`{name}`", *cells])
    sums = ("{} / {}".format(*map(sum, zip(*pairs.values()))) for pairs in tables.values())
    rows.append(["all", *sums])
    return "".join(f"| {' | '.join(row)} |\n" for row in rows)


def split(text):
    head, _, rest = text.partition(BEGIN)
    table, _, tail = rest.partition(END)
    return head, table, tail


def check(text, tables):
    cases = [("the page has these numbers", split(text)[1] == make_tables(tables))]
    for suffix, pairs in tables.items():
        cases.append((f"there are ten in {LANGUAGES[suffix]}", len(pairs) >= 10))
        for name, (ours, others) in pairs.items():
            cases.append((f"{name}.{suffix} is no longer: {ours}, and {others}", ours <= others))
    print(f"1..{len(cases)}")
    for number, (what, holds) in enumerate(cases, 1):
        print(f"{'ok' if holds else 'not ok'} {number} {what}")
    return all(holds for _, holds in cases)


def main(page, *options):
    path = pathlib.Path(page)
    text = path.read_text(encoding="utf-8")
    tables = find_all()
    if "--update" in options:
        head, _, tail = split(text)
        path.write_text(head + BEGIN + make_tables(tables) + END + tail, encoding="utf-8")
        return 0
    return 0 if check(text, tables) else 1


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
