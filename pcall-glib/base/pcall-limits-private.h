/*
 * SPDX-FileCopyrightText: 2026 The pcall authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#pragma once

#include <glib.h>

G_BEGIN_DECLS

/* What the system has room for. */

/* How many of @n_calls children, which take @n_descriptors of this process each, may run at once
 * so that the application keeps some. */
guint    pcall_limits_find_room       (guint n_calls,
                                       guint n_descriptors);

/* Whether starting a child may work later, when others have ended. */
gboolean pcall_limits_is_want_of_room (int   error_number);

G_END_DECLS
