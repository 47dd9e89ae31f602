/*
 * SPDX-FileCopyrightText: 2026 The pcall authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

/* What goes wrong with log files costs lines of the log, which are counted, and never a result:
 * no room, no directory, something else at the path, a child that is killed while it writes,
 * that has a descendant which writes on, or that does to its file what it can. */

#include <fcntl.h>
#include <glib/gstdio.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/stat.h>

#include "log-keeper.h"
#include "task-support.h"
#include "traces.h"

static PcallTask *
new_task (PcallFunc func, gpointer data, guint n_calls)
{
  g_autoptr (PcallTarget) target = pcall_target_new ("name", func, data, NULL);
  PcallTask *task = pcall_task_new (target);

  pcall_task_set_n_calls (task, n_calls);
  pcall_task_set_grace_period (task, 1);
  return task;
}

static void
assert_all_succeeded (PcallTask *task)
{
  g_autoptr (GVariant) results = pcall_task_dup_results (task);

  g_assert_nonnull (results);
  for (guint i = 0; i < pcall_task_get_n_calls (task); i++)
    {
      g_autofree char *expected = g_strdup_printf ("uint32 %u", i);

      support_assert_result (task, i, expected);
    }
}

/* No directory */

static GVariant *
print_when_told (GVariant *args, GVariant *kwargs, gpointer user_data, GError **error)
{
  SupportPipe *pipes = user_data;

  if (pcall_get_call_index () == 0)
    {
      support_pipe_put (&pipes[0], 0);
      support_pipe_get (&pipes[1]);
    }
  printf ("out of %u\n", pcall_get_call_index ());
  g_info ("log of %u", pcall_get_call_index ());
  return g_variant_new_uint32 (pcall_get_call_index ());
}

typedef struct
{
  SupportPipe pipes[2]; /* the child has its file; it may go on */
  void (*spoil) (const char *directory);
  char *directory;
} Spoilt;

static void
spoil_and_go_on (PcallTask *task, PcallCall *call, Spoilt *self)
{
  if (pcall_call_get_index (call) != 0)
    return;

  support_pipe_get (&self->pipes[0]);
  self->spoil (self->directory);
  support_pipe_put (&self->pipes[1], 0);
}

/* The first child has its file when the directory is spoilt, the second comes later. */
static void
run_spoilt (const char *directory, void (*spoil) (const char *directory), const char *expected)
{
  Spoilt self = { .spoil = spoil, .directory = g_strdup (directory) };
  PcallTask *task = new_task (print_when_told, self.pipes, 2);

  support_pipe_open (&self.pipes[0]);
  support_pipe_open (&self.pipes[1]);
  pcall_task_set_log_directory (task, directory);
  pcall_task_set_max_children (task, 1);
  g_signal_connect (task, "call-started", G_CALLBACK (spoil_and_go_on), &self);
  log_keeper_reset (NULL, NULL);
  support_run (task, NULL);
  assert_all_succeeded (task);
  if (!g_pattern_match_simple (expected, log_keeper_get_text ()))
    g_error ("'%s' is not '%s'", log_keeper_get_text (), expected);
  g_assert_finalize_object (task);
  support_pipe_close (&self.pipes[0]);
  support_pipe_close (&self.pipes[1]);
  g_free (self.directory);
}

static char *
new_directory (void)
{
  char *path = g_build_filename (g_getenv ("XDG_RUNTIME_DIR"), "dir-XXXXXX", NULL);

  g_assert_nonnull (g_mkdtemp (path));
  return path;
}

static void
remove_all (const char *directory)
{
  g_autoptr (GDir) dir = g_dir_open (directory, 0, NULL);
  const char *name;

  while ((name = g_dir_read_name (dir)) != NULL)
    {
      g_autofree char *path = g_build_filename (directory, name, NULL);

      g_assert_no_errno (g_unlink (path));
    }
  g_assert_no_errno (g_rmdir (directory));
}

static void
run_without_directory (gconstpointer data)
{
  g_autofree char *directory = new_directory ();

  /* What the second child writes goes where it would have gone without a log. */
  run_spoilt (directory, remove_all,
              "1: call 1 (name): its output is not here: no log file could be made: No such file or "
              "directory\n");
}

static void
test_directory_removed (void)
{
  traces_in_subprocess (run_without_directory, NULL);
}

