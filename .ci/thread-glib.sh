#!/bin/sh
# SPDX-FileCopyrightText: 2026 The pcall authors
# SPDX-License-Identifier: LGPL-2.1-or-later

# Builds GLib with the thread sanitizer, once. That of Debian takes its locks where the sanitizer
# does not look, so that all that is done under them would be a race.
#
# usage: .ci/thread-glib.sh DIRECTORY MESON
#
# The version is that of the system. Its source comes from where apt has the packages from, with
# lists and all in DIRECTORY; the system's own set-up is left alone. What is built is installed in
# DIRECTORY/usr.

set -eu

mkdir -p "$1"
directory=$(cd "$1" && pwd)
meson=$2
keyring=/usr/share/keyrings/debian-archive-keyring.gpg

list_sources ()
{
  apt-get indextargets "Created-By: Packages" "Origin: Debian" \
    --format "deb-src [signed-by=$keyring] \$(REPO_URI) \$(RELEASE) \$(COMPONENT)" | sort -u
}

# Where the system's lists were removed, apt does not say where they were from.
write_sources ()
{
  list_sources > "$directory/sources.list"
  [ ! -s "$directory/sources.list" ] || return 0

  as_root=
  [ "$(id -u)" -eq 0 ] || as_root=sudo
  $as_root apt-get update -q
  list_sources > "$directory/sources.list"
}

get ()
{
  apt-get -q -o "Dir::Etc::SourceList=$directory/sources.list" -o Dir::Etc::SourceParts=/dev/null \
    -o "Dir::State::Lists=$directory/lists" -o "Dir::Cache=$directory/cache" \
    -o APT::Sandbox::User=root "$@"
}

# The newest one, where that of the system has been replaced.
fetch ()
{
  version=$(dpkg-query --show --showformat '${source:Version}' libglib2.0-dev)
  rm -rf "$directory/source"
  mkdir -p "$directory/source" "$directory/lists/partial" "$directory/cache"
  write_sources
  get update
  (cd "$directory/source" && { get source "glib2.0=$version" || get source glib2.0; })
}

# Without __amd64__ a lock of one bit is taken by an atomic operation, and not by a line of
# assembler, where the sanitizer does not look either.
build ()
{
  rm -rf "$directory/build"
  "$meson" setup "$directory/build" "$directory"/source/glib2.0-*/ --prefix="$directory/usr" \
    --libdir=lib --buildtype=debugoptimized -Db_sanitize=thread -Dc_args=-U__amd64__ \
    -Dtests=false -Dnls=disabled -Dlibmount=disabled -Dselinux=disabled &&
    ninja -C "$directory/build" install
}

[ ! -e "$directory/is-built" ] || exit 0
fetch
build > "$directory/log" 2>&1 || { tail -n 20 "$directory/log"; exit 1; }
touch "$directory/is-built"
