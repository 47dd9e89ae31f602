# SPDX-FileCopyrightText: 2026 The pcall authors
# SPDX-License-Identifier: LGPL-2.1-or-later

"""How far calls are: a bar on a terminal, or whatever a function makes of it.

The bar of a task is the library's. That of `Pcall.map()`, which has many tasks, is drawn here, and
looks the same.
"""

import sys
import time

from gi.module import get_introspection_module

Pcall = get_introspection_module("Pcall")
SECONDS = 0.1  # between two bars


class Bar:
    """Draws a line on standard error, over itself."""

    def __init__(self, stream):
        self.stream = stream
        self.drawn = 0.0
        self.last = None

    def __call__(self, n_done, n_calls):
        self.last = n_done, n_calls
        if time.monotonic() - self.drawn >= SECONDS:
            self.draw()

    def draw(self):
        self.drawn = time.monotonic()
        n_done, n_calls = self.last
        text = Pcall.format_progress(n_done, n_calls) if n_calls else f"{n_done} done"
        self.stream.write(f"\r{text}\x1b[K")
        self.stream.flush()

    def finish(self):
        if self.last is not None:
            self.draw()
            self.stream.write("\n")
            self.stream.flush()


def check(progress, name="progress"):
    if progress is not None and not isinstance(progress, bool) and not callable(progress):
        raise TypeError(f"{name} must be a callable or a bool, not {type(progress).__name__}")
    return progress


def make(progress):
    """What is called with the number of calls that have ended, and that of all or None; or none."""
    if check(progress) is None or progress is False:
        return None
    if progress is True:
        stream = sys.stderr
        return Bar(stream) if stream is not None and stream.isatty() else None
    return progress


def watch(task, progress):
    """The same for a task of the library."""
    if callable(progress):
        task.connect(
            "notify::n-finished",
            lambda task, pspec: progress(task.get_n_finished(), task.get_n_calls()),
        )
    else:
        task.set_show_progress(progress is True)


def finish(report):
    """When there is nothing more to come."""
    if type(report) is Bar:
        report.finish()
