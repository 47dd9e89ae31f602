// SPDX-FileCopyrightText: 2026 The pcall authors
// SPDX-License-Identifier: LGPL-2.1-or-later

// Functions for workers to import.

import GLib from 'gi://GLib';

const factor = 10;

export function multiply(x) {
  return x * factor;
}

export default function baseName(path) {
  return GLib.path_get_basename(path);
}

export const answer = 42;
