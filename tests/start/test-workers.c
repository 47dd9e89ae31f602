/*
 * SPDX-FileCopyrightText: 2026 The pcall authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

/* Worker programs of all sorts: good ones in other forms than pcall's own, and what becomes of a
 * task whose worker is missing, does not come up, is somebody else, or breaks the protocol. */

#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

#include "tally.h"
#include "task-support.h"
#include "traces.h"

static PcallTarget *
odd_target (const char *mode,
            const char *name)
{
  g_autofree char *program = g_test_build_filename (G_TEST_BUILT, "odd-worker", NULL);
  const char *argv[] = { program, mode, "an argument", NULL };

  return pcall_target_new_worker (argv, name);
}

static PcallTask *
odd_task (const char *mode,
          const char *name,
          guint       n_calls)
{
  g_autoptr (PcallTarget) target = odd_target (mode, name);
  PcallTask *task = pcall_task_new (target);

  pcall_task_set_n_calls (task, n_calls);
  return task;
}

/* Good ones */

static void
test_target (void)
{
  g_autoptr (PcallTarget) target = odd_target ("good", "echo");
  g_auto (GStrv) argv = NULL;
  g_autofree char *module = NULL;

  g_object_get (target, "worker-argv", &argv, "module", &module, NULL);
  g_assert_cmpstrv (argv, pcall_target_get_worker_argv (target));
  g_assert_cmpstr (argv[1], ==, "good");
  g_assert_null (argv[3]);
  g_assert_cmpstr (pcall_target_get_name (target), ==, "echo");
  g_assert_null (module);
  g_assert_null (pcall_target_get_module (target));
}

static void
test_echo (gconstpointer mode)
{
  g_autoptr (PcallTask) task = odd_task (mode, "echo", 1);

  pcall_task_set_common_args (task, g_variant_new_parsed ("(1, 'x')"));
  pcall_task_set_argument (task, "y", g_variant_new_parsed ("[1.5, 2.5]"));
  support_run (task, "[<((1, 'x'), {'y': <1.5>})>, <((1, 'x'), {'y': <2.5>})>]");
}

static void
count_progress (PcallTask  *task,
                PcallCall  *call,
                gdouble     fraction,
                const char *text,
                guint      *n)
{
  g_assert_cmpstr (text, ==, "soon");
  ++*n;
}

static void
test_later (gconstpointer mode)
{
  g_autoptr (PcallTask) task = odd_task (mode, "later", 6);
  guint n = 0;

  g_signal_connect (task, "call-progress", G_CALLBACK (count_progress), &n);
  support_run (task, "[<@u 0>, <@u 1>, <@u 2>, <@u 3>, <@u 4>, <@u 5>]");
  g_assert_cmpuint (n, ==, 6);
}

static void
test_task_in_worker (void)
{
  g_autoptr (PcallTask) task = odd_task ("good", "task", 2);

  support_run (task, "[<[<2>, <4>, <6>]>, <[<2>, <4>, <6>]>]");
}

static void
test_argument (void)
{
  g_autoptr (PcallTask) task = odd_task ("good", "argument", 1);

  support_run (task, "[<'an argument'>]");
}

static void
test_unknown_name (void)
{
  g_autoptr (PcallTask) task = odd_task ("good", "nix", 1);
  g_autoptr (GError) error = NULL;

  support_start (task);
  error = support_join_failing (task);
  g_assert_error (error, PCALL_ERROR, PCALL_ERROR_TARGET);
  g_assert_nonnull (strstr (error->message, "odd-worker knows no \"nix\""));
}

