// SPDX-FileCopyrightText: 2026 The pcall authors
// SPDX-License-Identifier: LGPL-2.1-or-later

// What scripts import for their functions, and a function that imports something itself.

import {multiply} from '../targets.js';

export const price = 7;

export function double(x) {
  return 2 * x;
}

export default class Shop {
  static open() {
    return 'open';
  }
}

export function useTargets(x) {
  return multiply(x) + price;
}

export async function importTargets(x) {
  return (await import('../targets.js')).multiply(x);
}
