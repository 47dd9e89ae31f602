# SPDX-FileCopyrightText: 2026 The pcall authors
# SPDX-License-Identifier: LGPL-2.1-or-later

"""The standard streams, as a child gets them.

A stream of the parent's is of little use in a child. It may hold what the parent has written or
read ahead, its lock may be held by a thread that the child has not got, and what stands in its
buffer when the child crashes is lost. So a child gets streams of its own on the same descriptors,
which write each line at once. They are made in the parent, once, as making them would cost more
than all else that Python does in a child.
"""

import sys
import threading

STANDARD = (("stdin", 0, "r"), ("stdout", 1, "w"), ("stderr", 2, "w"))
PATIENCE = 1.0  # seconds: longer than any flush, unless its lock is lost

own = {}  # by name: (the parent's stream, the one for its children or None)
had_threads = False


def flush(stream):
    try:
        stream.flush()
    except (AttributeError, OSError, ValueError):  # there is none, or it is closed
        pass


def before_fork():
    """What stands in the buffers would be written by the child, too."""
    global had_threads

    had_threads = threading.active_count() > 1
    flush(sys.stdout)
    flush(sys.stderr)


def make_own(stream, fd, mode):
    """None where the stream is none of this descriptor: then the child inherits it."""
    try:
        if mode == "w" and stream.fileno() != fd:
            return None
        return open(fd, mode, 1, stream.encoding, stream.errors, closefd=False)
    except (AttributeError, OSError, ValueError):
        return None


def prepare():
    """In the parent, before it forks."""
    for name, fd, mode in STANDARD:
        stream = getattr(sys, name)
        if name not in own or own[name][0] is not stream:
            own[name] = stream, make_own(stream, fd, mode)


def adopt():
    """In the child, before anything is written."""
    for name, (inherited, stream) in own.items():
        if stream is not None and getattr(sys, name) is inherited:
            setattr(sys, name, stream)
            if getattr(sys, f"__{name}__") is inherited:
                setattr(sys, f"__{name}__", stream)
    adopt_handlers()


def adopt_handlers():
    """Handlers of `logging` keep a stream; their own locks are made anew at a fork."""
    logging = sys.modules.get("logging")
    if logging is None:
        return
    streams = {id(inherited): stream for inherited, stream in own.values() if stream is not None}
    for reference in logging._handlerList:
        handler = reference()
        stream = streams.get(id(getattr(handler, "stream", None)))
        if stream is not None:
            handler.stream = stream


def flush_all(streams):
    for stream in streams:
        flush(stream)


def finish():
    """In the child, at its end. Inherited streams have been written to where the parent had
    replaced its own, or where somebody kept them. If a thread of the parent's held the lock of
    one, that is for ever."""
    ours = [stream for _, stream in own.values() if stream is not None]
    inherited = {id(stream): stream for name, (stream, _) in own.items() if name != "stdin"}
    for stream in (sys.stdout, sys.stderr):
        if stream not in ours:
            inherited[id(stream)] = stream
    flush_all(ours)
    if not had_threads:
        flush_all(inherited.values())
        return
    thread = threading.Thread(target=flush_all, args=(inherited.values(),), daemon=True)
    thread.start()
    thread.join(PATIENCE)
