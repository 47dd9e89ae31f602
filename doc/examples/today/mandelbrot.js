#!/usr/bin/gjs -m
// SPDX-FileCopyrightText: 2026 The pcall authors
// SPDX-License-Identifier: LGPL-2.1-or-later

// A small picture, as mandelbrot.js draws it, with Gio.Subprocess and Promise.all().

import Gio from 'gi://Gio';

Gio._promisify(Gio.Subprocess.prototype, 'communicate_utf8_async');

function draw(y) {
  const isInside = (real, imaginary) => {
    let [a, b] = [0, 0];

    for (let i = 0; i < 200 && Math.hypot(a, b) <= 2; i++)
      [a, b] = [a * a - b * b + real, 2 * a * b + imaginary];
    return Math.hypot(a, b) <= 2;
  };

  return Array.from({length: 21}, (_, x) => isInside(x / 8 - 2, y / 4 - 1) ? '#' : '.').join('');
}

async function call(func, ...args) {
  const source = `print(JSON.stringify((${func})(...${JSON.stringify(args)})))`;
  const gjs = Gio.Subprocess.new(['gjs', '-c', source], Gio.SubprocessFlags.STDOUT_PIPE);
  const [output] = await gjs.communicate_utf8_async(null, null);

  return JSON.parse(output);
}

for (const row of await Promise.all(Array.from(Array(9).keys(), y => call(draw, y))))
  print(row);
