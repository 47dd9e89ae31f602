# SPDX-FileCopyrightText: 2026 The pcall authors
# SPDX-License-Identifier: LGPL-2.1-or-later

"""Python objects as bytes, and back.

Results, messages and exceptions are pickled. A `GLib.Variant` is one already: as a result or a
message it passes as it is, and inside of another object it is pickled by its own bytes. Only an
`ay`, which is what a pickle travels as, an `(ay)`, a `v`, and a maybe, as which Python's own
numbers, truth values and None come from a batch of calls, are put into a `v` first, to tell them
apart.

Large buffers of a result, those of NumPy's arrays among them, are not part of its pickle (see PEP
574). They are written into memory that becomes the result as a whole, an `(ay)`: each buffer, the
pickle, the size of each of these parts and their number. The parent maps that, for each object that
it makes of it anew, so that nobody sees what others write into their arrays. What is `bytes` is
copied out of it, once.

What an executor's child is sent (see `pack()`) has its pickle in front, as that is written while it
is made, and then the buffers.
"""

import copyreg
import fcntl
import mmap
import os
import pickle
import struct
import sys

from gi.module import get_introspection_module
from gi.repository import GLib

from . import waiting

Pcall = get_introspection_module("Pcall")

PROTOCOL = 5
BYTES = GLib.VariantType.new("ay")
OWN_NUMBERS = ("mx", "md", "mb")  # what Python has put into a batch
AMBIGUOUS = ("ay", "(ay)", "v", *OWN_NUMBERS)
TRUTHS = (False, True, None)

LARGE = 65536  # bytes, from which on a buffer does not go with the pickle
WORTH_ASKING = 1 << 20  # from which on fresh memory is asked for at once
MADV_POPULATE_WRITE = 23
ALIGNMENT = 64  # of each part
RAW = (bytes, bytearray)  # which are large buffers by themselves
SEALS = fcntl.F_SEAL_SHRINK | fcntl.F_SEAL_GROW | fcntl.F_SEAL_WRITE | fcntl.F_SEAL_SEAL
TAIL = struct.Struct("=QQ8s")  # the number of parts, whether the first is bytes, the mark
MARK = b"PCLparts"

large = []  # the large buffers of what is being pickled


def variant_from_bytes(type_string, data):
    type_ = GLib.VariantType.new(type_string)
    return GLib.Variant.new_from_bytes(type_, GLib.Bytes.new(data), False)


def variant_to_bytes(variant):
    """Not `unpack()`, which makes an object of each single byte."""
    return variant.get_data_as_bytes().get_data() or b""


def bytes_to_variant(data):
    """Not `GLib.Variant("ay", data)`, which makes a variant of each single byte."""
    return GLib.Variant.new_from_bytes(BYTES, GLib.Bytes.new(data), True)


def reduce_variant(variant):
    return variant_from_bytes, (variant.get_type_string(), variant_to_bytes(variant))


copyreg.pickle(GLib.Variant, reduce_variant)


def is_variant(value):
    """By its type: `isinstance()` believes what a mock says of itself."""
    return issubclass(type(value), GLib.Variant)


def dumps(value):
    return pickle.dumps(value, PROTOCOL)


loads = pickle.loads


def to_variant(value):
    """Any object as a GLib.Variant."""
    if not is_variant(value):
        return bytes_to_variant(dumps(value))
    if value.get_type_string() in AMBIGUOUS:
        return GLib.Variant.new_variant(value)
    return value


class Raw:
    """Stands for bytes while they are pickled, as a buffer of theirs."""

    def __init__(self, value):
        self.value = value

    def __reduce__(self):
        return type(self.value), (pickle.PickleBuffer(self.value),)


def take_large(buffer):
    """For `pickle.dumps()`: false where the buffer does not belong into the pickle."""
    if buffer.raw().nbytes < LARGE:
        return True
    large.append(buffer)
    return False


def write_all(fd, data):
    view = memoryview(data).cast("B")
    while view.nbytes > 0:
        view = view[os.write(fd, view) :]


def write_part(fd, data):
    """All of it, and zeros up to where the next part begins."""
    write_all(fd, data)
    write_all(fd, bytes(-len(data) % ALIGNMENT))


def write_sizes(fd, sizes, is_bytes):
    """At the end, of all parts."""
    write_all(fd, struct.pack(f"={len(sizes)}Q", *sizes) + TAIL.pack(len(sizes), is_bytes, MARK))


