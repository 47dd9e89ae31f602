// SPDX-FileCopyrightText: 2026 The pcall authors
// SPDX-License-Identifier: LGPL-2.1-or-later

// A program that forks if it may. The first argument: whether it collects garbage before. It prints
// what came of it, in JSON.

const {Pcall} = imports.gi;
const base = 20;

if (ARGV[0] === 'collect') {
  for (let i = 0; i < 5; i++)
    imports.system.gc();
}

let outcome;

try {
  outcome = Pcall.pcall(x => {
    imports.system.gc();
    return base + x;
  }, {iargs: [[1], [2], [3]], startMethod: Pcall.StartMethod.FORK, timeout: 20});
} catch (error) {
  outcome = error.matches?.(Pcall.Error, Pcall.Error.FORK_UNSAFE) ? 'refused' : String(error);
}
print(JSON.stringify(outcome));
