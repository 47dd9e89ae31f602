#!/bin/sh
# SPDX-FileCopyrightText: 2026 The pcall authors
# SPDX-License-Identifier: LGPL-2.1-or-later

# The example against wc, also with files that cannot be read.
#
# usage: test-lines.sh LINES_PROGRAM FILE…

lines=$1
shift
scratch=$(mktemp -d) || exit 1
trap 'rm -rf "$scratch"' EXIT
trap 'exit 1' HUP INT TERM
n=0

check ()
{
  n=$((n + 1))
  if [ "$2" = "$3" ]
  then
    echo "ok $n $1"
  else
    echo "not ok $n $1"
    printf '%s\n' "expected: $3" "got: $2" | sed 's/^/# /'
  fi
}

: >"$scratch/empty"
printf 'no  end\n\n of line' >"$scratch/no-end"
set -- "$@" "$scratch/empty" "$scratch/no-end"

expected=$(LC_ALL=C.UTF-8 wc -lw "$@" | sed -E 's/^ *([0-9]+) +([0-9]+) /\1 \2 /; $d')
check "lines and words" "$("$lines" "$@")" "$expected"

printed=$("$lines" "$scratch/missing" "$scratch/empty" 2>"$scratch/err")
check "exit status where a file is missing" "$?" 1
check "the others have their counts" "$printed" "0 0 $scratch/empty"
check "the missing file is told" "$(grep ^lines: "$scratch/err")" \
  "lines: $scratch/missing: No such file or directory"
check "no files" "$("$lines" 2>&1)" ""
echo "1..$n"
