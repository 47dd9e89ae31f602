#!/usr/bin/gjs -m
// SPDX-FileCopyrightText: 2026 The pcall authors
// SPDX-License-Identifier: LGPL-2.1-or-later

// How many words each file has, as words.js tells it, with Promise.allSettled(): on one processor.

import Gio from 'gi://Gio';
import System from 'system';

Gio._promisify(Gio.File.prototype, 'load_contents_async');

async function countWords(path) {
  const [bytes] = await Gio.File.new_for_path(path).load_contents_async(null);

  return new TextDecoder('latin1').decode(bytes).split(/[ \t\n\v\f\r]+/).filter(Boolean).length;
}

let status = 0;

for (const [index, {value, reason}] of (await Promise.allSettled(ARGV.map(countWords))).entries()) {
  if (reason === undefined) {
    print(value, ARGV[index]);
  } else {
    printerr(reason.message);
    status = 1;
  }
}
System.exit(status);
