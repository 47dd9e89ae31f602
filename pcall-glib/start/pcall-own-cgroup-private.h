/*
 * SPDX-FileCopyrightText: 2026 The pcall authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#pragma once

#include "child/pcall-child-main-private.h"

G_BEGIN_DECLS

/* A control group for the children of one task. */

/* Makes it, below that of this process, and starts its warden. The life pipe has to be held, until
 * it has been ended. @null_fd: of /dev/null. NULL with PCALL_ERROR_START where none can be had. */
PcallOwnCgroup *pcall_own_cgroup_new       (int                   null_fd,
                                            GError              **error);
/* The file to which a process writes "0" in order to be in it, with all that it will start. */
const char     *pcall_own_cgroup_get_procs (const PcallOwnCgroup *self);
/* Kills whatever is in it, and removes it. */
void            pcall_own_cgroup_end       (PcallOwnCgroup       *self);
/* Frees the memory alone. */
void            pcall_own_cgroup_free      (PcallOwnCgroup       *self);

G_END_DECLS
