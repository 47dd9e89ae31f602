/*
 * SPDX-FileCopyrightText: 2026 The pcall authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

/* The first task of a process waits for its first child when it starts, may see its end, and may
 * have to fork again: children find out who writes the log. For tests that are about the others;
 * to be run when the program has set what it sets for its log. */

#pragma once

#include <pcall-glib/pcall.h>

static GVariant *
first_task_call (GVariant *args, GVariant *kwargs, gpointer user_data, GError **error)
{
  return NULL;
}

static inline void
run_first_task (void)
{
  g_autoptr (PcallTask) task = pcall_task_new_for_func (first_task_call, NULL, NULL);
  g_autoptr (GError) error = NULL;
  G_GNUC_UNUSED g_autoptr (GVariant) results = pcall_task_run (task, NULL, &error);

  g_assert_no_error (error);
}
