#!/usr/bin/gjs -m
// SPDX-FileCopyrightText: 2026 The pcall authors
// SPDX-License-Identifier: LGPL-2.1-or-later

// Lines and words of files, as lines.js has them, with Promise.allSettled(): on one processor.

import Gio from 'gi://Gio';
import System from 'system';

Gio._promisify(Gio.File.prototype, 'load_contents_async');

async function count(path) {
  const [bytes] = await Gio.File.new_for_path(path).load_contents_async(null);
  const text = new TextDecoder('latin1').decode(bytes);

  return `${text.split('\n').length - 1} ${text.match(/[^ \t\n\v\f\r]+/g)?.length ?? 0}`;
}

let status = 0;

for (const [index, {value, reason}] of (await Promise.allSettled(ARGV.map(count))).entries()) {
  if (reason === undefined) {
    print(value, ARGV[index]);
  } else {
    printerr(`lines: ${reason.message}`);
    status = 1;
  }
}
System.exit(status);
