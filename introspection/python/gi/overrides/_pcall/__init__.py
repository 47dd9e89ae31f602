# SPDX-FileCopyrightText: 2026 The pcall authors
# SPDX-License-Identifier: LGPL-2.1-or-later

"""What the Python override of Pcall is made of; nothing in here is public.

version  which library this is for
fork     how this process forks, so that Python survives it
values   Python objects as bytes, and back
errors   exceptions, from a child to its parent
calls    targets and argument lists, zipped into calls
hints    what was probably meant, where these are not as they should be
batches  many calls in one child
child    what runs in a child
streams  the standard streams, as a child gets them
logs     what calls log, as records of their parent's
waiting  blocking until a task ends, in a way that Ctrl-C can end
loops    the same without blocking, on asyncio's loop or on GLib's
options  Pcall.Options
terminal what a call reads from
identity what multiprocessing knows of a child
views    what the library's calls and children gain
targets  functions as targets of the library
task     Pcall.Pcall, and what the library's tasks gain
telling  what a call tells its parent
here     which call this process runs
local    calls that are run in this process, for a debugger
local_task  a task of such calls
crew     children that stay, for one job after the other
member   one of them: the parent's side
server   the child's side
board    memory and messages between the two
kinds    results that need no pickle there
jobs     what a crew has to do, and why something of it failed
mapping  Pcall.map() and Pcall.amap()
retries  which calls are run again
progress a bar that shows how far it is
executor Pcall.Executor
futures  its futures, and what it has to do for them
spawn    functions that run in fresh processes: the parent's side
worker   the other side of that
launching  functions that run on other machines
"""

from . import version

version.check()
