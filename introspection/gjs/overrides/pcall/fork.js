// SPDX-FileCopyrightText: 2026 The pcall authors
// SPDX-License-Identifier: LGPL-2.1-or-later

// Functions as targets that are forked: they see all the variables around them.
//
// SpiderMonkey's helper threads do not come along into a fork, where its garbage collector may wait
// for them. The library looks for them, refuses to fork where a child could hang, and does so for
// everything that forks. A program should not rely on forking: a helper may be woken in any program
// at any time.

const {GLib, Pcall} = imports.gi;
const {report} = imports.overrides.pcall.errors;
const {fromVariant, toVariant} = imports.overrides.pcall.values;

// SpiderMonkey's generator is the same in all forks, and has no seed to set. The library's is seeded
// anew in each child.
function renewRandom() {
  Math.random = GLib.random_double;
}

function runForked(func, args, kwargs) {
  const values = args.map(fromVariant);
  const names = Object.keys(kwargs);

  renewRandom();
  if (names.length > 0)
    values.push(Object.fromEntries(names.map(name => [name, fromVariant(kwargs[name])])));
  const result = func(...values);

  if (typeof result?.then === 'function')
    throw new TypeError('an asynchronous function cannot be forked; spawn instead');
  return toVariant(result, 'the result');
}

function forkTarget(func) {
  return Pcall.Target.new(func.name || '(anonymous)', (args, kwargs) => {
    try {
      return runForked(func, Array.from({length: args.n_children()},
        (_, i) => args.get_child_value(i)), kwargs.deepUnpack());
    } catch (thrown) {
      throw report(thrown);
    }
  });
}
