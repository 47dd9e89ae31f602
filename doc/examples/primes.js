#!/usr/bin/gjs -m
// SPDX-FileCopyrightText: 2026 The pcall authors
// SPDX-License-Identifier: LGPL-2.1-or-later

// How many primes there are below 20,000. There is no chunk size to choose.

import Pcall from 'gi://Pcall';

function isPrime(n) {
  for (let divisor = 2; divisor * divisor <= n; divisor++) {
    if (n % divisor === 0)
      return false;
  }
  return n > 1;
}

const found = await Pcall.map(isPrime, Array(20000).keys()).toArray();

print(found.filter(Boolean).length);
