/*
 * SPDX-FileCopyrightText: 2026 The pcall authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

/* Log files and their directory: names that no other task has, files that are not this task's left
 * alone, and what happens where a directory is not to be had. */

#include <errno.h>
#include <fcntl.h>
#include <gio/gio.h>
#include <glib/gstdio.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "log/pcall-log-directory-private.h"
#include "log/pcall-log-files-private.h"

#define STRANGER 65534

/* A place of this test's own, where /dev/shm is: in memory, and not a user's. */
static char *
make_place (void)
{
  char *path = g_strdup ("/dev/shm/pcall-place-XXXXXX");

  g_assert_nonnull (g_mkdtemp (path));
  return path;
}

static guint
count_names (const char *path)
{
  g_autoptr (GDir) dir = g_dir_open (path, 0, NULL);
  guint n = 0;

  while (dir != NULL && g_dir_read_name (dir) != NULL)
    n++;
  return n;
}

static PcallLogFiles *
new_files (const char *directory, guint64 name)
{
  g_autoptr (GError) error = NULL;
  PcallLogFiles *files = pcall_log_files_new (directory, FALSE, 1, name, &error);

  g_assert_no_error (error);
  return files;
}

/* Something else stands at the path: it is not followed, opened, written to or waited for. */

static void
plant_link (const char *path, const char *victim)
{
  g_assert_no_errno (symlink (victim, path));
}

static void
plant_dangling_link (const char *path, const char *victim)
{
  g_assert_no_errno (symlink ("/nonexistent/file", path));
}

static void
plant_fifo (const char *path, const char *victim)
{
  g_assert_no_errno (mkfifo (path, 0600));
}

static void
plant_file (const char *path, const char *victim)
{
  g_assert_true (g_file_set_contents (path, "planted\n", -1, NULL));
}

static void
plant_directory (const char *path, const char *victim)
{
  g_assert_no_errno (mkdir (path, 0700));
}

static void (*const plants[]) (const char *path, const char *victim) = {
  plant_link, plant_dangling_link, plant_fifo, plant_file, plant_directory,
};

static void
test_planted (void)
{
  for (gsize i = 0; i < G_N_ELEMENTS (plants); i++)
    {
      g_autofree char *place = make_place ();
      g_autofree char *victim = g_build_filename (place, "victim", NULL);
      g_autoptr (PcallLogFiles) files = new_files (place, 7);
      g_autofree char *path = pcall_log_files_get_path (files, 3, 99);
      g_autofree char *text = NULL;

      g_assert_true (g_file_set_contents (victim, "untouched", -1, NULL));
      plants[i](path, victim);
      g_assert_null (pcall_log_files_make (files, 3, 99));
      g_assert_cmpint (errno, ==, EEXIST);
      g_assert_true (g_file_get_contents (victim, &text, NULL, NULL));
      g_assert_cmpstr (text, ==, "untouched");

      g_assert_no_errno (remove (path));
      g_assert_no_errno (g_unlink (victim));
      g_assert_no_errno (g_rmdir (place));
    }
}

/* Two tasks with the same process ids, as in two containers. */
static void
test_names (void)
{
  g_autofree char *place = make_place ();
  g_autoptr (PcallLogFiles) first = new_files (place, 1);
  g_autoptr (PcallLogFiles) second = new_files (place, G_MAXUINT64);
  g_autofree char *path = pcall_log_files_make (first, 0, 7);
  g_autofree char *other = pcall_log_files_make (second, 0, 7);
  g_autofree char *tail = NULL;

  g_assert_nonnull (path);
  g_assert_nonnull (other);
  g_assert_cmpstr (path, !=, other);
  g_assert_true (g_str_has_suffix (other, "/task-18446744073709551615-call-0-pid-7.log"));
  g_assert_true (g_file_set_contents (path, "of the first\n", -1, NULL));
  g_assert_null (pcall_log_files_get_tail (second, 0, 7));
  g_assert_true (pcall_log_files_discard_empty (second, 0, 7));
  pcall_log_files_discard (second, 0, 7);
  tail = pcall_log_files_get_tail (first, 0, 7);
  g_assert_cmpstr (tail, ==, "of the first");
  pcall_log_files_discard (first, 0, 7);
  g_assert_cmpuint (count_names (place), ==, 0);

  g_assert_no_errno (g_rmdir (place));
}

/* The last words stand in an error's message: nothing that a terminal would act on. */
static void
test_tail_is_harmless (void)
{
  static const struct
  {
    const char *written;
    const char *tail;
  } rows[] = {
    { "\033[2J\033]0;title\007red\n", "\\x1b[2J\\x1b]0;title\\x07red" },
    { "10%\r20%\r", "10%\\x0d20%" },
    { "tab\there \xc3\xa9\n", "tab\there \xc3\xa9" },
    { "c1 \xc2\x9b""31m del\177", "c1 \\x9b31m del\\x7f" },
    { "no \xff text\b", "no \xef\xbf\xbd text\\x08" },
    { "one\ntwo\nthree\nfour\n", "two | three | four" },
  };

  for (gsize i = 0; i < G_N_ELEMENTS (rows); i++)
    {
      g_autofree char *place = make_place ();
      g_autoptr (PcallLogFiles) files = new_files (place, i);
      g_autofree char *path = pcall_log_files_make (files, 0, 7);
      g_autofree char *tail = NULL;

      g_assert_true (g_file_set_contents (path, rows[i].written, -1, NULL));
      tail = pcall_log_files_get_tail (files, 0, 7);
      g_assert_cmpstr (tail, ==, rows[i].tail);
      pcall_log_files_discard (files, 0, 7);
      g_assert_no_errno (g_rmdir (place));
    }
}

