# SPDX-FileCopyrightText: 2026 The pcall authors
# SPDX-License-Identifier: LGPL-2.1-or-later

"""Pcall.map() and Pcall.amap(): a function over iterables, by a crew of children.

Nothing runs ahead of who consumes without bound: what was read and not yet consumed is at most as
much as a few jobs for each child (see crew.py), where a job is one call, or as many as take some
milliseconds. Children are there from the first result that is asked for until the iteration ends,
in whatever way.
"""

import atexit
import functools
import itertools
import math
import threading
import weakref

from . import calls, hints, jobs, kinds, local, places, printed, waiting
from .options import suggest, to_bool, to_count, to_launcher, to_timeout
from .progress import finish as finish_report
from .progress import make as make_report
from .retries import Retries

LOOK_AHEAD = 8  # jobs for each child that are read and not yet consumed
MAX_AHEAD = 32768  # calls for each child, at most
SHARES = 2  # for each child, of what is left: near the end, none has much to do that others have not
DUE = -1  # in the place of an index: what waits for nothing
SHORT_SECONDS = 0.002  # what is shared no further


def iterate(values, index):
    return calls.iterate(values, f"iterables[{index}]", hint=hints.mean_option)


class Source:
    """What is read of the iterables, in columns."""

    def __init__(self, iterables, strict):
        self.sequence = None
        if len(iterables) == 1 and calls.is_sequence(iterables[0]):
            self.sequence = iterables[0]
        elif len(iterables) == 1:
            self.iterator = iterate(iterables[0], 0)
        else:
            iterators = [iterate(values, i) for i, values in enumerate(iterables)]
            self.iterator = zip(*iterators, strict=strict)
        self.is_single = len(iterables) == 1
        self.total = find_total(iterables)
        self.n_read = 0
        self.is_over = False
        self.error = None  # of the iterable

    def read(self, size):
        """Columns of at most as many values; none where there are no more."""
        if self.is_over:
            return None
        rows = self.read_rows(size)
        self.n_read += len(rows)
        if not rows:
            return None
        return [rows] if self.is_single else [*zip(*rows)]

    def read_rows(self, size):
        if self.sequence is not None:
            rows = self.sequence[self.n_read : self.n_read + size]
            self.is_over = len(rows) < size
            return rows
        rows = []
        try:
            rows.extend(itertools.islice(self.iterator, size))
        except Exception as error:  # raised where the consumer has come to it
            if waiting.is_interrupt(error):
                raise
            self.error = error
        self.is_over = len(rows) < size
        return rows


def find_total(iterables):
    """How many calls there are, where that is known."""
    try:
        return min(len(values) for values in iterables)
    except TypeError:
        return None


