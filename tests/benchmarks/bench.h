/*
 * SPDX-FileCopyrightText: 2026 The pcall authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

/* What a row of the benchmark table is. Each row has two sides that do the same work: pcall, and a
 * bare loop of system calls or a single one. bench.c runs the sides in turn, in one process, and
 * compares them; a row only says how long one round of a side took. */

#pragma once

#include <pcall-glib/pcall.h>

typedef struct
{
  PcallLogMode log_mode;
  gboolean     quick; /* only see whether it runs */
} BenchSettings;

typedef struct
{
  const char *name;
  const char *work;
  gdouble     bar; /* the ratio that is to be reached */
  guint       n_rounds;

  void (*set_up) (const BenchSettings *settings);
  void (*tear_down) (void);

  /* One round, in seconds. A negative number with @error set where it went wrong. */
  gdouble (*measure_pcall) (const BenchSettings *settings, GError **error);
  gdouble (*measure_bare) (const BenchSettings *settings, GError **error);

  /* What else is to be said of the row, one line. NULL with @error set where it went wrong. */
  char *(*remark) (const BenchSettings *settings, GError **error);
} BenchRow;

extern const BenchRow bench_calls;
extern const BenchRow bench_crowd;
extern const BenchRow bench_stall;
extern const BenchRow bench_silent;
extern const BenchRow bench_records;
extern const BenchRow bench_lines;

static inline gdouble
bench_clock (clockid_t clock)
{
  struct timespec now;

  clock_gettime (clock, &now);
  return now.tv_sec + now.tv_nsec / 1e9;
}

static inline gdouble
bench_now (void)
{
  return bench_clock (CLOCK_MONOTONIC);
}

/* Sorts @seconds. */
gdouble bench_median (GArray *seconds);
