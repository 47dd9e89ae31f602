#!/bin/sh
# SPDX-FileCopyrightText: 2026 The pcall authors
# SPDX-License-Identifier: LGPL-2.1-or-later

# Runs a command as a batch job of two tasks, and says afterwards what it wrote.
#
# usage: in-sbatch.sh COMMAND…

set -u
[ -z "${SLURM_JOB_ID:-}" ] || exec "$@"

dir=$(mktemp -d "${TMPDIR:-/tmp}/pcall-sbatch-XXXXXX") || exit 1
trap 'rm -rf "$dir"' EXIT
sbatch --quiet --wait -n2 --output="$dir/out" --error="$dir/err" "$0" "$@"
status=$?
cat "$dir/out"
cat "$dir/err" >&2
exit $status
