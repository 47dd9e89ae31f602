#!/usr/bin/gjs -m
// SPDX-FileCopyrightText: 2026 The pcall authors
// SPDX-License-Identifier: LGPL-2.1-or-later

// Who answers first wins, and the others are ended: mirrors that are asked at the same time.

import Pcall from 'gi://Pcall';

function ask(mirror) {
  while (mirror !== 'east')
    imports.gi.GLib.usleep(1e6); // an answer that never comes
  return mirror;
}

const iargs = [['north'], ['east'], ['south'], ['west']];

for await (const call of Pcall.asCompleted(ask, {iargs, maxChildren: iargs.length})) {
  print(call.result);
  break;
}
