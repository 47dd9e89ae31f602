/*
 * SPDX-FileCopyrightText: 2026 The pcall authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

/* What a task could leave behind, as text: two states of this process are the same when their
 * texts are, and where they are not, the difference tells what was left. */

#include "traces.h"

#include <dirent.h>
#include <errno.h>
#include <glib/gstdio.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

static char *runtime_directory;
static pid_t owner;
static guint n_threads; /* in the beginning: a sanitizer has one of its own */

static void
remove_tree (const char *path)
{
  g_autoptr (GDir) dir = g_dir_open (path, 0, NULL);
  const char *name;

  while (dir != NULL && (name = g_dir_read_name (dir)) != NULL)
    {
      g_autofree char *inner = g_build_filename (path, name, NULL);

      if (g_file_test (inner, G_FILE_TEST_IS_DIR) && !g_file_test (inner, G_FILE_TEST_IS_SYMLINK))
        remove_tree (inner);
      else
        g_unlink (inner);
    }
  g_rmdir (path);
}

/* A forked child that calls exit() comes here too. */
static void
remove_runtime_directory (void)
{
  if (getpid () == owner)
    remove_tree (runtime_directory);
}

/* Tasks tell what their children wrote, which can be much. */
static GLogWriterOutput
write_warnings (GLogLevelFlags   level,
                const GLogField *fields,
                gsize            n_fields,
                gpointer         data)
{
  if ((level & G_LOG_LEVEL_MASK) >= G_LOG_LEVEL_MESSAGE)
    return G_LOG_WRITER_HANDLED;
  return g_log_writer_default (level, fields, n_fields, data);
}

static guint
count_threads (void)
{
  g_autoptr (GDir) dir = g_dir_open ("/proc/self/task", 0, NULL);
  guint n = 0;

  g_assert_nonnull (dir);
  while (g_dir_read_name (dir) != NULL)
    n++;
  return n;
}

void
traces_begin_without_log (void)
{
  const char *parent = access ("/dev/shm", W_OK) == 0 ? "/dev/shm" : g_get_tmp_dir ();

  owner = getpid ();
  runtime_directory = g_build_filename (parent, "pcall-test-XXXXXX", NULL);
  g_assert_nonnull (g_mkdtemp (runtime_directory));
  g_setenv ("XDG_RUNTIME_DIR", runtime_directory, TRUE);
  atexit (remove_runtime_directory);
  g_main_context_default ();
  n_threads = count_threads ();
}

void
traces_begin (void)
{
  traces_begin_without_log ();
  g_log_set_writer_func (write_warnings, NULL, NULL);
}

#define SLOW_VARIABLE "PCALL_TEST_SLOW"

guint
traces_rounds (guint in_short_form,
               guint in_slow_form)
{
  if (g_test_slow () || g_getenv (SLOW_VARIABLE) != NULL)
    return in_slow_form;
  return in_short_form;
}

void
traces_in_subprocess (void (*func) (gconstpointer data),
                      gconstpointer data)
{
  if (g_test_subprocess ())
    {
      func (data);
      return;
    }

  if (g_test_slow ())
    g_setenv (SLOW_VARIABLE, "1", TRUE);
  g_test_trap_subprocess (NULL, 0, G_TEST_SUBPROCESS_INHERIT_STDERR);
  g_test_trap_assert_passed ();
}

static int
compare_lines (gconstpointer a,
               gconstpointer b)
{
  return strcmp (*(const char *const *) a, *(const char *const *) b);
}

static void
add_descriptors (GPtrArray *lines)
{
  DIR *dir = opendir ("/proc/self/fd");
  struct dirent *entry;

  g_assert_nonnull (dir);
  while ((entry = readdir (dir)) != NULL)
    {
      g_autofree char *path = g_strdup_printf ("/proc/self/fd/%s", entry->d_name);
      g_autofree char *target = NULL;

      if (*entry->d_name == '.' || atoi (entry->d_name) == dirfd (dir))
        continue;
      target = g_file_read_link (path, NULL);
      g_ptr_array_add (lines, g_strdup_printf ("descriptor %s: %s", entry->d_name, target));
    }
  closedir (dir);
}

