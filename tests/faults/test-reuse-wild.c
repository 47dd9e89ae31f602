/*
 * SPDX-FileCopyrightText: 2026 The pcall authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

/* Forked children that run many calls and write over the memory that they share with their parent:
 * that may cost calls, but all of them end, once, and the parent goes on. Calls that have a time
 * limit are run one by one, and others in batches; where nobody listens these are booked without
 * being told of. */

#include <signal.h>
#include <stdio.h>
#include <string.h>

#include "first-task.h"
#include "tally.h"
#include "task-support.h"

#define N_CALLS 2000
#define WILD_CALL 700
#define LIMIT_S 5

typedef enum
{
  ONE_BY_ONE,
  TOLD,
  BOOKED,
} Way;

typedef void (*Overwrite) (gint64 *begin, gint64 *end, gint64 with);

static void
overwrite_bytes (gint64 *begin, gint64 *end, gint64 with)
{
  memset (begin, (int) with, (char *) end - (char *) begin);
}

/* What looks like a time of the last minute. */
static void
shift_times (gint64 *begin, gint64 *end, gint64 with)
{
  gint64 now = g_get_monotonic_time ();

  for (gint64 *at = begin; at < end; at++)
    if (*at > now - 60 * G_USEC_PER_SEC && *at <= now)
      *at = with;
}

static void
overwrite_all (Overwrite func,
               gint64    with)
{
  g_autofree char *maps = NULL;
  g_auto (GStrv) lines = NULL;
  guint n_found = 0;

  g_assert_true (g_file_get_contents ("/proc/self/maps", &maps, NULL, NULL));
  lines = g_strsplit (maps, "\n", -1);
  for (guint i = 0; lines[i] != NULL; i++)
    {
      gulong begin, end;

      if (strstr (lines[i], "rw-s") == NULL || strstr (lines[i], "/dev/zero") == NULL ||
          sscanf (lines[i], "%lx-%lx", &begin, &end) != 2)
        continue;
      func ((gint64 *) begin, (gint64 *) end, with);
      n_found++;
    }
  g_assert_cmpuint (n_found, >, 0);
}

/* Each call ends once, as tally_assert_complete() says where somebody listens. */
static void
run (PcallTask *task,
     Way        way)
{
  g_autoptr (Tally) tally = NULL;
  g_autoptr (GError) error = NULL;

  pcall_task_set_n_calls (task, N_CALLS);
  pcall_task_set_calls_per_child (task, 0);
  pcall_task_set_max_children (task, 2);
  if (way == ONE_BY_ONE)
    pcall_task_set_timeout (task, LIMIT_S);
  else
    pcall_task_set_deadline (task, LIMIT_S);
  if (way != BOOKED)
    tally = tally_new (task);

  g_assert_true (pcall_task_start (task, &error));
  g_assert_no_error (error);
  pcall_task_join (task, SUPPORT_LIMIT_S, NULL, NULL);
  g_assert_false (pcall_task_get_running (task));
  g_assert_cmpuint (pcall_task_get_n_finished (task), ==, N_CALLS);
  if (tally != NULL)
    tally_assert_complete (tally);
}

/* What succeeded has its own result, or one that the wild child has written: of no other type, and
 * none that cannot be looked at. Gives how many failed. */
static guint
look_at_results (PcallTask *task)
{
  guint n_failed = 0;

  for (guint i = 0; i < N_CALLS; i++)
    {
      g_autoptr (PcallCall) call = pcall_task_dup_call (task, i);
      g_autoptr (GVariant) result = pcall_call_dup_result (call);
      G_GNUC_UNUSED g_autofree char *text = result != NULL ? g_variant_print (result, TRUE) : NULL;

      g_assert_true ((result != NULL) == (pcall_call_get_state (call) == PCALL_CALL_STATE_SUCCEEDED));
      n_failed += result == NULL;
    }
  return n_failed;
}

static GVariant *
overwrite (GVariant  *args,
           GVariant  *kwargs,
           gpointer   user_data,
           GError   **error)
{
  if (pcall_get_call_index () == WILD_CALL)
    overwrite_all (overwrite_bytes, GPOINTER_TO_UINT (user_data));
  return g_variant_new_uint32 (pcall_get_call_index ());
}

static void
test_overwritten (gconstpointer byte)
{
  for (Way way = ONE_BY_ONE; way <= BOOKED; way++)
    {
      PcallTask *task = pcall_task_new_for_func (overwrite, (gpointer) byte, NULL);

      run (task, way);
      look_at_results (task);
      g_assert_finalize_object (task);
    }
}

/* Who only looks finds that each call has ended when the task has. */
static void
test_looked_at (gconstpointer byte)
{
  PcallTask *task = pcall_task_new_for_func (overwrite, (gpointer) byte, NULL);
  gint64 limit = g_get_monotonic_time () + SUPPORT_LIMIT_S * G_USEC_PER_SEC;

  pcall_task_set_n_calls (task, N_CALLS);
  pcall_task_set_calls_per_child (task, 0);
  pcall_task_set_max_children (task, 2);
  support_start (task);
  while (pcall_task_get_running (task))
    {
      g_assert_cmpint (g_get_monotonic_time (), <, limit);
      g_usleep (1000);
    }
  g_assert_cmpuint (pcall_task_get_n_finished (task), ==, N_CALLS);
  for (guint i = 0; i < N_CALLS; i++)
    g_assert_cmpint (support_state (task, i), >, PCALL_CALL_STATE_RUNNING);
  g_assert_finalize_object (task);
}

/* A child that says again and again that its call has begun just now, later or never: its time
 * limit holds, and its clock shows what is possible. */

static const gint64 times[] = { G_MAXINT64, G_MAXINT64 / 2, 0, -1, G_MININT64 };

