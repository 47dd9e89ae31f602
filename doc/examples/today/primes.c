/*
 * SPDX-FileCopyrightText: 2026 The pcall authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

/* How many primes there are, as in ../primes.c, with GTask. */

#include <gio/gio.h>

#define N_RANGES 20
#define SIZE 1000

static gboolean
is_prime (guint n)
{
  for (guint divisor = 2; divisor * divisor <= n; divisor++)
    if (n % divisor == 0)
      return FALSE;
  return n > 1;
}

static guint
count_primes (guint begin)
{
  guint count = 0;

  for (guint n = begin; n < begin + SIZE; n++)
    count += is_prime (n);
  return count;
}

typedef struct
{
  guint n_pending;
  guint sum;
} Results;

static void
work (GTask *task, gpointer source, gpointer data, GCancellable *cancellable)
{
  g_task_return_int (task, count_primes (GPOINTER_TO_UINT (data) * SIZE));
}

static void
keep (GObject *source, GAsyncResult *result, gpointer data)
{
  Results *results = data;

  results->sum += g_task_propagate_int (G_TASK (result), NULL);
  results->n_pending--;
}

static void
start (guint index, Results *results)
{
  g_autoptr (GTask) task = g_task_new (NULL, NULL, keep, results);

  g_task_set_task_data (task, GUINT_TO_POINTER (index), NULL);
  g_task_run_in_thread (task, work);
}

int
main (void)
{
  Results results = { .n_pending = N_RANGES };

  for (guint i = 0; i < N_RANGES; i++)
    start (i, &results);
  while (results.n_pending > 0)
    g_main_context_iteration (NULL, TRUE);
  g_print ("%u\n", results.sum);
  return 0;
}
