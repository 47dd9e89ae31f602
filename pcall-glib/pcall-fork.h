/*
 * SPDX-FileCopyrightText: 2026 The pcall authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#pragma once

#if !defined(PCALL_INSIDE) && !defined(PCALL_COMPILATION)
#error "Only <pcall-glib/pcall.h> can be included directly."
#endif

#include <gio/gio.h>

#include <pcall-glib/pcall-version-macros.h>

G_BEGIN_DECLS

/**
 * PcallForkFunc:
 * @user_data: what was given with the function
 *
 * A function that forks this process, as `fork()` does, with what a language's
 * runtime needs done before and after.
 *
 * It is called with all signals blocked (but for `SIGCHLD` where that has no handler), and with a
 * main context for the child pushed as the thread's default.
 *
 * Returns: as `fork()`: 0 in the child, the child's pid in the parent, and -1
 *   with `errno` set when that failed. 0 in the process that called it is taken for a
 *   failure, too: what threw may have come back so
 *
 * Since: 1.0
 */
typedef gint (*PcallForkFunc) (gpointer user_data);

PCALL_AVAILABLE_IN_1_0
void pcall_set_fork_func (PcallForkFunc  func,
                          gpointer       user_data,
                          GDestroyNotify destroy);

/**
 * PcallForkHooks: (skip)
 * @enter: (nullable): called first, to be let into the runtime
 * @before: (nullable): called before the fork
 * @after_in_parent: (nullable): called after it in the parent, also when it failed
 * @after_in_child: (nullable): called after it in the child
 * @leave: (nullable): called last, in both, with what @enter gave
 *
 * What a language's runtime needs done around a fork.
 *
 * Since: 1.0
 */
typedef struct
{
  gint (*enter) (void);
  void (*before) (void);
  void (*after_in_parent) (void);
  void (*after_in_child) (void);
  void (*leave) (gint state);
} PcallForkHooks;

PCALL_AVAILABLE_IN_1_0
void pcall_set_fork_hooks (const PcallForkHooks *hooks);

G_END_DECLS