/* The default directory */

static PcallLogDirectory
open_default (void)
{
  PcallLogDirectory directory = { NULL, -1, FALSE };

  g_assert_true (pcall_log_directory_open_default (&directory));
  g_assert_cmpint (directory.fd, >, STDERR_FILENO);
  return directory;
}

static void
close_directory (PcallLogDirectory *directory)
{
  pcall_log_directory_close (directory);
  g_clear_pointer (&directory->path, g_free);
}

static void
assert_private (const PcallLogDirectory *directory)
{
  struct stat st;

  g_assert_no_errno (stat (directory->path, &st));
  g_assert_cmpuint (st.st_mode, ==, S_IFDIR | 0700);
  g_assert_cmpuint (st.st_uid, ==, geteuid ());
}

/* Those with the known name, and ones beside it. */
typedef enum
{
  KNOWN,
  RANDOM,
  ELSEWHERE,
} Expected;

static void
assert_opens (const char *place, Expected expected)
{
  gint64 begun = g_get_monotonic_time ();
  PcallLogDirectory directory;
  g_autofree char *known = g_build_filename (place, "pcall", NULL);
  g_autofree char *random = g_strdup_printf ("%s/pcall-%u-", place, (guint) geteuid ());

  g_setenv ("XDG_RUNTIME_DIR", place, TRUE);
  directory = open_default ();
  g_assert_cmpint (g_get_monotonic_time () - begun, <, 2 * G_USEC_PER_SEC);
  assert_private (&directory);
  g_assert_cmpint (g_str_has_prefix (directory.path, random), ==, expected == RANDOM);
  g_assert_cmpint (strcmp (directory.path, known) == 0, ==, expected == KNOWN);
  g_assert_cmpint (g_str_has_prefix (directory.path, place), ==, expected != ELSEWHERE);
  close_directory (&directory);
  g_unsetenv ("XDG_RUNTIME_DIR");
}

static void
test_known_name (void)
{
  g_autofree char *place = make_place ();

  assert_opens (place, KNOWN);
  g_assert_cmpuint (count_names (place), ==, 0);
  g_assert_no_errno (g_rmdir (place));
}

/* The known name is taken, by each thing that it could be. */

static void
be_open_to_all (const char *path)
{
  g_assert_no_errno (mkdir (path, 0700));
  g_assert_no_errno (chmod (path, 0755));
}

static void
be_a_strangers (const char *path)
{
  g_assert_no_errno (mkdir (path, 0700));
  if (geteuid () == 0)
    g_assert_no_errno (chown (path, STRANGER, STRANGER));
  else
    g_assert_no_errno (chmod (path, 0750));
}

static void
be_a_link (const char *path)
{
  g_assert_no_errno (symlink ("/", path));
}

static void
be_a_file (const char *path)
{
  g_assert_true (g_file_set_contents (path, "", 0, NULL));
}

static void (*const squatters[]) (const char *path) = { be_open_to_all, be_a_strangers, be_a_link,
                                                        be_a_file };

