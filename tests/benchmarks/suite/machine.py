# SPDX-FileCopyrightText: 2026 The pcall authors
# SPDX-License-Identifier: LGPL-2.1-or-later

"""What the numbers were measured on, as the system tells it: nothing that names the machine."""

import datetime
import os
import platform
import re

from .programs import Missing

BUSY = 1.0  # more load than this, before anything is measured, is that of others


def read_field(path, name):
    """The value of the first line `name : value` or `name="value"` of a file."""
    try:
        with open(path, encoding="utf-8") as file:
            for line in file:
                match = re.match(rf"{name}\s*[:=]\s*(.*)", line)
                if match:
                    return match[1].strip().strip('"')
    except OSError:
        pass
    return "unknown"


def get_processor():
    return f"{read_field('/proc/cpuinfo', 'model name')}, {len(os.sched_getaffinity(0))} processors"


def get_memory():
    words = read_field("/proc/meminfo", "MemTotal").split()
    return f"{int(words[0]) / (1 << 20):.0f} GiB" if words[0].isdigit() else "unknown"


def get_available_memory():
    """In bytes"""
    words = read_field("/proc/meminfo", "MemAvailable").split()
    return int(words[0]) * 1024 if words[0].isdigit() else 0


def get_kernel():
    """Its version without what a distribution or a host calls it."""
    return f"Linux {platform.release().split('-')[0]}"


def ask_versions(programs):
    versions = {}
    for name in ("C", "python", "peers", "perl", "gjs"):
        try:
            versions.update(programs.ask(name, "", "about", {}))
        except Missing:
            continue
    programs.close()
    versions.pop("seconds", None)
    return versions


def describe(programs):
    """Pairs of a label and a value."""
    return [
        ("Date", datetime.date.today().isoformat()),
        ("Processor", get_processor()),
        ("Memory", get_memory()),
        ("System", read_field("/etc/os-release", "PRETTY_NAME")),
        ("Kernel", get_kernel()),
        *ask_versions(programs).items(),
    ]
