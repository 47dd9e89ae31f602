/*
 * SPDX-FileCopyrightText: 2026 The pcall authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

/* Which children go through the lock trial: as many as need be, and no more.
 *
 * A child is spared it where no other thread has run since another child came through one. Threads
 * sleep here, and get stuck with a lock just when children were found to be free of them; whether
 * all locks are tried is for test-locks.c to say. */

#include <gio/gio.h>
#include <signal.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tally.h"
#include "task-support.h"
#include "traces.h"

#define HANG_S 20.0

/* Which children are tried: as many as need be, and no more. */

/* A trial leaves a name behind that nobody else makes. */
static GVariant *
tell_whether_tried (GVariant *args,
                    GVariant *kwargs,
                    gpointer  user_data,
                    GError  **error)
{
  return g_variant_new_boolean (g_quark_try_string ("pcall-lock-trial") != 0);
}

static void
count_up (guint *n)
{
  ++*n;
}

/* A call begins, whether its child says that it is ready or not. Two at a time: one child ends
 * while the next is forked. */
static guint
count_tried (guint n_calls)
{
  g_autoptr (PcallTask) task = pcall_task_new_for_func (tell_whether_tried, NULL, NULL);
  g_autoptr (GVariant) results = NULL;
  g_autoptr (GError) error = NULL;
  guint n_begun = 0;
  guint n = 0;

  pcall_task_set_n_calls (task, n_calls);
  pcall_task_set_max_children (task, 2);
  g_signal_connect_swapped (task, "call-started", G_CALLBACK (count_up), &n_begun);
  results = pcall_task_run (task, NULL, &error);
  g_assert_no_error (error);
  g_assert_cmpuint (n_begun, ==, n_calls);
  for (guint i = 0; i < n_calls; i++)
    {
      g_autoptr (GVariant) boxed = g_variant_get_child_value (results, i);
      g_autoptr (GVariant) tried = g_variant_get_variant (boxed);

      n += g_variant_get_boolean (tried);
    }
  return n;
}

/* A thread that sleeps, but for a moment for each byte that it is given. */
typedef struct
{
  int      wake[2];
  int      woken[2];
  GThread *thread;
} Sleeper;

static gpointer
answer_bytes (gpointer data)
{
  Sleeper *self = data;
  char byte;

  while (read (self->wake[0], &byte, 1) == 1)
    g_assert_cmpint (write (self->woken[1], &byte, 1), ==, 1);
  return NULL;
}

static void
sleeper_wake (Sleeper *self)
{
  char byte = 0;

  g_assert_cmpint (write (self->wake[1], &byte, 1), ==, 1);
  g_assert_cmpint (read (self->woken[0], &byte, 1), ==, 1);
}

static void
sleeper_start (Sleeper *self)
{
  g_assert_no_errno (pipe (self->wake));
  g_assert_no_errno (pipe (self->woken));
  self->thread = g_thread_new ("sleeper", answer_bytes, self);
  sleeper_wake (self);
}

static void
sleeper_end (Sleeper *self)
{
  close (self->wake[1]);
  g_thread_join (self->thread);
  close (self->wake[0]);
  close (self->woken[0]);
  close (self->woken[1]);
}

static gint
wake_and_fork (gpointer data)
{
  sleeper_wake (data);
  return fork ();
}

static void
test_tried (void)
{
  const guint n_calls = 40;
  Sleeper sleeper;
  guint n;

  g_assert_cmpuint (count_tried (n_calls), ==, 0);
  sleeper_start (&sleeper);

  /* One at least, and one again for each time that it has run: to come to its sleep, in all. */
  n = count_tried (n_calls);
  g_assert_cmpuint (n, >=, 1);
  g_assert_cmpuint (n, <, n_calls / 2);

  pcall_set_fork_func (wake_and_fork, &sleeper, NULL);
  g_assert_cmpuint (count_tried (n_calls), ==, n_calls);
  pcall_set_fork_func (NULL, NULL, NULL);

  sleeper_end (&sleeper);
  g_assert_cmpuint (count_tried (n_calls), ==, 0);
}

/* What a thread that sleeps does not change, the one that starts children may: here it installs a
 * signal handler, which is not for children. */

static GVariant *
tell_whether_handled (GVariant *args,
                      GVariant *kwargs,
                      gpointer  user_data,
                      GError  **error)
{
  struct sigaction action;

  g_assert_no_errno (sigaction (SIGUSR1, NULL, &action));
  return g_variant_new_boolean (action.sa_handler != SIG_DFL);
}

