/*
 * SPDX-FileCopyrightText: 2026 The pcall authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

/* What a handler of a signal may do to the task that calls it: join it, dispatch it, terminate it,
 * drop the last reference to it. Each is tried in each signal, on the main loop and in join(). */

#include <gio/gio.h>
#include <signal.h>
#include <sys/wait.h>

#include "first-task.h"
#include "task-support.h"

#define N_CALLS 6

/* Emits every signal: call 0 succeeds, 1 fails, 2 crashes, 3 times out. */
static GVariant *
act (GVariant *args, GVariant *kwargs, gpointer user_data, GError **error)
{
  guint index = pcall_get_call_index ();

  pcall_report_progress (0.5, "half");
  pcall_send_message (g_variant_new_int32 (1));
  switch (index)
    {
    case 1:
      g_set_error_literal (error, G_IO_ERROR, G_IO_ERROR_FAILED, "failed");
      return NULL;
    case 2:
      raise (SIGKILL);
      return NULL;
    case 3:
      return support_sleep (args, kwargs, user_data, error);
    default:
      return g_variant_new_uint32 (index);
    }
}

typedef struct _Deed Deed;

struct _Deed
{
  PcallTask *task;
  void (*func) (Deed *self);
  guint n_done;
  guint n_calls_finished;
  guint n_finished;
  gboolean finished;
};

/* Whatever the signal's parameters: the last is always the user data. */
static void
do_it (Deed *self)
{
  if (self->n_done++ == 0)
    self->func (self);
}

static void
note_call_finished (Deed *self)
{
  g_assert_cmpuint (self->n_finished, ==, 0);
  self->n_calls_finished++;
}

static void
note_finished (Deed *self)
{
  g_assert_cmpuint (self->n_calls_finished, ==, N_CALLS);
  self->n_finished++;
  self->finished = TRUE;
}

static void
note_gone (gpointer data, GObject *object)
{
  Deed *self = data;

  self->task = NULL;
  self->finished = TRUE;
}

static void
join_to_end (PcallTask *task)
{
  g_autoptr (GError) error = NULL;

  g_assert_false (pcall_task_join (task, SUPPORT_LIMIT_S / 2, NULL, &error));
  g_assert_false (g_error_matches (error, G_IO_ERROR, G_IO_ERROR_TIMED_OUT));
}

static void
do_join (Deed *self)
{
  join_to_end (self->task);
}

static void
do_join_briefly (Deed *self)
{
  pcall_task_join (self->task, 0, NULL, NULL);
}

static void
do_dispatch (Deed *self)
{
  for (int i = 0; i < 100; i++)
    pcall_task_dispatch (self->task);
}

static void
do_terminate (Deed *self)
{
  pcall_task_terminate (self->task);
}

static void
do_drop (Deed *self)
{
  g_object_unref (self->task);
}

static void
do_drop_after_join (Deed *self)
{
  join_to_end (self->task);
  g_object_unref (self->task);
}

static void
do_other_task (Deed *self)
{
  PcallTask *other = support_task (support_index, 2);

  support_run (other, "[<uint32 0>, <uint32 1>]");
  g_assert_finalize_object (other);
}

static void
do_iterate (Deed *self)
{
  for (int i = 0; i < 100; i++)
    g_main_context_iteration (NULL, FALSE);
}

static const struct
{
  const char *name;
  void (*func) (Deed *self);
} deeds[] = {
  { "join", do_join },           { "join-briefly", do_join_briefly },
  { "dispatch", do_dispatch },   { "terminate", do_terminate },
  { "drop", do_drop },           { "drop-after-join", do_drop_after_join },
  { "other-task", do_other_task }, { "iterate", do_iterate },
};

static const char *const signal_names[] = {
  "call-started", "call-progress", "call-message",     "call-failed",
  "call-finished", "child-exited", "call-timed-out",   "notify::n-finished",
  "notify::fraction", "notify::running", "items-changed", "finished",
};

