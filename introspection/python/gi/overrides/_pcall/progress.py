# SPDX-FileCopyrightText: 2026 The pcall authors
# SPDX-License-Identifier: LGPL-2.1-or-later

"""How far `Pcall.map()` is: a bar on a terminal, or whatever a function makes of it."""

import sys
import time

WIDTH = 30
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
        if n_calls:
            full = WIDTH * n_done // n_calls
            text = f"[{'#' * full}{'.' * (WIDTH - full)}] {n_done}/{n_calls}"
        else:
            text = f"{n_done} done"
        self.stream.write(f"\r{text}\x1b[K")
        self.stream.flush()

    def finish(self):
        if self.last is not None:
            self.draw()
            self.stream.write("\n")
            self.stream.flush()


def make(progress):
    """What is called with the number of calls that have ended, and that of all or None; or none."""
    if progress is None or progress is False:
        return None
    if progress is True:
        stream = sys.stderr
        return Bar(stream) if stream is not None and stream.isatty() else None
    if not callable(progress):
        raise TypeError(f"progress must be a callable or a bool, not {type(progress).__name__}")
    return progress


def finish(report):
    """When there is nothing more to come."""
    if type(report) is Bar:
        report.finish()
