# SPDX-FileCopyrightText: 2026 The pcall authors
# SPDX-License-Identifier: LGPL-2.1-or-later

"""Functions that run in fresh processes: the worker's side."""

import sys
import threading

from gi.module import get_introspection_module
from gi.repository import GLib

from . import child, errors, streams, values

Pcall = get_introspection_module("Pcall")


def find(name, args):
    """What a call is: (target, args, kwargs)."""
    try:
        return values.loads(values.variant_to_bytes(args.get_child_value(0)))
    except Exception as error:  # imports run the code of modules
        message = (
            f"worker program {sys.executable}: {name} cannot be found here: "
            f"{errors.describe(error)}; it was looked for in {':'.join(sys.path)}"
        )
        raise GLib.Error(errors.clean(message), errors.PCALL_DOMAIN, Pcall.Error.TARGET) from error


def invoke(target, args, kwargs):
    result = target(*args, **kwargs)
    if isinstance(result, child.types.CoroutineType):
        result = child.run_coroutine(result)
    try:
        return values.result_to_variant(result)
    except Exception as error:  # as many as there are __reduce__
        child.refuse(result, error)


def run_call(worker, name, args, kwargs, *user_data):
    try:
        try:
            result = invoke(*find(name, args))
        finally:
            streams.flush_all((sys.stdout, sys.stderr))
    except BaseException as error:  # SystemExit, too: the worker goes on
        where = f"call {Pcall.get_call_index()} ({name})"
        Pcall.set_error_details(errors.to_details(error))
        worker.return_error(errors.to_gerror(error, where))
    else:
        worker.return_value(result)


def main(preparation):
    """Called by a fresh Python, with what `multiprocessing` prepares its own with."""
    from multiprocessing import spawn

    worker = Pcall.Worker.new()
    for stream in (sys.stdout, sys.stderr):
        stream.reconfigure(line_buffering=True)
    spawn.prepare(preparation)
    worker.capture_log()
    worker.start(run_call)
    worker.run()
    if threading.active_count() > 1:
        threading._shutdown()
