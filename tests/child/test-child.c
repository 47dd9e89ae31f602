/*
 * SPDX-FileCopyrightText: 2026 The pcall authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

/* The process that a call runs in: what it has of its own, what it can say, what is known of it
 * when it has ended. Calls look around themselves and return what they saw. */

#include <fcntl.h>
#include <gio/gio.h>
#include <signal.h>
#include <stdio.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>

#include "task-support.h"

/* What it has of its own */

static GVariant *
read_stdin (GVariant *args, GVariant *kwargs, gpointer user_data, GError **error)
{
  char byte;
  struct stat own, null;

  g_assert_no_errno (fstat (STDIN_FILENO, &own));
  g_assert_no_errno (stat ("/dev/null", &null));
  return g_variant_new ("(ib)", (gint32) read (STDIN_FILENO, &byte, 1),
                        own.st_rdev == null.st_rdev);
}

static void
test_stdin (void)
{
  PcallTask *task = support_task (read_stdin, 1);

  support_run (task, "[<(0, true)>]");

  g_assert_finalize_object (task);
}

static GVariant *
draw_numbers (GVariant *args, GVariant *kwargs, gpointer user_data, GError **error)
{
  g_autofree char *uuid = g_uuid_string_random ();

  return g_variant_new ("(us)", g_random_int (), uuid);
}

/* Siblings are copies of the same generator. */
static void
test_random (void)
{
  PcallTask *task = support_task (draw_numbers, 20);
  g_autoptr (GHashTable) numbers = g_hash_table_new (NULL, NULL);
  g_autoptr (GHashTable) uuids = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, NULL);

  g_random_set_seed (1);
  support_run (task, NULL);
  for (guint i = 0; i < 20; i++)
    {
      g_autoptr (PcallCall) call = pcall_task_dup_call (task, i);
      g_autoptr (GVariant) result = pcall_call_dup_result (call);
      guint32 number;
      char *uuid;

      g_variant_get (result, "(us)", &number, &uuid);
      g_hash_table_add (numbers, GUINT_TO_POINTER (number));
      g_hash_table_add (uuids, uuid);
    }
  /* Two of twenty numbers may be the same once in ten million runs, and more of them never. */
  g_assert_cmpuint (g_hash_table_size (numbers), >=, 19);
  g_assert_cmpuint (g_hash_table_size (uuids), ==, 20);

  g_assert_finalize_object (task);
}

static gboolean
count_call (gpointer data)
{
  (*(guint *) data)++;
  return G_SOURCE_REMOVE;
}

static GVariant *
run_loop (GVariant *args, GVariant *kwargs, gpointer user_data, GError **error)
{
  GMainContext *context = g_main_context_get_thread_default ();
  g_autoptr (GMainLoop) loop = g_main_loop_new (context, FALSE);
  g_autoptr (GSource) source = g_timeout_source_new (5);
  guint *n_parent_calls = user_data;

  g_assert_nonnull (context);
  g_source_set_callback (source, (GSourceFunc) (void (*) (void)) g_main_loop_quit, loop, NULL);
  g_source_attach (source, context);
  g_main_loop_run (loop);
  return g_variant_new_uint32 (*n_parent_calls);
}

/* A child has a main context of its own: it can run a loop, on which nothing of the parent's is,
 * and the parent's context does not notice. */
static void
test_main_context (void)
{
  guint n_calls = 0;
  PcallTask *task = pcall_task_new_for_func (run_loop, &n_calls, NULL);
  guint id = g_idle_add (count_call, &n_calls);

  pcall_task_set_n_calls (task, 3);
  support_run (task, "[<uint32 0>, <uint32 0>, <uint32 0>]");
  g_assert_cmpuint (n_calls, ==, 0);
  g_assert_nonnull (g_main_context_find_source_by_id (NULL, id));
  while (g_main_context_iteration (NULL, FALSE))
    ;
  g_assert_cmpuint (n_calls, ==, 1);

  g_assert_finalize_object (task);
}

