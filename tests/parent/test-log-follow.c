/*
 * SPDX-FileCopyrightText: 2026 The pcall authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

/* Logs as they come, of files that are written by hand: when there is something to pass on, whose
 * turn it is, and what is passed on at the end of a call. */

#include <sys/resource.h>

#include <pcall-glib/parent/pcall-log-live-private.h>

#include "logs-support.h"
#include "namespaces.h"

typedef struct
{
  LogsFixture logs;
  PcallEngine *engine;
  PcallLogLive *live;
} Fixture;

static PcallLogLive *current; /* for what is called within */

static void
set_up (Fixture *self, gconstpointer data)
{
  g_autoptr (GError) error = NULL;

  logs_set_up (&self->logs, GPOINTER_TO_INT (data));
  self->engine = pcall_engine_new (&error);
  g_assert_no_error (error);
  self->live = current = pcall_log_live_new (self->engine, &self->logs.logs, &error);
  g_assert_no_error (error);
}

static void
tear_down (Fixture *self, gconstpointer data)
{
  pcall_log_live_free (self->live);
  pcall_engine_unref (self->engine);
  logs_tear_down (&self->logs);
}

static void
begin (Fixture *self, guint index)
{
  logs_begin (&self->logs, index);
  pcall_log_live_begin (self->live, index, logs_pid (index));
}

static void
end (Fixture *self, guint index, gboolean has_log)
{
  logs_end (&self->logs, index, has_log, NULL);
  pcall_log_live_end (self->live, index);
}

/* The kernel tells of what was written at once. */
static void
dispatch (Fixture *self)
{
  while (pcall_engine_dispatch (self->engine, G_MAXUINT))
    ;
}

static void
pass_on (Fixture *self)
{
  gint64 limit = LOGS_LATER;

  dispatch (self);
  do
    {
      g_assert_cmpint (g_get_monotonic_time (), <, limit);
      pcall_log_live_step (self->live, limit);
    }
  while (pcall_log_live_has_work (self->live));
}

/* Lines come when they are whole, the rest when the call has ended. */
static void
test_lines (Fixture *self, gconstpointer data)
{
  gboolean keep = GPOINTER_TO_INT (data);

  g_assert_true (pcall_log_live_is_idle (self->live));
  begin (self, 0);
  g_assert_false (pcall_log_live_is_idle (self->live));
  pass_on (self);
  logs_assert (&self->logs, "");

  logs_write (&self->logs, 0, "a\nb");
  g_assert_false (pcall_log_live_has_work (self->live));
  dispatch (self);
  g_assert_true (pcall_log_live_has_work (self->live));
  pass_on (self);
  logs_assert (&self->logs, "a|");
  logs_write (&self->logs, 0, "c\nd");
  pass_on (self);
  logs_assert (&self->logs, "bc|");

  end (self, 0, TRUE);
  pass_on (self);
  logs_assert (&self->logs, "d|");
  g_assert_true (pcall_log_live_is_idle (self->live));
  g_assert_cmpint (logs_exists (&self->logs, 0), ==, keep);
}

/* What was written before the file was watched, and what nobody had time to look at */
static void
test_end_takes_all (Fixture *self, gconstpointer data)
{
  logs_begin (&self->logs, 1);
  logs_write (&self->logs, 1, "early\n");
  pcall_log_live_begin (self->live, 1, logs_pid (1));
  g_assert_true (pcall_log_live_has_work (self->live));
  logs_write (&self->logs, 1, "late\n");
  end (self, 1, TRUE);
  pass_on (self);
  logs_assert (&self->logs, "early|late|");
  g_assert_true (pcall_log_live_is_idle (self->live));
}

/* Here and now if it is little; a busy machine may need more than one try. */
static void
test_end_at_once (Fixture *self, gconstpointer data)
{
  gboolean at_once = FALSE;

  for (guint i = 0; i < LOGS_N_CALLS; i++)
    {
      begin (self, i);
      pass_on (self);
      logs_write (&self->logs, i, "a\n");
      end (self, i, TRUE);
      at_once = at_once || pcall_log_live_is_idle (self->live);
      pass_on (self);
    }
  g_assert_true (at_once);
  logs_assert (&self->logs, "a|a|a|a|");
}

