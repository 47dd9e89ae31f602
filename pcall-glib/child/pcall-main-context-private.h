/*
 * SPDX-FileCopyrightText: 2026 The pcall authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#pragma once

#include <glib.h>

G_BEGIN_DECLS

/* GLib's default main context in a child. */

/* In the parent, as long as it may fork. From any thread. */
void  pcall_main_context_hold    (void);
void  pcall_main_context_release (void);

/* In the parent, before it forks: tells its sources from those that a child will make, as long as
 * no other thread runs. 0 where nothing holds the context, or another thread runs it: that would be
 * woken, and a copy of what runs through its sources cannot be run any more. */
guint pcall_main_context_mark    (void);

/* In a child whose parent has other threads, when locks of main contexts are known to be free.
 * Kills this process by SIGALRM, as the trial of locks does, where one of those threads was in the
 * midst of a step of its loop at the fork: GLib never runs a copy of that. */
void  pcall_main_context_try     (void);

/* In a child, in the thread that runs its call, before that makes sources: from here on the context
 * is its own, with nothing of its parent's in it. @own is the child's thread-default one: whoever
 * runs the default runs that, too. Does nothing where nothing holds the context.
 * @mark: what the parent has found; 0: it does not know, and another thread of it may have been
 * running the context. */
void  pcall_main_context_adopt   (GMainContext *own,
                                  guint         mark);

G_END_DECLS
