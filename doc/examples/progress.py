#!/usr/bin/python3
# SPDX-FileCopyrightText: 2026 The pcall authors
# SPDX-License-Identifier: LGPL-2.1-or-later

"""Calls that tell how far they are."""

import gi

gi.require_version("Pcall", "1.0")

from gi.repository import Pcall  # noqa: E402


def bake(what, layers):
    for layer in range(layers):
        Pcall.report_progress((layer + 1) / layers, f"layer {layer + 1} of {what}")
    return what.upper()


def tell(task, call, part, text):
    told[call.index] = f"{part:4.0%}: {text}"


told = {}
p = Pcall.Pcall(bake, what=("cake", "bread", "tart"), layers=(3, 1, 2))
p.task.connect("call-progress", tell)
p.start()
p.join()
for index, result in enumerate(p.results):
    print(f"{told[index]}, {result}")
