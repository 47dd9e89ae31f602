# SPDX-FileCopyrightText: 2026 The pcall authors
# SPDX-License-Identifier: LGPL-2.1-or-later

"""How this process forks.

A child that is forked while another thread holds the interpreter's lock waits for that lock for
ever. `os.fork()` knows how to prevent that, and calls what was registered with
`os.register_at_fork()`. The library does what `os.fork()` does, through the same functions of
CPython, but without Python code between the fork and itself: there, a signal's handler could
raise, and nobody could catch it.
"""

import ctypes
import os
import sys

from . import child

LIBRARY = "libpcall-1.0.so.0"  # loaded already, by the typelib


class Hooks(ctypes.Structure):
    """A PcallForkHooks, in its order."""

    FUNCTIONS = (
        "PyGILState_Ensure",
        "PyOS_BeforeFork",
        "PyOS_AfterFork_Parent",
        "PyOS_AfterFork_Child",
        "PyGILState_Release",
    )
    _fields_ = [(name, ctypes.c_void_p) for name in FUNCTIONS]


def find(name):
    """The address of a function of CPython."""
    return ctypes.cast(getattr(ctypes.pythonapi, name), ctypes.c_void_p)


def check_interpreter():
    """Without the interpreter's lock, in a free-threaded build, nobody has tried this."""
    if not getattr(sys, "_is_gil_enabled", lambda: True)():
        raise ImportError(
            "Pcall does not work without the interpreter's lock, as this Python runs; start it "
            "with PYTHON_GIL=1"
        )


def set_up():
    check_interpreter()
    hooks = Hooks(*map(find, Hooks.FUNCTIONS))
    ctypes.CDLL(LIBRARY).pcall_set_fork_hooks(ctypes.byref(hooks))
    os.register_at_fork(before=child.before_fork)
