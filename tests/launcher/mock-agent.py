#!/usr/bin/python3
# SPDX-FileCopyrightText: 2026 The pcall authors
# SPDX-License-Identifier: LGPL-2.1-or-later

"""An agent of another kind: it knows the secret, and then does what a test wants.

    mock-agent.py MODE [N]

It connects to PCALL_AGENT_ADDRESS, in the byte order of another machine where MODE is `swapped`,
and runs no worker: each call returns its index. As a `crowd` it is N agents at once, of which none
answers before each has a call; as those that are `ready` they do so the first time only, and answer
at once from then on. Frames are made by hand, from what pcall-frame-private.h says of them, so that
what they look like cannot change unseen.
"""

import hashlib
import hmac
import os
import resource
import selectors
import socket
import struct
import sys

RESULT, HELLO, CALL, STOP = 2, 9, 10, 11
CHALLENGE, PROOF, LAUNCH, BEGUN, EXIT, PING, PONG, LEAVING = 13, 14, 15, 17, 22, 23, 24, 25
VERSION = 1
REMOTE_VERSION = 4
HEADER = 32


def make_compute(secret, version, theirs, ours):
    """What proves a word, of both random bytes: the parent's first."""
    message = struct.pack("<I", version) + theirs + ours
    return lambda word: hmac.new(bytes.fromhex(secret), word + message, hashlib.sha256).digest()


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
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.proof = None

    def pack(self, form, *values):
        """The values as bytes, in this order."""
        return struct.pack(self.order + form, *values)

    def send(self, kind, index, payload):
        """Sends a frame."""
        order = b"l" if self.order == "<" else b"B"
        header = b"PCL1\1" + order + bytes([kind, 0])
        header += self.pack("QIIQ", self.nonce, self.sent, index, len(payload))
        self.sent += 1
        self.socket.sendall(header + payload + bytes(-len(payload) % 8))

    def read(self, size):
        """So many bytes."""
        data = self.socket.recv(size, socket.MSG_WAITALL) if size else b""
        if len(data) < size:
            raise Closed
        return data

    def receive(self):
        """The next frame: kind, index, payload; numbers in it are in the parent's order."""
        header = self.read(HEADER)
        order = "<" if header[5:6] == b"l" else ">"
        index, length = struct.unpack(order + "IQ", header[20:])
        payload = self.read(length + -length % 8)
        return header[6], index, payload[:length]

    def prove(self, version, secret=None):
        """The handshake."""
        secret = secret or os.environ["PCALL_AGENT_SECRET"]
        kind, _, challenge = self.receive()
        assert kind == CHALLENGE
        theirs, ours = challenge[4:36], os.urandom(32)
        compute = make_compute(secret, version, theirs, ours)
        self.proof = self.pack("I", version) + ours + compute(b"pcall agent") + bytes([36])
        self.send(PROOF, 0, self.proof)
        kind, _, proof = self.receive()
        assert kind == PROOF and proof[36:68] == compute(b"pcall parent")
        self.nonce = int.from_bytes(compute(b"pcall nonce")[:8], "big")
        self.sent = 0

    def hello(self):
        """(uia{sv}) without any more."""
        self.send(HELLO, 0, self.pack("Ii", VERSION, os.getpid()))

    def exit(self, status=0, begun=-1):
        """(bixttts): that a worker has ended, and in which call."""
        self.send(EXIT, 0, self.pack("BxxxiqQQQ", 1, status, begun, 5, 6, 7) + b"\0")

    def close_after(self, *frames):
        """Sends what these do, and the end of the connection, so that all of it comes at once."""
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_CORK, 1)
        for frame in frames:
            frame()
        self.socket.close()
        raise Closed


def answer(link, mode):
    """Takes a frame."""
    kind, index, _ = link.receive()
    if kind == LAUNCH:
        link.hello()
    elif kind == CALL and mode == "garbage-in-call":
        link.socket.sendall(b"this is no frame, and nothing that could be taken for one")
    elif kind == CALL and mode == "silent-in-call":
        link.send(BEGUN, index, b"\0")
        link.socket.close()
        raise Closed
    elif kind == CALL and mode == "reset-in-call":
        link.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        link.socket.close()
        raise Closed
    elif kind == CALL and mode == "exit-before-call":
        link.close_after(link.exit)
    elif kind == CALL and mode == "crash-and-leave":
        link.send(BEGUN, index, b"\0")
        link.close_after(
            lambda: link.exit(9, index),
            lambda: link.send(PONG, 0, b"\0"),
            lambda: link.send(LEAVING, 0, b"\0"),
        )
    elif kind == CALL and mode == "result-after-exit":
        link.send(BEGUN, index, b"\0")
        link.exit(9, index)
        finish(link, index)
    elif kind == CALL and mode == "crowd":
        return index
    elif kind == CALL:
        finish(link, index)
    elif kind == STOP:
        link.exit()
    elif kind == PING:
        link.send(PONG, 0, b"\0")
    return None


def finish(link, index):
    """The call of that index is over."""
    link.send(BEGUN, index, b"\0")
    link.send(RESULT, index, link.pack("I", index) + b"\0u")


def replay(link):
    """Shows a proof that was good for another connection."""
    link.prove(REMOTE_VERSION)
    link.socket.close()
    other = Link(link.order)
    other.receive()
    other.send(PROOF, 0, link.proof)
    other.receive()


def crowd(n, is_ready):
    """So many, until the parent has enough of them all."""
    limit = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (limit, limit))
    selector = selectors.DefaultSelector()
    calls = []
    n_missing = n
    mode = "crowd"
    while n_missing or selector.get_map():
        if n_missing:
            link = Link("<")
            link.prove(REMOTE_VERSION)
            link.hello()
            selector.register(link.socket, selectors.EVENT_READ, link)
            n_missing -= 1
        # Those who are there are not to be taken for dead meanwhile.
        for key, _ in selector.select(0 if n_missing else None):
            try:
                index = answer(key.data, mode)
            except (Closed, ConnectionError):
                selector.unregister(key.fileobj)
                continue
            if index is not None:
                calls.append((key.data, index))
        if len(calls) == n:
            for link, index in calls:
                finish(link, index)
            calls = []
            mode = "ready" if is_ready else "crowd"


def main(mode):
    """What is asked for."""
    link = Link(">" if mode == "swapped" else "<")
    if mode == "replay":
        replay(link)
    if mode == "garbage-first":
        link.socket.sendall(bytes(range(256)) * 16)
    link.prove(
        77 if mode == "other-version" else REMOTE_VERSION,
        "00" * 16 if mode == "other-secret" else None,
    )
    if mode == "garbage":
        link.socket.sendall(bytes(range(256)) * 16)
    elif mode == "result-first":
        link.send(RESULT, 0, link.pack("I", 0) + b"\0u")
    elif mode == "exit-first":
        link.exit()
    elif mode == "half":
        link.socket.sendall(b"PCL1")
        link.socket.close()
        return
    else:
        link.hello()
    if mode == "hello-twice":
        link.hello()
    while True:
        answer(link, mode)


if __name__ == "__main__":
    try:
        if sys.argv[1] in ("crowd", "ready"):
            crowd(int(sys.argv[2]), sys.argv[1] == "ready")
        else:
            main(sys.argv[1])
    except (Closed, ConnectionError):
        pass