/* The same for the contexts that the forking thread has pushed. */
static void
test_pushed_context (void)
{
  g_autoptr (GMainContext) context = g_main_context_new ();
  g_autoptr (GSource) idle = g_idle_source_new ();
  guint n_calls = 0;
  PcallTask *task = pcall_task_new_for_func (run_loop, &n_calls, NULL);

  g_main_context_push_thread_default (context);
  g_source_set_callback (idle, count_call, &n_calls, NULL);
  g_source_attach (idle, context);
  support_run (task, "[<uint32 0>]");
  g_assert_cmpuint (n_calls, ==, 0);
  g_main_context_pop_thread_default (context);
  g_source_destroy (idle);

  g_assert_finalize_object (task);
}

#define N_ROUNDS 300

typedef struct
{
  GMainContext *context;
  SupportPipe pipe;
} Waker;

static gboolean
count_round (gpointer data)
{
  (*(guint *) data)++;
  return G_SOURCE_REMOVE;
}

/* Adds a source to a loop that sleeps, as often as it is told. */
static gpointer
wake_loop (gpointer data)
{
  Waker *self = data;
  static guint n_rounds;

  while (support_pipe_get (&self->pipe) == 1)
    {
      g_autoptr (GSource) idle = g_idle_source_new ();

      g_usleep (50);
      g_source_set_callback (idle, count_round, &n_rounds, NULL);
      g_source_attach (idle, self->context);
    }
  return GUINT_TO_POINTER (n_rounds);
}

static GVariant *
be_woken (GVariant *args, GVariant *kwargs, gpointer user_data, GError **error)
{
  Waker self = { .context = g_main_context_get_thread_default () };
  GThread *thread;

  support_pipe_open (&self.pipe);
  thread = g_thread_new ("waker", wake_loop, &self);
  for (guint i = 0; i < N_ROUNDS; i++)
    {
      support_pipe_put (&self.pipe, 1);
      g_main_context_iteration (self.context, TRUE);
    }
  support_pipe_put (&self.pipe, 0);
  return g_variant_new_boolean (GPOINTER_TO_UINT (g_thread_join (thread)) >= N_ROUNDS / 2);
}

/* A loop is woken through a descriptor: were it shared, siblings would take each other's wake-ups,
 * and one of them would sleep for ever. */
static void
test_wakeups (void)
{
  PcallTask *task = support_task (be_woken, 4);

  pcall_task_set_timeout (task, SUPPORT_LIMIT_S);
  support_run (task, NULL);

  g_assert_finalize_object (task);
}

static volatile sig_atomic_t parent_handler_ran;

static void
note_signal (int signum)
{
  parent_handler_ran = 1;
}

static GVariant *
look_at_signals (GVariant *args, GVariant *kwargs, gpointer user_data, GError **error)
{
  struct sigaction handled, ignored;
  sigset_t mask;

  g_assert_no_errno (sigaction (SIGUSR1, NULL, &handled));
  g_assert_no_errno (sigaction (SIGUSR2, NULL, &ignored));
  g_assert_no_errno (sigprocmask (SIG_SETMASK, NULL, &mask));
  return g_variant_new ("(bbbb)", handled.sa_handler == SIG_DFL, ignored.sa_handler == SIG_IGN,
                        sigismember (&mask, SIGUSR1) == 0, sigismember (&mask, SIGTERM) == 0);
}

/* Handlers are the parent's, and so is its mask. That a signal is ignored is inherited, as it is
 * over exec. */
static void
test_signals (void)
{
  PcallTask *task = support_task (look_at_signals, 1);
  sigset_t mask, before;

  sigemptyset (&mask);
  sigaddset (&mask, SIGTERM);
  sigaddset (&mask, SIGUSR1);
  g_assert_no_errno (pthread_sigmask (SIG_BLOCK, &mask, &before));
  signal (SIGUSR1, note_signal);
  signal (SIGUSR2, SIG_IGN);
  support_run (task, "[<(true, true, true, true)>]");
  signal (SIGUSR1, SIG_DFL);
  signal (SIGUSR2, SIG_DFL);
  g_assert_no_errno (pthread_sigmask (SIG_SETMASK, &before, NULL));

  g_assert_finalize_object (task);
}

static GVariant *
look_at_group (GVariant *args, GVariant *kwargs, gpointer user_data, GError **error)
{
  return g_variant_new ("(bi)", getpgrp () == getpid (), (gint32) getppid ());
}

static void
test_process_group (void)
{
  PcallTask *task = support_task (look_at_group, 1);
  g_autofree char *expected = g_strdup_printf ("[<(true, %d)>]", getpid ());

  support_run (task, expected);

  g_assert_finalize_object (task);
}

