# SPDX-FileCopyrightText: 2026 The pcall authors
# SPDX-License-Identifier: LGPL-2.1-or-later

"""What a call reads from, where that is not nothing: the terminal, for a debugger.

The terminal stays the parent's. To the call it is a file like any other that it reads and writes,
so that nobody has to hand the foreground over; Ctrl-C is for the parent, which ends the call.
"""

import os
import termios

from . import calls


def get_fd(file):
    return file if type(file) is int else file.fileno()


def is_terminal(file):
    return os.isatty(get_fd(file))


class Reader:
    """A target that has the file as its standard input."""

    def __init__(self, target, file):
        self.__name__ = calls.get_name(target)
        self.target = target
        self.file = file

    def __call__(self, /, *args, **kwargs):
        os.dup2(get_fd(self.file), 0)
        return self.target(*args, **kwargs)


class Modes:
    """How the terminal is set, to be so again when a call has ended in the middle of a line."""

    def __init__(self, file):
        self.fd = get_fd(file)
        self.modes = termios.tcgetattr(self.fd)

    def restore(self):
        try:
            if termios.tcgetattr(self.fd) != self.modes and os.tcgetpgrp(self.fd) == os.getpgrp():
                termios.tcsetattr(self.fd, termios.TCSADRAIN, self.modes)
        except (OSError, termios.error):  # it is gone, or not this process's
            pass
