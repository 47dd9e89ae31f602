#!/usr/bin/python3
# SPDX-FileCopyrightText: 2026 The pcall authors
# SPDX-License-Identifier: LGPL-2.1-or-later

"""How calls can end, and how that is told apart."""

import os
import signal

import gi

gi.require_version("Pcall", "1.0")

from gi.repository import Pcall  # noqa: E402


def end(how):
    if how == "error":
        raise FileNotFoundError("there is no such thing")
    if how == "crash":
        os.kill(os.getpid(), signal.SIGKILL)
    if how == "hang":
        signal.pause()
    return how


WAYS = ("well", "error", "crash", "hang")
p = Pcall.Pcall(end, how=WAYS, timeout=2)
p.start()
try:
    p.join()
except (Pcall.ChildProcessException, TimeoutError) as error:
    print(error)  # of the first call that failed
for how, call in zip(WAYS, p):
    print(f"{how}: {call.state.value_nick}")
