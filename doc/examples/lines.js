#!/usr/bin/gjs -m
// SPDX-FileCopyrightText: 2026 The pcall authors
// SPDX-License-Identifier: LGPL-2.1-or-later

// Lines and words of files, as `wc -lw` has them. One that cannot be read costs no other its count.
//
// usage: lines.js FILE…

import GLib from 'gi://GLib';
import Pcall from 'gi://Pcall';
import System from 'system';

function count(path) {
  const [, bytes] = GLib.file_get_contents(path);
  const text = new TextDecoder('latin1').decode(bytes);

  return `${text.split('\n').length - 1} ${text.match(/[^ \t\n\v\f\r]+/g)?.length ?? 0}`;
}

let status = 0;

for await (const {index, value, reason} of Pcall.map(count, ARGV, {settled: true})) {
  if (reason === undefined) {
    print(value, ARGV[index]);
  } else {
    printerr(`lines: ${reason.message}`);
    status = 1;
  }
}
System.exit(status);
