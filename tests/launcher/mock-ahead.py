#!/usr/bin/python3
# SPDX-FileCopyrightText: 2026 The pcall authors
# SPDX-License-Identifier: LGPL-2.1-or-later

"""An agent of another kind, which looks as if it were far away, and sees what it is sent.

    mock-ahead.py MODE FILE

It answers the first call late, and waits then until several are there at once. What it does with
them is what MODE says. As `lost`, `lost-in-frame` or `lost-early` it does so once: when FILE is
there, it is like any other agent. As `common` it runs calls if what they have in common came apart from them.
"""

import importlib.util
import os
import pathlib
import socket
import sys
import time

PATH = pathlib.Path(__file__).with_name("mock-agent.py")
SPEC = importlib.util.spec_from_file_location("mock_agent", PATH)
mock_agent = importlib.util.module_from_spec(SPEC)
SPEC.loader.exec_module(mock_agent)

TERMINATE, WITHDRAW, RETURNED, COMMON = 16, 26, 27, 28
N_AHEAD = 4
# {'common': <true>}: the entry, in which the name is padded to 8 and 7 is its length, and its end
KNOWS_COMMON = b"common\0\0" b"\1\0b" b"\7" b"\14"


class FarLink(mock_agent.Link):
    """As calls are told of."""

    def begin(self, index):
        """A call begins."""
        self.send(mock_agent.BEGUN, index, b"\0")

    def end(self, index):
        """It has ended."""
        self.send(mock_agent.RESULT, index, self.pack("I", index) + b"\0u")

    def end_in_part(self, index):
        """As much of a large result as was sent when it was lost."""
        header = b"PCL1\1l" + bytes([mock_agent.RESULT, 0])
        header += self.pack("QIIQ", self.nonce, self.sent, index, 1 << 20)
        self.socket.sendall(header + bytes(1000))

    def run(self, index):
        """Both, and they come together."""
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_CORK, 1)
        self.begin(index)
        self.end(index)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_CORK, 0)

    def run_first(self, waiting, wanted):
        """Both for the first that waits; in between a frame comes that is an order to end it, and
        before that others may."""
        self.begin(waiting[0])
        kind = None
        while kind != wanted:
            kind, index, _ = self.receive()
            if kind == mock_agent.CALL:
                waiting.append(index)
        self.end(waiting.pop(0))


def wait_for_calls(link):
    """Runs the first one late; then as many as are waited for."""
    waiting = []
    measured = False
    while len(waiting) < N_AHEAD:
        kind, index, _ = link.receive()
        if kind == mock_agent.LAUNCH:
            link.hello()
        elif kind == mock_agent.CALL and not measured:
            time.sleep(0.5)
            link.run(index)
            measured = True
        elif kind == mock_agent.CALL:
            waiting.append(index)
    return waiting


def run_early(link, waiting):
    """Each of two begins before the one before it has ended, as where results are large."""
    link.begin(waiting[0])
    for ended, begun in zip(waiting[:2], waiting[1:3]):
        link.begin(begun)
        link.end(ended)
    link.end(waiting[2])
    del waiting[:3]


def be_lost(link, waiting, path, mode):
    """What comes is read, or it would be a reset that the parent sees."""
    pathlib.Path(path).touch()
    link.begin(waiting[0])
    if mode == "lost-early":
        link.begin(waiting[1])
    if mode != "lost":
        link.end_in_part(waiting[0])
    link.socket.shutdown(socket.SHUT_WR)
    while link.socket.recv(4096):
        pass
    raise mock_agent.Closed


def serve_ahead(link, mode, path):
    """What MODE says."""
    waiting = wait_for_calls(link)
    if mode.startswith("lost"):
        be_lost(link, waiting, path, mode)
    if mode == "early":
        run_early(link, waiting)
    if mode == "withdrawn":
        link.run_first(waiting, WITHDRAW)
    if mode == "terminated":
        link.run_first(waiting, TERMINATE)
        link.begin(waiting[0])
    if mode in ("returned", "terminated"):
        for index in waiting[:0:-1]:
            link.send(RETURNED, index, b"\0")
        del waiting[1:]
    if mode == "terminated":
        link.exit(15, waiting.pop())
    for index in waiting:
        link.run(index)


def serve_common(link):
    """Common arguments of 100,000 bytes come once, and are not in the calls."""
    sizes = []
    while True:
        kind, index, payload = link.receive()
        if kind == mock_agent.LAUNCH:
            hello = link.pack("Ii", mock_agent.VERSION, os.getpid()) + KNOWS_COMMON
            link.send(mock_agent.HELLO, 0, hello)
        elif kind == COMMON:
            sizes.append(len(payload))
        elif kind == mock_agent.STOP:
            link.exit()
        elif kind == mock_agent.CALL and len(payload) < 1000 and len(sizes) == 1:
            if sizes[0] in range(100000, 101000):
                link.run(index)


def main(mode, path):
    """Until the parent has enough."""
    link = FarLink("<")
    link.prove(mock_agent.REMOTE_VERSION)
    link.hello()
    if mode == "common":
        serve_common(link)
    if not os.path.exists(path):
        serve_ahead(link, mode, path)
    while True:
        mock_agent.answer(link, mode)


if __name__ == "__main__":
    try:
        main(sys.argv[1], sys.argv[2])
    except (mock_agent.Closed, ConnectionError):
        pass
