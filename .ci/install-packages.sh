#!/bin/sh
# SPDX-FileCopyrightText: 2026 The pcall authors
# SPDX-License-Identifier: LGPL-2.1-or-later

# Installs those of the named Debian packages that are missing, and says which.
# Where everything is there, nothing is asked of the network, of root or of apt.
#
# usage: .ci/install-packages.sh PACKAGE…

set -eu

is_installed ()
{
  dpkg-query --show --showformat '${db:Status-Status}\n' "$1" 2>/dev/null | grep -qx installed
}

if ! command -v dpkg-query >/dev/null
then
  echo "This is no Debian: what is needed is called there $*"
  exit 0
fi

missing=
for package
do
  is_installed "$package" || missing="$missing $package"
done
[ -n "$missing" ] || exit 0

echo "Installing from Debian's packages:$missing"
as_root=
if [ "$(id -u)" -ne 0 ]
then
  as_root=sudo
  if ! command -v sudo >/dev/null
  then
    echo "Neither root nor sudo: install them by hand, please" >&2
    exit 1
  fi
fi

$as_root apt-get update -q
# shellcheck disable=SC2086 # a list of packages, one word each
$as_root env DEBIAN_FRONTEND=noninteractive \
  apt-get install -q -y --no-install-recommends $missing
