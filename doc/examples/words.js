#!/usr/bin/gjs -m
// SPDX-FileCopyrightText: 2026 The pcall authors
// SPDX-License-Identifier: LGPL-2.1-or-later

// How many words each file has: `wc -w` on all processors. A file that cannot be read costs itself.
//
// countWords() runs in other processes, and has GLib there, as this script imports it.

import GLib from 'gi://GLib';
import Pcall from 'gi://Pcall';
import System from 'system';

function countWords(path) {
  const [, bytes] = GLib.file_get_contents(path);

  return new TextDecoder('latin1').decode(bytes).split(/[ \t\n\v\f\r]+/).filter(Boolean).length;
}

let status = 0;

for await (const {index, value, reason} of Pcall.map(countWords, ARGV, {settled: true})) {
  if (reason === undefined) {
    print(value, ARGV[index]);
  } else {
    printerr(reason.message);
    status = 1;
  }
}
System.exit(status);
