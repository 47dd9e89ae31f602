# SPDX-FileCopyrightText: 2026 The pcall authors
# SPDX-License-Identifier: LGPL-2.1-or-later

"""What calls log with `logging`, and what they warn of, as records of their parent's.

A handler that a child has inherited is the parent's business: it may write to a file, hold a
connection, or collect what a test looks at. So a child does not call it. It puts the record into
the log of the call, in its place among all that the call writes, as `QueueHandler` would carry it:
with level, name, what `extra` gave, and the text of the exception. In the parent it is handled by
the handlers of the logger of that name. Levels and filters of loggers are those of the child, and
handlers that a call adds are its own.

A warning that is shown in the child is shown by `warnings.showwarning()` of the parent.

What `logging` and `warnings` call is changed for good, and in the parent: each child would have to
copy the pages that this is on.
"""

import collections
import logging
import os
import pickle
import threading
import traceback
import warnings

from gi.module import get_introspection_module
from gi.repository import GLib

from . import errors

Pcall = get_introspection_module("Pcall")

LEVEL = GLib.LogLevelFlags
# From which level of `logging` on, GLib's
LEVELS = (
    (logging.ERROR, LEVEL.LEVEL_CRITICAL),
    (logging.WARNING, LEVEL.LEVEL_WARNING),
    (logging.INFO, LEVEL.LEVEL_INFO),
)
NAME = "pcall"  # of the logger for what the library says
RECORD, WARNING = "record", "warning"

OWNER = "_pcall_owner"  # of a handler: the process that made it

call_handlers = logging.Logger.callHandlers
make_handler = logging.Handler.__init__
show_warning = warnings._showwarnmsg
formatter = logging.Formatter()
getpid = os.getpid

home = 0  # the process that has imported this
begun = 0  # the process, where that is a child
is_importing = False  # in a fresh process
relays = {}  # by process, where that has not captured its log: what takes a record as write() does
shown = (warnings.showwarning, getattr(warnings, "_showwarnmsg_impl", None))  # at the last fork
before = (0, None)  # a child that has forked itself, and that at the fork that it came of


# In a child


def write(level, message, data):
    """Into the log of the call; False where nothing is captured."""
    return Pcall.log_record(level, errors.clean(message), GLib.Bytes.new(data))


def relay(level, message, data):
    return relays.get(getpid(), write)(level, message, data)


def relay_with(function):
    relays[getpid()] = function


def before_fork():
    """Nothing that is as it was is written, or counted anew: a page that is would be copied."""
    global before, shown

    show, by_default = warnings.showwarning, getattr(warnings, "_showwarnmsg_impl", None)
    if show is not shown[0] or by_default is not shown[1]:
        if begun == getpid() != before[0]:
            before = begun, shown
        shown = show, by_default


class Parents(logging.Handler):
    """Stands for what the parent's root logger has. Called where nothing takes a record, it does
    what is done without any handler."""

    def handle(self, record):
        if record.levelno >= logging.lastResort.level:
            logging.lastResort.handle(record)


def begin_worker():
    """In a fresh process, whose root logger is no less set up than its parent's."""
    global begun

    with Importing():
        logging.root.addHandler(Parents())
    begun = getpid()


class Importing:
    """While a fresh process imports its parent's program: handlers that are made meanwhile are
    those that the parent has, too."""

    def __enter__(self):
        global is_importing

        is_importing = True

    def __exit__(self, *exception):
        global is_importing

        is_importing = False


def make_and_mark(handler, *args, **kwargs):
    """In place of `Handler.__init__()`."""
    make_handler(handler, *args, **kwargs)
    handler.__dict__[OWNER] = 0 if is_importing else getpid()


def is_inherited(handler):
    return getattr(handler, OWNER, home) != getpid()


def find_handlers(logger):
    """As `Logger.callHandlers()` does."""
    while logger:
        yield from logger.handlers
        logger = logger.parent if logger.propagate else None


def handle_or_relay(logger, record):
    """In place of `Logger.callHandlers()`."""
    if begun == getpid():
        relay_record(logger, record)
    else:
        call_handlers(logger, record)


def relay_record(logger, record):
    handlers = [*find_handlers(logger)]
    taking = [handler for handler in handlers if record.levelno >= handler.level]
    own = [handler for handler in taking if not is_inherited(handler)]
    if (not handlers or len(own) < len(taking)) and not try_relay(record):
        call_handlers(logger, record)
        return
    for handler in own:
        handler.handle(record)


def try_relay(record):
    """False where nothing takes it. A record that cannot be made is an error of logging's own."""
    try:
        parts = to_parts(record)
        return relay(to_level(record.levelno), parts["msg"], dump_parts(parts))
    except Exception:  # as many as there are __str__
        logging.Handler.handleError(None, record)
        return True


def to_level(number):
    return next((level for least, level in LEVELS if number >= least), LEVEL.LEVEL_DEBUG)


def to_parts(record):
    """What is in the record, without what only this process has."""
    parts = {**record.__dict__, "msg": record.getMessage(), "args": None, "exc_info": None}
    if record.exc_info and not record.exc_text:
        parts["exc_text"] = formatter.formatException(record.exc_info)
    parts.pop("message", None)
    return parts


