#!/usr/bin/gjs -m
// SPDX-FileCopyrightText: 2026 The pcall authors
// SPDX-License-Identifier: LGPL-2.1-or-later

// How calls can end, as endings.js tells it, with Gio.Subprocess and Promise.all().
//
// usage: endings.js [SECONDS]

import Gio from 'gi://Gio';

Gio._promisify(Gio.Subprocess.prototype, 'communicate_utf8_async');

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

async function call(how) {
  const source = `try {
      print(JSON.stringify({value: (${end})('${how}')}));
    } catch (error) {
      print(JSON.stringify({message: error.message}));
    }`;
  const gjs = Gio.Subprocess.new(['gjs', '-c', source], Gio.SubprocessFlags.STDOUT_PIPE);
  let timedOut = false;
  const timer = setTimeout(() => {
    timedOut = true;
    gjs.force_exit();
  }, timeout * 1000);
  const [output] = await gjs.communicate_utf8_async(null, null);

  clearTimeout(timer);
  if (timedOut)
    return `timed out after ${timeout} s`;
  if (gjs.get_if_signaled())
    return `killed by signal ${gjs.get_term_sig()}`;
  const {value, message} = JSON.parse(output);

  return value ?? message;
}

for (const [index, text] of (await Promise.all(ways.map(call))).entries())
  print(`${ways[index]}: ${text}`);
