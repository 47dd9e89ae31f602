// SPDX-FileCopyrightText: 2026 The pcall authors
// SPDX-License-Identifier: LGPL-2.1-or-later

// Functions for workers to import in the old way, through `imports`.

var factor = 3;

function triple(x) {
  return x * factor;
}
