/*
 * SPDX-FileCopyrightText: 2026 The pcall authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

/* Where the output of calls goes: into files, from there into the log of this process, a section
 * each, and into error messages. Each test has a directory of its own for the files, and a writer
 * keeps the records of sections as text. */

#include <fcntl.h>
#include <gio/gio.h>
#include <glib/gstdio.h>
#include <signal.h>
#include <stdio.h>
#include <sys/file.h>
#include <sys/stat.h>

#include "task-support.h"

static GString *sections; /* "call target: line" each */
static pid_t test_pid;

static const char *
find_field (const GLogField *fields, gsize n_fields, const char *key)
{
  for (gsize i = 0; i < n_fields; i++)
    if (strcmp (fields[i].key, key) == 0)
      return fields[i].value;
  return NULL;
}

static GLogWriterOutput
write_log (GLogLevelFlags level, const GLogField *fields, gsize n_fields, gpointer data)
{
  const char *call = find_field (fields, n_fields, "PCALL_CALL");
  const char *target = find_field (fields, n_fields, "PCALL_TARGET");
  const char *line = find_field (fields, n_fields, "MESSAGE");

  if (call == NULL || getpid () != test_pid)
    return g_log_writer_default (level, fields, n_fields, data);

  g_assert_cmpstr (find_field (fields, n_fields, "GLIB_DOMAIN"), ==, "Pcall");
  g_assert_nonnull (find_field (fields, n_fields, "PCALL_PID"));
  if (g_str_has_prefix (line, ">>>> Begin child log /"))
    line = ">>>>";
  if (g_str_has_prefix (line, "<<<< End child log /"))
    line = "<<<<";
  g_string_append_printf (sections, "%s%s%s: %s\n", call, target != NULL ? " " : "",
                          target != NULL ? target : "", line);
  return G_LOG_WRITER_HANDLED;
}

/* A task that calls @func and has a log directory of its own, which does not exist yet. */

static PcallTask *
new_task (PcallFunc func, guint n_calls)
{
  g_autoptr (PcallTarget) target = pcall_target_new ("name", func, NULL, NULL);
  PcallTask *task = pcall_task_new (target);
  g_autofree char *parent = g_dir_make_tmp ("pcall-logs-XXXXXX", NULL);
  g_autofree char *directory = g_build_filename (parent, "a", "b", NULL);

  g_assert_nonnull (parent);
  pcall_task_set_n_calls (task, n_calls);
  pcall_task_set_log_directory (task, directory);
  g_string_truncate (sections, 0);
  return task;
}

static guint
count_files (const char *path)
{
  g_autoptr (GDir) dir = g_dir_open (path, 0, NULL);
  guint n = 0;

  while (dir != NULL && g_dir_read_name (dir) != NULL)
    n++;
  return n;
}

/* Drops the task, after which @n_left files are there, and removes everything. */
static void
end_task (PcallTask *task, guint n_left)
{
  g_autofree char *directory = g_strdup (pcall_task_get_log_directory (task));
  g_autofree char *a = g_path_get_dirname (directory);
  g_autofree char *parent = g_path_get_dirname (a);
  g_autoptr (GDir) dir = NULL;
  const char *name;

  g_assert_finalize_object (task);
  g_assert_cmpuint (count_files (directory), ==, n_left);
  g_assert_true (g_file_test (directory, G_FILE_TEST_EXISTS) == (n_left > 0));

  dir = g_dir_open (directory, 0, NULL);
  while (dir != NULL && (name = g_dir_read_name (dir)) != NULL)
    {
      g_autofree char *path = g_build_filename (directory, name, NULL);

      g_assert_no_errno (g_unlink (path));
    }
  g_rmdir (directory);
  g_rmdir (a);
  g_assert_no_errno (g_rmdir (parent));
}

static char *
get_log_file (PcallTask *task, guint index)
{
  g_autoptr (PcallCall) call = pcall_task_dup_call (task, index);

  return g_strdup (pcall_call_get_log_file (call));
}

static void
assert_log (PcallTask *task, guint index, const char *expected)
{
  g_autofree char *path = get_log_file (task, index);
  g_autofree char *text = NULL;

  g_assert_nonnull (path);
  g_assert_true (g_file_get_contents (path, &text, NULL, NULL));
  g_assert_cmpstr (text, ==, expected);
}

/* Sections */

