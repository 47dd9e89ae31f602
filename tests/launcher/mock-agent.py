#!/usr/bin/python3
# SPDX-FileCopyrightText: 2026 The pcall authors
# SPDX-License-Identifier: LGPL-2.1-or-later

"""An agent of another kind: it knows the secret, and then does what a test wants.

    mock-agent.py MODE [FILE]

It connects to PCALL_AGENT_ADDRESS, in the byte order of another machine where MODE is `swapped`,
and runs no worker: each call returns its index. Where MODE begins with `ahead-` it looks as if it
were far away, and waits for calls that are sent ahead. Frames are made by hand, from what
pcall-frame-private.h says of them, so that what they look like cannot change unseen.
"""

import hashlib
import hmac
import os
import socket
import struct
import sys
import time

RESULT, HELLO, CALL, STOP = 2, 9, 10, 11
CHALLENGE, PROOF, LAUNCH, TERMINATE, BEGUN, EXIT, PING, PONG = 13, 14, 15, 16, 17, 22, 23, 24
WITHDRAW, RETURNED, COMMON = 26, 27, 28
VERSION = 1
REMOTE_VERSION = 2
HEADER = 32
N_AHEAD = 4
# {'common': <true>}: the entry, in which the name is padded to 8 and 7 is its length, and its end
KNOWS_COMMON = b"common\0\0" b"\1\0b" b"\7" b"\14"


class Closed(Exception):
    """The parent has closed the connection."""


class Link:
    """Frames, in one byte order."""

    def __init__(self, order):
        self.order = order
        self.nonce = self.sent = 0
        addresses = os.environ["PCALL_AGENT_ADDRESS"].split()
        host, port = addresses[-1].rsplit(":", 1)
        self.socket = socket.create_connection((host.strip("[]"), int(port)))
        self.file = self.socket.makefile("rb")

    def pack(self, form, *values):
        """The values as bytes, in this order."""
        return struct.pack(self.order + form, *values)

    def make(self, kind, index, payload):
        """A frame as bytes."""
        order = b"l" if self.order == "<" else b"B"
        header = b"PCL1\1" + order + bytes([kind, 0])
        header += self.pack("QIIQ", self.nonce, self.sent, index, len(payload))
        self.sent += 1
        return header + payload + bytes(-len(payload) % 8)

    def send(self, kind, index, payload):
        """Sends a frame."""
        self.socket.sendall(self.make(kind, index, payload))

    def receive(self):
        """The next frame: kind, index, payload; numbers in it are in the parent's order."""
        header = self.file.read(HEADER)
        if len(header) < HEADER:
            raise Closed
        order = "<" if header[5:6] == b"l" else ">"
        index, length = struct.unpack(order + "IQ", header[20:])
        payload = self.file.read(length + -length % 8)
        return header[6], index, payload[:length]

    def prove(self, version):
        """The handshake."""
        secret = bytes.fromhex(os.environ["PCALL_AGENT_SECRET"])
        kind, _, challenge = self.receive()
        assert kind == CHALLENGE
        theirs, ours = challenge[4:36], os.urandom(32)

        def compute(word):
            message = word + struct.pack("<I", version) + theirs + ours
            return hmac.new(secret, message, hashlib.sha256).digest()

        proof = self.pack("I", version) + ours + compute(b"pcall agent")
        self.send(PROOF, 0, proof + bytes([36]))
        kind, _, proof = self.receive()
        assert kind == PROOF and proof[36:68] == compute(b"pcall parent")
        self.nonce = int.from_bytes(compute(b"pcall nonce")[:8], "big")
        self.sent = 0

    def hello(self, knows=b""):
        """(uia{sv}): in it what a worker knows, or nothing."""
        self.send(HELLO, 0, self.pack("Ii", VERSION, os.getpid()) + knows)

    def exit(self, status=0, begun=-1):
        """(bixttts): that a worker has ended with that status, and in which call."""
        self.send(EXIT, 0, self.pack("BxxxiqQQQ", 1, status, begun, 5, 6, 7) + b"\0")

    def begin(self, index):
        """Word of the beginning of a call."""
        return self.make(BEGUN, index, b"\0")

    def end(self, index):
        """Its result."""
        return self.make(RESULT, index, self.pack("I", index) + b"\0u")

    def run(self, index):
        """Both, together."""
        self.socket.sendall(self.begin(index) + self.end(index))

    def run_first(self, waiting, wanted):
        """Both for the first that waits; in between a frame comes that is an order to end it, and
        before that others may."""
        self.socket.sendall(self.begin(waiting[0]))
        kind = None
        while kind != wanted:
            kind, index, _ = self.receive()
            if kind == CALL:
                waiting.append(index)
        self.socket.sendall(self.end(waiting.pop(0)))


