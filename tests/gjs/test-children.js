// SPDX-FileCopyrightText: 2026 The pcall authors
// SPDX-License-Identifier: LGPL-2.1-or-later

// What becomes of calls whose function fails, exits, crashes, stalls, talks or starts others.

import GLib from 'gi://GLib';
import Gio from 'gi://Gio';
import Pcall from 'gi://Pcall?version=1.0';

import {equal, match, ok, rejects, run, test, throws} from './tap.js';

const {Error: PcallError} = Pcall;

// Exceptions

test('an exception has its name, message, properties and stack', () => {
  const error = throws(() => Pcall.pcall(function outer(x) {
    function inner() {
      throw Object.assign(new TypeError(`no ${x}`), {code: 7});
    }
    inner();
  }, {cargs: ['luck']}), {type: TypeError, name: 'TypeError', message: /^no luck$/});

  equal(error.code, 7);
  match(error.stack, /test-children\.js[^]*in call 0 \(outer\), process \d+:\ninner@.*\nouter@/);
});

test('a class of errors that the function made', () => {
  const error = throws(() => Pcall.pcall(() => {
    class LostError extends RangeError {}

    throw new LostError('gone');
  }), {type: RangeError, name: 'LostError', message: /^gone$/});

  equal(String(error), 'LostError: gone');
});

test('an error with a name of its own', () =>
  throws(() => Pcall.pcall(() => {
    throw Object.assign(new Error('x'), {name: 'Strange'});
  }), {type: Error, name: 'Strange'}));

test('a cause', () => {
  const error = throws(() => Pcall.pcall(() => {
    throw new Error('outer', {cause: new RangeError('inner')});
  }), {message: /^outer$/});

  ok(error.cause instanceof RangeError);
  equal(error.cause.message, 'inner');
});

// None of them is taken for a success, and none costs the worker.
const shy = {
  bare: [() => {
    throw Object.create(null);
  }, /object/],
  text: [() => {
    throw {toString() {
      throw new Error('no text');
    }};
  }, /no text/],
  getter: [() => {
    throw Object.defineProperty(new Error('x'), 'message', {get() {
      throw new Error('no message');
    }});
  }, /Error: <no message>/],
  stack: [() => {
    throw Object.defineProperty(new RangeError('told'), 'stack', {get() {
      throw new Error('no stack');
    }});
  }, /RangeError: told/],
  name: [() => {
    throw Object.defineProperty(new Error('told'), 'name', {get() {
      throw new Error('no name');
    }});
  }, /Error: told/],
  proxy: [() => {
    const refuse = () => {
      throw new Error('asked');
    };

    throw new Proxy({}, {get: refuse, getPrototypeOf: refuse, ownKeys: refuse});
  }, /object: <no text>/],
  proxyOfAnError: [() => {
    throw new Proxy(new Error('x'), {get() {
      throw new Error('asked');
    }});
  }, /<no message>/],
  symbol: [() => {
    throw Symbol('told');
  }, /Symbol\(told\)/],
  symbolAsMessage: [() => {
    throw Object.assign(new Error('x'), {message: Symbol('told')});
  }, /Symbol\(told\)/],
  func: [() => {
    throw () => 5;
  }, /function: \(\) => 5/],
  cycle: [() => {
    const error = new Error('told');

    throw Object.assign(error, {error});
  }, /Error: told/],
  inheritsFromGError: [() => {
    throw Object.create(imports.gi.GLib.Error.prototype);
  }, /\S/],
  asCause: [() => {
    throw new Error('told', {cause: Object.create(null)});
  }, /Error: told/],
  thenable: [() => ({get then() {
    throw new Error('told');
  }}), /Error: told/],
  result: [() => new Proxy({}, {get() {
    throw new Error('told');
  }}), /Error: told/],
};