typedef struct
{
  const char *signal_name;
  void (*func) (Deed *self);
  gboolean joined;    /* else on the main loop */
  guint max_children;
} DeedCase;

static void
assert_all_ended (Deed *self)
{
  g_assert_cmpuint (self->n_finished, ==, 1);
  g_assert_cmpuint (pcall_task_get_n_finished (self->task), ==, N_CALLS);
  g_assert_false (pcall_task_get_running (self->task));
  for (guint i = 0; i < N_CALLS; i++)
    g_assert_cmpint (support_state (self->task, i), >, PCALL_CALL_STATE_RUNNING);
}

/* Returns whether the signal came at all. */
static gboolean
try_deed (const DeedCase *row, gdouble timeout)
{
  Deed self = { .task = support_task (act, N_CALLS), .func = row->func };

  g_object_weak_ref (G_OBJECT (self.task), note_gone, &self);
  pcall_task_set_timeout (self.task, timeout);
  pcall_task_set_deadline (self.task, SUPPORT_LIMIT_S);
  pcall_task_set_max_children (self.task, row->max_children);
  g_signal_connect_swapped (self.task, "call-finished", G_CALLBACK (note_call_finished), &self);
  g_signal_connect_swapped (self.task, "finished", G_CALLBACK (note_finished), &self);
  g_signal_connect_swapped (self.task, row->signal_name, G_CALLBACK (do_it), &self);

  pcall_task_start (self.task, NULL);
  if (row->joined && self.task != NULL)
    join_to_end (self.task);
  else
    support_iterate_until (&self.finished);

  if (self.task != NULL)
    {
      assert_all_ended (&self);
      g_object_weak_unref (G_OBJECT (self.task), note_gone, &self);
      g_assert_finalize_object (self.task);
    }
  return self.n_done > 0;
}

/* On a busy machine every call may time out before it acts: it gets more time then. */
static void
test_deed (gconstpointer data)
{
  gdouble timeout = 0.05;

  while (!try_deed (data, timeout))
    {
      timeout *= 4;
      g_assert_cmpfloat (timeout, <, SUPPORT_LIMIT_S);
    }
}

static void
add_deeds (const char *prefix, gboolean joined, guint max_children)
{
  for (gsize d = 0; d < G_N_ELEMENTS (deeds); d++)
    for (gsize s = 0; s < G_N_ELEMENTS (signal_names); s++)
      {
        g_autofree char *path = g_strdup_printf ("/pcall/handlers/%s/%s/%s", prefix, deeds[d].name,
                                                 signal_names[s]);
        DeedCase *row = g_new (DeedCase, 1);

        *row = (DeedCase){ signal_names[s], deeds[d].func, joined, max_children };
        g_test_add_data_func_full (path, row, test_deed, g_free);
      }
}

/* A handler disposes of the task, which others have references to. Its handlers are gone then, and
 * it ends as one that was dropped, in a moment. */

static void
do_dispose (Deed *self)
{
  self->finished = TRUE;
  g_object_run_dispose (G_OBJECT (self->task));
}

static GVariant *
die_or_sleep (GVariant *args, GVariant *kwargs, gpointer user_data, GError **error)
{
  pcall_report_progress (0.5, "half");
  pcall_send_message (g_variant_new_int32 (1));
  if (pcall_get_call_index () == 0)
    raise (SIGKILL);
  return support_sleep (args, kwargs, user_data, error);
}

static void
note_joined (GObject *object, GAsyncResult *result, gpointer data)
{
  g_assert_false (pcall_task_join_finish (PCALL_TASK (object), result, NULL));
  *(gboolean *) data = TRUE;
}

