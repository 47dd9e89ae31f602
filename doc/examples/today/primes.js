#!/usr/bin/gjs -m
// SPDX-FileCopyrightText: 2026 The pcall authors
// SPDX-License-Identifier: LGPL-2.1-or-later

// How many primes there are, as in primes.js, with Gio.Subprocess: a part for each processor.

import Gio from 'gi://Gio';
import GLib from 'gi://GLib';

Gio._promisify(Gio.Subprocess.prototype, 'communicate_utf8_async');

function isPrime(n) {
  for (let divisor = 2; divisor * divisor <= n; divisor++) {
    if (n % divisor === 0)
      return false;
  }
  return n > 1;
}

async function count(from, to) {
  const source = `${isPrime}
    let n = 0;
    for (let i = ${from}; i < ${to}; i++)
      n += isPrime(i);
    print(n);`;
  const gjs = Gio.Subprocess.new(['gjs', '-c', source], Gio.SubprocessFlags.STDOUT_PIPE);
  const [output] = await gjs.communicate_utf8_async(null, null);

  return Number(output);
}

const size = Math.ceil(20000 / GLib.get_num_processors());
const parts = Array.from({length: GLib.get_num_processors()}, (_, i) => i * size);
const counts = await Promise.all(parts.map(from => count(from, Math.min(from + size, 20000))));

print(counts.reduce((a, b) => a + b));
