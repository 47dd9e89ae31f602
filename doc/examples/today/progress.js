#!/usr/bin/gjs -m
// SPDX-FileCopyrightText: 2026 The pcall authors
// SPDX-License-Identifier: LGPL-2.1-or-later

// Calls that tell how far they are, as in progress.js, with Gio.Subprocess and Promise.all().

import Gio from 'gi://Gio';

Gio._promisify(Gio.DataInputStream.prototype, 'read_line_async', 'read_line_finish_utf8');

function bake(what, layers) {
  for (let layer = 1; layer <= layers; layer++)
    print(JSON.stringify({fraction: layer / layers, text: `layer ${layer} of ${what}`}));
  print(JSON.stringify({result: what.toUpperCase()}));
}

const told = [];

async function call([what, layers], i) {
  const source = `(${bake})('${what}', ${layers})`;
  const gjs = Gio.Subprocess.new(['gjs', '-c', source], Gio.SubprocessFlags.STDOUT_PIPE);
  const stream = new Gio.DataInputStream({base_stream: gjs.get_stdout_pipe()});

  for (;;) {
    const [line] = await stream.read_line_async(0, null);
    const {fraction, text, result} = JSON.parse(line);

    if (result)
      return result;
    told[i] = `${100 * fraction} %: ${text}`;
  }
}

const results = await Promise.all([['cake', 3], ['bread', 1], ['tart', 2]].map(call));

results.forEach((result, i) => print(`${told[i]}, ${result}`));
