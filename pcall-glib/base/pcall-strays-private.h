/*
 * SPDX-FileCopyrightText: 2026 The pcall authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#pragma once

#include <glib.h>
#include <sys/types.h>

G_BEGIN_DECLS

/* Sends @signum to all descendants of the child @pid that have left its process group, as far as
 * they can be found. While that has not been waited for. */
void pcall_strays_signal (pid_t pid,
                          int   signum);

G_END_DECLS
