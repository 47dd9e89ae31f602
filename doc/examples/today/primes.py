#!/usr/bin/python3
# SPDX-FileCopyrightText: 2026 The pcall authors
# SPDX-License-Identifier: LGPL-2.1-or-later

"""How many primes there are below 20,000, as primes.py has it, with concurrent.futures."""

import concurrent.futures
import math


def is_prime(n):
    return n > 1 and all(n % divisor for divisor in range(2, math.isqrt(n) + 1))


if __name__ == "__main__":
    with concurrent.futures.ProcessPoolExecutor() as executor:
        print(sum(executor.map(is_prime, range(20_000), chunksize=500)))
