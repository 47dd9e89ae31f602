# SPDX-FileCopyrightText: 2026 The pcall authors
# SPDX-License-Identifier: LGPL-2.1-or-later

"""The sides of Python's own pools, and of pebble, joblib and GNU parallel.

Making the processes and ending them counts, as it does on pcall's side. They are made by fork,
which is the fastest start that each of them has.
"""

import concurrent.futures
import multiprocessing
import platform
import shutil
import subprocess

from serving import serve, timed
from work import (
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

FORK = multiprocessing.get_context("fork")


def new_executor(n_workers=AT_A_TIME):
    return concurrent.futures.ProcessPoolExecutor(n_workers, mp_context=FORK)


# One call, one process: how pools and processes are told so


def answer(connection, function, *arguments):
    connection.send(function(*arguments))


def start_process(function, *arguments):
    ours, theirs = FORK.Pipe(duplex=False)
    process = FORK.Process(target=answer, args=(theirs, function, *arguments))
    process.start()
    theirs.close()
    return ours, process


def finish_process(child):
    ours, process = child
    result = ours.recv()
    ours.close()
    process.join()
    process.close()
    return result


def run_processes(n_calls):
    return run_two_at_a_time(lambda n: start_process(double, n), finish_process, n_calls)


def run_pool_once(n_calls):
    with FORK.Pool(AT_A_TIME, maxtasksperchild=1) as pool:
        return pool.map(double, range(n_calls), chunksize=1)


def run_pebble_once(n_calls):
    import pebble

    with pebble.ProcessPool(AT_A_TIME, max_tasks=1, context=FORK) as pool:
        return list(pool.map(double, range(n_calls), chunksize=1).result())


def run_gnu_parallel(n_calls):
    """Its jobs are programs: `true`, with the number as its argument."""
    if shutil.which("parallel") is None:
        raise ImportError(name="gnu-parallel")
    numbers = "".join(f"{n}\n" for n in range(n_calls))
    subprocess.run(
        ["parallel", "--will-cite", "-j", str(AT_A_TIME), "true"],
        input=numbers,
        text=True,
        check=True,
    )
    return doubles(n_calls)


# Many calls in each process; map(run, function, values, chunk) in four dialects


def map_pool(function, values, chunk):
    with FORK.Pool(AT_A_TIME) as pool:
        return pool.map(function, values, chunksize=chunk)


def map_executor(function, values, chunk):
    with new_executor() as pool:
        return list(pool.map(function, values, chunksize=chunk))


def map_pebble(function, values, chunk):
    import pebble

    with pebble.ProcessPool(AT_A_TIME, context=FORK) as pool:
        return list(pool.map(function, values, chunksize=chunk).result())


def map_joblib(function, values, chunk):
    """With its backend of forked processes: its other one starts for a third of a second."""
    import joblib

    run = joblib.Parallel(AT_A_TIME, backend="multiprocessing", batch_size=chunk)
    return run(map(joblib.delayed(function), values))


MAPS = {
    "pool": map_pool,
    "executor": map_executor,
    "pebble": map_pebble,
    "joblib": map_joblib,
}


def warm_up(run_map):
    """Importing a package is not what is measured."""
    run_map(double, range(2), 1)


def measure_many(run_map, n, chunk):
    warm_up(run_map)
    return timed(run_map, doubles(n), double, range(n), chunk)


def measure_work(run_map, durations, chunk=1):
    warm_up(run_map)
    durations = parse_durations(durations)
    return timed(run_map, durations, burn, durations, chunk)


# One large result


def result_executor(kind, size):
    with new_executor(1) as pool:
        return pool.submit(get_large, kind, size).result()


def result_process(kind, size):
    return finish_process(start_process(get_large, kind, size))


def measure_crowd(n):
    crowd = Crowd(n)
    try:
        return timed(
            run_all_at_once,
            doubles(n),
            lambda number: start_process(crowd.join, number),
            finish_process,
            n,
        )
    finally:
        crowd.close()


def find_version(package):
    try:
        return __import__(package).__version__
    except ImportError:
        return None


def find_pebble():
    """It does not tell its version in the module."""
    import importlib.metadata

    try:
        return importlib.metadata.version("pebble")
    except importlib.metadata.PackageNotFoundError:
        return None


def find_gnu_parallel():
    if shutil.which("parallel") is None:
        return None
    lines = subprocess.run(["parallel", "--version"], capture_output=True, text=True).stdout
    return lines.split()[2] if lines.startswith("GNU parallel") else None


def about():
    versions = {
        "Python": platform.python_version(),
        "NumPy": find_version("numpy"),
        "joblib": find_version("joblib"),
        "pebble": find_pebble(),
        "GNU parallel": find_gnu_parallel(),
    }
    return {name: version for name, version in versions.items() if version}


SIDES = {
    "about": about,
    "calls/process": lambda n: timed(run_processes, doubles(n), n),
    "calls/pool": lambda n: timed(run_pool_once, doubles(n), n),
    "calls/pebble": lambda n: timed(run_pebble_once, doubles(n), n),
    "calls/gnu-parallel": lambda n: timed(run_gnu_parallel, doubles(n), n),
    "result/executor": lambda kind, size: time_large(kind, size, result_executor),
    "result/process": lambda kind, size: time_large(kind, size, result_process),
    "crowd/process": measure_crowd,
    "tiny/executor": lambda kind, n, chunk: time_tiny(kind, n, map_executor, chunk),
}
for name, run_map in MAPS.items():
    SIDES[f"many/{name}"] = lambda n, chunk, run_map=run_map: measure_many(run_map, n, chunk)
    SIDES[f"work/{name}"] = lambda run_map=run_map, **given: measure_work(run_map, **given)

if __name__ == "__main__":
    serve(SIDES)
