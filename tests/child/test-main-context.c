/*
 * SPDX-FileCopyrightText: 2026 The pcall authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

/* Calls that run a main loop in the usual way, that of the default main context: nothing of their
 * parent's is in it, whoever was running it at the fork, and nobody is woken in place of
 * another. */

#include <gio/gio.h>
#include <glib-unix.h>
#include <signal.h>

#include "task-support.h"

/* What ran in which process, in memory that all share. */
typedef struct
{
  pid_t parent;
  gint  n_in_children; /* functions of the parent's */
  gint  n_in_parent;
} Trail;

static Trail *trail;

static void
note_run (void)
{
  g_atomic_int_inc (getpid () == trail->parent ? &trail->n_in_parent : &trail->n_in_children);
}

static gboolean
run_source (gpointer data)
{
  note_run ();
  return G_SOURCE_CONTINUE;
}

static gboolean
run_fd_source (gint fd, GIOCondition condition, gpointer data)
{
  note_run ();
  return G_SOURCE_CONTINUE;
}

static void
free_data (gpointer data)
{
  note_run ();
}

/* Sources of all kinds, all of which have something to do. */

typedef struct
{
  SupportPipe pipe;
  GSource    *sources[5];
} Sources;

static void
add_sources (Sources *self)
{
  support_pipe_open (&self->pipe);
  support_pipe_put (&self->pipe, 0);
  self->sources[0] = g_timeout_source_new (1);
  self->sources[1] = g_idle_source_new ();
  self->sources[2] = g_unix_fd_source_new (self->pipe.read_fd, G_IO_IN);
  self->sources[3] = g_timeout_source_new (0);
  self->sources[4] = g_timeout_source_new (10);
  g_source_set_priority (self->sources[3], G_PRIORITY_HIGH);
  g_source_set_priority (self->sources[4], G_MININT);
  for (gsize i = 0; i < G_N_ELEMENTS (self->sources); i++)
    {
      if (i == 2)
        g_source_set_callback (self->sources[i], G_SOURCE_FUNC (run_fd_source), trail, free_data);
      else
        g_source_set_callback (self->sources[i], run_source, trail, free_data);
      g_source_attach (self->sources[i], NULL);
    }
}

static void
remove_sources (Sources *self)
{
  for (gsize i = 0; i < G_N_ELEMENTS (self->sources); i++)
    {
      g_source_destroy (self->sources[i]);
      g_source_unref (self->sources[i]);
    }
  support_pipe_close (&self->pipe);
}

/* What calls do */

static gboolean
quit (gpointer loop)
{
  g_main_loop_quit (loop);
  return G_SOURCE_REMOVE;
}

static void
run_for_a_while (void)
{
  g_autoptr (GMainLoop) loop = g_main_loop_new (NULL, FALSE);

  g_timeout_add (20, quit, loop);
  g_main_loop_run (loop);
}

static GVariant *
use_timeout (GVariant *args, GVariant *kwargs, gpointer user_data, GError **error)
{
  run_for_a_while ();
  run_for_a_while ();
  return g_variant_new_uint32 (pcall_get_call_index ());
}

static void
take_result (GObject *source, GAsyncResult *result, gpointer loop)
{
  g_task_propagate_boolean (G_TASK (result), NULL);
  g_main_loop_quit (loop);
}

static gboolean
end_task (gpointer task)
{
  g_task_return_boolean (task, TRUE);
  return G_SOURCE_REMOVE;
}

/* As GIO does: what was begun here ends in the thread-default context. */
static GVariant *
use_asynchronous (GVariant *args, GVariant *kwargs, gpointer user_data, GError **error)
{
  g_autoptr (GMainLoop) loop = g_main_loop_new (NULL, FALSE);
  g_autoptr (GTask) task = g_task_new (NULL, NULL, take_result, loop);
  g_autoptr (GSource) timeout = g_timeout_source_new (5);

  g_task_attach_source (task, timeout, end_task);
  g_main_loop_run (loop);
  return g_variant_new_uint32 (pcall_get_call_index ());
}

static void
take_results (GObject *source, GAsyncResult *result, gpointer loop)
{
  g_autoptr (GVariant) results = pcall_task_run_finish (PCALL_TASK (source), result, NULL);

  support_assert_variant (results, "[<uint32 0>, <uint32 1>]");
  g_main_loop_quit (loop);
}

/* Its calls use the default context of this call's child, in turn. */
static GVariant *
use_nested (GVariant *args, GVariant *kwargs, gpointer user_data, GError **error)
{
  g_autoptr (GMainLoop) loop = g_main_loop_new (NULL, FALSE);
  g_autoptr (PcallTask) task = support_task (use_timeout, 2);

  pcall_task_set_timeout (task, SUPPORT_LIMIT_S / 2);
  pcall_task_run_async (task, NULL, take_results, loop);
  g_main_loop_run (loop);
  run_for_a_while ();
  return g_variant_new_uint32 (pcall_get_call_index ());
}

#define N_ROUNDS 200

