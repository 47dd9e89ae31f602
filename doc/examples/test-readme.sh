#!/bin/sh
# SPDX-FileCopyrightText: 2026 The pcall authors
# SPDX-License-Identifier: LGPL-2.1-or-later

# README.md says what is true: its C is the marked region of hello.c, which is compiled, and the
# line that it says is printed is printed.
#
# usage: test-readme.sh README.md hello.c HELLO_PROGRAM

readme=$1
source=$2
hello=$3

echo 1..2

shown=$(awk '/^```c$/ { on = 1; next } /^```$/ { on = 0 } on' "$readme")
marked=$(awk '/README: end/ { on = 0 } on; /README: begin/ { on = 1 }' "$source")
if [ -n "$shown" ] && [ "$shown" = "$marked" ]
then
  echo "ok 1 the code in README.md is that of hello.c"
else
  echo "not ok 1 the code in README.md is that of hello.c"
fi

printed=$("$hello") || printed="exit status $?"
if grep -qxF "    $printed" "$readme"
then
  echo "ok 2 hello prints what README.md says"
else
  echo "not ok 2 hello prints what README.md says"
  echo "# it printed: $printed"
fi
