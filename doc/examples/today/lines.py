#!/usr/bin/python3
# SPDX-FileCopyrightText: 2026 The pcall authors
# SPDX-License-Identifier: LGPL-2.1-or-later

"""Lines and words of files, as lines.py has them, with concurrent.futures."""

import concurrent.futures
import sys


def count(path):
    with open(path, "rb") as file:
        text = file.read()
    return text.count(b"\n"), len(text.split())



if __name__ == "__main__":
    status = 0
    paths = sys.argv[1:]
    with concurrent.futures.ProcessPoolExecutor() as executor:
        futures = [executor.submit(count, path) for path in paths]
        for path, future in zip(paths, futures):
            try:
                print(*future.result(), path)
            except OSError as error:
                print(f"lines: {path}: {error.strerror}", file=sys.stderr)
                status = 1
    sys.exit(status)
