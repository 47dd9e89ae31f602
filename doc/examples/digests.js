#!/usr/bin/gjs -m
// SPDX-FileCopyrightText: 2026 The pcall authors
// SPDX-License-Identifier: LGPL-2.1-or-later

// SHA-256 of files, as sha256sum prints it. One that cannot be read costs no other its digest.
//
// usage: digests.js FILE…

import GLib from 'gi://GLib';
import Pcall from 'gi://Pcall';
import System from 'system';

function digest(path) {
  const [, bytes] = GLib.file_get_contents(path);

  return GLib.compute_checksum_for_data(GLib.ChecksumType.SHA256, bytes);
}

let status = 0;

for await (const {index, value, reason} of Pcall.map(digest, ARGV, {settled: true})) {
  if (reason === undefined) {
    print(`${value}  ${ARGV[index]}`);
  } else {
    printerr(`digests: ${reason.message}`);
    status = 1;
  }
}
System.exit(status);
