// SPDX-FileCopyrightText: 2026 The pcall authors
// SPDX-License-Identifier: LGPL-2.1-or-later

// A program whose calls print and log: for test-output.js. Its argument is an object of options.

import Pcall from 'gi://Pcall?version=1.0';

const {silent, ...options} = JSON.parse(ARGV[0] ?? '{}');

function speak(x, isSilent) {
  print(`printed ${x}`);
  printerr(`complained ${x}`);
  if (isSilent)
    return;
  console.log(`logged ${x}`);
  console.warn(`warned ${x}`);
  console.error(`failed ${x}`);
  console.debug(`whispered ${x}`);
}

print('before');
const task = new Pcall.Pcall(speak, {iargs: [[1, silent], [2, silent]], ...options});

task.start();
task.join();
print('after');
print(JSON.stringify(task.calls.map(call => call.output)));