static GVariant *
print_lines (GVariant *args, GVariant *kwargs, gpointer user_data, GError **error)
{
  guint index = pcall_get_call_index ();

  if (index == 1)
    return NULL;
  printf ("first of %u\n", index);
  fprintf (stderr, "second of %u\n", index);
  printf ("third, without an end");
  return NULL;
}

static void
test_sections (void)
{
  PcallTask *task = new_task (print_lines, 3);
  g_autofree char *log_file = NULL;

  support_run (task, NULL);
  g_assert_cmpstr (sections->str, ==,
                   "0 name: >>>>\n0 name: first of 0\n0 name: second of 0\n"
                   "0 name: third, without an end\n0 name: <<<<\n"
                   "2 name: >>>>\n2 name: first of 2\n2 name: second of 2\n"
                   "2 name: third, without an end\n2 name: <<<<\n");
  log_file = get_log_file (task, 0);
  g_assert_null (log_file);

  end_task (task, 0);
}

/* In call order, whatever the order of the ends, and all of them before "finished" */
static GVariant *
print_and_wait (GVariant *args, GVariant *kwargs, gpointer user_data, GError **error)
{
  SupportPipe *pipe = user_data;

  printf ("%u\n", pcall_get_call_index ());
  if (pcall_get_call_index () == 0)
    support_pipe_get (pipe);
  return NULL;
}

static void
let_first_end (PcallTask *task, PcallCall *call, SupportPipe *pipe)
{
  g_assert_cmpuint (sections->len, ==, 0);
  if (pcall_call_get_index (call) == 1)
    support_pipe_put (pipe, 0);
}

static void
assert_written (PcallTask *task)
{
  g_assert_cmpstr (sections->str, ==,
                   "0 print_and_wait: >>>>\n0 print_and_wait: 0\n0 print_and_wait: <<<<\n"
                   "1 print_and_wait: >>>>\n1 print_and_wait: 1\n1 print_and_wait: <<<<\n");
}

static void
test_section_order (void)
{
  SupportPipe pipe;
  PcallTask *task = pcall_task_new_for_func (print_and_wait, &pipe, NULL);

  support_pipe_open (&pipe);
  g_string_truncate (sections, 0);
  pcall_task_set_n_calls (task, 2);
  g_signal_connect (task, "call-finished", G_CALLBACK (let_first_end), &pipe);
  g_signal_connect (task, "finished", G_CALLBACK (assert_written), NULL);
  support_run (task, NULL);
  assert_written (task);

  support_pipe_close (&pipe);
  g_assert_finalize_object (task);
}

/* Whatever writes: GLib's log, a program that the call starts, a descriptor */
static GVariant *
write_all_ways (GVariant *args, GVariant *kwargs, gpointer user_data, GError **error)
{
  char *argv[] = { (char *) "/bin/sh", (char *) "-c", (char *) "echo from a program >&2", NULL };

  g_message ("from the log");
  /* In later versions of GLib a test program has a handler that makes a comment of TAP of it. */
  g_set_print_handler (NULL);
  g_print ("from print\n");
  fflush (stdout);
  g_assert_true (g_spawn_sync (NULL, argv, NULL, G_SPAWN_CHILD_INHERITS_STDIN
                                                     | G_SPAWN_LEAVE_DESCRIPTORS_OPEN,
                               NULL, NULL, NULL, NULL, NULL, NULL));
  g_assert_cmpint (write (STDOUT_FILENO, "from a descriptor\n", 18), ==, 18);
  return NULL;
}

static void
test_all_ways (void)
{
  PcallTask *task = new_task (write_all_ways, 1);

  support_run (task, NULL);
  g_assert_nonnull (strstr (sections->str, "from the log\n"));
  g_assert_nonnull (strstr (sections->str, "0 name: from print\n"));
  g_assert_nonnull (strstr (sections->str, "0 name: from a descriptor\n"));

  end_task (task, 0);
}

/* Much, in long lines */
#define N_LINES 2000

static GVariant *
print_much (GVariant *args, GVariant *kwargs, gpointer user_data, GError **error)
{
  g_autofree char *line = g_strnfill (1000, 'x');

  for (guint i = 0; i < N_LINES; i++)
    printf ("%s\n", line);
  g_free (line);
  line = g_strnfill (300000, 'y');
  puts (line);
  return NULL;
}

