// SPDX-FileCopyrightText: 2026 The pcall authors
// SPDX-License-Identifier: LGPL-2.1-or-later

// Options and lists, good and bad: what is wrong is an error that names it, before anything starts.

import Pcall from 'gi://Pcall?version=1.0';

import {equal, ok, run, test, throws} from './tap.js';

function* count() {
  for (let i = 0; ; i++)
    yield i;
}

function echo(...args) {
  return args;
}

// [name, options, results]
const lists = [
  ['no lists', {}, [[]]],
  ['nCalls', {nCalls: 3}, [[], [], []]],
  ['an empty list', {x: []}, []],
  ['empty instance arguments', {iargs: []}, []],
  ['a generator that ends', {x: [5, 6].values()}, [[{x: 5}], [{x: 6}]]],
  ['a generator without an end beside a list', {x: count(), y: ['a', 'b']},
    [[{x: 0, y: 'a'}], [{x: 1, y: 'b'}]]],
  ['the shortest counts', {x: [1, 2, 3], y: new Set([1, 2]), iargs: [[0], [0], [0], [0]]},
    [[0, {x: 1, y: 1}], [0, {x: 2, y: 2}]]],
  ['a typed array as a list', {x: Float64Array.of(0.5, 1)}, [[{x: 0.5}], [{x: 1}]]],
  ['a Map as a list', {x: new Map([[1, 2]])}, [[{x: [1, 2]}]]],
  ['a typed array as arguments', {iargs: [Int8Array.of(1, 2)]}, [[1, 2]]],
  ['a generator as arguments', {cargs: new Set([1, 2]), iargs: [new Set([3])]}, [[1, 2, 3]]],
  ['later keyword arguments go before', {ckwargs: {a: 1, b: 1, c: 1}, ikwargs: [{b: 2, c: 2}],
    c: [3]}, [[{a: 1, b: 2, c: 3}]]],
  ['no keyword arguments, no object', {ckwargs: {}, cargs: [1]}, [[1]]],
  ['undefined options', {timeout: undefined, iargs: undefined, cargs: [1]}, [[1]]],
  ['a name that is no identifier', {'odd name': [1]}, [[{'odd name': 1}]]],
];

for (const [name, options, results] of lists)
  test(name, () => equal(Pcall.pcall(echo, options), results));

test('a generator without an end beside several targets', () =>
  equal(Pcall.pcall([x => x.i, x => x.i * 10], {i: count()}), [0, 10]));

test('a generator is closed', () => {
  let closed = false;

  function* numbers() {
    try {
      yield* count();
    } finally {
      closed = true;
    }
  }
  equal(Pcall.pcall(({x}) => x, {x: numbers(), y: [1]}), [0]);
  ok(closed);
});

test('all options reach the task', () => {
  const pool = new Pcall.Pool();
  const options = {
    timeout: 1.5, deadline: 20, gracePeriod: 0.25, maxChildren: 3, nCalls: 7, keepLogs: true,
    callsPerChild: 9, pool,
    startMethod: Pcall.StartMethod.SPAWN, failurePolicy: Pcall.FailurePolicy.STOP,
    logMode: Pcall.LogMode.INHERIT, logDirectory: '/tmp', maxLogSize: 2 ** 40, priority: -7,
    outputMode: Pcall.OutputMode.LOG,
    showProgress: true, childName: 'crew', nice: -39, cpuAffinity: [8, 0], maxAddressSpace: 2 ** 40,
    maxOpenFiles: 99, ownCgroup: true, workingDirectory: '/proc', environment: {A: 'b=c', E: ''},
  };
  const {task} = new Pcall.Pcall(echo, options);

  equal([task.timeout, task.deadline, task.grace_period, task.max_children, task.n_calls,
    task.keep_logs, task.start_method, task.failure_policy, task.log_mode, task.log_directory,
    task.max_log_size, task.priority, task.show_progress, task.child_name, task.nice,
    task.cpu_affinity, task.max_address_space, task.max_open_files, task.own_cgroup,
    task.working_directory, task.environment, task.calls_per_child, task.pool === pool,
    task.output_mode],
  [1.5, 20, 0.25, 3, 7, true, Pcall.StartMethod.SPAWN, Pcall.FailurePolicy.STOP,
    Pcall.LogMode.INHERIT, '/tmp', 2 ** 40, -7, true, 'crew', -39, '8,0', 2 ** 40, 99, true, '/proc',
    ['A=b=c', 'E='], 9, true, Pcall.OutputMode.LOG]);
});

