// SPDX-FileCopyrightText: 2026 The pcall authors
// SPDX-License-Identifier: LGPL-2.1-or-later

// A heap that was collected before, and calls that collect garbage: none hangs. 1,000 of them with
// `slow` as an argument, else 100.

import Pcall from 'gi://Pcall?version=1.0';
import System from 'system';

import {equal, run, test} from './tap.js';

const N_CALLS = ARGV.includes('slow') ? 1000 : 100;

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

test(`${N_CALLS / 10} fresh workers`, () => {
  for (let i = 0; i < N_CALLS / 10; i++) {
    System.gc();
    equal(Pcall.pcall(collect, {timeout: 60}), [10000]);
  }
});

await run();
