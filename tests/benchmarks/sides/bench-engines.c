/*
 * SPDX-FileCopyrightText: 2026 The pcall authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

/* Sides "engine": what users have without pcall, in the engine that this program has been started
 * in (by=ssh, by=slurm). "engine/true" starts a program that does nothing n times, by one command or
 * by so many at once; "engine/cat" gets what is in a file into fresh memory. */

#include "bench.h"

#include <glib/gstdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "bench-bare.h"

/* With its standard output to be read from @fd; NULL: there is nothing of interest. */
static gboolean
start (BenchRequest  *request,
       guint          n,
       const char    *command,
       GPid          *pid,
       int           *fd,
       GError       **error)
{
  gboolean by_ssh = g_str_equal (bench_request_get_text (request, "by"), "ssh");
  const char *config = g_getenv ("PCALL_TEST_SSH_CONFIG");
  g_autofree char *line = by_ssh ? g_strdup_printf ("ssh -F '%s' pcall-host %s", config, command)
                                 : g_strdup_printf ("srun --quiet -n%u %s", n, command);
  g_auto (GStrv) argv = NULL;

  return g_shell_parse_argv (line, NULL, &argv, error) &&
         g_spawn_async_with_pipes (NULL, argv, NULL,
                                   G_SPAWN_SEARCH_PATH | G_SPAWN_DO_NOT_REAP_CHILD |
                                       (fd == NULL ? G_SPAWN_STDOUT_TO_DEV_NULL : 0),
                                   NULL, NULL, pid, NULL, fd, NULL, error);
}

static gboolean
finish (GPid     pid,
        GError **error)
{
  int status;

  if (waitpid (pid, &status, 0) < 0)
    return bare_set_error (error, "waitpid");
  return g_spawn_check_wait_status (status, error);
}

static gdouble
run_true (BenchRequest  *request,
          GError       **error)
{
  guint n = MAX ((guint) bench_request_get_number (request, "n"), 1);
  guint n_commands = MAX ((guint) bench_request_get_number (request, "commands"), 1);
  g_autofree GPid *pids = g_new (GPid, n_commands);
  gdouble begun = bench_now ();

  for (guint i = 0; i < n_commands; i++)
    if (!start (request, n / n_commands, "true", &pids[i], NULL, error))
      return -1;
  for (guint i = 0; i < n_commands; i++)
    if (!finish (pids[i], error))
      return -1;
  return bench_now () - begun;
}

char *
bench_request_write_file (BenchRequest  *request,
                          GError       **error)
{
  gsize size = bench_request_get_number (request, "size");
  g_autofree char *bytes = g_malloc (size);
  char *path = NULL;
  int fd = g_file_open_tmp ("pcall-bench-XXXXXX", &path, error);

  if (fd < 0)
    return NULL;
  close (fd);
  memset (bytes, 1, size);
  if (g_file_set_contents_full (path, bytes, size, G_FILE_SET_CONTENTS_NONE, 0600, error))
    return path;

  g_unlink (path);
  g_free (path);
  return NULL;
}

static gboolean
read_all (int   fd,
          char *bytes,
          gsize size)
{
  gsize length = 0;
  gssize n = 1;

  for (; length < size && n > 0; length += MAX (n, 0))
    n = read (fd, bytes + length, size - length);
  close (fd);
  return length == size;
}

/* That file, so often */
static gdouble
cat (BenchRequest  *request,
     const char    *path,
     GError       **error)
{
  guint n = (guint) bench_request_get_number (request, "times");
  gsize size = n * bench_request_get_number (request, "size");
  g_autoptr (GString) command = g_string_new ("cat");
  g_autofree char *bytes = NULL;
  gboolean complete;
  gdouble begun;
  GPid pid;
  int fd;

  for (guint i = 0; i < n; i++)
    g_string_append_printf (command, " %s", path);
  begun = bench_now ();
  bytes = g_malloc (size);
  if (!start (request, 1, command->str, &pid, &fd, error))
    return -1;
  complete = read_all (fd, bytes, size);
  if (!finish (pid, error))
    return -1;
  if (complete)
    return bench_now () - begun;

  g_set_error_literal (error, G_IO_ERROR, G_IO_ERROR_PARTIAL_INPUT, "not all of the file came");
  return -1;
}

static gdouble
run_cat (BenchRequest  *request,
         GError       **error)
{
  g_autofree char *path = bench_request_write_file (request, error);
  gdouble seconds = path != NULL ? cat (request, path, error) : -1;

  if (path != NULL)
    g_unlink (path);
  return seconds;
}

const BenchSide bench_engines[] = {
  { "engine/true", run_true },
  { "engine/cat", run_cat },
  { NULL, NULL },
};
