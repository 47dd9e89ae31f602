# SPDX-FileCopyrightText: 2026 The pcall authors
# SPDX-License-Identifier: LGPL-2.1-or-later

"""Pcall for Python: functions that run in parallel, each call in a child process of its own.

    from gi.repository import Pcall

    def add(x, y):
        return x + y

    Pcall.pcall(add, x=(1, 2, 3), y=(4, 5, 6))  # (5, 7, 9)

`Pcall.pcall()` calls and waits, `Pcall.Pcall` can be started, watched and joined, and
`Pcall.pcall_async()` awaited. For many calls, `Pcall.map()` is the builtin `map()` in parallel, in
children that stay, and `Pcall.amap()` is for `async for`; `Pcall.Executor` is a
`concurrent.futures.Executor`.
"""

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
