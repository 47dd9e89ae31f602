# SPDX-FileCopyrightText: 2026 The pcall authors
# SPDX-License-Identifier: LGPL-2.1-or-later

"""Pcall.Pcall, a task of Python functions, and what the library's tasks gain."""

import functools
import math

from gi.module import get_introspection_module
from gi.overrides import override
from gi.repository import GLib

from . import (
    calls,
    child,
    errors,
    hints,
    launching,
    local,
    local_task,
    loops,
    options,
    retries,
    spawn,
    terminal,
    values,
    views,
    waiting,
)
from .batches import Batches
from .options import to_affinity, to_environment, to_grace_period, to_nice, to_timeout
from .targets import Target, get_empty_target, get_utf8_name, take_target

Pcall_ = get_introspection_module("Pcall")
MANY = 2000  # calls, for which a child each is worth a word
FASTER = (
    "each of these calls gets a child of its own, which takes about a millisecond; Pcall.map(), or "
    "options=Pcall.Options(calls_per_child=0), runs many calls in each child"
)
MODULE = views.MODULE


def keep(value, name):
    return value


# Of a task, by their names: what makes a value of them
OPTIONS = {
    "timeout": to_timeout,
    "deadline": to_timeout,
    "grace_period": to_grace_period,
    "max_children": keep,
    "calls_per_child": keep,
    "n_calls": keep,
    "start_method": keep,
    "failure_policy": keep,
    "log_mode": keep,
    "log_directory": keep,
    "keep_logs": keep,
    "max_log_size": keep,
    "output_mode": keep,
    "priority": keep,
    "show_progress": keep,
    "child_name": keep,
    "nice": to_nice,
    "cpu_affinity": to_affinity,
    "max_address_space": keep,
    "max_open_files": keep,
    "own_cgroup": keep,
    "working_directory": keep,
    "environment": to_environment,
    "launcher": keep,
    "retries": keep,
}
ARGUMENT_SETTERS = (
    "add_target",
    "set_common_args",
    "set_instance_args",
    "set_common_kwargs",
    "set_instance_kwargs",
    "set_argument",
)


def check_unstarted(task, what):
    if task.get_running() or len(task) > 0 or hasattr(task, "_had_no_calls"):
        raise RuntimeError(f"{what}: the task was started; it cannot be changed any more")


def make_setter(name, convert=None):
    """A method that raises where the library's own would only log."""
    inherited = getattr(Pcall_.Task, name)

    def setter(self, *args):
        check_unstarted(self, name)
        if convert is not None and len(args) == 1:
            args = (convert(args[0], name.removeprefix("set_")),)
        return inherited(self, *args)

    setter.__name__ = name
    setter.__qualname__ = f"Task.{name}"
    setter.__doc__ = inherited.__doc__
    return setter


class Properties:
    """`task.props`, which checks what is set."""

    def __init__(self, task, props):
        self.__dict__.update(_task=task, _props=props)

    def __getattr__(self, name):
        return getattr(self._props, name)

    def __setattr__(self, name, value):
        self._task.set_property(name, value)

    def __dir__(self):
        return dir(self._props)

    def __iter__(self):
        return iter(self._props)


class Task(Pcall_.Task):
    """A task of functions that take and return `GLib.Variant`; for Python's, see `Pcall.Pcall`.

    It is a sequence of its calls, and `await` waits for its end. An option that cannot be what it
    is set to, or that is set after the start, is an exception.
    """

    __module__ = MODULE

    for option, convert in OPTIONS.items():
        locals()[f"set_{option}"] = make_setter(f"set_{option}", convert)
    for name in ARGUMENT_SETTERS:
        locals()[name] = make_setter(name)
    del option, convert, name

    def start(self):
        """Begins all calls that may run at once. A task runs once."""
        super().start()
        if len(self) == 0:
            self._had_no_calls = True
        return True

    def run_dispose(self):
        """Ends the task, as dropping it does."""
        loops.forget(self)
        super().run_dispose()

    @property
    def props(self):
        return Properties(self, super().props)

    def set_property(self, name, value):
        """As of `GObject.Object`; an option that cannot be that is an exception."""
        option = name.replace("-", "_")
        if option in OPTIONS:
            getattr(self, f"set_{option}")(value)
        else:
            super().set_property(name, value)

    def __setattr__(self, name, value):
        if name.replace("-", "_") in OPTIONS:
            raise AttributeError(f"'Task' object has no attribute {name!r}; call set_{name}()")
        if not name.startswith("_") and not hasattr(type(self), name):
            raise AttributeError(f"'Task' object has no attribute {name!r}")
        super().__setattr__(name, value)

    def __init__(self, **properties):
        """What calls print goes where this program prints, unless `output_mode` is another."""
        properties.setdefault("output_mode", Pcall_.OutputMode.STREAMS)
        super().__init__(**properties)

    @classmethod
    def new(cls, target):
        """Makes a task of a `Pcall.Target`."""
        task = Pcall_.Task.new(target)
        task.set_output_mode(Pcall_.OutputMode.STREAMS)
        return task

    def __getitem__(self, index):
        try:
            return super().__getitem__(index)
        except IndexError:
            n_calls = len(self)
            where = f"the task has {n_calls}" if n_calls else "calls are there from start() on"
            raise IndexError(f"there is no call {index!r}; {where}") from None

    @classmethod
    def new_for_func(cls, func, *user_data):
        """Makes a task of a function, `func(args, kwargs, *user_data)`; see `Pcall.Target.new()`."""
        return cls.new(Target.new(None, func, *user_data))

    def __await__(self):
        return loops.wait(self).__await__()

    def __repr__(self):
        return f"<Task of {describe(self, len(self) > 0 or hasattr(self, '_had_no_calls'))}>"


