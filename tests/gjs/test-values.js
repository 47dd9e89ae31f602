// SPDX-FileCopyrightText: 2026 The pcall authors
// SPDX-License-Identifier: LGPL-2.1-or-later

// What crosses between processes, both ways, and what does not.

import GLib from 'gi://GLib';
import Gio from 'gi://Gio';
import Pcall from 'gi://Pcall?version=1.0';

import {equal, isEqual, note, ok, run, test, throws} from './tap.js';

function withProperties(object, properties) {
  return Object.assign(object, properties);
}

const sparse = [1, , 3];

sparse[9] = 'far';
sparse.length = 12;

// The class that the worker sees, and the value.
const values = {
  'undefined': ['Undefined', undefined],
  'null': ['Null', null],
  'true': ['Boolean', true],
  'false': ['Boolean', false],
  'zero': ['Number', 0],
  'minus zero': ['Number', -0],
  'the largest int32': ['Number', 2 ** 31 - 1],
  'one more': ['Number', 2 ** 31],
  'the smallest int32': ['Number', -(2 ** 31)],
  'one less': ['Number', -(2 ** 31) - 1],
  'the largest safe integer': ['Number', 2 ** 53 - 1],
  '2^53': ['Number', 2 ** 53],
  'the smallest safe integer': ['Number', -(2 ** 53) + 1],
  'a fraction': ['Number', 0.1 + 0.2],
  'the smallest number': ['Number', Number.MIN_VALUE],
  'the largest number': ['Number', Number.MAX_VALUE],
  'NaN': ['Number', NaN],
  'infinities': ['Array', [Infinity, -Infinity]],
  'numbers inside': ['Array', [0, -0, NaN, 2 ** 53, 0.1, 5e-324, -(2 ** 31)]],
  'BigInt': ['BigInt', 2n ** 100n],
  'a negative BigInt': ['BigInt', -1n],
  'an empty string': ['String', ''],
  'a string': ['String', 'grüße, 世界 😀'],
  'a string with NUL': ['String', 'a\0b'],
  'half a surrogate pair': ['String', 'a\ud800b'],
  'the other half': ['String', '\udc00'],
  'a long string': ['String', 'ä'.repeat(1000000)],
  'strings inside': ['Array', ['\0', '\ud800', '{"$":["x"]}', '"\\']],
  'an empty array': ['Array', []],
  'arrays in arrays': ['Array', [[], [[1], 2], [[[3]]]]],
  'undefined and null inside': ['Array', [undefined, null, {u: undefined, n: null}]],
  'an array with holes': ['Array', sparse],
  'an array with properties': ['Array', withProperties([1, 2], {index: 3, input: 'x'})],
  'many numbers': ['Array', Array.from({length: 300}, (_, i) => i / 7)],
  'many odd numbers': ['Array', Array.from({length: 99}, (_, i) => [NaN, -0, -Infinity][i % 3])],
  'many numbers and one other': ['Array', [...Array(99).keys(), '99']],
  'many numbers and a hole': ['Array', Object.assign(Array(100), Array(99).fill(1))],
  'many numbers with properties': ['Array', withProperties(Array(99).fill(2), {unit: 'm'})],
  'many numbers inside': ['Object', {a: Array(99).fill(3), $: [Array(99).fill(-0)]}],
  'rows of numbers': ['Array', Array.from({length: 40}, (_, i) => Array(40).fill(i))],
  'many strings': ['Array', Array.from({length: 99}, (_, i) => `${i}\0`)],
  'many truth values': ['Array', Array.from({length: 99}, (_, i) => [true, false, null][i % 3])],
  'an empty object': ['Object', {}],
  'objects in objects': ['Object', {a: {b: {c: [1, {d: true}]}}}],
  'keys of all sorts': ['Object', {'': 1, ' ': 2, 'a.b': 3, 'ü': 4, '\0': 5, '\ud800': 6, 7: 7}],
  'the order of keys': ['Object', {z: 1, y: 2, x: 3, 10: 4, 9: 5}],
  'a key $': ['Object', {$: ['undefined']}],
  'a key $ inside': ['Array', [{$: 1, other: undefined}, {a: {$: {$: [{$: null}]}}}]],
  'a key __proto__': ['Object', JSON.parse('{"__proto__": {"polluted": true}, "a": 1}')],
  'a key constructor': ['Object', {constructor: 'x', toString: 1}],
  'Uint8Array': ['Uint8Array', Uint8Array.of(0, 255, 1)],
  'an empty Uint8Array': ['Uint8Array', new Uint8Array()],
  'a part of a buffer': ['Uint8Array', new Uint8Array(new Uint8Array([1, 2, 3, 4]).buffer, 1, 2)],
  'Uint8Array inside': ['Object', {a: [Uint8Array.of(1), Uint8Array.of(2)]}],
  'Int8Array': ['Int8Array', Int8Array.of(-128, 127)],
  'Uint8ClampedArray': ['Uint8ClampedArray', Uint8ClampedArray.of(1, 2)],
  'Int16Array': ['Int16Array', Int16Array.of(-1, 300)],
  'Uint16Array': ['Uint16Array', Uint16Array.of(65535)],
  'Int32Array': ['Int32Array', Int32Array.of(-1, 2 ** 31 - 1)],
  'Uint32Array': ['Uint32Array', Uint32Array.of(2 ** 32 - 1)],
  'Float32Array': ['Float32Array', Float32Array.of(0.5, NaN, -0)],
  'Float64Array': ['Float64Array', Float64Array.of(0.1, Infinity)],
  'a part of a Float64Array': ['Float64Array', Float64Array.of(1, 2, 3, 4).subarray(1, 3)],
  'BigInt64Array': ['BigInt64Array', BigInt64Array.of(-1n)],
  'BigUint64Array': ['BigUint64Array', BigUint64Array.of(2n ** 64n - 1n)],
  'DataView': ['DataView', new DataView(Uint8Array.of(1, 2, 3).buffer, 1)],
  'ArrayBuffer': ['ArrayBuffer', Uint8Array.of(1, 2, 3).buffer],
  'Date': ['Date', new Date(1234567890123)],
  'a Date before 1970': ['Date', new Date(-1)],
  'an invalid Date': ['Date', new Date(NaN)],
  'Map': ['Map', new Map([['a', 1], [2, new Map([[undefined, null]])], [{k: 1}, [1]]])],
  'an empty Map': ['Map', new Map()],
  'Set': ['Set', new Set([1, 'a', NaN, undefined, new Set([2])])],
  'RegExp': ['RegExp', withProperties(/a\/[b"]+/giu, {lastIndex: 3})],
  'a class of errors': ['Error', new RangeError('out of it')],
  'an error with a cause': ['Error', new Error('outer', {cause: new TypeError('inner')})],
  'an error with properties': ['Error', withProperties(new Error('e'), {code: 5, data: [1]})],
  'AggregateError': ['Error', new AggregateError([new Error('a'), 5], 'several')],
};

const names = Object.keys(values);

function echo(value) {
  return [Object.prototype.toString.call(value).slice(8, -1), value, value];
}

// One task for them all.
const echoed = Pcall.pcall(echo, {iargs: names.map(name => [values[name][1]])});
const alone = Pcall.pcall(value => value, {iargs: names.map(name => [values[name][1]])});
const named = Pcall.pcall(({value}) => value, {value: names.map(name => values[name][1])});

names.forEach((name, i) => test(name, () => {
  const [expectedClass, expected] = values[name];
  let seen = expected;

  // What is a part of a buffer here is a buffer of its own there.
  if (expected instanceof DataView)
    seen = new DataView(expected.buffer.slice(expected.byteOffset));
  equal(echoed[i][0], expectedClass);
  equal(echoed[i][1], seen);
  equal(echoed[i][2], seen);
  equal(alone[i], seen);
  equal(named[i], seen);
}));

// Against what the engine does itself, in the same moment: the best of several rounds of each.
test('arrays are not much dearer than JSON', () => {
  const {fromVariant, toVariant} = imports.overrides.pcall.values;
  const size = 100000;
  const limit = 7;
  const measure = work => {
    const begun = GLib.get_monotonic_time();

    work();
    return GLib.get_monotonic_time() - begun;
  };
  const arrays = {
    'numbers': Array.from({length: size}, (_, i) => i * 1.5),
    'strings': Array.from({length: size}, (_, i) => `word ${i}`),
  };

  for (const [name, array] of Object.entries(arrays)) {
    const rounds = Array.from({length: 7}, () => [
      measure(() => fromVariant(toVariant(array, name))),
      measure(() => JSON.parse(JSON.stringify(array))),
    ]);
    const [ours, json] = [0, 1].map(i => Math.min(...rounds.map(round => round[i])));

    note(`${name}: ${(ours / json).toFixed(1)} times`);
    ok(ours < limit * json, `${name}: ${ours} µs, and JSON ${json} µs`);
  }
});

test('the comparison itself sees differences', () => {
  for (const [a, b] of [[0, -0], [[1, , 3], [1, undefined, 3]], [new Map([[1, 2]]), new Map()],
    [Uint8Array.of(1), Int8Array.of(1)], [{a: 1, b: 2}, {b: 2, a: 1}], [null, undefined],
    [new Date(1), new Date(2)], [new Error('a'), new TypeError('a')]])
    ok(!isEqual(a, b));
});

test('errors are of their class', () => {
  const [range, aggregate] = Pcall.pcall(x => x,
    {iargs: [[values['a class of errors'][1]], [values['AggregateError'][1]]]});

  ok(range instanceof RangeError && aggregate instanceof AggregateError);
  equal(aggregate.errors[1], 5);
});

test('an error of a class of its own', () => {
  class StorageError extends RangeError {}

  const [error] = Pcall.pcall(x => x, {iargs: [[new StorageError('full')]]});

  ok(error instanceof RangeError);
  equal([error.name, error.message], ['StorageError', 'full']);
});

test('an object with no prototype', () => {
  const object = Object.assign(Object.create(null), {a: 1});

  equal(Pcall.pcall(x => x, {iargs: [[object]]}), [{a: 1}]);
});

test('bytes are of whoever gets them', () => {
  const [array] = Pcall.pcall(x => x.fill(7), {iargs: [[new Uint8Array(1 << 20)]]});

  equal(array[5], 7);
  array.fill(8);
  equal(array[5], 8);
});

const variants = {
  'int32': new GLib.Variant('i', 5),
  'a string': new GLib.Variant('s', 'x'),
  'variants in variants': new GLib.Variant('v', new GLib.Variant('v', new GLib.Variant('y', 1))),
  'a dictionary': new GLib.Variant('a{sv}', {a: new GLib.Variant('x', 2 ** 40)}),
  'a tuple': new GLib.Variant('(sav)', ['{"$":1}', []]),
  'the empty tuple': new GLib.Variant('()', []),
  'bytes': new GLib.Variant('ay', [1, 2]),
  'a maybe': new GLib.Variant('mi', null),
};

Object.keys(variants).forEach(name => test(`GLib.Variant: ${name}`, () => {
  const variant = variants[name];
  const [type, back] = Pcall.pcall(x => [x.get_type_string(), x], {iargs: [[variant]]})[0];
  const [same] = Pcall.pcall(({x}) => x, {x: [variant]});

  equal(type, variant.get_type_string());
  ok(back.equal(variant) && same.equal(variant));
}));

test('GLib.Bytes', () => {
  const [[size, back], same] = Pcall.pcall([x => [x.get_size(), x], x => x],
    {cargs: [new GLib.Bytes([1, 2, 3])]});

  equal(size, 3);
  ok(back instanceof GLib.Bytes && same instanceof GLib.Bytes);
  equal(same.toArray(), Uint8Array.of(1, 2, 3));
});

test('GLib.Error', () => {
  const error = new GLib.Error(Gio.IOErrorEnum, Gio.IOErrorEnum.NOT_FOUND, 'gone');
  const [back] = Pcall.pcall(x => x, {cargs: [error]});

  ok(back.matches(Gio.IOErrorEnum, Gio.IOErrorEnum.NOT_FOUND));
  equal(back.message, 'gone');
});

test('16 MB there and back', () => {
  const bytes = new Uint8Array(16 << 20);

  for (let i = 0; i < bytes.length; i += 4096)
    bytes[i] = i / 4096;
  const start = GLib.get_monotonic_time();
  const results = Pcall.pcall([x => x, x => ({inside: x})], {cargs: [bytes], maxChildren: 1});
  const seconds = (GLib.get_monotonic_time() - start) / 1e6;

  ok(isEqual(results[0].slice(0, 1 << 16), bytes.slice(0, 1 << 16)));
  equal(results[0].length, bytes.length);
  equal(results[1].inside[(16 << 20) - 4096], bytes[(16 << 20) - 4096]);
  note(`64 MB in ${seconds.toFixed(3)} s, with the start of a worker`);
  ok(seconds < 10, `it took ${seconds} s`);
});

// What cannot cross: the place that is told, and the value.
const cycle = {a: [1]};

cycle.a.push({back: cycle});

const refused = {
  'a function': ['iargs[0][0]: a function', () => {}],
  'a function inside': ['iargs[0][0].a[1].f: a function', {a: [0, {f: Math.max}]}],
  'a symbol': ['iargs[0][0][0]: a symbol', [Symbol('s')]],
  'a cycle': ['iargs[0][0].a[1].back: an object that contains itself', cycle],
  'a key that is no name': ['iargs[0][0]["a b"]: a symbol', {'a b': Symbol('s')}],
  'an object of a class': ['iargs[0][0].p: an object of class Point',
    {p: new class Point {}()}],
  'a GObject': ['iargs[0][0]: an object of class Gio_Cancellable', new Gio.Cancellable()],
  'a promise': ['iargs[0][0]: an object of class Promise', Promise.resolve(1)],
  'a WeakMap': ['iargs[0][0]: an object of class WeakMap', new WeakMap()],
  'a boxed number': ['iargs[0][0]: an object of class Number', Object(5)],
  'inside of a Map': ['iargs[0][0]["value 0"]: a function', new Map([[1, () => {}]])],
  'inside of a Set': ['iargs[0][0][1]: a function', new Set([1, () => {}])],
  'inside of an error': ['iargs[0][0].help: a function',
    withProperties(new Error('x'), {help() {}})],
};

Object.keys(refused).forEach(name => test(`refused: ${name}`, () => {
  const [place, value] = refused[name];
  const error = throws(() => Pcall.pcall(x => x, {iargs: [[value]]}), {type: TypeError});

  ok(error.message.startsWith(`${place} cannot cross to another process`), error.message);
}));

test('refused: far too deep', () => {
  let deep = [];

  for (let i = 0; i < 1e6; i++)
    deep = [deep];
  throws(() => Pcall.pcall(x => x, {iargs: [[deep]]}),
    {type: TypeError, message: /^iargs\[0\]\[0\]: a value of that depth cannot cross/});
});

test('the same object twice is no cycle', () => {
  const shared = [1];

  equal(Pcall.pcall(x => x, {iargs: [[{a: shared, b: shared}]]}), [{a: [1], b: [1]}]);
});

test('the place in keyword arguments', () => {
  throws(() => Pcall.pcall(x => x, {ckwargs: {f() {}}}), {message: /^ckwargs\.f: a function/});
  throws(() => Pcall.pcall(x => x, {ikwargs: [{a: 1}, {f() {}}]}), {message: /^ikwargs\[1\]\.f: /});
  throws(() => Pcall.pcall(x => x, {x: [1, Symbol('s')]}), {message: /^x\[1\]: a symbol/});
  throws(() => Pcall.pcall(x => x, {cargs: [1, [() => {}]]}), {message: /^cargs\[1\]\[0\]: a func/});
});

test('the place in a result', () => {
  throws(() => Pcall.pcall(() => ({a: [() => {}]})),
    {type: TypeError, message: /^the result\.a\[0\]: a function cannot cross/});
});

// Around where a result comes in memory of its own.
test('large results', () => {
  const sizes = [65536 - 8, 65536, 65536 + 8, 1 << 20];
  const makers = {
    Uint8Array: size => new Uint8Array(size).map((_, i) => i),
    Float64Array: size => new Float64Array(size / 8).map((_, i) => i / 3),
    ArrayBuffer: size => new Uint8Array(size).map((_, i) => i).buffer,
    inside: size => ({a: [new Uint8Array(size).map((_, i) => i), 'b']}),
    String: size => 'x'.repeat(size),
  };

  for (const name of Object.keys(makers)) {
    const results = Pcall.pcall(makers[name], {iargs: sizes.map(size => [size])});

    sizes.forEach((size, i) => ok(isEqual(results[i], makers[name](size)), `${name} of ${size}`));
    if (name === 'Uint8Array')
      results.forEach(array => equal(array.fill(7)[0], 7));
  }
});

test('large variants', () => {
  for (const [type, value] of [['ay', new Uint8Array(100000)], ['as', Array(20000).fill('text')],
    ['ad', Array(20000).fill(0.5)], ['(ay)', [new Uint8Array(100000)]]]) {
    const variant = new GLib.Variant(type, value);
    const [back] = Pcall.pcall((t, v) => new imports.gi.GLib.Variant(t, v),
      {cargs: [type, value]});

    ok(back.equal(variant), type);
  }
});

test('descriptors', async () => {
  // From GLib 2.80 on, streams of descriptors have a namespace of their own.
  const {InputStream} = await import('gi://GioUnix').then(
    module => module.default, () => ({InputStream: Gio.UnixInputStream}));
  const task = new Pcall.Pcall(() => {
    const {GLib: {Variant}, Gio: {File, UnixFDList}, Pcall: library} = imports.gi;
    const list = new UnixFDList();

    list.append(File.new_for_path('/dev/zero').read(null).get_fd());
    library.set_result_fd_list(list);
    return new Variant('h', 0);
  });

  task.start();
  task.join();
  equal(task.results[0].get_handle(), 0);

  const list = task.task.get_call(0).get_result_fd_list();
  const stream = new InputStream({fd: list.get(0), close_fd: true});

  equal(stream.read_bytes(3, null).toArray(), new Uint8Array(3));
});

run();
