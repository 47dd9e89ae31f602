/*
 * SPDX-FileCopyrightText: 2026 The pcall authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

/* Sides "result": one result of any size. The bytes are there before the fork, so that only handing
 * them over is measured: from nothing until the parent has them. With "read=1" it also looks at
 * every page of them. The bare sides are a pipe, read into fresh memory, and memcpy() into fresh
 * memory without any process. */

#include "bench.h"

#include <errno.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "bench-bare.h"

#define PAGE 4096
#define FILLING 0x5a

static char *bytes; /* what a call returns */
static gsize n_bytes;

static void
have_bytes (BenchRequest *request)
{
  gsize size = bench_request_get_number (request, "size");

  if (size == n_bytes)
    return;
  if (bytes != NULL)
    munmap (bytes, n_bytes);
  bytes = mmap (NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (bytes == MAP_FAILED)
    g_error ("mmap: %s", g_strerror (errno));
  memset (bytes, FILLING, size);
  n_bytes = size;
}

/* Whether the bytes in the parent are those. All of them, where the request says so. */
static gboolean
check (BenchRequest  *request,
       const char    *data,
       gsize          size,
       GError       **error)
{
  gsize step = bench_request_get_number (request, "read") ? PAGE : MAX (n_bytes, 1);

  for (gsize i = 0; size == n_bytes && i < size; i += step)
    if (data[i] != FILLING)
      size = 0;
  if (size == n_bytes)
    return TRUE;
  g_set_error_literal (error, G_IO_ERROR, G_IO_ERROR_FAILED, "the result is wrong");
  return FALSE;
}

static GVariant *
give_bytes (GVariant  *args,
            GVariant  *kwargs,
            gpointer   user_data,
            GError   **error)
{
  return g_variant_new_from_data (G_VARIANT_TYPE_BYTESTRING, bytes, n_bytes, TRUE, NULL, NULL);
}

static gdouble
measure_pcall (BenchRequest  *request,
               GError       **error)
{
  g_autoptr (PcallTask) task = NULL;
  const guint8 *data;
  gdouble start;
  gsize size;

  have_bytes (request);
  start = bench_now ();
  task = bench_request_new_task (request, give_bytes, NULL);
  if (!pcall_task_start (task, error) || !pcall_task_join (task, -1, NULL, error))
    return -1;
  data = pcall_task_get_result_data (task, 0, &size);
  return check (request, (const char *) data, size, error) ? bench_now () - start : -1;
}

static char *
get_fresh_memory (void)
{
  char *memory = mmap (NULL, n_bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

  if (memory == MAP_FAILED)
    g_error ("mmap: %s", g_strerror (errno));
  return memory;
}

static gdouble
measure_memcpy (BenchRequest  *request,
                GError       **error)
{
  gdouble start, seconds;
  char *copy;

  have_bytes (request);
  start = bench_now ();
  copy = get_fresh_memory ();
  memcpy (copy, bytes, n_bytes);
  seconds = check (request, copy, n_bytes, error) ? bench_now () - start : -1;
  munmap (copy, n_bytes);
  return seconds;
}

static gboolean
write_all (int fd)
{
  gssize n = 0;

  for (gsize written = 0; written < n_bytes && n >= 0; written += n)
    n = write (fd, bytes + written, n_bytes - written);
  return n >= 0;
}

static gboolean
read_all (int     fd,
          char   *data)
{
  gssize n = 1;
  gsize length = 0;

  for (; length < n_bytes && n > 0; length += n)
    n = read (fd, data + length, n_bytes - length);
  return length == n_bytes;
}

static gboolean
start_writer (BareChild  *self,
              GError    **error)
{
  int fds[2];

  if (pipe (fds) < 0)
    return bare_set_error (error, "pipe");
  if ((self->pid = fork ()) < 0)
    return bare_set_error (error, "fork");
  if (self->pid == 0)
    {
      close (fds[0]);
      _exit (write_all (fds[1]) ? 0 : 1);
    }
  close (fds[1]);
  self->fd = fds[0];
  return TRUE;
}

static gdouble
measure_pipe (BenchRequest  *request,
              GError       **error)
{
  gdouble start, seconds;
  gboolean complete;
  BareChild writer = { -1, -1 };
  char *data;

  have_bytes (request);
  start = bench_now ();
  if (!start_writer (&writer, error))
    return -1;
  data = get_fresh_memory ();
  complete = read_all (writer.fd, data);
  close (writer.fd);
  waitpid (writer.pid, NULL, 0);
  seconds = check (request, data, complete ? n_bytes : 0, error) ? bench_now () - start : -1;
  munmap (data, n_bytes);
  return seconds;
}

const BenchSide bench_results[] = {
  { "result/pcall", measure_pcall },
  { "result/memcpy", measure_memcpy },
  { "result/pipe", measure_pipe },
  { NULL, NULL },
};
