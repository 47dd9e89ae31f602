/*
 * SPDX-FileCopyrightText: 2026 The pcall authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

/* What the tests of misuse share: a task that is as it should be until something is done to it. */

#pragma once

#include "task-support.h"

/* Returns its arguments, with which it can be seen what a task had at its start. */
static inline GVariant *
echo (GVariant *args, GVariant *kwargs, gpointer user_data, GError **error)
{
  return g_variant_new ("(@v@a{sv})", g_variant_new_variant (args), kwargs);
}

/* A task where everything is set. */
static inline PcallTask *
full_task (void)
{
  PcallTask *task = pcall_task_new_for_func (echo, NULL, NULL);

  pcall_task_set_common_args (task, g_variant_new_parsed ("(1,)"));
  pcall_task_set_instance_args (task, g_variant_new_parsed ("[('a',), ('b',)]"));
  pcall_task_set_common_kwargs (task, g_variant_new_parsed ("{'k': <2>}"));
  pcall_task_set_instance_kwargs (task, g_variant_new_parsed ("[{'i': <3>}, {'i': <4>}]"));
  pcall_task_set_argument (task, "x", g_variant_new_parsed ("[5, 6]"));
  return task;
}

static const char full_results[] = "[<(<(1, 'a')>, {'k': <2>, 'i': <3>, 'x': <5>})>,"
                                   " <(<(1, 'b')>, {'k': <2>, 'i': <4>, 'x': <6>})>]";

/* Whether @error says what it should: @pattern is of g_pattern_match_simple(). */
static inline void
misuse_assert_told (const GError *error, GQuark domain, int code, const char *pattern)
{
  g_assert_nonnull (error);
  if (!g_pattern_match_simple (pattern, error->message))
    g_error ("'%s' was told, expected %s", error->message, pattern);
  g_assert_error (error, domain, code);
}

/* Adds a test for a row of a table. */
#define MISUSE_ADD(group, table, row, name, func)                                                 \
  G_STMT_START                                                                                    \
  {                                                                                               \
    g_autofree char *path = g_strdup_printf ("/pcall/mistakes/" group "/%s", name);               \
                                                                                                  \
    g_test_add_data_func (path, &table[row], func);                                               \
  }                                                                                               \
  G_STMT_END
