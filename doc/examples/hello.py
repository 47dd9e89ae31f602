#!/usr/bin/python3
# SPDX-FileCopyrightText: 2026 The pcall authors
# SPDX-License-Identifier: LGPL-2.1-or-later

"""The smallest use of pcall. README.md shows what stands between the two marks."""

# README: begin
import gi

gi.require_version("Pcall", "1.0")

from gi.repository import Pcall


def square(n):
    return n * n


print(Pcall.pcall(square, n=(2, 3, 4)))
# README: end
