#!/bin/sh
# SPDX-FileCopyrightText: 2026 The pcall authors
# SPDX-License-Identifier: LGPL-2.1-or-later

# Tells the loader of programs about the library that root has installed. It keeps nothing for others.

PATH=$PATH:/usr/sbin:/sbin

if [ "$(id -u)" -eq 0 ] && command -v ldconfig >/dev/null
then
  ldconfig
fi
