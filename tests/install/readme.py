# SPDX-FileCopyrightText: 2026 The pcall authors
# SPDX-License-Identifier: LGPL-2.1-or-later

"""The commands of README.md: what stands below a heading, indented by four blanks."""

import re


def read_blocks(path, heading):
    """The indented blocks of a section, each a list of lines."""
    with open(path, encoding="utf-8") as file:
        section = re.search(rf"^## {heading}\n(.*?)(?=^## |\Z)", file.read(), re.M | re.S)[1]
    blocks = re.findall(r"(?:^    .*\n)+", section, re.M)
    return [[line[4:] for line in block.splitlines()] for block in blocks]
