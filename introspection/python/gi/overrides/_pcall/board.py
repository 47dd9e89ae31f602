# SPDX-FileCopyrightText: 2026 The pcall authors
# SPDX-License-Identifier: LGPL-2.1-or-later

"""Memory that a child of a crew shares with its parent, and the messages between the two.

The memory has a header and two lanes. A job has a lane for as long as its parent has not read all
that came of it, so that a child can have one job and be given the next. Results lie in the lane, as
a batch leaves them (see batches.py); where a child dies, the header says how far it was.

Messages are packets on a socket. What is large is memory of its own, whose descriptor goes along.
"""

import array
import errno
import itertools
import mmap
import os
import pickle
import socket
import struct

from . import batches, kinds, values, waiting

COUNT, TYPE = batches.COUNT, batches.TYPE
# Further numbers in the header: whether the child is ready, the job that it has taken, the one that
# it has begun, how many calls of that were told, and where their results are
READY, TAKEN, BEGUN, BASE, LANE, CELL, AREA = range(batches.N_HEADER, batches.N_HEADER + 7)
NONE = 2**64 - 1  # no job

MAX_CALLS = 8192  # of a job
HEADER_SIZE = 8 * 16
MAX_CELLS = 4 * MAX_CALLS  # of a lane; a result has one, or several
CELLS_SIZE = 8 * MAX_CELLS
LANE_SIZE = (1 << 20) + CELLS_SIZE
AREA_SIZE = LANE_SIZE - CELLS_SIZE  # of what stands behind the cells
MAX_PACKET = 65536
PACKET_SIZE = 2 * MAX_PACKET
IN_MEMORY = b"memory"  # where a packet is too large
PREFIX = struct.Struct("=QQ")  # of a message to a child: the job's number and lane
PARENT, CHILD = range(2)
CLOEXEC = int(socket.MSG_CMSG_CLOEXEC)
FD_SIZE = socket.CMSG_SPACE(array.array("i").itemsize)
PICKLES, DESCRIBED = map(ord, (kinds.PICKLES.type, kinds.DESCRIBED))
DONTWAIT = int(socket.MSG_DONTWAIT)


class Board:
    """The memory."""

    def __init__(self):
        view = memoryview(mmap.mmap(-1, HEADER_SIZE + 2 * PACKET_SIZE))
        self.header = view[:HEADER_SIZE].cast("Q")
        self.header[TAKEN] = self.header[BEGUN] = NONE
        self.lanes = [mmap.mmap(-1, LANE_SIZE) for _ in range(2)]
        packets = view[HEADER_SIZE:]
        self.packets = packets[:PACKET_SIZE], packets[PACKET_SIZE:]  # to receive, for each side

    def look(self, number):
        """How far a job is that was begun, while it goes on: (lane, kind, cell, area), and how many
        calls were told before, and have ended since; none where the child is just between two
        batches. Its results are not written to again."""
        header = self.header
        base, ended = header[BASE], header[COUNT]
        place = header[LANE], header[TYPE], header[CELL], header[AREA]
        is_whole = header[BEGUN] == number and header[BASE] == base and header[COUNT] >= ended
        return (place, base, ended) if is_whole else None

    def read(self, lane, kind, cell, area, n, skip):
        """The results of `n` calls but the first ones: lists of them, each with what unpickling the
        next one has raised, or none."""
        memory = memoryview(self.lanes[lane])
        cells, data = memory[8 * cell : CELLS_SIZE], memory[CELLS_SIZE + area :]
        if kind == PICKLES:
            yield from load_pickles(cells, data, n, skip)
        elif kind == DESCRIBED:
            yield from load_described(cells, data, n, skip)
        else:
            yield values.load_numbers(kind, cells[8 * skip : 8 * n]), None


class Writer:
    """What a batch writes its results with, in a lane behind those of the batches before it."""

    def __init__(self, lane, cell, area, way):
        self.lane = lane
        self.cell = cell
        self.width = way.width
        self.cells = memoryview(lane)[8 * cell : CELLS_SIZE]
        self.reals = self.cells.cast("d")
        self.write = lane.write
        lane.seek(CELLS_SIZE + area)
        lane.write(way.head)

    def open_pickler(self):
        pickler = pickle.Pickler(self.lane, values.PROTOCOL, buffer_callback=values.take_large)
        return pickler.dump, pickler.clear_memo, self.lane.tell

    def close(self, ended):
        """Where the next batch begins, its cell and its bytes, and how full the lane is."""
        cell = self.cell + ended * self.width
        area = self.lane.tell() - CELLS_SIZE
        area += -area % kinds.ALIGNMENT
        return cell, area, max(cell / MAX_CELLS, area / AREA_SIZE)

    def release(self):
        """In a copy of the child: nothing has room any more."""
        self.reals.release()
        self.lane.seek(0, os.SEEK_END)


def load_described(cells, data, n, skip):
    """As they are made together, they fail together."""
    try:
        results = kinds.load(cells, data, n, skip)
    except Exception as error:
        if waiting.is_interrupt(error):
            raise
        for _ in range(skip, n):
            yield [], error
    else:
        yield results, None


def load_pickles(cells, data, n, skip):
    ends = cells[: 8 * n].cast("Q").tolist()
    data = bytes(data[: ends[-1]])
    places = itertools.islice(zip([0, *ends], ends), skip, None)
    error = True
    while error is not None:
        results = []
        error = load_all(data, places, results)
        yield results, error


def load_all(data, places, results):
    """What one of them has raised, which ends this; else none."""
    try:
        for begin, end in places:
            results.append(values.loads(data[begin:end]))
    except BaseException as error:  # whatever unpickling does
        if waiting.is_interrupt(error):
            raise
        return error


def send(sock, data, fd=None):
    """As one packet; a descriptor that goes along is closed here."""
    if fd is None and len(data) > MAX_PACKET:
        data, fd = IN_MEMORY, values.make_sealed_memory(data)
    if fd is None:
        sock.send(data, socket.MSG_NOSIGNAL)
        return
    try:
        socket.send_fds(sock, [data], [fd], socket.MSG_NOSIGNAL)
    finally:
        os.close(fd)


def receive(sock, packet, flags=0):
    """A packet, and the descriptor that came along, or none."""
    n, ancillary, flags, _ = sock.recvmsg_into([packet], FD_SIZE, flags | CLOEXEC)
    data = bytes(packet[:n])
    fd = None
    for _, kind, content in ancillary:
        if kind == socket.SCM_RIGHTS:
            (fd,) = array.array("i", content)
    if fd is None and flags & socket.MSG_CTRUNC:
        raise OSError(errno.EMFILE, "there is no descriptor left for what was sent")
    if data != IN_MEMORY:
        return data, fd
    try:
        return values.read_memory(fd), None
    finally:
        os.close(fd)


def pack_order(number, lane, order):
    """A message to a child, and the descriptor that goes along, or none."""
    data, fd = values.pack(order)
    return PREFIX.pack(number, lane) + (data or b""), fd


def unpack_order(data, fd):
    """What was packed, but for its number and lane."""
    return values.unpack(memoryview(data)[PREFIX.size :], fd)
