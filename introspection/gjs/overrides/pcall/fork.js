// SPDX-FileCopyrightText: 2026 The pcall authors
// SPDX-License-Identifier: LGPL-2.1-or-later

// Functions as targets that are forked: they see all the variables around them.
//
// SpiderMonkey's helper threads do not come along into a fork. Threads that had slept since they
// were made are not missed; once one had been woken, by the collector or the compiler, a child that
// collects garbage may wait for it for ever. How often a thread slept is what /proc tells, so that
// it is known whether one was woken, and then there is no fork. A program should not rely on it: it
// may be woken in any program at any time.

const {Gio, GLib, Pcall} = imports.gi;
const {report} = imports.overrides.pcall.errors;
const {fromVariant, toVariant} = imports.overrides.pcall.values;

const TASKS = '/proc/self/task';
const HELPER = 'JS Helper';

let inFork = false;

function readText(path) {
  return new TextDecoder().decode(GLib.file_get_contents(path)[1]);
}

function listThreads() {
  const names = [];
  const list = Gio.File.new_for_path(TASKS).enumerate_children('standard::name', 0, null);

  for (let info; (info = list.next_file(null)) !== null;)
    names.push(info.get_name());
  list.close(null);
  return names;
}

function wasWoken(thread) {
  const status = readText(`${TASKS}/${thread}/status`);

  return status.startsWith(`Name:\t${HELPER}\n`) &&
    Number(/^voluntary_ctxt_switches:\s*(\d+)/m.exec(status)[1]) > 1;
}

function checkFork() {
  if (!inFork && !listThreads().some(wasWoken))
    return;

  throw new GLib.Error(Pcall.Error, Pcall.Error.FORK_UNSAFE,
    'JavaScript\'s helper threads have worked in this process and would be missing in a fork of ' +
    'it, where the garbage collector waits for them; spawn instead, which is the default');
}

// In the child

function runForked(func, args, kwargs) {
  const values = args.map(fromVariant);
  const names = Object.keys(kwargs);

  if (names.length > 0)
    values.push(Object.fromEntries(names.map(name => [name, fromVariant(kwargs[name])])));
  const result = func(...values);

  if (typeof result?.then === 'function')
    throw new TypeError('an asynchronous function cannot be forked; spawn instead');
  return toVariant(result, 'the result');
}

function forkTarget(func) {
  return Pcall.Target.new(func.name || '(anonymous)', (args, kwargs) => {
    inFork = true;
    try {
      return runForked(func, Array.from({length: args.n_children()},
        (_, i) => args.get_child_value(i)), kwargs.deepUnpack());
    } catch (thrown) {
      throw report(thrown);
    }
  });
}