static void
fail_at_exit (void)
{
  _exit (99);
}

/* What is changed stays in the child, and its end runs nothing of the parent's. */
static GVariant *
change_all (GVariant *args, GVariant *kwargs, gpointer user_data, GError **error)
{
  int *number = user_data;

  *number = 2;
  g_assert_no_errno (chdir ("/"));
  g_setenv ("PCALL_TEST", "changed", TRUE);
  g_assert_cmpint (atexit (fail_at_exit), ==, 0);
  return g_variant_new_int32 (*number);
}

static void
test_changes_stay (void)
{
  int number = 1;
  PcallTask *task = pcall_task_new_for_func (change_all, &number, NULL);
  g_autofree char *before = g_get_current_dir ();
  g_autofree char *after = NULL;

  support_run (task, "[<2>]");
  g_assert_cmpint (number, ==, 1);
  g_assert_null (g_getenv ("PCALL_TEST"));
  after = g_get_current_dir ();
  g_assert_cmpstr (before, ==, after);

  g_assert_finalize_object (task);
}

/* What it can say */

static void
assert_warns (const char *function)
{
  g_autofree char *pattern = g_strdup_printf ("WARNING: %s: there is no call here*", function);

  support_assert_logged (pattern);
}

static void
test_outside (void)
{
  support_expect_log ();
  g_assert_cmpuint (pcall_get_call_index (), ==, G_MAXUINT);
  assert_warns ("pcall_get_call_index");

  support_expect_log ();
  pcall_report_progress (0.5, "x");
  assert_warns ("pcall_report_progress");

  support_expect_log ();
  pcall_send_message (g_variant_new_int32 (1));
  assert_warns ("pcall_send_message");

  support_expect_log ();
  pcall_set_error_details (g_variant_new_parsed ("{'a': <1>}"));
  assert_warns ("pcall_set_error_details");
}

/* A process that a call forks by itself is no child of the task. */
static GVariant *
fork_by_itself (GVariant *args, GVariant *kwargs, gpointer user_data, GError **error)
{
  int status;
  pid_t pid = fork ();

  if (pid == 0)
    {
      support_expect_log ();
      pcall_send_message (g_variant_new_string ("from nobody"));
      pcall_report_progress (0.5, "from nobody");
      _exit (support_log.length);
    }
  g_assert_cmpint (waitpid (pid, &status, 0), ==, pid);
  pcall_send_message (g_variant_new_string ("from the call"));
  return g_variant_new_int32 (WEXITSTATUS (status));
}

static void
note_message (PcallTask *task, PcallCall *call, GVariant *message, GString *text)
{
  g_string_append_printf (text, "%s|", g_variant_get_string (message, NULL));
}

static void
test_outside_in_grandchild (void)
{
  PcallTask *task = support_task (fork_by_itself, 1);
  g_autoptr (GString) text = g_string_new (NULL);

  g_signal_connect (task, "call-message", G_CALLBACK (note_message), text);
  support_run (task, "[<2>]");
  g_assert_cmpstr (text->str, ==, "from the call|");

  g_assert_finalize_object (task);
}

#define N_THREADS 4
#define N_SENT 500

static gpointer
send_from_thread (gpointer data)
{
  g_assert_cmpuint (pcall_get_call_index (), ==, 0);
  for (guint i = 0; i < N_SENT; i++)
    {
      pcall_send_message (g_variant_new ("(uu)", GPOINTER_TO_UINT (data), i));
      if (i % 50 == 0)
        pcall_report_progress (i / (gdouble) N_SENT, "on");
    }
  return NULL;
}

static GVariant *
send_from_threads (GVariant *args, GVariant *kwargs, gpointer user_data, GError **error)
{
  GThread *threads[N_THREADS];

  for (guint i = 0; i < N_THREADS; i++)
    threads[i] = g_thread_new ("sender", send_from_thread, GUINT_TO_POINTER (i));
  for (guint i = 0; i < N_THREADS; i++)
    g_thread_join (threads[i]);
  return NULL;
}

static void
check_message (PcallTask *task, PcallCall *call, GVariant *message, guint *next)
{
  guint32 thread, number;

  g_variant_get (message, "(uu)", &thread, &number);
  g_assert_cmpuint (thread, <, N_THREADS);
  g_assert_cmpuint (number, ==, next[thread]++);
}

