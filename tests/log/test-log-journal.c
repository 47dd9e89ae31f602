/*
 * SPDX-FileCopyrightText: 2026 The pcall authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

/* Standard error is the journal, and has been written to: GLib remembers that, and in a forked
 * child would go on writing there, past the child's log file. Here sockets stand in for the
 * journal's, in a mount namespace of our own; log-program writes to them. */

#include <errno.h>
#include <gio/gio.h>
#include <glib/gstdio.h>
#include <poll.h>
#include <sched.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "namespaces.h"
#include "traces.h"

#define JOURNAL "/run/systemd/journal"

/* The stand-in */

typedef struct
{
  int stream_fd; /* where standard error is connected to */
  int datagram_fd; /* where records come */
  GPtrArray *records;
} Journal;

static gboolean
enter_namespace (void)
{
  if (unshare (CLONE_NEWNS) == 0 && mount (NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) == 0 &&
      mount ("none", "/run", "tmpfs", 0, "size=1m") == 0)
    return TRUE;

  g_printerr ("skipped: no mount namespace: %s\n", g_strerror (errno));
  return FALSE;
}

static int
bind_socket (int type, const char *path)
{
  struct sockaddr_un address = { .sun_family = AF_UNIX };
  int fd = socket (AF_UNIX, type | SOCK_CLOEXEC, 0);

  g_strlcpy (address.sun_path, path, sizeof address.sun_path);
  g_assert_no_errno (bind (fd, (struct sockaddr *) &address, sizeof address));
  return fd;
}

static int
connect_to_stream (void)
{
  struct sockaddr_un address = { .sun_family = AF_UNIX, .sun_path = JOURNAL "/stdout" };
  int fd = socket (AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

  g_assert_no_errno (connect (fd, (struct sockaddr *) &address, sizeof address));
  return fd;
}

static void
journal_init (Journal *self)
{
  g_assert_no_errno (g_mkdir_with_parents (JOURNAL, 0755));
  self->stream_fd = bind_socket (SOCK_STREAM, JOURNAL "/stdout");
  g_assert_no_errno (listen (self->stream_fd, 10));
  self->datagram_fd = bind_socket (SOCK_DGRAM, JOURNAL "/socket");
  self->records = g_ptr_array_new_with_free_func (g_free);
}

static void
journal_clear (Journal *self)
{
  close (self->stream_fd);
  close (self->datagram_fd);
  g_ptr_array_unref (self->records);
}

/* A datagram is a record, a field each line, as long as no value has a line's end in it. */
static gboolean
journal_receive (Journal *self, int timeout_ms)
{
  struct pollfd readable = { .fd = self->datagram_fd, .events = POLLIN };
  char bytes[65536];
  gssize n;

  if (poll (&readable, 1, timeout_ms) <= 0)
    return FALSE;
  n = recv (self->datagram_fd, bytes, sizeof bytes, 0);
  g_assert_cmpint (n, >, 0);
  g_ptr_array_add (self->records, g_strndup (bytes, n));
  return TRUE;
}

static gboolean
has_field (const char *record, const char *field)
{
  g_auto (GStrv) lines = g_strsplit (record, "\n", -1);

  return g_strv_contains ((const char *const *) lines, field);
}

static const char *
get_message (Journal *self, guint i)
{
  const char *begin;

  g_assert_cmpuint (i, <, self->records->len);
  begin = strstr (self->records->pdata[i], "MESSAGE=");
  g_assert_nonnull (begin);
  return begin + strlen ("MESSAGE=");
}

/* A program that writes to it */

static pid_t
spawn_program (const char *setup)
{
  g_autofree char *path = g_test_build_filename (G_TEST_BUILT, "log-program", NULL);
  const char *argv[] = { path, setup, "child", "some", NULL };
  g_auto (GStrv) environment = g_environ_unsetenv (g_get_environ (), "G_DEBUG");
  int journal_fd = connect_to_stream ();
  GPid pid;
  g_autoptr (GError) error = NULL;

  g_spawn_async_with_fds (NULL, (char **) argv, environment,
                          G_SPAWN_DO_NOT_REAP_CHILD | G_SPAWN_STDOUT_TO_DEV_NULL, NULL, NULL, &pid,
                          -1, -1, journal_fd, &error);
  g_assert_no_error (error);
  close (journal_fd);
  return pid;
}

static void
run_program (Journal *self, const char *setup)
{
  pid_t pid = spawn_program (setup);
  int status;

  while (waitpid (pid, &status, WNOHANG) == 0)
    journal_receive (self, 10);
  while (journal_receive (self, 0))
    ;
  g_assert_true (WIFEXITED (status));
  g_assert_cmpint (WEXITSTATUS (status), ==, 0);
}

/* What the program wrote itself, and then a section, in which every record tells whose it is */
static void
assert_records (Journal *self)
{
  g_assert_cmpuint (self->records->len, ==, 6);
  g_assert_true (g_str_has_prefix (get_message (self, 0), "before\n"));
  g_assert_true (g_str_has_prefix (get_message (self, 1), ">>>> Begin child log /"));
  g_assert_true (g_str_has_prefix (get_message (self, 2), "through g_log\n"));
  g_assert_true (g_str_has_prefix (get_message (self, 3), "structured\n"));
  g_assert_true (g_str_has_prefix (get_message (self, 4), "printed\n"));
  g_assert_true (g_str_has_prefix (get_message (self, 5), "<<<< End child log /"));

  g_assert_null (strstr (self->records->pdata[0], "PCALL_"));
  for (guint i = 1; i < 6; i++)
    {
      g_assert_true (has_field (self->records->pdata[i], "PCALL_CALL=0"));
      g_assert_true (has_field (self->records->pdata[i], "PCALL_TARGET=target"));
      g_assert_nonnull (strstr (self->records->pdata[i], "PCALL_PID="));
    }
  g_assert_true (has_field (self->records->pdata[2], "GLIB_DOMAIN=Program"));
  g_assert_true (has_field (self->records->pdata[3], "MY_FIELD=a value"));
  g_assert_true (has_field (self->records->pdata[3], "PRIORITY=4"));
  g_assert_true (has_field (self->records->pdata[4], "GLIB_DOMAIN=Pcall"));
}

static void
run_with_journal (gconstpointer data)
{
  Journal self;

  if (!enter_namespace ())
    return;
  journal_init (&self);
  run_program (&self, data);
  assert_records (&self);
  journal_clear (&self);
}

static void
test_section (gconstpointer data)
{
  if (!skip_without_namespace (CLONE_NEWNS))
    traces_in_subprocess (run_with_journal, data);
}

int
main (int argc, char *argv[])
{
  g_test_init (&argc, &argv, NULL);

  g_test_add_data_func ("/pcall/log-journal/section", "journal", test_section);
  g_test_add_data_func ("/pcall/log-journal/section/with-thread", "journal+thread", test_section);

  return g_test_run ();
}
