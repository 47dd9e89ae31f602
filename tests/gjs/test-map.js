// SPDX-FileCopyrightText: 2026 The pcall authors
// SPDX-License-Identifier: LGPL-2.1-or-later

// map(): what comes of items, in which order, how far it looks ahead, and what becomes of the others
// when one fails, crashes or hangs.

import Gio from 'gi://Gio';
import GLib from 'gi://GLib';
import Pcall from 'gi://Pcall?version=1.0';
import System from 'system';

import {equal, match, ok, rejects, run, runAll, test, throws} from './tap.js';

const here = GLib.path_get_dirname(GLib.filename_from_uri(import.meta.url)[0]);
const directory = GLib.Dir.make_tmp('pcall-test-map-XXXXXX');
const pool = new Pcall.Pool({maxChildren: 2});

let nFiles = 0;

function newPath() {
  return GLib.build_filenamev([directory, String(nFiles++)]);
}

function readLines(path) {
  return GLib.file_test(path, GLib.FileTest.EXISTS)
    ? new TextDecoder().decode(GLib.file_get_contents(path)[1]).split('\n').slice(0, -1) : [];
}

function range(n) {
  return Array.from({length: n}, (_, i) => i);
}

function square(x) {
  return x * x;
}

// Functions for workers

function getPid() {
  return new imports.gi.Gio.Credentials().get_unix_pid();
}

// Adds a line to `path`, and ends as told where `i` is `last`.
function note(i, path, last, how) {
  const inner = imports.gi;
  const out = inner.Gio.File.new_for_path(path).append_to(inner.Gio.FileCreateFlags.NONE, null);
  const pid = new inner.Gio.Credentials().get_unix_pid();

  out.write_all(`${i}\n`, null);
  out.close(null);
  if (i === last && how === 'crash') {
    inner.GLib.spawn_command_line_sync(`kill -9 ${pid}`);
    for (;;)
      ;
  }
  if (i === last && how === 'exit')
    imports.system.exit(7);
  if (i === last && how === 'hang')
    for (;;)
      ;
  return i;
}

function waitForFile(path) {
  const {GLib: inner} = imports.gi;

  while (path !== null && !inner.file_test(path, inner.FileTest.EXISTS))
    inner.usleep(1000);
  return path;
}

// What comes of it

test('results in order', async () => {
  equal(await pool.map(square, range(1000)).toArray(), range(1000).map(square));
  equal(await pool.map(square, []).toArray(), []);
});

test('with a pool of its own', async () =>
  equal(await Pcall.map(square, [1, 2, 3]).toArray(), [1, 4, 9]));

test('several iterables, up to the end of the shortest', async () =>
  equal(await pool.map((a, b, c) => [a, b, c], [1, 2, 3], new Set(['x', 'y']),
    new Map([[1, 2], [3, 4], [5, 6]])).toArray(), [[1, 'x', [1, 2]], [2, 'y', [3, 4]]]));

test('an asynchronous iterable', async () => {
  async function* slowly() {
    for (let i = 0; i < 50; i++) {
      await new Promise(resolve => setTimeout(resolve, 1));
      yield i;
    }
  }
  equal(await pool.map(square, slowly()).toArray(), range(50).map(square));
  equal(await pool.map((a, b) => a + b, slowly(), range(20)).toArray(), range(20).map(x => 2 * x));
});

test('an iterable that throws', async () => {
  function* broken() {
    yield 1;
    throw new RangeError('no more');
  }
  async function* brokenLater() {
    yield 1;
    throw new RangeError('no more');
  }
  await rejects(pool.map(square, broken()).toArray(), {type: RangeError, message: /^no more$/});
  await rejects(pool.map(square, brokenLater()).toArray(), {type: RangeError, message: /^no more$/});
});

test('values of all sorts', async () => {
  const values = [undefined, null, -0, NaN, 12n, 'ä\0\ud800', '', {$: 1}, [, 1], new Map([[{}, 1]]),
    new Date(5), /x/g, Uint8Array.of(1, 2), Float32Array.of(0.5), range(100), new Error('x').message];

  equal(await pool.map(x => x, values).toArray(), values);
});

test('GVariants', async () => {
  const variants = await pool.map(n => new imports.gi.GLib.Variant('(si)', ['x', n]), [1, 2]).toArray();

  equal(variants.map(each => each.deepUnpack()), [['x', 1], ['x', 2]]);
});

test('results that no journal holds', async () => {
  const sizes = [10, 3000000, 5, 100000, 70000, 2000000, 1];
  const arrays = await pool.map(n => new Uint8Array(n).fill(7), sizes).toArray();
  const texts = await pool.map(n => 'ä'.repeat(n), sizes).toArray();

  equal(arrays.map(each => each.length), sizes);
  ok(arrays.every(each => each.every(byte => byte === 7)));
  equal(texts.map(each => each.length), sizes);
});