static void
move_away (const char *directory)
{
  g_autofree char *other = g_strconcat (directory, ".other", NULL);

  g_assert_no_errno (g_rename (directory, other));
}

/* Who has it open does not mind. */
static void
test_directory_moved (void)
{
  g_autofree char *directory = new_directory ();
  g_autofree char *other = g_strconcat (directory, ".other", NULL);

  run_spoilt (directory, move_away,
              "0: >>>>\n0: out of 0\n0: log of 0\n0: <<<<\n"
              "1: >>>>\n1: out of 1\n1: log of 1\n1: <<<<\n");
  g_assert_no_errno (g_rmdir (other));
}

static void
make_unwritable (const char *directory)
{
  g_assert_no_errno (g_chmod (directory, 0500));
}

/* As a user whom permissions mean something to */
static void
run_unwritable (gconstpointer data)
{
  g_autofree char *directory = NULL;

  if (geteuid () == 0)
    {
      /* It is to be removed by that user, too. */
      g_assert_no_errno (chown (g_getenv ("XDG_RUNTIME_DIR"), 65534, 65534));
      g_assert_no_errno (setresuid (65534, 65534, 65534));
      g_assert_no_errno (prctl (PR_SET_DUMPABLE, 1));
    }
  directory = g_dir_make_tmp ("pcall-logs-XXXXXX", NULL);
  run_spoilt (directory, make_unwritable,
              "0: >>>>\n0: out of 0\n0: log of 0\n0: <<<<\n"
              "1: call 1 (name): its output is not here: no log file could be made: Permission "
              "denied\n");
  g_assert_no_errno (g_chmod (directory, 0700));
  remove_all (directory);
}

static void
test_directory_unwritable (void)
{
  traces_in_subprocess (run_unwritable, NULL);
}

/* Killed while it writes */

#define LARGE (1 << 20)

typedef struct
{
  guint next;  /* number of a record */
  guint n_cut; /* what was left of a record or a line */
} Written;

static GVariant *
log_large_for_ever (GVariant *args, GVariant *kwargs, gpointer user_data, GError **error)
{
  g_autofree char *text = g_strnfill (LARGE, 'x');

  for (guint i = 0;; i++)
    {
      g_autofree char *digits = g_strdup_printf ("%u", i);

      g_log_structured ("Test", G_LOG_LEVEL_INFO, "NUMBER", digits, "MESSAGE", "%s", text);
      g_assert_cmpint (write (STDOUT_FILENO, "a whole line\n", 13), ==, 13);
    }
  return NULL;
}

/* Whole ones are as they were, in order; only the last may be in part there. */
static void
check_large (const LogKeeperRecord *record, gpointer data)
{
  Written *written = data;
  const char *number = log_keeper_find_field (record, "NUMBER");

  if (number != NULL)
    {
      g_assert_cmpuint (g_ascii_strtoull (number, NULL, 10), ==, written->next++);
      g_assert_cmpuint (record->length, ==, LARGE);
      g_assert_cmpuint (strspn (record->message, "x"), ==, LARGE);
      g_assert_cmpuint (written->n_cut, ==, 0);
    }
  else if (strcmp (record->message, "a whole line") == 0)
    {
      g_assert_cmpuint (written->n_cut, ==, 0);
    }
  else if (strchr (record->message, '/') == NULL && !g_str_has_prefix (record->message, "call "))
    {
      written->n_cut++;
    }
}

static void
test_killed (void)
{
  guint n_rounds = traces_rounds (20, 1000);
  g_autofree char *before = traces_take ();
  guint n_cut = 0;

  for (guint i = 0; i < n_rounds; i++)
    {
      PcallTask *task = new_task (log_large_for_ever, NULL, 1);
      Written written = { 0, 0 };
      g_autoptr (GError) error = NULL;

      pcall_task_set_grace_period (task, 0);
      pcall_task_set_timeout (task, 0.002 + i % 17 * 0.0013);
      log_keeper_reset (check_large, &written);
      support_start (task);
      error = support_join_failing (task);
      g_assert_error (error, PCALL_ERROR, PCALL_ERROR_TIMED_OUT);
      g_assert_cmpuint (written.n_cut, <=, 1);
      n_cut += written.n_cut;
      g_assert_finalize_object (task);
    }
  g_test_message ("%u of %u were cut within a record or a line", n_cut, n_rounds);
  traces_assert_back (before);
}

