# SPDX-FileCopyrightText: 2026 The pcall authors
# SPDX-License-Identifier: LGPL-2.1-or-later

"""Python objects as bytes, and back.

Results, messages and exceptions are pickled. A `GLib.Variant` is one already: as a result or a
message it passes as it is, and inside of another object it is pickled by its own bytes. Only an
`ay`, which is what a pickle travels as, and a `v` are put into a `v` first, to tell them apart; so is a
maybe that Python's own numbers, truth values and None come as from a batch of calls.
"""

import copyreg
import pickle

from gi.repository import GLib

PROTOCOL = 5
BYTES = GLib.VariantType.new("ay")
OWN_NUMBERS = ("mx", "md", "mb")  # what Python has put into a batch
AMBIGUOUS = ("ay", "v", *OWN_NUMBERS)
TRUTHS = (False, True, None)


def variant_from_bytes(type_string, data):
    type_ = GLib.VariantType.new(type_string)
    return GLib.Variant.new_from_bytes(type_, GLib.Bytes.new(data), False)


def variant_to_bytes(variant):
    """Not `unpack()`, which makes an object of each single byte."""
    return variant.get_data_as_bytes().get_data() or b""


def reduce_variant(variant):
    return variant_from_bytes, (variant.get_type_string(), variant_to_bytes(variant))


copyreg.pickle(GLib.Variant, reduce_variant)


def dumps(value):
    return pickle.dumps(value, PROTOCOL)


loads = pickle.loads


def to_variant(value):
    """Any object as a GLib.Variant."""
    if not isinstance(value, GLib.Variant):
        return GLib.Variant.new_from_bytes(BYTES, GLib.Bytes.new(dumps(value)), True)
    if value.get_type_string() in AMBIGUOUS:
        return GLib.Variant.new_variant(value)
    return value


def from_variant(variant):
    """What `to_variant()` was given."""
    type_string = variant.get_type_string()
    if type_string == "ay":
        return loads(variant_to_bytes(variant))
    if type_string == "v":
        return variant.get_variant()
    if type_string in OWN_NUMBERS:
        return variant.unpack()
    return variant


def is_number(kind):
    """Whether it is the type of numbers that were Python's own; kind: the code of a character."""
    return kind in (88, 68, 66)  # X, D, B


def load_numbers(kind, data):
    if kind == 66:
        return [TRUTHS[number] for number in memoryview(data).cast("q")]
    return memoryview(data).cast("q" if kind == 88 else "d").tolist()


def load_pieces(data):
    """What was pickled as each of the pieces that the library gives together: their number, as many
    ends, and the bytes."""
    head = memoryview(data)
    n = head[:8].cast("Q")[0]
    ends = head[8 : 8 * (n + 1)].cast("Q").tolist()
    base = 8 * (n + 1)
    begin = base
    results = []
    for end in ends:
        results.append(loads(data[begin : base + end]))
        begin = base + end
    return results