static void
test_several (Fixture *self, gconstpointer data)
{
  for (guint i = 0; i < LOGS_N_CALLS; i++)
    begin (self, i);
  pass_on (self);
  for (guint i = LOGS_N_CALLS; i > 0; i--)
    {
      char line[] = { (char) ('a' + i - 1), '\n', '\0' };

      logs_write (&self->logs, i - 1, line);
    }
  pass_on (self);
  logs_assert (&self->logs, "d|c|b|a|");
  for (guint i = 0; i < LOGS_N_CALLS; i++)
    end (self, i, FALSE);
  pass_on (self);
  g_assert_true (pcall_log_live_is_idle (self->live));
}

/* The first that is given a turn has no more than that, if it has much. */
static void
test_turns (Fixture *self, gconstpointer data)
{
  g_autoptr (GString) much = g_string_new (NULL);
  const char *other;

  for (guint i = 0; i < 200000; i++)
    g_string_append (much, "x\n");
  begin (self, 0);
  begin (self, 1);
  pass_on (self);
  logs_write (&self->logs, 0, much->str);
  logs_write (&self->logs, 1, "other\n");
  pass_on (self);
  other = strstr (logs_logged->str, "other|");
  g_assert_nonnull (other);
  g_assert_cmpuint (strlen (other), >, strlen ("other|"));
  g_assert_cmpuint (logs_logged->len, ==, much->len + strlen ("other|"));
}

/* No time: nothing is lost. */
static void
test_no_time (Fixture *self, gconstpointer data)
{
  begin (self, 0);
  logs_write (&self->logs, 0, "a\n");
  dispatch (self);
  pcall_log_live_step (self->live, 0);
  logs_assert (&self->logs, "");
  g_assert_true (pcall_log_live_has_work (self->live));
  pass_on (self);
  logs_assert (&self->logs, "a|");
}

