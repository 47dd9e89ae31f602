#!/usr/bin/gjs -m
// SPDX-FileCopyrightText: 2026 The pcall authors
// SPDX-License-Identifier: LGPL-2.1-or-later

// SHA-256 of files, as digests.js has it, with Promise.allSettled(): on one processor.

import Gio from 'gi://Gio';
import GLib from 'gi://GLib';
import System from 'system';

Gio._promisify(Gio.File.prototype, 'load_contents_async');

async function digest(path) {
  const [bytes] = await Gio.File.new_for_path(path).load_contents_async(null);

  return GLib.compute_checksum_for_data(GLib.ChecksumType.SHA256, bytes);
}

let status = 0;

for (const [index, {value, reason}] of (await Promise.allSettled(ARGV.map(digest))).entries()) {
  if (reason === undefined) {
    print(`${value}  ${ARGV[index]}`);
  } else {
    printerr(`digests: ${reason.message}`);
    status = 1;
  }
}
System.exit(status);
