#!/usr/bin/python3
# SPDX-FileCopyrightText: 2026 The pcall authors
# SPDX-License-Identifier: LGPL-2.1-or-later

"""How calls can end, as endings.py tells it, with multiprocessing."""

import multiprocessing
import os
import signal
import time


def end(how):
    if how == "error":
        raise FileNotFoundError("there is no such thing")
    if how == "crash":
        os.kill(os.getpid(), signal.SIGKILL)
    if how == "hang":
        signal.pause()
    return how


WAYS = ("well", "error", "crash", "hang")


def answer(index, how, connection):
    try:
        connection.send(("succeeded", end(how)))
    except Exception as error:
        connection.send(("failed", f"call {index} (end): {type(error).__name__}: {error}"))


if __name__ == "__main__":
    running = []
    for index, how in enumerate(WAYS):
        ours, theirs = multiprocessing.Pipe(duplex=False)
        process = multiprocessing.Process(target=answer, args=(index, how, theirs))
        process.start()
        theirs.close()
        running.append((process, ours))
    until = time.monotonic() + 2
    ends = []
    for process, ours in running:
        process.join(max(0, until - time.monotonic()))
        if process.exitcode is None:
            process.kill()
            process.join()
            ends.append(("timed-out", "timed out"))
        elif process.exitcode < 0:
            ends.append(("crashed", f"killed by signal {-process.exitcode}"))
        else:
            ends.append(ours.recv())
    print(next(text for state, text in ends if state != "succeeded"))
    for how, (state, _) in zip(WAYS, ends):
        print(f"{how}: {state}")
