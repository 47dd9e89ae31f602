/*
 * SPDX-FileCopyrightText: 2026 The pcall authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

/* The benchmark program: for each row it runs both sides in turn, round by round, and prints the
 * median of the ratios, how far they spread, and whether the bar is reached. Ratios of one run on
 * one machine say something anywhere; seconds are printed for orientation. */

#include "bench.h"

#include <locale.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>

static const BenchRow *const rows[] = {
  &bench_calls, &bench_crowd, &bench_silent, &bench_records, &bench_lines,
  &bench_stall, /* what it takes is not all given back, and makes forks slower */
};

typedef struct
{
  GArray *pcall; /* seconds, one for each round */
  GArray *bare;
  GArray *ratios;
} Rounds;

static char **names_option = NULL;
static char *log_mode_option = NULL;
static gint rounds_option = 0;
static gboolean quick_option = FALSE;

static const GOptionEntry options[] = {
  { "log-mode", 0, 0, G_OPTION_ARG_STRING, &log_mode_option,
    "sections (the default), live or inherit; of the first three", "MODE" },
  { "rounds", 0, 0, G_OPTION_ARG_INT, &rounds_option, "Rounds of each row", "N" },
  { "quick", 0, 0, G_OPTION_ARG_NONE, &quick_option, "Only see whether it runs", NULL },
  { G_OPTION_REMAINING, 0, 0, G_OPTION_ARG_STRING_ARRAY, &names_option, NULL,
    "[calls] [crowd] [silent] [records] [lines] [stall]" },
  G_OPTION_ENTRY_NULL
};

static int
compare_doubles (gconstpointer a,
                 gconstpointer b)
{
  gdouble first = *(const gdouble *) a, second = *(const gdouble *) b;

  return (first > second) - (first < second);
}

gdouble
bench_median (GArray *values)
{
  g_array_sort (values, compare_doubles);
  return g_array_index (values, gdouble, values->len / 2);
}

/* One round of both sides. They change places from round to round, so that what the machine does
 * meanwhile, and what one side leaves behind for the other, falls on both. */
static gboolean
run_round (const BenchRow       *row,
           const BenchSettings  *settings,
           guint                 round,
           Rounds               *rounds,
           GError              **error)
{
  gdouble pcall = -1, bare = -1, ratio;

  if (round % 2 == 0 && (bare = row->measure_bare (settings, error)) < 0)
    return FALSE;
  if ((pcall = row->measure_pcall (settings, error)) < 0)
    return FALSE;
  if (round % 2 == 1 && (bare = row->measure_bare (settings, error)) < 0)
    return FALSE;

  ratio = pcall / bare;
  g_array_append_val (rounds->pcall, pcall);
  g_array_append_val (rounds->bare, bare);
  g_array_append_val (rounds->ratios, ratio);
  return TRUE;
}

/* The first round only warms up. */
static gboolean
run_rounds (const BenchRow       *row,
            const BenchSettings  *settings,
            Rounds               *rounds,
            GError              **error)
{
  guint n_rounds = rounds_option > 0 ? (guint) rounds_option : row->n_rounds;

  for (guint round = 0; round <= (settings->quick ? 1 : n_rounds); round++)
    {
      if (!run_round (row, settings, round, rounds, error))
        return FALSE;
      if (round == 0)
        {
          g_array_set_size (rounds->pcall, 0);
          g_array_set_size (rounds->bare, 0);
          g_array_set_size (rounds->ratios, 0);
        }
    }
  return TRUE;
}

static void
print_row (const BenchRow      *row,
           const BenchSettings *settings,
           Rounds              *rounds)
{
  gdouble ratio = bench_median (rounds->ratios);
  gdouble lowest = g_array_index (rounds->ratios, gdouble, 0);
  gdouble highest = g_array_index (rounds->ratios, gdouble, rounds->ratios->len - 1);
  const char *verdict =
      settings->quick ? "too small to tell" : ratio <= row->bar ? "reached" : "NOT reached";

  printf ("%-47s %9.1f %9.1f   %5.2f  (%.2f … %.2f)   ≤ %.2f  %s\n", row->work,
          bench_median (rounds->pcall) * 1e3, bench_median (rounds->bare) * 1e3, ratio, lowest,
          highest, row->bar, verdict);
}