test('what is thrown lets nobody look at it', () => {
  const names = Object.keys(shy);
  const task = new Pcall.Pcall(names.map(name => shy[name][0]), {maxChildren: 1});

  task.start();
  try {
    task.join();
  } catch {
    // Of the first one.
  }
  equal(task.calls.map(call => call.state), names.map(() => Pcall.CallState.FAILED));
  equal(new Set(task.pids).size, 1);
  task.calls.forEach((call, i) => {
    match(call.get_error().message, shy[names[i]][1]);
    ok(call.error !== null, names[i]);
  });
});

test('an error with something that cannot cross', () => {
  const error = throws(() => Pcall.pcall(() => {
    throw Object.assign(new RangeError('still readable'), {help() {}});
  }), {type: RangeError, message: /^still readable$/});

  equal(error.help, undefined);
});

for (const [name, source, expected] of [
  ['a string', () => {
    throw 'text';
  }, 'text'],
  ['a number', async () => {
    throw 42;
  }, 42],
  ['an object', () => {
    throw {code: 5};
  }, {code: 5}],
  ['undefined', () => {
    throw undefined;
  }, undefined],
])
  test(`what is thrown is ${name}`, () => {
    let thrown = 'nothing';

    try {
      Pcall.pcall(source);
    } catch (error) {
      thrown = error;
    }
    equal(thrown, expected);
  });

test('what is thrown cannot cross', () =>
  throws(() => Pcall.pcall(() => {
    throw () => {};
  }), {type: TypeError, message: /^what was thrown: a function cannot cross/}));

test('a GLib.Error', () => {
  const error = throws(() => Pcall.pcall(function load() {
    imports.gi.Gio.File.new_for_path('/nowhere/at/all').load_contents(null);
  }), {code: [Gio.IOErrorEnum, Gio.IOErrorEnum.NOT_FOUND], message: /nowhere/});

  match(error.stack, /in call 0 \(load\), process \d+:\nload@/);
});

test('a rejected promise', () =>
  throws(() => Pcall.pcall(async () => {
    await null;
    await Promise.reject(new RangeError('later'));
  }), {type: RangeError, message: /^later$/}));

test('a stack that is too deep', () =>
  throws(() => Pcall.pcall(function deep(x) {
    return deep(x) + 1;
  }), {name: 'InternalError', message: /too much recursion/}));

test('the first call that failed is what is thrown; others keep their results', () => {
  const p = new Pcall.Pcall(x => {
    if (x % 2)
      throw new Error(`odd: ${x}`);
    return x;
  }, {iargs: [[0], [1], [2], [3]], maxChildren: 1});

  p.start();
  throws(() => p.join(), {message: /^odd: 1$/});
  equal(p.results, null);
  equal(p.calls.map(call => call.result), [0, undefined, 2, undefined]);
  equal(p.calls.map(call => call.error?.message), [undefined, 'odd: 1', undefined, 'odd: 3']);
  equal(p.calls.map(call => call.args), [[0], [1], [2], [3]]);
  equal(p.task.n_failed, 2);
});

test('STOP cancels the others', () => {
  const p = new Pcall.Pcall(x => {
    if (x === 0)
      throw new Error('at once');
    for (;;);
  }, {iargs: [[0], [1]], failurePolicy: Pcall.FailurePolicy.STOP});

  p.start();
  throws(() => p.join(), {message: /^at once$/});
  equal(p.calls.map(call => call.state), [Pcall.CallState.FAILED, Pcall.CallState.CANCELLED]);
});

// Ends of children

const ends = {
  'exit': [() => imports.system.exit(3), PcallError.EXITED, /exited with status 3/],
  'exit after a promise': [async () => {
    await null;
    imports.system.exit(4);
  }, PcallError.EXITED, /exited with status 4/],
  'exit from a timeout': [() => new Promise(() => setTimeout(() => imports.system.exit(5), 1)),
    PcallError.EXITED, /exited with status 5/],
  'exit of the module': [async () => {
    const {exit} = await import('system');

    exit(6);
  }, PcallError.EXITED, /exited with status 6/],
  'a crash': [() => imports.gi.GLib.spawn_command_line_sync(`sh -c 'kill -ABRT $PPID'`),
    PcallError.CRASHED, /killed by signal 6/],
  'a kill while it waits': [() => new Promise(() => {
    imports.gi.GLib.spawn_command_line_sync(`sh -c 'kill -KILL $PPID'`);
  }), PcallError.CRASHED, /killed by signal 9/],
};

