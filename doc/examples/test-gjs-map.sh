#!/bin/sh
# SPDX-FileCopyrightText: 2026 The pcall authors
# SPDX-License-Identifier: LGPL-2.1-or-later

# What the programs print that use map() in JavaScript.
#
# usage: test-gjs-map.sh GJS DIRECTORY

gjs=$1
directory=$2
number=0

# check NAME EXPECTED PRINTED
check () {
  number=$((number + 1))
  if [ "$2" = "$3" ]
  then
    echo "ok $number $1"
  else
    echo "not ok $number $1"
    printf '%s\n' "expected:" "$2" "printed:" "$3" | sed 's/^/# /'
  fi
}

echo 1..4
check words "$(cd "$directory" && wc -w words.js twins.js | grep -v total | sed 's/^ *//')" \
  "$(cd "$directory" && "$gjs" -m words.js words.js twins.js)"
check "words of no file" "status 1" \
  "$("$gjs" -m "$directory/words.js" "$directory/none" 2>/dev/null; echo "status $?")"
check twins "$(printf '%s\n' '101 103' '107 109' '137 139')" \
  "$("$gjs" -m "$directory/twins.js" 100 3)"
check polite "$(printf '%s\n' '0 ONE' '1 call 1 (work): timed out after 1 s' '2 TWO' \
  '0 THREE' '1 call 1 (work): exited with status 3 without handing over a result' '2 FOUR')" \
  "$("$gjs" -m "$directory/polite.js" 2>/dev/null)"
