// SPDX-FileCopyrightText: 2026 The pcall authors
// SPDX-License-Identifier: LGPL-2.1-or-later

// Which library this is for. What an older one has not would be missed in the middle of a call.

const NEEDED = [1, 0, 0];

function isOlder(found) {
  const i = found.findIndex((number, index) => number !== NEEDED[index]);

  return i >= 0 && found[i] < NEEDED[i];
}

function check(Pcall) {
  const found = [Pcall.MAJOR_VERSION, Pcall.MINOR_VERSION, Pcall.MICRO_VERSION];

  if (isOlder(found)) {
    throw new Error(`pcall for JavaScript needs version ${NEEDED.join('.')} of the library or ` +
      `newer, and the one that is found is of version ${found.join('.')}`);
  }
}
