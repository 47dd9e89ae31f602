#!/usr/bin/gjs -m
// SPDX-FileCopyrightText: 2026 The pcall authors
// SPDX-License-Identifier: LGPL-2.1-or-later

// What is found when the time is over, of some things that are looked for.
//
// usage: deadline.js [SECONDS]

import Pcall from 'gi://Pcall';

function lookFor(what) {
  while (what === 'peace' || what === 'time')
    imports.gi.GLib.usleep(1e6); // for ever
  return what;
}

const [deadline = 3] = ARGV.map(Number);
const iargs = [['keys'], ['time'], ['glasses'], ['peace']];
const p = new Pcall.Pcall(lookFor, {iargs, deadline, maxChildren: iargs.length});

p.start();
await p.joinAsync().catch(() => {});
p.calls.filter(call => call.error === null).forEach(call => print(call.result));
