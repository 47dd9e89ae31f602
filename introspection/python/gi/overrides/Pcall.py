# SPDX-FileCopyrightText: 2026 The pcall authors
# SPDX-License-Identifier: LGPL-2.1-or-later

"""Pcall for Python: functions that run in parallel, each call in a child process.

>>> import gi
>>> gi.require_version("Pcall", "1.0")
>>> from gi.repository import Pcall
>>> def add(x, y):
...     return x + y
>>> Pcall.pcall(add, x=(1, 2, 3), y=(4, 5, 6))
(5, 7, 9)
>>> list(Pcall.map(add, range(3), range(3)))
[0, 2, 4]

Many calls, in children that stay:
    map, amap       the builtin map() in parallel, for `for` and for `async for`
    Executor        a concurrent.futures.Executor

Calls with a child each, a fresh copy of this process:
    pcall           calls, waits, and returns a tuple of results in call order
    pcall_async     the same, to be awaited
    Pcall           the same, to be started, watched, joined and ended
    Options         how these do it
    Spawned         a target that runs in a fresh process, not in a copy
    Launcher        what starts these on other machines: Slurm, ssh, any command
    as_completed    calls in the order in which they end
    Call, Child     a call and a child process of a Pcall

In a child:
    send_message, load_message          any object, to the parent, and what it makes of it there
    report_progress, get_call_index     how far the call is, and which it is
    set_result_fd_list, send_message_with_fd_list, set_error_details

Exceptions:
    ChildProcessException   a call did not succeed; its cause is what the function raised
    Crashed                 … as its child died; of map() and of an Executor, a BrokenChild
    TimedOut                … as it took too long, which is a TimeoutError, too
    Cancelled               … as it was ended
    ResultPicklingError     … as what it returned cannot be pickled
    RemoteError             stands in for an exception that cannot be pickled
    RemoteTraceback         the cause of what was raised in a child: its traceback, as text

Task, Target, Pool and Worker are the library's own classes, for functions of GLib.Variant, and
CallState, Error, FailurePolicy, LauncherTransport, LogMode, OutputMode and StartMethod its
enumerations; their reference is that of C. run_coroutine runs a coroutine on GLib's main loop.
Times are in seconds everywhere, as numbers, and None is for no limit.
"""

import sys

from ._pcall import fork, logs
from ._pcall.errors import (
    BrokenChild,
    Cancelled,
    ChildProcessException,
    Crashed,
    RemoteError,
    RemoteTraceback,
    ResultPicklingError,
    TimedOut,
)
from ._pcall.executor import Executor
from ._pcall.launching import Launcher
from ._pcall.loops import run_coroutine
from ._pcall.mapping import amap, map
from ._pcall.options import Options
from ._pcall.spawn import Spawned
from ._pcall.targets import Target
from ._pcall.task import Pcall, Task, as_completed, pcall, pcall_async
from ._pcall.telling import (
    get_call_index,
    load_message,
    report_progress,
    send_message,
    set_result_fd_list,
)
from ._pcall.views import Call, Child

fork.set_up()
logs.set_up()

__all__ = [
    "BrokenChild",
    "Call",
    "Cancelled",
    "Child",
    "ChildProcessException",
    "Crashed",
    "Executor",
    "Launcher",
    "Options",
    "Pcall",
    "RemoteError",
    "RemoteTraceback",
    "ResultPicklingError",
    "Spawned",
    "Target",
    "Task",
    "TimedOut",
    "amap",
    "as_completed",
    "get_call_index",
    "load_message",
    "map",
    "pcall",
    "pcall_async",
    "report_progress",
    "run_coroutine",
    "send_message",
    "set_result_fd_list",
]

for name in __all__:  # as users import them: so a traceback shows them, and a pickle finds them
    globals()[name].__module__ = "gi.repository.Pcall"
del name

# What the library has besides that concerns users: `help()` shows what is in `__all__`
LIBRARY = [
    "CallState",
    "Error",
    "FailurePolicy",
    "LogMode",
    "Pool",
    "StartMethod",
    "Worker",
    "send_message_with_fd_list",
    "set_error_details",
]

# This module's own words are those of what users import, which takes nothing of it but `__all__`.
if "gi.repository.Pcall" in sys.modules:
    proxy = sys.modules["gi.repository.Pcall"]
    proxy.__doc__ = __doc__
    proxy.__all__ = sorted([*__all__, *LIBRARY])
