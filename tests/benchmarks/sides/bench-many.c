/*
 * SPDX-FileCopyrightText: 2026 The pcall authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

/* Sides "many": very many C calls that do next to nothing, in two children that run any number
 * of them. A call doubles its number, which it gets as its argument or, where the request says
 * "arguments=none", as the index of the call. The time ends when every result has been read, as
 * a GVariant of its own or, on the side "many/numbers", as one of an array.
 *
 * The bare side is the least that any pool can do: two forks, half of the numbers each, and all
 * results through one pipe in as few pieces as it takes. */

#include "bench.h"

#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "bench-bare.h"

#define AT_A_TIME 2

static GVariant *
double_argument (GVariant  *args,
                 GVariant  *kwargs,
                 gpointer   user_data,
                 GError   **error)
{
  guint n;

  g_variant_get (args, "(u)", &n);
  return g_variant_new_uint32 (2 * n);
}

static GVariant *
double_index (GVariant  *args,
              GVariant  *kwargs,
              gpointer   user_data,
              GError   **error)
{
  return g_variant_new_uint32 (2 * pcall_get_call_index ());
}

/* a(u): [(0,), (1,), (2,) …] */
static GVariant *
count_up (guint n)
{
  g_autofree guint32 *numbers = g_new (guint32, n);

  for (guint i = 0; i < n; i++)
    numbers[i] = i;
  return g_variant_new_fixed_array (G_VARIANT_TYPE ("(u)"), numbers, n, sizeof (guint32));
}

static PcallTask *
new_task (BenchRequest *request)
{
  gboolean without = g_str_equal (bench_request_get_text (request, "arguments"), "none");
  PcallFunc func = without ? double_index : double_argument;
  PcallTask *task = bench_request_new_task (request, func, NULL);

  if (!without)
    pcall_task_set_instance_args (task, count_up (bench_request_get_number (request, "n")));
  pcall_task_set_calls_per_child (task, 0);
  return task;
}

static guint64
add_results (GVariant *results)
{
  GVariantIter iter;
  GVariant *result;
  guint64 sum = 0;

  g_variant_iter_init (&iter, results);
  while (g_variant_iter_loop (&iter, "v", &result))
    sum += g_variant_get_uint32 (result);
  return sum;
}

/* All at once, as one array. */
static guint64
add_numbers (PcallTask *task)
{
  guint8 type;
  g_autoptr (GBytes) bytes = pcall_task_dup_result_numbers (task, 0, &type);
  gsize length = 0;
  const guint64 *numbers = bytes != NULL ? g_bytes_get_data (bytes, &length) : NULL;
  guint64 sum = 0;

  for (gsize i = 0; i < length / sizeof *numbers; i++)
    sum += numbers[i];
  return sum;
}

static gboolean
check_sum (guint64   sum,
           guint64   n,
           GError  **error)
{
  if (sum == n * (n - 1))
    return TRUE;
  g_set_error_literal (error, G_IO_ERROR, G_IO_ERROR_FAILED, "the results are wrong");
  return FALSE;
}

static gdouble
measure_numbers (BenchRequest  *request,
                 GError       **error)
{
  gdouble start = bench_now ();
  g_autoptr (PcallTask) task = new_task (request);
  guint64 sum;

  if (!pcall_task_start (task, error) || !pcall_task_join (task, -1, NULL, error))
    return -1;
  sum = add_numbers (task);
  return check_sum (sum, bench_request_get_number (request, "n"), error) ? bench_now () - start
                                                                         : -1;
}

static gdouble
measure_pcall (BenchRequest  *request,
               GError       **error)
{
  gdouble start = bench_now ();
  g_autoptr (PcallTask) task = new_task (request);
  g_autoptr (GVariant) results = pcall_task_run (task, NULL, error);
  guint64 sum;

  if (results == NULL)
    return -1;
  sum = add_results (results);
  return check_sum (sum, bench_request_get_number (request, "n"), error) ? bench_now () - start
                                                                         : -1;
}

/* What the parent has more of in its memory when all calls have ended; no result is looked at. */
static gdouble
measure_memory (BenchRequest  *request,
                GError       **error)
{
  gdouble memory = bench_get_memory (), start = bench_now (), seconds;
  g_autoptr (PcallTask) task = new_task (request);

  if (!pcall_task_start (task, error) || !pcall_task_join (task, -1, NULL, error))
    return -1;
  seconds = bench_now () - start;
  memory = bench_get_memory () - memory;
  bench_request_add_number (request, "bytes", memory / bench_request_get_number (request, "n"));
  return seconds;
}

typedef struct
{
  guint32 begin;
  guint32 end;
  int     fd;
} Share;

static gint32
double_share (gpointer data)
{
  const Share *share = data;
  guint32 block[4096 / sizeof (guint32)];
  gsize n = 0;

  for (guint32 i = share->begin; i < share->end; i++)
    {
      block[n++] = 2 * i;
      if (n < G_N_ELEMENTS (block) && i + 1 < share->end)
        continue;
      if (write (share->fd, block, n * sizeof *block) != (gssize) (n * sizeof *block))
        return -1;
      n = 0;
    }
  close (share->fd);
  return 0;
}

/* Blocks of a page are atomic in a pipe, so that both can write to the same one. */
static gboolean
read_shares (int       fd,
             guint64  *sum,
             GError  **error)
{
  guint32 block[65536 / sizeof (guint32)];
  gssize length;

  *sum = 0;
  while ((length = read (fd, block, sizeof block)) > 0)
    for (gsize i = 0; i < length / sizeof *block; i++)
      *sum += block[i];
  return length == 0 || bare_set_error (error, "read");
}

static gboolean
start_shares (BareChild *children,
              guint64    n,
              int       *read_fd,
              GError   **error)
{
  int fds[2];

  if (pipe (fds) < 0)
    return bare_set_error (error, "pipe");
  for (guint i = 0; i < AT_A_TIME; i++)
    {
      Share share = { i * n / AT_A_TIME, (i + 1) * n / AT_A_TIME, fds[1] };

      if (!bare_child_start (&children[i], double_share, &share, error))
        return FALSE;
    }
  close (fds[1]);
  *read_fd = fds[0];
  return TRUE;
}

static gdouble
measure_bare (BenchRequest  *request,
              GError       **error)
{
  guint64 n = bench_request_get_number (request, "n"), sum;
  BareChild children[AT_A_TIME];
  gdouble start = bench_now ();
  gint32 status;
  int fd = -1;

  if (!start_shares (children, n, &fd, error) || !read_shares (fd, &sum, error))
    return -1;
  close (fd);
  for (guint i = 0; i < AT_A_TIME; i++)
    if (!bare_child_finish (&children[i], &status, error))
      return -1;
  return check_sum (sum, n, error) ? bench_now () - start : -1;
}

const BenchSide bench_many[] = {
  { "many/pcall", measure_pcall },
  { "many/numbers", measure_numbers },
  { "many/memory", measure_memory },
  { "many/bare", measure_bare },
  { NULL, NULL },
};
