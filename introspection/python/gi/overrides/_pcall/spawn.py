# SPDX-FileCopyrightText: 2026 The pcall authors
# SPDX-License-Identifier: LGPL-2.1-or-later

"""Functions that run in fresh processes instead of forked ones: the parent's side.

A worker is another Python that imports what it is to call. It gets the parent's module search path
and `__main__`, as a process that `multiprocessing` spawns does; function and arguments of a call
travel as a pickle. The command line is the same for all calls of a program, so that workers are
used again.
"""

import base64
import pickle
import subprocess
import sys

from gi.module import get_introspection_module
from gi.repository import GLib

from . import errors, values

Pcall = get_introspection_module("Pcall")

BOOT = """
import base64, pickle, sys
preparation = pickle.loads(base64.b64decode(sys.argv[1]))
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
    """

    def __init__(self, function):
        if not callable(function):
            raise TypeError(f"function is not callable: {function!r}")
        self.function = function

    def __call__(self, *args, **kwargs):
        return self.function(*args, **kwargs)

    @property
    def __name__(self):
        module = getattr(self.function, "__module__", None)
        name = getattr(self.function, "__qualname__", None) or type(self.function).__qualname__
        return f"{module}:{name}" if module else name


def get_command_line():
    from multiprocessing import spawn

    preparation = spawn.get_preparation_data("pcall")
    preparation.pop("authkey", None)  # a command line is no secret
    data = base64.b64encode(values.dumps(preparation)).decode()
    flags = subprocess._args_from_interpreter_flags()
    return [sys.executable, *flags, "-c", BOOT, data]


def check_picklable(value, what):
    try:
        values.dumps(value)
    except Exception as error:  # as many as there are __reduce__
        message = f"{what}, of type {type(value).__qualname__}, cannot be pickled: {error}"
        raise pickle.PicklingError(message) from error


def pack(index, target, args, kwargs):
    """One call as a GLib.Variant, `(ay)`. Where that fails, finds out what of it."""
    try:
        data = values.dumps((target.function, args, kwargs))
    except Exception as error:
        check_picklable(target.function, f"the target of call {index}")
        for i, arg in enumerate(args):
            check_picklable(arg, f"argument {i} of call {index}")
        for name, arg in kwargs.items():
            check_picklable(arg, f"argument {name!r} of call {index}")
        raise pickle.PicklingError(f"call {index} cannot be pickled: {error}") from error
    bytes_ = GLib.Variant.new_from_bytes(values.BYTES, GLib.Bytes.new(data), True)
    return GLib.Variant.new_tuple(bytes_)


def make_target(command_line, function):
    return Pcall.Target.new_worker(command_line, errors.clean(function.__name__))


def set_arguments(task, rows):
    packed = [pack(i, *row) for i, row in enumerate(rows)]
    task.set_instance_args(GLib.Variant.new_array(GLib.VariantType.new("(ay)"), packed))


def is_spawned(rows):
    """Whether all targets are; they cannot be mixed with others."""
    functions = rows.get_targets()
    spawned = [isinstance(function, Spawned) for function in functions]
    if any(spawned) and not all(spawned):
        index = spawned.index(False)
        raise TypeError(f"target {index} is not Pcall.Spawned as others are: {functions[index]!r}")
    return any(spawned)
