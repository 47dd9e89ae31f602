# SPDX-FileCopyrightText: 2026 The pcall authors
# SPDX-License-Identifier: LGPL-2.1-or-later

"""The sides of engines that start programs elsewhere: pcall on top of them, themselves, and others.

Calls of pcall and of others are in workers that are warm: what is told is the time of the calls. An
engine starts a program for each call, two at a time, as it would on two machines.

    engine-sides.py [mpi4py N]

With `mpi4py` it is what mpirun runs.
"""

import importlib.util
import json
import os
import shutil
import subprocess
import sys

from serving import serve, timed
from work import AT_A_TIME, double, doubles, run_two_at_a_time

# Where the library is found; ssh passes nothing on.
VARIABLES = ("GI_TYPELIB_PATH", "LD_LIBRARY_PATH", "PYTHONPATH")
MPIRUN = ["mpirun", "--allow-run-as-root", "--oversubscribe", "-n", str(AT_A_TIME + 1)]


def run_true(n):
    subprocess.run(["true"], check=True)
    return 2 * n


def make_launcher(by):
    from gi.repository import Pcall

    if by == "ssh":
        options = ["-F", os.environ["PCALL_TEST_SSH_CONFIG"]]
        launcher = Pcall.Launcher.ssh(f"{AT_A_TIME}/pcall-host", options=options)
        launcher.set_environment([f"{name}={os.environ[name]}" for name in VARIABLES])
        return launcher
    if by == "slurm":
        return Pcall.Launcher.slurm(AT_A_TIME, "--quiet")
    return Pcall.Launcher.new(["{agent}"], AT_A_TIME, Pcall.LauncherTransport.CONNECT)


def measure_pcall(by, n, function):
    import gi

    gi.require_version("Pcall", "1.0")
    from gi.repository import Pcall

    with Pcall.Executor(launcher=make_launcher(by)) as executor:
        list(executor.map(function, range(4 * AT_A_TIME)))
        return timed(lambda: list(executor.map(function, range(n))), doubles(n))


def run_programs(command, n):
    def finish(child):
        number, process = child
        if process.wait() != 0:
            raise RuntimeError(f"{command[0]} ended with {process.returncode}")
        return 2 * number

    def start(number):
        return number, subprocess.Popen(command, stdout=subprocess.DEVNULL)

    return run_two_at_a_time(start, finish, n)


def get_engine_command(by):
    if by == "ssh":
        return ["ssh", "-F", os.environ["PCALL_TEST_SSH_CONFIG"], "pcall-host", "true"]
    return ["srun", "--quiet", "-n1", "true"]


def measure_engine(by, n):
    return timed(run_programs, doubles(n), get_engine_command(by), n)


def measure_mpi4py(n):
    # To import it is to be part of it.
    if shutil.which(MPIRUN[0]) is None or importlib.util.find_spec("mpi4py") is None:
        raise ImportError(name="mpi4py")
    command = [*MPIRUN, sys.executable, "-m", "mpi4py.futures", __file__, "mpi4py", str(n)]
    output = subprocess.run(
        command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, check=True, text=True
    ).stdout
    return json.loads(output)


def be_mpi4py(n):
    from mpi4py.futures import MPIPoolExecutor

    with MPIPoolExecutor() as executor:
        list(executor.map(double, range(4 * AT_A_TIME)))
        return timed(lambda: list(executor.map(double, range(n))), doubles(n))


def measure_dask(n):
    import distributed

    options = {"n_workers": AT_A_TIME, "threads_per_worker": 1, "dashboard_address": None}
    with distributed.LocalCluster(**options) as cluster, distributed.Client(cluster) as client:
        client.gather(client.map(double, range(4 * AT_A_TIME)))
        return timed(lambda: client.gather(client.map(double, range(n))), doubles(n))


def main(words):
    if words:
        print(json.dumps(be_mpi4py(int(words[1]))))
        return
    serve(
        {
            "about": lambda: {},
            "true/pcall": lambda by, n: measure_pcall(by, n, run_true),
            "true/engine": measure_engine,
            "map/pcall": lambda by, n: measure_pcall(by, n, double),
            "map/mpi4py": measure_mpi4py,
            "map/dask": measure_dask,
        }
    )


if __name__ == "__main__":
    main(sys.argv[1:])
