#!/usr/bin/gjs -m
// SPDX-FileCopyrightText: 2026 The pcall authors
// SPDX-License-Identifier: LGPL-2.1-or-later

// Runs commands of the shell at the same time, and prints what each has written, in order.
//
// usage: commands.js COMMAND…

import GLib from 'gi://GLib';
import Pcall from 'gi://Pcall';
import System from 'system';

function run(command) {
  const [, output, , status] = GLib.spawn_command_line_sync(`sh -c ${GLib.shell_quote(command)}`);

  GLib.spawn_check_wait_status(status);
  return new TextDecoder().decode(output).trimEnd();
}

let status = 0;

for await (const {index, value} of Pcall.map(run, ARGV, {settled: true})) {
  print(`${ARGV[index]}: ${value ?? 'failed'}`);
  status ||= value === undefined ? 1 : 0;
}
System.exit(status);
