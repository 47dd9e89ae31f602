/*
 * SPDX-FileCopyrightText: 2026 The pcall authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

/* Under what children run: niceness, processors, limits, directory, environment. Calls look
 * around themselves and return what they saw. What cannot be had is an error that names it. */

#include <gio/gio.h>
#include <grp.h>
#include <sched.h>
#include <stdlib.h>
#include <sys/resource.h>

#include "spawn-support.h"

#define NOBODY 65534

static void
assert_start_error (const GError *error, const char *expected)
{
  g_assert_error (error, PCALL_ERROR, PCALL_ERROR_START);
  g_assert_cmpstr (error->message, ==, expected);
}

/* Runs a task whose calls all fail for that reason, before anything of theirs has run. */
static void
assert_refused (PcallTask *task, const char *reason)
{
  guint n_calls = pcall_task_get_n_calls (task);

  support_start (task);
  g_error_free (support_join_failing (task));
  for (guint i = 0; i < n_calls; i++)
    {
      g_autoptr (GError) error = support_error (task, i);
      g_autofree char *expected = g_strdup_printf ("call %u (function): %s", i, reason);

      g_assert_cmpint (support_state (task, i), ==, PCALL_CALL_STATE_FAILED);
      assert_start_error (error, expected);
    }
  g_assert_finalize_object (task);
}

/* Niceness */

static GVariant *
tell_nice (GVariant *args, GVariant *kwargs, gpointer user_data, GError **error)
{
  return g_variant_new_int32 (getpriority (PRIO_PROCESS, 0));
}

static void
test_nice (void)
{
  static const gint added[] = { 0, 1, 5, 39 };

  for (gsize i = 0; i < G_N_ELEMENTS (added); i++)
    for (guint calls_per_child = 0; calls_per_child < 2; calls_per_child++)
      {
        PcallTask *task = support_task (tell_nice, 1);
        int nice = MIN (getpriority (PRIO_PROCESS, 0) + added[i], 19);
        g_autofree char *expected = g_strdup_printf ("[<%d>]", nice);

        pcall_task_set_nice (task, added[i]);
        pcall_task_set_calls_per_child (task, calls_per_child);
        support_run (task, expected);
        g_assert_finalize_object (task);
      }
}

/* Processors */

static int
find_processor (void)
{
  cpu_set_t cpus;
  int cpu = 0;

  g_assert_no_errno (sched_getaffinity (0, sizeof cpus, &cpus));
  while (!CPU_ISSET (cpu, &cpus))
    cpu++;
  return cpu;
}

static GVariant *
tell_processors (GVariant *args, GVariant *kwargs, gpointer user_data, GError **error)
{
  cpu_set_t cpus;

  g_assert_no_errno (sched_getaffinity (0, sizeof cpus, &cpus));
  return g_variant_new ("(ii)", find_processor (), CPU_COUNT (&cpus));
}

static void
test_affinity (void)
{
  PcallTask *task = support_task (tell_processors, 4);
  int cpu = find_processor ();
  g_autofree char *text = g_strdup_printf ("%d", cpu);
  g_autofree char *expected = g_strdup_printf ("(%d, 1)", cpu);

  pcall_task_set_cpu_affinity (task, text);
  pcall_task_set_calls_per_child (task, 0);
  support_run (task, NULL);
  support_assert_result (task, 3, expected);
  /* As many as there are processors for them */
  g_assert_cmpuint (count_children (task), ==, 1);

  g_assert_finalize_object (task);
}

/* Also where some of them are there */
static void
test_no_such_processor (void)
{
  g_autofree char *mixed = g_strdup_printf ("%d,1023", find_processor ());
  const char *const lists[] = { "1023", mixed };

  for (gsize i = 0; i < G_N_ELEMENTS (lists); i++)
    {
      PcallTask *task = support_task (tell_processors, 2);
      g_autofree char *reason = g_strdup_printf ("cpu-affinity %s: Invalid argument", lists[i]);

      pcall_task_set_cpu_affinity (task, lists[i]);
      assert_refused (task, reason);
    }
}

