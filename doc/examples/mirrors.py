#!/usr/bin/python3
# SPDX-FileCopyrightText: 2026 The pcall authors
# SPDX-License-Identifier: LGPL-2.1-or-later

"""Who answers first wins, and the others are ended: mirrors that are asked at the same time."""

import threading

import gi

gi.require_version("Pcall", "1.0")

from gi.repository import Pcall  # noqa: E402


def ask(mirror):
    if mirror != "east":
        threading.Event().wait()  # an answer that never comes
    return mirror


MIRRORS = ("north", "east", "south", "west")
p = Pcall.Pcall(ask, mirror=MIRRORS)
p.start()
print(next(iter(Pcall.as_completed(p))).result())
p.terminate()
