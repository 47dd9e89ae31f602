/*
 * SPDX-FileCopyrightText: 2026 The pcall authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#pragma once

#include <glib.h>

G_BEGIN_DECLS

/* GJS, where this process has it. It is asked for when it is there; nothing links to it. */

/* Whether this is the thread that JavaScript runs in. */
gboolean pcall_javascript_is_here (void);
/* Once it is: collects all garbage. FALSE if that could not be. */
gboolean pcall_javascript_collect (void);
/* To be called before a callback that must not be missed. */
void     pcall_javascript_attend  (void);

G_END_DECLS
