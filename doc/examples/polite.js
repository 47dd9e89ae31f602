#!/usr/bin/gjs -m
// SPDX-FileCopyrightText: 2026 The pcall authors
// SPDX-License-Identifier: LGPL-2.1-or-later

// Work that may hang or crash, in workers that stay: each round finds them warm, and what goes wrong
// costs one item.

import Pcall from 'gi://Pcall';

function work(name) {
  if (name === 'hang') {
    for (;;)
      ;
  }
  if (name === 'leave')
    imports.system.exit(3);
  return name.toUpperCase();
}

const pool = new Pcall.Pool({maxChildren: 2, idleTimeout: 60});

for (const round of [['one', 'hang', 'two'], ['three', 'leave', 'four']]) {
  for await (const {index, value, reason} of pool.map(work, round,
    {settled: true, timeout: 1, gracePeriod: 0}))
    print(index, value ?? reason.message);
}