static gboolean
do_nothing (gpointer data)
{
  return G_SOURCE_REMOVE;
}

/* Adds a source to a loop that sleeps, as often as it is told. */
static gpointer
wake_loop (gpointer data)
{
  SupportPipe *pipe = data;

  while (support_pipe_get (pipe) == 1)
    {
      g_usleep (50);
      g_idle_add (do_nothing, NULL);
    }
  return NULL;
}

static GVariant *
use_threads (GVariant *args, GVariant *kwargs, gpointer user_data, GError **error)
{
  SupportPipe pipe;
  GThread *thread;

  support_pipe_open (&pipe);
  thread = g_thread_new ("waker", wake_loop, &pipe);
  for (guint i = 0; i < N_ROUNDS; i++)
    {
      support_pipe_put (&pipe, 1);
      g_main_context_iteration (NULL, TRUE);
    }
  support_pipe_put (&pipe, 0);
  g_thread_join (thread);
  return g_variant_new_uint32 (pcall_get_call_index ());
}

/* Where the task is run */

static const PcallFunc uses[] = { use_timeout, use_asynchronous, use_nested, use_threads };

static void
run_uses (void)
{
  for (gsize i = 0; i < G_N_ELEMENTS (uses); i++)
    for (guint calls_per_child = 0; calls_per_child < 2; calls_per_child++)
      {
        g_autoptr (PcallTask) task = support_task (uses[i], 4);

        pcall_task_set_calls_per_child (task, calls_per_child);
        pcall_task_set_max_children (task, 2);
        pcall_task_set_timeout (task, SUPPORT_LIMIT_S);
        support_run (task, "[<uint32 0>, <uint32 1>, <uint32 2>, <uint32 3>]");
      }
}

static gboolean
run_in_callback (gpointer loop)
{
  run_uses ();
  g_main_loop_quit (loop);
  return G_SOURCE_REMOVE;
}

static gpointer
run_in_thread (gpointer loop)
{
  g_autoptr (GMainContext) context = g_main_context_new ();

  g_main_context_push_thread_default (context);
  run_uses ();
  g_main_context_pop_thread_default (context);
  g_idle_add_full (G_PRIORITY_HIGH - 1, quit, loop, NULL);
  return NULL;
}

static void
be_plain (GMainLoop *loop)
{
  run_uses ();
}

static void
be_callback (GMainLoop *loop)
{
  g_idle_add_full (G_PRIORITY_HIGH - 1, run_in_callback, loop, NULL);
  g_main_loop_run (loop);
}

static void
be_thread (GMainLoop *loop)
{
  GThread *thread = g_thread_new ("runs", run_in_thread, loop);

  g_main_loop_run (loop);
  g_thread_join (thread);
}

/* A loop that is in the midst of a step half of the time: GLib does not run a copy of that. */

static gboolean
prepare_slowly (GSource *source, gint *timeout)
{
  g_usleep (300);
  *timeout = 0;
  return TRUE;
}

static gboolean
dispatch_slowly (GSource *source, GSourceFunc callback, gpointer data)
{
  g_usleep (300);
  return G_SOURCE_CONTINUE;
}

static void
be_thread_in_steps (GMainLoop *loop)
{
  GSourceFuncs funcs = { .prepare = prepare_slowly, .dispatch = dispatch_slowly };
  g_autoptr (GSource) source = g_source_new (&funcs, sizeof (GSource));

  g_source_set_priority (source, G_PRIORITY_HIGH);
  g_source_attach (source, NULL);
  be_thread (loop);
  g_source_destroy (source);
}

typedef struct
{
  const char *path;
  void (*run) (GMainLoop *loop);
} Place;

static const Place places[] = {
  { "/pcall/main-context/plain", be_plain },
  { "/pcall/main-context/callback", be_callback },
  { "/pcall/main-context/thread", be_thread },
  { "/pcall/main-context/thread/in-steps", be_thread_in_steps },
};

static void
test_place (gconstpointer data)
{
  const Place *place = data;
  g_autoptr (GMainLoop) loop = g_main_loop_new (NULL, FALSE);
  Sources sources;
  gint n;

  trail = support_share ();
  *trail = (Trail) { .parent = getpid () };
  add_sources (&sources);
  place->run (loop);
  g_assert_cmpint (trail->n_in_children, ==, 0);

  /* In the parent, all goes on. */
  n = trail->n_in_parent;
  for (guint i = 0; i < 50 && trail->n_in_parent == n; i++)
    g_main_context_iteration (NULL, TRUE);
  g_assert_cmpint (trail->n_in_parent, >, n);
  remove_sources (&sources);
  support_unshare (trail);
}

/* Another thread that never comes to the end of a step: calls that do not run the context do not
 * wait for that. */

static SupportPipe entered, leave;

static gboolean
prepare_until_told (GSource *source, gint *timeout)
{
  support_pipe_put (&entered, 1);
  support_pipe_get (&leave);
  *timeout = 0;
  return FALSE;
}

static gpointer
iterate (gpointer data)
{
  g_main_context_iteration (NULL, FALSE);
  return NULL;
}