def write_parts(fd, data, is_bytes):
    parts = [buffer.raw() for buffer in large] + [data]
    for part in parts:
        write_part(fd, part)
    write_sizes(fd, [*map(len, parts)], is_bytes)


def create_memory():
    return os.memfd_create("pcall", os.MFD_CLOEXEC | os.MFD_ALLOW_SEALING)


def seal(fd):
    """Such that nobody changes it any more."""
    fcntl.fcntl(fd, fcntl.F_ADD_SEALS, SEALS)


def make_memory(data, is_bytes):
    """A descriptor of memory with a pickle and its large buffers."""
    fd = create_memory()
    try:
        write_parts(fd, data, is_bytes)
    except BaseException:
        os.close(fd)
        raise
    return fd


def put_into_memory(data, is_bytes):
    """Makes memory of a pickle and its large buffers, which is the result of this call then. False
    where there is none: then all has to go with the pickle."""
    try:
        fd = make_memory(data, is_bytes)
    except OSError:
        return False
    try:
        return Pcall.set_result_memory(fd)
    except GLib.Error:
        return False
    finally:
        os.close(fd)


def dump_parts(result):
    """The result as bytes, or as a descriptor of memory: (data, fd), of which one is none."""
    is_bytes = type(result) is bytes and len(result) >= LARGE
    if type(result) in RAW and len(result) >= LARGE:
        result = Raw(result)
    large.clear()
    try:
        data = pickle.dumps(result, PROTOCOL, buffer_callback=take_large)
        if not large and len(data) < LARGE:
            return data, None
        return None, make_sealed_memory(data, is_bytes)
    finally:
        large.clear()


def make_sealed_memory(data, is_bytes=False):
    """The same, such that nobody changes it any more."""
    fd = make_memory(data, is_bytes)
    seal(fd)
    return fd


class Parcel:
    """The file of a pickle. It is bytes as long as it is small. What is larger is written to
    memory, as it comes, so that there is no other copy of what is large in it."""

    def __init__(self):
        self.data = b""
        self.size = 0
        self.fd = None
        self.buffers = []

    def write(self, data):
        self.size += len(data)
        if self.size < LARGE and self.fd is None:
            self.data += data
        else:
            self.open()
            write_all(self.fd, data)

    def open(self):
        if self.fd is None:
            self.fd = create_memory()
            write_all(self.fd, self.data)

    def take_buffer(self, buffer):
        """As `take_large()`."""
        if buffer.raw().nbytes < LARGE:
            return True
        self.buffers.append(buffer.raw())
        return False

    def seal(self):
        """Adds the buffers, as parts behind the pickle."""
        if self.buffers:
            self.open()
        if self.fd is not None:
            write_all(self.fd, bytes(-self.size % ALIGNMENT))
            for buffer in self.buffers:
                write_part(self.fd, buffer)
            write_sizes(self.fd, [self.size, *map(len, self.buffers)], False)
            seal(self.fd)

    def close(self):
        if self.fd is not None:
            os.close(self.fd)


def pack(value):
    """An object as bytes, or as a descriptor of memory: (data, fd), of which one is none."""
    parcel = Parcel()
    try:
        pickle.Pickler(parcel, PROTOCOL, buffer_callback=parcel.take_buffer).dump(value)
        parcel.seal()
    except BaseException:
        parcel.close()
        raise
    return (parcel.data, None) if parcel.fd is None else (None, parcel.fd)


def unpack(data, fd):
    """What `pack()` was given."""
    if fd is None:
        return loads(data)
    (data, *buffers), _ = read_parts(fd)
    return pickle.loads(data, buffers=buffers)


def read_parts(fd):
    """As `find_parts()`, of such memory. Not by `mmap`, which would keep the descriptor."""
    if fcntl.fcntl(fd, fcntl.F_GET_SEALS) & SEALS != SEALS:
        raise ValueError("memory that somebody may still change")
    return find_parts(view_bytes(GLib.MappedFile.new_from_fd(fd, True).get_bytes()))


def read_memory(fd):
    """What `make_sealed_memory()` was given."""
    (data,), _ = read_parts(fd)
    return data


def load_parts(fd):
    """What `dump_parts()` has put into memory."""
    (*buffers, data), is_bytes = read_parts(fd)
    return copy_bytes(buffers[0]) if is_bytes else pickle.loads(data, buffers=buffers)


def dump_result(result):
    """The result of this call as bytes; none where it is in memory."""
    is_bytes = type(result) is bytes
    if type(result) in RAW and len(result) >= LARGE:
        result = Raw(result)
    large.clear()
    data = pickle.dumps(result, PROTOCOL, buffer_callback=take_large)
    if large:
        data = None if put_into_memory(data, is_bytes) else pickle.dumps(result, PROTOCOL)
        large.clear()
    return data