static void
test_lists_of_processors (void)
{
  static const char *const good[] = { "0", "0-3,8", "0 1", "1,0,", "7-7", "1023", "0, 2" };
  static const char *const bad[]
      = { "", " ", "x", "0x1", "3-1", "0-", "-1", "1024", "0-1024", "0;1", "1.5", "0--1",
          "99999999999999999999", "0-3-4", "all" };
  PcallTask *task = support_task (support_index, 1);

  for (gsize i = 0; i < G_N_ELEMENTS (good); i++)
    {
      pcall_task_set_cpu_affinity (task, good[i]);
      g_assert_cmpstr (pcall_task_get_cpu_affinity (task), ==, good[i]);
    }
  for (gsize i = 0; i < G_N_ELEMENTS (bad); i++)
    {
      g_autofree char *pattern = g_strdup_printf ("CRITICAL: *cpu-affinity is \"%s\"; *", bad[i]);

      support_expect_log ();
      pcall_task_set_cpu_affinity (task, bad[i]);
      support_assert_logged (pattern);
      g_assert_cmpstr (pcall_task_get_cpu_affinity (task), ==, "0, 2");
    }
  pcall_task_set_cpu_affinity (task, NULL);
  support_run (task, "[<uint32 0>]");

  g_assert_finalize_object (task);
}

/* Limits */

/* Whether a limit is what it is to be, both of it, and what it is for cannot be had. */
static GVariant *
look_at_files (GVariant *args, GVariant *kwargs, gpointer user_data, GError **error)
{
  struct rlimit limit;
  int last = -1;

  g_assert_no_errno (getrlimit (RLIMIT_NOFILE, &limit));
  for (int fd = 0; fd >= 0; last = MAX (last, fd))
    fd = dup (STDIN_FILENO);
  return g_variant_new ("(uui)", (guint32) limit.rlim_cur, (guint32) limit.rlim_max, last);
}