static void
dispose_at (const char *signal_name, gboolean joined, guint calls_per_child)
{
  Deed self = { .task = support_task (die_or_sleep, 3), .func = do_dispose };
  gboolean told = FALSE;

  pcall_task_set_grace_period (self.task, 0);
  pcall_task_set_calls_per_child (self.task, calls_per_child);
  g_signal_connect_swapped (self.task, signal_name, G_CALLBACK (do_it), &self);
  support_start (self.task);
  pcall_task_join_async (self.task, NULL, note_joined, &told);
  if (joined)
    join_to_end (self.task);
  support_iterate_until (&self.finished);
  support_iterate_until (&told);

  g_assert_cmpuint (self.n_done, ==, 1);
  g_assert_false (pcall_task_get_running (self.task));
  for (guint i = 0; i < 3; i++)
    g_assert_cmpint (support_state (self.task, i), >, PCALL_CALL_STATE_RUNNING);
  g_assert_false (pcall_task_join (self.task, -1, NULL, NULL));
  g_assert_false (pcall_task_dispatch (self.task));
  g_assert_finalize_object (self.task);
}

static void
test_dispose (void)
{
  static const char *const names[] = {
    "call-started", "call-progress", "call-message", "call-failed", "call-finished", "child-exited",
    "notify::n-finished", "items-changed",
  };

  for (gsize i = 0; i < G_N_ELEMENTS (names); i++)
    for (guint calls_per_child = 0; calls_per_child < 2; calls_per_child++)
      {
        dispose_at (names[i], FALSE, calls_per_child);
        dispose_at (names[i], TRUE, calls_per_child);
      }
}

/* Or another thread does, while two join. */

static gpointer
join_in_thread (gpointer task)
{
  join_to_end (task);
  return NULL;
}

static void
test_dispose_elsewhere (void)
{
  for (guint i = 0; i < 20; i++)
    {
      PcallTask *task = support_task (support_sleep, 2);
      GThread *threads[2];

      pcall_task_set_grace_period (task, 0);
      support_start (task);
      for (gsize t = 0; t < G_N_ELEMENTS (threads); t++)
        threads[t] = g_thread_new ("join", join_in_thread, task);
      if (i % 2 == 0)
        g_usleep (i * 100);
      g_object_run_dispose (G_OBJECT (task));
      for (gsize t = 0; t < G_N_ELEMENTS (threads); t++)
        g_thread_join (threads[t]);
      g_assert_false (pcall_task_get_running (task));
      g_assert_finalize_object (task);
    }
}

/* A handler that joins in each signal of each call, as deep as it goes */
static void
test_join_everywhere (void)
{
  PcallTask *task = support_task (act, N_CALLS);
  Deed self = { .task = task };

  pcall_task_set_timeout (task, 0.05);
  pcall_task_set_deadline (task, SUPPORT_LIMIT_S);
  g_signal_connect_swapped (task, "call-finished", G_CALLBACK (note_call_finished), &self);
  for (gsize s = 0; s < G_N_ELEMENTS (signal_names); s++)
    g_signal_connect (task, signal_names[s], G_CALLBACK (join_to_end), NULL);
  g_signal_connect_swapped (task, "finished", G_CALLBACK (note_finished), &self);

  pcall_task_start (task, NULL);
  join_to_end (task);
  assert_all_ended (&self);

  g_assert_finalize_object (task);
}

/* Messages of a child that has ended by now are read all at once. A handler that joins in each of
 * them gets those after it, the result and the end. */
static GVariant *
send_three (GVariant *args, GVariant *kwargs, gpointer user_data, GError **error)
{
  support_pipe_get (user_data);
  for (int i = 0; i < 3; i++)
    pcall_send_message (g_variant_new_int32 (i));
  return NULL;
}

static void
wait_for_exit_of_any (void)
{
  siginfo_t info;

  while (waitid (P_ALL, 0, &info, WEXITED | WNOWAIT) < 0)
    g_assert_cmpint (errno, ==, EINTR);
}

static void
join_at_message (PcallTask *task, PcallCall *call, GVariant *message, guint *n_messages)
{
  g_assert_cmpint (g_variant_get_int32 (message), ==, (*n_messages)++);
  support_join (task);
  g_assert_cmpuint (*n_messages, ==, 3);
  support_assert_result (task, 0, "()");
}

