#!/usr/bin/gjs -m
// SPDX-FileCopyrightText: 2026 The pcall authors
// SPDX-License-Identifier: LGPL-2.1-or-later

// How calls can end, and how that is told apart.
//
// usage: endings.js [SECONDS]

import Pcall from 'gi://Pcall';

function end(how) {
  const {GLib, Gio} = imports.gi;

  if (how === 'error')
    throw new Error('there is no such thing');
  if (how === 'crash')
    GLib.spawn_command_line_sync(`kill -9 ${new Gio.Credentials().get_unix_pid()}`);
  while (how === 'hang')
    GLib.usleep(1e6);
  return how;
}

const [timeout = 2] = ARGV.map(Number);
const ways = ['well', 'error', 'crash', 'hang'];

for await (const {index, value, reason} of Pcall.map(end, ways, {settled: true, timeout}))
  print(`${ways[index]}: ${value ?? reason.message}`);