static void
test_much (void)
{
  PcallTask *task = new_task (print_much, 1);
  const gsize prefix = strlen ("0 name: ");
  const gsize marks = 2 * (prefix + strlen (">>>>\n"));

  support_run (task, NULL);
  g_assert_cmpuint (sections->len, ==, marks + N_LINES * (prefix + 1001) + prefix + 300001);

  end_task (task, 0);
}

/* Files */

static void
test_keep (void)
{
  PcallTask *task = new_task (print_lines, 3);
  g_autofree char *log_file = NULL;
  struct stat st;

  pcall_task_set_keep_logs (task, TRUE);
  support_run (task, NULL);
  assert_log (task, 0, "first of 0\nsecond of 0\nthird, without an end");
  assert_log (task, 1, "");
  log_file = get_log_file (task, 2);
  g_assert_no_errno (stat (log_file, &st));
  g_assert_cmpuint (st.st_mode, ==, S_IFREG | 0600);
  g_assert_no_errno (stat (pcall_task_get_log_directory (task), &st));
  g_assert_cmpuint (st.st_mode, ==, S_IFDIR | 0700);

  end_task (task, 3);
}

/* The name is that of the seed page: task, call, pid. */
static void
test_names (void)
{
  PcallTask *task = new_task (print_lines, 1);
  g_autofree char *log_file = NULL;
  g_autofree char *directory = NULL;
  g_autofree char *suffix = NULL;
  g_autoptr (PcallCall) call = NULL;
  g_autoptr (GPtrArray) children = NULL;

  pcall_task_set_keep_logs (task, TRUE);
  support_run (task, NULL);
  log_file = get_log_file (task, 0);
  call = pcall_task_dup_call (task, 0);
  children = pcall_task_dup_children (task);
  directory = g_path_get_dirname (log_file);
  suffix = g_strdup_printf ("-call-0-pid-%d.log", pcall_call_get_pid (call));
  g_assert_cmpstr (directory, ==, pcall_task_get_log_directory (task));
  g_assert_true (g_str_has_suffix (log_file, suffix));
  g_assert_cmpstr (log_file, ==, pcall_child_get_log_file (children->pdata[0]));

  g_clear_object (&call);
  g_clear_pointer (&children, g_ptr_array_unref);
  end_task (task, 1);
}

/* A directory that was there stays as it is. */
static void
test_directory_given (void)
{
  PcallTask *task = support_task (print_lines, 1);
  g_autofree char *directory = g_dir_make_tmp ("pcall-logs-XXXXXX", NULL);
  struct stat st;

  g_assert_no_errno (g_chmod (directory, 0755));
  pcall_task_set_log_directory (task, directory);
  support_run (task, NULL);
  g_assert_finalize_object (task);
  g_assert_no_errno (stat (directory, &st));
  g_assert_cmpuint (st.st_mode, ==, S_IFDIR | 0755);
  g_assert_cmpuint (count_files (directory), ==, 0);

  g_assert_no_errno (g_rmdir (directory));
}

/* The default is a directory of this user alone, which is gone afterwards. */
static void
test_directory_default (void)
{
  PcallTask *task = support_task (print_lines, 1);
  g_autofree char *runtime = g_dir_make_tmp ("pcall-logs-XXXXXX", NULL);
  g_autofree char *directory = g_build_filename (runtime, "pcall", NULL);
  struct stat st;

  g_setenv ("XDG_RUNTIME_DIR", runtime, TRUE);
  g_assert_null (pcall_task_get_log_directory (task));
  support_start (task);
  g_assert_no_errno (stat (directory, &st));
  g_assert_cmpuint (st.st_mode, ==, S_IFDIR | 0700);
  support_join (task);
  g_assert_finalize_object (task);
  g_assert_false (g_file_test (directory, G_FILE_TEST_EXISTS));

  g_unsetenv ("XDG_RUNTIME_DIR");
  g_assert_no_errno (g_rmdir (runtime));
}

/* No directory can be made: nothing is started, and the task can be given another one. */
static void
test_directory_unusable (void)
{
  static const char *const paths[] = { "/dev/null/logs", "/proc/logs", "" };

  for (gsize i = 0; i < G_N_ELEMENTS (paths); i++)
    {
      PcallTask *task = support_task (support_index, 2);
      g_autoptr (GError) error = NULL;

      pcall_task_set_log_directory (task, paths[i]);
      g_assert_null (pcall_task_run (task, NULL, &error));
      g_assert_error (error, PCALL_ERROR, PCALL_ERROR_START);
      g_assert_nonnull (strstr (error->message, "log-directory"));
      g_assert_nonnull (strstr (error->message, paths[i]));

      pcall_task_set_log_directory (task, NULL);
      support_run (task, "[<uint32 0>, <uint32 1>]");
      g_assert_finalize_object (task);
    }
}