/* With a lock on it, too, which nobody is to wait for. */
static void
test_squatters (void)
{
  for (gsize i = 0; i < 2 * G_N_ELEMENTS (squatters); i++)
    {
      g_autofree char *place = make_place ();
      g_autofree char *known = g_build_filename (place, "pcall", NULL);
      int fd;

      squatters[i / 2](known);
      fd = open (known, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
      if (i % 2 == 1 && fd >= 0)
        g_assert_no_errno (flock (fd, LOCK_EX));
      for (guint round = 0; round < 3; round++)
        assert_opens (place, RANDOM);
      g_assert_cmpuint (count_names (place), ==, 1);

      if (fd >= 0)
        close (fd);
      g_assert_no_errno (remove (known));
      g_assert_no_errno (g_rmdir (place));
    }
}

/* Our own program has the lock, and keeps it: that is waited for, in vain. */
static void
test_kept_lock (void)
{
  g_autofree char *place = make_place ();
  g_autofree char *known = g_build_filename (place, "pcall", NULL);
  PcallLogDirectory directory;
  int fd;

  g_assert_no_errno (mkdir (known, 0700));
  fd = open (known, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  g_assert_no_errno (flock (fd, LOCK_EX));
  g_setenv ("XDG_RUNTIME_DIR", place, TRUE);
  directory = open_default ();
  g_assert_cmpstr (directory.path, !=, known);
  close_directory (&directory);
  g_unsetenv ("XDG_RUNTIME_DIR");

  close (fd);
  g_assert_no_errno (g_rmdir (known));
  g_assert_no_errno (g_rmdir (place));
}

/* What was left by programs that were killed */

/* In a process of its own, which is killed. */
static void
leave_behind (const char *place, const char *name)
{
  pid_t pid = fork ();

  if (pid == 0)
    {
      PcallLogDirectory directory;
      int fd;

      g_setenv ("XDG_RUNTIME_DIR", place, TRUE);
      directory = open_default ();
      fd = openat (directory.fd, name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
      if (g_str_has_prefix (name, "task-1-"))
        fchmod (fd, 0600 | PCALL_LOG_FILE_KEPT);
      kill (getpid (), SIGKILL);
    }
  g_assert_cmpint (waitpid (pid, NULL, 0), ==, pid);
}

/* Files that have other names, or were to be kept, stay. */
static void
test_sweeping (void)
{
  static const struct
  {
    const char *name;
    gboolean    goes;
  } files[] = {
    { "task-123-call-0-pid-7.log", TRUE },
    { "task-18446744073709551615-call-4-pid-70.log", TRUE },
    { "task-1-call-0-pid-7.log", FALSE },
    { "task-list.log", FALSE },
    { "task-5-call-0-pid-7.log.gz", FALSE },
    { "task-5-call-0-pid-.log", FALSE },
    { "task-5-call-0-pid-7-8.log", FALSE },
    { "notes.txt", FALSE },
    { "task-five-call-0-pid-7.log", FALSE },
  };

  for (gsize i = 0; i < G_N_ELEMENTS (files); i++)
    {
      g_autofree char *place = make_place ();
      g_autofree char *known = g_build_filename (place, "pcall", NULL);
      g_autofree char *path = g_build_filename (known, files[i].name, NULL);

      leave_behind (place, files[i].name);
      g_assert_true (g_file_test (path, G_FILE_TEST_EXISTS));
      assert_opens (place, KNOWN);
      g_assert_cmpint (g_file_test (path, G_FILE_TEST_EXISTS), ==, !files[i].goes);

      g_unlink (path);
      g_rmdir (known);
      g_assert_no_errno (g_rmdir (place));
    }
}

/* Not while another program uses it. */
static void
test_no_sweeping (void)
{
  g_autofree char *place = make_place ();
  PcallLogDirectory first;
  g_autofree char *path = NULL;

  g_setenv ("XDG_RUNTIME_DIR", place, TRUE);
  first = open_default ();
  path = g_build_filename (first.path, "task-123-call-0-pid-7.log", NULL);
  g_assert_true (g_file_set_contents (path, "in use", -1, NULL));
  assert_opens (place, KNOWN);
  g_assert_true (g_file_test (path, G_FILE_TEST_EXISTS));
  g_assert_no_errno (g_unlink (path));
  close_directory (&first);
  g_assert_cmpuint (count_names (place), ==, 0);
  g_assert_no_errno (g_rmdir (place));
}

/* The same with directories of random names, of which each program has one. */
static void
test_random_ones_left (void)
{
  g_autofree char *place = make_place ();
  g_autofree char *known = g_build_filename (place, "pcall", NULL);
  PcallLogDirectory living;

  be_open_to_all (known);
  g_setenv ("XDG_RUNTIME_DIR", place, TRUE);
  living = open_default ();
  for (guint i = 0; i < 5; i++)
    leave_behind (place, "task-123-call-0-pid-7.log");
  g_assert_cmpuint (count_names (place), >=, 3);
  assert_opens (place, RANDOM);
  g_assert_cmpuint (count_names (place), ==, 2);
  assert_private (&living);
  close_directory (&living);

  g_assert_no_errno (g_rmdir (known));
  g_assert_no_errno (g_rmdir (place));
}

/* Nothing can be made in the first: the next is tried. */
static void
test_next_one (void)
{
  static const char *const nowhere[] = { "/nonexistent", "/proc", "/dev/null", "relative" };

  for (gsize i = 0; i < G_N_ELEMENTS (nowhere); i++)
    assert_opens (nowhere[i], ELSEWHERE);
}

int
main (int argc, char *argv[])
{
  g_test_init (&argc, &argv, NULL);

  g_test_add_func ("/pcall/log-files/planted", test_planted);
  g_test_add_func ("/pcall/log-files/names", test_names);
  g_test_add_func ("/pcall/log-files/tail-is-harmless", test_tail_is_harmless);
  g_test_add_func ("/pcall/log-directory/known-name", test_known_name);
  g_test_add_func ("/pcall/log-directory/squatters", test_squatters);
  g_test_add_func ("/pcall/log-directory/kept-lock", test_kept_lock);
  g_test_add_func ("/pcall/log-directory/sweeping", test_sweeping);
  g_test_add_func ("/pcall/log-directory/no-sweeping", test_no_sweeping);
  g_test_add_func ("/pcall/log-directory/random-ones-left", test_random_ones_left);
  g_test_add_func ("/pcall/log-directory/next-one", test_next_one);

  return g_test_run ();
}
