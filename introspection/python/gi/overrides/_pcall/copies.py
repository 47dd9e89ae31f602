# SPDX-FileCopyrightText: 2026 The pcall authors
# SPDX-License-Identifier: LGPL-2.1-or-later

"""Copies of a child, which a call makes by `os.fork()`.

One that returns from the call, as a daemon's last line does where it should be `os._exit()`, finds
itself in the child's place, with the child's memory and socket. Nothing that it does there may be
taken for the child's own: it loses what leads to the parent's results, and ends where it returns.
"""

import os

from . import streams

owner = 0  # the child
views = ()  # of memory that it shares with its parent, while a call runs
is_watching = False


def watch():
    """In a child, before its first call."""
    global owner, is_watching

    owner = os.getpid()
    if not is_watching:
        is_watching = True
        os.register_at_fork(after_in_child=leave)


def lend(*lent):
    global views

    views = lent


def leave():
    for view in views:
        view.release()


def end():
    """Where a call has returned."""
    if os.getpid() != owner:
        streams.flush_all(streams.children[1:])
        os._exit(os.EX_OK)