def serve_ahead(link, mode, path):
    """One call that takes long to get here, and then several at once."""
    waiting = []
    measured = False
    while len(waiting) < N_AHEAD:
        kind, index, _ = link.receive()
        if kind == LAUNCH:
            link.hello()
        elif kind == CALL and not measured:
            time.sleep(0.5)
            link.run(index)
            measured = True
        elif kind == CALL:
            waiting.append(index)

    if mode == "ahead-lost":
        with open(path, "x", encoding="utf-8"):
            link.socket.sendall(link.begin(waiting[0]))
        # What comes is read, or it would be a reset that the parent sees.
        link.socket.shutdown(socket.SHUT_WR)
        while link.file.read(1):
            pass
        raise Closed
    if mode == "ahead-withdrawn":
        link.run_first(waiting, WITHDRAW)
    if mode == "ahead-terminated":
        link.run_first(waiting, TERMINATE)
        link.socket.sendall(link.begin(waiting[0]))
    if mode in ("ahead-returned", "ahead-terminated"):
        for index in waiting[:0:-1]:
            link.send(RETURNED, index, b"\0")
        del waiting[1:]
    if mode == "ahead-terminated":
        link.exit(15, waiting.pop())
    for index in waiting:
        link.run(index)


def serve_common(link, index, payload, common):
    """Common arguments of 100,000 bytes came once, and are not in the call."""
    if sum(common) in range(100000, 101000) and len(common) == 1 and len(payload) < 1000:
        link.run(index)


def serve(link, mode):
    """Answers until the parent has enough."""
    common = []
    while True:
        kind, index, payload = link.receive()
        if kind == LAUNCH:
            link.hello(KNOWS_COMMON if mode == "common" else b"")
        elif kind == COMMON:
            common.append(len(payload))
        elif kind == CALL and mode == "common":
            serve_common(link, index, payload, common)
        elif kind == CALL and mode == "garbage-in-call":
            link.socket.sendall(b"this is no frame, and nothing that could be taken for one")
        elif kind == CALL and mode == "silent-in-call":
            link.socket.close()
            link.file.close()
            return
        elif kind == CALL:
            link.run(index)
        elif kind == STOP:
            link.exit()
        elif kind == PING:
            link.send(PONG, 0, b"\0")


def main(mode, path=None):
    """What is asked for."""
    link = Link(">" if mode == "swapped" else "<")
    link.prove(77 if mode == "other-version" else REMOTE_VERSION)
    if mode == "garbage":
        link.socket.sendall(bytes(range(256)) * 16)
    elif mode == "result-first":
        link.send(RESULT, 0, link.pack("I", 0) + b"\0u")
    elif mode == "exit-first":
        link.exit()
    else:
        link.hello()
    if mode == "hello-twice":
        link.hello()
    if mode.startswith("ahead-") and not (path and os.path.exists(path)):
        serve_ahead(link, mode, path)
    serve(link, mode)


if __name__ == "__main__":
    try:
        main(*sys.argv[1:3])
    except (Closed, ConnectionError):
        pass