/* Many at once */

static GVariant *
write_megabyte (GVariant *args, GVariant *kwargs, gpointer user_data, GError **error)
{
  g_autofree char *line = g_strnfill (1000, 'a' + pcall_get_call_index () % 26);

  for (guint i = 0; i < 1000; i++)
    printf ("%s\n", line);
  return g_variant_new_uint32 (pcall_get_call_index ());
}

static void
check_megabyte (const LogKeeperRecord *record, gpointer data)
{
  guint *counts = data;
  const char of_call[] = { 'a' + record->call % 26, '\0' };

  if (record->message[0] == '>' || record->message[0] == '<')
    return;
  g_assert_cmpuint (strspn (record->message, of_call), ==, 1000);
  g_assert_cmpuint (record->length, ==, 1000);
  counts[record->call]++;
}

static void
test_many (void)
{
  enum { N = 500 };
  PcallTask *task = new_task (write_megabyte, NULL, N);
  g_autofree guint *counts = g_new0 (guint, N);

  log_keeper_reset (check_megabyte, counts);
  support_run (task, NULL);
  assert_all_succeeded (task);
  for (guint i = 0; i < N; i++)
    g_assert_cmpuint (counts[i], ==, 1000);
  g_assert_finalize_object (task);
}

/* A descendant that nothing ends writes on when the child has ended. */
static GVariant *
leave_writer (GVariant *args, GVariant *kwargs, gpointer user_data, GError **error)
{
  SupportPipe *pipe = user_data;
  pid_t pid = fork ();

  if (pid == 0)
    {
      support_escape ();
      alarm (SUPPORT_LIMIT_S);
      g_assert_cmpint (write (STDOUT_FILENO, "early\n", 6), ==, 6);
      support_pipe_put (pipe, 0);
      while (write (STDOUT_FILENO, "late\n", 5) == 5)
        sched_yield ();
      _exit (0);
    }
  pcall_send_message (g_variant_new_int32 (pid));
  support_pipe_get (pipe);
  return g_variant_new_uint32 (0);
}

static void
keep_pid (PcallTask *task, PcallCall *call, GVariant *message, int *pidfd)
{
  *pidfd = traces_open_pidfd (g_variant_get_int32 (message));
}

static void
test_descendant (gconstpointer data)
{
  SupportPipe pipe;
  PcallTask *task = new_task (leave_writer, &pipe, 1);
  g_autofree char *before = NULL;
  int pidfd = -1;

  before = traces_take ();
  support_pipe_open (&pipe);
  pcall_task_set_log_mode (task, GPOINTER_TO_INT (data));
  g_signal_connect (task, "call-message", G_CALLBACK (keep_pid), &pidfd);
  log_keeper_reset (NULL, NULL);
  support_run (task, NULL);
  g_assert_true (g_str_has_prefix (log_keeper_get_lines (0)->str, "early\n"));
  g_assert_finalize_object (task);
  g_assert_cmpint (pidfd, >=, 0);
  g_assert_false (traces_wait_for_end (pidfd, 0));
  traces_kill (pidfd);
  support_pipe_close (&pipe);
  traces_assert_back (before);
}

/* What a child can do to its own file, and then logs. It is the first of two. */

static char *
own_path (void)
{
  return g_file_read_link ("/proc/self/fd/1", NULL);
}

static void
do_nothing (void)
{
}

static void
remove_own (void)
{
  g_autofree char *path = own_path ();

  g_assert_no_errno (g_unlink (path));
}

static void
replace_own (void)
{
  g_autofree char *path = own_path ();

  g_assert_no_errno (g_unlink (path));
  g_assert_no_errno (symlink ("/etc/passwd", path));
}

static void
replace_own_by_fifo (void)
{
  g_autofree char *path = own_path ();

  g_assert_no_errno (g_unlink (path));
  g_assert_no_errno (mkfifo (path, 0600));
}

static void
truncate_own (void)
{
  g_assert_no_errno (ftruncate (STDOUT_FILENO, 0));
}

static void
extend_own (void)
{
  g_assert_no_errno (ftruncate (STDOUT_FILENO, G_GINT64_CONSTANT (1) << 60));
}

