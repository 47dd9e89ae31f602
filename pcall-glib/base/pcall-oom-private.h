/*
 * SPDX-FileCopyrightText: 2026 The pcall authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#pragma once

#include <glib.h>

G_BEGIN_DECLS

/* Whether a process that SIGKILL has ended may have been killed for want of memory. */

/* How many processes of this process's control group the kernel has killed for want of memory,
 * ever; -1 where nobody tells. */
gint64 pcall_oom_count_kills    (void);

/* The same, with other directories in the place of /proc and /sys/fs/cgroup. */
gint64 pcall_oom_count_kills_at (const char *proc,
                                 const char *cgroups);

/* What is to be said of it behind "killed by signal 9 (Killed)"; nothing where it cannot be. */
char  *pcall_oom_describe       (gint64      n_kills);

G_END_DECLS
