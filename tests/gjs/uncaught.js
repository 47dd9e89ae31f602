// SPDX-FileCopyrightText: 2026 The pcall authors
// SPDX-License-Identifier: LGPL-2.1-or-later

// A program that does not catch what a call throws.

import Pcall from 'gi://Pcall?version=1.0';

Pcall.pcall(function outer() {
  function inner() {
    throw new RangeError('deep');
  }
  inner();
});
