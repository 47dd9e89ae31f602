/*
 * SPDX-FileCopyrightText: 2026 The pcall authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

/* What the application does with its signals: it ignores, handles and blocks them, which no child
 * inherits. Each row runs in a process of its own, which its row may spoil. */

#include <fcntl.h>
#include <glib-unix.h>
#include <signal.h>
#include <unistd.h>

#include "tally.h"
#include "task-support.h"
#include "traces.h"

static void
assert_20_succeed (void)
{
  g_autoptr (PcallTask) task = support_task (support_index, 20);

  support_run (task, NULL);
}

/* The child must die of SIGTERM, long before it would be killed. */
static void
assert_sigterm_kills (void)
{
  g_autoptr (PcallTask) task = support_task (support_sleep, 2);
  g_autoptr (Tally) tally = tally_new (task);

  pcall_task_set_timeout (task, 0.1);
  pcall_task_set_grace_period (task, 10 * TEST_LIMIT);
  g_assert_true (pcall_task_start (task, NULL));
  pcall_task_join (task, TEST_LIMIT, NULL, NULL);
  tally_assert_complete (tally);
  g_assert_cmpint (tally_get_term_signal (tally, 0), ==, SIGTERM);
  g_assert_cmpint (tally_get_term_signal (tally, 1), ==, SIGTERM);
}

static gboolean
never_called (gpointer data)
{
  g_assert_not_reached ();
}

static void
sigterm_source (gconstpointer data)
{
  guint id = g_unix_signal_add (SIGTERM, never_called, NULL);

  assert_sigterm_kills ();
  g_source_remove (id);
}

static void
ignore_signal (int signum)
{
}

static void
sigterm_handler (gconstpointer data)
{
  signal (SIGTERM, ignore_signal);
  assert_sigterm_kills ();
}

/* Also handlers that came after the task has started its first children. */
static void
on_call_finished_add_handler (PcallTask *task,
                              PcallCall *call,
                              gpointer   data)
{
  signal (SIGTERM, ignore_signal);
}

static GVariant *
first_succeeds (GVariant *args,
                GVariant *kwargs,
                gpointer  user_data,
                GError  **error)
{
  if (pcall_get_call_index () == 0)
    return support_index (args, kwargs, user_data, error);
  return support_sleep (args, kwargs, user_data, error);
}

static void
sigterm_handler_later (gconstpointer data)
{
  g_autoptr (PcallTask) task = support_task (first_succeeds, 2);
  g_autoptr (Tally) tally = tally_new (task);

  pcall_task_set_max_children (task, 1);
  pcall_task_set_timeout (task, 0.5);
  pcall_task_set_grace_period (task, 10 * TEST_LIMIT);
  g_signal_connect (task, "call-finished", G_CALLBACK (on_call_finished_add_handler), NULL);
  g_assert_true (pcall_task_start (task, NULL));
  pcall_task_join (task, TEST_LIMIT, NULL, NULL);
  tally_assert_complete (tally);
  g_assert_cmpint (tally_get_term_signal (tally, 1), ==, SIGTERM);
}

static void
sigterm_blocked (gconstpointer data)
{
  sigset_t set;

  sigemptyset (&set);
  sigaddset (&set, SIGTERM);
  pthread_sigmask (SIG_BLOCK, &set, NULL);
  assert_sigterm_kills ();
}

static GVariant *
report_signals (GVariant *args,
                GVariant *kwargs,
                gpointer  user_data,
                GError  **error)
{
  sigset_t blocked;
  guint n = 0;

  sigprocmask (SIG_SETMASK, NULL, &blocked);
  for (int signum = 1; signum < NSIG; signum++)
    {
      struct sigaction action;

      n += sigismember (&blocked, signum) == 1;
      n += sigaction (signum, NULL, &action) == 0 && action.sa_handler == ignore_signal;
    }
  return g_variant_new_uint32 (n);
}

/* Not one of them reaches user code. */
static void
all_signals_handled_and_blocked (gconstpointer data)
{
  g_autoptr (PcallTask) task = support_task (report_signals, 1);
  g_autoptr (GVariant) results = NULL;
  g_autofree char *printed = NULL;
  sigset_t all;

  for (int signum = 1; signum < NSIG; signum++)
    signal (signum, ignore_signal);
  sigfillset (&all);
  pthread_sigmask (SIG_SETMASK, &all, NULL);

  results = pcall_task_run (task, NULL, NULL);
  printed = g_variant_print (results, TRUE);
  g_assert_cmpstr (printed, ==, "[<uint32 0>]");
}

static gpointer
idle_until_gate (gpointer data)
{
  int *gate = data;
  char byte;

  g_assert_cmpint (read (gate[0], &byte, 1), ==, 0);
  return NULL;
}

/* What limits the lock trial is SIGALRM. */
static void
sigalrm_ignored_and_blocked (gconstpointer data)
{
  int gate[2];
  GThread *thread;
  sigset_t set;

  g_assert_no_errno (pipe2 (gate, O_CLOEXEC));
  thread = g_thread_new ("idle", idle_until_gate, gate);
  signal (SIGALRM, SIG_IGN);
  assert_20_succeed ();

  sigemptyset (&set);
  sigaddset (&set, SIGALRM);
  pthread_sigmask (SIG_BLOCK, &set, NULL);
  assert_20_succeed ();

  close (gate[1]);
  g_thread_join (thread);
}

typedef struct
{
  const char *path;
  void (*func) (gconstpointer data);
} Row;

static const Row rows[] = {
  { "/parent/sigterm-source", sigterm_source },
  { "/parent/sigterm-handler", sigterm_handler },
  { "/parent/sigterm-handler-later", sigterm_handler_later },
  { "/parent/sigterm-blocked", sigterm_blocked },
  { "/parent/all-signals-handled-and-blocked", all_signals_handled_and_blocked },
  { "/parent/sigalrm-ignored-and-blocked", sigalrm_ignored_and_blocked },
};

static void
test_parent (gconstpointer data)
{
  const Row *row = data;

  traces_in_subprocess (row->func, NULL);
}

int
main (int    argc,
      char **argv)
{
  g_test_init (&argc, &argv, NULL);
  traces_begin ();

  for (gsize i = 0; i < G_N_ELEMENTS (rows); i++)
    g_test_add_data_func (rows[i].path, &rows[i], test_parent);

  return g_test_run ();
}
