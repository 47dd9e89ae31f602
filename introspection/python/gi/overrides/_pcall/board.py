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
import mmap
import os
import pickle
import socket
import struct

from . import batches, values, waiting

COUNT, TYPE = batches.COUNT, batches.TYPE
# Further numbers in the header: whether the child is ready, the job that it has taken, the one that
# it has begun, how many calls of that were told, and where their results are
READY, TAKEN, BEGUN, BASE, LANE, CELL, AREA = range(batches.N_HEADER, batches.N_HEADER + 7)
NONE = 2**64 - 1  # no job

MAX_CALLS = 4096  # of a job
HEADER_SIZE = 8 * 16
CELLS_SIZE = 8 * MAX_CALLS
LANE_SIZE = 1 << 20
MAX_PACKET = 65536
PACKET_SIZE = 2 * MAX_PACKET
IN_MEMORY = b"memory"  # where a packet is too large
PREFIX = struct.Struct("=QQ")  # of a message to a child: the job's number and lane
PARENT, CHILD = range(2)
CLOEXEC = int(socket.MSG_CMSG_CLOEXEC)
FD_SIZE = socket.CMSG_SPACE(array.array("i").itemsize)
PICKLES = ord("p")
DONTWAIT = int(socket.MSG_DONTWAIT)


class Board:
    """The memory."""

    def __init__(self):
        view = memoryview(mmap.mmap(-1, HEADER_SIZE + 2 * LANE_SIZE + 2 * PACKET_SIZE))
        self.header = view[:HEADER_SIZE].cast("Q")
        self.header[TAKEN] = self.header[BEGUN] = NONE
        self.lanes = [view[HEADER_SIZE + i * LANE_SIZE :][:LANE_SIZE] for i in range(2)]
        packets = view[HEADER_SIZE + 2 * LANE_SIZE :]
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

    def open(self, lane, cell, area):
        """What a batch writes to behind what was told: its cells, and its bytes."""
        memory = self.lanes[lane]
        return memory[8 * cell : CELLS_SIZE], memory[CELLS_SIZE + area :]

    def read(self, lane, kind, cell, area, n, skip):
        """The results of `n` calls but the first ones, each as a function makes it where one alone
        may fail: a pair of all of them, or none, and that function."""
        cells, data = self.open(lane, cell, area)
        if kind != PICKLES:
            return values.load_numbers(kind, cells[8 * skip : 8 * n]), None
        ends = cells[: 8 * n].cast("Q").tolist()
        parts = [data[begin:end] for begin, end in zip([0, *ends], ends)][skip:]
        try:
            return [values.loads(part) for part in parts], None
        except BaseException as error:  # of one of them: each by itself
            if waiting.is_interrupt(error):
                raise
            return None, lambda i: values.loads(bytes(parts[i]))


def send(sock, data, fd=None):
    """As one packet; a descriptor that goes along is closed here."""
    if fd is None and len(data) > MAX_PACKET + PREFIX.size:
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
    """A message to a child."""
    return PREFIX.pack(number, lane) + pickle.dumps(order, values.PROTOCOL)


def unpack_order(data):
    """What was packed, but for its number and lane."""
    return values.loads(memoryview(data)[PREFIX.size :])