class Mapping:
    """The sink and the supply of a crew."""

    def __init__(
        self,
        function,
        source,
        *,
        ordered,
        return_exceptions,
        timeout,
        retries,
        report,
        make_crew,
    ):
        self.function = function
        self.name = calls.get_name(function)
        self.source = source
        self.ordered = ordered
        self.return_exceptions = return_exceptions
        self.timeout = timeout
        self.retries = retries
        self.report = report
        self.make_crew = make_crew
        self.crew = None
        self.thread = None
        self.ended = {}  # by the index of the first: lists of results, or a Failure
        self.printed = {}  # what waits for its call, by the index of the first
        self.n_ended = 0
        self.n_consumed = 0

    # For the crew

    def supply(self, size, limit):
        ahead = self.source.n_read - self.n_consumed
        if ahead >= min(LOOK_AHEAD * size, MAX_AHEAD) * self.crew.size:
            return None
        first = self.source.n_read
        columns = self.source.read(self.limit_to_share(size))
        if columns is None:
            return None
        return jobs.Job(self, len(columns[0]), first, columns)

    def limit_to_share(self, size):
        if self.source.total is None or self.crew.seconds is None:
            return size
        share = (self.source.total - self.source.n_read) // (SHARES * self.crew.size)
        return min(size, max(share, self.crew.count_calls(SHORT_SECONDS)))

    def is_cancelled(self):
        return False

    def get_inherited(self):
        return None

    get_pickled = get_inherited

    def take(self, job, at, results):
        self.ended[job.first + at] = results
        self.count(len(results))

    def fail(self, job, at, failure):
        index = job.first + at
        if self.retries.take(index, lambda: failure.to_exception(index, self.name)):
            self.crew.returned.append(job.slice(at, at + 1))
            return
        self.ended[index] = failure
        self.count(1)

    def count(self, n):
        self.n_ended += n
        if self.report is not None:
            self.report(self.n_ended, self.source.total)

    def show(self, index, pieces):
        """What calls have printed, from that one on, if any. It waits for its turn, or at least for
        who consumes: there Ctrl-C is heard while nobody reads it."""
        if pieces:
            is_due = not self.ordered or index is None or index < self.n_consumed
            self.printed.setdefault(DUE if is_due else index, []).extend(pieces)

    def show_until(self, end):
        try:
            for index in sorted(index for index in self.printed if index < end):
                printed.write(self.printed.pop(index))
        except BaseException:
            self.printed.clear()
            raise

    # For who consumes

    def pop(self):
        """The next results, a list; none where they have not come. Raises what is to be raised."""
        if self.ordered:
            found = self.ended.pop(self.n_consumed, None)
            index = self.n_consumed
        elif self.ended:
            index = next(iter(self.ended))
            found = self.ended.pop(index)
        else:
            found = None
        is_failure = type(found) is jobs.Failure
        if found is not None:
            self.n_consumed += 1 if is_failure else len(found)
        if self.printed:
            self.show_until(self.n_consumed)
        if not is_failure:
            return found
        error = found.to_exception(index, self.name)
        if not self.return_exceptions:
            raise error
        return [error]

    def is_over(self):
        return self.source.is_over and self.n_consumed == self.source.n_read

    def check(self):
        """Raises where it makes no sense to go on."""
        if self.crew.broken is not None:
            raise self.crew.broken.to_exception(None, "initializer")

    def is_ours(self):
        """Whether it was begun in this thread."""
        return self.thread == threading.get_ident()

    def open(self):
        self.thread = threading.get_ident()
        self.crew = self.make_crew(name=self.name, supply=self.supply, function=self.function)
        self.crew.show = self.show if printed.is_open() else None

    def run(self):
        self.open()
        try:
            while not self.is_over():
                self.crew.feed()
                self.check()
                is_waiting = True
                while (results := self.pop()) is not None:
                    is_waiting = False
                    yield from kinds.hand_out(results)
                    self.crew.look()
                if is_waiting and not self.is_over():
                    self.crew.step(math.inf)
            self.crew.stop()
            self.finish()
        finally:
            try:
                self.close()
            finally:  # also where a signal's handler has raised before it had begun
                self.crew.close()

    async def run_async(self):
        self.open()
        try:
            while not self.is_over():
                self.crew.feed()
                self.check()
                is_waiting = True
                while (results := self.pop()) is not None:
                    is_waiting = False
                    n, pop = kinds.to_pop(results)
                    for _ in range(n):
                        yield pop()
                    self.crew.look()
                if is_waiting and not self.is_over():
                    await self.crew.step_async()
            await self.crew.stop_async()
            self.finish()
        finally:
            try:
                self.close()
            finally:  # also where a signal's handler has raised before it had begun
                self.crew.close()

    def close(self):
        self.crew.close()
        self.show_until(math.inf)

    def finish(self):
        if self.report is not None:
            finish_report(self.report)
        if self.source.error is not None:
            raise self.source.error


def make(
    fn,
    *iterables,
    max_children=None,
    calls_per_child=0,
    ordered=True,
    return_exceptions=False,
    timeout=None,
    retries=0,
    retry_on=None,
    initializer=None,
    progress=None,
    strict=False,
    debug=False,
    launcher=None,
):
    """A mapping of these options, all of which are looked at. They stand here once for all."""
    calls.check_target(fn, "fn")
    if not iterables:
        raise TypeError("map() takes at least one iterable")
    if initializer is not None:
        calls.check_target(initializer, "initializer")
    is_local = local.is_asked(to_bool(debug, "debug"))
    launcher = to_launcher(launcher, "launcher")
    make_crew = local.Crew
    if not is_local:
        make_crew, launcher = places.choose(launcher, fn, initializer)
    return Mapping(
        fn,
        Source(iterables, to_bool(strict, "strict")),
        ordered=to_bool(ordered, "ordered"),
        return_exceptions=to_bool(return_exceptions, "return_exceptions"),
        timeout=to_timeout(timeout),
        retries=Retries(retries, retry_on),
        report=make_report(progress),
        make_crew=functools.partial(
            make_crew,
            get_size(max_children, launcher),
            initializer=initializer,
            calls_per_child=to_count(calls_per_child, "calls_per_child"),
        ),
    )


