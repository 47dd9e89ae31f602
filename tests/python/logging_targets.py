# SPDX-FileCopyrightText: 2026 The pcall authors
# SPDX-License-Identifier: LGPL-2.1-or-later

"""Functions that log, for fresh processes too."""

import logging
import sys
import threading
import warnings

logger = logging.getLogger("test.of.logging")


class Odd(UserWarning):
    """A warning of a class that is nowhere else."""


class Unpicklable:
    def __reduce__(self):
        raise RuntimeError("not this one")

    def __repr__(self):
        return "<odd>"


class Bad:
    def __str__(self):
        raise LookupError("no text")


def log_all(n):
    """Records of all kinds."""
    logger.debug("debug %d", n)
    logger.info("info %s", n, extra={"color": "red", "odd": Unpicklable()})
    logging.getLogger("test").warning("warning of %(n)d", {"n": n}, stack_info=True)
    logging.warning("of the root")
    try:
        raise KeyError(n)
    except KeyError:
        logger.exception("failed")
    logger.log(35, "between")
    logger.critical("critical")
    return n


def log_one(n):
    logger.warning("only %d", n)
    return n


def log_unless_1(n):
    if n != 1:
        logger.warning("from %d", n)
    return n


def log_badly():
    logger.warning("%d", "no number")
    logger.warning(Bad())
    logger.warning("good")


def log_in_a_thread():
    thread = threading.Thread(target=logger.warning, args=("from a thread",), name="helper")
    thread.start()
    thread.join()


def add_handler():
    """A call's own handler, and what it got."""
    got = []

    class Handler(logging.Handler):
        def emit(self, record):
            got.append(record.getMessage())

    handler = Handler()
    logger.addHandler(handler)
    logger.warning("to both")
    logger.removeHandler(handler)
    return got


def warn(n):
    warnings.warn("careful")
    warnings.warn("odd", Odd)
    warnings.warn_explicit("elsewhere", DeprecationWarning, "file.py", 7)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        warnings.warn("caught in the call")
    assert [str(warning.message) for warning in caught] == ["caught in the call"]
    return n


def print_warning():
    print(sys.modules["warnings"].formatwarning("x", UserWarning, "f", 1), file=sys.stderr)