Object.keys(ends).forEach(name => test(`${name} costs its own call alone`, () => {
  const [func, code, message] = ends[name];
  const p = new Pcall.Pcall([x => x, func, x => x, x => x],
    {iargs: [[1], [2], [3], [4]], maxChildren: 1});

  p.start();
  throws(() => p.join(), {code: [PcallError, code], message});
  equal(p.calls.map(call => call.result), [1, undefined, 3, 4]);
}));

test('a timeout ends an endless loop, and nothing else', () => {
  const p = new Pcall.Pcall(x => {
    for (; x === 1;);
    return x;
  }, {iargs: [[0], [1], [2]], maxChildren: 1, timeout: 1});

  p.start();
  throws(() => p.join(), {code: [PcallError, PcallError.TIMED_OUT], message: /timed out after 1 s/});
  equal(p.calls.map(call => call.result), [0, undefined, 2]);
});

test('a timeout ends a promise that is never kept', () =>
  rejects(Pcall.pcallAsync(() => new Promise(() => {}), {timeout: 0.5}),
    {code: [PcallError, PcallError.TIMED_OUT]}));

test('a deadline', () =>
  throws(() => Pcall.pcall(() => {
    for (;;);
  }, {deadline: 0.5, gracePeriod: 0.1}), {code: [PcallError, PcallError.TIMED_OUT]}));

test('terminate from the main loop', async () => {
  const p = new Pcall.Pcall(() => new Promise(() => {}), {nCalls: 2});

  p.start();
  p.connect('call-started', () => p.terminate());
  await rejects(p.joinAsync(), {code: [PcallError, PcallError.CANCELLED]});
  equal(p.livings, []);
});

test('terminate one call', async () => {
  const p = new Pcall.Pcall(n => (n % 2 ? new Promise(() => {}) : n), {iargs: [[0], [1], [2], [3]]});

  p.start();
  p.task.get_call(3).terminate();
  p.task.get_call(1).terminate();
  await rejects(p.joinAsync(), {code: [PcallError, PcallError.CANCELLED]});
  equal(p.calls.map(call => call.result), [0, undefined, 2, undefined]);
});

test('cancelling', async () => {
  const cancellable = new Gio.Cancellable();
  const promise = Pcall.pcallAsync(() => new Promise(() => {}), {cancellable});

  setTimeout(() => cancellable.cancel(), 10);
  await rejects(promise, {code: [Gio.IOErrorEnum, Gio.IOErrorEnum.CANCELLED]});
});

// Talking

test('messages and progress come in order, before the result', async () => {
  const p = new Pcall.Pcall(async x => {
    const {Pcall: inner} = imports.gi;

    inner.sendMessage({x, map: new Map([[1, undefined]])});
    inner.reportProgress(0.5, 'half');
    await null;
    inner.sendMessage(inner.callIndex());
    return x;
  }, {iargs: [['a'], ['b']], maxChildren: 1});
  const seen = [];

  p.connect('call-message', (task, call, message) => seen.push([call.index, message]));
  p.connect('call-progress', (task, call, fraction, text) =>
    seen.push([call.index, fraction, text]));
  p.connect('call-finished', (task, call) => seen.push([call.index, call.result]));
  p.start();
  await p.joinAsync();
  equal(seen, ['a', 'b'].flatMap((x, i) => [[i, {x, map: new Map([[1, undefined]])}],
    [i, 0.5, 'half'], [i, i], [i, x]]));
});

test('a message that cannot cross', () =>
  throws(() => Pcall.pcall(() => imports.gi.Pcall.sendMessage([() => {}])),
    {type: TypeError, message: /^the message\[0\]: a function cannot cross/}));

