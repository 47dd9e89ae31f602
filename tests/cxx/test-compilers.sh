#!/bin/sh
# SPDX-FileCopyrightText: 2026 The pcall authors
# SPDX-License-Identifier: LGPL-2.1-or-later

# The headers for C++ are without warnings for every compiler that is here, in each language that
# has what they need.
#
# usage: test-compilers.sh SOURCE_ROOT BUILD_ROOT PROGRAM…

sources=$1
build=$2
shift 2
n=0

# check NAME COMMAND…: one case, which passes when the command does. What it prints is shown then.
check ()
{
  name=$1
  shift
  n=$((n + 1))
  if said=$("$@" 2>&1)
  then
    echo "ok $n $name"
  else
    echo "not ok $n $name"
    echo "$said" | sed 's/^/# /'
  fi
}

# The tests themselves are built in C++17, mostly by g++: it need not look at that again.
for way in g++:c++20 clang++:c++17
do
  compiler=${way%:*}
  standard=${way#*:}
  for program
  do
    name="$compiler, $standard, $(basename "$program")"
    if ! command -v "$compiler" >/dev/null
    then
      n=$((n + 1))
      echo "ok $n $name # SKIP there is no $compiler"
      continue
    fi
    # shellcheck disable=SC2046 # several words
    check "$name" "$compiler" -std="$standard" -fsyntax-only -Werror -Wall -Wextra -Wpedantic \
      -Wshadow -Wnon-virtual-dtor -Wold-style-cast -Woverloaded-virtual \
      -I"$sources" -I"$build" -I"$build/pcall-glib" \
      $(pkg-config --cflags gio-2.0 gio-unix-2.0 gtest | sed 's/-I/-isystem /g') "$program"
  done
done
echo "1..$n"
