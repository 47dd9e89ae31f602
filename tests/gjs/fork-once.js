// SPDX-FileCopyrightText: 2026 The pcall authors
// SPDX-License-Identifier: LGPL-2.1-or-later

// A program that forks if it may. The first argument: whether it collects garbage before; the
// second: by what it forks. It prints what came of it, in JSON.

const {GLib, Pcall} = imports.gi;
const base = 20;

// What is behind the overrides is there for everybody, too.
function runTask(task) {
  task.timeout = 20;
  return task.run(null).deepUnpack().map(value => value.deepUnpack());
}

function collectAndAdd(args) {
  imports.system.gc();
  return GLib.Variant.new_int32(base + args.n_children());
}

// How many different numbers children draw, beside their parent.
function countNumbers() {
  const options = {nCalls: 8, startMethod: Pcall.StartMethod.FORK, timeout: 20};

  return [new Set([Math.random(), ...Pcall.pcall(() => Math.random(), options)]).size];
}

const ways = {
  random: countNumbers,
  options: () => Pcall.pcall(x => {
    imports.system.gc();
    return base + x;
  }, {iargs: [[1], [2], [3]], startMethod: Pcall.StartMethod.FORK, timeout: 20}),
  task: () => runTask(Pcall.Task.new_for_func(collectAndAdd)),
  target: () => runTask(Pcall.Task.new(Pcall.Target.new('add', collectAndAdd))),
};

if (ARGV[0] === 'collect') {
  for (let i = 0; i < 5; i++)
    imports.system.gc();
}

let outcome;

try {
  outcome = ways[ARGV[1] ?? 'options']();
} catch (error) {
  outcome = error.matches?.(Pcall.Error, Pcall.Error.FORK_UNSAFE) ? 'refused' : String(error);
}
print(JSON.stringify(outcome));
