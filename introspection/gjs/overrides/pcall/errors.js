// SPDX-FileCopyrightText: 2026 The pcall authors
// SPDX-License-Identifier: LGPL-2.1-or-later

// What was thrown in a child, thrown again here.
//
// In the child an exception becomes the GLib.Error of the call, with the exception itself among the
// error's details; a GLib.Error stays what it is. Here it comes back with its name, its message and
// its properties, and with a stack that begins at home and goes on in the child.

const {GLib, Pcall} = imports.gi;
const {fromVariant, hide, nameThrown, packText, packThrown, toVariant} =
  imports.overrides.pcall.values;

const DETAIL = 'javascript';
const OWN_FRAME = /\/(?:overrides\/pcall\/\w+|gjs-worker)\.js:/;

// In the child. What was thrown may be anything, and throw in its turn when it is looked at.

function attempt(look, otherwise) {
  try {
    return look();
  } catch {
    return otherwise;
  }
}

function isA(thrown, type) {
  return attempt(() => thrown instanceof type, false);
}

// Not what only inherits from one.
function isGError(thrown) {
  return isA(thrown, GLib.Error) && attempt(() => thrown.domain, null) !== null;
}

function describeError(error, type) {
  return {
    type,
    message: attempt(() => String(error.message), '<no message>'),
    traceback: attempt(() => String(error.stack ?? ''), ''),
  };
}

function describe(thrown) {
  if (isGError(thrown))
    return describeError(thrown, GLib.quark_to_string(thrown.domain));
  if (isA(thrown, Error))
    return describeError(thrown, attempt(() => nameThrown(thrown), 'Error'));
  return {type: typeof thrown, message: attempt(() => String(thrown), '<no text>'), traceback: ''};
}

function cleanText(text) {
  return text.replace(/[\0\uD800-\uDFFF]/gu, '\ufffd');
}

// An error that says what there is to say, where what was thrown cannot cross at all.
function standIn({type, message, traceback}) {
  const error = new Error(message);

  hide(error, 'name', type);
  hide(error, 'stack', traceback);
  return error;
}

// By packText() or toVariant().
function packWith(pack, thrown, details) {
  return attempt(() => packThrown(thrown, pack), null) ?? pack(standIn(details), 'what was thrown');
}

// Tells what goes with the error of this call, and makes that error.
function report(thrown) {
  const isOwn = isGError(thrown);
  const details = describe(thrown);
  const dict = GLib.VariantDict.new(null);

  for (const key of Object.keys(details))
    dict.insert_value(key, GLib.Variant.new_string(cleanText(details[key])));
  if (!isOwn)
    dict.insert_value(DETAIL, packWith(toVariant, thrown, details));
  Pcall.set_error_details(dict.end());

  return isOwn ? thrown : new GLib.Error(Pcall.Error, Pcall.Error.FAILED,
    cleanText(`${details.type}: ${details.message}`));
}

// The same for an error that is told with others.
function packOutcome(thrown) {
  return packWith(packText, thrown, describe(thrown));
}

// In the parent

function isOwnFrame(line) {
  return OWN_FRAME.test(line);
}

// Frames of pcall itself say nothing to anybody, unless there are no others.
function trimStack(stack) {
  const lines = stack.trimEnd().split('\n');
  const others = lines.filter(line => !isOwnFrame(line));

  if (others.length === 0)
    return lines.join('\n');
  return lines.slice(lines.indexOf(others[0]), lines.lastIndexOf(others.at(-1)) + 1).join('\n');
}

function appendStack(error, call, childStack, stack) {
  hide(error, 'stack', `${trimStack(stack)}\nin call ${call.index} (${call.target_name}), process ${
    call.pid}:\n${trimStack(childStack)}`);
}

// An uncaught Error is shown by GJS with its own record of where it was made, here, which cannot be
// changed. Of an object that only inherits from Error the property is shown.
function makeThrown(error, call, stack) {
  const thrown = Object.create(Object.getPrototypeOf(error),
    Object.getOwnPropertyDescriptors(error));

  hide(thrown, Symbol.toStringTag, 'Error');
  appendStack(thrown, call, error.stack, stack);
  return thrown;
}

// The same error of another call, that of an item.
function retell(error, index, stack) {
  const told = new GLib.Error(error.domain, error.code,
    error.message.replace(/^call \d+/, `call ${index}`));

  hide(told, 'stack', trimStack(stack));
  return told;
}

// What came of a call that did not succeed, as one throws it. `stack` is of whoever waits for it.
function toThrown(call, stack) {
  const error = call.get_error();
  const details = call.get_error_details();
  const thrown = details?.lookup_value(DETAIL, null);

  if (thrown) {
    const value = fromVariant(thrown);

    return value instanceof Error ? makeThrown(value, call, stack) : value;
  }
  const traceback = details?.lookup_value('traceback', null)?.get_string()[0];

  if (traceback)
    appendStack(error, call, traceback, stack);
  return error;
}
