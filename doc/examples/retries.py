#!/usr/bin/python3
# SPDX-FileCopyrightText: 2026 The pcall authors
# SPDX-License-Identifier: LGPL-2.1-or-later

"""What fails is tried again, up to three times: hosts that do not answer at once."""

import itertools
import os
import tempfile

import gi

gi.require_version("Pcall", "1.0")

from gi.repository import Pcall  # noqa: E402


def connect(host, directory):
    """Succeeds at the third attempt."""
    with open(os.path.join(directory, host), "a+") as attempts:
        attempts.write(".")
        attempts.seek(0)
        if len(attempts.read()) < 3:
            raise ConnectionRefusedError(host)
    return f"{host} is there"


HOSTS = ("alpha", "beta", "gamma")
with tempfile.TemporaryDirectory() as directory:
    print(*Pcall.map(connect, HOSTS, itertools.repeat(directory), retries=2), sep="\n")
