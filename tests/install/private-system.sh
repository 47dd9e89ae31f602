#!/bin/sh
# SPDX-FileCopyrightText: 2026 The pcall authors
# SPDX-License-Identifier: LGPL-2.1-or-later

# Runs a command in a private copy of this system: whatever it installs, removes or breaks is gone
# when it has ended. The copy is an overlay over the root directory, in memory, in a mount namespace.
#
# The sources in the current directory lie there in /src, without what was built from them. What has
# been changed is in /mnt/changed, and /mnt/before is the system without it.
#
# Where that cannot be had, it says so in TAP, as a test that is skipped.
#
# usage: private-system.sh COMMAND…

set -eu

unavailable ()
{
  echo "1..0 # SKIP no private copy of the system: $1"
  exit 0
}

if [ "$1" != --in-namespace ]
then
  [ "$(id -u)" -eq 0 ] || unavailable "only root can have one"
  unshare --mount true 2>/dev/null || unavailable "mount namespaces are not allowed"
  exec unshare --mount --propagation private sh "$0" --in-namespace "$@"
fi
shift

mount -t tmpfs -o mode=755 private /mnt || unavailable "no file system in memory can be mounted"
mkdir /mnt/changed /mnt/work /mnt/root
mount -t overlay -o lowerdir=/,upperdir=/mnt/changed,workdir=/mnt/work private /mnt/root 2>/dev/null ||
  unavailable "no overlay can be mounted"

mkdir -p /mnt/root/src /mnt/root/mnt/changed /mnt/root/mnt/before
tar -c --exclude=./_build --exclude='./build*' --exclude=./.git . | tar -x -C /mnt/root/src
mount --bind /mnt/changed /mnt/root/mnt/changed
mount --bind / /mnt/root/mnt/before
mount -t tmpfs -o mode=1777 private /mnt/root/tmp
for directory in proc sys dev
do
  mount --rbind "/$directory" "/mnt/root/$directory"
done

cd /mnt/root/src
exec chroot /mnt/root sh -c 'cd /src && exec "$@"' sh "$@"