static void
add_children_of_thread (GPtrArray  *lines,
                        const char *thread)
{
  g_autofree char *path = g_strdup_printf ("/proc/self/task/%s/children", thread);
  g_autofree char *text = NULL;
  g_auto (GStrv) pids = NULL;

  /* The thread may have ended just now. */
  if (!g_file_get_contents (path, &text, NULL, NULL))
    return;
  pids = g_strsplit (g_strstrip (text), " ", -1);
  for (guint i = 0; pids[i] != NULL; i++)
    if (*pids[i] != '\0')
      g_ptr_array_add (lines, g_strdup_printf ("child %s", pids[i]));
}

static void
add_threads_and_children (GPtrArray *lines)
{
  g_autoptr (GDir) dir = g_dir_open ("/proc/self/task", 0, NULL);
  const char *thread;

  g_assert_nonnull (dir);
  while ((thread = g_dir_read_name (dir)) != NULL)
    {
      g_ptr_array_add (lines, g_strdup_printf ("thread %s", thread));
      add_children_of_thread (lines, thread);
    }
}

static void
add_files (GPtrArray  *lines,
           const char *path)
{
  g_autoptr (GDir) dir = g_dir_open (path, 0, NULL);
  const char *name;

  while (dir != NULL && (name = g_dir_read_name (dir)) != NULL)
    {
      g_autofree char *inner = g_build_filename (path, name, NULL);

      g_ptr_array_add (lines, g_strdup_printf ("file %s", inner));
      if (g_file_test (inner, G_FILE_TEST_IS_DIR))
        add_files (lines, inner);
    }
}

char *
traces_take (void)
{
  g_autoptr (GPtrArray) lines = g_ptr_array_new_with_free_func (g_free);

  add_descriptors (lines);
  add_threads_and_children (lines);
  add_files (lines, runtime_directory);
  g_ptr_array_sort (lines, compare_lines);
  g_ptr_array_add (lines, NULL);
  return g_strjoinv ("\n", (char **) lines->pdata);
}

static gboolean
traces_are (gpointer before)
{
  g_autofree char *now = traces_take ();

  return g_str_equal (now, before);
}

/* The lines of @text that @other has not. */
static char *
lines_missing_in (const char *text,
                  const char *other)
{
  g_auto (GStrv) lines = g_strsplit (text, "\n", -1);
  g_auto (GStrv) others = g_strsplit (other, "\n", -1);
  GString *missing = g_string_new (NULL);

  for (guint i = 0; lines[i] != NULL; i++)
    if (!g_strv_contains ((const char *const *) others, lines[i]))
      g_string_append_printf (missing, "%s; ", lines[i]);
  return g_string_free (missing, FALSE);
}

void
traces_assert_back (const char *before)
{
  g_autofree char *now = NULL;
  g_autofree char *left = NULL;
  g_autofree char *gone = NULL;

  if (traces_wait_until (traces_are, (gpointer) before))
    return;
  now = traces_take ();
  left = lines_missing_in (now, before);
  gone = lines_missing_in (before, now);
  g_error ("traces: left are %s gone are %s", left, gone);
}

gboolean
traces_wait_until (TracesCondition condition,
                   gpointer        data)
{
  gint64 until = g_get_monotonic_time () + (gint64) (TEST_LIMIT * G_USEC_PER_SEC);

  while (!condition (data))
    {
      if (g_get_monotonic_time () > until)
        return FALSE;
      g_usleep (1000);
    }
  return TRUE;
}

gboolean
traces_have_no_thread (gpointer nothing)
{
  return count_threads () == n_threads;
}

int
traces_open_pidfd (pid_t pid)
{
  return syscall (SYS_pidfd_open, pid, 0);
}

gboolean
traces_wait_for_end (int     pidfd,
                     gdouble limit)
{
  struct pollfd ended = { .fd = pidfd, .events = POLLIN };
  gint64 until = g_get_monotonic_time () + (gint64) (limit * G_USEC_PER_SEC);

  for (;;)
    {
      gint64 left = MAX (until - g_get_monotonic_time (), 0);
      int n = poll (&ended, 1, (int) (left / 1000));

      if (n > 0)
        g_assert_true (ended.revents & POLLIN);
      if (n > 0 || (n == 0 && left == 0))
        return n > 0;
      g_assert_true (n == 0 || errno == EINTR);
    }
}

void
traces_kill (int pidfd)
{
  syscall (SYS_pidfd_send_signal, pidfd, SIGKILL, NULL, 0);
  close (pidfd);
}
