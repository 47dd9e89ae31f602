#!/usr/bin/python3
# SPDX-FileCopyrightText: 2026 The pcall authors
# SPDX-License-Identifier: LGPL-2.1-or-later

"""What is found when the time is over, of some things that are looked for."""

import threading

import gi

gi.require_version("Pcall", "1.0")

from gi.repository import Pcall  # noqa: E402


def look_for(what):
    if what in ("peace", "time"):
        threading.Event().wait()  # for ever
    return what


THINGS = ("keys", "time", "glasses", "peace")
p = Pcall.Pcall(look_for, what=THINGS, options=Pcall.Options(deadline=3))
p.start()
try:
    p.join()
except TimeoutError:
    print(*(call.result() for call in p if call.exception() is None))