static gboolean
run_row (const BenchRow       *row,
         const BenchSettings  *settings,
         GError              **error)
{
  g_autoptr (GArray) pcall = g_array_new (FALSE, FALSE, sizeof (gdouble));
  g_autoptr (GArray) bare = g_array_new (FALSE, FALSE, sizeof (gdouble));
  g_autoptr (GArray) ratios = g_array_new (FALSE, FALSE, sizeof (gdouble));
  Rounds rounds = { pcall, bare, ratios };
  g_autofree char *remark = NULL;
  gboolean success;

  if (row->set_up != NULL)
    row->set_up (settings);
  success = run_rounds (row, settings, &rounds, error);
  if (success)
    print_row (row, settings, &rounds);
  if (success && row->remark != NULL)
    {
      remark = row->remark (settings, error);
      success = remark != NULL;
    }
  if (remark != NULL)
    printf ("  %s\n", remark);
  if (row->tear_down != NULL)
    row->tear_down ();
  return success;
}

static gboolean
is_row (const char *name)
{
  for (guint i = 0; i < G_N_ELEMENTS (rows); i++)
    if (g_str_equal (name, rows[i]->name))
      return TRUE;
  return FALSE;
}

static gboolean
parse_log_mode (PcallLogMode  *log_mode,
                GError       **error)
{
  g_autoptr (GEnumClass) modes = g_type_class_ref (PCALL_TYPE_LOG_MODE);
  const char *nick = log_mode_option != NULL ? log_mode_option : "sections";
  const GEnumValue *value = g_enum_get_value_by_nick (modes, nick);

  if (value == NULL)
    {
      g_set_error (error, G_OPTION_ERROR, G_OPTION_ERROR_BAD_VALUE, "no log mode “%s”", nick);
      return FALSE;
    }
  *log_mode = value->value;
  return TRUE;
}

static gboolean
parse_options (int             *argc,
               char          ***argv,
               BenchSettings   *settings,
               GError         **error)
{
  g_autoptr (GOptionContext) context = g_option_context_new (NULL);

  g_option_context_add_main_entries (context, options, NULL);
  if (!g_option_context_parse (context, argc, argv, error) ||
      !parse_log_mode (&settings->log_mode, error))
    return FALSE;

  for (char **name = names_option; name != NULL && *name != NULL; name++)
    if (!is_row (*name))
      {
        g_set_error (error, G_OPTION_ERROR, G_OPTION_ERROR_BAD_VALUE, "no row “%s”", *name);
        return FALSE;
      }
  settings->quick = quick_option;
  return TRUE;
}

/* 2,000 children take several descriptors each. */
static void
raise_descriptor_limit (void)
{
  struct rlimit limit;

  if (getrlimit (RLIMIT_NOFILE, &limit) < 0)
    return;
  limit.rlim_cur = limit.rlim_max;
  setrlimit (RLIMIT_NOFILE, &limit);
}

static void
print_head (const BenchSettings *settings)
{
  g_autofree char *log_mode = g_enum_to_string (PCALL_TYPE_LOG_MODE, settings->log_mode);

  double load = 0;

  getloadavg (&load, 1);
  printf ("pcall %s, %u processors, %s\n", PCALL_VERSION_S, g_get_num_processors (), log_mode);
  if (load > 1)
    printf ("Others use this machine (load %.1f), so that the ratios are rough.\n", load);
  if (settings->quick)
    printf ("A quick run, of fewer and smaller things than the table says.\n");
  printf ("\n");
  printf ("%-47s %9s %9s   %5s  %s\n", "median of the rounds, ms", "pcall", "bare", "ratio",
          "(lowest … highest)   bar");
}

int
main (int    argc,
      char **argv)
{
  g_autoptr (GError) error = NULL;
  BenchSettings settings;

  setlocale (LC_ALL, "");
  setvbuf (stdout, NULL, _IOLBF, 0);
  raise_descriptor_limit ();
  if (parse_options (&argc, &argv, &settings, &error))
    print_head (&settings);

  for (guint i = 0; error == NULL && i < G_N_ELEMENTS (rows); i++)
    if (names_option == NULL || g_strv_contains ((const char **) names_option, rows[i]->name))
      run_row (rows[i], &settings, &error);

  if (error != NULL)
    fprintf (stderr, "bench: %s\n", error->message);
  g_strfreev (names_option);
  g_free (log_mode_option);
  return error != NULL ? 1 : 0;
}