static void
ignore_signal (int signum)
{
}

/* Not at once: the thread has come to its sleep then. */
static void
install_handler (PcallTask *task,
                 PcallCall *call)
{
  if (pcall_call_get_index (call) == 5)
    signal (SIGUSR1, ignore_signal);
}

static void
assert_unhandled (PcallTask *task)
{
  g_autoptr (GVariant) results = NULL;
  g_autoptr (GError) error = NULL;
  g_autofree char *text = NULL;

  pcall_task_set_n_calls (task, 10);
  pcall_task_set_max_children (task, 1);
  results = pcall_task_run (task, NULL, &error);
  g_assert_no_error (error);
  text = g_variant_print (results, FALSE);
  g_assert_null (strstr (text, "true"));
  signal (SIGUSR1, SIG_DFL);
}

static void
test_handler (void)
{
  g_autoptr (PcallTask) task = pcall_task_new_for_func (tell_whether_handled, NULL, NULL);
  Sleeper sleeper;

  sleeper_start (&sleeper);
  g_signal_connect (task, "call-finished", G_CALLBACK (install_handler), NULL);
  assert_unhandled (task);
  sleeper_end (&sleeper);
}

/* When handlers were looked for already, while another thread runs. */
static gint
install_handler_and_fork (gpointer data)
{
  signal (SIGUSR1, ignore_signal);
  return wake_and_fork (data);
}

static void
test_late_handler (void)
{
  g_autoptr (PcallTask) task = pcall_task_new_for_func (tell_whether_handled, NULL, NULL);
  Sleeper sleeper;

  sleeper_start (&sleeper);
  pcall_set_fork_func (install_handler_and_fork, &sleeper, NULL);
  assert_unhandled (task);
  pcall_set_fork_func (NULL, NULL, NULL);
  sleeper_end (&sleeper);
}

/* A lock that is held for certain: that of class initialisation, by a thread that stays in one. */

#define N_STUCK_FORKS 3

static struct
{
  int      enter[2];
  int      inside[2];
  int      let_go[2];
  guint    from; /* the fork before which it gets there; 0: that is not known yet */
  GType    type;
  GThread *thread;
} stuck;

static guint n_forks;

static void
stay_inside (gpointer klass,
             gpointer data)
{
  char byte;

  g_assert_cmpint (write (stuck.inside[1], "x", 1), ==, 1);
  g_assert_cmpint (read (stuck.let_go[0], &byte, 1), ==, 1);
}

static gpointer
hold_class_lock (gpointer data)
{
  char byte;

  g_assert_cmpint (read (stuck.enter[0], &byte, 1), ==, 1);
  g_type_class_unref (g_type_class_ref (stuck.type));
  return NULL;
}

static void
start_thread_to_be_stuck (void)
{
  stuck.thread = g_thread_new ("stuck", hold_class_lock, NULL);
}

static void
get_stuck (void)
{
  char byte;

  g_assert_cmpint (write (stuck.enter[1], "x", 1), ==, 1);
  g_assert_cmpint (read (stuck.inside[0], &byte, 1), ==, 1);
}

/* A class that the parent never had: who makes it needs the lock. */
static GVariant *
need_class_lock (GVariant *args,
                 GVariant *kwargs,
                 gpointer  user_data,
                 GError  **error)
{
  g_object_unref (g_simple_action_new ("needed", NULL));
  return g_variant_new_uint32 (pcall_get_call_index ());
}

static void
run_calls (guint n_calls)
{
  PcallTask *task = pcall_task_new_for_func (need_class_lock, NULL, NULL);
  g_autoptr (Tally) tally = NULL;
  G_GNUC_UNUSED g_autoptr (GVariant) results = NULL;
  g_autoptr (GError) error = NULL;

  n_forks = 0;
  pcall_task_set_n_calls (task, n_calls);
  pcall_task_set_max_children (task, 1);
  pcall_task_set_timeout (task, HANG_S);
  tally = tally_new (task);
  results = pcall_task_run (task, NULL, &error);
  g_assert_no_error (error);
  tally_assert_complete (tally);
  g_clear_pointer (&tally, tally_free);
  g_assert_finalize_object (task);
}

/* Some children are forked while the lock is held; the thread is there until the last of all. */
static gint
fork_while_stuck (gpointer data)
{
  if (++n_forks == stuck.from)
    get_stuck ();
  if (stuck.thread != NULL && stuck.from > 0 && n_forks == stuck.from + N_STUCK_FORKS + 1)
    {
      g_assert_cmpint (write (stuck.let_go[1], "x", 1), ==, 1);
      g_thread_join (g_steal_pointer (&stuck.thread));
    }
  return fork ();
}

