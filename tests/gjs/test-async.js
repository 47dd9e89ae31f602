// SPDX-FileCopyrightText: 2026 The pcall authors
// SPDX-License-Identifier: LGPL-2.1-or-later

// Tasks beside a main loop: it goes on while a task is awaited; calls come as they end.

import GLib from 'gi://GLib';
import Pcall from 'gi://Pcall?version=1.0';
import System from 'system';

import {equal, note, ok, rejects, run, test, throws} from './tap.js';

function burn(seconds) {
  const {GLib: inner} = imports.gi;
  const end = inner.get_monotonic_time() + seconds * 1e6;

  while (inner.get_monotonic_time() < end)
    ;
  return seconds;
}

test('the main loop ticks on while a task is awaited', async () => {
  const begun = GLib.get_monotonic_time();
  let last = begun;
  let [nTicks, longest] = [0, 0];
  const id = GLib.timeout_add(GLib.PRIORITY_DEFAULT, 5, () => {
    const now = GLib.get_monotonic_time();

    longest = Math.max(longest, now - last);
    last = now;
    nTicks++;
    return GLib.SOURCE_CONTINUE;
  });

  await Pcall.pcallAsync(burn, {cargs: [0.02], nCalls: 40});
  GLib.source_remove(id);
  note(`${nTicks} ticks of 5 ms, the longest ${longest / 1000} ms`);
  ok(nTicks > 20, `${nTicks} ticks`);
  // On a busy machine all takes longer, each tick, too.
  const whole = GLib.get_monotonic_time() - begun;

  ok(longest < Math.max(250000, whole / 2), `the longest was ${longest} µs of ${whole}`);
});

test('promises go on while a task is awaited', async () => {
  let steps = 0;
  let done = false;

  (async () => {
    while (!done) {
      await new Promise(resolve => setTimeout(resolve, 1));
      steps++;
    }
  })();
  await Pcall.pcallAsync(burn, {cargs: [0.2]});
  done = true;
  ok(steps > 10, `${steps} steps`);
});

test('tasks side by side', async () => {
  const results = await Promise.all([1, 2, 3].map(i =>
    Pcall.pcallAsync(x => x * 10, {iargs: [[i], [i + 1]]})));

  equal(results, [[10, 20], [20, 30], [30, 40]]);
});

test('calls as they end', async () => {
  const order = [];

  for await (const call of Pcall.asCompleted(async ms => {
    await new Promise(resolve => setTimeout(resolve, ms));
    return ms;
  }, {iargs: [[2000], [1]], maxChildren: 2}))
    order.push([call.index, call.result]);
  equal(order, [[1, 1], [0, 2000]]);
});

test('calls as they end, with one that failed', async () => {
  const seen = [];

  for await (const call of Pcall.asCompleted(x => {
    if (x === 2)
      throw new RangeError('two');
    return x;
  }, {iargs: [[1], [2], [3]], maxChildren: 1}))
    seen.push(call.error?.name ?? call.result);
  equal(seen, [1, 'RangeError', 3]);
});

test('leaving the loop ends the other calls', async () => {
  const pids = [];

  for await (const call of Pcall.asCompleted(x => {
    for (; x === 0;);
    return x;
  }, {iargs: [[0], [1]], maxChildren: 2})) {
    pids.push(call.pid);
    break;
  }
  equal(pids.length, 1);
});

test('calls of a task that was started before', async () => {
  const p = new Pcall.Pcall(x => x, {iargs: [[1], [2], [3]], maxChildren: 1});
  const results = [];

  p.start();
  p.join();
  for await (const call of Pcall.asCompleted(p))
    results.push(call.result);
  equal(results, [1, 2, 3]);
});

test('calls of a task that has none', async () => {
  for await (const call of Pcall.asCompleted(x => x, {iargs: []}))
    throw new Error(`call ${call.index}`);
});

test('what is wrong is told before the first call', () =>
  throws(() => Pcall.asCompleted(5), {type: TypeError}));

test('calls that end while the loop does something else', async () => {
  for (const look of [p => p.running, p => p.livings.length > 0]) {
    const p = new Pcall.Pcall(x => x, {iargs: [[1], [2], [3], [4]], maxChildren: 2});
    const results = [];

    p.start();
    for await (const call of Pcall.asCompleted(p)) {
      results.push(call.result);
      while (look(p))
        GLib.usleep(1000);
    }
    equal(results.sort(), [1, 2, 3, 4]);
  }
});

test('pcall() in the middle of asynchronous code', async () => {
  await null;
  equal(Pcall.pcall(async x => await x, {cargs: [1]}), [1]);
});

test('a promise that nobody keeps', async () => {
  const file = `${GLib.get_tmp_dir()}/pcall-gjs-${GLib.uuid_string_random()}`;

  Pcall.pcallAsync(path => {
    imports.gi.GLib.file_set_contents(path, 'done');
  }, {cargs: [file]});
  for (let i = 0; i < 50; i++) {
    System.gc();
    await Pcall.pcallAsync(() => 1);
    if (GLib.file_test(file, GLib.FileTest.EXISTS))
      break;
  }
  ok(GLib.file_test(file, GLib.FileTest.EXISTS));
  GLib.unlink(file);
});

test('a task that was started and forgotten goes on', async () => {
  const file = `${GLib.get_tmp_dir()}/pcall-gjs-${GLib.uuid_string_random()}`;

  new Pcall.Pcall(path => {
    imports.gi.GLib.file_set_contents(path, 'done');
  }, {cargs: [file]}).start();
  for (let i = 0; i < 50; i++) {
    System.gc();
    await Pcall.pcallAsync(() => 1);
    if (GLib.file_test(file, GLib.FileTest.EXISTS))
      break;
  }
  ok(GLib.file_test(file, GLib.FileTest.EXISTS));
  GLib.unlink(file);
});

// In most of these the collector is in the middle of its work when the task is awaited.
test('awaited after much garbage was made', async () => {
  const kept = [];

  for (let i = 0; i < 20; i++) {
    for (let j = 0; j < 3000 + i * 1750; j++)
      kept.push({j, s: `x${j}`, a: [j]});
    if (kept.length > 150000)
      kept.splice(0, 100000);
    equal(await Pcall.pcallAsync(x => x, {cargs: [i]}), [i]);
  }
});

test('errors come to whoever waits', async () => {
  const error = await rejects(Pcall.pcallAsync(function fails() {
    throw new RangeError('here');
  }), {type: RangeError});

  ok(/test-async\.js[^]*in call 0 \(fails\)/.test(error.stack), error.stack);
});

run();
