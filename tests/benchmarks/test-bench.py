#!/usr/bin/python3
# SPDX-FileCopyrightText: 2026 The pcall authors
# SPDX-License-Identifier: LGPL-2.1-or-later

"""That the benchmarks run, and that a report comes of them: the page has what was measured, and in
the plots nothing lies outside of the picture or upon something else.

usage: test-bench.py BUILD
"""

import json
import math
import os
import subprocess
import sys
import tempfile
import unittest
import xml.etree.ElementTree as xml

from suite import plot, programs, rounds, table

HERE = os.path.dirname(os.path.abspath(__file__))
SVG = "{http://www.w3.org/2000/svg}"


def run_script(script, *arguments):
    subprocess.run([sys.executable, os.path.join(HERE, script), *arguments], check=True, stdout=2)


class QuickRun(unittest.TestCase):
    """A quick run, and its report."""

    @classmethod
    def setUpClass(cls):
        run_script("bench.py", cls.build, "--quick")
        measured = os.path.join(cls.build, "benchmarks-quick.json")
        with open(measured, encoding="utf-8") as file:
            cls.data = json.load(file)
        cls.directory = tempfile.TemporaryDirectory()
        run_script("report.py", measured, cls.directory.name)

    @classmethod
    def tearDownClass(cls):
        cls.directory.cleanup()

    def read(self, name):
        with open(os.path.join(self.directory.name, name), encoding="utf-8") as file:
            return file.read()

    def test_rows_of_c_are_measured(self):
        """The others may be left out, where a language or a package is not there."""
        groups = {group["name"]: group["rows"] for group in self.data["groups"]}
        for name in (
            "calls-c",
            "many-c",
            "result-c",
            "crowd",
            "growth",
            "stall",
            "logs",
            "launcher-one",
            "launcher-warm",
            "launcher-ahead",
            "launcher-large",
            "launcher-mocks",
        ):
            self.assertTrue(groups[name], name)
            for row in groups[name]:
                self.assertTrue(row["lowest"] <= row["median"] <= row["highest"], row)

    def test_page_has_all_rows(self):
        page = self.read("benchmarks.md")
        for group in self.data["groups"]:
            for row in group["rows"]:
                self.assertIn(f"| {row['work']} |", page)
        self.assertNotRegex(page, "@[A-Z_]+@")

    def test_page_names_no_path(self):
        self.assertNotIn(os.path.abspath(self.build), self.read("benchmarks.md"))

    def test_page_has_its_plots(self):
        page = self.read("benchmarks.md")
        self.assertEqual(len(self.data["curves"]), 4)
        for curve in self.data["curves"]:
            name = f"benchmarks-{curve['name']}.svg"
            self.assertIn(f"({name})", page)
            self.check_plot(curve, xml.fromstring(self.read(name)))

    def check_plot(self, curve, root):
        labels = {text.text: float(text.get("y")) for text in root.iter(SVG + "text")}
        heights = sorted(labels[series["label"]] for series in curve["series"])
        for above, below in zip(heights, heights[1:]):
            self.assertGreater(below - above, plot.LABEL_HEIGHT - 0.2)
        for circle in root.iter(SVG + "circle"):
            self.assertTrue(plot.LEFT - 1 <= float(circle.get("cx")) <= plot.WIDTH - plot.RIGHT + 1)
            self.assertTrue(
                plot.TOP - 1 <= float(circle.get("cy")) <= plot.HEIGHT - plot.BOTTOM + 1
            )
        n_points = sum(len(series["points"]) for series in curve["series"])
        self.assertEqual(len(list(root.iter(SVG + "circle"))), n_points)


class FewPrograms:
    """Answers at once. A call takes as many seconds as its chunk is large."""

    def ask(self, program, process, side, parameters, hold):
        if side == "away":
            raise programs.Missing("a package")
        return {"seconds": parameters.get("chunk", 1)}

    def close(self):
        pass


