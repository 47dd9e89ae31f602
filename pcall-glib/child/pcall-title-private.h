/*
 * SPDX-FileCopyrightText: 2026 The pcall authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#pragma once

#include <glib.h>

G_BEGIN_DECLS

/* What a forked child is called where processes are listed: see pcall-title.c. */

/* In the parent, before it forks children that are to have names. */
void pcall_title_prepare (void);

/* In a child, whose only thread this is. @name: what it calls; NULL: the program's name stands for
 * it. @index: of its call; -1 where it has more than one. */
void pcall_title_name    (const char *name,
                          gint64      index);
/* In that child, now and whenever it is in another call. */
void pcall_title_show    (const char *name,
                          guint       index);

G_END_DECLS
