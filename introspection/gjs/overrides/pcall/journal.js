// SPDX-FileCopyrightText: 2026 The pcall authors
// SPDX-License-Identifier: LGPL-2.1-or-later

// What becomes of the items of one call, written down by the worker that runs them, one after the
// other, and read by the parent when the call has ended, also where it crashed.
//
// It is text: `status,value` for each item in its order, with commas between them. The value is as
// in a packed one, and where that has parts an array of them follows. All of it is one JSON array
// without its brackets, so that the parent parses it at once. The worker says last that it has left:
// without that, the item that has no outcome is the one that ran.

const {GLib} = imports.gi;
const {hasTags, unpackTree} = imports.overrides.pcall.values;

const HEAD_SIZE = 16;
var FULFILLED = 0;
var REJECTED = 1;
const WITH_PARTS = 2; // added to one of these
const LEFT = -1;
const LEFT_TEXT = `${LEFT},`;
const MAX_PARTS_SIZE = 64 * 1024;

// Parts

function encodePart(part) {
  const variant = part.get_variant();

  return [variant.get_type_string(), GLib.base64_encode(variant.get_data_as_bytes().toArray())];
}

function decodePart([type, text]) {
  return GLib.Variant.new_from_bytes(new GLib.VariantType(type),
    new GLib.Bytes(GLib.base64_decode(text)), false);
}

function measureParts(parts) {
  return parts.reduce((size, part) => size + part.get_size(), 0);
}

// In the worker

var Writer = class {
  // `memory` is an array of all bytes of the worker's journal, the head included.
  constructor(memory) {
    const {buffer, byteOffset} = memory;

    this._length = new Uint32Array(buffer, byteOffset, 1);
    this._since = new BigInt64Array(buffer, byteOffset + 8, 1);
    this._bytes = memory.subarray(HEAD_SIZE);
    this._encoder = new TextEncoder();
  }

  // From here on the timeout counts anew.
  beginItem() {
    this._since[0] = BigInt(GLib.get_monotonic_time());
  }

  // Whether there was room. What has been written counts once the length says so.
  write(status, {text, parts}) {
    if (parts.length === 0)
      return this._append(`${status},${text},`);
    return measureParts(parts) <= MAX_PARTS_SIZE && this._append(
      `${status + WITH_PARTS},${text},${JSON.stringify(parts.map(encodePart))},`);
  }

  leave() {
    this._append(LEFT_TEXT);
  }

  _append(text) {
    const length = this._length[0];
    const {read, written} = this._encoder.encodeInto(text, this._bytes.subarray(length));

    if (read < text.length)
      return false;
    this._length[0] = length + written;
    return true;
  }
};

// In the parent

function makeOutcome(status, value) {
  return status === FULFILLED ? {status: 'fulfilled', value} : {status: 'rejected', reason: value};
}

// What a whole journal says. One that a crash has left in the middle of nothing says nothing.
function readJournal(bytes) {
  const outcomes = [];
  let hasLeft = false;

  if (bytes === null)
    return {outcomes, hasLeft};

  const text = new TextDecoder().decode(bytes.toArray());
  const list = JSON.parse(`[${text.slice(0, -1)}]`);
  const tagged = hasTags(text);

  for (let i = 0; i < list.length;) {
    const status = list[i++];

    if (status === LEFT) {
      hasLeft = true;
      break;
    }
    const tree = list[i++];
    const parts = status >= WITH_PARTS ? list[i++].map(decodePart) : [];

    outcomes.push(makeOutcome(status % WITH_PARTS, tagged ? unpackTree(tree, parts) : tree));
  }
  return {outcomes, hasLeft};
}
