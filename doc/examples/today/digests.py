#!/usr/bin/python3
# SPDX-FileCopyrightText: 2026 The pcall authors
# SPDX-License-Identifier: LGPL-2.1-or-later

"""SHA-256 of files, as digests.py has it, with concurrent.futures."""

import concurrent.futures
import hashlib
import sys


def digest(path):
    with open(path, "rb") as file:
        return hashlib.sha256(file.read()).hexdigest()



if __name__ == "__main__":
    status = 0
    paths = sys.argv[1:]
    with concurrent.futures.ProcessPoolExecutor() as executor:
        futures = [executor.submit(digest, path) for path in paths]
        for path, future in zip(paths, futures):
            try:
                print(f"{future.result()}  {path}")
            except OSError as error:
                print(f"digests: {path}: {error.strerror}", file=sys.stderr)
                status = 1
    sys.exit(status)
