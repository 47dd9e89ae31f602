// SPDX-FileCopyrightText: 2026 The pcall authors
// SPDX-License-Identifier: LGPL-2.1-or-later

// A module that maps at its top, as a worker that imports it must not.

import Pcall from 'gi://Pcall?version=1.0';

export function one() {
  return 1;
}

await Pcall.map(one, [1]).toArray();
