/*
 * SPDX-FileCopyrightText: 2026 The pcall authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#pragma once

#include <glib.h>

G_BEGIN_DECLS

/* The life pipe: its write end is held by this process alone, so that it closes when this process
 * ends, however it ends. */

/* Makes the pipe for its first user, and closes it after the last, when none of its children is
 * left. From any thread. */
gboolean pcall_lifeline_hold    (GError **error);
void     pcall_lifeline_release (void);

/* In the parent: opens the read end anew, for one child, which has to be alone in holding it. -1
 * with errno set on failure. */
int      pcall_lifeline_open    (void);

/* In the parent, when the child has been made: keeps @fd open as long as that lives, so that a
 * child that closes all that it has dies with this process all the same. Takes @fd; returns what is
 * to be closed when the child has ended, -1 where descriptors are short. */
int      pcall_lifeline_keep    (int      fd);

/* In a child, when it leads its process group: from now on the kernel kills the group with SIGKILL
 * when the parent ends. Does not return if it has ended already. @fd is what the parent opened. -1
 * with errno set on failure. Async-signal-safe. */
int      pcall_lifeline_attach  (int      fd);

G_END_DECLS
