#!/bin/sh
# SPDX-FileCopyrightText: 2026 The pcall authors
# SPDX-License-Identifier: LGPL-2.1-or-later

# The example's log, whole, and the README's word for it.
#
# usage: test-cccheck.sh CCCHECK_PROGRAM README

set -u
LC_ALL=C
export LC_ALL

cccheck=$(realpath "$1")
readme=$(realpath "$2")
scratch=$(mktemp -d) || exit 1
trap 'rm -rf "$scratch"' EXIT
trap 'exit 1' HUP INT TERM

# Times, process numbers and the place of the files are others each time.
normalize ()
{
  sed -E -e 's/: [0-9:]{8}\.[0-9]{3}: /: /' -e 's/\(process:[0-9]+\): //' \
    -e 's/\([^ ()]*cccheck:[0-9]+\): //' -e 's|child log /.*/|child log …/|' -e 's/-pid-[0-9]+/-pid-…/' \
    -e 's/task-[0-9]+/task-…/' -e '/^$/d'
}

# The lines below the command in the README, which are in a block of four blanks each.
from_readme ()
{
  sed -n '/^    \$ cccheck /,/^[^ ]/p' "$readme" | sed -n 's/^    //p' | sed 1d
}

write_sources ()
{
  printf '#include <stdio.h>\n\nint\nmain (void)\n{\n  int unused;\n\n  puts ("hello");\n}\n' \
    >"$1/hello.c"
  printf 'int\nanswer (void)\n{\n  return forty_two;\n}\n' >"$1/answer.c"
  printf 'int\nsilent (void)\n{\n  return 0;\n}\n' >"$1/silent.c"
}

check ()
{
  n=$((n + 1))
  if diff "$2" "$3" >"$scratch/diff"
  then
    echo "ok $n $1"
  else
    echo "not ok $n $1"
    sed 's/^/# /' "$scratch/diff"
  fi
}

n=0
echo "1..1"
write_sources "$scratch"
cd "$scratch" || exit 1
"$cccheck" hello.c answer.c silent.c 2>&1 | normalize >out
from_readme | normalize >expected
check 'as in the README' expected out
