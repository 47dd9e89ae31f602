# SPDX-FileCopyrightText: 2026 The pcall authors
# SPDX-License-Identifier: LGPL-2.1-or-later

"""One child of a crew (see crew.py): the parent's side of it."""

import os
import socket

from gi.module import get_introspection_module

from . import board, errors, jobs, printed, server, task, waiting

Pcall = get_introspection_module("Pcall")


class Member:
    """One child, and what it has to do."""

    def __init__(self, crew, first):
        self.board = board.Board()
        self.header = self.board.header
        self.ours, self.theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self.jobs = {}  # by number: (job, lane)
        self.n_given = 0
        self.n_calls = 0
        self.is_stopping = False
        self.is_ending = False  # by force
        self.is_late = False
        self.seen = None  # where it was, and since when
        self.since = 0.0
        self.fd = -1
        serve = server.Server(self.theirs, self.board, crew.function, crew.initializer, first)
        serve.__name__ = crew.name
        self.outputs = None if crew.show is None else printed.Outputs()
        serve.capture(crew.outputs if self.outputs is None else self.outputs.memories, self.outputs)
        self.pcall = task.Pcall(serve)
        self.pcall.task.set_log_mode(Pcall.LogMode.INHERIT)
        if first is not None:
            self.add(first)
        self.pcall.start_unattached()
        self.fd = os.dup(self.pcall.task.get_fd())

    def add(self, job):
        """Which number and lane it has."""
        number = self.n_given
        lane = 1 if any(lane == 0 for _, lane in self.jobs.values()) else 0
        self.jobs[number] = job, lane
        self.n_given += 1
        self.n_calls += job.n_calls
        return number, lane

    def give(self, job):
        """False where it cannot be pickled."""
        number, lane = self.add(job)
        try:
            data, fd = board.pack_order(number, lane, job.get_order())
        except Exception as error:  # as many as there are __reduce__
            self.remove(number)
            if waiting.is_interrupt(error):
                raise
            job.is_inherited = True
            return False
        try:
            board.send(self.ours, data, fd)
        except BaseException:
            self.remove(number)
            raise
        return True

    def remove(self, number):
        job, _ = self.jobs.pop(number)
        self.n_calls -= job.n_calls
        return job

    def receive(self, sock):
        """What has come; BlockingIOError where nothing has."""
        return board.receive(sock, self.board.packets[board.PARENT], board.DONTWAIT)

    def take_back(self):
        """A job that it has not taken; none where there is none."""
        try:
            data, fd = self.receive(self.theirs)
        except BlockingIOError:
            return None
        if fd is not None:
            os.close(fd)
        return self.remove(board.PREFIX.unpack_from(data)[0])

    def stop(self):
        """When it has done what it has."""
        if not self.is_stopping:
            self.is_stopping = True
            self.ours.send(b"", socket.MSG_NOSIGNAL)

    def get_running(self):
        """The job that it has taken: (number, job, lane)."""
        number = self.header[board.TAKEN]
        if number not in self.jobs and self.n_given and 0 in self.jobs:
            number = 0  # which it inherits
        return (number, *self.jobs[number]) if number in self.jobs else None

    def is_overdue(self, now):
        """Whether its call has run for longer than it may, as far as one has looked."""
        running = self.get_running()
        header = self.header
        timeout = 0 if running is None or self.is_ending else running[1].get_timeout()
        if not timeout or header[board.BEGUN] != running[0]:  # what comes before is no call's time
            self.seen = None
            return False
        seen = running[0], header[board.BEGUN], header[board.BASE], header[board.COUNT]
        if seen != self.seen:
            self.seen, self.since = seen, now
        return now - self.since > timeout

    def get_fate(self):
        call = self.pcall[0]
        error = call.get_error()
        text = "ended without a word" if error is None else error.message
        text = text.removeprefix(f"call 0 ({call.get_target_name()}): ")
        for process in self.pcall.childs:
            if not process.get_running():
                return jobs.Fate(text, error, *errors.get_end(process))
        return jobs.Fate(text, error, None, None, None)

    def read_output(self, sizes=None):
        """What calls have printed: until then, or so far."""
        return self.outputs.read(self.outputs.measure() if sizes is None else sizes)

    def close(self):
        """Ends what of it still runs."""
        if self.outputs is not None:
            self.outputs.close()
        if self.fd >= 0:
            os.close(self.fd)
            self.fd = -1
        self.ours.close()
        self.theirs.close()
        self.pcall.task.run_dispose()
