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
    except (AttributeError, OSError, RuntimeError, ValueError):  # there is none, or it is closed
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
    global inherited, children

    flush(sys.stdout)
    flush(sys.stderr)
    current = (sys.stdin, sys.stdout, sys.stderr)
    if current != inherited:
        inherited = current
        children = tuple(make_own(stream, fd) for fd, stream in enumerate(current))


def find_handlers():
    """Handlers of `logging` that keep a stream; their own locks are made anew at a fork."""
    logging = sys.modules.get("logging")
    for reference in logging._handlerList if logging is not None else ():
        handler = reference()
        stream = getattr(handler, "__dict__", {}).get("stream")
        if stream is not None and stream in inherited[1:]:
            yield handler


def adopt_handlers():
    """In the child."""
    for handler in find_handlers():
        handler.stream = children[inherited.index(handler.stream)]


def finish(had_threads):
    """In the child, at its end. Inherited streams have been written to where the parent had
    replaced its own, or where somebody kept them. If a thread of the parent's held the lock of
    one, that is for ever."""
    strange = [*inherited[1:], *(s for s in (sys.stdout, sys.stderr) if s not in children)]
    flush_all(stream for stream in children[1:] if stream not in strange)
    if not had_threads:
        flush_all(strange)
        return
    thread = threading.Thread(target=flush_all, args=(strange,), daemon=True)
    thread.start()
    thread.join(PATIENCE)
