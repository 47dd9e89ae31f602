/*
 * SPDX-FileCopyrightText: 2026 The pcall authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

/* What the program around a task closes, though it is not its own: one of pcall's descriptors, or
 * all of them (closefrom()), or one that it closes twice, so that another file stands there. That
 * costs calls, but all of them end, none has a result that is not its own, nobody waits for ever,
 * and nobody waits with a processor. */

#include <sys/wait.h>

#include "closing-support.h"
#include "task-support.h"
#include "traces.h"

#define N_CALLS 3
#define MAX_CPU_S 2

typedef struct
{
  const char *path;
  guint       calls_per_child;
  gboolean    in_loop;
  Instead     instead;
} Row;

static const Row rows[] = {
  { "/closed/once", 1, FALSE, NOTHING },
  { "/closed/once/in-loop", 1, TRUE, NOTHING },
  { "/closed/once/dev-null", 1, FALSE, DEV_NULL },
  { "/closed/once/dev-null-in-loop", 1, TRUE, DEV_NULL },
  { "/closed/once/pipe", 1, FALSE, PIPE },
  { "/closed/reuse", 0, FALSE, NOTHING },
  { "/closed/reuse/in-loop", 0, TRUE, NOTHING },
  { "/closed/reuse/dev-null", 0, FALSE, DEV_NULL },
  { "/closed/reuse/pipe", 0, FALSE, PIPE },
};

static int gate[2];

/* It is in its call when the descriptors go. */
static GVariant *
wait_for_gate (GVariant  *args,
               GVariant  *kwargs,
               gpointer   user_data,
               GError   **error)
{
  char byte;

  close (gate[1]);
  if (read (gate[0], &byte, 1) != 0)
    _exit (88);
  return g_variant_new_uint32 (pcall_get_call_index ());
}

static void
assert_all_ended (PcallTask *task)
{
  for (guint i = 0; i < N_CALLS; i++)
    {
      g_autoptr (GError) error = NULL;
      g_autoptr (GVariant) result = support_end (task, i, &error);

      if (result != NULL)
        g_assert_cmpuint (g_variant_get_uint32 (result), ==, i);
    }
}

/* FALSE if there is no descriptor of that place. */
static gboolean
run_with_closed (const Row *row,
                 int        place)
{
  g_autoptr (PcallTask) task = support_task (wait_for_gate, N_CALLS);
  gdouble begun = closing_get_processor_time ();
  gboolean before[CLOSING_MAX_FD];
  gboolean found;

  pcall_task_set_calls_per_child (task, row->calls_per_child);
  g_assert_no_errno (pipe2 (gate, O_CLOEXEC));
  closing_list (before);
  support_start (task);

  support_expect_log ();
  found = closing_close_new (before, place, row->instead);
  close (gate[1]);
  if (row->in_loop)
    support_iterate_to_end (task);
  else
    pcall_task_join (task, SUPPORT_LIMIT_S, NULL, NULL);

  g_assert_false (pcall_task_get_running (task));
  g_assert_cmpuint (pcall_task_get_n_finished (task), ==, N_CALLS);
  assert_all_ended (task);
  g_clear_object (&task);
  g_assert_cmpint (waitpid (-1, NULL, WNOHANG), ==, -1);
  g_assert_cmpfloat (closing_get_processor_time () - begun, <, MAX_CPU_S);
  g_queue_clear_full (&support_log, g_free);
  close (gate[0]);
  return found;
}

/* What is made once in a process is there before. */
static void
warm_up (void)
{
  g_autoptr (PcallTask) task = support_task (wait_for_gate, 1);

  g_main_context_default ();
  g_assert_no_errno (pipe2 (gate, O_CLOEXEC));
  support_start (task);
  close (gate[1]);
  support_join (task);
  close (gate[0]);
}

static void
close_each (gconstpointer data)
{
  const Row *row = data;
  int n = 0;

  warm_up ();
  while (run_with_closed (row, n))
    n++;
  g_assert_cmpint (n, >, N_CALLS);
  g_assert_true (run_with_closed (row, -1));
}

static void
test_closed (gconstpointer data)
{
  traces_in_subprocess (close_each, data);
}

int
main (int argc, char *argv[])
{
  g_test_init (&argc, &argv, NULL);
  traces_begin_without_log ();
  support_watch_log ();

  for (gsize i = 0; i < G_N_ELEMENTS (rows); i++)
    g_test_add_data_func (rows[i].path, &rows[i], test_closed);

  return g_test_run ();
}
