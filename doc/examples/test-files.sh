#!/bin/sh
# SPDX-FileCopyrightText: 2026 The pcall authors
# SPDX-License-Identifier: LGPL-2.1-or-later

# An example that says something of each file, against the program that it is like. A file that cannot
# be read costs no other its line.
#
# usage: test-files.sh lines|digests PROGRAM FILE…

example=$1
program=$2
shift 2
scratch=$(mktemp -d) || exit 1
trap 'rm -rf "$scratch"' EXIT
trap 'exit 1' HUP INT TERM
LC_ALL=C.UTF-8
export LC_ALL
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

# Of two files or more
reference ()
{
  case $example in
  lines) wc -lw "$@" | sed -E 's/^ *([0-9]+) +([0-9]+) /\1 \2 /; $d' ;;
  digests) sha256sum "$@" ;;
  esac
}

: >"$scratch/empty"
printf 'no  end\n\n of line' >"$scratch/no-end"
set -- "$@" "$scratch/empty" "$scratch/no-end"

check "as the other program" "$("$program" "$@")" "$(reference "$@")"

printed=$("$program" "$scratch/missing" "$@" 2>"$scratch/err")
check "exit status where a file is missing" "$?" 1
check "the others have their lines" "$printed" "$(reference "$@")"
check "the missing file is told" \
  "$(grep "^$example: .*$scratch/missing.*: No such file or directory$" "$scratch/err" | wc -l)" 1
check "no files" "$("$program" 2>&1)" ""
echo "1..$n"