def get_size(max_children, launcher):
    n = 0 if max_children is None else to_count(max_children, "max_children")
    return n or places.get_size(launcher)


def check_options(function, options):
    names = make.__kwdefaults__
    for name in options:
        if name not in names:
            raise TypeError(f"{function}() has no option {name}{suggest(name, names)}")


generators = []  # of `map()`, as weak references, without code of Python where one is dropped


@atexit.register
def close_all():
    """While there still is what that takes. Those of threads that nobody waits for may go on."""
    for generator, mapping in [(each(), mapping()) for each, mapping in generators]:
        if generator is not None and mapping is not None and mapping.is_ours():
            generator.close()


def remember(generator, mapping):
    generators[:] = [pair for pair in generators if pair[0]() is not None]
    generators.append((weakref.ref(generator), weakref.ref(mapping)))
    return generator


def named(generator, name, fn):
    """Such that its `repr()` says what it is."""
    generator.__qualname__ = f"Pcall.{name}({calls.get_name(fn)})"
    return generator


def map(fn, *iterables, **options):
    """As the builtin `map()`, in parallel: the fast way for many calls.

        for thumbnail in Pcall.map(shrink, paths):
            …

    >>> [*Pcall.map(divmod, [7, 8], [2, 3])]
    [(3, 1), (2, 2)]

    fn: what to call with one value of each iterable; anything that can be called
    iterables: any, endless ones, too; they are read as results are consumed, some jobs ahead
    max_children: how many child processes there are at most; by default, as usable processors
    calls_per_child: after how many calls a child is replaced by a fresh one; 0 for never
    ordered: whether results come in the order of the calls, or as they end
    return_exceptions: whether exceptions come in the place of results, in place of being raised
    timeout: how long each single call may run, in seconds, about; `None` and 0 for no limit
    retries: how often a call is run again that raised, died or took too long
    retry_on: a class of exceptions or a tuple of them, after which alone it is: what the call would
    raise here, as `Pcall.Crashed` or `Pcall.TimedOut`, or what it raised there, as `OSError`
    initializer: what each child calls first, without arguments
    progress: called with the number of calls that have ended and that of all, or None where that
    is not known; `True` draws a bar on standard error where that is a terminal
    strict: whether iterables of different lengths are a ValueError, as with `zip()`
    debug: whether calls are run in this process, one after the other, for a debugger
    launcher: a `Pcall.Launcher`, on whose machines calls run: by itself as many at once as it has
    workers. What is called, with what, and the initializer go there as of `Pcall.Spawned`

    Returns a generator. What a call raises is raised as by `Pcall.Pcall.join()`: a
    `ChildProcessException` from the original exception, with the child's traceback, and with the
    index of the call; for a child that died a `BrokenChild`, for a call that took too long a
    `TimedOut`. It costs no other call its result, but raising ends the iteration. Closing the
    generator, dropping it, or an exception in it ends all children.

    Children run one call after the other, and see what those before have left. Values are pickled;
    those that cannot be, fresh children inherit, which is slower. What a call prints comes whole,
    just before its result.
    """
    check_options("map", options)
    mapping = make(fn, *iterables, **options)
    return remember(named(mapping.run(), "map", fn), mapping)


def amap(fn, *iterables, **options):
    """As `map()`, for `async for`: on asyncio's loop, or on GLib's.

        async for thumbnail in Pcall.amap(shrink, paths):
            …

    Returns an asynchronous generator. Who leaves it before its end ends its children at once with
    `await generator.aclose()`, or by `contextlib.aclosing()`; else the loop does it later.
    """
    check_options("amap", options)
    return named(make(fn, *iterables, **options).run_async(), "amap", fn)


map.__wrapped__ = amap.__wrapped__ = make  # whose signature they have
