# SPDX-FileCopyrightText: 2026 The pcall authors
# SPDX-License-Identifier: LGPL-2.1-or-later

"""Installed in each of the ways there are, and found; and taken away again."""

import glob
import json
import os
import shutil
import subprocess
import tempfile

from system import (
    INSTALL,
    INSTALL_AT_HOME,
    PRINTED,
    PROGRAMS,
    USER,
    Case,
    find_files,
    find_left_over,
    hide,
    run,
)


class Installed(Case):
    """Installed by a line of README's, and found after another one."""

    line = INSTALL[0]
    options = ""
    first = ""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.run_here(cls.line.replace("setup build", f"setup build {cls.options}"))

    def test_1_programs(self):
        self.check_programs(self.first)

    def test_2_uninstall(self):
        self.run_here("ninja -C build uninstall")
        self.assertEqual(find_left_over(), [])

    def test_3_again(self):
        self.run_here("ninja -C build install && ninja -C build install")
        self.check_programs(self.first)
        self.run_here("ninja -C build uninstall")
        self.assertEqual([path for path in find_left_over() if not os.path.isdir(path)], [])


class Default(Installed):
    """As root, with the default prefix."""


class Usr(Installed):
    options = "--prefix=/usr"


class Opt(Installed):
    """A prefix that nothing searches."""

    options = "--prefix=/opt/pcall"
    first = ". /opt/pcall/share/pcall-1.0/environment.sh; "


class AtHome(Installed):
    user = USER
    line = INSTALL_AT_HOME[0]
    first = INSTALL_AT_HOME[1] + "; "

    @classmethod
    def setUpClass(cls):
        subprocess.run(["useradd", "--create-home", USER], check=True)
        super().setUpClass()


class WithoutDpkgDev(Installed):
    """There meson chooses lib64, which nothing on a Debian searches."""

    @classmethod
    def setUpClass(cls):
        hide("/usr/bin/dpkg-architecture")
        super().setUpClass()


class Staged(Case):
    """Into DESTDIR, as packages are made, and from there into the system."""

    def stage(self, options, tags=""):
        stage = tempfile.mkdtemp()
        before = find_left_over()
        self.run_here(f"test -d build || meson setup build -Dtests=false {options}")
        self.run_here(f"meson install -C build {tags}", DESTDIR=stage)
        self.assertEqual(find_left_over(), before)
        return stage

    def put_into_system(self, stage):
        for path in find_files(stage):
            target = "/" + os.path.relpath(path, stage)
            os.makedirs(os.path.dirname(target), exist_ok=True)
            shutil.copy2(path, target, follow_symlinks=False)
            self.addCleanup(os.unlink, target)
        subprocess.run(["ldconfig"], check=True)

    def test_1_package(self):
        type(self).package = self.stage("--prefix=/usr")
        self.put_into_system(self.package)
        self.check_programs()

    def test_2_tags(self):
        """`--tags runtime` has all that programs need in order to run, and no more."""
        stage = self.stage("", "--tags runtime")
        self.assertEqual(glob.glob(stage + "/usr/include"), [])
        self.put_into_system(stage)
        for command, printed in list(zip(PROGRAMS, PRINTED, strict=True))[1:3]:
            self.assertEqual(self.run_here(command).stdout, printed + "\n")

    def test_3_everything_has_a_tag(self):
        plan = json.loads(self.run_here("meson introspect build --install-plan").stdout)
        self.assertEqual(
            [file for files in plan.values() for file, row in files.items() if not row["tag"]], []
        )

    def test_4_same_bytes(self):
        """A second build has the same bytes in each file."""
        self.run_here("rm -rf build && meson setup build -Dtests=false --prefix=/usr")
        self.run_here("ninja -C build", CCACHE_DISABLE="1")
        again = self.stage("")
        self.assertGreater(len(find_files(again)), 40)
        done = run(f"diff -r {self.package} {again}", "/")
        self.assertEqual(done.stdout + done.stderr, "")
