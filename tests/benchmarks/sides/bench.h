/*
 * SPDX-FileCopyrightText: 2026 The pcall authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

/* What a side of the benchmarks is: a piece of work done in one way, by pcall, or barely, or by a
 * single system call. A side only does one round of it, with the parameters of a request, and says
 * how long that took; bench.py chooses the sides, has them take turns, and compares them. */

#pragma once

#include <pcall-glib/pcall.h>
#include <time.h>

typedef struct _BenchRequest BenchRequest;

typedef struct
{
  const char *name;

  /* One round, in seconds. A negative number with @error set where it went wrong. */
  gdouble (*measure) (BenchRequest *request, GError **error);
} BenchSide;

/* What a program can do: ends with NULL. */
extern const BenchSide *const bench_tables[];

/* Each ends with a side without a name. */
extern const BenchSide bench_calls[];
extern const BenchSide bench_crowd[];
extern const BenchSide bench_engines[];
extern const BenchSide bench_launcher[];
extern const BenchSide bench_logs[];
extern const BenchSide bench_many[];
extern const BenchSide bench_memory[];
extern const BenchSide bench_mocks[];
extern const BenchSide bench_results[];
extern const BenchSide bench_stall[];
extern const BenchSide bench_work[];

guint64     bench_request_get_number (BenchRequest *self,
                                      const char   *name);
const char *bench_request_get_text   (BenchRequest *self,
                                      const char   *name);
PcallTask  *bench_request_new_task   (BenchRequest *self,
                                      PcallFunc     func,
                                      gpointer      user_data);
/* Of `size` bytes, and in the page cache, as it has just been written: its path. */
char       *bench_request_write_file (BenchRequest *self,
                                      GError      **error);
/* Of this process, in bytes, by what the kernel says. */
gdouble     bench_get_memory         (void);
void        bench_request_add_number (BenchRequest *self,
                                      const char   *name,
                                      gdouble       value);
void        bench_request_add_text   (BenchRequest *self,
                                      const char   *name,
                                      const char   *value);

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
