#!/usr/bin/gjs -m
// SPDX-FileCopyrightText: 2026 The pcall authors
// SPDX-License-Identifier: LGPL-2.1-or-later

// The first twin primes above a number: items without an end, of which no more is taken than needed.

import Pcall from 'gi://Pcall';

const [from = 1e9, count = 10] = ARGV.map(Number);

function isTwin(n) {
  const isPrime = p => {
    for (let d = 2; d * d <= p; d++) {
      if (p % d === 0)
        return false;
    }
    return p > 1;
  };

  return isPrime(n) && isPrime(n + 2);
}

function* countUp(n) {
  for (;;)
    yield n++;
}

let [n, found] = [from, 0];

for await (const twin of Pcall.map(isTwin, countUp(from))) {
  if (twin) {
    print(n, n + 2);
    if (++found >= count)
      break;
  }
  n++;
}
