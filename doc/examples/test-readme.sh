#!/bin/sh
# SPDX-FileCopyrightText: 2026 The pcall authors
# SPDX-License-Identifier: LGPL-2.1-or-later

# README.md says what is true: its code is the marked region of an example, which is compiled or
# run, and the line that it says is printed is printed.
#
# usage: test-readme.sh README.md SOURCE HELLO_PROGRAM [LANGUAGE]

readme=$1
source=$2
hello=$3
language=${4:-c}

echo 1..2

shown=$(awk -v begin='^```'"$language"'$' '$0 ~ begin { on = 1; next } /^```$/ { on = 0 } on' "$readme")
marked=$(awk '/README: end/ { on = 0 } on; /README: begin/ { on = 1 }' "$source")
if [ -n "$shown" ] && [ "$shown" = "$marked" ]
then
  echo "ok 1 the code in README.md is that of $(basename "$source")"
else
  echo "not ok 1 the code in README.md is that of $(basename "$source")"
fi

printed=$("$hello") || printed="exit status $?"
if grep -qxF "    $printed" "$readme"
then
  echo "ok 2 hello prints what README.md says"
else
  echo "not ok 2 hello prints what README.md says"
  echo "# it printed: $printed"
fi
