#!/usr/bin/gjs -m
// SPDX-FileCopyrightText: 2026 The pcall authors
// SPDX-License-Identifier: LGPL-2.1-or-later

// Calls that tell how far they are.

import Pcall from 'gi://Pcall';

function bake(what, layers) {
  for (let layer = 1; layer <= layers; layer++)
    Pcall.reportProgress(layer / layers, `layer ${layer} of ${what}`);
  return what.toUpperCase();
}

const told = [];
const p = new Pcall.Pcall(bake, {iargs: [['cake', 3], ['bread', 1], ['tart', 2]]});

p.connect('call-progress', (_, call, fraction, text) => {
  told[call.index] = `${100 * fraction} %: ${text}`;
});
p.start();
await p.joinAsync();
p.results.forEach((result, i) => print(`${told[i]}, ${result}`));
