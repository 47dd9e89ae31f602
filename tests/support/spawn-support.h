/*
 * SPDX-FileCopyrightText: 2026 The pcall authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

/* Tasks of symbols, which pcall's own worker program runs. */

#pragma once

#include "tally.h"
#include "task-support.h"
#include "traces.h"

static inline PcallTarget *
spawn_target (const char *symbol)
{
  g_autofree char *module = g_test_build_filename (G_TEST_BUILT, "libspawn-targets.so", NULL);

  return pcall_target_new_symbol (module, symbol);
}

static inline PcallTask *
symbol_task (const char *symbol,
             guint       n_calls)
{
  g_autoptr (PcallTarget) target = spawn_target (symbol);
  PcallTask *task = pcall_task_new (target);

  pcall_task_set_n_calls (task, n_calls);
  return task;
}

static inline void
add_symbol (PcallTask  *task,
            const char *symbol)
{
  g_autoptr (PcallTarget) target = spawn_target (symbol);

  pcall_task_add_target (task, target);
}

/* Adds a call, with these arguments as text. */
static inline void
feed_task (PcallTask  *task,
           const char *args)
{
  g_autoptr (GVariant) value = support_parse (args);
  g_autoptr (GError) error = NULL;
  gboolean fed = pcall_task_feed (task, value, &error);

  g_assert_no_error (error);
  g_assert_true (fed);
}

static inline guint
count_children (PcallTask *task)
{
  g_autoptr (GPtrArray) children = pcall_task_dup_children (task);

  return children->len;
}