def dump_parts(parts):
    """Text stands in for what cannot be pickled."""
    try:
        return pickle.dumps((RECORD, parts))
    except Exception:  # as many as there are __reduce__
        return pickle.dumps((RECORD, {key: to_known(value) for key, value in parts.items()}))


def to_known(value):
    try:
        pickle.dumps(value)
        return value
    except Exception:
        return repr(value)


def show_or_relay(warning):
    """In place of what `warnings` calls to show a warning: a `warnings.WarningMessage`."""
    if begun != getpid() or not is_for_parent(warning) or not relay_warning(warning):
        show_warning(warning)


def is_for_parent(warning):
    """Unless the call has set itself how warnings are shown, or they become records."""
    show, by_default = before[1] if before[0] == begun else shown
    return (
        warning.file is None
        and warnings.showwarning is show is not logging._showwarning
        and getattr(warnings, "_showwarnmsg_impl", None) is by_default
    )


def relay_warning(warning):
    category = warning.category
    text = f"{warning.filename}:{warning.lineno}: {category.__name__}: {warning.message}"
    place = warning.filename, warning.lineno, warning.line
    return relay(LEVEL.LEVEL_WARNING, text, dump_warning(warning.message, category, *place))


def dump_warning(message, category, *place):
    """Of a class that cannot be pickled, what it is derived from stands in for it."""
    try:
        return pickle.dumps((WARNING, (message, category, *place)))
    except Exception:  # as many as there are __reduce__
        known = next(kind for kind in category.__mro__ if kind.__module__ == "builtins")
        return pickle.dumps((WARNING, (str(message), known, *place)))


# In the parent


def get_levels():
    """Of the loggers that have one, by their names."""
    loggers = [logging.root, *list(logging.root.manager.loggerDict.values())]
    named = [logger for logger in loggers if isinstance(logger, logging.Logger)]
    return {logger.name: logger.level for logger in named if logger.level}


def set_levels(levels):
    """In a fresh process, as its parent's were."""
    for name, level in levels.items():
        logging.getLogger(name).setLevel(level)


def handle(index, level, message, data, *user_data):
    """What a call has logged, or the library says of it."""
    handle_data(index, level, message, None if data is None else data.get_data())


def handle_data(index, level, message, data):
    """What `relay()` was given; `index` is that of the call, where it is known."""
    try:
        parts = load(data)
        if parts is None:
            say(index, level, message)
        elif parts[0] == WARNING:
            *parts, line = parts[1]
            show_or_relay(warnings.WarningMessage(*parts, None, line))
        else:
            handle_record(index, parts[1])
    except Exception:  # as many as there are handlers
        if logging.raiseExceptions:
            traceback.print_exc()


def load(data):
    try:
        return None if data is None else pickle.loads(data)
    except Exception:  # of a class that is not known here
        return None


PATIENCE = 1  # seconds, which no handler holds its lock for by itself


class Late:
    """Records for handlers that another thread holds. It may wait for the very task whose records
    they are, which goes on: a thread gives them, in their order, when the handlers are free."""

    def __init__(self):
        self.lock = threading.Lock()
        self.records = collections.deque()
        self.thread = None

    def take(self, give, logger, record):
        """Whether the record will be given later."""
        if self.thread is None and all(map(is_free, find_handlers(logger))):
            return False
        with self.lock:
            self.records.append((give, record))
            if self.thread is None:
                self.thread = threading.Thread(target=self.run, name="pcall-logging")
                self.thread.start()
        return True

    def run(self):
        while True:
            with self.lock:
                if not self.records:
                    self.thread = None
                    return
                give, record = self.records.popleft()
            try_give(give, record)


def is_free(handler):
    if handler.lock is None:
        return True
    free = handler.lock.acquire(timeout=PATIENCE)
    if free:
        handler.lock.release()
    return free


def try_give(give, record):
    try:
        give(record)
    except Exception:  # as many as there are handlers
        if logging.raiseExceptions:
            traceback.print_exc()


lates = {}  # by process: a fork has no thread, and a lock that may be held


def give_in_time(give, logger, record):
    if not lates.setdefault(getpid(), Late()).take(give, logger, record):
        give(record)


def handle_record(index, parts):
    record = logging.makeLogRecord(parts)
    record.pcall_call = index
    logger = logging.getLogger(record.name)
    give_in_time(logger.callHandlers, logger, record)


def from_level(level):
    return next((least for least, flag in LEVELS if level & flag), logging.DEBUG)


def say(index, level, message):
    logger = logging.getLogger(NAME)
    number = from_level(level)
    if logger.isEnabledFor(number):
        extra = {"pcall_call": index}
        place = NAME, number, __file__, 0
        record = logger.makeRecord(*place, message, None, None, extra=extra)
        give_in_time(logger.handle, logger, record)


def set_up():
    global home

    home = getpid()
    Pcall.set_record_func(handle)
    logging.Handler.__init__ = make_and_mark
    logging.Logger.callHandlers = handle_or_relay
    warnings._showwarnmsg = show_or_relay