Task = override(Task)


def describe(task, is_started):
    """For `repr()`: how many calls of what there are, and where they stand."""
    n_calls, n_ended, n_failed = task.get_n_calls(), task.get_n_finished(), task.get_n_failed()
    batches = getattr(task, "_batches", None)
    functions = batches.rows.get_targets() if batches is not None else ()
    names = dict.fromkeys(map(calls.get_name, functions[:MANY]))
    of = f" of {', '.join([*names][:3])}{', …' if len(names) > 3 else ''}" if names else ""
    state = "running" if task.get_running() else "over"
    failed = f", {n_failed} failed" if n_failed else ""
    ended = f"{state}, {n_ended} ended{failed}" if is_started else "not started"
    return f"{n_calls} call{'s' * (n_calls != 1)}{of}: {ended}"


def make_task(rows, is_away=False):
    """A task of the library for calls: one target for each function, or the same for all calls."""
    if spawn.is_spawned(rows):
        command_line, rest = spawn.get_command_line()
        task = make_task_of(rows, lambda function: spawn.make_target(command_line, function))
        spawn.set_arguments(task, rows, rest, is_away)
        task._is_spawned = True
        return task

    batches = Batches(rows)
    task = make_task_of(rows, lambda function: take_target(get_utf8_name(function), batches))
    task._batches = batches
    return task


def make_task_of(rows, make_target):
    functions = rows.get_targets()
    targets = {}
    for function in functions:
        if id(function) not in targets:
            targets[id(function)] = make_target(function)
    if len(targets) > 1:
        first, *others = (targets[id(function)] for function in functions)
    else:
        first, others = next(iter(targets.values()), None) or get_empty_target(), ()
    task = Task.new(first)
    for target in others:
        task.add_target(target)
    if not others:
        task.set_n_calls(len(rows))
    return task


def raise_start_error(error):
    """A GLib.Error of starting, as Python's own where there is one."""
    if error.matches(Pcall_.error_quark(), Pcall_.Error.START):
        raise RuntimeError(error.message) from error
    if error.matches(Pcall_.error_quark(), Pcall_.Error.ARGUMENTS):
        raise ValueError(error.message) from error
    raise error


@functools.cache
def tell_what_is_faster():
    """Once: a child for each call is for what takes longer than a fork."""
    GLib.log_variant(
        "Pcall",
        GLib.LogLevelFlags.LEVEL_INFO,
        GLib.Variant("a{sv}", {"MESSAGE": GLib.Variant("s", FASTER)}),
    )