/* A call that begins again, in another child, before it has written anything */
static void
test_begins_again (Fixture *self, gconstpointer data)
{
  g_autofree char *path = pcall_log_files_get_path (self->logs.files, 2, 555);
  int fd;

  begin (self, 2);
  fd = open (path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
  g_assert_no_errno (fd);
  pcall_log_live_begin (self->live, 2, 555);
  logs_write (&self->logs, 2, "of nobody\n");
  g_assert_cmpint (write (fd, "a\n", 2), ==, 2);
  close (fd);
  pass_on (self);
  logs_assert (&self->logs, "a|");
  end (self, 2, FALSE);
  pass_on (self);
  g_assert_true (pcall_log_live_is_idle (self->live));
  unlink (path);
}

/* There was no descriptor for it: it is opened when its call has ended. */
static void
test_not_opened (Fixture *self, gconstpointer data)
{
  struct rlimit before, none;

  logs_begin (&self->logs, 3);
  g_assert_no_errno (getrlimit (RLIMIT_NOFILE, &before));
  none = (struct rlimit){ 0, before.rlim_max };
  g_assert_no_errno (setrlimit (RLIMIT_NOFILE, &none));
  pcall_log_live_begin (self->live, 3, logs_pid (3));
  g_assert_no_errno (setrlimit (RLIMIT_NOFILE, &before));
  logs_write (&self->logs, 3, "a\n");
  pass_on (self);
  logs_assert (&self->logs, "");
  end (self, 3, TRUE);
  pass_on (self);
  logs_assert (&self->logs, "a|");
  g_assert_true (pcall_log_live_is_idle (self->live));
}

static void
allow_no_watches (void)
{
  int fd;

  g_assert_no_errno (unshare (CLONE_NEWUSER));
  fd = open ("/proc/sys/user/max_inotify_watches", O_WRONLY | O_CLOEXEC);
  if (fd < 0 || write (fd, "0", 1) != 1)
    _exit (77);
  close (fd);
}

static void
follow_unwatched (void)
{
  Fixture fixture;

  allow_no_watches ();
  set_up (&fixture, NULL);
  begin (&fixture, 3);
  g_assert_false (pcall_log_live_has_work (fixture.live));
  logs_write (&fixture.logs, 3, "a\n");
  pass_on (&fixture);
  logs_assert (&fixture.logs, "");
  end (&fixture, 3, TRUE);
  pass_on (&fixture);
  logs_assert (&fixture.logs, "a|");
  g_assert_true (pcall_log_live_is_idle (fixture.live));
  tear_down (&fixture, NULL);
}

/* The kernel has no room for a watch: the file is read when its call has ended. */
static void
test_unwatched (void)
{
  int status;
  pid_t pid;

  if (skip_without_namespace (CLONE_NEWUSER))
    return;

  pid = fork ();
  if (pid == 0)
    {
      follow_unwatched ();
      _exit (0);
    }
  g_assert_cmpint (waitpid (pid, &status, 0), ==, pid);
  if (WIFEXITED (status) && WEXITSTATUS (status) == 77)
    g_test_skip ("the number of watches cannot be limited here");
  else
    g_assert_cmpint (status, ==, 0);
}

/* An end of what was never begun is none. */
static void
test_unknown (Fixture *self, gconstpointer data)
{
  pcall_log_live_end (self->live, 1);
  g_assert_true (pcall_log_live_is_idle (self->live));
  g_assert_false (pcall_log_live_has_work (self->live));
}

static void
step_within (void)
{
  pcall_log_live_step (current, LOGS_LATER);
  g_assert_false (pcall_log_live_has_work (current));
}

/* The application's log writer drives the task again. */
static void
test_within (Fixture *self, gconstpointer data)
{
  logs_hook = step_within;
  begin (self, 0);
  begin (self, 1);
  logs_write (&self->logs, 0, "a\nb\n");
  logs_write (&self->logs, 1, "c\n");
  pass_on (self);
  logs_assert (&self->logs, "a|b|c|");
}

/* More files change at once than are told of at once. */
static void
test_many_changes (Fixture *self, gconstpointer data)
{
  begin (self, 0);
  begin (self, 1);
  pass_on (self);
  for (guint i = 0; i < 2000; i++)
    logs_write (&self->logs, i % 2, "x\n");
  pass_on (self);
  g_assert_cmpuint (logs_logged->len, ==, 2000 * strlen ("x|"));
}

static void
test_no_descriptor (void)
{
  g_autoptr (PcallEngine) engine = pcall_engine_new (NULL);
  g_autoptr (GError) error = NULL;
  struct rlimit before, none;
  PcallLogs logs = { .files = NULL };

  g_assert_no_errno (getrlimit (RLIMIT_NOFILE, &before));
  none = (struct rlimit){ 0, before.rlim_max };
  g_assert_no_errno (setrlimit (RLIMIT_NOFILE, &none));
  g_assert_null (pcall_log_live_new (engine, &logs, &error));
  g_assert_no_errno (setrlimit (RLIMIT_NOFILE, &before));
  g_assert_error (error, PCALL_ERROR, PCALL_ERROR_START);
  g_assert_cmpstr (error->message, ==, "inotify_init1, for log-mode 'live': Too many open files");
}

int
main (int argc, char *argv[])
{
  static const struct
  {
    const char *name;
    void (*test) (Fixture *, gconstpointer);
  } tests[] = {
    { "lines", test_lines },
    { "end-takes-all", test_end_takes_all },
    { "end-at-once", test_end_at_once },
    { "several", test_several },
    { "turns", test_turns },
    { "no-time", test_no_time },
    { "begins-again", test_begins_again },
    { "not-opened", test_not_opened },
    { "unknown", test_unknown },
    { "within", test_within },
    { "many-changes", test_many_changes },
  };

  g_test_init (&argc, &argv, NULL);
  g_log_set_writer_func (logs_keep, NULL, NULL);

  for (int keep = 0; keep <= 1; keep++)
    for (gsize i = 0; i < G_N_ELEMENTS (tests); i++)
      {
        g_autofree char *path
            = g_strdup_printf ("/log-follow/%s%s", tests[i].name, keep ? "/kept" : "");

        g_test_add (path, Fixture, GINT_TO_POINTER (keep), set_up, tests[i].test, tear_down);
      }
  g_test_add_func ("/log-follow/unwatched", test_unwatched);
  g_test_add_func ("/log-follow/no-descriptor", test_no_descriptor);

  return g_test_run ();
}
