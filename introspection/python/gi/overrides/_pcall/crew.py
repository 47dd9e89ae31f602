# SPDX-FileCopyrightText: 2026 The pcall authors
# SPDX-License-Identifier: LGPL-2.1-or-later

"""Children that stay, for one job after the other: what `Pcall.map()` and `Pcall.Executor` share.

Each child is a task of the library with a single call, which runs jobs (see server.py). So it is
watched, ended and reaped as any other, and its output is logged as it comes.

The first job of a child is inherited; others are pickled. What cannot be pickled, or not be made of
its pickle in the child, as a function that was defined later, goes to a fresh child. While a child
is at a short job it is given the next one, which is taken back where another child is idle.

A child that dies costs the call that it was in. What it had ended lies in memory that it shares,
and what it had not begun goes to another child; no call is run twice.

A crew is for one thread at a time. Nobody but `dispatch()` and `feed()` changes it.
"""

import collections
import math
import os
import select
import time

from . import board, jobs, logs, loops, server, values, waiting
from .member import Member

JOB_SECONDS = 0.015  # what a job should take
INHERITED_SECONDS = 0.05  # where each costs a fork
GROWTH = 16  # of a job's size, at most, from one to the next
FULL = 0.8  # of a lane, by what results have taken so far
LOOKS = 8  # in a timeout, to see whether a call has ended meanwhile
MAX_DEATHS = 3  # of children, one after the other, that did nothing
LOOK_SECONDS = 0.001  # between looks while results are consumed
PEEK_SECONDS = 0.02  # between looks at a batch that has not been told
PATIENCE = 3.0  # seconds for children that were told to stop


