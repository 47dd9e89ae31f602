# SPDX-FileCopyrightText: 2026 The pcall authors
# SPDX-License-Identifier: LGPL-2.1-or-later

"""Which calls are run again that did not succeed, and how often."""

import collections

from . import errors
from .options import to_count


def to_kinds(value, name):
    """Classes of exceptions, as `except` takes them."""
    if value is None:
        return None
    kinds = value if isinstance(value, tuple) else (value,)
    for kind in kinds:
        if not (isinstance(kind, type) and issubclass(kind, BaseException)):
            raise TypeError(
                f"{name} must be a class of exceptions or a tuple of them, as `except` takes, "
                f"not {kind!r}"
            )
    return kinds


class Retries:
    """What a `map()` knows of them.

    retries: how often each call is run again
    retry_on: after what: classes of which its exception is, or what it raised itself; any, if None
    """

    def __init__(self, retries, retry_on):
        self.most = to_count(retries, "retries")
        self.kinds = to_kinds(retry_on, "retry_on")
        if self.kinds is not None and not self.most:
            raise ValueError("retry_on: there are no retries; say how many with retries=")
        self.counts = collections.Counter()  # by the index of the call

    def take(self, index, failure, name):
        """Whether the call is to be run again; that counts then."""
        if self.counts[index] >= self.most or not self.is_meant(index, failure, name):
            return False
        self.counts[index] += 1
        return True

    def is_meant(self, index, failure, name):
        if self.kinds is None:
            return True
        error = failure.to_exception(index, name)
        raised = None if issubclass(type(error), SILENT) else error.__cause__
        return isinstance(error, self.kinds) or isinstance(raised, self.kinds)


SILENT = (errors.Crashed, errors.TimedOut)  # nothing was raised by the call itself
