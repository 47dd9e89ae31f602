# SPDX-FileCopyrightText: 2026 The pcall authors
# SPDX-License-Identifier: LGPL-2.1-or-later

"""Built for other uses than to be installed as it is, or where something is missing."""

import json
import re

from system import (
    DEVENV,
    LANGUAGES,
    PRINTED,
    PROGRAMS,
    Case,
    find_files,
    hide,
    run,
    show,
)


class Uninstalled(Case):
    """README's line for what is not installed, and the same for the other languages."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.run_here("meson setup build -Dtests=false && ninja -C build")

    def test_devenv(self):
        prefix, _, program = DEVENV[0].partition("python3")
        self.assertIn(program.replace("$PWD/", ""), PROGRAMS[1])
        for language, command, printed in zip(LANGUAGES, PROGRAMS, PRINTED, strict=True):
            if language == "Vala":  # its vapi is no matter of the environment
                command = command.replace("valac", "valac --vapidir build/introspection/vala")
            with self.subTest(language):
                line = f"cd {self.sources} && {command}"
                done = self.run_here(f"{prefix} sh -c '{line}'")
                self.assertEqual(done.stdout.splitlines()[-1], printed)


class Installed(Case):
    """The tests themselves, against the library that is installed."""

    # A few in each language: the others are no different here.
    tests = "task results spawn workers cxx python-values python-spawn gjs-seed gjs-functions"

    def test_installed(self):
        self.run_here("meson setup build -Dtests=false && ninja -C build install")
        self.run_here("rm -rf build pcall-glib introspection")
        self.run_here("meson setup build-installed -Dinstalled_library=true")
        self.run_here(f"meson test -C build-installed {self.tests}")


class Older(Case):
    """What comes with a binding says so when the library that it finds is older."""

    def test_older(self):
        self.run_here("meson setup build -Dtests=false && ninja -C build install")
        self.run_here(
            "mkdir old &&"
            " sed '/constant name=\"MAJOR_VERSION\"/,/<doc/s/value=\"1\"/value=\"0\"/'"
            " build/introspection/Pcall-1.0.gir >old/Pcall-1.0.gir &&"
            " g-ir-compiler old/Pcall-1.0.gir -o old/Pcall-1.0.typelib"
        )
        for command in PROGRAMS[1:3]:
            done = run(command, self.sources, GI_TYPELIB_PATH=self.sources + "/old")
            self.assertNotEqual(done.returncode, 0)
            self.assertRegex(done.stderr, r"needs version 1\.0\.0 of the library or newer.*0\.0\.0")
        self.run_here("ninja -C build uninstall")


class Subproject(Case):
    def test_static_subproject(self):
        """The library alone, linked statically, and nothing of pcall's is tested or searched for."""
        self.run_here(
            "mkdir -p user/subprojects && ln -s ../.. user/subprojects/pcall &&"
            " cp doc/examples/hello.c user"
        )
        with open(self.sources + "/user/meson.build", "w", encoding="utf-8") as file:
            file.write(
                "project('user', 'c', default_options: ['default_library=static'])\n"
                "executable('hello', 'hello.c', dependencies: dependency('pcall-1.0',"
                " fallback: 'pcall'))\n"
            )
        self.run_here("meson setup user/build user && ninja -C user/build")
        self.assertEqual(self.run_here("user/build/hello").stdout, PRINTED[0] + "\n")
        self.assertEqual(json.loads(self.run_here("meson introspect user/build --tests").stdout), [])
        self.assertNotIn("libpcall", self.run_here("ldd user/build/hello").stdout)
        self.assertEqual(find_files(self.sources + "/user/build", ".so*"), [])

    def test_static_library(self):
        """Both are installed, and a program takes the static one."""
        self.run_here(
            "meson setup both -Dtests=false -Ddefault_library=both && ninja -C both install &&"
            " cc -o hello doc/examples/hello.c $(pkg-config --cflags pcall-1.0) -Wl,-Bstatic"
            " -lpcall-1.0 -Wl,-Bdynamic $(pkg-config --libs gio-2.0 gio-unix-2.0) -lm"
        )
        self.assertEqual(self.run_here("./hello").stdout, PRINTED[0] + "\n")
        self.assertNotIn("libpcall", self.run_here("ldd hello").stdout)
        self.check_programs()
        self.run_here("ninja -C both uninstall")


# What is taken away: the feature that it costs, and what is said of that
MISSING = [
    ("/usr/bin/gjs", "gjs", "gjs (Debian, Fedora: gjs)"),
    ("/usr/bin/vapigen*", "vala", "Debian: valac; Fedora: vala"),
    ("/usr/lib/python3/dist-packages/gi", "python", "Debian: python3-gi; Fedora: python3-gobject"),
    ("/usr/bin/g-ir-compiler", "introspection", "Debian: gobject-introspection"),
    ("/usr/lib/*/pkgconfig/gobject-introspection-1.0.pc", "introspection", "libgirepository1.0-dev"),
    ("/usr/lib/*/pkgconfig/gtest*.pc", "cxx", "Debian: libgtest-dev; Fedora: gtest-devel"),
    ("/usr/bin/*++*", "cxx", "Debian: g++; Fedora: gcc-c++"),
]
LABELS = {"cxx": r"C\+\+ tests", "gjs": "GJS", "python": "Python", "vala": "Vala"}


class Missing(Case):
    """What is missing is left out, and said; what is asked for and missing is an error."""

    def test_left_out(self):
        for pattern, feature, said in MISSING:
            label = LABELS.get(feature, feature)
            with self.subTest(pattern):
                hide(pattern)
                self.addCleanup(show, pattern)
                # What is looked for in vain takes the least time without the rest.
                setup = "rm -rf b && meson setup b -Dexamples=false"
                setup += "" if feature == "cxx" else " -Dtests=false"
                done = self.run_here(setup)
                self.assertRegex(done.stdout, rf"{label} +: NO: .*{re.escape(said)}")
                done = run(f"{setup} -D{feature}=enabled", self.sources)
                self.assertNotEqual(done.returncode, 0)
                self.assertIn(said, done.stdout)
                show(pattern)

    def test_not_asked_for(self):
        features = ("introspection", "python", "gjs", "vala", "cxx")
        options = " ".join(f"-D{feature}=disabled" for feature in features)
        done = self.run_here(f"meson setup b {options}")
        self.assertEqual(done.stdout.count("NO: not asked for"), len(features))

    def test_old_glib(self):
        self.run_here(
            "mkdir pc && sed 's/^Version:.*/Version: 2.70.0/'"
            " $(pkg-config --variable=pcfiledir gio-2.0)/gio-2.0.pc >pc/gio-2.0.pc"
        )
        done = run("meson setup old-glib", self.sources, PKG_CONFIG_PATH=self.sources + "/pc")
        self.assertNotEqual(done.returncode, 0)
        self.assertIn("need: '>= 2.74.4'", done.stdout)
        self.assertIn("Debian: libglib2.0-dev", done.stdout)
