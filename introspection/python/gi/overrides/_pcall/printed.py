# SPDX-FileCopyrightText: 2026 The pcall authors
# SPDX-License-Identifier: LGPL-2.1-or-later

"""What the calls of a `map()` print, as a whole and in the order of the calls.

A child writes to memory in the place of the parent's outputs: one for each, or one for both where
these are the same file. With what came of some calls it tells how much there is by then. What is
new since it last did so is theirs: they have run one after the other, and their results are handed
out one after the other. Before that, it is passed on.
"""

import ctypes
import fcntl
import os
import select

from . import waiting

FDS = 1, 2
PUNCH_HOLE = 3  # and keep the size
PIECE = 1 << 20


def make_memory():
    fd = os.memfd_create("pcall-output", os.MFD_CLOEXEC)
    fcntl.fcntl(fd, fcntl.F_SETFL, os.O_APPEND)
    return fd


def is_open():
    """Whether there are outputs. Where there are not, their numbers may be something else's."""
    try:
        return all(os.fstat(fd) for fd in FDS)
    except OSError as error:  # which a TimeoutError is, too
        if waiting.is_interrupt(error):
            raise
        return False


def is_same():
    """Whether both outputs are one, so that there is an order between them."""
    return os.path.samestat(*map(os.fstat, FDS))


def flush_stdio():
    """In a child: what libraries in C have not written yet."""
    ctypes.pythonapi.fflush(None)


class Outputs:
    """Those of one child.

    memories: what is written to in the place of which descriptor
    """

    def __init__(self):
        first = make_memory()
        try:
            self.memories = {1: first, 2: first if is_same() else make_memory()}
        except BaseException:
            os.close(first)
            raise
        self.n_read = dict.fromkeys(self.memories.values(), 0)

    def measure(self):
        """How much there is by now, in each memory."""
        return [os.fstat(memory).st_size for memory in self.n_read]

    def read(self, sizes):
        """What is new, as pairs of a descriptor and bytes."""
        new = []
        for (memory, begin), end in zip([*self.n_read.items()], sizes):
            if begin < end:
                (fd, *_) = (fd for fd in FDS if self.memories[fd] == memory)
                new.extend((fd, data) for data in self.read_pieces(memory, begin, end))
        return new

    def read_pieces(self, memory, begin, end):
        while begin < end and (data := os.pread(memory, min(end - begin, PIECE), begin)):
            begin += len(data)
            if begin // PIECE > self.n_read[memory] // PIECE:
                self.give_back(memory, begin)
            self.n_read[memory] = begin
            yield data

    @staticmethod
    def give_back(memory, end):
        """What is before that, to the system. What cannot be, the child's end frees."""
        start, size = ctypes.c_int64(0), ctypes.c_int64(end - end % PIECE)
        ctypes.pythonapi.fallocate64(memory, PUNCH_HOLE, start, size)

    def close(self):
        for memory in self.n_read:
            os.close(memory)
        self.n_read = {}


def write(pieces):
    """To this process's outputs; it waits for who reads them, as `print()` does."""
    for fd, data in pieces:
        left = memoryview(data)
        while left:
            try:
                left = left[os.write(fd, left) :]
            except BlockingIOError:
                select.select([], [fd], [])
