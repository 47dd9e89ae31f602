#!/usr/bin/gjs -m
// SPDX-FileCopyrightText: 2026 The pcall authors
// SPDX-License-Identifier: LGPL-2.1-or-later

// What is found when the time is over, as in deadline.js, with Gio.Subprocess and Promise.all().
//
// usage: deadline.js [SECONDS]

import Gio from 'gi://Gio';

Gio._promisify(Gio.Subprocess.prototype, 'communicate_utf8_async');

function lookFor(what) {
  while (what === 'peace' || what === 'time')
    imports.gi.GLib.usleep(1e6); // for ever
  return what;
}

const [deadline = 3] = ARGV.map(Number);
const things = ['keys', 'time', 'glasses', 'peace'];

async function call(what) {
  const source = `print(JSON.stringify((${lookFor})('${what}')))`;
  const gjs = Gio.Subprocess.new(['gjs', '-c', source], Gio.SubprocessFlags.STDOUT_PIPE);
  const timer = setTimeout(() => gjs.force_exit(), deadline * 1000);
  const [output] = await gjs.communicate_utf8_async(null, null);

  clearTimeout(timer);
  return output;
}

const outputs = await Promise.all(things.map(call));

outputs.filter(Boolean).forEach(output => print(JSON.parse(output)));
