# SPDX-FileCopyrightText: 2026 The pcall authors
# SPDX-License-Identifier: LGPL-2.1-or-later

"""Which calls are run again that did not succeed, and how often.

`map()` gives such a call to a child that stays. A call of a `Pcall.Pcall` has a child of its own;
where there are retries, that child is a supervisor, which runs the call in a child in its turn, as
often as it has to be. So nothing else of the task knows of attempts but the last.
"""

import collections

from gi.module import get_introspection_module

from . import calls, errors, here, options, spawn

Pcall = get_introspection_module("Pcall")


SILENT = (errors.Crashed, errors.TimedOut, errors.Cancelled)  # nothing was raised by the call


class Retries:
    """What is known of them.

    retries: how often each call is run again
    retry_on: after what: classes of which its exception is, or what it raised itself; any, if None
    """

    def __init__(self, retries, retry_on):
        self.most = options.to_count(retries, "retries")
        self.kinds = options.to_exceptions(retry_on, "retry_on")
        options.check_retries(self.most, self.kinds)
        self.counts = collections.Counter()  # by the index of the call, or what stands for it

    def take(self, index, make_error):
        """Whether the call is to be run again; that counts then."""
        if self.counts[index] >= self.most:
            return False
        if self.kinds is not None and not self.is_meant(make_error()):
            return False
        self.counts[index] += 1
        return True

    def forget(self, index):
        self.counts.pop(index, None)

    def is_meant(self, error):
        if self.kinds is None:
            return True
        raised = None if issubclass(type(error), SILENT) else error.__cause__
        return isinstance(error, self.kinds) or isinstance(raised, self.kinds)


class Target:
    """Something that stands for a target, with its names."""

    def __init__(self, target):
        self.target = target
        self.__name__ = calls.get_name(target)
        for name in ("__module__", "__qualname__"):  # of functions in fresh processes
            if (value := calls.get_string(target, name)) is not None:
                setattr(self, name, value)


class Supervisor(Target):
    """Calls it in a child, and again where that is asked for.

    timeout: of each attempt, in seconds
    given: the options of the task
    """

    def __init__(self, target, retries, timeout, given):
        super().__init__(target)
        self.retries = retries
        self.timeout = timeout
        self.grace_period = given.get("grace_period")

    def __call__(self, /, *args, **kwargs):
        if here.call is not None:
            return self.call_here(args, kwargs)
        n_retries = 0
        while True:
            try:
                return self.call(args, kwargs)
            except errors.ChildProcessException as error:
                n_retries += 1
                if n_retries > self.retries.most or not self.retries.is_meant(error):
                    raise errors.Relayed.of(error, self.__name__) from None

    def call(self, args, kwargs):
        """The child writes where this one does, and tells what it has to tell through it."""
        from . import task, telling

        attempt = Attempt(self.target, telling.get_call_index())
        p = task.Pcall(attempt, self.timeout, args, ckwargs=kwargs)
        p.task.set_log_mode(Pcall.LogMode.INHERIT)
        p.task.set_child_name("")  # that of this one, which has the index of the call
        if self.grace_period is not None:
            p.task.set_grace_period(self.grace_period)
        p.task.connect("call-progress", lambda task, call, *data: telling.report_progress(*data))
        p.task.connect("call-message", lambda task, call, message: telling.relay(message))
        p.start_unattached()
        p.join()
        fd_list = p[0].get_result_fd_list()
        if fd_list is not None:
            telling.set_result_fd_list(fd_list)
        return p.results[0]

    def call_here(self, args, kwargs):
        """For a debugger."""
        n_retries = 0
        while True:
            try:
                return self.target(*args, **kwargs)
            except Exception as error:
                n_retries += 1
                raised = errors.caused(errors.ChildProcessException(""), error)
                if n_retries > self.retries.most or not self.retries.is_meant(raised):
                    raise


class Attempt(Target):
    """Calls it in that child, where the call has the index that its task knows."""

    def __init__(self, target, index):
        super().__init__(target)
        self.index = index

    def __call__(self, /, *args, **kwargs):
        here.index = self.index
        return self.target(*args, **kwargs)


def supervise(rows, given, timeout):
    """Has calls run again, where that is asked for. Returns which timeout is left for the task."""
    retries = Retries(given.get("retries", 0), given.get("retry_on"))
    if not retries.most:
        return timeout

    def wrap(target):
        if issubclass(type(target), spawn.Spawned):
            return spawn.Spawned(Supervisor(target.function, retries, timeout, given))
        return Supervisor(target, retries, timeout, given)

    rows.wrap(wrap)
    return 0.0
