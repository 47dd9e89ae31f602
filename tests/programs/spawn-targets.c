/*
 * SPDX-FileCopyrightText: 2026 The pcall authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

/* Targets in a shared object, for the C worker program to load. */

#include <dirent.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <pcall-glib/pcall.h>

/* What a definition of one of them looks like. */
#define TARGET(name)                                                                               \
  EXPORTED GVariant *name (GVariant *args, GVariant *kwargs, gpointer user_data, GError **error);  \
  GVariant *name (GVariant *args, GVariant *kwargs, gpointer user_data, GError **error)
#define EXPORTED __attribute__ ((visibility ("default")))

#define LONG_S 100

TARGET (add)
{
  gint32 a, b;

  g_variant_get (args, "(ii)", &a, &b);
  return g_variant_new_int32 (a + b);
}

TARGET (echo)
{
  return g_variant_new ("(@r@a{sv})", args, kwargs);
}

TARGET (nothing)
{
  return NULL;
}

TARGET (get_pid)
{
  return g_variant_new_int32 (getpid ());
}

/* Its exit status; -1 where it did not exit. */
TARGET (run_command)
{
  const char *command;
  int status;

  if (!pcall_parse_args (args, kwargs, error, "(&s)", &command, NULL))
    return NULL;
  status = system (command);
  return g_variant_new_int32 (WIFEXITED (status) ? WEXITSTATUS (status) : -1);
}

TARGET (get_index)
{
  return g_variant_new_uint32 (pcall_get_call_index ());
}

TARGET (fail)
{
  pcall_set_error_details (g_variant_new_parsed ("{'type': <'E'>, 'line': <7>}"));
  g_set_error (error, G_IO_ERROR, G_IO_ERROR_NOT_FOUND, "call %u found nothing",
               pcall_get_call_index ());
  return NULL;
}

TARGET (fail_without_details)
{
  g_set_error_literal (error, G_IO_ERROR, G_IO_ERROR_NOT_FOUND, "nothing");
  return NULL;
}

TARGET (report)
{
  pcall_report_progress (0.5, "half");
  pcall_send_message (g_variant_new_string ("a message"));
  return g_variant_new_boolean (user_data == NULL);
}

static void
crash (void)
{
  setrlimit (RLIMIT_CORE, &(struct rlimit) { 0, 0 });
  /* Which a sanitizer would turn into an exit */
  signal (SIGSEGV, SIG_DFL);
  raise (SIGSEGV);
}

/* Those whose index is a multiple of 7 and those that are told so. */
TARGET (crash_sometimes)
{
  if (pcall_get_call_index () % 7 == 6)
    crash ();
  return g_variant_new_uint32 (pcall_get_call_index ());
}

static gboolean
kill_itself (gpointer data)
{
  raise (SIGKILL);
  return G_SOURCE_REMOVE;
}

/* When the call is over, and the next one may have been sent. */
TARGET (die_afterwards)
{
  g_idle_add_full (G_PRIORITY_HIGH, kill_itself, NULL, NULL);
  return g_variant_new_uint32 (pcall_get_call_index ());
}

TARGET (exit_99)
{
  exit (99);
  return NULL;
}

/* So many seconds */
TARGET (nap)
{
  gdouble seconds;

  g_variant_get (args, "(d)", &seconds);
  g_usleep ((gulong) (seconds * G_USEC_PER_SEC));
  return NULL;
}

TARGET (sleep_long)
{
  pcall_send_message (g_variant_new_int32 (getpid ()));
  for (gint64 i = 0; i < LONG_S; i++)
    sleep (1);
  return NULL;
}

TARGET (sleep_if_odd)
{
  for (gint64 i = 0; pcall_get_call_index () % 2 == 1 && i < LONG_S; i++)
    sleep (1);
  return g_variant_new_uint32 (pcall_get_call_index ());
}

TARGET (ignore_sigterm)
{
  signal (SIGTERM, SIG_IGN);
  pcall_send_message (g_variant_new_int32 (getpid ()));
  for (gint64 i = 0; i < LONG_S; i++)
    sleep (1);
  return NULL;
}

TARGET (be_busy)
{
  gint64 until = g_get_monotonic_time () + LONG_S * G_USEC_PER_SEC;

  pcall_send_message (g_variant_new_int32 (getpid ()));
  while (g_get_monotonic_time () < until)
    ;
  return NULL;
}

TARGET (be_stopped)
{
  sigset_t all;

  sigfillset (&all);
  sigprocmask (SIG_SETMASK, &all, NULL);
  pcall_send_message (g_variant_new_int32 (getpid ()));
  raise (SIGSTOP);
  sleep (LONG_S);
  return NULL;
}

