/*
 * SPDX-FileCopyrightText: 2026 The pcall authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

/* Sides that are none: "hold" makes this process as large as asked for, so that the sides after it
 * fork from a large one, and "about" tells the versions of what is measured. */

#include "bench.h"

#include <gnu/libc-version.h>
#include <string.h>
#include <sys/mman.h>

#include "bench-bare.h"

/* Huge pages would make page tables of next to nothing, and fork() cheaper than it is elsewhere. */
static gdouble
hold (BenchRequest  *request,
      GError       **error)
{
  gsize size = bench_request_get_number (request, "bytes");
  gdouble start = bench_now ();
  char *memory = mmap (NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

  if (memory == MAP_FAILED)
    {
      bare_set_error (error, "mmap");
      return -1;
    }
  madvise (memory, size, MADV_NOHUGEPAGE); /* fails where the kernel knows none, which is well */
  memset (memory, 1, size);
  return bench_now () - start;
}

static gdouble
tell_versions (BenchRequest  *request,
               GError       **error)
{
  g_autofree char *glib =
      g_strdup_printf ("%u.%u.%u", glib_major_version, glib_minor_version, glib_micro_version);

  bench_request_add_text (request, "pcall", PCALL_VERSION_S);
  bench_request_add_text (request, "GLib", glib);
  bench_request_add_text (request, "glibc", gnu_get_libc_version ());
  bench_request_add_text (request, "compiler", BENCH_COMPILER);
  return 0;
}

const BenchSide bench_memory[] = {
  { "hold", hold },
  { "about", tell_versions },
  { NULL, NULL },
};
