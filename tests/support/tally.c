/*
 * SPDX-FileCopyrightText: 2026 The pcall authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

/* A tally holds a task to its first promise: every call ends in exactly one state, and that is
 * told exactly once. */

#include "tally.h"

#include <glib/gstdio.h>

typedef struct
{
  guint    n_started;
  guint    n_failed;
  guint    n_timed_out;
  guint    n_finished;
  gint     pid;
  gint     exit_status;
  gint     term_signal;
  gboolean core_dumped;
} Count;

struct _Tally
{
  PcallTask *task;
  Count     *counts;
  guint      n_calls;
  guint      n_ends;
};

static Count *
count_of (Tally     *self,
          PcallCall *call)
{
  guint index = pcall_call_get_index (call);

  g_assert_cmpuint (index, <, self->n_calls);
  return &self->counts[index];
}

static void
on_call_started (PcallTask *task,
                 PcallCall *call,
                 Tally     *self)
{
  Count *count = count_of (self, call);

  /* Who looked at the task since has seen more than was told yet. */
  g_assert_cmpint (pcall_call_get_state (call), >=, PCALL_CALL_STATE_RUNNING);
  count->n_started++;
  count->pid = pcall_call_get_pid (call);
}

static void
on_call_failed (PcallTask *task,
                PcallCall *call,
                GError    *error,
                Tally     *self)
{
  g_assert_nonnull (error);
  count_of (self, call)->n_failed++;
}

static void
on_call_timed_out (PcallTask *task,
                   PcallCall *call,
                   Tally     *self)
{
  count_of (self, call)->n_timed_out++;
}

static void
on_call_finished (PcallTask *task,
                  PcallCall *call,
                  Tally     *self)
{
  g_assert_cmpint (pcall_call_get_state (call), >, PCALL_CALL_STATE_RUNNING);
  count_of (self, call)->n_finished++;
}

static void
on_child_exited (PcallTask  *task,
                 PcallChild *child,
                 Tally      *self)
{
  g_assert_false (pcall_child_get_running (child));
  for (guint i = 0; i < self->n_calls; i++)
    if (self->counts[i].pid == pcall_child_get_pid (child) && self->counts[i].n_finished == 0)
      {
        self->counts[i].exit_status = pcall_child_get_exit_status (child);
        self->counts[i].term_signal = pcall_child_get_term_signal (child);
        self->counts[i].core_dumped = pcall_child_get_core_dumped (child);
      }
}

static void
on_finished (PcallTask *task,
             Tally     *self)
{
  self->n_ends++;
}

Tally *
tally_new (PcallTask *task)
{
  Tally *self = g_new0 (Tally, 1);

  self->task = g_object_ref (task);
  self->n_calls = pcall_task_get_n_calls (task);
  self->counts = g_new0 (Count, self->n_calls);
  for (guint i = 0; i < self->n_calls; i++)
    self->counts[i].exit_status = -1;

  g_signal_connect (task, "call-started", G_CALLBACK (on_call_started), self);
  g_signal_connect (task, "call-failed", G_CALLBACK (on_call_failed), self);
  g_signal_connect (task, "call-timed-out", G_CALLBACK (on_call_timed_out), self);
  g_signal_connect (task, "call-finished", G_CALLBACK (on_call_finished), self);
  g_signal_connect (task, "child-exited", G_CALLBACK (on_child_exited), self);
  g_signal_connect (task, "finished", G_CALLBACK (on_finished), self);
  return self;
}

void
tally_free (Tally *self)
{
  g_signal_handlers_disconnect_by_data (self->task, self);
  g_object_unref (self->task);
  g_free (self->counts);
  g_free (self);
}

int
tally_get_exit_status (Tally *self,
                       guint  index)
{
  return self->counts[index].exit_status;
}

int
tally_get_term_signal (Tally *self,
                       guint  index)
{
  return self->counts[index].term_signal;
}

gboolean
tally_get_core_dumped (Tally *self,
                       guint  index)
{
  return self->counts[index].core_dumped;
}

static void
assert_call_complete (Tally *self,
                      guint  index)
{
  g_autoptr (PcallCall) call = pcall_task_dup_call (self->task, index);
  g_autoptr (GVariant) result = pcall_call_dup_result (call);
  g_autoptr (GError) error = pcall_call_dup_error (call);
  PcallCallState state = pcall_call_get_state (call);
  const Count *count = &self->counts[index];

  g_assert_cmpint (state, >, PCALL_CALL_STATE_RUNNING);
  g_assert_cmpuint (count->n_started, <=, 1);
  g_assert_cmpuint (count->n_finished, ==, 1);
  g_assert_cmpuint (count->n_failed, ==,
                    state == PCALL_CALL_STATE_FAILED || state == PCALL_CALL_STATE_CRASHED);
  g_assert_cmpuint (count->n_timed_out, ==, state == PCALL_CALL_STATE_TIMED_OUT);
  g_assert_true ((result != NULL) == (state == PCALL_CALL_STATE_SUCCEEDED));
  g_assert_true ((error == NULL) == (state == PCALL_CALL_STATE_SUCCEEDED));
}

void
tally_assert_complete (Tally *self)
{
  g_autoptr (GPtrArray) living = pcall_task_dup_living_children (self->task);

  g_assert_false (pcall_task_get_running (self->task));
  g_assert_cmpuint (self->n_ends, ==, 1);
  g_assert_cmpuint (living->len, ==, 0);
  g_assert_cmpuint (pcall_task_get_n_finished (self->task), ==, self->n_calls);
  for (guint i = 0; i < self->n_calls; i++)
    assert_call_complete (self, i);
}

void
tally_remove_logs (Tally *self)
{
  for (guint i = 0; i < self->n_calls; i++)
    {
      g_autoptr (PcallCall) call = pcall_task_dup_call (self->task, i);
      const char *path = pcall_call_get_log_file (call);
      g_autofree char *directory = path != NULL ? g_path_get_dirname (path) : NULL;

      if (path == NULL)
        continue;
      g_assert_no_errno (g_unlink (path));
      g_rmdir (directory);
    }
}
