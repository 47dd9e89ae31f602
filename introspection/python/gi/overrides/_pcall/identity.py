# SPDX-FileCopyrightText: 2026 The pcall authors
# SPDX-License-Identifier: LGPL-2.1-or-later

"""What `multiprocessing` knows of a child: that it is one, its name and number, and its parent."""

import itertools
import os
from multiprocessing import process


def make_name(pid):
    """Of the child with that number, here and there."""
    return f"Pcall-{pid}"


class Process(process.BaseProcess):
    """The child, as `multiprocessing.current_process()` tells of it there."""

    def __init__(self, above, parent):
        pid = os.getpid()
        self._name = make_name(pid)
        self._identity = (*above._identity, pid)
        self._config = above._config.copy()
        self._parent_pid = parent.pid
        self._parent_name = parent.name
        self._popen = None
        self._closed = False


class Parent(process._ParentProcess):
    """Its parent, as `multiprocessing.parent_process()` tells of it there."""

    def __init__(self, name):
        super().__init__(name, os.getppid(), None)

    @property
    def _sentinel(self):
        """Readable when it has ended. Made when it is asked for, as few children do."""
        if self.__dict__["_fd"] is None:
            self.__dict__["_fd"] = os.pidfd_open(self.pid)
        return self.__dict__["_fd"]

    @_sentinel.setter
    def _sentinel(self, value):
        self.__dict__["_fd"] = value


def adopt(parent_name=None):
    """In a child, once. A fresh process knows the name of its parent only by word."""
    above = process._current_process
    process._parent_process = parent = Parent(parent_name or above.name)
    process._current_process = Process(above, parent)
    process._process_counter = itertools.count(1)
