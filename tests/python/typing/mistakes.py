# SPDX-FileCopyrightText: 2026 The pcall authors
# SPDX-License-Identifier: LGPL-2.1-or-later

"""Mistakes that a type checker finds: one in each line with that comment. It is
checked, and never run."""

from gi.repository import Pcall


def square(n: int) -> int:
    return n * n


Pcall.pcall(square, [1, 2, 3])  # mistake
Pcall.pcall(square, iargs=(1, 2, 3))  # mistake
Pcall.pcall(None)  # mistake
Pcall.pcall(square, n=5)  # mistake
Pcall.pcall(square, ckwargs=[("n", 1)])  # mistake
Pcall.Options(max_childs=3)  # mistake
Pcall.Options(max_children="3")  # mistake
Pcall.Options(log_mode="live")  # mistake
Pcall.map(square, 5)  # mistake
Pcall.map(square, [1], chunksize=5)  # mistake
Pcall.Executor("2")  # mistake
Pcall.Executor(2).submit(square, "2")  # mistake
Pcall.Pcall(square, n=[1]).wait()  # mistake
Pcall.Pcall(square, n=[1]).results = ()  # mistake
Pcall.run_coroutine(square)  # mistake
Pcall.LogMode.QUIET  # mistake
Pcall.no_such_thing()  # mistake