static void
test_inside_threads (void)
{
  PcallTask *task = support_task (send_from_threads, 1);
  guint next[N_THREADS] = { 0 };

  g_signal_connect (task, "call-message", G_CALLBACK (check_message), next);
  support_run (task, NULL);
  for (guint i = 0; i < N_THREADS; i++)
    g_assert_cmpuint (next[i], ==, N_SENT);

  g_assert_finalize_object (task);
}

/* Threads that go on when the call returns neither hold its end up nor spoil its result. */
static gpointer
send_for_ever (gpointer data)
{
  for (;;)
    pcall_send_message (g_variant_new_string ("on and on"));
  return NULL;
}

static GVariant *
leave_threads (GVariant *args, GVariant *kwargs, gpointer user_data, GError **error)
{
  for (guint i = 0; i < N_THREADS; i++)
    g_thread_unref (g_thread_new ("sender", send_for_ever, NULL));
  g_usleep (1000);
  return g_variant_new_uint32 (pcall_get_call_index ());
}

static void
test_threads_left (void)
{
  PcallTask *task = support_task (leave_threads, 10);

  support_run (task, NULL);
  support_assert_result (task, 9, "uint32 9");

  g_assert_finalize_object (task);
}

/* What is known of it afterwards */

static GVariant *
use_and_end (GVariant *args, GVariant *kwargs, gpointer user_data, GError **error)
{
  switch (pcall_get_call_index ())
    {
    case 0:
      while (clock () < CLOCKS_PER_SEC / 10)
        for (volatile int i = 0; i < 100000; i++)
          ;
      explicit_bzero (g_malloc (64 << 20), 64 << 20);
      return NULL;
    case 1:
      g_set_error_literal (error, G_IO_ERROR, G_IO_ERROR_FAILED, "failed");
      return NULL;
    case 2:
      raise (SIGKILL);
      return NULL;
    default:
      _exit (7);
    }
}

typedef struct
{
  int exit_status;
  int term_signal;
} ChildCase;

static PcallChild *
find_child (GPtrArray *children, PcallTask *task, guint index)
{
  g_autoptr (PcallCall) call = pcall_task_dup_call (task, index);

  for (guint i = 0; i < children->len; i++)
    if (pcall_child_get_pid (g_ptr_array_index (children, i)) == pcall_call_get_pid (call))
      return g_ptr_array_index (children, i);
  g_assert_not_reached ();
}

static void
test_ends (void)
{
  static const ChildCase ends[] = { { 0, 0 }, { 1, 0 }, { -1, SIGKILL }, { 7, 0 } };
  PcallTask *task = support_task (use_and_end, G_N_ELEMENTS (ends));
  g_autoptr (GPtrArray) children = NULL;
  g_autoptr (GPtrArray) living = NULL;
  PcallChild *busy;

  g_assert_null (pcall_task_run (task, NULL, NULL));
  children = pcall_task_dup_children (task);
  living = pcall_task_dup_living_children (task);
  g_assert_cmpuint (children->len, ==, G_N_ELEMENTS (ends));
  g_assert_cmpuint (living->len, ==, 0);

  for (guint i = 0; i < G_N_ELEMENTS (ends); i++)
    {
      PcallChild *child = find_child (children, task, i);

      g_assert_false (pcall_child_get_running (child));
      g_assert_cmpint (pcall_child_get_exit_status (child), ==, ends[i].exit_status);
      g_assert_cmpint (pcall_child_get_term_signal (child), ==, ends[i].term_signal);
      g_assert_false (pcall_child_get_core_dumped (child));
      g_assert_cmpuint (pcall_child_get_max_rss (child), >, 100000);
      g_assert_cmpuint (pcall_child_get_max_rss (child) % 1024, ==, 0);
    }

  busy = find_child (children, task, 0);
  g_assert_cmpfloat (pcall_child_get_user_time (busy), >, 0.02);
  g_assert_cmpfloat (pcall_child_get_user_time (busy) + pcall_child_get_system_time (busy), >=,
                     0.09);
  g_assert_cmpfloat (pcall_child_get_user_time (busy), <, 30.0);
  g_assert_cmpuint (pcall_child_get_max_rss (busy), >, 64 << 20);

  g_assert_finalize_object (task);
}