static void
test_messages_of_the_dead (void)
{
  SupportPipe pipe;
  PcallTask *task = pcall_task_new_for_func (send_three, &pipe, NULL);
  guint n_messages = 0;

  support_pipe_open (&pipe);
  pcall_task_set_n_calls (task, 1);
  g_signal_connect (task, "call-message", G_CALLBACK (join_at_message), &n_messages);
  support_start (task);
  support_pipe_put (&pipe, 0);
  wait_for_exit_of_any ();
  support_join (task);
  g_assert_cmpuint (n_messages, ==, 3);

  g_assert_finalize_object (task);
  support_pipe_close (&pipe);
}

/* A handler connects another one, and joins: that one is called in there. */

typedef struct
{
  PcallTask *task;
  gboolean connected;
  guint n_finished;
} Late;

static void
count_late (Late *self)
{
  self->n_finished++;
}

static void
connect_and_join (Late *self)
{
  if (self->connected)
    return;

  self->connected = TRUE;
  g_signal_connect_swapped (self->task, "call-finished", G_CALLBACK (count_late), self);
  support_join (self->task);
  g_assert_cmpuint (self->n_finished, ==, 1);
}

static void
test_connect_late (void)
{
  static const char *const names[] = { "items-changed", "notify::running", "call-started" };

  for (gsize i = 0; i < G_N_ELEMENTS (names); i++)
    {
      Late self = { .task = support_task (support_index, 1) };

      g_signal_connect_swapped (self.task, names[i], G_CALLBACK (connect_and_join), &self);
      support_run (self.task, NULL);
      g_assert_true (self.connected);
      g_assert_cmpuint (self.n_finished, ==, 1);

      g_assert_finalize_object (self.task);
    }
}

/* Or one is connected between start() and join(), or between two looks. */
static GVariant *
wait_for_byte (GVariant *args, GVariant *kwargs, gpointer user_data, GError **error)
{
  support_pipe_get (user_data);
  return NULL;
}

static void
test_connect_between (void)
{
  SupportPipe pipe;
  Late self = { .task = pcall_task_new_for_func (wait_for_byte, &pipe, NULL) };
  Late looked = { .task = self.task };

  support_pipe_open (&pipe);
  pcall_task_set_n_calls (self.task, 3);
  support_start (self.task);
  g_signal_connect_swapped (self.task, "call-finished", G_CALLBACK (count_late), &self);
  support_pipe_put (&pipe, 0);
  while (pcall_task_get_n_finished (self.task) == 0)
    pcall_task_join (self.task, 0.01, NULL, NULL);
  pcall_task_join (self.task, 0, NULL, NULL);
  g_assert_cmpuint (self.n_finished, ==, 1);

  g_signal_connect_swapped (self.task, "call-finished", G_CALLBACK (count_late), &looked);
  support_pipe_put (&pipe, 0);
  support_pipe_put (&pipe, 0);
  support_join (self.task);
  g_assert_cmpuint (self.n_finished, ==, 3);
  g_assert_cmpuint (looked.n_finished, ==, 2);

  support_pipe_close (&pipe);
  g_assert_finalize_object (self.task);
}

int
main (int argc, char *argv[])
{
  g_test_init (&argc, &argv, NULL);
  run_first_task ();

  add_deeds ("loop", FALSE, 0);
  add_deeds ("joined", TRUE, 0);
  add_deeds ("one-by-one", TRUE, 1);
  g_test_add_func ("/pcall/handlers/messages-of-the-dead", test_messages_of_the_dead);
  support_add ("/pcall/handlers/connect/late", test_connect_late);
  support_add ("/pcall/handlers/connect/between", test_connect_between);
  support_add ("/pcall/handlers/dispose", test_dispose);
  support_add ("/pcall/handlers/dispose-elsewhere", test_dispose_elsewhere);
  support_add ("/pcall/handlers/join-everywhere", test_join_everywhere);

  return g_test_run ();
}
