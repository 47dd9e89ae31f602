#!/bin/sh
# SPDX-FileCopyrightText: 2026 The pcall authors
# SPDX-License-Identifier: LGPL-2.1-or-later

# The smallest program in another language prints what the one in C does.
#
# usage: test-hello.sh COMMAND…

echo 1..1

printed=$("$@" 2>/dev/null) || printed="exit status $?"
if [ "$printed" = "[<4>, <9>, <16>]" ]
then
  echo "ok 1 hello prints the squares"
else
  echo "not ok 1 hello prints the squares"
  echo "# it printed: $printed"
fi