/* Two tasks with one directory, which neither takes from the other: the one that made it ends while
 * the other has no file there for a moment. */

typedef struct
{
  PcallTask *first;
  SupportPipe pipe;
} Shared;

static GVariant *
wait_quietly (GVariant *args, GVariant *kwargs, gpointer user_data, GError **error)
{
  Shared *self = user_data;

  support_pipe_get (&self->pipe);
  return NULL;
}

static void
end_first (PcallTask *task, PcallCall *call, Shared *self)
{
  if (pcall_call_get_index (call) != 0)
    return;

  support_pipe_put (&self->pipe, 0);
  support_join (self->first);
}

static GVariant *
print_if_second (GVariant *args, GVariant *kwargs, gpointer user_data, GError **error)
{
  if (pcall_get_call_index () == 1)
    puts ("the second");
  return NULL;
}

static void
test_directory_shared (void)
{
  PcallTask *second = new_task (print_if_second, 2);
  Shared self;

  support_pipe_open (&self.pipe);
  self.first = pcall_task_new_for_func (wait_quietly, &self, NULL);
  pcall_task_set_log_directory (self.first, pcall_task_get_log_directory (second));
  pcall_task_set_max_children (second, 1);
  g_signal_connect (second, "call-finished", G_CALLBACK (end_first), &self);

  support_start (self.first);
  support_run (second, NULL);
  g_assert_cmpstr (sections->str, ==, "1 name: >>>>\n1 name: the second\n1 name: <<<<\n");

  support_pipe_close (&self.pipe);
  g_assert_finalize_object (self.first);
  g_rmdir (pcall_task_get_log_directory (second)); /* whose it is now is not said */
  end_task (second, 0);
}

