/*
 * SPDX-FileCopyrightText: 2026 The pcall authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#pragma once

#include <glib.h>

G_BEGIN_DECLS

/* The warden of a control group uses this, too, which has the C library alone. */

/* Removes the control group @directory, with all below it. FALSE with errno set, EBUSY where there
 * are processes in it. */
gboolean pcall_cgroup_remove (const char *directory);

/* Kills what is in the control group and below, waits for that, and removes it. FALSE with errno
 * set where it is still there when @limit_ms milliseconds have passed. */
gboolean pcall_cgroup_kill   (const char *directory,
                              int         limit_ms);

G_END_DECLS
