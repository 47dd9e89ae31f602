// SPDX-FileCopyrightText: 2026 The pcall authors
// SPDX-License-Identifier: LGPL-2.1-or-later

// What was thrown in a child, thrown again here.
//
// In the child an exception becomes the GLib.Error of the call, with the exception itself among the
// error's details; a GLib.Error stays what it is. Here it comes back with its name, its message and
// its properties, and with a stack that begins at home and goes on in the child.

const {GLib, Pcall} = imports.gi;
const {fromVariant, hide, nameThrown, toThrownVariant} = imports.overrides.pcall.values;

const DETAIL = 'javascript';

// In the child

function describe(thrown) {
  if (thrown instanceof GLib.Error) {
    return {type: GLib.quark_to_string(thrown.domain), message: thrown.message,
      traceback: thrown.stack ?? ''};
  }
  return thrown instanceof Error
    ? {type: nameThrown(thrown), message: String(thrown.message), traceback: String(thrown.stack)}
    : {type: typeof thrown, message: String(thrown), traceback: ''};
}

function cleanText(text) {
  return text.replace(/[\0\uD800-\uDFFF]/gu, '\ufffd');
}

// Tells what goes with the error of this call, and makes that error.
function report(thrown) {
  const isGError = thrown instanceof GLib.Error;
  const details = describe(thrown);
  const dict = GLib.VariantDict.new(null);

  for (const key of Object.keys(details))
    dict.insert_value(key, GLib.Variant.new_string(cleanText(details[key])));
  if (!isGError)
    dict.insert_value(DETAIL, toThrownVariant(thrown));
  Pcall.set_error_details(dict.end());

  return isGError ? thrown : new GLib.Error(Pcall.Error, Pcall.Error.FAILED,
    cleanText(`${details.type}: ${details.message}`));
}

// In the parent

function appendStack(error, call, childStack, stack) {
  const trimmed = stack.replace(/\n+$/, '');

  hide(error, 'stack', `${trimmed}\nin call ${call.index} (${call.target_name}), process ${
    call.pid}:\n${childStack}`);
}

// What came of a call that did not succeed, as one throws it. `stack` is of whoever waits for it.
function toThrown(call, stack) {
  const error = call.get_error();
  const details = call.get_error_details();
  const thrown = details?.lookup_value(DETAIL, null);

  if (thrown) {
    const value = fromVariant(thrown);

    if (value instanceof Error)
      appendStack(value, call, value.stack, stack);
    return value;
  }
  const traceback = details?.lookup_value('traceback', null)?.get_string()[0];

  if (traceback)
    appendStack(error, call, traceback, stack);
  return error;
}
