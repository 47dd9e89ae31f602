// SPDX-FileCopyrightText: 2026 The pcall authors
// SPDX-License-Identifier: LGPL-2.1-or-later

// pcall's sides in JavaScript: what a call costs on a worker that is warm. That is a task of many
// calls in one worker, less a task of one call, which is the start of the worker.

import Gio from 'gi://Gio?version=2.0';
import GLib from 'gi://GLib';
import System from 'system';
import Pcall from 'gi://Pcall?version=1.0';

// From GLib 2.80 on, streams of descriptors have a namespace of their own.
const {InputStream} = await import('gi://GioUnix').then(
  module => module.default, () => ({InputStream: Gio.UnixInputStream}));

const record = {
  name: 'disk',
  sizes: [1, 2, 3.5],
  nested: {when: new Date(0), tags: new Set(['a'])},
};

// By the kind of the argument
const works = {
  number: [x => x + 1, 1],
  object: [x => x, record],
  async: [async x => await x + 1, 1],
  bytes: [x => x, new Uint8Array(64 * 1024)],
};

function measure(func, argument, nCalls) {
  const start = GLib.get_monotonic_time();
  const results = Pcall.pcall(func, {cargs: [argument], nCalls, maxChildren: 1});

  if (results.length !== nCalls)
    throw new Error(`${results.length} results of ${nCalls} calls`);
  return (GLib.get_monotonic_time() - start) / 1e6;
}

const sides = {
  'warm/pcall': ({kind, n}) => {
    const [func, argument] = works[kind];
    const start = measure(func, argument, 1);

    return {seconds: measure(func, argument, Number(n) + 1) - start};
  },
  'about': () => {
    const v = System.version;

    return {GJS: `${Math.floor(v / 10000)}.${Math.floor(v / 100) % 100}.${v % 100}`};
  },
};

function answer(line) {
  const [name, ...words] = line.split(' ');

  try {
    return sides[name](Object.fromEntries(words.map(word => word.split('='))));
  } catch (error) {
    return {error: `${error.message}`};
  }
}

const input = Gio.DataInputStream.new(new InputStream({fd: 0}));

for (;;) {
  const [line] = input.read_line_utf8(null);

  if (line === null)
    break;
  print(JSON.stringify(answer(line)));
}