class Parts(unittest.TestCase):
    """What is computed, without measuring."""

    def test_verdicts(self):
        for values, relation, bar, reached in [
            ([1.0, 1.2, 1.4], "≤", 1.25, True),
            ([1.0, 1.3, 1.4], "≤", 1.25, False),
            ([1.9, 2.1, 9.0], "≥", 2.0, True),
            ([0.1, 1.9, 9.0], "≥", 2.0, False),
            ([1.0], "≥", None, None),
        ]:
            self.assertIs(rounds.judge(values, relation, bar)["reached"], reached)

    def test_ratios_are_of_the_same_round(self):
        side = rounds.Side("C", "", "other", {"n": 2})
        group = rounds.Group("", "", {"a": side, "b": side}, [])
        measurement = rounds.Measurement(group, None)
        for key, seconds in {"a": [1, 4, 9], "b": [2, 2, 3]}.items():
            measurement.answers[key] = [{"seconds": value} for value in seconds]
        row = measurement.get_row(rounds.Ratio("a", "b", "≤", 1.0))
        self.assertEqual([row["lowest"], row["median"], row["highest"]], [0.5, 2, 3])
        row = measurement.get_row(rounds.Ratio("a", "b", "≥"))
        self.assertEqual([row["lowest"], row["median"], row["highest"]], [1 / 3, 0.5, 2])
        self.assertEqual([row["ours"], row["theirs"]], [2, 1])

    def test_missing_peer_is_left_out(self):
        here = rounds.Side("C", "here", "here")
        away = rounds.Side("peers", "away", "away", tune=("chunk", (1, 2)))
        ratio = rounds.Ratio("here", "away", "≤", 1.0)
        figure = rounds.Figure("here", "work", lambda answer: answer["seconds"])
        group = rounds.Group("", "", {"here": here, "away": away}, [ratio, figure])
        result = rounds.measure_group(group, FewPrograms())
        self.assertEqual([row["work"] for row in result["rows"]], ["work"])
        self.assertEqual(result["missing"], {"away": "a package"})

    def test_best_chunk_is_chosen(self):
        side = rounds.Side("C", "here", "here", tune=("chunk", (5, 2, 9)))
        measurement = rounds.Measurement(rounds.Group("", "", {"a": side}, []), FewPrograms())
        measurement.run(1)
        self.assertEqual(measurement.sides["a"].label, "here, chunk 2")
        self.assertEqual(measurement.get_costs("a"), [2])

    def test_times_have_their_units(self):
        for seconds, text in [
            (2.5, "2.50 s"),
            (0.0999, "99.9 ms"),
            (0.483e-3, "483 µs"),
            (0.22e-6, "0.22 µs"),
            (4.5e-9, "4.50 ns"),
            (0.99999e-3, "1.00 ms"),
        ]:
            self.assertEqual(table.format_time(seconds), text)

    def test_labels_are_spread(self):
        for places in ([10, 11, 12], [100, 100, 100], [0, 50, 300], [-40, 99, 99.5]):
            moved = plot.spread(places, 10, 0, 100)
            order = sorted(moved)
            self.assertTrue(all(b - a >= 10 - 1e-9 for a, b in zip(order, order[1:])), moved)
            self.assertTrue(order[0] >= 0 and order[-1] <= 100, moved)

    def test_scale_is_logarithmic(self):
        scale = plot.Scale([1, 100], 0, 10)
        self.assertEqual([scale.place(x) for x in (1, 10, 100)], [0, 5, 10])
        self.assertEqual(scale.choose_ticks(), [1, 2, 5, 10, 20, 50, 100])
        self.assertEqual(plot.Scale([1, 1000], 0, 10).choose_ticks(), [1, 10, 100, 1000])
        self.assertEqual(plot.round_out([0.3, 7, 60]), (0.2, 100))
        self.assertTrue(math.isfinite(plot.Scale([5], 0, 10).place(5)))


def main():
    QuickRun.build = sys.argv[1]
    sys.path.insert(0, os.path.join(os.path.dirname(HERE), "python"))
    import run as tap

    return tap.main("__main__")


if __name__ == "__main__":
    sys.exit(main())
