#!/usr/bin/python3
# SPDX-FileCopyrightText: 2026 The pcall authors
# SPDX-License-Identifier: LGPL-2.1-or-later

"""What fails is tried again, as in retries.py, with concurrent.futures."""

import concurrent.futures
import os
import tempfile


def connect(host, directory):
    """Succeeds at the third attempt."""
    with open(os.path.join(directory, host), "a+") as attempts:
        attempts.write(".")
        attempts.seek(0)
        if len(attempts.read()) < 3:
            raise ConnectionRefusedError(host)
    return f"{host} is there"


HOSTS = ("alpha", "beta", "gamma")


def try_again(executor, host, directory, retries):
    future = executor.submit(connect, host, directory)
    while True:
        try:
            return future.result()
        except ConnectionRefusedError:
            if retries == 0:
                raise
            retries -= 1
            future = executor.submit(connect, host, directory)


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as directory:
        with concurrent.futures.ProcessPoolExecutor() as executor:
            for host in HOSTS:
                print(try_again(executor, host, directory, 2))
