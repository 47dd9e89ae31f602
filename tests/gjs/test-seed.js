// SPDX-FileCopyrightText: 2026 The pcall authors
// SPDX-License-Identifier: LGPL-2.1-or-later

// The examples of the pcall that this one began as, in JavaScript: what is a tuple or a list there
// is an array here, and keyword arguments are one object, the last argument.

import Pcall from 'gi://Pcall?version=1.0';

import {equal, ok, rejects, run, test, throws} from './tap.js';

function func(...args) {
  return args;
}

function func1(...arg) {
  return {name: 'func1', arg};
}

function func2(...arg) {
  return {name: 'func2', arg};
}

function func3(...arg) {
  return {name: 'func3', arg};
}

// [name, targets, options, expected]
const examples = [
  ['a simple parallel call', ({x, y}) => x + y, {x: [1, 2, 3], y: [4, 5, 6]}, [5, 7, 9]],
  ['positional arguments', func, {cargs: [1, 2, 3], iargs: [[4], [5], [6]]},
    [[1, 2, 3, 4], [1, 2, 3, 5], [1, 2, 3, 6]]],
  ['keyword arguments', func, {ckwargs: {a: 1, b: 2}, ikwargs: [{c: 3}, {c: 4}, {c: 5}]},
    [[{a: 1, b: 2, c: 3}], [{a: 1, b: 2, c: 4}], [{a: 1, b: 2, c: 5}]]],
  ['variable keyword arguments', func, {x: [1, 2, 3], y: [4, 5, 6], z: [7, 8, 9]},
    [[{x: 1, y: 4, z: 7}], [{x: 2, y: 5, z: 8}], [{x: 3, y: 6, z: 9}]]],
  ['a combination', func, {
    cargs: [1, 2, 3], iargs: [[6, 7], [8, 9]], ckwargs: {a: 1, b: 2}, ikwargs: [{c: 3}, {c: 4}],
    x: [10, 20], y: [100, 200],
  }, [[1, 2, 3, 6, 7, {a: 1, b: 2, c: 3, x: 10, y: 100}],
    [1, 2, 3, 8, 9, {a: 1, b: 2, c: 4, x: 20, y: 200}]]],
  ['extra iterations are tossed away', func,
    {iargs: [[1, 2], [3, 4], [5, 6]], ikwargs: [{a: 1}, {a: 2}]}, [[1, 2, {a: 1}], [3, 4, {a: 2}]]],
  ['several targets: positional arguments', [func1, func2, func3],
    {cargs: [1, 2, 3], iargs: [[4, 5, 6], [7, 8, 9], [9, 10, 11]]},
    [{name: 'func1', arg: [1, 2, 3, 4, 5, 6]}, {name: 'func2', arg: [1, 2, 3, 7, 8, 9]},
      {name: 'func3', arg: [1, 2, 3, 9, 10, 11]}]],
  ['several targets: keyword arguments', [func1, func2, func3],
    {ckwargs: {a: 1, b: 2}, ikwargs: [{c: 3}, {c: 4}, {c: 5}]},
    [{name: 'func1', arg: [{a: 1, b: 2, c: 3}]}, {name: 'func2', arg: [{a: 1, b: 2, c: 4}]},
      {name: 'func3', arg: [{a: 1, b: 2, c: 5}]}]],
  ['several targets: all together', [func1, func2], {
    cargs: [1, 2, 3], iargs: [[6, 7], [8, 9]], ckwargs: {a: 1, b: 2}, ikwargs: [{c: 3}, {c: 4}],
    x: [10, 20], y: [100, 200],
  }, [{name: 'func1', arg: [1, 2, 3, 6, 7, {a: 1, b: 2, c: 3, x: 10, y: 100}]},
    {name: 'func2', arg: [1, 2, 3, 8, 9, {a: 1, b: 2, c: 4, x: 20, y: 200}]}]],
  ['several targets: no third call without arguments for it', [func1, func2, func3],
    {iargs: [[1, 2], [3, 4], [5, 6]], ikwargs: [{a: 1}, {a: 2}]},
    [{name: 'func1', arg: [1, 2, {a: 1}]}, {name: 'func2', arg: [3, 4, {a: 2}]}]],
];

for (const [name, targets, options, expected] of examples) {
  test(name, () => equal(Pcall.pcall(targets, options), expected));
  test(`${name}, awaited`, async () => equal(await Pcall.pcallAsync(targets, options), expected));
}

test('the Pcall object', () => {
  const p = new Pcall.Pcall(({x, y}) => x + y, {x: [1, 2, 3], y: [4, 5, 6]});

  equal(p.results, null);
  equal(p.pids, []);
  p.start();
  equal(p.results, null);
  ok(p.join());
  equal(p.results, [5, 7, 9]);
  equal(p.livings, []);
  ok(p.pids.length > 0 && p.pids.every(pid => pid > 0));
  equal(p.childs.map(child => child.exit_status), p.pids.map(() => 0));
});

test('the children that are alive', () => {
  const p = new Pcall.Pcall(() => {
    for (;;);
  });

  p.start();
  while (p.livings.length === 0)
    ok(!p.join(0.01));
  equal(p.livings.map(child => child.pid), p.pids);
  p.terminate();
  throws(() => p.join(), {code: [Pcall.Error, Pcall.Error.CANCELLED]});
  equal(p.livings, []);
});

test('an error of a child is thrown with its origin', () => {
  const error = throws(() => Pcall.pcall(function fail(x) {
    throw new RangeError(`no ${x}`);
  }, {iargs: [['good']]}), {type: RangeError, message: /^no good$/});

  ok(/test-seed\.js[^]*in call 0 \(fail\), process \d+:\n.*fail@/.test(error.stack), error.stack);
});

test('a child that takes longer than the timeout', () =>
  rejects(Pcall.pcallAsync(() => {
    for (;;);
  }, {timeout: 0.3}), {code: [Pcall.Error, Pcall.Error.TIMED_OUT], message: /timed out after 0.3 s/}));

test('terminate ends all children', () => {
  const p = new Pcall.Pcall(() => {
    for (;;);
  }, {nCalls: 2});

  p.start();
  ok(!p.join(0));
  p.terminate();
  throws(() => p.join(), {code: [Pcall.Error, Pcall.Error.CANCELLED]});
  equal(p.livings, []);
});

run();
