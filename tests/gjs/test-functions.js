// SPDX-FileCopyrightText: 2026 The pcall authors
// SPDX-License-Identifier: LGPL-2.1-or-later

// Which functions can be targets, how they come to a worker, and what they see there.

import Gio from 'gi://Gio';
import GLib from 'gi://GLib';
import Pcall from 'gi://Pcall?version=1.0';

import {equal, ok, run, test, throws} from './tap.js';

const TARGET = [Pcall.Error, Pcall.Error.TARGET];

class Shop {
  price(x) {
    return x + 1;
  }

  static open(x) {
    return x + 2;
  }

  async wait(x) {
    return await x + 3;
  }

  'odd name'(x) {
    return x + 4;
  }

  get total() {
    return 5;
  }
}

const shop = {
  price(x) {
    return x + 6;
  },
  async wait(x) {
    return await x + 7;
  },
};

const getTotal = Object.getOwnPropertyDescriptor(Shop.prototype, 'total').get;

const functions = {
  'an arrow function': [x => x * 2, 20],
  'an arrow function with a block': [(x, y = 1) => {
    return x + y;
  }, 11],
  'a function': [function double(x) {
    return x * 2;
  }, 20],
  'an asynchronous function': [async function (x) {
    return await x * 3;
  }, 30],
  'an asynchronous arrow function': [async x => await x * 4, 40],
  'several asynchronous steps': [async x => {
    let sum = 0;

    for (let i = 0; i < 5; i++) {
      await new Promise(resolve => setTimeout(resolve, 1));
      sum += x;
    }
    return sum;
  }, 50],
  'a promise': [x => Promise.resolve(x), 10],
  'a method': [Shop.prototype.price, 11],
  'a static method': [Shop.open, 12],
  'an asynchronous method': [Shop.prototype.wait, 13],
  'a method with an odd name': [Shop.prototype['odd name'], 14],
  'a getter': [getTotal, 5],
  'a method of an object': [shop.price, 16],
  'an asynchronous method of an object': [shop.wait, 17],
  'a comment at the end': [x => x /* then */ // and
    , 10],
  'a line comment inside': [x => {
    // nothing
    return x;
  }, 10],
  'a function made of text': [new Function('x', 'return x - 1'), 9],
  'a function that is not strict': [new Function('x', 'return 010 + x'), 18],
  'imports.gi': [x => imports.gi.GLib.path_get_basename(`/a/${x}`), '10'],
  'import()': [async x => (await import('gi://GLib')).default.path_get_basename(`/b/${x}`), '10'],
  'its own name': [function factorial(x) {
    return x <= 1 ? 1 : x * factorial(x - 1);
  }, 3628800],
  'functions inside': [x => [1, 2].map(y => x + y).reduce((a, b) => a + b), 23],
};

Object.keys(functions).forEach(name => test(name, () => {
  const [func, expected] = functions[name];

  equal(Pcall.pcall(func, {cargs: [10]}), [expected]);
}));

test('functions from a module are strict', () =>
  equal(Pcall.pcall(function () {
    return this === undefined;
  }), [true]));

test('several functions in one task', () =>
  equal(Pcall.pcall([x => x + 1, Shop.open, async x => x + 3], {cargs: [1]}), [2, 3, 4]));

test('the name in a call', () => {
  const p = new Pcall.Pcall([function named() {}, () => {}]);

  p.start();
  p.join();
  equal(p.calls.map(call => call.target_name), ['named', '(anonymous)']);
});

// What is around a function

const outside = 5;

test('a variable around a function', () => {
  const error = throws(() => Pcall.pcall(function needy(x) {
    return x + outside;
  }, {cargs: [1]}), {type: ReferenceError});

  equal(error.message, 'outside is not defined: needy was sent to another process as its source, ' +
    'and sees no variables around it; pass outside as an argument, import it inside of the ' +
    'function, or use Pcall.moduleTarget()');
});

test('a variable around an asynchronous function', () =>
  throws(() => Pcall.pcall(async () => await outside),
    {type: ReferenceError, message: /^outside is not defined: \(anonymous\) was sent to another/}));

test('another ReferenceError is not explained', () => {
  const error = throws(() => Pcall.pcall(() => {
    throw new ReferenceError('no such book');
  }), {type: ReferenceError});

  equal(error.message, 'no such book');
});

test('a variable around an inner function', () =>
  throws(() => Pcall.pcall(() => [1].map(() => outside)), {message: /^outside is not defined: /}));

test('a module of the script', () =>
  equal(Pcall.pcall(() => [1].map(() => Gio.File.name)), [[Gio.File.name]]));

// Modules

const here = GLib.path_get_dirname(GLib.filename_from_uri(import.meta.url)[0]);
const targets = import.meta.url.replace('test-functions', 'targets');

test('an export of a module', () =>
  equal(Pcall.pcall(Pcall.moduleTarget(targets, 'multiply'), {iargs: [[1], [2]]}), [10, 20]));

