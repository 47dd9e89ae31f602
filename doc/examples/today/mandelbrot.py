#!/usr/bin/python3
# SPDX-FileCopyrightText: 2026 The pcall authors
# SPDX-License-Identifier: LGPL-2.1-or-later

"""A picture of the Mandelbrot set, as mandelbrot.py has it, with concurrent.futures."""

import concurrent.futures


def is_inside(c):
    z = 0
    for _ in range(200):
        z = z * z + c
        if abs(z) > 2:
            return False
    return True


def draw(y):
    return "".join(".#"[is_inside(complex(x / 8 - 2, y / 4 - 1))] for x in range(21))


if __name__ == "__main__":
    with concurrent.futures.ProcessPoolExecutor() as executor:
        print(*executor.map(draw, range(9)), sep="\n")
