# SPDX-FileCopyrightText: 2026 The pcall authors
# SPDX-License-Identifier: LGPL-2.1-or-later

"""Functions that run in fresh processes instead of forked ones: the parent's side.

A worker is another Python that imports what it is to call. It gets the parent's module search path
and `__main__`, as a process that `multiprocessing` spawns does; function and arguments of a call
travel as a pickle. The command line is the same for all calls of a program, so that workers are
used again.

The kernel takes no argument of 128 KiB and more, and about 2 MiB in all. What is too long for a
command line, as a program's own may be, goes with each of the calls instead.
"""

import base64
import hashlib
import pickle
import subprocess
import sys

from gi.module import get_introspection_module
from gi.repository import GLib

from . import calls, errors, logs, values, waiting

Pcall = get_introspection_module("Pcall")

MAX_ARGUMENT = 64 << 10
REST = "pcall_rest"  # the key that stands for what is not on the command line
LEVELS = "pcall_log_levels"

importing_main = False  # in a worker

# The first line is what messages show of it.
BOOT = """# gi.overrides._pcall.worker
import base64, pickle, sys
preparation = pickle.loads(base64.b64decode("".join(sys.argv[1:])))
sys.path[:] = preparation["sys_path"]
import gi
gi.require_version("Pcall", "1.0")
from gi.repository import Pcall
from gi.overrides._pcall import worker
worker.main(preparation)
"""


class Spawned:
    """A target that runs in a fresh process: `Pcall.pcall(Pcall.Spawned(function), …)`.

    For what should not be a copy of this process, which may have locks, threads and connections
    that do not survive a fork. The function has to be importable, from `__main__` too, or anything
    else that can be pickled; and so have its arguments. A process runs several calls, one after
    the other.

    >>> Pcall.pcall(Pcall.Spawned(abs), iargs=[(-3,)])
    (3,)

    The program's main module is imported there, as `__mp_main__`, only if one of these is of it;
    what starts tasks has to stand under `if __name__ == "__main__":` then.
    """

    def __init__(self, function):
        if not callable(function):
            raise TypeError(f"function is not callable: {function!r}")
        self.function = function

    def __call__(self, /, *args, **kwargs):
        return self.function(*args, **kwargs)

    def __repr__(self):
        return f"Spawned({self.function!r})"

    @property
    def __name__(self):
        module = calls.get_string(self.function, "__module__")
        name = calls.get_string(self.function, "__qualname__") or calls.get_name(self.function)
        return f"{module}:{name}" if module else name


def check_not_importing_main():
    if importing_main:
        raise RuntimeError(
            "a task is started while a worker imports the main module of its program, for a "
            'function that is defined there. Start it under `if __name__ == "__main__":`, or '
            "define the function in another module"
        )


def encode(preparation):
    return base64.b64encode(values.dumps(preparation)).decode()


def split(preparation):
    """What of it goes on the command line, and the pickle of all of it where that is too long."""
    whole = encode(preparation)
    if len(whole) <= MAX_ARGUMENT:
        return whole, None
    rest = values.dumps(preparation)
    head = {"sys_path": preparation["sys_path"], REST: hashlib.sha256(rest).digest()}
    return encode(head), rest


def is_whole(preparation):
    return REST not in preparation


def get_preparation():
    from multiprocessing import spawn

    try:
        return spawn.get_preparation_data("pcall")
    except FileNotFoundError as error:
        text = "the working directory, in which a fresh process would begin, is gone"
        raise FileNotFoundError(error.errno, text) from error


def get_command_line():
    """The command line, and what goes with each call where it is too long for that."""
    from multiprocessing import process

    check_not_importing_main()
    preparation = get_preparation()
    preparation.pop("authkey", None)  # a command line is no secret
    preparation[LEVELS] = logs.get_levels()
    preparation.pop("name")  # each worker has one of its own
    preparation["parent_name"] = process.current_process().name
    preparation.pop("dir", None)  # it begins where it is told to
    data, rest = split(preparation)
    parts = [data[i : i + MAX_ARGUMENT] for i in range(0, len(data), MAX_ARGUMENT)]
    flags = subprocess._args_from_interpreter_flags()
    return [sys.executable, *flags, "-c", BOOT, *parts], rest


def check_picklable(value, what):
    try:
        values.dumps(value)
    except Exception as error:  # as many as there are __reduce__
        if waiting.is_interrupt(error):
            raise
        message = f"{what}, {errors.say_unpicklable(value, error)}"
        raise errors.caused(pickle.PicklingError(message), error)


def complain(index, target, args, kwargs, error):
    """Finds out what of the call cannot be pickled."""
    check_picklable(target.function, f"the target of call {index}")
    for i, arg in enumerate(args):
        check_picklable(arg, f"argument {i} of call {index}")
    for name, arg in kwargs.items():
        check_picklable(arg, f"argument {name!r} of call {index}")
    text = errors.describe(error)
    raise pickle.PicklingError(f"call {index} cannot be pickled: {text}") from error


def pack_by_value(index, target, args, kwargs, error):
    """The same for another machine, to which more can go."""
    from . import launching

    data = launching.dump_by_value((target.function, args, kwargs))
    if data is not None:
        return data
    try:
        complain(index, target, args, kwargs, error)
    except pickle.PicklingError as complaint:
        raise pickle.PicklingError(f"{complaint}{launching.HINT}") from complaint


def pack(index, target, args, kwargs, is_away=False):
    """One call as bytes."""
    try:
        return values.dumps((target.function, args, kwargs))
    except Exception as error:
        if waiting.is_interrupt(error):
            raise
        if not is_away:
            complain(index, target, args, kwargs, error)
        return pack_by_value(index, target, args, kwargs, error)


def make_target(command_line, function):
    return Pcall.Target.new_worker(command_line, errors.clean(function.__name__))


def to_argument(data):
    """A GLib.Variant, `(ay)`."""
    return GLib.Variant.new_tuple(values.bytes_to_variant(data))


def set_arguments(task, rows, rest, is_away=False):
    packed = [pack(i, *row, is_away) for i, row in enumerate(rows)]
    with waiting.Interrupts():  # what a signal's handler raises where a variant ends is lost
        if rest is not None:
            task.set_common_args(to_argument(rest))
        arguments = [to_argument(data) for data in packed]
        task.set_instance_args(GLib.Variant.new_array(GLib.VariantType.new("(ay)"), arguments))
        del arguments


def is_spawned(rows):
    """Whether all targets are; they cannot be mixed with others."""
    functions = rows.get_targets()
    spawned = [issubclass(type(function), Spawned) for function in functions]
    if any(spawned) and not all(spawned):
        index = spawned.index(False)
        raise TypeError(f"target {index} is not Pcall.Spawned as others are: {functions[index]!r}")
    return any(spawned)
