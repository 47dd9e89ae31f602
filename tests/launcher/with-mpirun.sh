#!/bin/sh
# SPDX-FileCopyrightText: 2026 The pcall authors
# SPDX-License-Identifier: LGPL-2.1-or-later

# Runs a command that uses mpirun, as whoever this is, with more processes than processors.
#
# usage: with-mpirun.sh COMMAND…
#
# Where mpirun is not there, or cannot run here, this says so: a test that is left out.

set -u
# shellcheck source=tests/launcher/engine-support.sh
. "$(dirname "$0")/engine-support.sh"

need openmpi-bin mpirun
enclose "$0" "$@"

# What it leaves when it is killed
mkdir "$dir/tmp" "$dir/log"
TMPDIR="$dir/tmp"
OMPI_ALLOW_RUN_AS_ROOT=1
OMPI_ALLOW_RUN_AS_ROOT_CONFIRM=1
OMPI_MCA_rmaps_base_oversubscribe=1
export TMPDIR OMPI_ALLOW_RUN_AS_ROOT OMPI_ALLOW_RUN_AS_ROOT_CONFIRM OMPI_MCA_rmaps_base_oversubscribe

timeout 30 mpirun -n 3 true > "$dir/log/mpirun" 2>&1 ||
  leave_out "mpirun does not run here: $(grep -v '^[- ]*$' "$dir/log/mpirun" | head -n 3 | tr '\n' ' ')"
run "$@"
