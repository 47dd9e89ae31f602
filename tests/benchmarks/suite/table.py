# SPDX-FileCopyrightText: 2026 The pcall authors
# SPDX-License-Identifier: LGPL-2.1-or-later

"""The table, on the terminal and in Markdown."""

HEAD = ("pcall", "other", "ratio (lowest … highest)", "bar", "")


def format_time(seconds):
    """Tenths of a microsecond too, since that is what tiny calls are compared in."""
    for unit, factor, least in (("s", 1, 0.9995), ("ms", 1e3, 0.9995), ("µs", 1e6, 0.0995)):
        if seconds * factor >= least:
            break
    else:
        unit, factor = "ns", 1e9
    value = seconds * factor
    return f"{value:.{0 if value >= 99.95 else 1 if value >= 9.995 else 2}f} {unit}"


def format_value(value, unit=""):
    text = (
        f"{value:.0f}" if value >= 99.95 else f"{value:.1f}" if value >= 19.95 else f"{value:.2f}"
    )
    return f"{text} {unit}".strip()


def format_cells(row, quick):
    """What stands in the columns after the first."""
    unit = row.get("unit", "")
    spread = f"({format_value(row['lowest'])} … {format_value(row['highest'])})"
    bar, verdict = "", ""
    if row["bar"] is not None:
        bar = f"{row['relation']} {row['bar']:g} {unit}".strip()
        verdict = "too small to tell" if quick else "reached" if row["reached"] else "NOT reached"
    return [
        format_time(row["ours"]) if "ours" in row else "",
        format_time(row["theirs"]) if "theirs" in row else "",
        f"{format_value(row['median'], unit)}  {spread}",
        bar,
        verdict,
    ]


def print_head(work=""):
    print_line(work, HEAD)


def print_line(work, cells):
    ours, theirs, ratio, bar, verdict = cells
    print(f"  {work:<53}{ours:>9} {theirs:>9}  {ratio:<27} {bar:<12}{verdict}".rstrip(), flush=True)


def print_group(group, quick, took):
    print(f"\n{group['title']}  [{took:.0f} s]")
    for row in group["rows"]:
        print_line(row["work"], format_cells(row, quick))


def count_reached(groups):
    rows = [row for group in groups for row in group["rows"] if row["bar"] is not None]
    return sum(row["reached"] for row in rows), len(rows)


def to_markdown(groups, quick):
    """A table for each group, under its title."""
    parts = []
    for group in groups:
        if not group["rows"]:
            continue
        lines = [f"### {group['title']}", ""]
        if group["note"]:
            lines += [group["note"], ""]
        lines += ["| | " + " | ".join(HEAD) + " |", "|---|--:|--:|---|---|---|"]
        for row in group["rows"]:
            cells = format_cells(row, quick)
            lines.append("| " + " | ".join([row["work"], *cells]) + " |")
        parts.append("\n".join(lines))
    return "\n\n".join(parts)
