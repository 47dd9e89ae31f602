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
from ._pcall.errors import BrokenChild, ChildProcessException, RemoteError, RemoteTraceback
from ._pcall.executor import Executor
from ._pcall.loops import run_coroutine
from ._pcall.mapping import amap, map
from ._pcall.options import Options
from ._pcall.spawn import Spawned
from ._pcall.task import (
    Call,
    Child,
    Pcall,
    Target,
    Task,
    as_completed,
    load_message,
    pcall,
    pcall_async,
    send_message,
    set_result_fd_list,
)

fork.set_up()
logs.set_up()

__all__ = [
    "BrokenChild",
    "Call",
    "Child",
    "ChildProcessException",
    "Executor",
    "Options",
    "Pcall",
    "RemoteError",
    "RemoteTraceback",
    "Spawned",
    "Target",
    "Task",
    "amap",
    "as_completed",
    "load_message",
    "map",
    "pcall",
    "pcall_async",
    "run_coroutine",
    "send_message",
    "set_result_fd_list",
]
