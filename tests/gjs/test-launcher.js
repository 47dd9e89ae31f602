// SPDX-FileCopyrightText: 2026 The pcall authors
// SPDX-License-Identifier: LGPL-2.1-or-later

// Functions on other machines, for which this one stands in: an agent runs what it would there.

import Gio from 'gi://Gio';
import GLib from 'gi://GLib';
import Pcall from 'gi://Pcall?version=1.0';

import {equal, ok, rejects, run, test, throws} from './tap.js';

const launcher = Pcall.Launcher.new(['{agent}'], 2, Pcall.LauncherTransport.STREAMS);

function square(n) {
  return n * n;
}

function range(n) {
  return Array.from({length: n}, (_, i) => i);
}

// Of the process in which it runs
function getParent() {
  const status = imports.gi.GLib.file_get_contents('/proc/self/status')[1];

  return Number(/^PPid:\s+(\d+)/m.exec(new TextDecoder().decode(status))[1]);
}

// Kills the process of that name in this function's own place, or its agent with it.
function killAt(i, last, who) {
  const {GLib: inner} = imports.gi;
  const status = inner.file_get_contents('/proc/self/status')[1];
  const [, pid] = /^Pid:\s+(\d+)/m.exec(new TextDecoder().decode(status));
  const [, parent] = /^PPid:\s+(\d+)/m.exec(new TextDecoder().decode(status));

  if (i === last) {
    inner.spawn_command_line_sync(`kill -9 ${who === 'agent' ? parent : pid}`);
    for (;;)
      ;
  }
  return i;
}

function hangAt(i, last) {
  while (i === last)
    ;
  return i;
}

const myPid = new Gio.Credentials().get_unix_pid();

test('results', () =>
  equal(Pcall.pcall(square, {iargs: [[2], [3], [4]], launcher}), [4, 9, 16]));

test('a promise', async () =>
  equal(await Pcall.pcallAsync(square, {iargs: [[5]], launcher}), [25]));

test('an async function', async () =>
  equal(await Pcall.pcallAsync(async n => n + 1, {iargs: [[5], [6]], launcher}), [6, 7]));

test('keyword arguments and lists', () =>
  equal(Pcall.pcall(({a, b}) => a + b, {ckwargs: {a: 1}, b: [2, 3], launcher}), [3, 4]));

test('typed arrays', () =>
  equal(Pcall.pcall(n => new Uint8Array(n).fill(7), {iargs: [[3]], launcher}),
    [Uint8Array.of(7, 7, 7)]));

test('where they ran', () => {
  const task = new Pcall.Pcall(square, {iargs: [[1], [2]], launcher, retries: 2});

  task.start();
  task.join();
  equal(task.task.retries, 2);
  ok([0, 1].every(i => task.task.get_call(i).host === GLib.get_host_name()));
  equal(launcher.n_connected > 0, true);
});

test('what is thrown', () => throws(() => Pcall.pcall(n => {
  throw new RangeError(`there, ${n}`);
}, {iargs: [[1]], launcher}), {message: /there, 1/}));

test('map', async () => {
  equal(await Pcall.map(square, range(3000), {launcher}).toArray(), range(3000).map(square));
  const parents = await Pcall.map(getParent, range(20), {launcher}).toArray();

  ok(parents.every(pid => pid !== myPid));
});

test('map in a pool', async () => {
  const pool = new Pcall.Pool({maxChildren: 2});

  equal(await pool.map(square, range(100), {launcher}).toArray(), range(100).map(square));
  equal(pool.pcall(square, {iargs: [[2]], launcher}), [4]);
  ok(pool.pcall(getParent, {nCalls: 1}).every(pid => pid === myPid));
  pool.close();
});

test('map: a crash costs the item that ran', async () => {
  const lasts = range(40).map(() => 25);
  const outcomes = await Pcall.map(killAt, range(40), lasts, {launcher, settled: true}).toArray();
  const bad = outcomes.filter(({status}) => status === 'rejected');

  equal(outcomes.length, 40);
  equal(bad.map(({index}) => index), [25]);
  ok(/^call 25 .* killed by signal 9/.test(bad[0].reason.message), bad[0].reason.message);
  equal(outcomes.filter(({value}) => value !== undefined).map(({value}) => value),
    range(40).filter(i => i !== 25));
});

test('map: an exception', () => rejects(Pcall.map(i => {
  throw new RangeError(`there, ${i}`);
}, [7], {launcher}).toArray(), {type: RangeError, message: /there, 7/}));

test('map: a timeout', async () => {
  const lasts = range(6).map(() => 2);
  const outcomes = await Pcall.map(hangAt, range(6), lasts,
    {launcher, settled: true, timeout: 2}).toArray();

  equal(outcomes.filter(({status}) => status === 'rejected').map(({index}) => index), [2]);
  ok(outcomes[2].reason.matches(Pcall.Error, Pcall.Error.TIMED_OUT));
});

test('map: a machine that is lost', async () => {
  const others = Pcall.Launcher.new(['{agent}'], 1, Pcall.LauncherTransport.STREAMS);
  const lasts = range(40).map(() => 25);
  const outcomes = await Pcall.map(killAt, range(40), lasts, lasts.map(() => 'agent'),
    {launcher: others, settled: true, maxChildren: 1}).toArray();
  const bad = outcomes.filter(({status}) => status === 'rejected');

  others.close();
  equal(outcomes.map(({index}) => index), range(40));
  ok(bad.some(({index}) => index === 25));
  ok(bad.every(({reason}) => reason.matches(Pcall.Error, Pcall.Error.LOST)));
  ok(outcomes.filter(({status}) => status === 'fulfilled').every(({index, value}) => index === value));
});

test('the variable', async () => {
  const pool = new Pcall.Pool({maxChildren: 2});

  try {
    GLib.setenv('PCALL_LAUNCHER', 'slurm:none', true);
    for (const begin of [() => Pcall.map(square, [1]), () => Pcall.pcall(square, {iargs: [[1]]}),
      () => pool.map(square, [1])])
      throws(begin, {message: /PCALL_LAUNCHER: launcher: slurm: "none" is no number of workers/});

    GLib.setenv('PCALL_LAUNCHER', '{agent}', true);
    equal(await Pcall.map(square, range(100)).toArray(), range(100).map(square));
    const parents = [await Pcall.map(getParent, [1, 2]).toArray(),
      await pool.map(getParent, [1, 2]).toArray(), pool.pcall(getParent, {nCalls: 2})].flat();

    ok(parents.every(pid => pid !== myPid));
  } finally {
    GLib.setenv('PCALL_LAUNCHER', '{agent}', true);
    Pcall.Launcher.get_default().close();
    GLib.unsetenv('PCALL_LAUNCHER');
    pool.close();
  }
});

test('no launcher', () =>
  throws(() => Pcall.pcall(square, {launcher: 'slurm:40'}),
    {type: TypeError, message: /launcher is a Pcall.Launcher, not "slurm:40"/}));

test('null is this machine', () =>
  equal(Pcall.pcall(square, {iargs: [[2]], launcher: null}), [4]));

test('nobody comes', () =>
  throws(() => Pcall.pcall(square, {
    iargs: [[2]],
    launcher: Pcall.Launcher.new(['false'], 1, Pcall.LauncherTransport.STREAMS),
  }), {code: [Pcall.Error, Pcall.Error.START], message: /exited with status 1 before an agent/}));

test('closed', () => {
  launcher.close();
  throws(() => Pcall.pcall(square, {iargs: [[2]], launcher}), {message: /it was closed/});
});

run();
