// SPDX-FileCopyrightText: 2026 The pcall authors
// SPDX-License-Identifier: LGPL-2.1-or-later

// Functions that use what their script imports, and import themselves: relative to that script.

import Gio from 'gi://Gio';
import GLib from 'gi://GLib';
import Pcall from 'gi://Pcall?version=1.0';
import System, {version as gjsVersion} from 'system';

import Shop, {double, price as cost} from './modules/prices.js';
import * as prices from './modules/prices.js';
import {equal, run, test, throws} from './tap.js';

const pool = new Pcall.Pool();

function call(func, ...cargs) {
  return pool.pcall(func, {cargs})[0];
}

// [name, function, result]
const cases = [
  ['what is built in', () => GLib.path_get_basename('/a/b'), 'b'],
  ['a default and a name', () => [Shop.open(), double(4)], ['open', 8]],
  ['another name', () => cost, 7],
  ['all of a module', () => prices.double(prices.price), 14],
  ['of the system', () => System.version === gjsVersion, true],
  ['in a method', {open() {
    return Shop.open();
  }}.open, 'open'],
  ['in an asynchronous function', async () => await double(3), 6],
  ['import()', async () => (await import('./modules/prices.js')).price, 7],
  ['import() of the folder above', async () => (await import('../gjs/targets.js')).answer, 42],
  ['import() of what is built in', async () => (await import('gi://GLib')).default.DIR_SEPARATOR, 47],
  ['import() of an address', async uri => (await import(uri)).price, 7],
  ['import() in a template', async () =>
    `${[1].map(() => `a${'}'}`)}${(await import('./modules/prices.js')).price}`, 'a}7'],
  ['import.meta.url', () => import.meta.url, import.meta.url],
  ['a name of its own', () => {
    const double = x => 3 * x;

    return double(1);
  }, 3],
  ['words that are none', () => {
    const o = {import: x => x + 1, double: 1, 'import(': 2};
    // import('./nothing.js')
    const pattern = /import\('[/"]/; /* import("./nothing.js") */

    return [o.import(1), o?.import(2), o.double, 'import("x")', pattern.source, 8 / 4 / o.double];
  }, [2, 3, 1, 'import("x")', 'import\\(\'[/"]', 2]],
];

const there = import.meta.url.replace('test-import', 'modules/prices');

for (const [name, func, result] of cases)
  test(name, () => equal(call(func, there), result));

test('in map()', async () =>
  equal(await pool.map(x => double(x) + cost, [1, 2]).toArray(), [9, 11]));

test('a function of another module', () => {
  throws(() => call(prices.useTargets, 2), {type: ReferenceError, message: /^multiply is not defined: /});
  throws(() => call(prices.importTargets, 2),
    {message: /^import of "\.\.\/targets\.js": it is not known which script/});
  equal(call(Pcall.moduleTarget(there, 'useTargets'), 2), 27);
});

test('an import that fails in the worker', () => {
  const [file, stream] = Gio.File.new_tmp('pcall-test-XXXXXX.js');
  const module = `${file.get_path()}.helper.js`;

  stream.close(null);
  GLib.file_set_contents(module, 'export const one = 1;');
  GLib.file_set_contents(file.get_path(), `import {one} from '${GLib.filename_to_uri(module, null)}';
    export function run(Pcall) {
      imports.gi.GLib.unlink('${module}');
      return Pcall.pcall(() => one);
    }`);
  return import(file.get_uri()).then(({run: runIt}) => {
    throws(() => runIt(Pcall), {code: [Pcall.Error, Pcall.Error.TARGET], message: /cannot be imported/});
    file.delete(null);
  });
});

run();
