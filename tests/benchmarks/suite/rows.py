# SPDX-FileCopyrightText: 2026 The pcall authors
# SPDX-License-Identifier: LGPL-2.1-or-later

"""The table: which work is done, by whom, and which bar is to be reached.

A quick run does a hundredth of the work, only to see whether it runs.
"""

from . import rows_calls as calls
from . import rows_launcher as launcher
from . import rows_system as system


class Size:
    """How much work a run does."""

    def __init__(self, quick):
        self.quick = quick

    def calls(self, n):
        return max(4, n // 100) if self.quick else n

    def bytes(self, n):
        return n // 256 if self.quick else n


def make_groups(quick):
    size = Size(quick)
    return [
        calls.c_calls(size),
        calls.python_calls(size),
        calls.many_c_calls(size),
        calls.many_python_calls(size),
        calls.tiny_results(size),
        system.c_result(size),
        system.python_result(size),
        *(system.work(size, pattern) for pattern in ("even", "skewed", "tail")),
        system.crowd(size),
        system.sleeping_crowd(size),
        calls.growth(size),
        system.stall(size),
        system.window(size),
        system.logs(size),
        calls.warm_javascript(size),
        launcher.one_call(size),
        launcher.one_call_by(size, "ssh", "`ssh host true`", 1.2),
        launcher.one_call_by(size, "slurm", "`srun -n1 true`", 1.3),
        launcher.warm_calls(size),
        launcher.calls_ahead(size),
        launcher.large_results(size),
        launcher.large_results_by_ssh(size),
        launcher.many_workers(size),
        launcher.mocks(size),
        launcher.engine(size, "ssh", "`ssh host true` for each"),
        launcher.engine(size, "slurm", "`srun -n1 true` for each"),
        launcher.tiny_map(size),
    ]
