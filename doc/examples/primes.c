/*
 * SPDX-FileCopyrightText: 2026 The pcall authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

/* How many primes there are below 20,000: a call for each thousand of numbers. */

#include <pcall-glib/pcall.h>

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

static GVariant *
count (GVariant *args, GVariant *kwargs, gpointer user_data, GError **error)
{
  return g_variant_new_uint32 (count_primes (pcall_get_call_index () * SIZE));
}

int
main (void)
{
  g_autoptr (PcallTask) task = pcall_task_new_for_func (count, NULL, NULL);
  g_autoptr (GVariant) results = NULL;
  g_autoptr (GError) error = NULL;
  GVariantIter iter;
  GVariant *count = NULL;
  guint sum = 0;

  pcall_task_set_n_calls (task, N_RANGES);
  results = pcall_task_run (task, NULL, &error);
  if (results == NULL)
    {
      g_printerr ("primes: %s\n", error->message);
      return 1;
    }
  g_variant_iter_init (&iter, results);
  while (g_variant_iter_loop (&iter, "v", &count))
    sum += g_variant_get_uint32 (count);
  g_print ("%u\n", sum);
  return 0;
}
