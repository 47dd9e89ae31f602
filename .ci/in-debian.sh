#!/bin/sh
# SPDX-FileCopyrightText: 2026 The pcall authors
# SPDX-License-Identifier: LGPL-2.1-or-later

# Runs a command for these sources in a small Debian of another release or architecture.
#
# usage: .ci/in-debian.sh RELEASE[-ARCHITECTURE] COMMAND…
#
# The first time, debootstrap makes its tree, with nothing in it but a base system and make; what
# the command installs there stays for the next time. Trees are kept in $DEBIAN_TREES, else in the
# user's cache. The sources are read-only at /pcall, and what is built there stays in
# _build/RELEASE-ARCHITECTURE. Mounts and processes are in namespaces of their own: when the
# command has ended, none of them is left.
#
# Where that cannot be had, the command is skipped: that is said, and is no failure.

set -eu

skip ()
{
  echo "Skipped: $*"
  exit 0
}

# What a system needs besides its files, and the sources.
mount_all ()
{
  mount --bind "$tree" "$tree"
  mount -t proc proc "$tree/proc"
  mount --rbind /sys "$tree/sys"
  mount --rbind /dev "$tree/dev"
  for directory in dev/shm run tmp
  do
    mount -t tmpfs -o mode=1777 tmpfs "$tree/$directory"
  done
  mkdir -p "$tree/pcall" "$build"
  mount --bind . "$tree/pcall"
  mount -o remount,bind,ro "$tree/pcall"
  mount --bind "$build" "$tree/pcall/_build"
}

# Within the namespaces. The tree becomes their root, since a process in a chroot may have no
# namespace of users, which some tests want.
run ()
{
  mount_all
  cp /etc/resolv.conf "$tree/etc/resolv.conf"
  personality=
  [ "$architecture" != i386 ] || personality=linux32
  cd "$tree"
  pivot_root . mnt
  PATH=/usr/sbin:/usr/bin:/sbin:/bin
  umount --lazy /mnt
  exec $personality /usr/bin/env -i HOME=/root LANG=C.UTF-8 TERM="${TERM:-dumb}" \
    PATH=/usr/sbin:/usr/bin:/sbin:/bin PYTHONDONTWRITEBYTECODE=1 ${CI:+CI="$CI"} \
    sh -c 'cd /pcall && "$@"' sh "$@"
}

# A tree has its name only when it is complete.
make_tree ()
{
  .ci/install-packages.sh debootstrap || skip "there is no debootstrap"
  mkdir -p "$trees"
  rm -rf "$tree.new"
  echo "Making a tree of Debian's $release for $architecture in $tree"
  if ! debootstrap --variant=minbase --include=make,ca-certificates --arch="$architecture" \
    "$release" "$tree.new" ${DEBIAN_MIRROR:+"$DEBIAN_MIRROR"} >"$tree.log" 2>&1
  then
    tail -n 5 "$tree.log"
    rm -rf "$tree.new"
    skip "debootstrap cannot make $release (see $tree.log)"
  fi
  mv "$tree.new" "$tree"
}

cd "$(dirname "$0")/.."
[ "$1" != --inside ] || { inside=yes; shift; }
name=$1
shift
release=${name%%-*}
architecture=${name#"$release"}
architecture=${architecture#-}
architecture=${architecture:-$(dpkg --print-architecture 2>/dev/null || uname -m)}
trees=${DEBIAN_TREES:-${XDG_CACHE_HOME:-${HOME:-/var}/.cache}/pcall}
tree=$trees/$release-$architecture
build=_build/$release-$architecture

[ -z "${inside:-}" ] || run "$@"

[ "$(id -u)" -eq 0 ] || skip "a tree of Debian's $release takes root"
unshare --mount --pid true 2>/dev/null || skip "there are no namespaces to be had"
[ -d "$tree" ] || make_tree
# Where the sources are read-only, nothing can be mounted on what is not there.
mkdir -p "$build"
exec unshare --mount --pid --fork --kill-child .ci/in-debian.sh --inside "$name" "$@"