test('more results than a journal holds', async () => {
  const texts = await pool.map(n => String(n).padEnd(2000, 'x'), range(3000)).toArray();

  ok(texts.every((text, i) => text.startsWith(String(i)) && text.length === 2000));
});

test('an asynchronous function', async () =>
  equal(await pool.map(async ms => {
    await new Promise(resolve => setTimeout(resolve, ms));
    return ms;
  }, [3, 2, 1]).toArray(), [3, 2, 1]));

test('a function of a module', async () =>
  equal(await pool.map(Pcall.moduleTarget(`${here}/targets.js`, 'multiply'), [1, 2]).toArray(), [10, 20]));

test('a module that lacks it', () =>
  rejects(pool.map(Pcall.moduleTarget(`${here}/targets.js`, 'nothing'), range(100),
    {settled: true}).toArray(), {code: [Pcall.Error, Pcall.Error.TARGET], message: /has no "nothing"/}));

test('a module that maps when it is imported', () =>
  rejects(pool.map(Pcall.moduleTarget(`${here}/mapping-targets.js`, 'one'), [1]).toArray(),
    {type: Error, message: /^a task is started while a worker imports this module/}));

test('callIndex()', async () =>
  equal(await pool.map(() => imports.gi.Pcall.callIndex(), range(500)).toArray(), range(500)));

test('toArray() after the first', async () => {
  const results = pool.map(square, range(10));

  equal((await results.next()).value, 0);
  equal(await results.toArray(), range(10).slice(1).map(square));
});

// How far it looks

test('nothing is taken before somebody asks', async () => {
  let nTaken = 0;

  function* count() {
    for (;;)
      yield nTaken++;
  }
  const results = pool.map(square, count());

  equal(nTaken, 0);
  equal((await results.next()).value, 0);
  ok(nTaken > 0);
  await results.return();
});

test('items without an end, and slow ones not far ahead', async () => {
  let nTaken = 0;
  let closed = false;

  function* count() {
    try {
      for (;;)
        yield nTaken++;
    } finally {
      closed = true;
    }
  }
  const seen = [];

  for await (const x of pool.map(i => {
    imports.gi.GLib.usleep(60000);
    return i;
  }, count())) {
    seen.push(x);
    ok(nTaken - seen.length <= 8, `${nTaken} taken for ${seen.length}`);
    if (seen.length === 6)
      break;
  }
  equal(seen, range(6));
  ok(closed);
});

test('as they end', async () => {
  const path = newPath();
  const seen = [];

  for await (const each of pool.map(waitForFile, [path, null], {ordered: false})) {
    seen.push(each);
    if (each === null)
      GLib.file_set_contents(path, 'go');
  }
  equal(seen, [null, path]);
});

test('all of many as they end', async () => {
  const seen = await pool.map(square, range(5000), {ordered: false}).toArray();

  equal(seen.sort((a, b) => a - b), range(5000).map(square));
});

test('several at once', async () => {
  const all = await Promise.all([1, 2, 3].map(k =>
    pool.map((a, b) => a * b, range(300), new Array(300).fill(k)).toArray()));

  equal(all, [1, 2, 3].map(k => range(300).map(i => i * k)));
});

// What goes wrong

test('an error is thrown when its turn comes', async () => {
  const seen = [];
  let thrown = null;

  try {
    for await (const x of pool.map(function pick(i) {
      if (i === 250)
        throw new RangeError('no pick');
      return i;
    }, range(1000)))
      seen.push(x);
  } catch (error) {
    thrown = error;
  }
  equal(seen, range(250));
  ok(thrown instanceof RangeError);
  equal(thrown.message, 'no pick');
  match(thrown.stack, /test-map\.js[^]*\nin call 250 \(pick\), process \d+:\npick@pcall:pick:/);
});

test('what became of each', async () => {
  const outcomes = await pool.map(i => {
    if (i % 2 === 1)
      throw i;
    return i;
  }, range(4), {settled: true}).toArray();

  equal(outcomes, [{index: 0, status: 'fulfilled', value: 0}, {index: 1, status: 'rejected', reason: 1},
    {index: 2, status: 'fulfilled', value: 2}, {index: 3, status: 'rejected', reason: 3}]);
});

test('a variable around a function', () =>
  rejects(pool.map(x => x + nFiles, [1]).toArray(),
    {type: ReferenceError, message: /^nFiles is not defined: \(anonymous\) was sent to another process/}));

test('what cannot cross costs itself', async () => {
  const items = range(100);

  items[40] = {inside: () => 1};
  const outcomes = await pool.map(x => typeof x, items, {settled: true}).toArray();

  equal(outcomes.filter(({status}) => status === 'rejected').map(({index}) => index), [40]);
  equal(outcomes[40].reason.message, 'item 40.inside: a function cannot cross to another process; ' +
    'make it in the call, or give its name');
});

