# SPDX-FileCopyrightText: 2026 The pcall authors
# SPDX-License-Identifier: LGPL-2.1-or-later

"""A task whose calls are run in this process (see local.py): what stands below a `Pcall.Pcall` in
the place of a `Pcall.Task`, as far as programs and this override use that."""

import os
import time

from gi.module import get_introspection_module
from gi.repository import GLib, GObject

from . import calls, errors, here, local, values, views
from .progress import finish as finish_report
from .progress import make as make_report

Pcall = get_introspection_module("Pcall")
State = Pcall.CallState

ONE = (GObject.TYPE_PYOBJECT,)


class LocalCall:
    """One of its calls, as a `Pcall.Call`."""

    def __init__(self, task, index, row):
        self.task = task
        self.index = index
        self.target, self.args, self.kwargs = row
        self.state = State.PENDING
        self.pid = 0
        self.elapsed = 0.0
        self.progress, self.progress_text = 0.0, None
        self.log_file = None
        self.output = None
        self.outcome = None, None  # the result, or a Failure
        self.fd_list = None

    def run(self):
        self.state, self.pid = State.RUNNING, os.getpid()
        self.task.emit("call-started", self)
        outer, here.call, begun = here.call, self, time.monotonic()
        try:
            self.outcome = local.call(self.target, self.args, self.kwargs)
        finally:
            here.call, self.elapsed = outer, time.monotonic() - begun
        self.finish(State.SUCCEEDED if self.outcome[1] is None else State.FAILED)

    def cancel(self):
        self.finish(State.CANCELLED)

    terminate = cancel  # one that runs is further down, and ends by itself

    def finish(self, state):
        if self.done():
            return
        self.state = state
        self.progress = 1.0
        if state == State.FAILED:
            self.task.emit("call-failed", self, self.get_error())
        self.task.emit("call-finished", self)

    def done(self):
        return self.state >= State.SUCCEEDED

    def exception(self):
        name, failure = self.get_target_name(), self.outcome[1]
        if self.state == State.CANCELLED:
            return errors.Cancelled(f"call {self.index} ({name}): cancelled", self.index)
        return None if failure is None else failure.to_exception(self.index, name)

    def result(self):
        views.check_succeeded(self)
        return self.outcome[0]

    def get_error(self):
        error = self.exception()
        if error is None:
            return None
        code = Pcall.Error.CANCELLED if self.state == State.CANCELLED else Pcall.Error.FAILED
        own = errors.to_own_gerror(error.__cause__)
        return own or GLib.Error(errors.clean(str(error)), errors.PCALL_DOMAIN, code)

    def get_result(self):
        return values.to_variant(self.outcome[0]) if self.state == State.SUCCEEDED else None

    def get_target_name(self):
        return calls.get_name(self.target)

    def get_result_fd_list(self):
        return self.fd_list

    def __getattr__(self, name):
        """The rest of what a `Pcall.Call` has, each by its getter."""
        if name.startswith("get_") and name[4:] in self.__dict__:
            return lambda: self.__dict__[name[4:]]
        if name.startswith("dup_"):
            return getattr(self, f"get_{name[4:]}")
        raise AttributeError(f"a call in this process has no attribute {name!r}")

    __repr__ = views.describe_call


class LocalTask(GObject.Object):
    """The task. Its options are those of a task that is never started."""

    __module__ = "gi.repository.Pcall"  # classes of overrides are no types of their own
    __gtype_name__ = "PcallLocalTask"
    __gsignals__ = {
        "call-started": (GObject.SignalFlags.RUN_LAST, None, ONE),
        "call-progress": (GObject.SignalFlags.RUN_LAST, None, (*ONE, float, str)),
        "call-message": (GObject.SignalFlags.RUN_LAST, None, 2 * ONE),
        "call-failed": (GObject.SignalFlags.RUN_LAST, None, 2 * ONE),
        "call-timed-out": (GObject.SignalFlags.RUN_LAST, None, ONE),
        "call-finished": (GObject.SignalFlags.RUN_LAST, None, ONE),
        "child-exited": (GObject.SignalFlags.RUN_LAST, None, ONE),
        "finished": (GObject.SignalFlags.RUN_LAST, None, ()),
    }

    def __init__(self, rows, options, progress):
        super().__init__()
        self.report = make_report(progress)
        self.rows = rows
        self.options = options
        self.calls = ()
        self.is_stopped = False
        self.is_running = False

    def __getattr__(self, name):
        if name.startswith("dup_"):  # what C calls getters that give a new reference
            return getattr(self, f"get_{name[4:]}")
        return getattr(self.options, name)

    def start(self):
        if self.calls or self.is_running:
            raise RuntimeError("the task was started before; a task runs once")
        self.calls = [LocalCall(self, index, row) for index, row in enumerate(self.rows)]
        self.is_running = True
        try:
            for call in self.calls:
                self.run(call)
        finally:
            self.is_running = False
        finish_report(self.report)
        self.emit("finished")

    def run(self, call):
        if self.is_stopped or call.done():
            call.cancel()
        else:
            call.run()
        if self.report is not None:
            self.report(self.get_n_finished(), len(self.rows))
        stops = self.options.get_failure_policy() == Pcall.FailurePolicy.STOP
        if stops and call.state != State.SUCCEEDED:
            self.is_stopped = True

    def terminate(self):
        self.is_stopped = True

    def get_running(self):
        return self.is_running

    def dispatch(self):
        return False

    def try_join(self):
        return True

    def get_fd(self):
        return -1

    def get_n_calls(self):
        return len(self.rows)

    def get_n_finished(self):
        return sum(call.done() for call in self.calls)

    def get_n_failed(self):
        return sum(call.state > State.SUCCEEDED for call in self.calls)

    def get_fraction(self):
        return self.get_n_finished() / max(len(self.rows), 1)

    def get_first_failed(self):
        """One that was cancelled only where there is no other."""
        failed = [call for call in self.calls if call.state > State.SUCCEEDED]
        return min(failed, key=lambda call: call.state == State.CANCELLED, default=None)

    def get_children(self):
        return []

    get_living_children = get_children

    def get_call(self, index):
        return self.calls[index]

    def get_results(self):
        """None until all have succeeded."""
        results = [call.get_result() for call in self.calls]
        return None if None in results else GLib.Variant("av", results)

    def get_result_numbers(self, index):
        """Nothing of that kind: each result is that of its call."""
        return None, 0

    def get_result_pieces(self, index):
        return None

    get_result_data = get_result_pieces

    def __len__(self):
        return len(self.calls)

    def __getitem__(self, index):
        return self.calls[index]

    def __iter__(self):
        return iter(self.calls)

    def run_dispose(self):
        self.is_stopped = True


# What a call tells its parent


def report_progress(fraction, text):
    call = here.call
    if 0 <= fraction <= 1:
        call.progress, call.progress_text = fraction, text
        call.task.emit("call-progress", call, fraction, text or "")


def send_message(variant):
    here.call.task.emit("call-message", here.call, variant)
