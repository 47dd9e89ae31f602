// SPDX-FileCopyrightText: 2026 The pcall authors
// SPDX-License-Identifier: LGPL-2.1-or-later

// In the worker: a call that runs a function for several items of map(), one after the other.
//
// It comes back when it has had its time, with fewer items than it was given: the others are run
// later. An outcome that the journal has no room for becomes the result of the call, and ends it.

const {GLib, Pcall} = imports.gi;
const {packOutcome} = imports.overrides.pcall.errors;
const {FULFILLED, REJECTED, Writer} = imports.overrides.pcall.journal;
const {packText} = imports.overrides.pcall.values;

const VARIANT = new GLib.VariantType('v');

let writer = null;
let itemIndex = null;

// The worker's journal, of which there is one.
function openJournal(worker) {
  writer ??= new Writer(worker.dup_journal().toArray());
  return writer;
}

function getCallIndex() {
  return itemIndex ?? Pcall.get_call_index();
}

// `run` is what calls the function; `explain` looks at what it threw.
function getOutcome(run, explain) {
  try {
    return {status: FULFILLED, packed: packText(run(), 'the result')};
  } catch (thrown) {
    explain(thrown);
    return {status: REJECTED, packed: packOutcome(thrown)};
  }
}

function toResult({status, packed: {text, parts}}) {
  return GLib.Variant.new_tuple([GLib.Variant.new_int32(status), GLib.Variant.new_string(text),
    GLib.Variant.new_array(VARIANT, parts)]);
}

function runItems(journal, call, {indices, items, seconds, timed}, explain) {
  const until = Date.now() + seconds * 1000;

  for (let i = 0; i < items.length; i++) {
    itemIndex = indices[i];
    if (timed)
      journal.beginItem();

    const outcome = getOutcome(() => call(items[i]), explain);

    if (!journal.write(outcome.status, outcome.packed))
      return toResult(outcome);
    if (Date.now() >= until)
      break;
  }
  journal.leave();
  return GLib.Variant.new_tuple([]);
}

// Runs `call` for each item of `chunk`, and returns the result of the whole as a variant.
function run(worker, call, chunk, explain) {
  try {
    return runItems(openJournal(worker), call, chunk, explain);
  } finally {
    itemIndex = null;
  }
}