def result_to_variant(result):
    """The result of this call as a GLib.Variant; none where it is in memory."""
    if is_variant(result):
        return to_variant(result)
    data = dump_result(result)
    return None if data is None else bytes_to_variant(data)


def map_result(call):
    """A call's result as a `memoryview` of memory that nobody else has."""
    bytes_ = call.dup_result_bytes()
    if bytes_ is None:
        raise MemoryError("there is no memory for the result")
    return view_bytes(bytes_)


def view_bytes(bytes_):
    """Memory that a GLib.Bytes holds, to be written to."""
    import ctypes

    size = bytes_.get_size()
    array = (ctypes.c_ubyte * size).from_address(bytes_.get_region(1, 0, size))
    array.owner = bytes_
    return memoryview(array).cast("B")


def copy_bytes(view):
    """As `bytes(view)`. A third of what that costs are faults, one for each page of fresh memory;
    the kernel hands out many pages at once if it is asked to. Before Linux 5.14 it refuses."""
    size = view.nbytes
    if size < WORTH_ASKING:
        return bytes(view)
    import ctypes

    new_bytes = ctypes.pythonapi["PyBytes_FromStringAndSize"]
    new_bytes.restype = ctypes.py_object
    result = new_bytes(None, ctypes.c_ssize_t(size))
    get_address = ctypes.pythonapi["PyBytes_AsString"]
    get_address.restype = ctypes.c_void_p
    start = get_address(ctypes.py_object(result))
    first = start + -start % mmap.PAGESIZE
    length = (start + size - first) & -mmap.PAGESIZE
    madvise = ctypes.CDLL(None)["madvise"]
    madvise(ctypes.c_void_p(first), ctypes.c_size_t(length), MADV_POPULATE_WRITE)
    ctypes.memmove(start, (ctypes.c_char * size).from_buffer(view), size)
    return result


def find_parts(view):
    """The parts of memory that `put_into_memory()` made, and whether the first one is bytes; none
    where it is something else."""
    n, is_bytes, mark = TAIL.unpack(view[-TAIL.size :])
    if mark != MARK or n > view.nbytes // 8:
        return None, False
    parts = []
    start = 0
    for (size,) in struct.iter_unpack("=Q", view[-TAIL.size - 8 * n : -TAIL.size]):
        parts.append(view[start : start + size])
        start += size + -size % ALIGNMENT
    return parts, is_bytes


def load_result(call):
    """The result of a call."""
    with waiting.Interrupts():  # what a signal's handler raises where a variant ends is lost
        load = find_result(call)
    return load()


def find_result(call):
    """What makes the result of a call anew, where only code of its own class is run."""
    variant = call.get_result()
    if variant.get_type_string() != "(ay)" or variant.get_size() < TAIL.size:
        return find_value(variant)
    parts, is_bytes = find_parts(map_result(call))
    if parts is None:
        return lambda: variant
    *buffers, data = parts
    if is_bytes:
        return lambda: copy_bytes(buffers[0])
    return lambda: pickle.loads(data, buffers=buffers)


def find_value(variant):
    type_string = variant.get_type_string()
    if type_string == "ay":
        data = variant_to_bytes(variant)
        return lambda: loads(data)
    if type_string == "v":
        value = variant.get_variant()
    else:
        value = variant.unpack() if type_string in OWN_NUMBERS else variant
    return lambda: value


def from_variant(variant):
    """What `to_variant()` was given."""
    return find_value(variant)()


def is_number(kind):
    """Whether it is the type of numbers that were Python's own; kind: the code of a character."""
    return kind in (88, 68, 66)  # X, D, B


def load_numbers(kind, data):
    if kind == 66:
        return [TRUTHS[number] for number in memoryview(data).cast("q")]
    return memoryview(data).cast("q" if kind == 88 else "d").tolist()


def load_pieces(data, results):
    """Adds what was pickled as each of the pieces that the library gives together: their number, as
    many ends, and the bytes. Where one of them raises, those before it are there."""
    head = memoryview(data)
    n = int.from_bytes(data[:8], sys.byteorder)
    ends = head[8 : 8 * (n + 1)].cast("Q").tolist()
    base = 8 * (n + 1)
    ends = [base + end for end in ends]
    for begin, end in zip([base, *ends], ends):
        results.append(loads(data[begin:end]))