test('what workers run under', () => {
  const variables = Object.fromEntries(imports.gi.GLib.get_environ().map(each => {
    const equals = each.indexOf('=');

    return [each.slice(0, equals), each.slice(equals + 1)];
  }));
  const environment = {...variables, PCALL_TEST: 'a=b'};
  const options = {workingDirectory: '/proc', environment, nice: 39};
  const look = () => {
    const {GLib} = imports.gi;
    const [, stat] = GLib.file_get_contents('/proc/self/stat');

    return [GLib.get_current_dir(), GLib.getenv('PCALL_TEST'),
      new TextDecoder().decode(stat).split(') ')[1].split(' ')[16]];
  };

  equal(Pcall.pcall(look, options), [['/proc', 'a=b', '19']]);
  throws(() => Pcall.pcall(look, {workingDirectory: '/proc/none'}),
    {code: [Pcall.Error, Pcall.Error.START], message: /working-directory \/proc\/none: No such/});
});

test('0 and infinite seconds are no limit', () => {
  for (const seconds of [0, Infinity, Number.MAX_VALUE])
    equal(Pcall.pcall(() => 1, {timeout: seconds, deadline: seconds}), [1]);
  const {task} = new Pcall.Pcall(echo,
    {timeout: Infinity, deadline: Infinity, gracePeriod: Infinity});

  equal([task.timeout, task.deadline, task.grace_period], [0, 0, Number.MAX_VALUE]);
});

test('timeouts of join', () => {
  const begin = () => {
    const task = new Pcall.Pcall(() => 5);

    task.start();
    return task;
  };
  for (const seconds of [undefined, -1, -0.5, -Infinity, Infinity, Number.MAX_VALUE, 2 ** 53]) {
    const task = begin();

    ok(task.join(seconds));
    equal(task.results, [5]);
  }
  const task = begin();

  for (const wrong of ['5', NaN, null, {}, true])
    throws(() => task.join(wrong), {type: TypeError, message: /^timeout is a number of seconds, /});
  task.join(0);
  ok(task.join());
  equal(task.results, [5]);
});

