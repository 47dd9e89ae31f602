// SPDX-FileCopyrightText: 2026 The pcall authors
// SPDX-License-Identifier: LGPL-2.1-or-later

// What a call costs on a worker that is warm: a task of many calls in one worker, less a task of
// one call, which is the start of the worker. The median of the rounds; the bar is 1 ms.

import GLib from 'gi://GLib';
import Pcall from 'gi://Pcall?version=1.0';

const QUICK = ARGV.includes('--quick');
const N_CALLS = QUICK ? 50 : 1000;
const N_ROUNDS = QUICK ? 1 : 7;
const BAR_MS = 1;

const record = {name: 'disk', sizes: [1, 2, 3.5], nested: {when: new Date(0), tags: new Set(['a'])}};

// [work, function, argument, bar in ms or null]
const rows = [
  ['a number', x => x + 1, 1, BAR_MS],
  ['an object', x => x, record, BAR_MS],
  ['a number, asynchronous', async x => await x + 1, 1, BAR_MS],
  ['64 KiB of bytes', x => x, new Uint8Array(64 * 1024), null],
];

function measure(func, argument, nCalls) {
  const start = GLib.get_monotonic_time();
  const results = Pcall.pcall(func, {cargs: [argument], nCalls, maxChildren: 1});

  if (results.length !== nCalls)
    throw new Error(`${results.length} results of ${nCalls} calls`);
  return (GLib.get_monotonic_time() - start) / 1000;
}

function measureRow([work, func, argument, bar]) {
  const rounds = [];

  for (let i = 0; i < N_ROUNDS; i++) {
    const start = measure(func, argument, 1);

    rounds.push((measure(func, argument, N_CALLS + 1) - start) / N_CALLS);
  }
  rounds.sort((a, b) => a - b);
  const median = rounds[Math.floor(rounds.length / 2)];
  let verdict = '';

  if (bar !== null)
    verdict = `≤ ${bar}  ${QUICK ? 'too small to tell' : median <= bar ? 'reached' : 'NOT reached'}`;
  print(`${work.padEnd(40)} ${median.toFixed(3)}  (${rounds[0].toFixed(3)} … ${
    rounds[rounds.length - 1].toFixed(3)})   ${verdict}`);
}

print(`${`a warm call in JavaScript, of ${N_CALLS}: ms`.padEnd(40)} median (lowest … highest)  bar`);
rows.forEach(measureRow);
