/*
 * SPDX-FileCopyrightText: 2026 The pcall authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#pragma once

#include <glib.h>

G_BEGIN_DECLS

/* Times as users give them: seconds, where 0 is for no limit. Inside, they are microseconds. */

/* Three hundred years are no limit, and fit. */
#define PCALL_MAX_SECONDS 1e10

/* Whether an option called @name may have that value; warns if not. */
gboolean pcall_seconds_check           (gdouble     seconds,
                                        const char *name);
/* 0 where that is no limit. */
gint64   pcall_seconds_to_microseconds (gdouble     seconds);

G_END_DECLS
