// SPDX-FileCopyrightText: 2026 The pcall authors
// SPDX-License-Identifier: LGPL-2.1-or-later

// Where what calls print and log comes out of the program that has made them.

import Gio from 'gi://Gio';
import Pcall from 'gi://Pcall?version=1.0';

import {equal, match, ok, run, test} from './tap.js';

const program = Gio.File.new_for_uri(import.meta.url).get_parent().get_child('printing.js')
  .get_path();

// What a program with these options prints: its standard output, its standard error, and what its
// calls say that they have written.
function runProgram(options, {debug = ''} = {}) {
  const launcher = new Gio.SubprocessLauncher({
    flags: Gio.SubprocessFlags.STDOUT_PIPE | Gio.SubprocessFlags.STDERR_PIPE,
  });

  launcher.unsetenv('G_DEBUG'); // warnings are what is tested
  launcher.setenv('G_MESSAGES_DEBUG', debug, true);
  const [, out, err] = launcher.spawnv(['gjs', '-m', program, JSON.stringify(options)])
    .communicate_utf8(null, null);
  const lines = out.trimEnd().split('\n');
  const outputs = JSON.parse(lines.pop());

  return {out: lines.join('\n'), err, outputs};
}

for (const [name, logMode] of [['in the end', 'SECTIONS'], ['as it comes', 'LIVE']]) {
  test(`what is printed goes to the streams, ${name}`, () => {
    const {out, err} = runProgram(
      {silent: true, maxChildren: 1, logMode: Pcall.LogMode[logMode]});

    equal(out, 'before\nprinted 1\nprinted 2\nafter');
    equal(err, 'complained 1\ncomplained 2\n');
  });
}

test('what is logged keeps its level, and has a section', () => {
  const {out, err} = runProgram({});

  equal(out, 'before\nprinted 1\nprinted 2\nafter');
  match(err, new RegExp([
    'complained 1\n.*>>>> Begin child log /', '-Message: .*: logged 1\n', 'WARNING.*: warned 1\n',
    'CRITICAL.*: failed 1\n', '<<<< End child log /', 'complained 2\n.*>>>> Begin child log /',
  ].join('[^]*')));
  ok(!err.includes('whispered'), err);
});

test('what is debugged is logged where that is wanted', () => {
  const {out} = runProgram({}, {debug: 'all'});

  match(out, /DEBUG.*whispered 1\n[^]*DEBUG.*whispered 2\n/);
});

test('a call has its output', () => {
  const {outputs} = runProgram({});

  equal(outputs, [1, 2].map(x =>
    `printed ${x}\ncomplained ${x}\nlogged ${x}\nwarned ${x}\nfailed ${x}\n`));
});

test('output that is not UTF-8 is text all the same', () => {
  const task = new Pcall.Pcall(async () => {
    const {default: Gio} = await import('gi://Gio');

    Gio.Subprocess.new(['printf', '# a\\377b\\n'], Gio.SubprocessFlags.NONE).wait(null);
  });

  equal(task.calls.length, 0);
  task.start();
  task.join();
  equal(task.calls[0].output, '# a\ufffdb\n');
});

test('what is printed is logged where that is asked for', () => {
  const {out, err} = runProgram({silent: true, outputMode: Pcall.OutputMode.LOG});

  equal(out, 'before\nafter');
  match(err, />>>> Begin.*\n.*Pcall-Message.*: printed 1\n.*: complained 1\n.*<<<< End/);
});

run();