test('a module by its path', () =>
  equal(Pcall.pcall(Pcall.moduleTarget(`${here}/targets.js`, 'multiply'), {cargs: [3]}), [30]));

test('the default export', () =>
  equal(Pcall.pcall(Pcall.moduleTarget(targets, 'default'), {cargs: ['/a/b']}), ['b']));

test('a module and a function in one task', () =>
  equal(Pcall.pcall([Pcall.moduleTarget(targets, 'multiply'), x => x], {cargs: [1]}), [10, 1]));

test('the name of a module\'s function', () =>
  equal(Pcall.moduleTarget(targets, 'multiply').name, 'multiply'));

test('a module of imports', () => {
  imports.searchPath.unshift(here);
  equal(Pcall.pcall(Pcall.moduleTarget(imports['old-targets'], 'triple'), {cargs: [5]}), [15]);
});

test('no such export', () => {
  const error = throws(() => Pcall.pcall(Pcall.moduleTarget(targets, 'nothing')), {code: TARGET});

  equal(error.message, `${targets} has no "nothing"; it has answer, default, multiply`);
});

test('an export that is no function', () =>
  throws(() => Pcall.pcall(Pcall.moduleTarget(targets, 'answer')),
    {code: TARGET, message: /"answer" of .* is no function$/}));

test('no such module', () =>
  throws(() => Pcall.pcall(Pcall.moduleTarget(`${here}/nowhere.js`, 'f')),
    {code: TARGET, message: /nowhere\.js cannot be imported: .*No such file/}));

test('a module that starts a task when it is imported', () =>
  throws(() => Pcall.pcall(Pcall.moduleTarget(`${here}/starting-targets.js`, 'one')),
    {type: Error, message: /^a task is started while a worker imports this module/}));

test('whether this is a worker', () => {
  equal(Pcall.inWorker, false);
  equal(Pcall.pcall(() => imports.gi.Pcall.inWorker), [true]);
});

// Symbols of shared objects

const library = GLib.build_filenamev([GLib.getenv('G_TEST_BUILDDIR') ?? '', 'libspawn-targets.so']);

test('targets that are not JavaScript\'s', () => {
  const target = Pcall.Target.new_symbol(library, 'add');

  equal(Pcall.pcall(target, {iargs: [[2, 3], [4, 5]]}), [5, 9]);
  throws(() => Pcall.pcall(target, {iargs: [[2, [3]]]}),
    {type: TypeError, message: /^iargs\[0\]\[1\]: for a target that is not JavaScript's/});
});

// What is no target

const refused = {
  'undefined': [undefined, 'the target is not callable: undefined is neither a function nor a Pcall.Target'],
  'null': [null, 'the target is not callable: null is neither a function nor a Pcall.Target'],
  'a number': [5, 'the target is not callable: 5 is neither a function nor a Pcall.Target'],
  'a string': ['f', 'the target is not callable: "f" is neither a function nor a Pcall.Target'],
  'an object': [{}, 'the target is not callable: an object is neither a function nor a Pcall.Target'],
  'something in a list': [[x => x, 5],
    'targets[1] is not callable: 5 is neither a function nor a Pcall.Target'],
  'a class': [Shop, 'Shop is a class; a target is a function'],
  'a native function': [Math.max, 'max has no source to send to a worker, as it is native code or ' +
    'bound; give a function that calls it, or Pcall.moduleTarget()'],
  'a bound function': [shop.price.bind(shop), 'bound price has no source to send to a worker, as ' +
    'it is native code or bound; give a function that calls it, or Pcall.moduleTarget()'],
};

Object.keys(refused).forEach(name => test(`no target: ${name}`, () => {
  const error = throws(() => Pcall.pcall(refused[name][0]), {type: TypeError});

  ok(error.message.startsWith(refused[name][1]), error.message);
}));

test('no target: a private method', () => {
  class Safe {
    static getOpen() {
      return Safe.#open;
    }

    static #open() {}
  }

  throws(() => Pcall.pcall(Safe.getOpen()),
    {type: TypeError, message: /its source does not stand by itself/});
});

test('no targets at all', () =>
  throws(() => Pcall.pcall([]), {code: [Pcall.Error, Pcall.Error.ARGUMENTS]}));

for (const [module, name, message] of [
  ['targets.js', 'f', /is neither a URI nor an absolute path/],
  [undefined, 'f', /the module is a URI/],
  [targets, undefined, /the name is that/],
  [targets, '', /the name is that/],
])
  test(`no module target: ${module}, ${name}`, () =>
    throws(() => Pcall.moduleTarget(module, name), {type: TypeError, message}));

test('a generator gives no value that can cross', () =>
  throws(() => Pcall.pcall(function* () {
    yield 1;
  }), {type: TypeError, message: /^the result: an iterator cannot cross/}));

run();