/* Two kinds of workers, and room for one. */
static void
test_one_at_a_time (void)
{
  g_autoptr (PcallTask) task = odd_task ("good", "later", 1);
  g_autoptr (GPtrArray) children = NULL;

  for (guint i = 1; i < 6; i++)
    {
      g_autoptr (PcallTarget) target = odd_target (i % 3 == 0 ? "good" : "own-loop", "later");

      pcall_task_add_target (task, target);
    }
  pcall_task_set_max_children (task, 1);
  support_run (task, "[<@u 0>, <@u 1>, <@u 2>, <@u 3>, <@u 4>, <@u 5>]");
  children = pcall_task_dup_children (task);
  g_assert_cmpuint (children->len, ==, 4);
}

/* A worker is retired after its calls, and the next one takes its place. */
static void
test_calls_per_child (void)
{
  static const struct
  {
    guint calls_per_child;
    guint n_children;
  } rows[] = { { 1, 6 }, { 2, 3 }, { 4, 2 }, { 6, 1 }, { 0, 1 } };

  for (gsize i = 0; i < G_N_ELEMENTS (rows); i++)
    {
      g_autoptr (PcallTask) task = odd_task ("good", "later", 6);
      g_autoptr (GPtrArray) children = NULL;

      pcall_task_set_max_children (task, 1);
      pcall_task_set_calls_per_child (task, rows[i].calls_per_child);
      support_run (task, "[<@u 0>, <@u 1>, <@u 2>, <@u 3>, <@u 4>, <@u 5>]");
      children = pcall_task_dup_children (task);
      g_assert_cmpuint (children->len, ==, rows[i].n_children);
    }
}

static void
test_worker_by_hand (void)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (PcallWorker) worker = pcall_worker_new (&error);

  g_assert_null (worker);
  g_assert_error (error, PCALL_ERROR, PCALL_ERROR_START);
}

/* One that ends between calls is replaced, without a word. */
static void
test_leave (void)
{
  g_autoptr (PcallTask) task = odd_task ("leave", "x", 20);
  g_autoptr (GVariant) results = NULL;

  support_start (task);
  if (pcall_task_join (task, SUPPORT_LIMIT_S, NULL, NULL))
    results = pcall_task_dup_results (task);

  /* Or is given a call while it is leaving: that is lost, and it is said. */
  for (guint i = 0; i < 20; i++)
    {
      g_autoptr (GError) error = support_error (task, i);

      if (error != NULL)
        g_assert_error (error, PCALL_ERROR, PCALL_ERROR_EXITED);
      else
        support_assert_result (task, i, "42");
    }
  g_assert_cmpuint (pcall_task_get_n_finished (task), ==, 20);
}

/* One that does not end when it is told to is ended. */
static void
test_stay (void)
{
  g_autoptr (PcallTask) task = odd_task ("stay", "argument", 1);

  support_run (task, "[<'an argument'>]");
}

/* Bad ones */

typedef struct
{
  const char *mode;
  PcallError  code;
  const char *said;
  const char *start_timeout;
} Bad;

static const Bad bad[] = {
  { "exit-3", PCALL_ERROR_START,
    "*odd-worker exit-3 *exited with status 3 before it said hello", NULL },
  { "crash", PCALL_ERROR_START,
    "*odd-worker crash *killed by signal 11*before it said hello", NULL },
  { "no-such-mode", PCALL_ERROR_START, "*exited with status 2 before it said hello", NULL },
  { "rubbish", PCALL_ERROR_START, "*odd-worker rubbish *frame magic is 55736167 (\"Usag\")", NULL },
  { "other-frames", PCALL_ERROR_START,
    "*odd-worker other-frames *frame version is 2, not 1", NULL },
  { "other-version", PCALL_ERROR_START, "*it speaks version 7 of the protocol, not 1", NULL },
  { "other-cookie", PCALL_ERROR_START, "*frame nonce is *, not that of the task", NULL },
  { "silent", PCALL_ERROR_START, "*odd-worker silent *did not say hello in time*", "0.5" },
  { "half", PCALL_ERROR_START, "*odd-worker half *did not say hello in time*", "0.5" },
  { "close", PCALL_ERROR_START, "*odd-worker close *closed its channel*", NULL },
  { "result-first", PCALL_ERROR_START, "*sent a frame of type result*", NULL },
  { "hello-twice", PCALL_ERROR_PROTOCOL, "*sent a frame of type hello*", NULL },
  { "close-in-call", PCALL_ERROR_PROTOCOL, "*closed its channel*", NULL },
  { "wrong-call", PCALL_ERROR_PROTOCOL, "*sent a frame about call 1*", NULL },
  { "final", PCALL_ERROR_PROTOCOL, "*sent a frame of type final*", NULL },
  { "send-call", PCALL_ERROR_PROTOCOL, "*sent a frame of type call*", NULL },
};