/* By name, and while it runs */
static void
test_properties (void)
{
  PcallTask *task = support_task (support_sleep, 1);
  g_autoptr (PcallCall) call = NULL;
  g_autoptr (GPtrArray) children = NULL;
  PcallChild *child;
  gint pid, exit_status, term_signal;
  gboolean running, core_dumped;
  gdouble user_time, system_time;
  guint64 max_rss;
  g_autofree char *log_file = NULL;

  pcall_task_set_grace_period (task, 0);
  support_start (task);
  call = pcall_task_dup_call (task, 0);
  while (pcall_call_get_state (call) == PCALL_CALL_STATE_PENDING)
    g_main_context_iteration (NULL, TRUE);
  children = pcall_task_dup_living_children (task);
  g_assert_cmpuint (children->len, ==, 1);
  g_object_get (children->pdata[0], "pid", &pid, "running", &running, "exit-status", &exit_status,
                "term-signal", &term_signal, "core-dumped", &core_dumped, "user-time", &user_time,
                "system-time", &system_time, "max-rss", &max_rss, "log-file", &log_file, NULL);
  g_assert_cmpint (pid, ==, pcall_call_get_pid (call));
  g_assert_true (running);
  g_assert_cmpint (exit_status, ==, -1);
  g_assert_cmpint (term_signal, ==, 0);
  g_assert_false (core_dumped);
  g_assert_cmpfloat (user_time, ==, 0.0);
  g_assert_cmpfloat (system_time, ==, 0.0);
  g_assert_cmpuint (max_rss, ==, 0);
  g_assert_nonnull (log_file);
  g_assert_nonnull (strstr (log_file, "-call-0-pid-"));

  /* The child outlives the task that it was of. */
  g_clear_object (&call);
  g_assert_finalize_object (task);
  child = g_object_ref (children->pdata[0]);
  g_clear_pointer (&children, g_ptr_array_unref);
  g_assert_cmpint (pcall_child_get_pid (child), ==, pid);
  g_assert_finalize_object (child);
}

static void
count_notify (guint *n)
{
  (*n)++;
}

typedef struct
{
  guint n_notified;
  PcallChild *child;
} Watched;

static void
watch_child (PcallTask *task, PcallCall *call, Watched *self)
{
  g_autoptr (GPtrArray) children = pcall_task_dup_living_children (task);

  self->child = g_object_ref (children->pdata[0]);
  g_signal_connect_swapped (self->child, "notify::running", G_CALLBACK (count_notify),
                            &self->n_notified);
}

static void
test_notifies (void)
{
  PcallTask *task = support_task (support_index, 1);
  Watched self = { 0 };

  g_signal_connect (task, "call-started", G_CALLBACK (watch_child), &self);
  support_run (task, NULL);
  g_assert_cmpuint (self.n_notified, ==, 1);
  g_assert_false (pcall_child_get_running (self.child));
  g_assert_cmpint (pcall_child_get_exit_status (self.child), ==, 0);

  g_assert_finalize_object (self.child);
  g_assert_finalize_object (task);
}

int
main (int argc, char *argv[])
{
  g_test_init (&argc, &argv, NULL);
  support_watch_log ();

  support_add ("/pcall/child/stdin", test_stdin);
  support_add ("/pcall/child/random", test_random);
  support_add ("/pcall/child/main-context/default", test_main_context);
  support_add ("/pcall/child/main-context/pushed", test_pushed_context);
  support_add ("/pcall/child/main-context/wakeups", test_wakeups);
  support_add ("/pcall/child/signals", test_signals);
  support_add ("/pcall/child/process-group", test_process_group);
  support_add ("/pcall/child/changes-stay", test_changes_stay);
  g_test_add_func ("/pcall/child/outside/here", test_outside);
  support_add ("/pcall/child/outside/grandchild", test_outside_in_grandchild);
  support_add ("/pcall/child/threads/send", test_inside_threads);
  support_add ("/pcall/child/threads/left", test_threads_left);
  support_add ("/pcall/child/known/ends", test_ends);
  support_add ("/pcall/child/known/properties", test_properties);
  support_add ("/pcall/child/known/notifies", test_notifies);

  return g_test_run ();
}
