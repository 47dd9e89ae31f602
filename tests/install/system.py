# SPDX-FileCopyrightText: 2026 The pcall authors
# SPDX-License-Identifier: LGPL-2.1-or-later

"""What the tests of installation share.

They change the system that they run in, which is a private copy: see private-system.sh. Each class
has one of its own.
"""

import glob
import os
import shutil
import subprocess
import unittest

from readme import read_blocks

SOURCES = "/src"
CHANGED = "/mnt/changed"
BEFORE = "/mnt/before"
PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
LIMIT = 300
HIDDEN = ".hidden"
USER = "pcall-user"

# README's own commands, and what its programs print
INSTALL, PROGRAMS, INSTALL_AT_HOME, DEVENV = read_blocks(f"{SOURCES}/README.md", "Install")
PRINTED = ["[<4>, <9>, <16>]", "(4, 9, 16)", "4,9,16", "[<4>, <9>, <16>]"]
LANGUAGES = ["C", "Python", "GJS", "Vala"]


def run(command, directory, user=None, **environment):
    """Runs a line of shell, as if that were all that is ever set in the environment."""
    home = f"/home/{user}" if user else "/root"
    variables = [f"PATH={PATH}", f"HOME={home}", *(f"{k}={v}" for k, v in environment.items())]
    as_user = ["setpriv", f"--reuid={user}", f"--regid={user}", "--clear-groups"] if user else []
    return subprocess.run(
        [*as_user, "env", "-i", *variables, "sh", "-c", command],
        cwd=directory,
        capture_output=True,
        text=True,
        timeout=LIMIT,
        check=False,
    )


class Case(unittest.TestCase):
    """A copy of the sources, in which commands are run."""

    user = None

    @classmethod
    def setUpClass(cls):
        cls.sources = f"/home/{cls.user}/pcall" if cls.user else "/tmp/pcall"
        shutil.copytree(SOURCES, cls.sources, symlinks=True)
        if cls.user:
            subprocess.run(["chown", "-R", f"{cls.user}:{cls.user}", cls.sources], check=True)

    @classmethod
    def run_here(cls, command, **environment):
        done = run(command, cls.sources, user=cls.user, **environment)
        if done.returncode != 0:
            raise AssertionError(f"{command}\n{done.stdout}{done.stderr}")
        return done

    def check_programs(self, first=""):
        """README's own programs, each in an empty environment."""
        for language, command, printed in zip(LANGUAGES, PROGRAMS, PRINTED, strict=True):
            with self.subTest(language):
                done = self.run_here(first + command)
                self.assertEqual(done.stdout, printed + "\n")
                if language != "Vala":  # which tells of its calls there
                    self.assertEqual(done.stderr, "")


def find_left_over():
    """What is in the system now where things are installed, and was not before."""
    left_over = []
    for top in ("usr", "opt", f"home/{USER}/.local"):
        for parent, directories, files in os.walk(f"{CHANGED}/{top}"):
            for name in directories + files:
                path = os.path.join(parent, name)[len(CHANGED):]
                if os.path.lexists(path) and not os.path.lexists(BEFORE + path):
                    left_over.append(path)
    return [path for path in left_over if not path.endswith(HIDDEN)]


def find_files(top, pattern=""):
    return [path for path in glob.glob(f"{top}/**/*{pattern}", recursive=True, include_hidden=True)
            if os.path.islink(path) or os.path.isfile(path)]


def hide(patterns):
    for pattern in patterns.split():
        for path in glob.glob(pattern):
            shutil.move(path, path + HIDDEN)


def show(patterns):
    for pattern in patterns.split():
        for path in glob.glob(pattern + HIDDEN):
            shutil.move(path, path.removesuffix(HIDDEN))
