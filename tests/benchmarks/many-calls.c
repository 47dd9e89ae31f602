/*
 * SPDX-FileCopyrightText: 2026 The pcall authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

/* pcall's side of many-calls.py: very many C calls that do next to nothing, in children that run any
 * number of them. Prints, for each round, the seconds and the bytes of memory that the parent has more
 * of for each call that has ended.
 *
 * usage: many-calls CALLS ROUNDS sections|inherit */

#include <locale.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <pcall-glib/pcall.h>

#define AT_A_TIME 2

static GVariant *
twice (GVariant  *args,
       GVariant  *kwargs,
       gpointer   user_data,
       GError   **error)
{
  return g_variant_new_uint32 (2 * pcall_get_call_index ());
}

/* In bytes, by what the kernel says. */
static glong
resident_memory (void)
{
  g_autofree char *text = NULL;
  g_auto (GStrv) fields = NULL;

  if (!g_file_get_contents ("/proc/self/statm", &text, NULL, NULL))
    return 0;
  fields = g_strsplit (text, " ", 3);
  return atol (fields[1]) * sysconf (_SC_PAGESIZE);
}

static void
check (PcallTask *task,
       guint      n_calls)
{
  for (guint i = 0; i < n_calls; i += 997)
    {
      g_autoptr (PcallCall) call = pcall_task_get_call (task, i);
      g_autoptr (GVariant) result = pcall_call_get_result (call);

      if (g_variant_get_uint32 (result) != 2 * i)
        g_error ("call %u has a wrong result", i);
    }
}

static void
run_round (guint        n_calls,
           PcallLogMode log_mode)
{
  g_autoptr (PcallTask) task = pcall_task_new_for_func (twice, NULL, NULL);
  g_autoptr (GError) error = NULL;
  glong memory = resident_memory ();
  gint64 begun = g_get_monotonic_time ();
  gdouble seconds;

  pcall_task_set_n_calls (task, n_calls);
  pcall_task_set_max_children (task, AT_A_TIME);
  pcall_task_set_calls_per_child (task, 0);
  pcall_task_set_log_mode (task, log_mode);
  if (!pcall_task_start (task, &error) || !pcall_task_join (task, -1, NULL, &error))
    g_error ("%s", error->message);

  seconds = (g_get_monotonic_time () - begun) / (gdouble) G_USEC_PER_SEC;
  memory = resident_memory () - memory;
  printf ("%.6f %.1f\n", seconds, memory / (gdouble) n_calls);
  check (task, n_calls);
}

int
main (int    argc,
      char **argv)
{
  guint n_calls = argc > 1 ? atoi (argv[1]) : 200000;
  guint n_rounds = argc > 2 ? atoi (argv[2]) : 1;
  gboolean inherit = argc > 3 && strcmp (argv[3], "inherit") == 0;

  for (guint round = 0; round < n_rounds; round++)
    run_round (n_calls, inherit ? PCALL_LOG_MODE_INHERIT : PCALL_LOG_MODE_SECTIONS);
  return 0;
}
