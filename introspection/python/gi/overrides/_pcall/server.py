# SPDX-FileCopyrightText: 2026 The pcall authors
# SPDX-License-Identifier: LGPL-2.1-or-later

"""What a child of a crew does: one job after the other, until it is told to stop.

A job is one call, or many calls of one function. These run in batches (see batches.py), each of
which is told when it has ended, so that results come while a job goes on. A job that takes much
longer than its parent has thought is given back, but for what was run of it: other children may
have nothing to do.
"""

import functools
import os
import time
import types

from . import batches, board, calls, child, copies, errors, jobs, kinds, logs, printed, streams
from . import values

BATCH_SECONDS = 0.018  # a little longer than a job should take
MAX_SECONDS = 0.1  # of a job, until the rest of it is given back
FULL, HALF = 0.9, 0.5  # of a lane, when a job ends by itself, and where a result had no room
MAX_LOOPS = 16
FEW = 32  # calls, after which results of a kind that did not fit are no reason to leave that way

# What came of a call: a pickled result, one in memory, or an error
RESULT, MEMORY, ERROR = "result", "memory", "error"
# What a child tells besides
UNKNOWN, UNPREPARED, LOGGED = "unknown", "unprepared", "logged"


class Loop(batches.Batches):
    """The calls of one function, with positional arguments in columns."""

    seconds = BATCH_SECONDS
    pickles = kinds.PICKLES
    choose = staticmethod(kinds.choose)

    def __init__(self, function, header):
        super().__init__(calls.Rows(function, (), {}, 0, {}))
        self.memory = types.SimpleNamespace(header=header)

    def take(self, columns):
        if self.sources is None:
            names = [f"value{i}" for i in range(len(columns))]
            self.call = f"target({', '.join(names)})"
            self.sources = dict.fromkeys(names)
        self.sources.update(zip(self.sources, columns))

    def open(self, lane, cell, area):
        self.memory.area = area = board.Writer(lane, cell, area, self.way)
        self.memory.cells = area.cells

    def note_after(self, ended, result):
        """One of the same kind for which there was no room, after many, changes nothing."""
        if ended < FEW or self.choose(result)[0] != self.kind:
            self.note(result)


@functools.cache
def warm_up(n_columns=1):
    """In the parent: compiles what each child would compile anew."""
    loop = Loop(None, None)
    loop.take([()] * n_columns)
    text = kinds.to_way(kinds.Row(None, (), (str,)))
    for way in (batches.UNKNOWN, kinds.PICKLES, text, *batches.KINDS.values()):
        loop.compile(way)


def dump(result):
    """What a call returned: (kind, data, fd)."""
    if type(result) is types.CoroutineType:
        result = child.run_coroutine(result)
    try:
        data, fd = values.dump_parts(result)
    except Exception as error:  # as many as there are __reduce__
        child.refuse(result, error)
    return (RESULT if fd is None else MEMORY), data, fd


def tell(error):
    """What a call raised, in the same form. Signals are held back until the next call."""
    child.hush()
    streams.flush_all(streams.children[1:])
    parts = errors.to_parts(error)
    own = errors.to_own_gerror(error)
    if own is not None:
        parts["gerror"] = (own.message, own.domain, own.code)
    return ERROR, parts, None


