# SPDX-FileCopyrightText: 2026 The pcall authors
# SPDX-License-Identifier: LGPL-2.1-or-later

"""Which library this is for. What an older one has not would be missed in the middle of a call."""

import gi
from gi.repository import Pcall

NEEDED = (1, 0, 0)


def say(version):
    return ".".join(map(str, version))


def check():
    found = (Pcall.MAJOR_VERSION, Pcall.MINOR_VERSION, Pcall.MICRO_VERSION)
    if found < NEEDED:
        path = gi.Repository.get_default().get_typelib_path("Pcall")
        raise ImportError(
            f"pcall for Python needs version {say(NEEDED)} of the library or newer, "
            f"and {path} is of version {say(found)}"
        )
