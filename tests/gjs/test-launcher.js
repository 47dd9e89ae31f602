// SPDX-FileCopyrightText: 2026 The pcall authors
// SPDX-License-Identifier: LGPL-2.1-or-later

// Functions on other machines, for which this one stands in: an agent runs what it would there.

import GLib from 'gi://GLib';
import Pcall from 'gi://Pcall?version=1.0';

import {equal, ok, run, test, throws} from './tap.js';

const launcher = Pcall.Launcher.new(['{agent}'], 2, Pcall.LauncherTransport.STREAMS);

function square(n) {
  return n * n;
}

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

await run();
