// SPDX-FileCopyrightText: 2026 The pcall authors
// SPDX-License-Identifier: LGPL-2.1-or-later

// A small TAP harness: cases run one after the other, and may be asynchronous; what a case throws
// is why it failed.

import GLib from 'gi://GLib';
import System from 'system';

const cases = [];

export function test(name, body) {
  cases.push({name, body});
}

export function skip(name, reason) {
  cases.push({name: `${name} # SKIP ${reason}`, body: () => {}});
}

function comment(text) {
  return text.replace(/^/gm, '# ');
}

async function runCase({name, body}, number) {
  try {
    await body();
    print(`ok ${number} ${name}`);
    return true;
  } catch (error) {
    print(`not ok ${number} ${name}`);
    print(comment(`${error}\n${error?.stack ?? ''}`));
    return false;
  }
}

export function note(text) {
  print(comment(text));
}

// Returns the exit status.
export async function runAll() {
  let nFailed = 0;

  print(`1..${cases.length}`);
  for (let i = 0; i < cases.length; i++)
    nFailed += await runCase(cases[i], i + 1) ? 0 : 1;
  return nFailed > 0 ? 1 : 0;
}

// Ends the program with the status that this comes to. Not `await` at the top level: while that
// waits, GJS 1.74 asks without a pause whether it is over, which takes a whole processor.
export function run(ended = runAll()) {
  const loop = new GLib.MainLoop(null, false);
  let status = 1;

  ended.then(result => {
    status = result;
  }).catch(logError).finally(() => loop.quit());
  loop.run();
  System.exit(status);
}

// Comparing

function show(value) {
  if (typeof value === 'function')
    return value.toString();
  if (Object.is(value, -0))
    return '-0';
  const text = JSON.stringify(value, (key, each) => typeof each === 'bigint' ? `${each}n`
    : each instanceof Map || each instanceof Set ? [...each] : each);

  return `${Object.prototype.toString.call(value)} ${text?.slice(0, 300) ?? value}`;
}

function listParts(value) {
  if (value instanceof Map || value instanceof Set)
    return [...value];
  if (value instanceof Date)
    return [value.getTime()];
  if (value instanceof RegExp)
    return [String(value), value.lastIndex];
  if (value instanceof ArrayBuffer)
    return [...new Uint8Array(value)];
  if (value instanceof DataView)
    return listParts(value.buffer);
  if (value instanceof Error)
    return [value.name, value.message, value.stack, value.cause, ...Object.entries(value)];
  return null;
}

export function isEqual(a, b) {
  if (Object.is(a, b))
    return true;
  if (typeof a !== 'object' || typeof b !== 'object' || a === null || b === null ||
      Object.getPrototypeOf(a) !== Object.getPrototypeOf(b))
    return false;

  const parts = listParts(a);

  if (parts !== null)
    return isEqual(parts, listParts(b));
  const [keys, otherKeys] = [Object.keys(a), Object.keys(b)];

  return keys.length === otherKeys.length && a.length === b.length &&
    keys.every((key, i) => key === otherKeys[i] && isEqual(a[key], b[key]));
}

export function equal(actual, expected) {
  if (!isEqual(actual, expected))
    throw new Error(`got ${show(actual)}, expected ${show(expected)}`);
}

export function ok(condition, what) {
  if (!condition)
    throw new Error(what ?? 'that was not so');
}

export function match(text, pattern) {
  if (!pattern.test(text))
    throw new Error(`${JSON.stringify(text)} does not match ${pattern}`);
}

// Throwing

function checkThrown(error, expected) {
  if (expected.type !== undefined && !(error instanceof expected.type))
    throw new Error(`threw ${error}\n${error?.stack}\nwhich is no ${expected.type.name}`);
  if (expected.name !== undefined)
    equal(error.name, expected.name);
  if (expected.code !== undefined)
    ok(error.matches(...expected.code), `threw ${error}, of code ${error.code}`);
  if (expected.message !== undefined)
    match(error.message, expected.message);
  return error;
}

export function throws(body, expected) {
  let result;

  try {
    result = body();
  } catch (error) {
    return checkThrown(error, expected);
  }
  throw new Error(`returned ${show(result)}, and threw nothing`);
}

export async function rejects(promise, expected) {
  let result;

  try {
    result = await promise;
  } catch (error) {
    return checkThrown(error, expected);
  }
  throw new Error(`came to ${show(result)}, and threw nothing`);
}
