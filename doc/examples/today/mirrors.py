#!/usr/bin/python3
# SPDX-FileCopyrightText: 2026 The pcall authors
# SPDX-License-Identifier: LGPL-2.1-or-later

"""Who answers first wins, as in mirrors.py, with multiprocessing."""

import multiprocessing
import threading


def ask(mirror):
    if mirror != "east":
        threading.Event().wait()  # an answer that never comes
    return mirror


MIRRORS = ("north", "east", "south", "west")


def answer(mirror, queue):
    queue.put(ask(mirror))


if __name__ == "__main__":
    queue = multiprocessing.Queue()
    processes = [multiprocessing.Process(target=answer, args=(m, queue)) for m in MIRRORS]
    for process in processes:
        process.start()
    print(queue.get())
    for process in processes:
        process.terminate()
        process.join()
