#!/usr/bin/gjs -m
// SPDX-FileCopyrightText: 2026 The pcall authors
// SPDX-License-Identifier: LGPL-2.1-or-later

// Runs commands of the shell, as commands.js does, with Gio.Subprocess and Promise.all().

import Gio from 'gi://Gio';
import System from 'system';

Gio._promisify(Gio.Subprocess.prototype, 'communicate_utf8_async');

async function run(command) {
  const shell = Gio.Subprocess.new(['sh', '-c', command], Gio.SubprocessFlags.STDOUT_PIPE);
  const [output] = await shell.communicate_utf8_async(null, null);

  return shell.get_successful() ? output.trimEnd() : undefined;
}

let status = 0;

for (const [index, value] of (await Promise.all(ARGV.map(run))).entries()) {
  print(`${ARGV[index]}: ${value ?? 'failed'}`);
  status ||= value === undefined ? 1 : 0;
}
System.exit(status);
