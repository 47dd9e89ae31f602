#!/usr/bin/gjs -m
// SPDX-FileCopyrightText: 2026 The pcall authors
// SPDX-License-Identifier: LGPL-2.1-or-later

// Who answers first wins, as in mirrors.js, with Gio.Subprocess and Promise.race().

import Gio from 'gi://Gio';

Gio._promisify(Gio.Subprocess.prototype, 'communicate_utf8_async');

function ask(mirror) {
  while (mirror !== 'east')
    imports.gi.GLib.usleep(1e6); // an answer that never comes
  return mirror;
}

function start(mirror) {
  const source = `print(JSON.stringify((${ask})('${mirror}')))`;

  return Gio.Subprocess.new(['gjs', '-c', source], Gio.SubprocessFlags.STDOUT_PIPE);
}

const running = ['north', 'east', 'south', 'west'].map(start);
const [output] = await Promise.race(running.map(each => each.communicate_utf8_async(null, null)));

print(JSON.parse(output));
running.forEach(each => each.force_exit());
