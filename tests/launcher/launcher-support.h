/*
 * SPDX-FileCopyrightText: 2026 The pcall authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

/* Tasks whose calls run in workers of agents, which are on this machine: all that is between them
 * and this process is as it would be elsewhere. */

#pragma once

#include <glib/gstdio.h>
#include <stdlib.h>
#include <string.h>

#include "spawn-support.h"

/* An agent for each worker, on its standard streams, by way of a shell as ssh would have it. */
static inline PcallLauncher *
launcher_new_shell (const char *script,
                    guint       n_workers)
{
  const char *command[] = { "/bin/sh", "-c", script, NULL };

  return pcall_launcher_new (command, n_workers, PCALL_LAUNCHER_STREAMS);
}

/* One command for all, which connect. */
static inline PcallLauncher *
launcher_new_connect (guint n_workers)
{
  const char *command[] = { "/bin/sh", "-c",
                            "trap : TERM; i=0;"
                            " while [ $i -lt {n} ]; do {agent} & i=$((i + 1)); done; wait; wait",
                            NULL };

  return pcall_launcher_new (command, n_workers, PCALL_LAUNCHER_CONNECT);
}

/* As the first, behind a way that takes 10 ms in each direction. */
static inline PcallLauncher *
launcher_new_far (guint n_workers)
{
  g_autofree char *program = g_test_build_filename (G_TEST_DIST, "launcher", "slow-link.py", NULL);
  const char *command[] = {
    "/usr/bin/python3", program, "10", "/bin/sh", "-c", "eval exec \"$PCALL_AGENT\"", NULL
  };

  return pcall_launcher_new (command, n_workers, PCALL_LAUNCHER_STREAMS);
}

/* The first, or one of the others where the program runs again. */
static inline PcallLauncher *
launcher_new_agents (guint n_workers)
{
  if (g_getenv ("PCALL_TEST_FAR") != NULL)
    return launcher_new_far (n_workers);
  return g_getenv ("PCALL_TEST_CONNECT") != NULL
             ? launcher_new_connect (n_workers)
             : launcher_new_shell ("eval exec \"$PCALL_AGENT\"", n_workers);
}

static inline PcallTask *
launcher_task (PcallLauncher *launcher,
               const char    *symbol,
               guint          n_calls)
{
  PcallTask *task = symbol_task (symbol, n_calls);

  pcall_task_set_launcher (task, launcher);
  return task;
}

/* One that runs a call now. */
static inline pid_t
launcher_find_agent (PcallLauncher *launcher)
{
  g_autoptr (PcallTask) task = launcher_task (launcher, "get_parent", 1);
  g_autoptr (PcallCall) call = NULL;
  g_autoptr (GVariant) result = NULL;

  support_run (task, NULL);
  call = pcall_task_dup_call (task, 0);
  result = pcall_call_dup_result (call);
  return g_variant_get_int32 (result);
}

/* 0 where that process has just ended. */
static inline pid_t
launcher_get_parent (pid_t pid)
{
  g_autofree char *path = g_strdup_printf ("/proc/%d/stat", pid);
  g_autofree char *text = NULL;
  const char *behind_name;

  if (!g_file_get_contents (path, &text, NULL, NULL))
    return 0;
  behind_name = strrchr (text, ')');
  return behind_name != NULL ? atoi (behind_name + strlen (") S ")) : 0;
}

static inline char *
launcher_make_directory (void)
{
  g_autoptr (GError) error = NULL;
  char *path = g_dir_make_tmp ("pcall-launcher-XXXXXX", &error);

  g_assert_no_error (error);
  return path;
}

/* Removes it with the files in it. */
static inline void
launcher_remove_directory (const char *path)
{
  GDir *dir = g_dir_open (path, 0, NULL);
  const char *name;

  while ((name = g_dir_read_name (dir)) != NULL)
    {
      g_autofree char *file = g_build_filename (path, name, NULL);

      g_unlink (file);
    }
  g_dir_close (dir);
  g_assert_no_errno (g_rmdir (path));
}

static inline void
launcher_assert_matches (const char *text,
                         const char *pattern)
{
  if (!g_pattern_match_simple (pattern, text))
    g_error ("'%s' is not %s", text, pattern);
}

/* Each time it is tried. */
static inline void
launcher_assert_no_start (PcallTask  *task,
                          PcallError  code,
                          const char *pattern)
{
  for (guint i = 0; i < 2; i++)
    {
      g_autoptr (GError) error = NULL;

      g_assert_false (pcall_task_start (task, &error));
      g_assert_error (error, PCALL_ERROR, (int) code);
      launcher_assert_matches (error->message, pattern);
    }
}

