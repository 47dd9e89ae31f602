/*
 * SPDX-FileCopyrightText: 2026 The pcall authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

/* Programs that calls leave running, in a process that inherits them: PID 1 of a container, or a
 * subreaper. They end with their call, and leave no zombie. The program's own children are its
 * own. */

#include <errno.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/wait.h>

#include "namespaces.h"
#include "no-leak-check.h"
#include "spawn-support.h"

#define N_CALLS 5

static const char *const commands[] = {
  "sleep 1000 &",
  "sleep 1000 & sleep 1000 & sleep 1000 &",
  "sh -c 'sh -c \"sleep 1000; :\"; :' & sleep 1000 &",
  "trap '' TERM INT HUP; sleep 1000 & (trap '' TERM; sleep 1000; :) &",
  "true &",
};

static const char *command;

static GVariant *
leave_program (GVariant *args, GVariant *kwargs, gpointer user_data, GError **error)
{
  return g_variant_new_int32 (system (command));
}

static GVariant *
leave_and_stay (GVariant *args, GVariant *kwargs, gpointer user_data, GError **error)
{
  if (system (command) != 0)
    abort ();
  return support_sleep (args, kwargs, user_data, error);
}

/* Nobody is left, dead or alive, but @own. */
static void
assert_no_child_but (pid_t own)
{
  gint64 until = g_get_monotonic_time () + 10 * G_USEC_PER_SEC;
  gboolean gone = FALSE;
  siginfo_t info = { 0 };

  while (!gone && g_get_monotonic_time () < until)
    {
      g_autofree char *children = NULL;
      g_autofree char *expected = own > 0 ? g_strdup_printf ("%d ", own) : g_strdup ("");

      g_assert_true (g_file_get_contents ("/proc/thread-self/children", &children, NULL, NULL));
      gone = strcmp (children, expected) == 0;
      if (!gone)
        g_usleep (1000);
    }
  if (gone)
    return;
  waitid (P_ALL, 0, &info, WEXITED | WNOHANG | WNOWAIT);
  g_error ("process %d is left", info.si_pid);
}

/* Ways to end */

static PcallTask *
leaving_task (PcallFunc func, guint calls_per_child)
{
  PcallTask *task = support_task (func, N_CALLS);

  pcall_task_set_calls_per_child (task, calls_per_child);
  pcall_task_set_grace_period (task, 0.1);
  return task;
}

static void
return_once (void)
{
  g_autoptr (PcallTask) task = leaving_task (leave_program, 1);

  support_run (task, NULL);
}

static void
return_in_reuse (void)
{
  g_autoptr (PcallTask) task = leaving_task (leave_program, 0);

  support_run (task, NULL);
}

static void
time_out (void)
{
  g_autoptr (PcallTask) task = leaving_task (leave_and_stay, 1);
  g_autoptr (GError) error = NULL;

  pcall_task_set_timeout (task, 0.3);
  support_start (task);
  error = support_join_failing (task);
  g_assert_error (error, PCALL_ERROR, PCALL_ERROR_TIMED_OUT);
}

static void
be_terminated (void)
{
  g_autoptr (PcallTask) task = leaving_task (leave_and_stay, 0);
  g_autoptr (GError) error = NULL;

  support_start (task);
  g_assert_false (pcall_task_join (task, 0.1, NULL, NULL));
  pcall_task_terminate (task);
  error = support_join_failing (task);
  g_assert_error (error, PCALL_ERROR, PCALL_ERROR_CANCELLED);
}

static void
be_dropped (void)
{
  g_autoptr (PcallTask) task = leaving_task (leave_and_stay, 1);

  support_start (task);
  g_assert_false (pcall_task_join (task, 0.1, NULL, NULL));
}

static void
work (void)
{
  g_autoptr (PcallTask) task = symbol_task ("run_command", 1);
  g_autofree char *list = g_strdup_printf ("[('%s',)]", "sleep 1000 &");

  pcall_task_set_instance_args (task, g_variant_new_parsed (list));
  support_run (task, NULL);
}

static void (*const ways[]) (void) = { return_once, return_in_reuse, time_out,
                                       be_terminated, be_dropped, work };

/* A child of the program's own, that leads its group and has ended. */
static pid_t
make_own_child (void)
{
  pid_t pid = fork ();
  siginfo_t info;

  if (pid == 0)
    _exit (setpgid (0, 0) == 0 ? 42 : 1);
  g_assert_no_errno (waitid (P_PID, pid, &info, WEXITED | WNOWAIT));
  return pid;
}

static void
run_all (void)
{
  pid_t own = make_own_child ();
  int status;

  for (gsize i = 0; i < G_N_ELEMENTS (commands); i++)
    for (gsize j = 0; j < G_N_ELEMENTS (ways); j++)
      {
        command = commands[i];
        ways[j]();
        assert_no_child_but (own);
      }
  g_assert_cmpint (waitpid (own, &status, 0), ==, own);
  g_assert_cmpint (WEXITSTATUS (status), ==, 42);
}

static void
be_subreaper (gconstpointer data)
{
  g_assert_no_errno (prctl (PR_SET_CHILD_SUBREAPER, 1));
  run_all ();
}

static void
test_subreaper (void)
{
  traces_in_subprocess (be_subreaper, NULL);
}

/* In the new namespace, of whose first process this is the parent */
static void
be_first (gconstpointer data)
{
  pid_t pid;
  int status;

  g_assert_no_errno (unshare (CLONE_NEWPID | CLONE_NEWNS));
  pid = fork ();
  if (pid == 0)
    {
      g_assert_no_errno (mount (NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL));
      g_assert_no_errno (mount ("proc", "/proc", "proc", 0, NULL));
      g_assert_cmpint (getpid (), ==, 1);
      run_all ();
      _exit (0);
    }
  g_assert_cmpint (waitpid (pid, &status, 0), ==, pid);
  g_assert_cmpint (status, ==, 0);
}

static void
test_first_process (void)
{
  if (!skip_without_namespace (CLONE_NEWPID | CLONE_NEWNS))
    traces_in_subprocess (be_first, NULL);
}

int
main (int argc, char *argv[])
{
  g_test_init (&argc, &argv, NULL);
  traces_begin ();

  g_test_add_func ("/pcall/remains/subreaper", test_subreaper);
  g_test_add_func ("/pcall/remains/first-process", test_first_process);

  return g_test_run ();
}
