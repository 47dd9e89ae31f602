# SPDX-FileCopyrightText: 2026 The pcall authors
# SPDX-License-Identifier: LGPL-2.1-or-later

"""Functions that run on other machines: launchers, and what crosses to them.

There a function runs in a fresh process, as if it were `Pcall.Spawned`: by its name, where it can
be imported. What has no name to import it by goes by value where `cloudpickle` is installed on both
sides; then both have to be the same version of Python, as its code is.
"""

import pickle
import sys

from gi.module import get_introspection_module
from gi.overrides import override

from . import spawn, waiting

Pcall = get_introspection_module("Pcall")
VERSION = sys.version_info[:2]
HINT = "; it could go to another machine by value if cloudpickle was installed there and here"


class Launcher(Pcall.Launcher):
    """What starts the workers of a task on other machines, for `Pcall.pcall()` and the like:

        Pcall.pcall(render, frame=range(1000), launcher=Pcall.Launcher.slurm(40))

    `Pcall.Launcher.new()` takes any command, and `new_for_string()` a word for one of these. It
    keeps its workers' machines for the next task until it is closed or dropped.
    """

    __module__ = "gi.overrides.Pcall"

    @classmethod
    def slurm(cls, n_workers=0, *options):
        """With Slurm: so many workers, or as many as the job has tasks that this process is part
        of; `options` are options of `srun`."""
        return cls.new_slurm(n_workers, list(options))

    @classmethod
    def ssh(cls, *hosts, options=()):
        """With ssh: a worker on each of these hosts, as "user@host", or four as "4/host"."""
        return cls.new_ssh(list(hosts), list(options))


Launcher = override(Launcher)


class ByValue:
    """Stands for a call while it is pickled, of which pickle itself knows no way to do so."""

    def __init__(self, data):
        self.data = data

    def __reduce__(self):
        return load_by_value, (VERSION, self.data)


def load_by_value(version, data):
    if version != VERSION:
        theirs, ours = (".".join(map(str, v)) for v in (version, VERSION))
        raise RuntimeError(
            f"it was sent by value from Python {theirs}, and this is {ours}: its code differs. "
            "Define the function in a module that is there, or run the same version"
        )
    return pickle.loads(data)


def dump_by_value(call):
    """The call as bytes; None where that is not possible either."""
    try:
        import cloudpickle

        return pickle.dumps(ByValue(cloudpickle.dumps(call)))
    except Exception as error:  # what pickle said is what is told
        if waiting.is_interrupt(error):
            raise
        return None


def send_away(rows):
    """Each target is to run in a fresh process."""
    rows.wrap(
        lambda target: target
        if issubclass(type(target), spawn.Spawned)
        else spawn.Spawned(target)
    )