// Told as by pcall(): a number by itself, and else by why it cannot cross.
test('whatever is thrown costs itself', async () => {
  function throwOne(i) {
    const cycle = {};

    cycle.cycle = cycle;
    throw [i, Symbol('told'), () => 1, cycle, Object.create(imports.gi.GLib.Error.prototype)][i];
  }
  const outcomes = await pool.map(throwOne, range(5), {settled: true}).toArray();

  equal(outcomes[0].reason, 0);
  match(outcomes[1].reason.message, /^what was thrown: a symbol cannot cross/);
  match(outcomes[2].reason.message, /^what was thrown: a function cannot cross/);
  match(outcomes[3].reason.message, /^what was thrown.cycle: an object that contains itself cannot/);
  ok(outcomes[4].reason instanceof Error);
});

test('a result that cannot cross costs itself', async () => {
  const outcomes = await pool.map(i => i === 3 ? () => 1 : i, range(6), {settled: true}).toArray();

  equal(outcomes.map(({value}) => value), [0, 1, 2, undefined, 4, 5]);
  match(outcomes[3].reason.message, /^the result: a function cannot cross/);
});

for (const [how, code, message] of [
  ['crash', Pcall.Error.CRASHED, /^call 150 \(note\): killed by signal 9/],
  ['exit', Pcall.Error.EXITED, /^call 150 \(note\): exited with status 7/],
  ['hang', Pcall.Error.TIMED_OUT, /^call 150 \(note\): timed out after 2 s/],
]) {
  test(`to ${how} costs the item that does it, and no other runs twice`, async () => {
    const [path, n] = [newPath(), 300];
    const fill = value => new Array(n).fill(value);
    const outcomes = await pool.map(note, range(n), fill(path), fill(150), fill(how),
      {settled: true, timeout: 2, gracePeriod: 0}).toArray();

    equal(outcomes.map(({index}) => index), range(n));
    equal(outcomes.filter(({status}) => status === 'rejected').map(({index}) => index), [150]);
    ok(outcomes[150].reason.matches(Pcall.Error, code), String(outcomes[150].reason));
    match(outcomes[150].reason.message, message);
    equal(readLines(path).map(Number).sort((a, b) => a - b), range(n));
  });
}

test('each of many crashes', async () => {
  const outcomes = await pool.map(i => {
    if (i % 3 === 0)
      imports.gi.GLib.spawn_command_line_sync(
        `kill -9 ${new imports.gi.Gio.Credentials().get_unix_pid()}`);
    return i;
  }, range(9), {settled: true}).toArray();

  equal(outcomes.map(({value}) => value), [undefined, 1, 2, undefined, 4, 5, undefined, 7, 8]);
});

test('a timeout is that of one item', async () =>
  equal(await pool.map(ms => {
    imports.gi.GLib.usleep(ms * 1000);
    return ms;
  }, new Array(60).fill(50), {timeout: 1, maxChildren: 1}).toArray(), new Array(60).fill(50)));

test('a deadline is that of the whole', () =>
  rejects(pool.map(() => {
    for (;;)
      ;
  }, [1, 2], {deadline: 0.3, gracePeriod: 0}).toArray(),
  {code: [Pcall.Error, Pcall.Error.TIMED_OUT], message: /^map: the deadline of 0.3 s passed$/}));

test('cancelled', async () => {
  const cancellable = new Gio.Cancellable();
  const promise = pool.map(() => {
    for (;;)
      ;
  }, range(5), {cancellable, gracePeriod: 0}).toArray();

  setTimeout(() => cancellable.cancel(), 1);
  await rejects(promise, {code: [Gio.IOErrorEnum, Gio.IOErrorEnum.CANCELLED]});
  await rejects(pool.map(square, [1], {cancellable}).toArray(),
    {code: [Gio.IOErrorEnum, Gio.IOErrorEnum.CANCELLED]});
});

// Workers

function isThere(pid) {
  return GLib.file_test(`/proc/${pid}`, GLib.FileTest.EXISTS);
}

async function waitUntil(condition) {
  const until = GLib.get_monotonic_time() + 60e6;

  while (!condition()) {
    ok(GLib.get_monotonic_time() < until, 'that did not come');
    await new Promise(resolve => setTimeout(resolve, 2));
  }
}

