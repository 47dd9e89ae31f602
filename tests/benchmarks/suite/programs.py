# SPDX-FileCopyrightText: 2026 The pcall authors
# SPDX-License-Identifier: LGPL-2.1-or-later

"""The programs that do the work of the sides, in five languages, and how they are asked.

A program reads requests from its standard input and answers each with a line of JSON: `seconds`,
with whatever else it counted, or `missing`, the package that this side needs, or `error`.
"""

import json
import os
import select
import shutil
import subprocess

HERE = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
ROOT = os.path.dirname(os.path.dirname(HERE))
PATIENCE = 240  # seconds; a side that takes longer hangs
PACKAGES = {
    "python": "python3-gi and the typelib",
    "perl": "perl",
    "gjs": "gjs and the typelib",
    "window": "libgtk-4-dev, xvfb and xauth",
    "here": "python3-gi and the typelib",
    "ssh": "openssh-server",
    "slurm": "slurmctld, slurmd, slurm-client and munge",
    "C-ssh": "openssh-server",
    "C-slurm": "slurmctld, slurmd, slurm-client and munge",
}

WHERE_SBIN = f"{os.environ.get('PATH', '')}:/usr/sbin:/sbin"
SKIPPED = "1..0 # SKIP "


class Missing(Exception):
    """A side cannot run here, and which package it needs."""


def runs(command):
    return subprocess.run(command, stderr=subprocess.DEVNULL, check=False).returncode == 0


def find_window(build):
    """On a display of its own."""
    program = os.path.join(build, "tests", "benchmarks", "bench-window")
    needed = [program, "xvfb-run", "Xvfb", "xauth"]
    return ["xvfb-run", "-a", program] if all(map(shutil.which, needed)) else None


def find_engine(script, needed, command):
    """In an engine that a script of the tests brings up for that time."""
    if command is None or not all(shutil.which(name, path=WHERE_SBIN) for name in needed):
        return None
    return [os.path.join(os.path.dirname(HERE), "launcher", script), *command]


def find_commands(build):
    """The command line of each program; None for one that cannot run here."""
    sides = os.path.join(HERE, "sides")
    python = "/usr/bin/python3" if os.path.exists("/usr/bin/python3") else shutil.which("python3")
    perl, gjs = shutil.which("perl"), shutil.which("gjs")
    has_gir = os.path.exists(os.path.join(build, "introspection", "Pcall-1.0.typelib"))
    has_gi = has_gir and runs([python, "-c", "import gi"])
    engines = [python, os.path.join(sides, "engine-sides.py")] if has_gi else None
    slurm = ["munged", "slurmctld", "slurmd", "srun"]
    bench = [os.path.join(build, "tests", "benchmarks", "bench")]
    return {
        "C": bench,
        "python": [python, os.path.join(sides, "python-sides.py")] if has_gi else None,
        "peers": [python, os.path.join(sides, "peers.py")],
        "perl": [perl, os.path.join(sides, "perl-sides.pl")] if perl else None,
        "gjs": [gjs, "-m", os.path.join(sides, "gjs-sides.js")] if gjs and has_gir else None,
        "window": find_window(build),
        "here": engines,
        "ssh": find_engine("with-sshd.sh", ["sshd", "ssh"], engines),
        "slurm": find_engine("with-slurm.sh", slurm, engines),
        "C-ssh": find_engine("with-sshd.sh", ["sshd", "ssh"], bench),
        "C-slurm": find_engine("with-slurm.sh", slurm, bench),
    }


def make_environment(build):
    """Such that the library and its overrides are found where they were built, from anywhere."""
    build = os.path.abspath(build)
    environment = dict(os.environ, PYTHONDONTWRITEBYTECODE="1")
    for name, path in {
        "GI_TYPELIB_PATH": os.path.join(build, "introspection"),
        "LD_LIBRARY_PATH": os.path.join(build, "pcall-glib"),
        "PYTHONPATH": os.path.join(ROOT, "introspection", "python"),
        "GJS_PATH": os.path.join(ROOT, "introspection", "gjs"),
    }.items():
        environment[name] = os.pathsep.join(filter(None, [path, os.environ.get(name)]))
    environment["PCALL_WORKER_DIR"] = os.path.join(build, "pcall-glib")
    return environment


class Program:
    """One process of one of the programs."""

    def __init__(self, command, environment):
        self.process = subprocess.Popen(
            command,
            env=environment,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def ask(self, side, parameters):
        words = [side, *(f"{name}={value}" for name, value in parameters.items())]
        self.process.stdin.write(" ".join(words) + "\n")
        self.process.stdin.flush()
        if not select.select([self.process.stdout], [], [], PATIENCE)[0]:
            raise RuntimeError(f"{side} gave no answer in {PATIENCE} s")
        line = self.process.stdout.readline()
        if not line:
            raise RuntimeError(f"{side} ended its program, with {self.process.wait()}")
        if line.startswith(SKIPPED):
            raise Missing(line.removeprefix(SKIPPED).strip())
        return self.check(side, json.loads(line))

    @staticmethod
    def check(side, answer):
        if "missing" in answer:
            raise Missing(answer["missing"])
        if "error" in answer:
            raise RuntimeError(f"{side}: {answer['error']}")
        return answer

    def close(self):
        self.process.stdin.close()
        try:
            self.process.wait(10)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        self.process.stdout.close()


class Programs:
    """All programs; each is started when it is first asked, and again after `close()`."""

    def __init__(self, build):
        self.commands = find_commands(build)
        self.environment = make_environment(build)
        self.running = {}

    def ask(self, program, process, side, parameters, hold=0):
        """Asks the program of that name; one process of it for each `process`. One that is
        started first makes itself as large as `hold` bytes."""
        key = (program, process)
        if self.commands[program] is None:
            raise Missing(PACKAGES[program])
        if key not in self.running:
            self.running[key] = Program(self.commands[program], self.environment)
            if hold:
                self.running[key].ask("hold", {"bytes": hold})
        return self.running[key].ask(side, parameters)

    def close(self):
        while self.running:
            self.running.popitem()[1].close()
