#!/bin/sh
# SPDX-FileCopyrightText: 2026 The pcall authors
# SPDX-License-Identifier: LGPL-2.1-or-later

# Root tells the loader of programs about the library that was installed; and what is not found by
# itself below this prefix is said.
#
# usage: after-install.sh ENVIRONMENT_FILE

PATH=$PATH:/usr/sbin:/sbin

if [ "$(id -u)" -eq 0 ]
then
  ldconfig || echo "ldconfig failed: programs may not find the library until it is run" >&2
fi
if [ -n "$1" ]
then
  echo "To be found here, pcall needs this line in ~/.profile:  . $1"
fi
