/*
 * SPDX-FileCopyrightText: 2026 The pcall authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

/* Sides "crowd": very many children at once. Each says that it is there and sleeps until the last
 * one is; that one opens the gate for all. So no child can end before all have begun, on either
 * side, and no fixed nap makes the two sides look more alike than they are.
 *
 * With "nap=2", the last one lets the crowd sleep for two seconds first, and looks at its parent's
 * processor clock before and after. */

#include "bench.h"

#include <errno.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "bench-bare.h"

#define PATIENCE 30 /* seconds, then SIGALRM: a crowd that never gets complete must not hang */

typedef struct
{
  guint   n_expected;
  guint   n_there;
  int     gate[2];     /* one byte for each child that may go */
  gdouble nap;         /* seconds that all sleep when all are there */
  gdouble parent_time; /* processor time that the parent spent in that nap */
} Crowd;

static Crowd *crowd; /* shared with all children */

static gboolean
call_crowd (BenchRequest  *request,
            GError       **error)
{
  crowd = mmap (NULL, sizeof *crowd, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  if (crowd == MAP_FAILED)
    return bare_set_error (error, "mmap");
  crowd->n_expected = bench_request_get_number (request, "n");
  crowd->nap = bench_request_get_number (request, "nap");
  return pipe (crowd->gate) == 0 || bare_set_error (error, "pipe");
}

static void
dismiss_crowd (void)
{
  close (crowd->gate[0]);
  close (crowd->gate[1]);
  munmap (crowd, sizeof *crowd);
}

static void
watch_parent_sleep (void)
{
  clockid_t clock;

  if (clock_getcpuclockid (getppid (), &clock) != 0)
    return;
  g_usleep (G_USEC_PER_SEC / 2); /* the parent may still be busy with those who came last */
  crowd->parent_time = bench_clock (clock);
  g_usleep (crowd->nap * G_USEC_PER_SEC);
  crowd->parent_time = bench_clock (clock) - crowd->parent_time;
}

static gboolean
open_gate (void)
{
  g_autofree char *bytes = g_malloc0 (crowd->n_expected);

  if (crowd->nap > 0)
    watch_parent_sleep ();
  return write (crowd->gate[1], bytes, crowd->n_expected) == (gssize) crowd->n_expected;
}

/* Returns how many there were when this child came. */
static gint32
join_crowd (gpointer data)
{
  guint n_there = __atomic_add_fetch (&crowd->n_there, 1, __ATOMIC_SEQ_CST);
  char byte;

  alarm (PATIENCE);
  if (n_there == crowd->n_expected && !open_gate ())
    return -1;
  return read (crowd->gate[0], &byte, 1) == 1 ? (gint32) n_there : -1;
}

static GVariant *
join_crowd_target (GVariant  *args,
                   GVariant  *kwargs,
                   gpointer   user_data,
                   GError   **error)
{
  return g_variant_new_int32 (join_crowd (NULL));
}

static gdouble
run_pcall (BenchRequest  *request,
           GError       **error)
{
  gdouble start = bench_now ();
  g_autoptr (PcallTask) task = bench_request_new_task (request, join_crowd_target, NULL);
  g_autoptr (GVariant) results = NULL;

  pcall_task_set_max_children (task, 0);
  results = pcall_task_run (task, NULL, error);
  if (results == NULL)
    {
      g_prefix_error (error, "%u of %u were there: ", crowd->n_there, crowd->n_expected);
      return -1;
    }

  g_clear_object (&task);
  return bench_now () - start;
}

static gdouble
run_bare (BenchRequest  *request,
          GError       **error)
{
  g_autofree BareChild *children = g_new0 (BareChild, crowd->n_expected);
  gdouble start = bench_now ();
  gint32 result;

  for (guint i = 0; i < crowd->n_expected; i++)
    if (!bare_child_start (&children[i], join_crowd, NULL, error))
      return -1;
  for (guint i = 0; i < crowd->n_expected; i++)
    if (!bare_child_finish (&children[i], &result, error))
      return -1;
  return bench_now () - start;
}

static gdouble
measure_pcall (BenchRequest  *request,
               GError       **error)
{
  gdouble seconds;

  if (!call_crowd (request, error))
    return -1;
  seconds = run_pcall (request, error);
  bench_request_add_number (request, "parent-seconds", crowd->parent_time);
  dismiss_crowd ();
  return seconds;
}

static gdouble
measure_bare (BenchRequest  *request,
              GError       **error)
{
  gdouble seconds;

  if (!call_crowd (request, error))
    return -1;
  seconds = run_bare (request, error);
  dismiss_crowd ();
  return seconds;
}

const BenchSide bench_crowd[] = {
  { "crowd/pcall", measure_pcall },
  { "crowd/bare", measure_bare },
  { NULL, NULL },
};
