#!/usr/bin/python3
# SPDX-FileCopyrightText: 2026 The pcall authors
# SPDX-License-Identifier: LGPL-2.1-or-later

"""What is found when the time is over, as in deadline.py, with multiprocessing."""

import multiprocessing
import threading
import time


def look_for(what):
    if what in ("peace", "time"):
        threading.Event().wait()  # for ever
    return what


THINGS = ("keys", "time", "glasses", "peace")


if __name__ == "__main__":
    found = []
    until = time.monotonic() + 3
    with multiprocessing.Pool(len(THINGS)) as pool:
        for result in [pool.apply_async(look_for, (what,)) for what in THINGS]:
            try:
                found.append(result.get(max(0, until - time.monotonic())))
            except multiprocessing.TimeoutError:
                pass
    print(*found)
