#!/usr/bin/python3
# SPDX-FileCopyrightText: 2026 The pcall authors
# SPDX-License-Identifier: LGPL-2.1-or-later

"""How many primes there are below 20,000. There is no chunk size to choose."""

import math

import gi

gi.require_version("Pcall", "1.0")

from gi.repository import Pcall  # noqa: E402


def is_prime(n):
    return n > 1 and all(n % divisor for divisor in range(2, math.isqrt(n) + 1))


print(sum(Pcall.map(is_prime, range(20_000))))
