# SPDX-FileCopyrightText: 2026 The pcall authors
# SPDX-License-Identifier: LGPL-2.1-or-later

"""What a type checker knows of a program that uses Pcall. It is checked, and never run."""

import concurrent.futures
from collections.abc import AsyncGenerator, Generator
from typing import Any, assert_type

import gi

gi.require_version("Pcall", "1.0")

from gi.repository import GLib, Pcall  # noqa: E402


def square(n: int) -> int:
    return n * n


async def fetch(url: str) -> bytes:
    return url.encode()


def calls() -> None:
    assert_type(Pcall.pcall(square, n=[1, 2]), tuple[int, ...])
    assert_type(Pcall.pcall([square, square], 5, iargs=[(1,), (2,)]), tuple[int, ...])
    assert_type(Pcall.pcall(fetch, url=["x"]), tuple[bytes, ...])
    assert_type(Pcall.pcall(Pcall.Spawned(square), n=range(3)), tuple[int, ...])
    options = Pcall.Options(max_children=2, log_mode=Pcall.LogMode.LIVE, deadline=None)
    assert_type(Pcall.pcall(square, n=[1], options=options), tuple[int, ...])


def task() -> None:
    p = Pcall.Pcall(square, ckwargs={"n": 1}, timeout=1.5)
    p.start()
    p.join(timeout=10)
    assert_type(p.results, tuple[int, ...] | None)
    assert_type(p[0], Pcall.Call)
    assert_type(p[1:], list[Pcall.Call])
    assert_type(p.pids, tuple[int, ...])
    for call in p:
        assert_type(call.result(), Any)
        assert_type(call.state is Pcall.CallState.SUCCEEDED, bool)
    for child in p.livings:
        assert_type(child.exitcode, int | None)
    for call in Pcall.as_completed(p):
        assert_type(call.exception(), Exception | None)
    p.task.connect("call-message", lambda task, call, value: print(Pcall.load_message(value)))
    p.task.props.max_children = 3
    assert_type(p.task.props.fraction, float)


def manners() -> None:
    with Pcall.Pcall(square, n=[1]) as p:
        p.start()
        assert_type(p, Pcall.Pcall[int])
        assert_type(p[0].args, tuple[Any, ...])
        p.childs[0].join(timeout=1)
        assert_type(p.childs[0].sentinel, int)
    assert_type(Pcall.Pcall.pcall(square, n=[1]), tuple[int, ...])


def many() -> None:
    assert_type(Pcall.map(square, range(3), retries=2), Generator[int, None, None])
    results = Pcall.map(square, range(3), return_exceptions=True, progress=True)
    assert_type(results, Generator[int | Exception, None, None])
    assert_type(Pcall.amap(square, range(3)), AsyncGenerator[int, None])
    with Pcall.Executor(2, max_tasks_per_child=5) as executor:
        assert_type(executor.submit(square, 3), concurrent.futures.Future[int])
        assert_type(executor.schedule(square, (3,), timeout=2), concurrent.futures.Future[int])
        assert_type(executor.map(square, [1, 2]), Generator[int, None, None])


async def awaited() -> None:
    assert_type(await Pcall.pcall_async(square, n=[1]), tuple[int, ...])
    assert_type(await Pcall.pcall_async(fetch, url=["x"]), tuple[bytes, ...])
    assert_type(await Pcall.Pcall(square, n=[1]), tuple[int, ...])
    async for call in Pcall.as_completed(Pcall.Pcall(square, n=[1])):
        assert_type(call.index, int)
    async for n in Pcall.amap(square, [1]):
        assert_type(n, int)


def errors() -> None:
    try:
        Pcall.pcall(square, n=[1])
    except Pcall.TimedOut as error:
        assert_type(error.call, int | None)
    except Pcall.Crashed as error:
        assert_type(error.signal, int | None)
    except Pcall.ChildProcessException as error:
        assert_type(error.call, int | None)


def in_c_terms() -> None:
    def double(args: GLib.Variant, kwargs: GLib.Variant) -> GLib.Variant:
        return args

    target = Pcall.Target.new("double", double)
    t = Pcall.Task.new(target)
    t.set_argument("n", None)
    assert_type(t.run(), GLib.Variant)
    assert_type(t.get_result_numbers(0), tuple[GLib.Bytes | None, int])
