# SPDX-FileCopyrightText: 2026 The pcall authors
# SPDX-License-Identifier: LGPL-2.1-or-later

"""The standard streams, as a child gets them.

A stream of the parent's is of little use in a child. It may hold what the parent has written or
read ahead, its lock may be held by a thread that the child has not got, and what stands in its
buffer when the child crashes is lost. So a child gets streams of its own on the same descriptors,
which write each line at once. They are made in the parent, once, as making them would cost more
than all else that Python does in a child.
"""

import ctypes
import errno
import io
import os
import sys
import threading

from gi.module import get_introspection_module

Pcall = get_introspection_module("Pcall")

NAMES = ("stdin", "stdout", "stderr")
NO_ROOM = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
PATIENCE = 1.0  # seconds: longer than any flush, unless its lock is lost

written = []  # not empty where something was written since it was

inherited = (None, None, None)  # the parent's
children = (None, None, None)  # what its children have instead; some may be the same
kept = ()  # outputs of the parent that somebody may have kept, as a default argument does


class Log(io.FileIO):
    """What there is no room for is lost, and that is said once for each call: no call fails for it.
    Where this is no log but the parent's own output, it is an error."""

    told = None

    def write(self, data):
        try:
            return super().write(data)
        except OSError as error:
            if error.errno not in NO_ROOM or is_of_parent(self.fileno()):
                raise
            if Log.told != Pcall.get_call_index():
                Log.told = Pcall.get_call_index()
                tell_of_loss(error)
            return len(data)


def tell_of_loss(error):
    """By the C library's stream: where there is no room for this either, the library says so."""
    libc = ctypes.CDLL(None)
    text = f"some of its output was lost: {error.strerror}\n"
    libc.fputs(text.encode(errors="replace"), ctypes.c_void_p.in_dll(libc, "stdout"))


def is_of_parent(fd):
    try:
        theirs = os.stat(f"/proc/{os.getppid()}/fd/{fd}")
        return os.path.samestat(os.fstat(fd), theirs)
    except OSError:
        return False


class Output(io.TextIOWrapper):
    """Writes each line at once, and tells of it."""

    def write(self, text):
        if not written:
            written.append(True)
        return super().write(text)


def flush(stream):
    """A lost lock whose owner had the number that this thread has now is a RuntimeError: it is
    taken for this thread's own."""
    try:
        stream.flush()
    except Exception:  # there is none, or it is closed, or not what one takes it for
        pass


def flush_all(streams):
    for stream in streams:
        flush(stream)


def make_own(stream, fd):
    """The stream itself where it is none of this descriptor."""
    if stream is None:
        return None
    try:
        if fd > 0 and stream.fileno() != fd:
            return stream
        if fd == 0:
            return open(fd, "r", 1, stream.encoding, stream.errors, closefd=False)
        buffer = io.BufferedWriter(Log(fd, "w", closefd=False))
        return Output(buffer, stream.encoding, stream.errors, line_buffering=True)
    except (AttributeError, OSError, ValueError):
        return stream


def prepare():
    """In the parent, before it forks. What stands in buffers would be written by the child, too."""
    if not (is_same(sys.stdin, 0) and is_same(sys.stdout, 1) and is_same(sys.stderr, 2)):
        renew()
    for stream in kept:
        flush(stream)


def is_same(stream, fd):
    return stream is inherited[fd]


def renew():
    global inherited, children, kept

    inherited = (sys.stdin, sys.stdout, sys.stderr)
    children = tuple(make_own(stream, fd) for fd, stream in enumerate(inherited))
    outputs = (sys.stdout, sys.stderr, sys.__stdout__, sys.__stderr__)
    kept = tuple({id(stream): stream for stream in outputs if stream is not None}.values())


def is_among(stream, streams):
    """Not with `in`, which would ask the streams."""
    return any(stream is other for other in streams)


def find_handlers():
    """Handlers of `logging` that keep a stream; their own locks are made anew at a fork."""
    logging = sys.modules.get("logging")
    for reference in logging._handlerList if logging is not None else ():
        handler = reference()
        stream = getattr(handler, "__dict__", {}).get("stream")
        if stream is not None and is_among(stream, inherited[1:]):
            yield handler


def adopt_handlers():
    """In the child."""
    for handler in find_handlers():
        handler.stream = children[1 if handler.stream is inherited[1] else 2]


def unbuffer():
    """In the child: what it writes to a stream of the parent's goes out line by line, too."""
    for stream in kept:
        if type(stream) is io.TextIOWrapper and not stream.line_buffering:
            try:
                stream.reconfigure(line_buffering=True)
            except ValueError:  # it is closed
                pass


def finish(had_threads):
    """In the child, at its end. The parent's streams have been written to where somebody kept them.
    If a thread of the parent's held the lock of one, that is for ever."""
    own = [stream for stream in children[1:] if not is_among(stream, kept)]
    strange = [*kept, *(s for s in (sys.stdout, sys.stderr) if not is_among(s, (*own, *kept)))]
    flush_all(own)
    if not had_threads:
        flush_all(strange)
        return
    thread = threading.Thread(target=flush_all, args=(strange,), daemon=True)
    thread.start()
    thread.join(PATIENCE)
