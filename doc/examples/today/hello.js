#!/usr/bin/gjs -m
// SPDX-FileCopyrightText: 2026 The pcall authors
// SPDX-License-Identifier: LGPL-2.1-or-later

// The smallest use of other processes, as in hello.js, with Gio.Subprocess and Promise.all().

import Gio from 'gi://Gio';

Gio._promisify(Gio.Subprocess.prototype, 'communicate_utf8_async');

function square(n) {
  return n * n;
}

async function call(func, ...args) {
  const source = `print(JSON.stringify((${func})(...${JSON.stringify(args)})))`;
  const gjs = Gio.Subprocess.new(['gjs', '-c', source], Gio.SubprocessFlags.STDOUT_PIPE);
  const [output] = await gjs.communicate_utf8_async(null, null);

  return JSON.parse(output);
}

print(await Promise.all([2, 3, 4].map(n => call(square, n))));
