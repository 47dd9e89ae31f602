#!/usr/bin/python3
# SPDX-FileCopyrightText: 2026 The pcall authors
# SPDX-License-Identifier: LGPL-2.1-or-later

"""The squares of three numbers, as hello.py has them, with concurrent.futures."""

import concurrent.futures


def square(n):
    return n * n


if __name__ == "__main__":
    with concurrent.futures.ProcessPoolExecutor() as executor:
        print(tuple(executor.map(square, (2, 3, 4))))