static gpointer
keep_shifting (gpointer data)
{
  for (;;)
    overwrite_all (shift_times, *(const gint64 *) data);
  return NULL;
}

static GVariant *
shift_clock (GVariant  *args,
             GVariant  *kwargs,
             gpointer   user_data,
             GError   **error)
{
  guint index = pcall_get_call_index ();

  if (index == 0)
    g_thread_unref (g_thread_new ("wild", keep_shifting, user_data));
  else if (index == 1)
    return support_sleep (args, kwargs, user_data, error);
  return g_variant_new_uint32 (index);
}

static void
test_clock (void)
{
  for (gsize i = 0; i < G_N_ELEMENTS (times); i++)
    {
      g_autoptr (PcallTask) task = pcall_task_new_for_func (shift_clock, (gpointer) &times[i], NULL);
      g_autoptr (PcallCall) call = NULL;
      gint64 begun = g_get_monotonic_time ();

      pcall_task_set_n_calls (task, 2);
      pcall_task_set_calls_per_child (task, 0);
      pcall_task_set_max_children (task, 1);
      pcall_task_set_timeout (task, 0.3);
      pcall_task_set_grace_period (task, 0);
      support_start (task);
      pcall_task_join (task, SUPPORT_LIMIT_S, NULL, NULL);
      g_assert_cmpint (g_get_monotonic_time () - begun, <, 10 * G_USEC_PER_SEC);
      g_assert_cmpint (support_state (task, 1), ==, PCALL_CALL_STATE_TIMED_OUT);
      for (guint k = 0; k < 2; k++)
        {
          g_clear_object (&call);
          call = pcall_task_dup_call (task, k);
          g_assert_cmpfloat (pcall_call_get_elapsed (call), >=, 0.0);
          g_assert_cmpfloat (pcall_call_get_elapsed (call), <,
                             g_get_monotonic_time () / (gdouble) G_USEC_PER_SEC);
        }
    }
}

/* The batch alone: what it says of itself, in the words of pcall_get_batch_memory(). */
typedef struct
{
  guint64 n_ended;
  guint64 type;
  guint64 cells[3];
} Wild;

static GVariant *
write_batch (GVariant  *args,
             GVariant  *kwargs,
             gpointer   user_data,
             GError   **error)
{
  const Wild *wild = user_data;
  guint index = pcall_get_call_index ();
  guint n_calls, n_bytes;
  guint64 *memory = (guint64 *) (guintptr) pcall_get_batch_memory (&n_calls, &n_bytes);

  if (index != WILD_CALL)
    return g_variant_new_uint32 (index);

  g_assert_nonnull (memory);
  memcpy (memory + 8, wild->cells, sizeof wild->cells);
  memory[1] = wild->type;
  memory[0] = wild->n_ended;
  raise (SIGKILL);
  return NULL;
}

static void
test_batch (gconstpointer wild)
{
  for (Way way = TOLD; way <= BOOKED; way++)
    {
      PcallTask *task = pcall_task_new_for_func (write_batch, (gpointer) wild, NULL);

      run (task, way);
      g_assert_cmpuint (look_at_results (task), >, 0);
      g_assert_finalize_object (task);
    }
}

static const struct
{
  const char *name;
  Wild        wild;
} batches[] = {
  { "/pcall/reuse-wild/batch/no-type", { 1, 0, { 1, 2, 3 } } },
  { "/pcall/reuse-wild/batch/unknown-type", { 1, 'Q', { 1, 2, 3 } } },
  { "/pcall/reuse-wild/batch/string-type", { 1, 's', { 1, 2, 3 } } },
  { "/pcall/reuse-wild/batch/large-type", { 1, G_MAXUINT64, { 1, 2, 3 } } },
  { "/pcall/reuse-wild/batch/no-truth", { 1, 'B', { 77, 2, 3 } } },
  { "/pcall/reuse-wild/batch/bytes-outside", { 2, 'p', { 5, G_MAXUINT64, 3 } } },
  { "/pcall/reuse-wild/batch/bytes-backwards", { 3, 'p', { 5, 4, 6 } } },
  { "/pcall/reuse-wild/batch/too-many", { G_MAXUINT64, 'u', { 1, 2, 3 } } },
  { "/pcall/reuse-wild/batch/many", { 4096, 'u', { 1, 2, 3 } } },
};

int
main (int    argc,
      char **argv)
{
  g_test_init (&argc, &argv, NULL);
  run_first_task ();

  g_test_add_data_func ("/pcall/reuse-wild/zeros", GUINT_TO_POINTER (0), test_overwritten);
  g_test_add_data_func ("/pcall/reuse-wild/ones", GUINT_TO_POINTER (0xff), test_overwritten);
  g_test_add_data_func ("/pcall/reuse-wild/some", GUINT_TO_POINTER (0x01), test_overwritten);
  g_test_add_data_func ("/pcall/reuse-wild/others", GUINT_TO_POINTER (0x12), test_overwritten);
  g_test_add_data_func ("/pcall/reuse-wild/looked-at/zeros", GUINT_TO_POINTER (0), test_looked_at);
  g_test_add_data_func ("/pcall/reuse-wild/looked-at/ones", GUINT_TO_POINTER (0xff), test_looked_at);
  g_test_add_data_func ("/pcall/reuse-wild/looked-at/others", GUINT_TO_POINTER (0x12),
                        test_looked_at);
  g_test_add_func ("/pcall/reuse-wild/clock", test_clock);
  for (gsize i = 0; i < G_N_ELEMENTS (batches); i++)
    g_test_add_data_func (batches[i].name, &batches[i].wild, test_batch);

  return g_test_run ();
}