class Pcall:
    """Functions that run in parallel, each call in a child process of its own.

    Pcall(targets, timeout=None, cargs=(), iargs=(), ckwargs={}, ikwargs=(), **varkwargs)

    targets: a callable, or an iterable of callables: then call *i* runs target *i*
    timeout: how long each single call may run, in seconds; `None` and 0 for no limit
    cargs: positional arguments that all calls begin with
    iargs: for each call, an iterable of further positional arguments
    ckwargs: keyword arguments of all calls
    ikwargs: for each call, a mapping of further keyword arguments
    varkwargs: further keyword arguments by name, each an iterable of one value for each call
    options: a `Pcall.Options`; a list of this name is one of varkwargs
    launcher: a `Pcall.Launcher`, as the option of that name; a list is one of varkwargs

    An empty tuple for `iargs` or `ikwargs` stands for a list that is not given; any other list
    without elements makes no calls. The lists are zipped: there are as many calls as the shortest
    of those that were given has elements. A list may be any iterable but text, and endless where
    another one, or that of targets, is not. Where none is given each target is called once.

    Arguments are never pickled, as a child inherits them; results are, unless they are
    `GLib.Variant`. Targets may be lambdas, bound methods, coroutine functions: anything that can
    be called.

    >>> p = Pcall.Pcall(pow, iargs=[(2, 3), (3, 2)], timeout=60)
    >>> p.start()
    >>> len(p.pids)
    2
    >>> p.join()
    >>> p.results
    (8, 9)

    It is a sequence of its calls; `await` runs it and gives its results. `task` is the `Pcall.Task`
    below, with its options (`max-children`, `failure-policy`, `log-mode` …) and signals.

        with Pcall.Pcall(watch, path=paths) as p:
            p.start()
            …

    At the end of `with`, and of `async with`, what still runs is ended as by `terminate()`, and
    gone: nothing is left running, whatever happens in there.
    """

    __slots__ = ("task", "_results", "_started", "_input", "__weakref__")

    def __init__(
        self,
        /,
        targets,
        timeout=None,
        cargs=(),
        iargs=(),
        ckwargs={},
        ikwargs=(),
        **varkwargs,
    ):
        given = options.take(varkwargs)
        hints.check_positional(targets, timeout, cargs)
        rows = calls.build(
            targets, cargs, iargs, ckwargs, ikwargs, varkwargs, given.get("strict", False)
        )
        seconds = to_timeout(timeout)
        if seconds and not rows.has_arguments():
            hints.check_arguments(targets, timeout)
        is_local = local.is_asked(given.get("debug", False))
        is_away = given.get("launcher") is not None and not is_local
        if is_away:
            launching.send_away(rows)
        self._input = None if is_local else take_input(rows, given)
        seconds = retries.supervise(rows, given, seconds)
        task = make_task(rows, is_away)
        task.set_timeout(seconds)
        given.apply(task)
        if self._input is not None and given.get("log_mode") is None:
            task.set_log_mode(Pcall_.LogMode.INHERIT)
        self.task = task
        if is_local:
            self.task = local_task.LocalTask(rows, task, given.get("progress"))
        self._results = None
        self._started = False

    @classmethod
    def pcall(
        cls,
        /,
        targets,
        timeout=None,
        cargs=(),
        iargs=(),
        ckwargs={},
        ikwargs=(),
        **varkwargs,
    ):
        """Calls functions in parallel, each call in a child process of its own: makes one of these,
        starts and joins it.

        Returns a tuple of what they returned, in call order. For the arguments see the class, for
        what is raised `join()`.
        """
        self = cls(targets, timeout, cargs, iargs, ckwargs, ikwargs, **varkwargs)
        self.start_unattached()
        self.join()
        return self.results

    def start(self):
        """Starts all child processes. A task runs once."""
        self._start()

    def start_unattached(self):
        """For who dispatches it to its end, whatever main loop another thread runs."""
        self._start(joins=True)

    def _start(self, joins=False):
        spawn.check_not_importing_main()
        if isinstance(self.task, local_task.LocalTask):
            self._started = True
            self.task.start()
            return
        child.warm_up()
        if len(self) >= MANY and self.task.get_calls_per_child() == 1:
            tell_what_is_faster()
        try:
            waiting.start(self.task, joins)
        except GLib.Error as error:
            raise_start_error(error)
        except BaseException:  # of a signal's handler
            self.task.run_dispose()
            raise
        self._started = True

    def join(self, timeout=None):
        """Waits until all calls have ended, or until the timeout, in seconds, has passed: 0 only
        looks, and without one, or for less than 0, it takes as long as it takes.

        Raises `TimeoutError` when it has passed; the calls go on then, and can be joined again.
        Where a call did not succeed it raises what became of the first such call: a
        `ChildProcessException` from the exception that its target raised, or of its kinds: `Crashed`
        where the child died, `TimedOut` where it ran longer than it may, `Cancelled` where it was
        ended from here. Ctrl-C ends the children.
        """
        if not self._started:
            raise RuntimeError("it was not started; call start() before join()")
        until = waiting.to_until(timeout)
        if not self._wait(until):
            left = self.task.get_n_calls() - self.task.get_n_finished()
            raise TimeoutError(f"{left} calls had not ended after {timeout} s; they go on")
        self._conclude()

    def _wait(self, until=math.inf):
        """Whether it has ended by then."""
        try:
            return waiting.wait(self.task, until)
        except BaseException:
            self.task.run_dispose()
            raise
        finally:
            self._restore_terminal()

    def _restore_terminal(self):
        if self._input is not None:
            self._input.restore()

    def __enter__(self):
        return self

    def __exit__(self, kind, error, traceback):
        if self._started:
            self.terminate()
            self._wait()

    async def __aenter__(self):
        return self

    async def __aexit__(self, kind, error, traceback):
        if self._started:
            self.terminate()
            await self._wait_async()

    def terminate(self):
        """Ends all child processes with SIGTERM, and what ignores it with SIGKILL later.

        Their calls count as cancelled. For one call or child, these have a `terminate()` of their
        own.
        """
        self.task.terminate()
        if self._started:
            self.task.dispatch()

    def _conclude(self):
        failed = self.task.get_first_failed()
        if failed is not None:
            raise failed.exception()
        if self._results is None:
            self._results = tuple(self._load_all())

    def _load_all(self):
        results = []
        n_calls = self.task.get_n_calls()
        while (index := len(results)) < n_calls:
            data, kind = self.task.get_result_numbers(index)
            if values.is_number(kind):
                results += values.load_numbers(kind, data.get_data())
            elif (data := self.task.get_result_pieces(index)) is not None:
                self._load_pieces(results, data.get_data())
            else:
                results.append(self._load(index))
        return results

    def _load_pieces(self, results, data):
        try:
            values.load_pieces(data, results)
        except BaseException as error:
            errors.raise_load_error(error, len(results))

    def _load(self, index):
        data = self.task.get_result_data(index)
        if data:
            return errors.load_result(values.loads, data, index)
        return self.task.get_call(index).result()

    @property
    def results(self):
        """The results of all calls, a tuple in call order; None until they have been joined."""
        return self._results

    @property
    def childs(self):
        """All child processes that were started, a tuple of `Pcall.Child`."""
        return tuple(self.task.get_children())

    @property
    def livings(self):
        """Those of them that are alive."""
        return tuple(self.task.get_living_children())

    @property
    def pids(self):
        """The process ids of all child processes."""
        return tuple(child.pid for child in self.task.get_children())

    def __len__(self):
        return self.task.get_n_calls()

    def __getitem__(self, index):
        return self.task[index]

    def __iter__(self):
        return iter(self.task)

    def __repr__(self):
        return f"<{type(self).__name__} of {describe(self.task, self._started)}>"

    async def _run(self):
        if not self._started:
            self.start()
        await self._wait_async()
        self._conclude()
        return self._results

    async def _wait_async(self):
        try:
            await loops.wait(self.task)
        except BaseException:
            self.task.run_dispose()
            raise
        finally:
            self._restore_terminal()

    def __await__(self):
        return self._run().__await__()