/* The program that was executed knows nothing of pipes and parents. */
TARGET (wait_for_program)
{
  pid_t pid = fork ();

  if (pid == 0)
    {
      execlp ("sleep", "sleep", "100", NULL);
      _exit (88);
    }
  pcall_send_message (g_variant_new_int32 (getpid ()));
  pcall_send_message (g_variant_new_int32 (pid));
  waitpid (pid, NULL, 0);
  return NULL;
}

/* A daemon, by two forks and a session of its own. */
TARGET (leave_daemon)
{
  int fds[2];
  pid_t pid = 0;

  g_assert (pipe2 (fds, O_CLOEXEC) == 0);
  if (fork () == 0)
    {
      setsid ();
      pid = fork ();
      if (pid == 0)
        {
          execlp ("sleep", "sleep", "100", NULL);
          _exit (88);
        }
      _exit (write (fds[1], &pid, sizeof pid) == sizeof pid ? 0 : 1);
    }
  g_assert (read (fds[0], &pid, sizeof pid) == sizeof pid);
  close (fds[0]);
  close (fds[1]);
  return g_variant_new_int32 (pid);
}

TARGET (be_with_daemon)
{
  g_autoptr (GVariant) pid = g_variant_ref_sink (leave_daemon (args, kwargs, user_data, error));

  pcall_send_message (g_variant_new_int32 (getpid ()));
  pcall_send_message (pid);
  for (;;)
    pause ();
  return NULL;
}

TARGET (be_another_program)
{
  pcall_send_message (g_variant_new_int32 (getpid ()));
  execlp ("sleep", "sleep", "100", NULL);
  return NULL;
}

TARGET (be_closed)
{
  pcall_send_message (g_variant_new_int32 (getpid ()));
  closefrom (STDERR_FILENO + 1);
  sleep (100);
  return NULL;
}

/* A fork that comes back from the call as the worker does. */
TARGET (fork_and_return)
{
  pid_t pid = fork ();

  if (pid > 0)
    waitpid (pid, NULL, 0);
  return g_variant_new_int32 (42);
}

/* Sends that signal to the process that has started this worker, where the file that is named is
 * not there yet, and makes it then. */
TARGET (signal_parent)
{
  gint32 signum;
  const char *once;
  int fd;

  g_variant_get (args, "(i&s)", &signum, &once);
  fd = *once != '\0' ? open (once, O_CREAT | O_EXCL | O_WRONLY, 0600) : -1;
  if (*once != '\0' && fd < 0)
    return g_variant_new_uint32 (pcall_get_call_index ());
  if (fd >= 0)
    close (fd);
  kill (getppid (), signum);
  if (signum != SIGTERM)
    sleep (LONG_S);
  return g_variant_new_uint32 (pcall_get_call_index ());
}

/* Tells a file, as who reads it may be on the way to being killed. */
TARGET (write_pid)
{
  const char *path = g_getenv ("PCALL_TEST_PID_FILE");
  g_autofree char *text = g_strdup_printf ("%d", getpid ());

  if (!g_file_set_contents (path, text, -1, error))
    return NULL;
  sleep (LONG_S);
  return NULL;
}

/* Tells its pid in a file of the directory that is named, and waits for another file there. */
TARGET (wait_for_go)
{
  const char *directory;
  g_autofree char *worker = NULL;
  g_autofree char *go = NULL;
  g_autofree char *text = g_strdup_printf ("%d", getpid ());

  if (!pcall_parse_args (args, kwargs, error, "(&s)", &directory, NULL))
    return NULL;
  worker = g_strdup_printf ("%s/worker-%d", directory, getpid ());
  go = g_build_filename (directory, "go", NULL);
  if (!g_file_set_contents (worker, text, -1, error))
    return NULL;
  while (access (go, F_OK) < 0)
    g_usleep (5000);
  return g_variant_new_uint32 (pcall_get_call_index ());
}

TARGET (get_parent)
{
  return g_variant_new_int32 (getppid ());
}

/* A message with a descriptor, and a result without. */
TARGET (send_handle)
{
  g_autoptr (GUnixFDList) list = g_unix_fd_list_new ();

  if (g_unix_fd_list_append (list, STDIN_FILENO, error) < 0 ||
      !pcall_send_message_with_fd_list (g_variant_new_handle (0), list, error))
    return NULL;
  return g_variant_new_int32 (1);
}