class Server:
    """The child's side of a crew; made before the fork, so that the first job need not be sent."""

    def __init__(self, sock, memory, function, initializer, first):
        self.__name__ = "crew"
        self.sock = sock
        self.board = memory
        self.header = memory.header
        self.function = function
        self.initializer = initializer
        self.first = first
        self.outputs = {}
        self.printed = None  # what measures them
        self.loops = {}
        self.step = 1  # how many calls take as long as a batch should

    def capture(self, outputs, measure):
        """outputs: what is written to in the place of which descriptor"""
        self.outputs = outputs
        self.printed = measure

    def __call__(self):
        copies.watch()
        for fd, file in self.outputs.items():
            os.dup2(file, fd)
        logs.relay_with(self.log)
        if self.initializer is not None and not self.prepare():
            return
        self.header[board.READY] = 1
        if self.first is not None:
            job, self.first = self.first, None
            self.run(0, 0, job.get_inherited())
        while True:
            data, fd = board.receive(self.sock, self.board.packets[board.CHILD])
            if not data:
                return
            self.obey(data, fd)

    def prepare(self):
        try:
            self.initializer()
            return True
        except BaseException as error:
            self.tell(UNPREPARED, tell(error)[1])
            return False
        finally:
            self.flush()

    def obey(self, data, fd):
        number, lane = board.PREFIX.unpack_from(data)
        self.header[board.TAKEN] = number
        try:
            order = board.unpack_order(data, fd)
            if order[0] == "map":
                self.find_loop(order[1])
            else:
                jobs.check_mark(order[1], order[4])
        except BaseException:  # a fresh child inherits what cannot be sent
            self.tell(UNKNOWN, number)
            return
        finally:
            if fd is not None:
                os.close(fd)
        self.run(number, lane, order)
        del order  # not to be kept until the next one comes

    def run(self, number, lane, order):
        if order[0] == "map":
            self.run_many(number, lane, self.find_loop(order[1]), *order[2:])
        else:
            self.begin(number, lane)
            begun = time.monotonic()
            outcome = self.attempt(lambda: dump(order[1](*order[2], **order[3])))
            self.report(number, 0, 0, 0, 0, outcome, time.monotonic() - begun, 0, True)

    def find_loop(self, function):
        """By its pickle, by what has it, or that of the crew."""
        loop = self.loops.get(function)
        if loop is None:
            if len(self.loops) >= MAX_LOOPS:
                self.loops.clear()
            self.loops[function] = loop = Loop(self.load(function), self.header)
        return loop

    def load(self, function):
        if function is None:
            return self.function
        data, mark = function if type(function) is tuple else (function, None)
        if type(data) is not bytes:
            return function.function
        function = values.loads(data)
        jobs.check_mark(function, mark)
        return function

    def begin(self, number, lane, base=0, cell=0, area=0):
        """Says where the next results will be. What is not yet consistent has a base of before."""
        header = self.header
        header[board.COUNT] = 0
        header[board.LANE], header[board.CELL], header[board.AREA] = lane, cell, area
        header[board.BASE] = base
        header[board.TAKEN] = header[board.BEGUN] = number

    def run_many(self, number, lane, loop, columns, n_calls):
        loop.take(columns)
        at = cell = area = 0
        begun = now = time.monotonic()
        over = False
        while not over:
            self.begin(number, lane, at, cell, area)
            loop.open(self.board.lanes[lane], cell, area)
            ended, outcome = self.run_batch(loop, at, min(self.step, n_calls - at))
            begun_batch, now = now, time.monotonic()
            n = ended + (outcome is not None)
            self.learn(n, now - begun_batch)
            place = cell, area
            cell, area, share = loop.memory.area.close(ended)
            over = at + n >= n_calls or now - begun > MAX_SECONDS
            over = over or share > (FULL if outcome is None else HALF)
            pace = (now - begun) / (at + n)
            self.report(number, at, ended, *place, outcome, pace, share, over)
            at += n

    def learn(self, n, seconds):
        """A batch is no more than twice as long as one that was not too long."""
        step = int(n * BATCH_SECONDS / max(seconds, 1e-7))
        self.step = max(1, min(board.MAX_CALLS, step, 2 * self.step))

    def run_batch(self, loop, first, n_calls):
        """How many calls ended with their results in the lane, and what came of the next."""
        ended = 0

        def run():
            nonlocal ended
            ended, result = loop.run(first, n_calls)
            if result is batches.NOTHING:
                return None
            loop.note_after(ended, result)
            return dump(result)

        outcome = self.attempt(run)
        return (self.header[board.COUNT] if outcome is not None else ended), outcome

    def attempt(self, function):
        """What it returns, or what it raises in the same form, whatever signals' handlers do."""
        try:
            try:
                child.speak()
                try:
                    return function()
                finally:
                    self.flush()
            except BaseException as error:  # SystemExit, too: this process goes on
                return tell(error)
        except BaseException as error:  # of a signal that came before all were held back
            return tell(error)

    @staticmethod
    def flush():
        streams.written.clear()
        streams.flush_all(streams.children[1:])
        copies.end()

    def report(self, number, base, ended, cell, area, outcome, pace, share, is_last):
        kind = self.header[board.TYPE]
        fd = written = None
        if self.printed is not None:
            printed.flush_stdio()
            written = self.printed.measure()
        if outcome is not None:
            *outcome, fd = outcome
        place = kind, cell, area
        self.tell(number, base, ended, place, outcome, pace, share, is_last, written, fd=fd)

    def log(self, level, message, data):
        """What any thread logs, in a call or between two; False where nobody is told."""
        try:
            self.tell(LOGGED, int(level), message, data)
            return True
        except OSError:
            return False

    def tell(self, *message, fd=None):
        board.send(self.sock, values.dumps(message), fd)
