// SPDX-FileCopyrightText: 2026 The pcall authors
// SPDX-License-Identifier: LGPL-2.1-or-later

// A heap that was collected before, and calls that collect garbage: none hangs. 1,000 of them with
// `slow` as an argument, else 100.

import Pcall from 'gi://Pcall?version=1.0';
import System from 'system';

import {equal, run, test} from './tap.js';

const N_CALLS = ARGV.includes('slow') ? 1000 : 100;

// Garbage that the collector takes away in steps, when it thinks it time.
function litter(n) {
  const kept = globalThis.kept ??= [];

  for (let i = 0; i < n; i++) {
    kept.push({i, s: `x${i}`, a: [i]});
    if (kept.length > 200000)
      kept.splice(0, 150000);
  }
  return n;
}

function collect() {
  const garbage = [];

  for (let i = 0; i < 10000; i++)
    garbage.push({i});
  imports.system.gc();
  return garbage.length;
}

test(`${N_CALLS} calls that collect garbage`, () => {
  collect();
  equal(Pcall.pcall(collect, {nCalls: N_CALLS, timeout: 60}), new Array(N_CALLS).fill(10000));
});

test('while the caller collects too', async () => {
  const p = new Pcall.Pcall(collect, {nCalls: N_CALLS, timeout: 60});

  p.connect('call-finished', () => System.gc());
  p.start();
  await p.joinAsync();
  equal(p.results.length, N_CALLS);
});

test(`${N_CALLS * 5} calls that make garbage and leave it to be collected`, () => {
  const numbers = Array.from({length: N_CALLS * 5}, (_, i) => 1000 + i % 7 * 3000);

  equal(Pcall.pcall(litter, {iargs: numbers.map(n => [n]), maxChildren: 2, timeout: 60}), numbers);
});

test(`${N_CALLS / 10} fresh workers`, () => {
  for (let i = 0; i < N_CALLS / 10; i++) {
    System.gc();
    equal(Pcall.pcall(collect, {timeout: 60}), [10000]);
  }
});

run();
