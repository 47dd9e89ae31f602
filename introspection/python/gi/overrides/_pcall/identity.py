# SPDX-FileCopyrightText: 2026 The pcall authors
# SPDX-License-Identifier: LGPL-2.1-or-later

"""What `multiprocessing` knows of a child: that it is one, its name and number, and its parent.

Both objects are made in the parent, once for all of its children: there is little to do in each."""

import itertools
import os
from multiprocessing import process


def make_name(pid):
    """Of the child with that number, here and there."""
    return f"Pcall-{pid}"


class Process(process.BaseProcess):
    """The child, as `multiprocessing.current_process()` tells of it there."""

    def __init__(self, parent):
        self._parent_pid = parent.pid
        self._popen = None
        self._closed = False

    def begin(self, above):
        """In the child. What it inherits of what its parent is may have been changed last."""
        pid = os.getpid()
        self._name = make_name(pid)
        self._identity = (*above._identity, pid)
        self._config = above._config.copy()
        self._parent_name = above._name


class Parent(process._ParentProcess):
    """Its parent, as `multiprocessing.parent_process()` tells of it there."""

    def __init__(self, pid):
        super().__init__(None, pid, None)

    @property
    def _sentinel(self):
        """Readable when it has ended. Made when it is asked for, as few children do."""
        if self.__dict__["_fd"] is None:
            self.__dict__["_fd"] = os.pidfd_open(self.pid)
        return self.__dict__["_fd"]

    @_sentinel.setter
    def _sentinel(self, value):
        self.__dict__["_fd"] = value


prepared = None  # for the children of a process: its pid, what is its own, theirs, and their parent


def prepare(pid):
    """In the parent with that number, before it forks."""
    global prepared

    above = process._current_process
    if prepared is None or prepared[0] != pid or prepared[1] is not above:
        parent = Parent(pid)
        prepared = pid, above, Process(parent), parent


def adopt(parent_name=None):
    """In a child, once. A fresh process knows the name of its parent only by word."""
    _, above, own, parent = prepared
    own.begin(above)
    parent._name = own._parent_name = parent_name or above._name
    process._parent_process, process._current_process = parent, own
    process._process_counter = itertools.count(1)