static void
test_stuck (void)
{
  GSourceFuncs funcs = { .prepare = prepare_until_told };
  g_autoptr (GSource) source = g_source_new (&funcs, sizeof (GSource));
  g_autoptr (GMainContext) own = g_main_context_new ();
  GThread *thread;

  support_pipe_open (&entered);
  support_pipe_open (&leave);
  g_source_attach (source, NULL);
  thread = g_thread_new ("stuck", iterate, NULL);
  support_pipe_get (&entered);
  g_main_context_push_thread_default (own);
  for (guint calls_per_child = 0; calls_per_child < 2; calls_per_child++)
    {
      g_autoptr (PcallTask) task = support_task (support_index, 2);

      pcall_task_set_calls_per_child (task, calls_per_child);
      pcall_task_set_timeout (task, SUPPORT_LIMIT_S);
      support_run (task, "[<uint32 0>, <uint32 1>]");
    }
  g_main_context_pop_thread_default (own);
  support_pipe_put (&leave, 1);
  g_thread_join (thread);
  g_source_destroy (source);
  support_pipe_close (&entered);
  support_pipe_close (&leave);
}

/* What user code adds while a task is joined, here as it gets the log of the first call, is the
 * parent's, too: the second call does not run it. */

static guint n_added;

static GLogWriterOutput
add_source_on_log (GLogLevelFlags level, const GLogField *fields, gsize n_fields, gpointer data)
{
  if (getpid () == trail->parent && n_added++ == 0)
    g_idle_add (run_source, NULL);
  return g_log_writer_default (level, fields, n_fields, NULL);
}

static GVariant *
log_or_iterate (GVariant *args, GVariant *kwargs, gpointer user_data, GError **error)
{
  if (pcall_get_call_index () == 0)
    g_message ("Once");
  else
    run_for_a_while ();
  return g_variant_new_uint32 (pcall_get_call_index ());
}

static void
test_added_meanwhile (void)
{
  g_autoptr (PcallTask) task = support_task (log_or_iterate, 3);

  /* There is one writer for all of a process's life. */
  if (!g_test_subprocess ())
    {
      g_test_trap_subprocess (NULL, 0, 0);
      g_test_trap_assert_passed ();
      return;
    }

  trail = support_share ();
  *trail = (Trail) { .parent = getpid () };
  g_log_set_writer_func (add_source_on_log, NULL, NULL);
  pcall_task_set_max_children (task, 1);
  pcall_task_set_log_mode (task, PCALL_LOG_MODE_LIVE);
  support_run (task, "[<uint32 0>, <uint32 1>, <uint32 2>]");

  g_assert_cmpuint (n_added, >, 0);
  g_assert_cmpint (trail->n_in_children, ==, 0);
  g_main_context_iteration (NULL, FALSE);
  g_assert_cmpint (trail->n_in_parent, ==, 1);
  g_idle_remove_by_data (NULL);
  support_unshare (trail);
}

/* So is what another thread adds, which sleeps before and after that: here each call tells it to. */

static SupportPipe asked, added;

static gpointer
add_when_asked (gpointer data)
{
  while (support_pipe_get (&asked) == 1)
    {
      g_idle_add (run_source, trail);
      support_pipe_put (&added, 1);
    }
  return NULL;
}

static GVariant *
iterate_and_ask (GVariant *args, GVariant *kwargs, gpointer user_data, GError **error)
{
  run_for_a_while ();
  support_pipe_put (&asked, 1);
  support_pipe_get (&added);
  return g_variant_new_uint32 (pcall_get_call_index ());
}

static void
test_added_by_thread (void)
{
  g_autoptr (PcallTask) task = support_task (iterate_and_ask, 4);
  GThread *thread;

  trail = support_share ();
  *trail = (Trail) { .parent = getpid () };
  support_pipe_open (&asked);
  support_pipe_open (&added);
  thread = g_thread_new ("adds", add_when_asked, NULL);
  pcall_task_set_max_children (task, 1);
  support_run (task, "[<uint32 0>, <uint32 1>, <uint32 2>, <uint32 3>]");
  support_pipe_put (&asked, 0);
  g_thread_join (thread);

  g_assert_cmpint (trail->n_in_children, ==, 0);
  for (guint i = 0; i < 4; i++)
    g_assert_true (g_idle_remove_by_data (trail));
  g_assert_false (g_idle_remove_by_data (trail));
  support_pipe_close (&asked);
  support_pipe_close (&added);
  support_unshare (trail);
}

int
main (int argc, char *argv[])
{
  g_test_init (&argc, &argv, NULL);

  for (gsize i = 0; i < G_N_ELEMENTS (places); i++)
    g_test_add_data_func (places[i].path, &places[i], test_place);
  g_test_add_func ("/pcall/main-context/stuck", test_stuck);
  g_test_add_func ("/pcall/main-context/added-meanwhile", test_added_meanwhile);
  g_test_add_func ("/pcall/main-context/added-by-thread", test_added_by_thread);

  return g_test_run ();
}