/* Somebody else has locked the directory: that is no reason to wait for ever. */
static void
test_directory_locked (void)
{
  g_autoptr (GVariant) results = NULL;
  g_autofree char *directory = NULL;
  PcallTask *task;
  int fd;

  if (!g_test_subprocess ())
    {
      g_test_trap_subprocess (NULL, 0, 0);
      g_test_trap_assert_passed ();
      return;
    }

  directory = g_dir_make_tmp ("pcall-logs-XXXXXX", NULL);
  fd = open (directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  g_assert_no_errno (flock (fd, LOCK_EX));
  task = support_task (print_lines, 1);
  pcall_task_set_log_directory (task, directory);
  alarm (10);
  results = pcall_task_run (task, NULL, NULL);
  alarm (0);
  g_assert_finalize_object (task);
  g_assert_no_errno (g_rmdir (directory));
}

/* Crash messages */

static GVariant *
print_and_crash (GVariant *args, GVariant *kwargs, gpointer user_data, GError **error)
{
  switch (pcall_get_call_index ())
    {
    case 0:
      break;
    case 1:
      puts ("only one");
      break;
    default:
      for (int i = 1; i <= 10; i++)
        fprintf (stderr, "line %d\n", i);
    }
  raise (SIGTERM);
  return NULL;
}

static void
test_last_output (void)
{
  static const char *const messages[] = {
    "call 0 (name): killed by signal 15 (Terminated)",
    "call 1 (name): killed by signal 15 (Terminated); last output: only one",
    "call 2 (name): killed by signal 15 (Terminated); last output: line 8 | line 9 | line 10",
  };
  PcallTask *task = new_task (print_and_crash, G_N_ELEMENTS (messages));

  g_assert_null (pcall_task_run (task, NULL, NULL));
  for (guint i = 0; i < G_N_ELEMENTS (messages); i++)
    {
      g_autoptr (GError) error = support_error (task, i);

      g_assert_error (error, PCALL_ERROR, PCALL_ERROR_CRASHED);
      g_assert_cmpstr (error->message, ==, messages[i]);
    }

  end_task (task, 0);
}

/* Inherited */

static GVariant *
print_word (GVariant *args, GVariant *kwargs, gpointer user_data, GError **error)
{
  G_GNUC_UNUSED g_autoptr (GDir) dir = NULL;

  printf ("<out %u>", pcall_get_call_index ());
  fprintf (stderr, "<err %u>", pcall_get_call_index ());
  return NULL;
}

static void
run_inheriting (void)
{
  PcallTask *task = new_task (print_word, 2);
  g_autoptr (GPtrArray) children = NULL;
  g_autofree char *log_file = NULL;

  printf ("<before>");
  pcall_task_set_log_mode (task, PCALL_LOG_MODE_INHERIT);
  pcall_task_set_keep_logs (task, TRUE);
  support_run (task, NULL);
  printf ("<after>");

  log_file = get_log_file (task, 0);
  children = pcall_task_dup_children (task);
  g_assert_null (log_file);
  g_assert_null (pcall_child_get_log_file (children->pdata[0]));
  g_assert_cmpuint (sections->len, ==, 0);
  end_task (task, 0);
}

static guint
count_word (const char *text, const char *word)
{
  guint n = 0;

  while ((text = strstr (text, word)) != NULL)
    {
      text += strlen (word);
      n++;
    }
  return n;
}

static void
assert_once (const char *text, const char *word)
{
  if (count_word (text, word) != 1)
    g_error ("'%s' stands %u times in '%s'", word, count_word (text, word), text);
}

/* Standard output as a pipe is buffered: what stood in there at the fork comes once, and what
 * calls left in theirs comes too. */
static void
test_inherit (void)
{
  g_autofree char *out = NULL;
  g_autofree char *err = NULL;
  g_autoptr (GSubprocess) process = NULL;
  g_autoptr (GError) error = NULL;

  if (g_test_subprocess ())
    {
      run_inheriting ();
      return;
    }

  process = g_subprocess_new (G_SUBPROCESS_FLAGS_STDOUT_PIPE | G_SUBPROCESS_FLAGS_STDERR_PIPE,
                              &error, "/proc/self/exe", "--GTestSubprocess", "-p",
                              g_test_get_path (), NULL);
  g_assert_no_error (error);
  g_assert_true (g_subprocess_communicate_utf8 (process, NULL, NULL, &out, &err, &error));
  g_assert_no_error (error);
  g_assert_true (g_subprocess_get_successful (process));

  assert_once (out, "<before>");
  assert_once (out, "<after>");
  assert_once (out, "<out 0>");
  assert_once (out, "<out 1>");
  assert_once (err, "<err 0>");
  assert_once (err, "<err 1>");
}

/* And with logs: what the parent has in its buffer is not in a child's log. */
static GVariant *
print_own (GVariant *args, GVariant *kwargs, gpointer user_data, GError **error)
{
  printf ("<own>");
  return NULL;
}

static void
test_buffered (void)
{
  PcallTask *task;

  if (!g_test_subprocess ())
    {
      g_test_trap_subprocess (NULL, 0, 0);
      g_test_trap_assert_passed ();
      g_test_trap_assert_stdout ("*<buffered>*");
      g_test_trap_assert_stdout_unmatched ("*<buffered>*<buffered>*");
      g_test_trap_assert_stdout_unmatched ("*<own>*");
      return;
    }

  task = new_task (print_own, 2);
  printf ("<buffered>");
  pcall_task_set_keep_logs (task, TRUE);
  support_run (task, NULL);
  assert_log (task, 0, "<own>");
  assert_log (task, 1, "<own>");
  end_task (task, 2);
}

int
main (int argc, char *argv[])
{
  g_test_init (&argc, &argv, NULL);
  test_pid = getpid ();
  sections = g_string_new (NULL);
  g_log_set_writer_func (write_log, NULL, NULL);

  support_add ("/pcall/logs/sections/lines", test_sections);
  support_add ("/pcall/logs/sections/order", test_section_order);
  support_add ("/pcall/logs/sections/all-ways", test_all_ways);
  support_add ("/pcall/logs/sections/much", test_much);
  support_add ("/pcall/logs/files/keep", test_keep);
  support_add ("/pcall/logs/files/names", test_names);
  support_add ("/pcall/logs/directory/given", test_directory_given);
  support_add ("/pcall/logs/directory/default", test_directory_default);
  support_add ("/pcall/logs/directory/unusable", test_directory_unusable);
  support_add ("/pcall/logs/directory/shared", test_directory_shared);
  g_test_add_func ("/pcall/logs/directory/locked", test_directory_locked);
  support_add ("/pcall/logs/last-output", test_last_output);
  g_test_add_func ("/pcall/logs/inherit", test_inherit);
  g_test_add_func ("/pcall/logs/buffered", test_buffered);

  return g_test_run ();
}