static GVariant *
look_at_memory (GVariant *args, GVariant *kwargs, gpointer user_data, GError **error)
{
  struct rlimit limit;
  void *memory;

  g_assert_no_errno (getrlimit (RLIMIT_AS, &limit));
  memory = mmap (NULL, limit.rlim_cur, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  return g_variant_new ("(ttb)", (guint64) limit.rlim_cur, (guint64) limit.rlim_max,
                        memory == MAP_FAILED && errno == ENOMEM);
}

static void
test_max_open_files (void)
{
  for (guint calls_per_child = 0; calls_per_child < 2; calls_per_child++)
    {
      PcallTask *task = support_task (look_at_files, 2);

      pcall_task_set_max_open_files (task, 60);
      pcall_task_set_calls_per_child (task, calls_per_child);
      pcall_task_set_max_children (task, 2);
      support_run (task, NULL);
      support_assert_result (task, 0, "(uint32 60, uint32 60, 59)");
      g_assert_finalize_object (task);
    }
}

/* Far above what any build of this maps, also with sanitizers */
#if GLIB_SIZEOF_SIZE_T > 4
#define MUCH (G_GUINT64_CONSTANT (1) << 46)
#define MUCH_KIB "68719476736"
#else
#define MUCH (G_GUINT64_CONSTANT (3) << 30)
#define MUCH_KIB "3145728"
#endif

static void
test_max_address_space (void)
{
  PcallTask *task = support_task (look_at_memory, 1);
  g_autofree char *expected = g_strdup_printf ("[<(uint64 %" G_GUINT64_FORMAT ", uint64 %" G_GUINT64_FORMAT
                                               ", true)>]", MUCH, MUCH);

  pcall_task_set_max_address_space (task, MUCH);
  support_run (task, expected);

  g_assert_finalize_object (task);
}

static void
test_too_little (void)
{
  PcallTask *files = support_task (support_index, 2);
  PcallTask *memory = support_task (support_index, 2);
  PcallTask *many = support_task (support_index, 2);

  pcall_task_set_max_open_files (files, 3);
  assert_refused (files, "max-open-files 3: Too many open files");
  pcall_task_set_max_address_space (memory, 1 << 20);
  assert_refused (memory, "max-address-space 1048576: Cannot allocate memory");
  pcall_task_set_max_open_files (many, 3);
  pcall_task_set_calls_per_child (many, 0);
  assert_refused (many, "max-open-files 3: Too many open files");
}

/* Limits that this process has no right to raise, in a process that has none */

/* FALSE in a container that has no such user. */
static gboolean
become_nobody (void)
{
  struct rlimit files = { 1000, 1000 };
  struct rlimit memory = { MUCH, MUCH };

  g_assert_no_errno (setrlimit (RLIMIT_NOFILE, &files));
  g_assert_no_errno (setrlimit (RLIMIT_AS, &memory));
  return geteuid () != 0 || (setgroups (0, NULL) == 0 && setresgid (NOBODY, NOBODY, NOBODY) == 0 &&
                             setresuid (NOBODY, NOBODY, NOBODY) == 0);
}

static PcallTask *
task_of_nobody (void)
{
  PcallTask *task = support_task (support_index, 2);

  pcall_task_set_log_mode (task, PCALL_LOG_MODE_INHERIT);
  return task;
}

static GVariant *
try_to_raise (GVariant *args, GVariant *kwargs, gpointer user_data, GError **error)
{
  PcallTask *task;

  if (!become_nobody ())
    return g_variant_new_boolean (FALSE);

  task = task_of_nobody ();
  pcall_task_set_max_open_files (task, 1001);
  assert_refused (task, "max-open-files 1001: Operation not permitted");

  task = task_of_nobody ();
  pcall_task_set_max_address_space (task, G_MAXUINT64);
  assert_refused (task, "max-address-space 18446744073709551615: Operation not permitted");

  task = task_of_nobody ();
  pcall_task_set_nice (task, -1);
  assert_refused (task, "nice -1: Permission denied");

  /* What is no more than there is already */
  task = task_of_nobody ();
  pcall_task_set_max_open_files (task, 1000);
  pcall_task_set_max_address_space (task, MUCH);
  pcall_task_set_nice (task, 1);
  support_run (task, "[<uint32 0>, <uint32 1>]");
  g_assert_finalize_object (task);
  return g_variant_new_boolean (TRUE);
}

static void
test_no_right (void)
{
  PcallTask *task = support_task (try_to_raise, 1);
  g_autoptr (PcallCall) call = NULL;
  g_autoptr (GVariant) tried = NULL;

  support_run (task, NULL);
  call = pcall_task_dup_call (task, 0);
  tried = pcall_call_dup_result (call);
  if (!g_variant_get_boolean (tried))
    g_test_skip ("there is no other user here to become");

  g_assert_finalize_object (task);
}

/* Directory */

static GVariant *
tell_directory (GVariant *args, GVariant *kwargs, gpointer user_data, GError **error)
{
  g_autofree char *directory = g_get_current_dir ();

  return g_variant_new_string (directory);
}

static void
test_directory (void)
{
  PcallTask *task = support_task (tell_directory, 1);
  PcallTask *nowhere = support_task (tell_directory, 2);
  g_autofree char *before = g_get_current_dir ();
  g_autofree char *after = NULL;

  pcall_task_set_working_directory (task, "/proc");
  support_run (task, "[<'/proc'>]");
  after = g_get_current_dir ();
  g_assert_cmpstr (after, ==, before);
  pcall_task_set_working_directory (nowhere, "/proc/no such");
  assert_refused (nowhere, "working-directory /proc/no such: No such file or directory");

  g_assert_finalize_object (task);
}

/* Workers: a shell looks around. */

typedef struct
{
  const char *name;
  const char *command;
  void (*set) (PcallTask *task);
} WorkerCase;

static void
set_directory (PcallTask *task)
{
  pcall_task_set_working_directory (task, "/proc");
}

static void
set_environment (PcallTask *task)
{
  static const char *const environment[] = { "COLOUR=blue=green", "EMPTY=", NULL };

  pcall_task_set_environment (task, environment);
}

static void
set_files (PcallTask *task)
{
  pcall_task_set_max_open_files (task, 70);
}

static void
set_memory (PcallTask *task)
{
  pcall_task_set_max_address_space (task, MUCH);
}

static void
set_nice (PcallTask *task)
{
  pcall_task_set_nice (task, 39);
}

static const WorkerCase worker_cases[] = {
  { "directory", "test \"`pwd`\" = /proc", set_directory },
  { "environment", "test \"$COLOUR\" = blue=green && test \"${EMPTY-x}\" = '' && "
                   "test -z \"$PCALL_WORKER_FD$HOME$G_DEBUG\"", set_environment },
  { "files", "test `ulimit -Sn` = 70 && test `ulimit -Hn` = 70", set_files },
  { "memory", "test `ulimit -v` = " MUCH_KIB, set_memory },
  { "nice", "test `cut -d ' ' -f 19 /proc/self/stat` = 19", set_nice },
};

static void
test_worker (gconstpointer data)
{
  const WorkerCase *row = data;
  PcallTask *task = symbol_task ("run_command", 1);

  pcall_task_set_common_args (task, g_variant_new ("(s)", row->command));
  row->set (task);
  support_run (task, "[<0>]");

  g_assert_finalize_object (task);
}

/* The first of them is the start's own. */
static void
test_worker_refused (void)
{
  PcallTask *task = symbol_task ("nothing", 3);
  g_autoptr (GError) error = NULL;

  pcall_task_set_working_directory (task, "/proc/no such");
  g_assert_false (pcall_task_start (task, &error));
  g_assert_error (error, PCALL_ERROR, PCALL_ERROR_START);
  g_assert_nonnull (strstr (error->message, "pcall-worker: working-directory /proc/no such: No such "
                                            "file or directory"));
  pcall_task_set_working_directory (task, "/");
  support_run (task, "[<()>, <()>, <()>]");

  g_assert_finalize_object (task);
}

/* What is too little for a program is told when it does not come to say hello, or at once where it
 * cannot even be executed. */
static void
test_worker_without_memory (void)
{
  PcallTask *task = symbol_task ("nothing", 2);
  g_autoptr (GError) error = NULL;

  pcall_task_set_max_address_space (task, 1 << 20);
  g_assert_null (pcall_task_run (task, NULL, &error));
  g_assert_error (error, PCALL_ERROR, PCALL_ERROR_START);
  g_assert_nonnull (strstr (error->message, "pcall-worker"));

  g_assert_finalize_object (task);
}

/* A program that is named from here is found, wherever it is to run. */
static void
test_relative_worker (void)
{
  g_autofree char *here = g_get_current_dir ();
  g_autofree char *built = g_test_build_filename (G_TEST_BUILT, "odd-worker", NULL);
  g_autofree char *directory = g_path_get_dirname (built);
  const char *const argv[] = { "./odd-worker", "no such mode", NULL };
  g_autoptr (PcallTarget) target = pcall_target_new_worker (argv, "x");
  PcallTask *task = pcall_task_new (target);
  g_autoptr (GError) error = NULL;

  g_assert_no_errno (chdir (directory));
  pcall_task_set_working_directory (task, "/");
  g_assert_null (pcall_task_run (task, NULL, &error));
  g_assert_no_errno (chdir (here));
  /* It has run. */
  g_assert_error (error, PCALL_ERROR, PCALL_ERROR_START);
  g_assert_nonnull (strstr (error->message, "before it said hello"));

  g_assert_finalize_object (task);
}

/* Mistakes */

static void
test_environment_of_forks (void)
{
  static const char *const environment[] = { "A=1", NULL };
  PcallTask *forked = support_task (support_index, 1);
  PcallTask *mixed = symbol_task ("nothing", 1);
  g_autoptr (PcallTarget) target = pcall_target_new (NULL, support_index, NULL, NULL);
  g_autoptr (GError) error = NULL;

  pcall_task_add_target (mixed, target);
  pcall_task_set_environment (mixed, environment);
  g_assert_false (pcall_task_start (mixed, &error));
  g_assert_error (error, PCALL_ERROR, PCALL_ERROR_ARGUMENTS);
  g_clear_error (&error);
  pcall_task_set_environment (forked, environment);
  g_assert_false (pcall_task_start (forked, &error));
  g_assert_error (error, PCALL_ERROR, PCALL_ERROR_ARGUMENTS);
  g_assert_nonnull (strstr (error->message, "environment is for workers"));
  pcall_task_set_environment (forked, NULL);
  support_run (forked, "[<uint32 0>]");

  g_assert_finalize_object (forked);
  g_assert_finalize_object (mixed);
}

static void
test_bad_environment (void)
{
  static const char *const lists[][3] = { { "A=1", "B", NULL }, { "=1", NULL }, { "", NULL } };
  PcallTask *task = support_task (support_index, 1);

  for (gsize i = 0; i < G_N_ELEMENTS (lists); i++)
    {
      support_expect_log ();
      pcall_task_set_environment (task, lists[i]);
      support_assert_logged ("CRITICAL: *environment has *; expected NAME=VALUE");
      g_assert_null (pcall_task_get_environment (task));
    }

  g_assert_finalize_object (task);
}

static void
test_bad_nice (void)
{
  PcallTask *task = support_task (support_index, 1);

  for (gint nice = -40; nice <= 40; nice += 80)
    {
      g_test_expect_message ("Pcall", G_LOG_LEVEL_CRITICAL, "*assertion 'nice >= *' failed");
      pcall_task_set_nice (task, nice);
      g_test_assert_expected_messages ();
    }
  g_assert_cmpint (pcall_task_get_nice (task), ==, 0);

  g_assert_finalize_object (task);
}

static void
add_rows (void)
{
  for (gsize i = 0; i < G_N_ELEMENTS (worker_cases); i++)
    {
      g_autofree char *path = g_strconcat ("/pcall/conditions/worker/", worker_cases[i].name, NULL);

      g_test_add_data_func (path, &worker_cases[i], test_worker);
    }
}

int
main (int argc, char *argv[])
{
  g_test_init (&argc, &argv, NULL);
  support_watch_log ();

  add_rows ();
  support_add ("/pcall/conditions/nice", test_nice);
  support_add ("/pcall/conditions/affinity", test_affinity);
  support_add ("/pcall/conditions/no-such-processor", test_no_such_processor);
  support_add ("/pcall/conditions/lists-of-processors", test_lists_of_processors);
  support_add ("/pcall/conditions/max-open-files", test_max_open_files);
  support_add ("/pcall/conditions/max-address-space", test_max_address_space);
  support_add ("/pcall/conditions/too-little", test_too_little);
  support_add ("/pcall/conditions/no-right", test_no_right);
  support_add ("/pcall/conditions/directory", test_directory);
  support_add ("/pcall/conditions/worker-refused", test_worker_refused);
  support_add ("/pcall/conditions/worker-without-memory", test_worker_without_memory);
  support_add ("/pcall/conditions/relative-worker", test_relative_worker);
  support_add ("/pcall/conditions/environment-of-forks", test_environment_of_forks);
  support_add ("/pcall/conditions/bad-environment", test_bad_environment);
  support_add ("/pcall/conditions/bad-nice", test_bad_nice);

  return g_test_run ();
}
