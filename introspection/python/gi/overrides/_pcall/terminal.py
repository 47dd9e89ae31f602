# SPDX-FileCopyrightText: 2026 The pcall authors
# SPDX-License-Identifier: LGPL-2.1-or-later

"""What a call reads from, where that is not nothing: the terminal, for a debugger.

The terminal stays the parent's. To the call it is a file like any other that it reads and writes,
so that nobody has to hand the foreground over; Ctrl-C is for the parent, which ends the call.
"""

import fcntl
import os
import termios

from . import calls, waiting


class Input:
    """A duplicate of what is read from, since in a child standard input is something else, and the
    modes of a terminal, to be set again when a call has ended in the middle of a line."""

    def __init__(self, file):
        fd = file if type(file) is int else file.fileno()
        self.fd = fcntl.fcntl(fd, fcntl.F_DUPFD_CLOEXEC, 3)
        self.owner = waiting.own(self.fd)
        self.modes = termios.tcgetattr(self.fd) if os.isatty(self.fd) else None

    def is_terminal(self):
        return self.modes is not None

    def restore(self):
        try:
            if termios.tcgetattr(self.fd) != self.modes and os.tcgetpgrp(self.fd) == os.getpgrp():
                termios.tcsetattr(self.fd, termios.TCSADRAIN, self.modes)
        except (OSError, termios.error):  # it is gone, or not this process's
            pass


class Reader:
    """A target that has this as its standard input."""

    def __init__(self, target, source):
        self.__name__ = calls.get_name(target)
        self.target = target
        self.source = source

    def __call__(self, /, *args, **kwargs):
        os.dup2(self.source.fd, 0)
        return self.target(*args, **kwargs)
