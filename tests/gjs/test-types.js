// SPDX-FileCopyrightText: 2026 The pcall authors
// SPDX-License-Identifier: LGPL-2.1-or-later

// Whether the file of types names what there is, and nothing else.

import GLib from 'gi://GLib';
import Pcall from 'gi://Pcall?version=1.0';

import {equal, run, test} from './tap.js';

const told = GLib.getenv('PCALL_TYPES') ??
  GLib.filename_from_uri(import.meta.url.replace(/tests\/gjs\/[^/]*$/, 'introspection/gjs/pcall.d.ts'))[0];
const text = new TextDecoder().decode(GLib.file_get_contents(told)[1]);
const {OPTIONS_OF_PCALL, OPTIONS_OF_MAP, OPTIONS_OF_POOL} = imports.overrides.pcall.arguments;

// What stands between the braces behind `head`.
function getBody(head) {
  const begin = text.indexOf('{\n', text.indexOf(head)) + 2;
  const indent = /^ */.exec(text.slice(text.lastIndexOf('\n', begin - 3) + 1))[0];

  return text.slice(begin, text.indexOf(`\n${indent}}`, begin));
}

function listNames(body, pattern) {
  return [...body.matchAll(pattern)].map(([, name]) => name).sort();
}

const FIELD = /^ +(?:readonly )?(\w+)\??(?:: |\()/gm;

function listFields(head) {
  return listNames(getBody(head), FIELD).filter(name => name !== 'constructor');
}

test('options of pcall()', () =>
  equal([...listFields('interface Options {'), ...listFields('interface CallOptions ')].sort(),
    [...OPTIONS_OF_PCALL].sort()));

test('options of map()', () =>
  equal([...listFields('interface Options {'), ...listFields('interface MapOptions ')].sort(),
    [...OPTIONS_OF_MAP].sort()));

test('options of a pool', () =>
  equal(listNames(/class Pool \{\s*constructor\(options\?: \{(.*)\}\)/.exec(text)[1], /(\w+)\?/g),
    [...OPTIONS_OF_POOL].sort()));

test('functions', () => {
  const names = listNames(text, /^ {4}(?:function|const|class) (\w+)/gm);

  equal([...new Set(names)].filter(name => Pcall[name] === undefined), []);
  for (const name of ['map', 'pcall', 'pcallAsync', 'asCompleted', 'moduleTarget', 'Pool', 'Pcall',
    'sendMessage', 'reportProgress', 'callIndex', 'inWorker'])
    equal(names.includes(name), true);
});

test('methods of a pool', () =>
  equal(listFields('class Pool {').filter(name => typeof Pcall.Pool.prototype[name] !== 'function'), []));

test('members of a Pcall', () => {
  const {prototype} = Pcall.Pcall;
  const members = Object.getOwnPropertyNames(prototype).filter(name => !/^_|^constructor$/.test(name));

  equal(listFields('class Pcall<'), members.sort());
});

run();
