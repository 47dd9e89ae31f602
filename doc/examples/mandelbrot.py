#!/usr/bin/python3
# SPDX-FileCopyrightText: 2026 The pcall authors
# SPDX-License-Identifier: LGPL-2.1-or-later

"""A small picture of the Mandelbrot set, a call for each row."""

import gi

gi.require_version("Pcall", "1.0")

from gi.repository import Pcall  # noqa: E402


def is_inside(c):
    z = 0
    for _ in range(200):
        z = z * z + c
        if abs(z) > 2:
            return False
    return True


def draw(y):
    return "".join(".#"[is_inside(complex(x / 8 - 2, y / 4 - 1))] for x in range(21))


print(*Pcall.map(draw, range(9)), sep="\n")