static void
test_bad (gconstpointer data)
{
  const Bad *row = data;
  g_autofree char *before = traces_take ();
  PcallTask *task = odd_task (row->mode, "x", 1);
  g_autoptr (Tally) tally = tally_new (task);
  g_autoptr (GError) error = NULL;

  if (row->start_timeout != NULL)
    g_setenv ("PCALL_WORKER_START_TIMEOUT", row->start_timeout, TRUE);
  support_start (task);
  error = support_join_failing (task);
  g_unsetenv ("PCALL_WORKER_START_TIMEOUT");
  g_assert_error (error, PCALL_ERROR, (gint) row->code);
  if (!g_pattern_match_simple (row->said, error->message))
    g_error ("'%s' is not %s", error->message, row->said);
  g_assert_true (g_str_has_prefix (error->message, "call 0 (x): "));
  tally_assert_complete (tally);

  tally_free (g_steal_pointer (&tally));
  g_assert_finalize_object (task);
  traces_assert_back (before);
}

/* What came after the result does not undo it. */
static void
test_result_twice (void)
{
  g_autoptr (PcallTask) task = odd_task ("result-twice", "x", 1);

  support_run (task, "[<42>]");
}

/* Others are not harmed: the calls of a good worker, in the same task. */
static void
test_bad_among_good (void)
{
  g_autoptr (PcallTask) task = odd_task ("good", "later", 1);

  for (guint i = 1; i < 12; i++)
    {
      g_autoptr (PcallTarget) target =
          i % 2 == 1 ? odd_target (bad[i % 6].mode, "x") : odd_target ("good", "later");

      pcall_task_add_target (task, target);
    }
  support_start (task);
  g_error_free (support_join_failing (task));
  for (guint i = 0; i < 12; i++)
    g_assert_cmpint (support_state (task, i), ==,
                     i % 2 == 1 ? PCALL_CALL_STATE_FAILED : PCALL_CALL_STATE_SUCCEEDED);
}

/* Arguments that the socket has no room for, to a worker that does not read: the loop goes on, and
 * the timeout comes. */
static void
test_never_read (void)
{
  g_autoptr (PcallTask) task = odd_task ("never-read", "x", 1);
  g_autofree guint8 *bytes = g_malloc0 (16 << 20);
  g_autoptr (GError) error = NULL;

  pcall_task_set_common_args (
      task, g_variant_new ("(@ay)", g_variant_new_fixed_array (G_VARIANT_TYPE_BYTE, bytes,
                                                               16 << 20, 1)));
  pcall_task_set_timeout (task, 0.2);
  support_start (task);
  error = support_join_failing (task);
  g_assert_error (error, PCALL_ERROR, PCALL_ERROR_TIMED_OUT);
}

static void
test_deadline_before_hello (void)
{
  g_autoptr (PcallTask) task = odd_task ("silent", "x", 5);
  g_autoptr (GError) error = NULL;

  pcall_task_set_deadline (task, 0.2);
  support_start (task);
  error = support_join_failing (task);
  g_assert_error (error, PCALL_ERROR, PCALL_ERROR_TIMED_OUT);
}

static void
test_dropped_before_hello (void)
{
  g_autofree char *before = traces_take ();
  PcallTask *task = odd_task ("silent", "x", 5);

  support_start (task);
  g_assert_finalize_object (task);
  traces_assert_back (before);
}