// [options, type, message]
const refused = [
  [5, TypeError, 'the options are an object, not 5'],
  [null, TypeError, 'the options are an object, not null'],
  [[1], TypeError, 'the options are an object, not an array'],
  [{timeOut: 5}, TypeError, 'timeOut is neither an option nor a list of values for a keyword ' +
    'argument: 5 is not iterable'],
  [{x: null}, TypeError, 'x is neither an option nor a list of values for a keyword argument: ' +
    'null is not iterable'],
  [{x: undefined}, TypeError, 'x is neither an option nor a list of values for a keyword ' +
    'argument: undefined is not iterable'],
  [{x: 'abc'}, TypeError, 'x is neither an option nor a list of values for a keyword argument: ' +
    '"abc" is not iterable'],
  [{iargs: 5}, TypeError, 'iargs is 5, which is not iterable; give a list with one element for ' +
    'each call'],
  [{iargs: [[1], 2]}, TypeError, 'iargs[1] is 2, which is not iterable; give a list of arguments'],
  [{iargs: [['a'], 'b']}, TypeError, 'iargs[1] is "b", which is not iterable; give a list of ' +
    'arguments'],
  [{cargs: 5}, TypeError, 'cargs is 5, which is not iterable; give a list of arguments'],
  [{ckwargs: 5}, TypeError, 'ckwargs is 5, not an object of keyword arguments'],
  [{ckwargs: [1]}, TypeError, 'ckwargs is an array, not an object of keyword arguments'],
  [{ikwargs: {a: 1}}, TypeError, 'ikwargs is an object, which is not iterable; give a list with ' +
    'one element for each call'],
  [{ikwargs: [{}, 5]}, TypeError, 'ikwargs[1] is 5, not an object of keyword arguments'],
  [{ckwargs: {'': 1}}, TypeError, 'ckwargs: "" cannot be the name of a keyword argument'],
  [{ckwargs: {'a\0': 1}}, TypeError, 'ckwargs: "a\\u0000" cannot be the name of a keyword ' +
    'argument'],
  [{'a\0': [1]}, TypeError, '"a\\u0000" cannot be the name of a keyword argument'],
  [{timeout: '5'}, TypeError, 'timeout is a number of seconds, not "5"'],
  [{timeout: NaN}, TypeError, 'timeout is a number of seconds, not NaN'],
  [{timeout: null}, TypeError, 'timeout is a number of seconds, not null'],
  [{timeout: -1}, RangeError, 'timeout is -1; less than 0 seconds is not possible'],
  [{maxChildren: 1.5}, TypeError, 'maxChildren is a whole number, not 1.5'],
  [{maxChildren: -1}, RangeError, 'maxChildren is -1, which is not between 0 and 2^32 - 1'],
  [{nCalls: 2 ** 32}, RangeError, 'nCalls is 4294967296, which is not between 0 and 2^32 - 1'],
  [{keepLogs: 1}, TypeError, 'keepLogs is true or false, not 1'],
  [{maxLogSize: 0.5}, TypeError, 'maxLogSize is a whole number of bytes, not 0.5'],
  [{maxLogSize: -1}, RangeError, 'maxLogSize is -1; less than 0 bytes is not possible'],
  [{priority: 2 ** 31}, TypeError, 'priority is a whole number of 32 bits, not 2147483648'],
  [{logDirectory: 5}, TypeError, 'logDirectory is a path, not 5'],
  [{logMode: 'inherit'}, TypeError, 'logMode is one of Pcall.LogMode.SECTIONS, ' +
    'Pcall.LogMode.LIVE, Pcall.LogMode.INHERIT, not "inherit"'],
  [{startMethod: 77}, TypeError, 'startMethod is one of Pcall.StartMethod.AUTOMATIC, ' +
    'Pcall.StartMethod.FORK, Pcall.StartMethod.SPAWN, not 77'],
  [{showProgress: 1}, TypeError, 'showProgress is true or false, not 1'],
  [{childName: 5}, TypeError, 'childName is a string, not 5'],
  [{nice: '5'}, TypeError, 'nice is a whole number, not "5"'],
  [{nice: 40}, RangeError, 'nice is 40, which is not between -39 and 39'],
  [{cpuAffinity: '3-1'}, RangeError, 'cpuAffinity has the range 3-1 in it, which goes from more to ' +
    'less'],
  [{cpuAffinity: 'all'}, TypeError, 'cpuAffinity is numbers and ranges, as "0-3,8", not "all"'],
  [{cpuAffinity: []}, RangeError, 'cpuAffinity is empty; name at least one processor'],
  [{cpuAffinity: ['0']}, TypeError, 'cpuAffinity has "0" in it, which is no number of a processor'],
  [{cpuAffinity: [1024]}, RangeError, 'cpuAffinity has 1024 in it, which is not between 0 and 1023'],
  [{cpuAffinity: '0-1024'}, RangeError, 'cpuAffinity has 1024 in it, which is not between 0 and ' +
    '1023'],
  [{maxAddressSpace: -1}, RangeError, 'maxAddressSpace is -1; less than 0 bytes is not possible'],
  [{maxOpenFiles: 1.5}, TypeError, 'maxOpenFiles is a whole number, not 1.5'],
  [{workingDirectory: 5}, TypeError, 'workingDirectory is a path, not 5'],
  [{environment: ['A=1']}, TypeError, 'environment is an object of names and values, not an array'],
  [{environment: {'A=': '1'}}, TypeError, 'environment: "A=" cannot be the name of a variable'],
  [{environment: {A: 1}}, TypeError, 'environment.A is a string, not 1'],
  [{cancellable: 5}, TypeError, 'cancellable is a Gio.Cancellable, not 5'],
];

refused.forEach(([options, type, message], i) => test(`refused ${i}: ${message}`, async () => {
  const thrown = throws(() => Pcall.pcall(echo, options), {type});

  ok(thrown.message.startsWith(message), thrown.message);

  let rejected = null;

  await Pcall.pcallAsync(echo, options).catch(error => {
    rejected = error;
  });
  equal(rejected?.message, thrown.message);
}));

test('a task runs once', () => {
  const p = new Pcall.Pcall(() => 1);

  p.start();
  throws(() => p.start(), {code: [Pcall.Error, Pcall.Error.START], message: /runs once/});
  p.join();
});

await run();
