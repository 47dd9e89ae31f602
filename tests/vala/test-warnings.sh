#!/bin/sh
# SPDX-FileCopyrightText: 2026 The pcall authors
# SPDX-License-Identifier: LGPL-2.1-or-later

# The C compiler accepts what Vala makes of our vapi. Meson keeps such warnings from us, and later
# compilers take them for errors.
#
# usage: test-warnings.sh VALAC SOURCE BUILD COMPILER…

valac=$1
source=$2
build=$3
shift 3
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT

echo "1..1"
"$valac" --ccode --directory="$scratch" --vapidir="$build/introspection/vala" --pkg=gio-2.0 \
  --pkg=pcall-1.0 "$source/tests/vala/worker.vala" &&
  "$@" -Werror=incompatible-pointer-types -Werror=discarded-qualifiers -c -o "$scratch/worker.o" \
    -I"$source" -I"$source/pcall-glib" -I"$build" -I"$build/pcall-glib" \
    $(pkg-config --cflags gio-unix-2.0) "$scratch/worker.c" || printf 'not '
echo "ok 1 arrays of strings"