static void
close_standard_streams (void)
{
  close (STDOUT_FILENO);
  close (STDERR_FILENO);
}

static void
close_all_others (void)
{
  for (int fd = 3; fd < 1024; fd++)
    close (fd);
}

static void
change_directory (void)
{
  g_assert_no_errno (chdir ("/proc"));
}

static void
drop_privileges (void)
{
  if (geteuid () == 0)
    g_assert_no_errno (setresuid (65534, 65534, 65534));
}

typedef struct
{
  const char *name;
  void (*func) (void);
  gboolean fails;
  const char *expected; /* a pattern, of the first call's lines */
} DeedRow;

static const DeedRow deeds[] = {
  { "nothing", do_nothing, FALSE, "before\nrecord\nafter\n" },
  { "remove", remove_own, FALSE, "" },
  { "replace", replace_own, FALSE, "" },
  { "replace-by-fifo", replace_own_by_fifo, FALSE, "" },
  { "truncate", truncate_own, FALSE, "record\nafter\n" },
  { "extend", extend_own, FALSE, "before\nrecord\n*after\n" },
  { "close-standard-streams", close_standard_streams, FALSE, "before\nrecord\n" },
  { "close-all-others", close_all_others, TRUE,
    "before\nafter\npcall: the call has closed the descriptor that leads to its parent*\n" },
  { "change-directory", change_directory, FALSE, "before\nrecord\nafter\n" },
  { "drop-privileges", drop_privileges, FALSE, "before\nrecord\nafter\n" },
};

static GVariant *
do_deed (GVariant *args, GVariant *kwargs, gpointer user_data, GError **error)
{
  const DeedRow *row = user_data;

  printf ("before\n");
  if (pcall_get_call_index () == 0)
    row->func ();
  g_info ("record");
  printf ("after\n");
  return g_variant_new_uint32 (pcall_get_call_index ());
}

static void
assert_deed (const DeedRow *row)
{
  const GString *lines = log_keeper_get_lines (0);

  for (gsize i = 0; i < lines->len; i++)
    if (lines->str[i] == '\0')
      lines->str[i] = '0';
  if (!g_pattern_match_simple (row->expected, lines->str))
    g_error ("'%s' is not '%s'", lines->str, row->expected);
  g_assert_cmpstr (log_keeper_get_lines (1)->str, ==, "before\nrecord\nafter\n");
}

static void
test_deed (gconstpointer data)
{
  const DeedRow *row = data;
  g_autofree char *before = traces_take ();
  PcallTask *task = new_task (do_deed, (gpointer) row, 2);

  log_keeper_reset (NULL, NULL);
  support_start (task);
  if (row->fails)
    {
      g_autoptr (GError) error = support_join_failing (task);

      g_assert_error (error, PCALL_ERROR, PCALL_ERROR_EXITED);
    }
  else
    {
      support_join (task);
      assert_all_succeeded (task);
    }
  assert_deed (row);
  g_assert_finalize_object (task);
  traces_assert_back (before);
}

int
main (int argc, char *argv[])
{
  g_test_init (&argc, &argv, NULL);
  traces_begin_without_log ();
  log_keeper_begin ();

  g_test_add_func ("/pcall/log-faults/directory/removed", test_directory_removed);
  g_test_add_func ("/pcall/log-faults/directory/moved", test_directory_moved);
  g_test_add_func ("/pcall/log-faults/directory/unwritable", test_directory_unwritable);
  g_test_add_func ("/pcall/log-faults/killed", test_killed);
  g_test_add_func ("/pcall/log-faults/many", test_many);
  g_test_add_data_func ("/pcall/log-faults/descendant/sections",
                        GINT_TO_POINTER (PCALL_LOG_MODE_SECTIONS), test_descendant);
  g_test_add_data_func ("/pcall/log-faults/descendant/live",
                        GINT_TO_POINTER (PCALL_LOG_MODE_LIVE), test_descendant);
  for (gsize i = 0; i < G_N_ELEMENTS (deeds); i++)
    {
      g_autofree char *path = g_strconcat ("/pcall/log-faults/deed/", deeds[i].name, NULL);

      g_test_add_data_func (path, &deeds[i], test_deed);
    }

  return g_test_run ();
}
