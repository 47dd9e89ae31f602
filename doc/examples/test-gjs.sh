#!/bin/sh
# SPDX-FileCopyrightText: 2026 The pcall authors
# SPDX-License-Identifier: LGPL-2.1-or-later

# What the programs in JavaScript print. Ten of them stand in today/ too, without pcall, and do the
# same there.
#
# usage: test-gjs.sh GJS DIRECTORY

gjs=$1
cd "$2" || exit 1
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

# run FILE ARGUMENT…
run () {
  "$gjs" -m "$@" 2>/dev/null || echo "status $?"
}

# Those that wait for seconds, before the others, side by side. They do not run as main modules: GJS
# 1.74 takes a whole processor while such a one awaits something at its top level.
scratch=$(mktemp -d) || exit 1
trap 'rm -r "$scratch"' EXIT
loop='
  const {GLib} = imports.gi;
  const loop = new GLib.MainLoop(null, false);
  import(`file://${GLib.get_current_dir()}/${ARGV.shift()}`)
    .catch(error => printerr(error)).finally(() => loop.quit());
  loop.run();'

for file in endings.js today/endings.js deadline.js today/deadline.js
do
  { "$gjs" -c "$loop" "$file" 5 2>/dev/null || echo "status $?"; } \
    >"$scratch/$(echo $file | tr / -)" &
done
wait

# check_both NAME EXPECTED ARGUMENT…
check_both () {
  name=$1
  expected=$2
  shift 2
  check "$name" "$expected" "$(run "$name.js" "$@")"
  check "today/$name" "$expected" "$(run "today/$name.js" "$@")"
}

echo 1..24
check_both hello 4,9,16
check_both primes 2262
check_both mandelbrot '................#....
...............#.....
............#######..
.......##..#########.
###################..
.......##..#########.
............#######..
...............#.....
................#....'
check_both mirrors east
check_both progress '100 %: layer 3 of cake, CAKE
100 %: layer 1 of bread, BREAD
100 %: layer 2 of tart, TART'
check deadline 'keys
glasses' "$(cat "$scratch/deadline.js")"
check today/deadline 'keys
glasses' "$(cat "$scratch/today-deadline.js")"
check_both commands 'echo one: one
exit 3: failed
echo two: two
status 1' 'echo one' 'exit 3' 'echo two'
check_both digests "$(sha256sum words.js twins.js; echo 'status 1')" words.js none twins.js
check_both lines "$(wc -lw words.js twins.js | sed -E '/total/d; s/^ +//; s/ +/ /g'; echo 'status 1')" \
  words.js none twins.js

# The others say it in words of their own, and pcall says whether memory may have been wanting.
ends='well: well
error: there is no such thing'
check endings "$ends
crash: call 2 (end): killed by signal 9 (Killed)
hang: call 3 (end): timed out after 5 s" "$(sed 's/, perhaps out of memory.*//' "$scratch/endings.js")"
check today/endings "$ends
crash: killed by signal 9
hang: timed out after 5 s" "$(cat "$scratch/today-endings.js")"

check "words of all files" "$(wc -w words.js twins.js | grep -v total | sed 's/^ *//')" \
  "$(run words.js words.js twins.js)"
check "words of no file" "status 1" "$(run words.js none)"
check twins "$(printf '%s\n' '101 103' '107 109' '137 139')" "$(run twins.js 100 3)"
check polite "$(printf '%s\n' '0 ONE' '1 call 1 (work): timed out after 1 s' '2 TWO' \
  '0 THREE' '1 call 1 (work): exited with status 3 without handing over a result' '2 FOUR')" \
  "$(run polite.js)"
