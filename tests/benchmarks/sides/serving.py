# SPDX-FileCopyrightText: 2026 The pcall authors
# SPDX-License-Identifier: LGPL-2.1-or-later

"""What the Python programs of the benchmarks share: answering requests, a line of JSON each."""

import json
import mmap
import resource
import sys
import time

held = []


def parse(words):
    """`n=20 chunk=auto` as a dictionary."""
    parameters = dict(word.split("=", 1) for word in words)
    return {
        name: int(value) if value.lstrip("-").isdigit() else value
        for name, value in parameters.items()
    }


def answer(sides, line):
    name, *words = line.split()
    parameters = parse(words)
    try:
        result = sides[name](**parameters)
    except ImportError as error:
        return {"missing": f"python3-{error.name}"}
    except Exception as error:
        return {"error": f"{type(error).__name__}: {error}"}
    return result if isinstance(result, dict) else {"seconds": result}


def hold(bytes):
    """Makes this process as large as that, in pages of the usual size."""
    begun = time.perf_counter()
    memory = mmap.mmap(-1, bytes, mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)
    memory.madvise(mmap.MADV_NOHUGEPAGE)
    for offset in range(0, bytes, mmap.PAGESIZE):
        memory[offset] = 1
    held.append(memory)
    return time.perf_counter() - begun


def timed(run, expected, *arguments):
    """The seconds that it takes, from nothing to all results in order, which are checked."""
    begun = time.perf_counter()
    results = run(*arguments)
    took = time.perf_counter() - begun
    if list(results) != list(expected):
        raise RuntimeError("wrong results")
    return took


def serve(sides):
    """Until the end of the standard input."""
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    sides = {"hold": hold, **sides}
    for line in sys.stdin:
        print(json.dumps(answer(sides, line)), flush=True)