/* Where each open descriptor leads. */
TARGET (list_descriptors)
{
  GVariantBuilder builder = G_VARIANT_BUILDER_INIT (G_VARIANT_TYPE ("a{is}"));
  DIR *dir = opendir ("/proc/self/fd");
  struct dirent *entry;

  while ((entry = readdir (dir)) != NULL)
    {
      char path[256] = "";

      if (entry->d_name[0] == '.' || atoi (entry->d_name) == dirfd (dir) ||
          readlinkat (dirfd (dir), entry->d_name, path, sizeof path - 1) < 0)
        continue;
      g_variant_builder_add (&builder, "{is}", atoi (entry->d_name), path);
    }
  closedir (dir);
  return g_variant_builder_end (&builder);
}

/* What a worker finds of its environment, and of how signals stand. */
TARGET (get_state)
{
  sigset_t mask;
  struct sigaction action;
  guint n_set = 0;
  guint n_blocked = 0;

  sigprocmask (SIG_SETMASK, NULL, &mask);
  for (int signum = 1; signum < 32; signum++)
    {
      /* A sanitizer has handlers of its own. */
      if (signum == SIGSEGV || signum == SIGBUS || signum == SIGFPE)
        continue;
      sigaction (signum, NULL, &action);
      n_set += action.sa_handler != SIG_DFL;
      n_blocked += sigismember (&mask, signum);
    }
  return g_variant_new ("(uubb)", n_set, n_blocked, getpgrp () == getpid (),
                        getenv ("PCALL_WORKER_COOKIE") != NULL);
}

/* In whatever buffer: it is written when the call is over, at the latest. */
TARGET (print)
{
  gint32 number;

  g_variant_get (args, "(i)", &number);
  setvbuf (stdout, NULL, _IOFBF, 65536);
  printf ("out %d, without an end", number);
  fprintf (stderr, "err %d\n", number);
  return NULL;
}

TARGET (get_large)
{
  gsize size = 4 << 20;
  g_autofree guint8 *bytes = g_malloc (size);

  memset (bytes, 7, size);
  return g_variant_new_fixed_array (G_VARIANT_TYPE_BYTE, bytes, size, 1);
}

TARGET (get_size)
{
  g_autoptr (GVariant) bytes = g_variant_get_child_value (args, 0);

  return g_variant_new_uint64 (g_variant_get_size (bytes));
}

/* Says what it does in each way, and then does what it is told. */
TARGET (say)
{
  guint index = pcall_get_call_index ();
  g_autofree char *field = g_strdup_printf ("field %u", index);
  const char *then;

  g_variant_get (args, "(&s)", &then);
  printf ("printed by %u\n", index);
  g_log_structured ("Spawned", G_LOG_LEVEL_WARNING, "SPAWN_FIELD", field, "MESSAGE",
                    "logged by %u", index);
  if (strcmp (then, "abort") == 0)
    abort ();
  if (strcmp (then, "close") == 0)
    close (STDERR_FILENO);
  fprintf (stderr, "in the end of %u", index);
  return NULL;
}

TARGET (say_nothing)
{
  return NULL;
}

/* As many bytes as its argument says, each of them its position. */
TARGET (count_up)
{
  guint64 size;
  guint8 *bytes;

  g_variant_get (args, "(t)", &size);
  bytes = g_malloc (size);
  for (gsize i = 0; i < size; i++)
    bytes[i] = (guint8) i;
  return g_variant_new_from_data (G_VARIANT_TYPE_BYTESTRING, bytes, size, TRUE, g_free, bytes);
}

/* What is in a file */
TARGET (map_file)
{
  const char *path;
  g_autoptr (GMappedFile) file = NULL;
  g_autoptr (GBytes) bytes = NULL;

  if (!pcall_parse_args (args, kwargs, error, "(&s)", &path, NULL))
    return NULL;
  file = g_mapped_file_new (path, FALSE, error);
  if (file == NULL)
    return NULL;

  bytes = g_mapped_file_get_bytes (file);
  return g_variant_new_from_bytes (G_VARIANT_TYPE_BYTESTRING, bytes, TRUE);
}

/* A handle of a pipe that a word was written to. */
TARGET (return_handle)
{
  g_autoptr (GUnixFDList) list = g_unix_fd_list_new ();
  int fds[2];

  if (pipe2 (fds, O_CLOEXEC) < 0 || write (fds[1], "worker", 6) != 6 ||
      g_unix_fd_list_append (list, fds[0], error) < 0)
    return NULL;

  close (fds[0]);
  close (fds[1]);
  pcall_set_result_fd_list (list);
  return g_variant_new_handle (0);
}
