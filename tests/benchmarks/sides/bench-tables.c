/*
 * SPDX-FileCopyrightText: 2026 The pcall authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

/* The sides of the program "bench". */

#include "bench.h"

const BenchSide *const bench_tables[] = {
  bench_calls,  bench_crowd, bench_engines, bench_launcher, bench_logs, bench_many,
  bench_memory, bench_mocks, bench_results, bench_stall,    bench_work, NULL,
};
