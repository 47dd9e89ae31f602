// SPDX-FileCopyrightText: 2026 The pcall authors
// SPDX-License-Identifier: LGPL-2.1-or-later

// The same from a script of the old kind, with imports.gi: functions from there, too, are sent as
// their source, and awaited under a main loop of the program's own.

imports.gi.versions.Pcall = '1.0';

const {GLib, Pcall} = imports.gi;
const loop = new GLib.MainLoop(null, false);
let status = 1;

var secret = 5;

function add(x, y) {
  return x + y;
}

async function runTests({equal, runAll, test, throws}) {
  test('a function', () => equal(Pcall.pcall(add, {iargs: [[1, 2], [3, 4]]}), [3, 7]));
  test('a function awaited', async () =>
    equal(await Pcall.pcallAsync(({x}) => x * 2, {x: [1, 2]}), [2, 4]));
  test('a variable of the script', () =>
    throws(() => Pcall.pcall(() => secret), {type: ReferenceError, message: /^secret is not /}));
  test('calls as they end', async () => {
    const seen = [];

    for await (const call of Pcall.asCompleted(add, {iargs: [[1, 1], [2, 2]], maxChildren: 1}))
      seen.push(call.result);
    equal(seen, [2, 4]);
  });
  test('the Pcall object', () => {
    const p = new Pcall.Pcall(add, {cargs: [1, 2]});

    p.start();
    p.join();
    equal(p.results, [3]);
  });
  test('the task that introspection gives', () => {
    const task = new Pcall.Task({timeout: 5});

    task.add_target(Pcall.moduleTarget(GLib.build_filenamev([directory, 'targets.js']), 'multiply'));
    task.set_common_args(new GLib.Variant('(i)', [4]));
    equal(task.run(null).deepUnpack().map(each => each.unpack()), [40]);
    equal(task.get_call(0).result, 40);
  });
  return await runAll();
}

const {programPath} = imports.system;
const directory = GLib.path_get_dirname(GLib.canonicalize_filename(programPath, null));

// Not exit(): GJS does not leave a main loop that is not its own for it.
import(`file://${directory}/tap.js`).then(runTests).then(result => {
  status = result;
}).catch(error => printerr(error, error.stack)).finally(() => loop.quit());
loop.run();
imports.system.exit(status);
