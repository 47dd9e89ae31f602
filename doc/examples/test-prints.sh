#!/bin/sh
# SPDX-FileCopyrightText: 2026 The pcall authors
# SPDX-License-Identifier: LGPL-2.1-or-later

# An example prints what it should on its standard output, and succeeds.
#
# usage: test-prints.sh EXPECTED COMMAND…

echo 1..1

expected=$1
shift
printed=$("$@" 2>/dev/null) || printed="$printed, exit status $?"
if [ "$printed" = "$expected" ]
then
  echo "ok 1 it prints what it should"
else
  echo "not ok 1 it prints what it should"
  printf '%s\n' "it printed: $printed" "expected: $expected" | sed 's/^/# /'
fi
