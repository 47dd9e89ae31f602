#!/bin/sh
# SPDX-FileCopyrightText: 2026 The pcall authors
# SPDX-License-Identifier: LGPL-2.1-or-later

# The example against sha256sum, on a directory with every kind of name and file that could trip it.
#
# usage: test-checksums.sh CHECKSUMS_PROGRAM

set -u
LC_ALL=C
export LC_ALL

checksums=$1
scratch=$(mktemp -d) || exit 1
trap 'chmod -R u+rwx "$scratch"; rm -rf "$scratch"' EXIT
trap 'exit 1' HUP INT TERM
tree=$scratch/tree
out=$scratch/out
err=$scratch/err
n=0

# check NAME COMMAND…: one case, which passes when the command does. What it prints is shown then.
check ()
{
  name=$1
  shift
  n=$((n + 1))
  if "$@" >"$scratch/case" 2>&1
  then
    echo "ok $n $name"
  else
    echo "not ok $n $name"
    sed 's/^/# /' "$scratch/case" "$err"
  fi
}

skip ()
{
  n=$((n + 1))
  echo "ok $n $1 # SKIP $2"
}

# run ARGUMENTS…: runs the example; what it did lies in $out, $err and $status.
run ()
{
  "$checksums" "$@" >"$out" 2>"$err" </dev/null
  status=$?
}

# As somebody who may not read everything, also when root runs the tests.
run_unprivileged ()
{
  if [ "$(id -u)" -ne 0 ]
  then
    run "$@"
  else
    setpriv --reuid=65534 --regid=65534 --clear-groups "$checksums" "$@" \
      >"$out" 2>"$err" </dev/null
    status=$?
  fi
}

has_status ()
{
  echo "exit status $status, expected $1"
  [ "$status" -eq "$1" ]
}

is_what_sha256sum_says ()
{
  find "$tree" -type f -readable -print0 | sort -z | xargs -0 sha256sum >"$scratch/expected"
  diff "$scratch/expected" "$out"
}

make_tree ()
{
  mkdir -p "$tree/sub/empty"
  : >"$tree/empty"
  head -c 5000000 /dev/urandom >"$tree/big"
  for name in '-dash' ' leading blank' '*star' 'back\slash' 'trailing\' 'quote"' \
      "$(printf '\377\376')" "$(printf 'new\nline')" "$(printf 'carriage\rreturn')" \
      "$(printf 'umlaut-\303\274')"
  do
    printf '%s' "$name" >"$tree/sub/$name"
  done
  i=0
  while [ $((i += 1)) -le 100 ]
  do
    echo "$i" >"$tree/sub/file-$i"
  done
  ln -s big "$tree/link-to-file"
  ln -s sub "$tree/link-to-directory"
  ln -s nowhere "$tree/dangling"
  mkfifo "$tree/pipe"
}

make_tree

run --no-compare "$tree"
check "exit status of a clean run" has_status 0
check "nothing on standard error" test ! -s "$err"
check "the same lines as sha256sum, sorted" is_what_sha256sum_says
check "sha256sum --check accepts them" sha256sum --check --strict --quiet "$out"

run --no-compare --jobs=1 "$tree"
check "one process" is_what_sha256sum_says

run --no-compare --jobs=50 "$tree"
check "fifty processes" is_what_sha256sum_says

run "$tree"
check "the same with a comparison" is_what_sha256sum_says
s='[0-9.]+ s'
gain='([0-9.]+ times as fast|no faster: the processors are busy, or there is little to do)'
check "the comparison is told" grep -Ex \
  "checksums: 112 files .*: one process $s, [0-9]+ at a time $s, $gain" "$err"
check "no progress bar without a terminal" test "$(wc -l <"$err")" -eq 1

script --quiet --return --command "'$checksums' --no-compare '$tree'" /dev/null \
  </dev/null >"$out" 2>"$err"
check "a progress bar on a terminal" grep -q '\[#* *\] *[0-9]* %' "$out"

mkdir "$scratch/nothing"
run --no-compare "$scratch/nothing"
check "an empty directory: exit status" has_status 0
check "an empty directory: no output" test ! -s "$out" -a ! -s "$err"

run --no-compare "$tree/big"
check "a single file" sha256sum --check --strict --quiet "$out"

run --no-compare "$scratch/missing" "$tree" /proc/self/mem
check "what cannot be read: exit status" has_status 1
check "what cannot be read: the others have their digests" is_what_sha256sum_says
check "a missing directory is told" \
  grep -qxF "checksums: $scratch/missing: No such file or directory" "$err"
check "a failing read is told" grep -qxF "checksums: /proc/self/mem: Input/output error" "$err"
check "nothing else is told" test "$(wc -l <"$err")" -eq 2

chmod 755 "$scratch"
run_unprivileged --help
if [ "$status" -eq 0 ]
then
  chmod 0 "$tree/sub/file-7" "$tree/sub/empty"
  run_unprivileged --no-compare "$tree"
  check "no permission: exit status" has_status 1
  check "no permission: the file is told" \
    grep -qxF "checksums: $tree/sub/file-7: Permission denied" "$err"
  check "no permission: the directory is told" \
    grep -qxF "checksums: $tree/sub/empty: Permission denied" "$err"
  check "no permission: all others have their digests" test "$(wc -l <"$out")" -eq 111
  chmod 755 "$tree/sub/file-7" "$tree/sub/empty"
else
  skip "no permission" "there is no other user who may run the program"
fi

# One process takes the largest file first. While it sums that up, the smallest one goes.
truncate --size=200M "$tree/sub/sparse"
"$checksums" --no-compare --jobs=1 "$tree" >"$out" 2>"$err" </dev/null &
pid=$!
i=0
until grep -q . "/proc/$pid/task/$pid/children" 2>/dev/null || [ $((i += 1)) -gt 100 ]
do
  sleep 0.01
done
rm "$tree/empty"
wait "$pid"
status=$?
check "a file that vanishes: exit status" has_status 1
check "a file that vanishes is told" \
  grep -qxF "checksums: $tree/empty: No such file or directory" "$err"
check "a file that vanishes: all others have their digests" is_what_sha256sum_says
rm "$tree/sub/sparse"

if [ -w /dev/full ]
then
  "$checksums" --no-compare "$tree" >/dev/full 2>"$err" </dev/null
  status=$?
  check "a full disk: exit status" has_status 1
  check "a full disk is told" grep -q "standard output: No space left on device" "$err"
else
  skip "a full disk" "no /dev/full"
fi

run --jobs=-1 "$tree"
check "a negative number of processes: exit status" has_status 1
check "a negative number of processes is told" grep -q -e "--jobs is a number of processes" "$err"

echo "1..$n"
