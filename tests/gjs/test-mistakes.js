// SPDX-FileCopyrightText: 2026 The pcall authors
// SPDX-License-Identifier: LGPL-2.1-or-later

// What people do wrong, and what they are told: what it is, where, and what to do. Nothing starts.

import GLib from 'gi://GLib';
import Pcall from 'gi://Pcall?version=1.0';

import {equal, match, run, test, throws} from './tap.js';

const outside = 1;
const pool = new Pcall.Pool();
const cycle = {};

cycle.self = cycle;

function f(x) {
  return x;
}

class Shop {}

const ADVICE = '; arguments go by name too: {iargs: [[1], [2]]}, or {x: [1, 2]}';

// [what, type, message]
const mistakes = [
  // Options
  [() => Pcall.pcall(f, 5), TypeError, `the options are an object, not 5${ADVICE}`],
  [() => Pcall.pcall(f, [1, 2]), TypeError, `the options are an object, not an array${ADVICE}`],
  [() => Pcall.pcall(f, 'x'), TypeError, `the options are an object, not "x"${ADVICE}`],
  [() => Pcall.pcall(f, null), TypeError, `the options are an object, not null${ADVICE}`],
  [() => pool.pcall(f, 5), TypeError, `the options are an object, not 5${ADVICE}`],
  [() => Pcall.pcall(f, {max_children: 2}), TypeError, 'max_children is neither an option nor a ' +
    'list of values for a keyword argument: 2 is not iterable; did you mean maxChildren?'],
  [() => Pcall.pcall(f, {maxChilden: 2}), TypeError, 'maxChilden is neither an option nor a list ' +
    'of values for a keyword argument: 2 is not iterable; did you mean maxChildren?'],
  [() => Pcall.pcall(f, {timeOut: 5}), TypeError, 'timeOut is neither an option nor a list of ' +
    'values for a keyword argument: 5 is not iterable; did you mean timeout?'],
  [() => Pcall.pcall(f, {x: 5}), TypeError, 'x is neither an option nor a list of values for a ' +
    'keyword argument: 5 is not iterable; give x: […] with a value for each call, or ckwargs: ' +
    '{x: …} for all'],
  [() => Pcall.pcall(f, {name: 'abc'}), TypeError, 'name is neither an option nor a list of values ' +
    'for a keyword argument: "abc" is not iterable; give name: […] with a value for each call, or ' +
    'ckwargs: {name: …} for all'],
  [() => Pcall.pcall(f, {timeout: '5'}), TypeError, 'timeout is a number of seconds, not "5"'],
  [() => Pcall.pcall(f, {timeout: [5]}), TypeError, 'timeout is a number of seconds, not an array'],
  [() => Pcall.pcall(f, {timeout: -1}), RangeError,
    'timeout is -1; less than 0 seconds is not possible; give 0 or more'],
  [() => Pcall.pcall(f, {maxChildren: 1.5}), TypeError, 'maxChildren is a whole number, not 1.5'],
  [() => Pcall.pcall(f, {callsPerChild: -1}), RangeError,
    'callsPerChild is -1, which is not between 0 and 2^32 - 1'],
  [() => Pcall.pcall(f, {keepLogs: 'yes'}), TypeError, 'keepLogs is true or false, not "yes"'],
  [() => Pcall.pcall(f, {logMode: 'live'}), TypeError, 'logMode is one of Pcall.LogMode.SECTIONS, ' +
    'Pcall.LogMode.LIVE, Pcall.LogMode.INHERIT, not "live"; did you mean Pcall.LogMode.LIVE?'],
  [() => Pcall.pcall(f, {pool: Pcall.Pool}), TypeError,
    'pool is a Pcall.Pool, such as new Pcall.Pool({maxChildren: 2}), not a function'],
  [() => pool.pcall(f, {pool}), TypeError,
    'pool is this pool already; use Pcall.pcall() and the like for another'],
  [() => pool.map(f, [1], {pool}), TypeError,
    'pool is this pool already; use Pcall.pcall() and the like for another'],
  [() => new Pcall.Pcall(f, 5), TypeError, `the options are an object, not 5${ADVICE}`],
  [() => Pcall.pcall(f, {cancellable: true}), TypeError,
    'cancellable is a Gio.Cancellable, not true'],
  [() => Pcall.pcall(f, {priority: 'high'}), TypeError,
    'priority is a whole number of 32 bits, not "high"'],
  [() => Pcall.pcall(f, {startMethod: 'fork'}), TypeError, 'startMethod is one of ' +
    'Pcall.StartMethod.AUTOMATIC, Pcall.StartMethod.FORK, Pcall.StartMethod.SPAWN, not "fork"; ' +
    'did you mean Pcall.StartMethod.FORK?'],
  [() => Pcall.pcall(f, {maxLogSize: -1}), RangeError,
    'maxLogSize is -1; less than 0 bytes is not possible; give 0 or more'],
  // When
  [() => new Pcall.Pcall(f).join(), GLib.Error,
    'the task was not started; call start() before joining it'],
  [() => {
    const p = new Pcall.Pcall(f);

    p.start();
    p.start();
  }, GLib.Error, 'the task was started before; a task runs once'],
  // Lists
  [() => Pcall.pcall(f, {iargs: [1, 2, 3]}), TypeError, 'iargs[0] is 1, which is not iterable; give ' +
    'a list of arguments; did you mean iargs: [[1], …]?'],
  [() => Pcall.pcall(f, {iargs: ['abc']}), TypeError, 'iargs[0] is "abc", which is not iterable; ' +
    'give a list of arguments; did you mean iargs: [["abc"], …]?'],
  [() => Pcall.pcall(f, {iargs: 5}), TypeError,
    'iargs is 5, which is not iterable; give a list with one element for each call'],
  [() => Pcall.pcall(f, {cargs: 'abc'}), TypeError,
    'cargs is "abc", which is not iterable; give a list of arguments'],
  [() => Pcall.pcall(f, {ckwargs: [{a: 1}]}), TypeError, 'ckwargs is an array, not an object of ' +
    'keyword arguments; a list of such is ikwargs'],
  [() => Pcall.pcall(f, {ikwargs: {a: 1}}), TypeError, 'ikwargs is an object, which is not ' +
    'iterable; give a list with one element for each call; what all calls have is ckwargs'],
  [() => Pcall.pcall(f, {iargs: [[f]]}), TypeError, 'iargs[0][0]: a function cannot cross to ' +
    'another process; make it in the call, or give its name'],
  [() => Pcall.pcall(f, {cargs: [cycle]}), TypeError, 'cargs[0].self: an object that contains ' +
    'itself cannot cross to another process; give each part once'],
  [() => Pcall.pcall(f, {'': [1]}), TypeError,
    '"" cannot be the name of a keyword argument'],
  [() => Pcall.pcall(f, {cargs: [Promise.resolve(1)]}), TypeError, 'cargs[0]: an object of class ' +
    'Promise cannot cross to another process; await it first'],
  [() => Pcall.pcall(f, {cargs: [new WeakMap()]}), TypeError, 'cargs[0]: an object of class WeakMap ' +
    'cannot cross to another process; give plain values, and make it of them in the call'],
  [() => Pcall.pcall(() => () => 1), TypeError, 'the result: a function cannot cross to another ' +
    'process; make it in the call, or give its name'],
  [() => Pcall.pcall(function* count() {
    yield 1;
  }), TypeError, 'the result: an iterator cannot cross to another process; give an array of what it ' +
    'comes by, such as [...values]'],
  // Targets
  [() => Pcall.pcall(), TypeError, 'the target is not callable: undefined is neither a function nor ' +
    'a Pcall.Target; give the function itself, and do not call it'],
  [() => Pcall.pcall(f()), TypeError, 'the target is not callable: undefined is neither a function ' +
    'nor a Pcall.Target; give the function itself, and do not call it'],
  [() => Pcall.pcall(Promise.resolve(1)), TypeError, 'the target is not callable: an object of class ' +
    'Promise is neither a function nor a Pcall.Target; give the function itself, and do not call it'],
  [() => Pcall.pcall('f'), TypeError, 'the target is not callable: "f" is neither a function nor a ' +
    'Pcall.Target; give the function itself, or Pcall.moduleTarget()'],
  [() => Pcall.pcall([f, 5]), TypeError,
    'targets[1] is not callable: 5 is neither a function nor a Pcall.Target'],
  [() => Pcall.pcall([]), GLib.Error,
    'the list of targets is empty; give a function, or a list of functions'],
  [() => Pcall.pcall(Shop), TypeError,
    'Shop is a class; a target is a function, such as x => new Shop(x)'],
  [() => Pcall.pcall(Math.max), TypeError, 'max has no source to send to a worker, as it is native ' +
    'code or bound; give a function that calls it, or Pcall.moduleTarget()'],
  [() => Pcall.pcall(() => outside), ReferenceError, 'outside is not defined: (anonymous) was sent to ' +
    'another process as its source, and sees no variables around it; pass outside as an argument, ' +
    'import it inside of the function, or use Pcall.moduleTarget()'],
  [() => Pcall.moduleTarget('./f.js', 'f'), TypeError, 'moduleTarget: ./f.js is neither a URI nor an ' +
    'absolute path, and a worker has no module that it could be relative to; give import.meta.url, ' +
    'or a URI'],
  [() => Pcall.moduleTarget(import.meta.url), TypeError, 'moduleTarget: the name is that of something ' +
    "that the module exports; give it as a string, such as 'default'"],
  [() => Pcall.moduleTarget(undefined, 'f'), TypeError, 'moduleTarget: the module is a URI such as ' +
    'import.meta.url, a path, or an object of imports'],
  [() => Pcall.pcall(Pcall.moduleTarget('file:///no/such.js', 'f')), GLib.Error, 'file:///no/such.js ' +
    'cannot be imported: Unable to load file from: file:///no/such.js (Error opening file ' +
    '/no/such.js: No such file or directory)'],
  // map()
  [() => Pcall.map(f), TypeError,
    'map: there is nothing to map over; give an iterable after the function'],
  [() => Pcall.map([1, 2], f), TypeError, 'map: argument 2 is a function, which is not iterable; give ' +
    'an array or anything else that can be iterated over'],
  [() => Pcall.map(5, [1]), TypeError, 'map: 5 is neither a function nor what Pcall.moduleTarget() ' +
    'has made; give the function first, and then what to call it for'],
  [() => Pcall.map(f, 'abc'), TypeError, 'map: argument 2 is "abc", which is not iterable; give an ' +
    'array or anything else that can be iterated over'],
  [() => Pcall.map(f, [1], 5), TypeError, 'map: the last argument is 5, neither iterable nor an object ' +
    'of options, such as {maxChildren: 2}'],
  [() => Pcall.map(f, [1], {max_children: 2}), TypeError,
    'map: max_children is no option; did you mean maxChildren?'],
  [() => Pcall.map(f, [1], {order: false}), TypeError,
    'map: order is no option; did you mean ordered?'],
  [() => Pcall.map(f, [1], {iargs: [[1]]}), TypeError, 'map: iargs is an option of pcall(); give the ' +
    'items as an iterable, behind the function'],
  [() => Pcall.map(f, [1], {ordered: 0}), TypeError, 'ordered is true or false, not 0'],
  // Pools
  [() => new Pcall.Pool(2), TypeError,
    'a pool takes an object of options, such as {maxChildren: 2}, not 2'],
  [() => new Pcall.Pool({workers: 2}), TypeError,
    'Pool: workers is no option; there are maxChildren, idleTimeout'],
  [() => new Pcall.Pool({max_children: 2}), TypeError,
    'Pool: max_children is no option; did you mean maxChildren?'],
  [() => new Pcall.Pool({idleTimeout: '5'}), TypeError, 'idleTimeout is a number of seconds, not "5"'],
];

mistakes.forEach(([body, type, message], i) => test(`${i}: ${message}`, () =>
  equal(throws(body, {type}).message, message)));

test('where an error comes from', () => {
  const error = throws(() => Pcall.pcall(function outer() {
    function inner() {
      throw new RangeError('deep');
    }
    inner();
  }), {type: RangeError});

  match(error.stack, /^[^\n]*test-mistakes\.js:[^]*\nin call 0 \(outer\), process \d+:\ninner@.*\nouter@[^\n]*$/);
});

test('what GJS shows of one that nobody catches', () => {
  const [, , errors, status] = GLib.spawn_command_line_sync(
    `gjs -m ${GLib.filename_from_uri(import.meta.url.replace('mistakes', 'uncaught').replace('test-', ''))[0]}`);

  equal(status !== 0, true);
  match(new TextDecoder().decode(errors), /RangeError: deep\n[^\n]*uncaught\.js:\d+:\d+\nin call 0 \(outer\), process \d+:\ninner@.*\nouter@/);
});

run();
