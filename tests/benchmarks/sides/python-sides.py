#!/usr/bin/python3
# SPDX-FileCopyrightText: 2026 The pcall authors
# SPDX-License-Identifier: LGPL-2.1-or-later

"""pcall's sides in Python, and the bare ones beside them: os.fork, os.pipe, os.read, os.waitpid.

The sides of `peers` run here too where they are asked for, so that both can fork from the same
process. Their packages are not loaded before: a process that has multiprocessing has more to fork.
"""

import os
import pickle

import gi

gi.require_version("Pcall", "1.0")

from gi.repository import Pcall  # noqa: E402

from serving import serve, timed  # noqa: E402
from work import (  # noqa: E402
    AT_A_TIME,
    Crowd,
    burn,
    double,
    doubles,
    get_large,
    parse_durations,
    run_all_at_once,
    run_two_at_a_time,
    time_large,
    time_tiny,
)


def run(function, values, max_children=AT_A_TIME, calls_per_child=1):
    task = Pcall.Pcall(function, n=values)
    task.task.set_max_children(max_children)
    task.task.set_calls_per_child(calls_per_child)
    task.start()
    task.join()
    return task.results


def double_named(n):
    return double(n)


def measure_calls(n):
    return timed(run, doubles(n), double_named, range(n))


def measure_many(n):
    return timed(run, doubles(n), double_named, range(n), AT_A_TIME, 0)


def map_all(function, values):
    return list(Pcall.map(function, values, max_children=AT_A_TIME))


def map_in_executor(function, values):
    with Pcall.Executor(AT_A_TIME) as executor:
        return list(executor.map(function, values))


def measure_work(durations):
    durations = parse_durations(durations)
    return timed(run, durations, lambda n: burn(n), durations, AT_A_TIME, 0)


def measure_crowd(n):
    crowd = Crowd(n)
    try:
        return timed(run, doubles(n), lambda n: crowd.join(n), range(n), 0)
    finally:
        crowd.close()


def result_pcall(kind, size):
    return Pcall.pcall(get_large, cargs=(kind, size))[0]


def start_bare(function, n):
    read_fd, write_fd = os.pipe()
    pid = os.fork()
    if pid == 0:
        os.write(write_fd, pickle.dumps(function(n), 5))
        os._exit(0)
    os.close(write_fd)
    return read_fd, pid


def finish_bare(child):
    read_fd, pid = child
    data = os.read(read_fd, 65536)
    os.close(read_fd)
    os.waitpid(pid, 0)
    return pickle.loads(data)


def run_bare(n_calls):
    return run_two_at_a_time(lambda n: start_bare(double, n), finish_bare, n_calls)


def measure_bare_crowd(n):
    crowd = Crowd(n)
    try:
        return timed(
            run_all_at_once,
            doubles(n),
            lambda number: start_bare(crowd.join, number),
            finish_bare,
            n,
        )
    finally:
        crowd.close()


def ask_peer(name):
    def measure(**parameters):
        import peers

        return peers.SIDES[name](**parameters)

    return measure


serve(
    {
        "about": lambda: {"PyGObject": gi.__version__},
        "calls/pcall": measure_calls,
        "calls/bare": lambda n: timed(run_bare, doubles(n), n),
        "calls/process": ask_peer("calls/process"),
        "calls/pool": ask_peer("calls/pool"),
        "many/pcall": measure_many,
        "many/map": lambda n: timed(map_all, doubles(n), double, range(n)),
        "many/own-executor": lambda n: timed(map_in_executor, doubles(n), double, range(n)),
        "tiny/map": lambda kind, n: time_tiny(kind, n, map_all),
        "tiny/own-executor": lambda kind, n: time_tiny(kind, n, map_in_executor),
        "work/pcall": measure_work,
        "crowd/pcall": measure_crowd,
        "crowd/bare": measure_bare_crowd,
        "result/pcall": lambda kind, size: time_large(kind, size, result_pcall),
    }
)
