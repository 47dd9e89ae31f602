#!/usr/bin/gjs -m
// SPDX-FileCopyrightText: 2026 The pcall authors
// SPDX-License-Identifier: LGPL-2.1-or-later

// A small picture of the Mandelbrot set, a call for each row.

import Pcall from 'gi://Pcall';

function draw(y) {
  const isInside = (real, imaginary) => {
    let [a, b] = [0, 0];

    for (let i = 0; i < 200 && Math.hypot(a, b) <= 2; i++)
      [a, b] = [a * a - b * b + real, 2 * a * b + imaginary];
    return Math.hypot(a, b) <= 2;
  };

  return Array.from({length: 21}, (_, x) => isInside(x / 8 - 2, y / 4 - 1) ? '#' : '.').join('');
}

for await (const row of Pcall.map(draw, Array(9).keys()))
  print(row);
