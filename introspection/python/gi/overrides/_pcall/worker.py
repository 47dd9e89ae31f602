# SPDX-FileCopyrightText: 2026 The pcall authors
# SPDX-License-Identifier: LGPL-2.1-or-later

"""Functions that run in fresh processes: the worker's side.

The main module of the parent's program is imported only once something of it is asked for: a
program without a main guard would run anew with it. Until then another module stands in its place.

The worker asks for calls, and is not called back with them: what leaves `run_call()` ends the
process, so that no call goes without an answer.
"""

import os
import sys
import threading
import types

from gi.module import get_introspection_module
from gi.repository import GLib

from . import child, errors, identity, logs, spawn, streams, values

Pcall = get_introspection_module("Pcall")

MAIN_NAMES = ("__main__", "__mp_main__")
MAIN_KEYS = ("init_main_from_name", "init_main_from_path")


class Main(types.ModuleType):
    """Stands for the main module until something of it is asked for."""

    def __init__(self, preparation):
        super().__init__("__main__")
        self.__dict__["__preparation"] = preparation

    def __getattr__(self, name):
        if not (name.startswith("__") and name.endswith("__")):
            import_main(self.__dict__["__preparation"])
        if sys.modules["__main__"] is self:
            raise AttributeError(f"module '__main__' has no attribute {name!r}")
        return getattr(sys.modules["__main__"], name)


def import_main(preparation):
    """As a process that `multiprocessing` spawns does."""
    import multiprocessing.process
    import multiprocessing.spawn

    process = multiprocessing.process.current_process()
    process._inheriting = spawn.importing_main = True  # no other process is to be started meanwhile
    try:
        multiprocessing.spawn.prepare(preparation)
    finally:
        process._inheriting = spawn.importing_main = False


class Program:
    """What this process has of its parent's program."""

    def __init__(self):
        self.is_prepared = False
        self.old_main = sys.modules["__main__"]

    def prepare(self, preparation):
        import multiprocessing.spawn

        identity.prepare(os.getppid())
        identity.adopt(preparation.pop("parent_name"))
        main = {key: preparation.pop(key) for key in MAIN_KEYS if key in preparation}
        logs.set_levels(preparation.pop(spawn.LEVELS, {}))
        multiprocessing.spawn.prepare(preparation)
        self.is_prepared = True
        if main:
            sys.modules.update(dict.fromkeys(MAIN_NAMES, Main(main)))

    def find(self, packed):
        """What a call is: (target, args, kwargs)."""
        *preparation, data = (values.variant_to_bytes(part) for part in packed)
        if not self.is_prepared:
            self.prepare(values.loads(preparation[0]))
        return values.loads(data)


def to_not_found(name, error):
    """What is raised where something of a call cannot be made of its pickle."""
    message = (
        f"worker program {sys.executable}: {name} cannot be found here: "
        f"{errors.describe(error)}; it was looked for in {':'.join(map(str, sys.path))}"
    )
    return GLib.Error(errors.clean(message), errors.PCALL_DOMAIN, Pcall.Error.TARGET)


def find(program, name, args):
    try:
        with logs.Importing():
            return program.find([args.get_child_value(i) for i in range(args.n_children())])
    except BaseException as error:  # imports run the code of modules
        raise to_not_found(name, error) from error


def invoke(target, args, kwargs, dump=values.result_to_variant):
    result = target(*args, **kwargs)
    if type(result) is types.CoroutineType:
        result = child.run_coroutine(result)
    try:
        return dump(result)
    except Exception as error:  # as many as there are __reduce__
        child.refuse(result, error)


def tell(error, name):
    child.hush()
    if child.has_forked():
        child.leave(error)
    return errors.tell(error, name)


def run_call(worker, program, name, args):
    failure = None
    try:
        try:
            try:
                child.speak()
                result = invoke(*find(program, name, args))
            finally:
                streams.flush_all((sys.stdout, sys.stderr))
        except BaseException as error:  # SystemExit, too: the worker goes on
            failure = tell(error, name)
    except BaseException as error:  # of a signal that came before all were held back
        failure = tell(error, name)
    if failure is not None:
        worker.return_error(failure)
    else:
        worker.return_value(result)


def main(preparation):
    """Called by a fresh Python, with what `multiprocessing` prepares its own with, or a part of
    that."""
    program = Program()
    worker = Pcall.Worker.new()
    for stream in (sys.stdout, sys.stderr):
        stream.reconfigure(line_buffering=True)
    if spawn.is_whole(preparation):
        program.prepare(preparation)
    worker.capture_log()
    logs.begin_worker()
    while (call := worker.next())[0]:
        run_call(worker, program, *call[1:3])
    if threading.active_count() > 1:
        threading._shutdown()