test('a message of another language\'s kind', async () => {
  const p = new Pcall.Pcall(() => {
    imports.gi.Pcall.send_message(new imports.gi.GLib.Variant('(is)', [1, 'x']));
  });
  const seen = [];

  p.connect('call-message', (task, call, message) => seen.push(message.deepUnpack()));
  p.start();
  await p.joinAsync();
  equal(seen, [[1, 'x']]);
});

test('what a worker prints goes to the log of its call', () => {
  const directory = GLib.Dir.make_tmp('pcall-gjs-XXXXXX');
  const p = new Pcall.Pcall(x => {
    print(`# printed ${x}`);
    printerr(`complained ${x}`);
    console.log(`logged ${x}`);
  }, {iargs: [[1], [2]], maxChildren: 1, keepLogs: true, logDirectory: directory});

  p.start();
  p.join();
  p.calls.forEach((call, i) => {
    const text = new TextDecoder().decode(GLib.file_get_contents(call.log_file)[1]);

    ok(text.includes(`printed ${i + 1}\n`), text);
    ok(text.includes(`complained ${i + 1}\n`), text);
    ok(text.includes(`logged ${i + 1}`), text);
    ok(!text.includes(`${2 - i}\n`), text);
    GLib.unlink(call.log_file);
  });
  GLib.rmdir(directory);
});

test('a rejection that nobody handles is in the log, and the call has its result', () => {
  const directory = GLib.Dir.make_tmp('pcall-gjs-XXXXXX');
  const p = new Pcall.Pcall(async () => {
    Promise.reject(new Error('nobody cares'));
    await new Promise(resolve => setTimeout(resolve, 10));
    return 5;
  }, {keepLogs: true, logDirectory: directory});
  const debug = GLib.getenv('G_DEBUG') ?? '';

  // Where warnings are fatal this one is.
  GLib.setenv('G_DEBUG', '', true);
  p.start();
  GLib.setenv('G_DEBUG', debug, true);
  p.join();
  equal(p.results, [5]);
  const [call] = p.calls;
  const text = new TextDecoder().decode(GLib.file_get_contents(call.log_file)[1]);

  match(text, /Unhandled promise rejection[^]*@pcall:/);
  GLib.unlink(call.log_file);
  GLib.rmdir(directory);
});

test('the first call that failed', () => {
  const p = new Pcall.Pcall(({x}) => {
    if (x < 0)
      throw new RangeError('too small');
    return x;
  }, {x: [1, -1, 2, -2]});

  p.start();
  throws(() => p.join(), {name: 'RangeError', message: /too small/});
  equal(p.task.get_first_failed().get_index(), 1);
});

// Workers

test('a worker runs one call after the other', () => {
  const pids = Pcall.pcall(() => new imports.gi.Gio.Credentials().get_unix_pid(),
    {nCalls: 20, maxChildren: 1});

  equal(new Set(pids).size, 1);
});

test('what a call leaves behind is there in the next of the same worker', () =>
  equal(Pcall.pcall(() => {
    globalThis.counter = (globalThis.counter ?? 0) + 1;
    return globalThis.counter;
  }, {nCalls: 3, maxChildren: 1}), [1, 2, 3]));

test('a task in a call', () =>
  equal(Pcall.pcall(x => imports.gi.Pcall.pcall(y => y * 2, {iargs: [[x], [x + 1]]}),
    {iargs: [[1], [10]]}), [[2, 4], [20, 22]]));

test('an awaited task in a call', () =>
  equal(Pcall.pcall(x => imports.gi.Pcall.pcallAsync(y => y * 2, {iargs: [[x], [x + 1]]}),
    {iargs: [[1], [10]]}), [[2, 4], [20, 22]]));

test('no gjs', () => {
  const path = GLib.getenv('PATH');

  GLib.setenv('PATH', '/nowhere', true);
  try {
    throws(() => Pcall.pcall(() => 1),
      {code: [PcallError, PcallError.START], message: /gjs: not found in PATH, which is \/nowhere/});
  } finally {
    GLib.setenv('PATH', path, true);
  }
});

run();
