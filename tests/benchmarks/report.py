#!/usr/bin/python3
# SPDX-FileCopyrightText: 2026 The pcall authors
# SPDX-License-Identifier: LGPL-2.1-or-later

"""Writes doc/benchmarks.md and its plots from what bench.py measured.

The words of the page are in benchmarks.md.in, and those of its section on the time of a call in
doc/time-of-a-call.md.in.

usage: report.py BENCHMARKS.json DIRECTORY
"""

import json
import os
import sys

from suite import machine, plot, table

HERE = os.path.dirname(os.path.abspath(__file__))


def read(path):
    with open(path, encoding="utf-8") as file:
        return file.read()


def write(directory, name, text):
    with open(os.path.join(directory, name), "w", encoding="utf-8") as file:
        file.write(text)
    print(f"wrote {name}")


def to_machine(data):
    lines = ["| | |", "|---|---|", *(f"| {name} | {value} |" for name, value in data["machine"])]
    return "\n".join(lines)


def find_doubts(data):
    """Why the numbers are not to be trusted, a sentence each."""
    if data["quick"]:
        yield "A quick run, of fewer and smaller things than it should be."
    elif data["rounds"]:
        yield f"Rounds of each row and point: {data['rounds']}, which is too few."
    if data["load"] > machine.BUSY:
        yield f"Others used the machine meanwhile (load {data['load']:.1f})."


def to_summary(data):
    reached, n_bars = table.count_reached(data["groups"])
    words = f"{reached} of {n_bars} bars are reached, in a run of {data['minutes']:.1f} minutes."
    doubts = list(find_doubts(data))
    if doubts:
        words += (
            f"\n\n**These numbers say little, and wait to be measured again.** {' '.join(doubts)}"
        )
    return words


def to_left_out(data):
    missing = {
        what: package for group in data["groups"] for what, package in group["missing"].items()
    }
    words = ", ".join(f"{what} (needs {package})" for what, package in missing.items())
    return f"Left out, since not installed: {words}.\n\n" if words else ""


def to_plots(data):
    return "\n\n".join(
        f"![{curve['title']}](benchmarks-{curve['name']}.svg)" for curve in data["curves"]
    )


def make_page(data, template, words_on_time):
    parts = {
        "MACHINE": to_machine(data),
        "SUMMARY": to_summary(data),
        "LEFT_OUT": to_left_out(data),
        "TABLE": table.to_markdown(data["groups"], data["quick"]),
        "PLOTS": to_plots(data),
        "TIME_OF_A_CALL": words_on_time,
    }
    for name, text in parts.items():
        template = template.replace(f"@{name}@", text)
    return template


def without_comment(text):
    """A comment at its head is for who edits it."""
    return text.partition("-->")[2].strip() if text.startswith("<!--") else text.strip()


def main():
    source, directory = sys.argv[1:]
    if not os.path.exists(source):
        sys.exit(f"there is no {source}: run make bench first")
    data = json.loads(read(source))
    words_on_time = without_comment(
        read(os.path.join(HERE, "..", "..", "doc", "time-of-a-call.md.in"))
    )
    page = make_page(data, read(os.path.join(HERE, "benchmarks.md.in")), words_on_time)
    write(directory, "benchmarks.md", page)
    for curve in data["curves"]:
        write(directory, f"benchmarks-{curve['name']}.svg", plot.draw(curve))


if __name__ == "__main__":
    main()