def pcall(
    targets,
    timeout=None,
    cargs=(),
    iargs=(),
    ckwargs={},
    ikwargs=(),
    **varkwargs,
):
    """Calls functions in parallel, each call in a child process of its own.

    >>> Pcall.pcall(round, number=(1.26, 2.34), ckwargs={"ndigits": 1})
    (1.3, 2.3)
    >>> Pcall.pcall([min, max], cargs=(1, 2))
    (1, 2)

    Returns a tuple of what they returned, in call order. For the arguments see `Pcall.Pcall`, for
    what is raised its `join()`.
    """
    return Pcall.pcall(targets, timeout, cargs, iargs, ckwargs, ikwargs, **varkwargs)


async def pcall_async(
    targets,
    timeout=None,
    cargs=(),
    iargs=(),
    ckwargs={},
    ikwargs=(),
    **varkwargs,
):
    """As `pcall()`, to be awaited: on asyncio's loop, or on GLib's.

    Cancelling it ends the children.
    """
    return await Pcall(targets, timeout, cargs, iargs, ckwargs, ikwargs, **varkwargs)


def as_completed(task):
    """The calls of a task that was started, in the order in which they end.

    task: a `Pcall.Pcall` or a `Pcall.Task`

    For `for` and for `async for`. A call that failed comes like any other: `call.result()` raises.

    >>> p = Pcall.Pcall(abs, iargs=[(-1,), (-2,)])
    >>> p.start()
    >>> sorted((call.index, call.result()) for call in Pcall.as_completed(p))
    [(0, 1), (1, 2)]
    """
    if not isinstance(task, (Pcall, Task)):
        kind = hints.say_kind(task)
        raise TypeError(f"task must be a Pcall.Pcall that was started, or a Pcall.Task, not {kind}")
    return loops.Completions(task.task if isinstance(task, Pcall) else task)


def take_input(rows, given):
    """Gives calls what they are to read from. Returns it where it is a terminal."""
    file = given.get("stdin")
    if file is None:
        return None
    if spawn.is_spawned(rows):
        raise ValueError("stdin: a Pcall.Spawned runs in a process that reads nothing")
    if len(rows) > 1 and given.get("max_children") != 1:
        raise ValueError(
            f"stdin is for calls that run alone, and here are {len(rows)}: set max_children=1, too"
        )
    source = terminal.Input(file)
    rows.wrap(lambda target: terminal.Reader(target, source))
    return source if source.is_terminal() else None