class Crew:
    """The children; see away.py for those on other machines.

    size: how many there are at most
    name: of what is called, for messages
    supply: gives the next job, of as many calls as are best, and never more than it may have; none
    where there is none now
    function: what jobs with columns call that have no function of their own
    initializer: what each child calls first
    calls_per_child: how many calls a child runs at most; 0 for no limit
    """

    job_seconds = JOB_SECONDS
    linger = 0.1  # seconds that who drives it should stay when there is nothing to do

    def __init__(self, size, name, supply, function=None, initializer=None, calls_per_child=0):
        self.size = size
        self.name = name
        self.supply = supply
        self.function = function
        self.initializer = initializer
        self.calls_per_child = calls_per_child
        self.pid = os.getpid()
        server.warm_up()
        self.epoll = select.epoll()
        self.outputs = {}  # what children write to, in the place of this process's
        self.show = None  # what is told of all that is printed, by calls from which one on
        self.members = []
        self.by_fd = {}
        self.returned = collections.deque()  # jobs that have to be given once more
        self.seconds = None  # what a call takes, about
        self.share = 0.0  # of a lane, which a call takes
        self.last_size = 1
        self.inherits = False  # whether jobs cannot be pickled
        self.looked = 0.0
        self.n_deaths = 0
        self.killed = set()  # (pid, signal)
        self.broken = None  # a Failure, where there is no sense in going on

    def fileno(self):
        """Readable when there is something to dispatch."""
        return self.epoll.fileno()

    def is_busy(self):
        return bool(self.returned) or any(member.jobs for member in self.members)

    # Giving

    def get_job_size(self):
        if self.seconds is None:
            return 1
        size = self.count_calls(INHERITED_SECONDS if self.inherits else self.job_seconds)
        size = min(size, GROWTH * self.last_size, board.MAX_CALLS)
        return max(1, min(size, int(FULL / self.share))) if self.share > 0 else size

    def count_calls(self, seconds):
        """How many take so long, about; at least one."""
        return max(1, int(seconds / max(self.seconds, 1e-7)))

    def is_short(self):
        """Whether what a child is at ends so soon that it can be given the next job."""
        return self.seconds is not None and self.seconds * self.last_size < 2 * self.job_seconds

    def feed(self):
        """Gives children what there is to do."""
        while self.broken is None and (place := self.find_place()) is not None:
            job = self.take_job(place)
            if job is None:
                self.balance()
                return
            self.give(job, place)

    def find_place(self):
        """A child that can take a job, or "new" where there is room for one; else none."""
        if self.returned and self.returned[0].is_inherited:
            return self.find_room()
        short = None
        for member in self.members:
            if member.is_stopping or member.is_ending or self.is_used_up(member):
                continue
            if not member.jobs:
                return member
            if len(member.jobs) == 1 and short is None:
                short = member
        if len(self.members) < self.size:
            return "new"
        return short if short is not None and self.is_short() and not self.inherits else None

    def find_room(self):
        """For a job that has to be inherited: an idle child makes room for a fresh one."""
        if len(self.members) < self.size:
            return "new"
        if not any(member.is_stopping for member in self.members):
            for member in self.members:
                if not member.jobs:
                    member.stop()
                    break
        return None

    def is_used_up(self, member):
        return 0 < self.calls_per_child <= member.n_calls

    def take_job(self, place):
        limit = self.get_limit(place)
        while self.returned and self.returned[0].sink.is_cancelled():
            self.returned.popleft()
        if not self.returned:
            job = self.supply(min(limit, self.get_job_size()), limit)
            if job is not None:
                self.last_size = job.n_calls
            return job
        job = self.returned.popleft()
        if job.n_calls > limit:
            self.returned.appendleft(job.slice(limit))
            job = job.slice(0, limit)
        return job

    def get_limit(self, place):
        if not self.calls_per_child:
            return board.MAX_CALLS
        return self.calls_per_child - (0 if place == "new" else place.n_calls)

    def give(self, job, place):
        job.is_inherited = job.is_inherited or (self.inherits and job.columns is not None)
        if place == "new":
            self.start(job)
        elif job.is_inherited or not self.send(job, place):
            self.inherits = self.inherits or job.columns is not None
            self.returned.appendleft(job)
        elif self.is_used_up(place):
            place.stop()

    def send(self, job, member):
        try:
            return member.give(job)
        except BaseException:
            self.returned.appendleft(job)
            raise

    def start(self, job):
        try:
            with waiting.Interrupts():  # whatever a signal's handler raises, it is known
                member = Member(self, job)
                self.members.append(member)
                for fd in (member.fd, member.ours.fileno()):
                    self.by_fd[fd] = member
                    self.epoll.register(fd, select.EPOLLIN)
        except (OSError, RuntimeError) as error:
            self.returned.appendleft(job)
            if not self.members or waiting.is_interrupt(error):
                raise
            self.size = len(self.members)  # there is no room for more
            return
        if self.is_used_up(member):
            member.stop()
        with waiting.Interrupts():
            self.drive(member)  # it may have ended within its start

    def balance(self):
        """Where nothing is left to give: an idle child takes what another one has not begun."""
        idle = [m for m in self.members if not m.jobs and not m.is_stopping and not m.is_ending]
        for member in self.members if idle else ():
            if len(member.jobs) > 1 and (job := member.take_back()) is not None:
                self.give(job, idle.pop())
                if not idle:
                    return

    # Taking

    def step(self, until):
        """Waits until something comes, or the time has come, and takes it in."""
        with waiting.Interrupts() as interrupts:
            now = time.monotonic()
            interrupts.wait(self.fileno(), min(until, now + self.get_patience()))
            self.dispatch()

    async def step_async(self, seconds=math.inf):
        await loops.wait_readable(self.fileno(), min(seconds, self.get_patience()))
        self.dispatch()

    def look(self):
        """Takes in what has come, and gives what there is to do, without waiting; now and then."""
        now = time.monotonic()
        if now < self.looked + LOOK_SECONDS:
            return
        self.looked = now
        with waiting.Interrupts():
            self.dispatch()
        self.feed()

    def get_patience(self):
        """Seconds until somebody has to look. A job may be begun without a word."""
        given = [job for member in self.members for job, _ in member.jobs.values()]
        timeouts = [job.get_timeout() for job in given]
        patience = min((t for t in timeouts if t), default=LOOKS * waiting.MAX_POLL) / LOOKS
        is_many = any(job.n_calls > 1 for job in given)
        return min(patience, PEEK_SECONDS) if is_many else patience

    def dispatch(self):
        """Takes in what has come."""
        events = self.epoll.poll(0)
        for fd, _ in events:
            member = self.by_fd.get(fd)
            if member is None:
                continue
            if fd == member.fd:
                self.drive(member)
            else:
                self.read(member)
        if not events:
            self.peek()
        self.end_overdue(time.monotonic())
        for member in [*self.members]:
            if member.is_ending:
                self.drive(member)

    def end_overdue(self, now):
        for member in self.members:
            if member.is_overdue(now):
                self.read(member)
                if member.is_overdue(now):
                    member.is_late = self.end_job(member, member.get_running()[1])

    def drive(self, member):
        """Its task, which may be over."""
        is_over = not member.pcall.task.dispatch()
        self.read(member)
        if is_over:
            self.bury(member)

    def read(self, member):
        """What a child has told."""
        while True:
            try:
                data, fd = member.receive(member.ours)
            except BlockingIOError:
                return
            self.n_deaths = 0
            try:
                self.take(member, data, fd)
            finally:
                if fd is not None:
                    os.close(fd)

    def take(self, member, data, fd):
        message = values.loads(data)
        if message[0] == server.LOGGED:
            logs.handle_data(None, *message[1:])
        elif message[0] == server.UNPREPARED:
            self.broken = jobs.Failure(parts=message[1])
        elif message[0] == server.UNKNOWN:
            job, _ = member.jobs.pop(message[1])
            job.is_inherited = True
            self.returned.appendleft(job)
        else:
            self.take_report(member, message, fd)

    def take_report(self, member, message, fd):
        number, base, ended, place, outcome, pace, share, is_last, written = message
        job, lane = member.jobs[number]
        if written is not None:
            self.show(job.first + base, member.read_output(written))
        self.take_results(member, job, (lane, *place), base, ended)
        if outcome is not None:
            self.take_outcome(job, outcome, fd)
            job.at += 1
        if is_last:
            self.learn(pace, share / job.at)
            del member.jobs[number]
            self.give_back(job, job.at)

    def learn(self, seconds, share=0.0):
        """More slowly of calls that took longer, as they do while others use the processors, and of
        results that take less room."""
        self.share = max(share, (self.share + share) / 2)
        if self.seconds is None:
            self.seconds = seconds
        weight = 0.5 if seconds < self.seconds else 0.2
        self.seconds += weight * (seconds - self.seconds)

    def take_results(self, member, job, place, base, n):
        """What a batch has left, but for what was seen before it was told."""
        skip, job.at = job.at - base, max(job.at, base + n)
        if skip >= n:
            return
        at = base + skip
        for results, error in member.board.read(*place, n, skip):
            if results:
                job.sink.take(job, at, results)
            at += len(results)
            if error is not None:
                job.sink.fail(job, at, jobs.Failure(cause=error))
                at += 1

    def peek(self):
        """Looks for calls that have ended in a batch that goes on: one of them may take long."""
        for member in self.members:
            running = member.get_running()
            if running is None or running[1].n_calls == 1:
                continue
            number, job, _ = running
            seen = member.board.look(number)
            if seen is not None and seen[1] <= job.at < seen[1] + seen[2]:
                self.take_results(member, job, *seen)

    def take_one(self, job, at, load):
        try:
            result = load()
        except BaseException as error:  # whatever unpickling does
            if waiting.is_interrupt(error):
                raise
            job.sink.fail(job, at, jobs.Failure(cause=error))
        else:
            job.sink.take(job, at, [result])

    def take_outcome(self, job, outcome, fd):
        kind, data = outcome
        if kind == server.ERROR:
            job.sink.fail(job, job.at, jobs.Failure(parts=data))
        elif kind == server.MEMORY:
            self.take_one(job, job.at, lambda: values.load_parts(fd))
        else:
            self.take_one(job, job.at, lambda: values.loads(data))

    def give_back(self, job, at):
        """What of a job was not run."""
        if at < job.n_calls and not job.sink.is_cancelled():
            self.returned.appendleft(job.slice(at))

    def bury(self, member):
        """A child has ended, and all was read that it told."""
        self.show_rest(member)
        self.account(member)
        self.members.remove(member)
        self.let_go(member)

    def let_go(self, member):
        """Also of one that what a signal's handler raised has left half known."""
        for fd in (member.fd, member.ours.fileno()):
            if self.by_fd.pop(fd, None) is not None:
                try:
                    self.epoll.unregister(fd)
                except FileNotFoundError:
                    pass
        member.close()

    def show_rest(self, member):
        """What calls have printed of which it has not told, and what is printed at its end."""
        if self.show is not None:
            running = member.get_running()
            index = None if running is None else running[1].first + running[1].at
            self.show(index, member.read_output())

    def account(self, member):
        """What becomes of what it had to do."""
        header = member.header
        running = member.get_running()
        is_by_itself = not member.is_stopping and not member.is_ending
        if not header[board.READY] and self.broken is None and is_by_itself:
            self.count_death(member)
        for job, _ in reversed([*member.jobs.values()]):
            if running is not None and job is running[1] and header[board.BEGUN] == running[0]:
                self.account_running(member, *running[:2])
            else:
                job.is_inherited = job.is_inherited or running is not None and job is running[1]
                self.returned.appendleft(job)
        member.jobs.clear()

    def count_death(self, member):
        self.n_deaths += 1
        if self.initializer is not None or self.n_deaths >= MAX_DEATHS:
            self.broken = jobs.Failure(fate=member.get_fate())

    def account_running(self, member, number, job):
        """Finds by the header what it had ended that it had not told, and which call it was in."""
        seen = member.board.look(number)
        if seen is not None and seen[1] <= job.at:
            self.take_results(member, job, *seen)
        if job.at < job.n_calls:
            if member.is_late:
                failure = jobs.Failure(timeout=job.get_timeout())
            else:
                failure = jobs.Failure(fate=member.get_fate())
            job.sink.fail(job, job.at, failure)
            self.give_back(job, job.at + 1)

    # Ending

    def end_cancelled(self):
        """Ends children that run what nobody wants any more."""
        for member in [*self.members]:
            for job, _ in [*member.jobs.values()]:
                if job.sink.is_cancelled():
                    self.end_job(member, job)

    def end_job(self, member, job):
        """Ends the child that runs it, if it does; no other job is hit."""
        self.take_ahead(member)
        if [job] != [job for job, _ in member.jobs.values()]:
            return False
        member.is_ending = True
        member.pcall.task.terminate()
        return True

    def take_ahead(self, member):
        """Takes back what it has not begun."""
        while len(member.jobs) > 1 and (job := member.take_back()) is not None:
            if not job.sink.is_cancelled():
                self.returned.appendleft(job)

    def withdraw(self):
        """Takes back what no child has begun."""
        for member in self.members:
            self.take_ahead(member)

    def kill(self, signum):
        """Each of them once by that signal, however often."""
        for member in self.members:
            for process in member.pcall.task.get_living_children():
                if (process.pid, signum) in self.killed:
                    continue
                self.killed.add((process.pid, signum))
                try:
                    os.kill(process.pid, signum)
                except ProcessLookupError:
                    pass

    def drop_returned(self):
        """What children were given and have not begun."""
        while self.returned:
            self.returned.popleft().sink.cancel()

    def get_tasks(self):
        """From any thread."""
        return [member.pcall.task for member in [*self.members]]

    def get_jobs(self):
        """All that have not ended."""
        given = [job for member in self.members for job, _ in member.jobs.values()]
        return [*given, *self.returned]

    def tell_stop(self):
        """Whether there is somebody to wait for."""
        for member in self.members:
            member.stop()
        return bool(self.members)

    def rest(self):
        """Where nobody drives it for a while. Children stay without that."""

    def stop(self):
        """Waits until the children have ended by themselves; not for ever."""
        until = time.monotonic() + PATIENCE
        while self.tell_stop() and time.monotonic() < until:
            self.step(until)

    async def stop_async(self):
        until = time.monotonic() + PATIENCE
        while self.tell_stop() and (left := until - time.monotonic()) > 0:
            await self.step_async(left)

    def close(self):
        """Ends what still runs; in a copy of this process, which has no children, nothing."""
        if os.getpid() != self.pid or self.epoll.closed:
            return
        with waiting.Interrupts():
            while self.members:
                member = self.members.pop()
                self.show_rest(member)
                self.let_go(member)
            self.epoll.close()
