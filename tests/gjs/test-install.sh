#!/bin/sh
# SPDX-FileCopyrightText: 2026 The pcall authors
# SPDX-License-Identifier: LGPL-2.1-or-later

# JavaScript from a scratch prefix: the override, the typelib and the worker program are found where
# they were installed, and nothing of the source tree is used.
#
# usage: test-install.sh MESON BUILD_DIRECTORY PREFIX LIBDIR DATADIR

set -u

meson=$1
build=$2
prefix=$3
libdir=$4
datadir=$5

scratch=$(mktemp -d) || exit 1
trap 'rm -rf "$scratch"' EXIT
trap 'exit 1' HUP INT TERM

unset GJS_PATH PCALL_WORKER_DIR PCALL_GJS_WORKER_DIR
echo 1..3

if DESTDIR=$scratch "$meson" install -C "$build" --no-rebuild --quiet >"$scratch/log" 2>&1
then
  echo "ok 1 it installs"
else
  echo "not ok 1 it installs"
  sed 's/^/# /' "$scratch/log"
fi

root=$scratch$prefix
cat >"$scratch/script.js" <<'END'
import Pcall from 'gi://Pcall?version=1.0';

print(await Pcall.pcallAsync(x => [x, imports.overrides.pcall.task.__file__], {iargs: [[2], [3]]}));
END

# check NUMBER NAME COMMAND…: what is printed has to be of two calls in the scratch prefix.
check ()
{
  number=$1
  name=$2
  shift 2
  file=$root/$datadir/gjs-1.0/overrides/pcall/task.js
  printed=$(cd "$scratch" && env GI_TYPELIB_PATH="$root/$libdir/girepository-1.0" \
    LD_LIBRARY_PATH="$root/$libdir" XDG_DATA_DIRS="$root/$datadir:/usr/share" "$@" 2>&1)
  if [ "$printed" = "2,$file,3,$file" ]
  then
    echo "ok $number $name"
  else
    echo "not ok $number $name"
    echo "$printed" | sed 's/^/# /'
  fi
}

check 2 "a module" gjs -m "$scratch/script.js"

sed 's/^import Pcall.*/imports.gi.versions.Pcall = "1.0"; const {Pcall} = imports.gi;/
  s/^print(await \(.*\));$/print(\1);/; s/pcallAsync/pcall/' "$scratch/script.js" >"$scratch/old.js"
check 3 "a script of the old kind" gjs "$scratch/old.js"
