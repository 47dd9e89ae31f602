#!/usr/bin/gjs -m
// SPDX-FileCopyrightText: 2026 The pcall authors
// SPDX-License-Identifier: LGPL-2.1-or-later

// The smallest use of pcall in JavaScript. README.md shows what stands between the two marks, and a
// test keeps the two the same.

// README: begin
import Pcall from 'gi://Pcall';

function square(n) {
  return n * n;
}

print(await Pcall.pcallAsync(square, {iargs: [[2], [3], [4]]}));
// README: end
