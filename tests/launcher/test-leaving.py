#!/usr/bin/python3
# SPDX-FileCopyrightText: 2026 The pcall authors
# SPDX-License-Identifier: LGPL-2.1-or-later

"""An agent whose parent does not read. When it is told to end then, and the parent goes on to write,
what it sent last comes all the same. While it sends a large result, the next call runs.

    test-leaving.py AGENT MODULE

This is the parent. It is written by hand, as the agent of mock-agent.py is.
"""

import importlib.util
import os
import pathlib
import signal
import socket
import struct
import subprocess
import sys
import tempfile
import threading
import time

PATH = pathlib.Path(__file__).with_name("mock-agent.py")
SPEC = importlib.util.spec_from_file_location("mock_agent", PATH)
mock_agent = importlib.util.module_from_spec(SPEC)
SPEC.loader.exec_module(mock_agent)

WITHDRAW = 26
SECRET = "00112233445566778899aabbccddeeff"
LIMIT = 60
ROUNDS = 10
SIZE = 1 << 20
MORE_THAN_FITS = 32 << 20
ESTABLISHED = "01"


class ParentLink(mock_agent.Link):
    """The other end."""

    def __init__(self, connection):
        self.order = "<"
        self.nonce = self.sent = 0
        self.socket = connection

    def challenge(self):
        """The handshake."""
        ours = os.urandom(32)
        version = struct.pack("<I", mock_agent.REMOTE_VERSION)
        self.send(mock_agent.CHALLENGE, 0, version + ours)
        kind, _, proof = self.receive()
        assert kind == mock_agent.PROOF
        compute = mock_agent.make_compute(SECRET, mock_agent.REMOTE_VERSION, ours, proof[4:36])
        assert proof[36:68] == compute(b"pcall agent")
        answer = version + ours + compute(b"pcall parent") + bytes([36])
        self.send(mock_agent.PROOF, 0, answer)
        self.nonce = int.from_bytes(compute(b"pcall nonce")[:8], "big")
        self.sent = 0

    def wait_for(self, wanted):
        """The payload of the next frame of that kind."""
        while True:
            kind, _, payload = self.receive()
            if kind == wanted:
                return payload


def pack_call(name, size):
    """(sva{sv}ss), of which v is a (t)."""
    data = name.encode() + b"\0"
    ends = [len(data)]
    data += bytes(-len(data) % 8) + struct.pack("<Q", size) + b"\0(t)"
    ends.append(len(data))
    data += bytes(-len(data) % 8)
    ends += [len(data), len(data) + 1]
    is_short = len(data) + 2 + 4 < 256
    return data + b"\0\0" + struct.pack("<4B" if is_short else "<4H", *reversed(ends))


def is_open(address):
    """Whether who has that address has not said that nothing follows."""
    text = f"{struct.unpack('<I', socket.inet_aton(address[0]))[0]:08X}:{address[1]:04X}"
    with open("/proc/net/tcp", encoding="ascii") as table:
        lines = [line.split() for line in table]
    return any(line[1] == text and line[3] == ESTABLISHED for line in lines)


def write_on(link, ends):
    """Frames that mean nothing to the agent: there is no such call."""
    try:
        while not ends.is_set():
            link.send(WITHDRAW, 1000, link.pack("q", -1))
            time.sleep(0.00002)
    except OSError:
        pass


def start_agent(program, variables=()):
    """The process, and the connection."""
    with socket.socket() as listener:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        address = "{}:{}".format(*listener.getsockname())
        own = {"PCALL_AGENT_ADDRESS": address, "PCALL_AGENT_SECRET": SECRET}
        agent = subprocess.Popen([program], env=os.environ | own | dict(variables))
        connection = listener.accept()[0]
    return agent, connection


def launch(connection):
    """Until there is a worker."""
    link = ParentLink(connection)
    link.challenge()
    link.wait_for(mock_agent.HELLO)
    link.send(mock_agent.LAUNCH, 0, b"\0\0")
    link.wait_for(mock_agent.HELLO)
    return link


def leave_once(program, module):
    """Whether the last result came, and what else there was, and the end behind it."""
    agent, connection = start_agent(program)
    address = connection.getpeername()
    link = launch(connection)
    link.send(mock_agent.CALL, 0, pack_call(f"{module}:count_up", SIZE))
    link.wait_for(mock_agent.BEGUN)

    ends = threading.Event()
    writer = threading.Thread(target=write_on, args=(link, ends))
    writer.start()
    agent.send_signal(signal.SIGTERM)
    until = time.monotonic() + LIMIT
    while is_open(address) and time.monotonic() < until:
        time.sleep(0.001)
    try:
        assert len(link.wait_for(mock_agent.RESULT)) > SIZE
        link.wait_for(mock_agent.EXIT)
        assert connection.recv(1) == b""
        return True
    except (mock_agent.Closed, ConnectionError) as error:
        print(f"# {error!r}")
        return False
    finally:
        ends.set()
        writer.join()
        connection.close()
        assert agent.wait(LIMIT) == 0


def leave(program, module):
    """That it does so at any time."""
    return all(leave_once(program, module) for _ in range(ROUNDS))


def overlap(program, module):
    """Whether a call runs while the result of the one before is not read, and word of that came."""
    with tempfile.TemporaryDirectory() as directory:
        path = pathlib.Path(directory, "pid")
        agent, connection = start_agent(program, {"PCALL_TEST_PID_FILE": str(path)})
        link = launch(connection)
        link.send(mock_agent.CALL, 0, pack_call(f"{module}:count_up", MORE_THAN_FITS))
        link.send(mock_agent.CALL, 1, pack_call(f"{module}:write_pid", 0))
        until = time.monotonic() + LIMIT
        while not path.exists() and time.monotonic() < until:
            time.sleep(0.001)
        runs = path.exists()
        frames = [link.receive()[:2] for _ in range(3)]
        print(f"# {frames}")
        connection.close()
        assert agent.wait(LIMIT) == 0
    told = [(mock_agent.BEGUN, 0), (mock_agent.BEGUN, 1), (mock_agent.RESULT, 0)]
    return runs and frames == told


def main(*words):
    """All cases."""
    cases = [leave, overlap]
    print(f"1..{len(cases)}")
    n_bad = 0
    for number, case in enumerate(cases, 1):
        is_good = case(*words)
        n_bad += not is_good
        print(f"{'ok' if is_good else 'not ok'} {number} {case.__name__}")
    return n_bad


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
