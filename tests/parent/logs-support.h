/*
 * SPDX-FileCopyrightText: 2026 The pcall authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

/* The calls of a task as far as their logs go: files that are written by hand, and the main log of
 * this test. */

#pragma once

#include <glib/gstdio.h>
#include <string.h>
#include <sys/stat.h>

#include <pcall-glib/parent/pcall-log-cleanup-private.h>
#include <pcall-glib/pcall-error.h>
#include <pcall-glib/pcall-target.h>

#include "task-support.h"

#define LOGS_N_CALLS 4

/* No wait of a test comes near it. */
#define LOGS_LATER (g_get_monotonic_time () + SUPPORT_LIMIT_S * G_USEC_PER_SEC)

typedef struct
{
  char *place;
  PcallMonitor *monitor;
  PcallCallList *calls;
  PcallChildList *children;
  PcallLogFiles *files;
  PcallLogs logs;
} LogsFixture;

/* Messages, each with "|" behind it. NULL: they are not kept. */
static GString *logs_logged;
/* Called with each. */
static void (*logs_hook) (void);

static inline GLogWriterOutput
logs_keep (GLogLevelFlags level, const GLogField *fields, gsize n_fields, gpointer data)
{
  if (logs_logged == NULL)
    return g_log_writer_default (level, fields, n_fields, data);

  for (gsize i = 0; i < n_fields; i++)
    if (strcmp (fields[i].key, "MESSAGE") == 0)
      g_string_append_printf (logs_logged, "%s|", (const char *) fields[i].value);
  if (logs_hook != NULL)
    logs_hook ();
  return G_LOG_WRITER_HANDLED;
}

static inline GVariant *
logs_never_called (GVariant *args, GVariant *kwargs, gpointer user_data, GError **error)
{
  g_assert_not_reached ();
}

static inline void
logs_set_up (LogsFixture *self, gboolean keep)
{
  g_autoptr (PcallArguments) arguments = pcall_arguments_new ();
  g_autoptr (GPtrArray) targets = g_ptr_array_new_with_free_func (g_object_unref);
  g_autoptr (GError) error = NULL;

  *self = (LogsFixture){ .place = g_dir_make_tmp ("pcall-logs-XXXXXX", NULL) };
  self->monitor = pcall_monitor_new ();
  g_ptr_array_add (targets, pcall_target_new ("target", logs_never_called, NULL, NULL));
  self->calls = pcall_call_list_new (self->monitor, arguments, targets, LOGS_N_CALLS,
                                     &pcall_call_view);
  self->children = pcall_child_list_new (self->calls, &pcall_child_view);
  self->files = pcall_log_files_new (self->place, keep, 1, 7, &error);
  g_assert_no_error (error);
  pcall_call_list_set_log (self->calls, self->files);
  pcall_logs_init (&self->logs, self->files, self->calls, self->children, keep);
  pcall_monitor_enter (self->monitor);
  logs_logged = g_string_new (NULL);
}

static inline pid_t
logs_pid (guint index)
{
  return 100 + (pid_t) index;
}

static inline char *
logs_path (LogsFixture *self, guint index)
{
  return pcall_log_files_get_path (self->files, index, logs_pid (index));
}

static inline void
logs_tear_down (LogsFixture *self)
{
  pcall_logs_clear (&self->logs);
  g_assert_null (self->logs.files);
  pcall_monitor_leave (self->monitor);
  for (guint i = 0; i < LOGS_N_CALLS; i++)
    {
      g_autofree char *path = logs_path (self, i);

      unlink (path);
    }
  pcall_child_list_unref (self->children);
  pcall_call_list_unref (self->calls);
  pcall_log_files_unref (self->files);
  pcall_monitor_unref (self->monitor);
  g_assert_no_errno (g_rmdir (self->place));
  g_free (self->place);
  g_string_free (g_steal_pointer (&logs_logged), TRUE);
  logs_hook = NULL;
}

/* The call begins, in a child of its own, and has an empty file. */
static inline void
logs_begin (LogsFixture *self, guint index)
{
  g_autofree char *path = logs_path (self, index);
  int fd = open (path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);

  g_assert_no_errno (fd);
  close (fd);
  pcall_child_list_add (self->children, logs_pid (index), index);
  pcall_call_list_begin (self->calls, index, logs_pid (index), 1);
}

static inline void
logs_write (LogsFixture *self, guint index, const char *text)
{
  g_autofree char *path = logs_path (self, index);
  int fd = open (path, O_WRONLY | O_APPEND | O_CLOEXEC);

  g_assert_no_errno (fd);
  g_assert_cmpint (write (fd, text, strlen (text)), ==, strlen (text));
  close (fd);
}

/* The call ends, with that message of an error, or NULL for success. */
static inline void
logs_end (LogsFixture *self, guint index, gboolean has_log, const char *message)
{
  const PcallCallEnd end = { message == NULL ? PCALL_CALL_STATE_SUCCEEDED : PCALL_CALL_STATE_FAILED,
                             logs_pid (index), 1, has_log };
  g_auto (PcallOutcome) outcome = { .number = { 7, message == NULL ? 'i' : '\0' } };

  if (message != NULL)
    pcall_outcome_set_error (&outcome,
                             g_error_new (PCALL_ERROR, PCALL_ERROR_FAILED, "%s", message));
  pcall_call_list_finish (self->calls, index, &end, &outcome);
}

static inline gboolean
logs_exists (LogsFixture *self, guint index)
{
  g_autofree char *path = logs_path (self, index);

  return access (path, F_OK) == 0;
}

/* What was logged since; in @expected "P0" stands for the path of call 0, and so on. */
static inline void
logs_assert (LogsFixture *self, const char *expected)
{
  for (guint i = 0; i < LOGS_N_CALLS; i++)
    {
      g_autofree char *path = logs_path (self, i);
      char name[] = { 'P', (char) ('0' + i), '\0' };

      g_string_replace (logs_logged, path, name, 0);
    }
  g_assert_cmpstr (logs_logged->str, ==, expected);
  g_string_truncate (logs_logged, 0);
}