static void
stuck_begin (const char *type_name,
             guint       from)
{
  g_assert_no_errno (pipe (stuck.enter));
  g_assert_no_errno (pipe (stuck.inside));
  g_assert_no_errno (pipe (stuck.let_go));
  stuck.from = from;
  stuck.type = g_type_register_static_simple (G_TYPE_OBJECT, type_name, sizeof (GObjectClass),
                                              stay_inside, sizeof (GObject), NULL, 0);
  pcall_set_fork_func (fork_while_stuck, NULL, NULL);
}

static void
close_pipes (void)
{
  for (int i = 0; i < 2; i++)
    {
      close (stuck.enter[i]);
      close (stuck.inside[i]);
      close (stuck.let_go[i]);
    }
}

static void
stuck_end (guint n_calls)
{
  pcall_set_fork_func (NULL, NULL, NULL);
  g_test_message ("%u forks for %u calls", n_forks, n_calls);
  g_assert_null (stuck.thread);
  g_assert_cmpuint (n_forks, >=, n_calls + N_STUCK_FORKS);
  close_pipes ();
}

/* When children were found to be free of locks already. */
static void
test_stuck_later (void)
{
  enum { N_CALLS = 10, FROM = 5 };

  stuck_begin ("StuckLater", FROM);
  start_thread_to_be_stuck ();
  run_calls (N_CALLS);
  stuck_end (N_CALLS);
}

/* Once; the next child may have been forked already. */
static gboolean
get_stuck_in_new_thread (GSignalInvocationHint *hint,
                         guint                  n_values,
                         const GValue          *values,
                         gpointer               data)
{
  stuck.from = n_forks;
  start_thread_to_be_stuck ();
  get_stuck ();
  return G_SOURCE_REMOVE;
}

/* The kernel ends a thread a little later than g_thread_join(). */
static gboolean
is_without_threads (gpointer data)
{
  struct stat tasks;

  g_assert_no_errno (stat ("/proc/self/task", &tasks));
  return tasks.st_nlink == 3;
}

/* By a thread that is started while the task runs, in a process that has no other then. */
static void
test_stuck_new (void)
{
  enum { N_CALLS = 10 };

  g_assert_true (traces_wait_until (is_without_threads, NULL));
  stuck_begin ("StuckNew", 0);
  g_signal_add_emission_hook (g_signal_lookup ("call-finished", PCALL_TYPE_TASK), 0,
                              get_stuck_in_new_thread, NULL, NULL);
  run_calls (N_CALLS);
  stuck_end (N_CALLS);
}

/* A task is dropped when a child of it is just being replaced: its call must not wait for another. */
static void
test_dropped_while_stuck (void)
{
  stuck_begin ("StuckDropped", 0);
  pcall_set_fork_func (NULL, NULL, NULL);
  start_thread_to_be_stuck ();
  get_stuck ();
  for (guint i = 0; i < traces_rounds (12, 1000); i++)
    {
      PcallTask *task = pcall_task_new_for_func (need_class_lock, NULL, NULL);

      pcall_task_set_n_calls (task, 4);
      support_start (task);
      pcall_task_join (task, i % 12 * 0.004, NULL, NULL);
      g_assert_finalize_object (task);
    }
  g_assert_cmpint (write (stuck.let_go[1], "x", 1), ==, 1);
  g_thread_join (g_steal_pointer (&stuck.thread));
  close_pipes ();
}

/* What is made once in a process that has threads needs the lock, too. */
static void
make_what_is_made_once (void)
{
  Sleeper sleeper;

  sleeper_start (&sleeper);
  run_calls (1);
  sleeper_end (&sleeper);
}

int
main (int    argc,
      char **argv)
{
  g_test_init (&argc, &argv, NULL);
  traces_begin ();
  make_what_is_made_once ();

  g_test_add_func ("/lock-trial/tried", test_tried);
  g_test_add_func ("/lock-trial/handler", test_handler);
  g_test_add_func ("/lock-trial/late-handler", test_late_handler);
  g_test_add_func ("/lock-trial/stuck-later", test_stuck_later);
  g_test_add_func ("/lock-trial/stuck-new", test_stuck_new);
  g_test_add_func ("/lock-trial/dropped-while-stuck", test_dropped_while_stuck);

  return g_test_run ();
}
