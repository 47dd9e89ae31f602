#!/usr/bin/env python3
# SPDX-FileCopyrightText: 2026 The pcall authors
# SPDX-License-Identifier: LGPL-2.1-or-later

"""Whether who installs below PREFIX can make, or has made, a symbolic link LINK.

usage: can-link.py LINK PREFIX
"""

import os
import sys


def main(link, prefix):
    directory = os.path.dirname(link)

    if os.path.lexists(link) and not os.path.islink(link):
        return False  # a package's own typelib
    if not os.path.isdir(directory) or os.statvfs(directory).f_flag & os.ST_RDONLY:
        return False
    # Who may not write below the prefix becomes root to install.
    return os.access(directory, os.W_OK) or not os.access(prefix, os.W_OK)


if __name__ == "__main__":
    sys.exit(0 if main(*sys.argv[1:]) else 1)
