/*
 * SPDX-FileCopyrightText: 2026 The pcall authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#pragma once

#include <glib.h>
#include <sys/types.h>

G_BEGIN_DECLS

/* Whether a child that this thread forks now, or has just forked, can work. FALSE with
 * PCALL_ERROR_FORK_UNSAFE where it is known to hang. The first time, it may have to find out, which
 * can take a second. */
gboolean pcall_fork_check (GError **error);

/* As fork(), in the way in which this process forks. */
pid_t    pcall_fork       (void);

G_END_DECLS
