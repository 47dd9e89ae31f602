/*
 * SPDX-FileCopyrightText: 2026 The pcall authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

/* Programs that a call has started, and that have left its process group: they end with it where it
 * is ended from outside. */

#include <signal.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/wait.h>

#include "spawn-support.h"

static const char *const commands[] = {
  "timeout 1000 sleep 1000",
  "timeout 1000 timeout 1000 sleep 1000",
  "sh -c 'timeout 1000 sleep 1000; :' & timeout 1000 sleep 1000",
  "setsid -w sleep 1000",
  "sh -m -c 'sleep 1000 & wait'",
};

/* Whoever lives holds it open. */
static SupportPipe held;

static GVariant *
run_command (GVariant *args, GVariant *kwargs, gpointer user_data, GError **error)
{
  fcntl (held.write_fd, F_SETFD, 0);
  return g_variant_new_int32 (system (user_data));
}

static void
time_out (PcallTask *task)
{
  g_autoptr (GError) error = NULL;

  pcall_task_set_timeout (task, 0.3);
  support_start (task);
  error = support_join_failing (task);
  g_assert_error (error, PCALL_ERROR, PCALL_ERROR_TIMED_OUT);
}

static void
be_terminated (PcallTask *task)
{
  g_autoptr (GError) error = NULL;

  support_start (task);
  g_assert_false (pcall_task_join (task, 0.3, NULL, NULL));
  pcall_task_terminate (task);
  error = support_join_failing (task);
  g_assert_error (error, PCALL_ERROR, PCALL_ERROR_CANCELLED);
}

static void
be_dropped (PcallTask *task)
{
  support_start (task);
  g_assert_false (pcall_task_join (task, 0.3, NULL, NULL));
}

static void (*const ways[]) (PcallTask *task) = { time_out, be_terminated, be_dropped };

/* With SIGTERM first, and without. */
static const gdouble grace_periods[] = { 0.5, 0.0 };

static void
assert_all_end (gconstpointer data)
{
  const char *command = data;

  for (gsize i = 0; i < G_N_ELEMENTS (ways); i++)
    for (gsize j = 0; j < G_N_ELEMENTS (grace_periods); j++)
      {
        PcallTask *task = pcall_task_new_for_func (run_command, (gpointer) command, NULL);

        support_pipe_open (&held);
        pcall_task_set_n_calls (task, 2);
        pcall_task_set_grace_period (task, grace_periods[j]);
        ways[i](task);
        g_object_unref (task);

        /* The end of the pipe: nobody is left. A test that waits here has a limit. */
        g_assert_no_errno (close (held.write_fd));
        g_assert_cmpint (read (held.read_fd, &(char) { 0 }, 1), ==, 0);
        g_assert_no_errno (close (held.read_fd));
      }
}

static void
test_command (gconstpointer data)
{
  traces_in_subprocess (assert_all_end, data);
}

int
main (int argc, char *argv[])
{
  g_test_init (&argc, &argv, NULL);
  traces_begin ();

  for (gsize i = 0; i < G_N_ELEMENTS (commands); i++)
    {
      g_autofree char *path = g_strdup_printf ("/pcall/strays/%" G_GSIZE_FORMAT, i);

      g_test_add_data_func (path, commands[i], test_command);
    }

  return g_test_run ();
}
