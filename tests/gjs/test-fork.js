// SPDX-FileCopyrightText: 2026 The pcall authors
// SPDX-License-Identifier: LGPL-2.1-or-later

// Forking is for those who ask for it, and refused where a child might hang.

import GLib from 'gi://GLib';
import Pcall from 'gi://Pcall?version=1.0';
import System from 'system';

import {equal, match, note, ok, run, test, throws} from './tap.js';

const FORK = {startMethod: Pcall.StartMethod.FORK};
const PROGRAM = GLib.filename_from_uri(import.meta.url.replace('test-fork', 'fork-once'))[0];

function runProgram(...args) {
  const [, output] = GLib.spawn_sync(null, ['gjs', PROGRAM, ...args], null,
    GLib.SpawnFlags.SEARCH_PATH, null);

  return JSON.parse(new TextDecoder().decode(output));
}

test('a program that has collected garbage', () => {
  for (let i = 0; i < 5; i++)
    System.gc();
  throws(() => Pcall.pcall(() => 1, FORK),
    {code: [Pcall.Error, Pcall.Error.FORK_UNSAFE], message: /spawn instead/});
});

// What a program may fork by, and what comes of it there
const ways = {
  options: [21, 22, 23],
  task: [20],
  target: [20],
  random: [9],
};

for (const [way, expected] of Object.entries(ways)) {
  test(`a program that has collected garbage, by ${way}`, () =>
    equal(runProgram('collect', way), 'refused'));

  // Whether the helper threads were woken by then is theirs to decide, but it is one or the other.
  // From SpiderMonkey 115 on, which no GJS before 1.77 has, there is no fork that works.
  test(`a fresh program forks or is refused, and does not hang, by ${way}`, () => {
    const outcomes = Array.from({length: 20}, () => runProgram('not', way));
    const forked = outcomes.filter(outcome => outcome !== 'refused');

    note(`${forked.length} of ${outcomes.length} forked`);
    forked.forEach(outcome => equal(outcome, expected));
    ok(forked.length > 0 || System.version >= 17700);
  });
}

test('what is another process\'s cannot be forked', () => {
  throws(() => Pcall.pcall(Pcall.moduleTarget(import.meta.url, 'x'), FORK),
    {code: [Pcall.Error, Pcall.Error.FORK_UNSAFE]});
});

test('it is not the default', () =>
  match(String(Pcall.pcall(() => imports.gi.Pcall.inWorker)), /^true$/));

run();