/* Missing ones */

typedef struct
{
  const char *program;
  const char *said;
} Missing;

static const Missing missing[] = {
  { "no-such-program-anywhere", "*no-such-program-anywhere*not found in PATH, which is /*" },
  { "/no/such/program", "*worker program /no/such/program: execve: No such file or directory" },
  { "/dev/null", "*worker program /dev/null: execve: Permission denied" },
};

static void
test_missing (gconstpointer data)
{
  const Missing *row = data;
  const char *argv[] = { row->program, NULL };
  const char *preloaded = g_getenv ("LD_PRELOAD") != NULL ? g_getenv ("LD_PRELOAD") : "";
  g_autofree char *before = traces_take ();
  g_autoptr (PcallTarget) target = pcall_target_new_worker (argv, "x");
  g_autoptr (PcallTask) task = pcall_task_new (target);
  g_autoptr (GError) error = NULL;

  /* Valgrind makes a fork of a vfork: why the program was not executed stays in the child. */
  if (strchr (row->program, '/') != NULL && strstr (preloaded, "vgpreload") != NULL)
    {
      g_test_skip ("valgrind's children share no memory with their parent");
      return;
    }
  g_assert_false (pcall_task_start (task, &error));
  g_assert_error (error, PCALL_ERROR, PCALL_ERROR_START);
  if (!g_pattern_match_simple (row->said, error->message))
    g_error ("'%s' is not %s", error->message, row->said);
  g_assert_false (pcall_task_get_running (task));
  g_assert_finalize_object (g_steal_pointer (&task));
  traces_assert_back (before);
}

static void
add_good (const char *path,
          void (*func) (gconstpointer mode))
{
  g_autofree char *own_loop = g_strconcat (path, "/own-loop", NULL);

  g_test_add_data_func (path, "good", func);
  g_test_add_data_func (own_loop, "own-loop", func);
}

int
main (int    argc,
      char **argv)
{
  g_test_init (&argc, &argv, NULL);
  traces_begin ();

  g_test_add_func ("/pcall/workers/target", test_target);
  add_good ("/pcall/workers/echo", test_echo);
  add_good ("/pcall/workers/later", test_later);
  g_test_add_func ("/pcall/workers/task", test_task_in_worker);
  g_test_add_func ("/pcall/workers/argument", test_argument);
  g_test_add_func ("/pcall/workers/unknown-name", test_unknown_name);
  g_test_add_func ("/pcall/workers/one-at-a-time", test_one_at_a_time);
  g_test_add_func ("/pcall/workers/calls-per-child", test_calls_per_child);
  g_test_add_func ("/pcall/workers/by-hand", test_worker_by_hand);
  g_test_add_func ("/pcall/workers/leave", test_leave);
  g_test_add_func ("/pcall/workers/stay", test_stay);
  for (gsize i = 0; i < G_N_ELEMENTS (bad); i++)
    {
      g_autofree char *path = g_strconcat ("/pcall/workers/bad/", bad[i].mode, NULL);

      g_test_add_data_func (path, &bad[i], test_bad);
    }
  g_test_add_func ("/pcall/workers/result-twice", test_result_twice);
  g_test_add_func ("/pcall/workers/bad-among-good", test_bad_among_good);
  g_test_add_func ("/pcall/workers/never-read", test_never_read);
  g_test_add_func ("/pcall/workers/deadline-before-hello", test_deadline_before_hello);
  g_test_add_func ("/pcall/workers/dropped-before-hello", test_dropped_before_hello);
  for (gsize i = 0; i < G_N_ELEMENTS (missing); i++)
    {
      g_autofree char *path = g_strdup_printf ("/pcall/workers/missing/%u", (guint) i);

      g_test_add_data_func (path, &missing[i], test_missing);
    }

  return g_test_run ();
}