test('workers stay', async () => {
  const own = new Pcall.Pool({maxChildren: 1});
  const pids = [...await own.map(getPid, range(20)).toArray(), ...await own.map(getPid, [1]).toArray(),
    ...own.pcall(getPid, {nCalls: 3}), ...await own.pcallAsync(getPid)];

  for await (const call of own.asCompleted(getPid))
    pids.push(call.result);
  pids.push(...Pcall.pcall(getPid, {pool: own}));
  equal(new Set(pids).size, 1);
  ok(isThere(pids[0]));
  own.close();
  await waitUntil(() => !isThere(pids[0]));
});

test('workers do not stay without a pool', async () => {
  const [pid] = await Pcall.map(getPid, [1]).toArray();

  await waitUntil(() => !isThere(pid));
});

test('workers that are idle end', async () => {
  const own = new Pcall.Pool({idleTimeout: 0.01});
  const [pid] = await own.map(getPid, [1]).toArray();

  await waitUntil(() => !isThere(pid));
  equal(await own.map(square, [3]).toArray(), [9]);
});

test('a worker that was killed is replaced', async () => {
  const own = new Pcall.Pool({maxChildren: 1});
  const [pid] = await own.map(getPid, [1]).toArray();

  GLib.spawn_command_line_sync(`kill -9 ${pid}`);
  const [next] = await own.map(getPid, [1]).toArray();

  ok(next !== pid);
  await waitUntil(() => !isThere(pid));
});

test('callsPerChild', async () => {
  const pids = await pool.map(getPid, range(7), {callsPerChild: 2}).toArray();
  const counts = [...new Set(pids)].map(pid => pids.filter(each => each === pid).length);

  ok(counts.every(n => n <= 2), String(counts));
});

test('maxChildren', async () => {
  const pids = await pool.map(getPid, range(50), {maxChildren: 1}).toArray();

  equal(new Set(pids).size, 1);
});

test('whoever leaves early ends the others', async () => {
  const path = newPath();
  const results = pool.map((i, file) => {
    if (i > 0) {
      imports.gi.GLib.file_set_contents(file,
        String(new imports.gi.Gio.Credentials().get_unix_pid()));
      for (;;)
        ;
    }
    return i;
  }, range(3), new Array(3).fill(path), {gracePeriod: 0});

  for await (const first of results) {
    equal(first, 0);
    await waitUntil(() => GLib.file_test(path, GLib.FileTest.EXISTS));
    break;
  }
  const pid = Number(new TextDecoder().decode(GLib.file_get_contents(path)[1]));

  await waitUntil(() => !isThere(pid));
  equal(await pool.map(square, [2]).toArray(), [4]);
});

test('workers end with the program that is killed', async () => {
  const program = new Gio.Subprocess({argv: ['gjs', '-m', `${here}/map-forever.js`],
    flags: Gio.SubprocessFlags.STDOUT_PIPE});

  program.init(null);
  const output = new Gio.DataInputStream({base_stream: program.get_stdout_pipe()});
  const pids = JSON.parse(output.read_line_utf8(null)[0]);

  ok(pids.length > 0 && pids.every(isThere));
  program.force_exit();
  await waitUntil(() => !pids.some(isThere));
});

test('while the caller makes garbage', async () => {
  const results = pool.map(n => 'x'.repeat(n), new Array(20000).fill(10));
  const kept = [];
  let n = 0;

  for await (const text of results) {
    kept.push({text, n: n++, list: [text]});
    if (kept.length > 3000)
      kept.splice(0, 2500);
  }
  equal(n, 20000);
});

test('while the caller collects', async () => {
  let n = 0;

  for await (const x of pool.map(square, range(2000))) {
    n += x > 0 ? 1 : 0;
    if (n % 500 === 0)
      System.gc();
  }
  equal(n, 1999);
});

test('100,000 tiny calls', async () => {
  const begin = GLib.get_monotonic_time();

  equal(await pool.map(square, range(100000)).toArray(), range(100000).map(square));
  print(`# ${Math.round((GLib.get_monotonic_time() - begin) / 1000)} ms`);
});

// What is no map

const refused = [
  [() => pool.map(square), TypeError, /^map: there is nothing to map over; give an iterable/],
  [() => pool.map(5, [1]), TypeError, /^map: 5 is neither a function nor what Pcall\.moduleTarget/],
  [() => pool.map(square, 5), TypeError, /^map: argument 2 is 5, which is not iterable/],
  [() => pool.map(square, 'abc'), TypeError, /^map: argument 2 is "abc", which is not iterable/],
  [() => pool.map(square, {length: 2}), TypeError, /^map: argument 2 is an object, which is not/],
  [() => pool.map(Math.max, [1]), TypeError, /^max has no source to send to a worker/],
  [() => pool.pcall(square, {pool}), TypeError, /^pool is this pool already/],
];

for (const [body, type, message] of refused)
  test(`refused: ${message}`, () => throws(body, {type, message}));

run(runAll().finally(() => GLib.spawn_command_line_sync(`rm -r ${directory}`)));