/* The error of a call, and what it says. */
static inline void
launcher_assert_error (PcallTask  *task,
                       guint       index,
                       PcallError  code,
                       const char *pattern)
{
  g_autoptr (GError) error = support_error (task, index);

  g_assert_nonnull (error);
  if (!g_error_matches (error, PCALL_ERROR, code))
    g_error ("%s %d: '%s', expected %d", g_quark_to_string (error->domain), error->code,
             error->message, code);
  launcher_assert_matches (error->message, pattern);
}

/* A test begins with a process that has nothing, and ends with one. */

typedef struct
{
  GTestFunc     func;
  GTestDataFunc row_func; /* in its place, with @row */
  gconstpointer row;
  gboolean      kills;    /* agents, which leave their log files */
  guint         n_rounds;
  guint         n_at_once;
} LauncherTest;

/* The next task removes what was left by programs that were killed. */
static inline gboolean
launcher_logs_are_swept (gpointer data)
{
  g_autofree char *path = g_build_filename (g_get_user_runtime_dir (), "pcall", NULL);
  g_autoptr (PcallTask) task = symbol_task ("nothing", 1);

  support_run (task, NULL);
  return !g_file_test (path, G_FILE_TEST_EXISTS);
}

static inline gpointer
launcher_run_once (gpointer data)
{
  const LauncherTest *test = data;

  if (test->func != NULL)
    test->func ();
  else
    test->row_func (test->row);
  return NULL;
}

static inline void
launcher_run_at_once (const LauncherTest *test)
{
  g_autoptr (GPtrArray) threads = g_ptr_array_new ();

  for (guint i = 1; i < test->n_at_once; i++)
    g_ptr_array_add (threads, g_thread_new ("at-once", launcher_run_once, (gpointer) test));
  launcher_run_once ((gpointer) test);
  for (guint i = 0; i < threads->len; i++)
    g_thread_join (threads->pdata[i]);
}

static inline void
launcher_run_round (const LauncherTest *test)
{
  g_autofree char *before = traces_take ();

  launcher_run_at_once (test);
  if (test->kills)
    g_assert_true (traces_wait_until (launcher_logs_are_swept, NULL));
  traces_assert_back (before);
}

static inline void
launcher_run_clean (gconstpointer data)
{
  const LauncherTest *test = data;

  for (guint i = 0; i < test->n_rounds; i++)
    launcher_run_round (test);
}

static inline void
launcher_add_test (const char  *path,
                   LauncherTest what)
{
  /* Not on the heap: what belongs to a test that does not run is never freed. */
  static LauncherTest tests[64];
  static guint n_tests;
  LauncherTest *test = &tests[n_tests++];

  g_assert (n_tests <= G_N_ELEMENTS (tests));
  *test = what;
  g_test_add_data_func (path, test, launcher_run_clean);
}

static inline void
launcher_add_any (const char *path,
                  GTestFunc   func,
                  gboolean    kills,
                  guint       n_rounds)
{
  launcher_add_test (path, (LauncherTest) { func, NULL, NULL, kills, n_rounds, 1 });
}

static inline void
launcher_add (const char *path,
              GTestFunc   func)
{
  launcher_add_any (path, func, FALSE, 1);
}

static inline void
launcher_add_killing (const char *path,
                      GTestFunc   func)
{
  launcher_add_any (path, func, TRUE, 1);
}

/* Something ends, so often that what is a matter of luck shows. */
static inline void
launcher_add_end (const char *path,
                  GTestFunc   func)
{
  launcher_add_any (path, func, TRUE, traces_rounds (1, 100));
}

/* As often, of what waits more than it does: twenty at once. */
static inline void
launcher_add_waiting (const char *path,
                      GTestFunc   func)
{
  launcher_add_test (path, (LauncherTest) { func, NULL, NULL, TRUE, traces_rounds (1, 5),
                                            traces_rounds (1, 20) });
}

/* The same two, of a table */

static inline void
launcher_add_end_row (const char   *path,
                      GTestDataFunc func,
                      gconstpointer row)
{
  launcher_add_test (path, (LauncherTest) { NULL, func, row, TRUE, traces_rounds (1, 100), 1 });
}

static inline void
launcher_add_waiting_row (const char   *path,
                          GTestDataFunc func,
                          gconstpointer row)
{
  launcher_add_test (path, (LauncherTest) { NULL, func, row, TRUE, traces_rounds (1, 5),
                                            traces_rounds (1, 20) });
}
