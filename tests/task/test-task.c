/*
 * SPDX-FileCopyrightText: 2026 The pcall authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

/* Which calls there are, with what arguments, how many at once and in what order.
 *
 * The seed page's function returns all of its arguments, and so does the one here: what the child
 * saw comes back, and stands in the tables as GVariant text. */

#include <gio/gio.h>
#include <sys/resource.h>

#include "task-support.h"

/* The seed page, row by row */

typedef struct
{
  const char *name;
  guint n_targets;
  const char *cargs, *iargs, *ckwargs, *ikwargs;
  const char *x, *y, *z;
  const char *expected; /* of each call: its target's name, args, kwargs; sorted by name */
} SeedCase;

static const SeedCase seed_cases[] = {
  { "single/positional", 1, "(1, 2, 3)", "[(4,), (5,), (6,)]", NULL, NULL, NULL, NULL, NULL,
    "[<('func1', <(1, 2, 3, 4)>, @a{sv} {})>, <('func1', <(1, 2, 3, 5)>, @a{sv} {})>,"
    " <('func1', <(1, 2, 3, 6)>, @a{sv} {})>]" },
  { "single/keyword", 1, NULL, NULL, "{'a': <1>, 'b': <2>}",
    "[{'c': <3>}, {'c': <4>}, {'c': <5>}]", NULL, NULL, NULL,
    "[<('func1', <()>, {'a': <1>, 'b': <2>, 'c': <3>})>,"
    " <('func1', <()>, {'a': <1>, 'b': <2>, 'c': <4>})>,"
    " <('func1', <()>, {'a': <1>, 'b': <2>, 'c': <5>})>]" },
  { "single/variable-keyword", 1, NULL, NULL, NULL, NULL, "[1, 2, 3]", "[4, 5, 6]", "[7, 8, 9]",
    "[<('func1', <()>, {'x': <1>, 'y': <4>, 'z': <7>})>,"
    " <('func1', <()>, {'x': <2>, 'y': <5>, 'z': <8>})>,"
    " <('func1', <()>, {'x': <3>, 'y': <6>, 'z': <9>})>]" },
  { "single/combined", 1, "(1, 2, 3)", "((6, 7), (8, 9))", "{'a': <1>, 'b': <2>}",
    "[{'c': <3>}, {'c': <4>}]", "(10, 20)", "(100, 200)", NULL,
    "[<('func1', <(1, 2, 3, 6, 7)>,"
    " {'a': <1>, 'b': <2>, 'c': <3>, 'x': <10>, 'y': <100>})>,"
    " <('func1', <(1, 2, 3, 8, 9)>,"
    " {'a': <1>, 'b': <2>, 'c': <4>, 'x': <20>, 'y': <200>})>]" },
  { "single/shortest", 1, NULL, "((1, 2), (3, 4), (5, 6))", NULL, "[{'a': <1>}, {'a': <2>}]", NULL,
    NULL, NULL,
    "[<('func1', <(1, 2)>, {'a': <1>})>, <('func1', <(3, 4)>, {'a': <2>})>]" },
  { "several/positional", 3, "[1, 2, 3]", "[[4, 5, 6], [7, 8, 9], [9, 10, 11]]", NULL, NULL, NULL,
    NULL, NULL,
    "[<('func1', <(1, 2, 3, 4, 5, 6)>, @a{sv} {})>,"
    " <('func2', <(1, 2, 3, 7, 8, 9)>, @a{sv} {})>,"
    " <('func3', <(1, 2, 3, 9, 10, 11)>, @a{sv} {})>]" },
  { "several/keyword", 3, NULL, NULL, "{'a': <1>, 'b': <2>}",
    "[{'c': <3>}, {'c': <4>}, {'c': <5>}]", NULL, NULL, NULL,
    "[<('func1', <()>, {'a': <1>, 'b': <2>, 'c': <3>})>,"
    " <('func2', <()>, {'a': <1>, 'b': <2>, 'c': <4>})>,"
    " <('func3', <()>, {'a': <1>, 'b': <2>, 'c': <5>})>]" },
  { "several/combined", 2, "(1, 2, 3)", "((6, 7), (8, 9))", "{'a': <1>, 'b': <2>}",
    "[{'c': <3>}, {'c': <4>}]", "(10, 20)", "(100, 200)", NULL,
    "[<('func1', <(1, 2, 3, 6, 7)>,"
    " {'a': <1>, 'b': <2>, 'c': <3>, 'x': <10>, 'y': <100>})>,"
    " <('func2', <(1, 2, 3, 8, 9)>,"
    " {'a': <1>, 'b': <2>, 'c': <4>, 'x': <20>, 'y': <200>})>]" },
  { "several/shortest", 3, NULL, "((1, 2), (3, 4), (5, 6))", NULL, "[{'a': <1>}, {'a': <2>}]",
    NULL, NULL, NULL,
    "[<('func1', <(1, 2)>, {'a': <1>})>, <('func2', <(3, 4)>, {'a': <2>})>]" },
  { "several/fewer-targets", 2, NULL, "[(1,), (2,), (3,)]", NULL, NULL, NULL, NULL, NULL,
    "[<('func1', <(1,)>, @a{sv} {})>, <('func2', <(2,)>, @a{sv} {})>]" },
  { "several/no-list", 3, "('a',)", NULL, NULL, NULL, NULL, NULL, NULL,
    "[<('func1', <('a',)>, @a{sv} {})>, <('func2', <('a',)>, @a{sv} {})>,"
    " <('func3', <('a',)>, @a{sv} {})>]" },
  { "none/one-call", 1, NULL, NULL, NULL, NULL, NULL, NULL, NULL,
    "[<('func1', <()>, @a{sv} {})>]" },
  { "mixed-types", 1, "[<1>, <'two'>]", "[<(3.5,)>, <[<true>, <byte 0x05>]>]", NULL, NULL,
    "[<'a'>, <[1, 2]>]", NULL, NULL,
    "[<('func1', <(1, 'two', 3.5)>, {'x': <'a'>})>,"
    " <('func1', <(1, 'two', true, byte 0x05)>, {'x': <[1, 2]>})>]" },
};

/* As a dictionary has no order, one is made for the comparison. */
static GVariant *
sort_kwargs (GVariant *kwargs)
{
  g_autoptr (GVariantDict) dict = g_variant_dict_new (kwargs);
  GVariantBuilder sorted;

  g_variant_builder_init (&sorted, G_VARIANT_TYPE_VARDICT);
  for (char name = 'a'; name <= 'z'; name++)
    {
      const char key[] = { name, '\0' };
      g_autoptr (GVariant) value = g_variant_dict_lookup_value (dict, key, NULL);

      if (value != NULL)
        g_variant_builder_add (&sorted, "{sv}", key, value);
    }
  return g_variant_builder_end (&sorted);
}

static GVariant *
func (GVariant *args, GVariant *kwargs, gpointer user_data, GError **error)
{
  g_assert_true (g_variant_is_of_type (args, G_VARIANT_TYPE_TUPLE));
  g_assert_true (g_variant_is_of_type (kwargs, G_VARIANT_TYPE_VARDICT));
  return g_variant_new ("(sv@a{sv})", user_data, args, sort_kwargs (kwargs));
}

static GVariant *
parse_or_null (const char *text)
{
  return text != NULL ? support_parse (text) : NULL;
}

static void
set_seed_arguments (PcallTask *task, const SeedCase *row)
{
  g_autoptr (GVariant) cargs = parse_or_null (row->cargs);
  g_autoptr (GVariant) iargs = parse_or_null (row->iargs);
  g_autoptr (GVariant) ckwargs = parse_or_null (row->ckwargs);
  g_autoptr (GVariant) ikwargs = parse_or_null (row->ikwargs);
  g_autoptr (GVariant) x = parse_or_null (row->x);
  g_autoptr (GVariant) y = parse_or_null (row->y);
  g_autoptr (GVariant) z = parse_or_null (row->z);

  pcall_task_set_common_args (task, cargs);
  pcall_task_set_instance_args (task, iargs);
  pcall_task_set_common_kwargs (task, ckwargs);
  pcall_task_set_instance_kwargs (task, ikwargs);
  pcall_task_set_argument (task, "x", x);
  pcall_task_set_argument (task, "y", y);
  pcall_task_set_argument (task, "z", z);
}

static PcallTask *
task_with_targets (guint n_targets)
{
  static const char *const names[] = { "func1", "func2", "func3" };
  PcallTask *task = g_object_new (PCALL_TYPE_TASK, NULL);

  for (guint i = 0; i < n_targets; i++)
    {
      g_autoptr (PcallTarget) target
          = pcall_target_new (names[i], func, (gpointer) names[i], NULL);

      pcall_task_add_target (task, target);
    }
  return task;
}

static void
test_seed (gconstpointer data)
{
  const SeedCase *row = data;
  PcallTask *task = task_with_targets (row->n_targets);

  set_seed_arguments (task, row);
  support_run (task, row->expected);

  g_assert_finalize_object (task);
}

/* The seed's first example */
static GVariant *
add (GVariant *args, GVariant *kwargs, gpointer user_data, GError **error)
{
  gint32 x, y;

  g_assert_true (g_variant_lookup (kwargs, "x", "i", &x));
  g_assert_true (g_variant_lookup (kwargs, "y", "i", &y));
  return g_variant_new_int32 (x + y);
}

static void
test_run_add (void)
{
  PcallTask *task = pcall_task_new_for_func (add, NULL, NULL);

  pcall_task_set_argument (task, "x", g_variant_new_parsed ("[1, 2, 3]"));
  pcall_task_set_argument (task, "y", g_variant_new_parsed ("[4, 5, 6]"));
  support_run (task, "[<5>, <7>, <9>]");

  g_assert_finalize_object (task);
}

/* And its last: start, join, results */
static void
test_start_join (void)
{
  PcallTask *task = pcall_task_new_for_func (add, NULL, NULL);
  g_autoptr (GVariant) results = NULL;

  pcall_task_set_argument (task, "x", g_variant_new_parsed ("(1, 2, 3)"));
  pcall_task_set_argument (task, "y", g_variant_new_parsed ("(4, 5, 6)"));
  g_assert_null (pcall_task_dup_results (task));
  g_assert_false (pcall_task_get_running (task));

  support_start (task);
  support_join (task);
  g_assert_false (pcall_task_get_running (task));
  results = pcall_task_dup_results (task);
  support_assert_variant (results, "[<5>, <7>, <9>]");

  g_assert_finalize_object (task);
}

/* Joined again, it tells the same. */
static void
test_join_twice (void)
{
  PcallTask *task = support_task (support_index, 2);

  support_start (task);
  support_join (task);
  support_join (task);

  g_assert_finalize_object (task);
}

static void
count (guint *counter)
{
  (*counter)++;
}

/* How many calls */

static void
test_n_calls (void)
{
  PcallTask *task = support_task (support_index, 5);

  g_assert_cmpuint (pcall_task_get_n_calls (task), ==, 5);
  support_run (task, "[<uint32 0>, <uint32 1>, <uint32 2>, <uint32 3>, <uint32 4>]");
  g_assert_cmpuint (pcall_task_get_n_calls (task), ==, 5);

  g_assert_finalize_object (task);
}

#ifndef __SANITIZE_ADDRESS__
/* More than there is memory for is an error, which leaves the task as it was. */
static void
test_n_calls_too_many (void)
{
  PcallTask *task = support_task (support_index, G_MAXUINT);
  struct rlimit before, limit;

  g_assert_no_errno (getrlimit (RLIMIT_AS, &before));
  limit = (struct rlimit) { G_GUINT64_CONSTANT (64) << 30, before.rlim_max };
  g_assert_no_errno (setrlimit (RLIMIT_AS, &limit));
  for (guint i = 0; i < 2; i++)
    {
      g_autoptr (GError) error = NULL;

      g_assert_false (pcall_task_start (task, &error));
      g_assert_error (error, PCALL_ERROR, PCALL_ERROR_START);
      g_assert_cmpstr (error->message, ==, "there is no memory for 4294967295 calls");
    }
  g_assert_no_errno (setrlimit (RLIMIT_AS, &before));
  pcall_task_set_n_calls (task, 2);
  support_run (task, "[<uint32 0>, <uint32 1>]");

  g_assert_finalize_object (task);
}

#endif

static void
test_n_calls_zero (void)
{
  PcallTask *task = support_task (support_index, 0);

  support_run (task, "@av []");

  g_assert_finalize_object (task);
}

/* A list says how many calls there are, whatever was set. */
static void
test_n_calls_of_list (void)
{
  PcallTask *task = support_task (support_index, 5);

  pcall_task_set_argument (task, "x", g_variant_new_parsed ("['a', 'b']"));
  g_assert_cmpuint (pcall_task_get_n_calls (task), ==, 2);
  support_run (task, "[<uint32 0>, <uint32 1>]");

  g_assert_finalize_object (task);
}

static void
set_empty_instance_args (PcallTask *task)
{
  pcall_task_set_instance_args (task, g_variant_new_parsed ("@aai []"));
}

static void
set_empty_instance_kwargs (PcallTask *task)
{
  pcall_task_set_instance_kwargs (task, g_variant_new_parsed ("@aa{sv} []"));
}

static void
set_empty_keyword (PcallTask *task)
{
  pcall_task_set_argument (task, "x", g_variant_new_parsed ("[1, 2]"));
  pcall_task_set_argument (task, "y", g_variant_new_parsed ("@as []"));
}

/* No calls: the result is empty and the end is told from the loop, not from inside of start(). */
static void
test_empty_lists (void)
{
  void (*const set[]) (PcallTask *)
      = { set_empty_instance_args, set_empty_instance_kwargs, set_empty_keyword };

  for (gsize i = 0; i < G_N_ELEMENTS (set); i++)
    {
      PcallTask *task = (pcall_task_new_for_func) (func, (gpointer) "", NULL);
      guint n_finished = 0;
      g_autoptr (GVariant) results = NULL;

      set[i](task);
      g_assert_cmpuint (pcall_task_get_n_calls (task), ==, 0);
      g_signal_connect_swapped (task, "finished", G_CALLBACK (count), &n_finished);

      support_start (task);
      g_assert_cmpuint (n_finished, ==, 0);
      support_iterate_to_end (task);
      g_assert_cmpuint (n_finished, ==, 1);
      g_assert_cmpfloat (pcall_task_get_fraction (task), ==, 1.0);

      support_join (task);
      results = pcall_task_dup_results (task);
      support_assert_variant (results, "@av []");
      g_assert_cmpuint (n_finished, ==, 1);

      g_assert_finalize_object (task);
    }
}

/* Order: each call may end only when the one after it has ended. */

#define N_ORDERED 8

typedef struct
{
  SupportPipe pipes[N_ORDERED];
  guint order[N_ORDERED];
  guint n_finished;
} Ordered;

static GVariant *
wait_for_leave (GVariant *args, GVariant *kwargs, gpointer user_data, GError **error)
{
  Ordered *self = user_data;
  guint index = pcall_get_call_index ();

  support_pipe_get (&self->pipes[index]);
  return g_variant_new_uint32 (index);
}

static void
let_previous_go (PcallTask *task, PcallCall *call, Ordered *self)
{
  guint index = pcall_call_get_index (call);

  self->order[self->n_finished++] = index;
  if (index > 0)
    support_pipe_put (&self->pipes[index - 1], 0);
}

static void
test_order (void)
{
  Ordered self = { .n_finished = 0 };
  PcallTask *task = pcall_task_new_for_func (wait_for_leave, &self, NULL);

  for (guint i = 0; i < N_ORDERED; i++)
    support_pipe_open (&self.pipes[i]);
  pcall_task_set_n_calls (task, N_ORDERED);
  g_signal_connect (task, "call-finished", G_CALLBACK (let_previous_go), &self);
  support_pipe_put (&self.pipes[N_ORDERED - 1], 0);

  support_run (task, "[<uint32 0>, <uint32 1>, <uint32 2>, <uint32 3>,"
                     " <uint32 4>, <uint32 5>, <uint32 6>, <uint32 7>]");
  for (guint i = 0; i < N_ORDERED; i++)
    g_assert_cmpuint (self.order[i], ==, N_ORDERED - 1 - i);

  for (guint i = 0; i < N_ORDERED; i++)
    support_pipe_close (&self.pipes[i]);
  g_assert_finalize_object (task);
}

/* How many at once */

#define N_RING 100

/* A byte goes round once: that takes all of them at the same time. */
static GVariant *
pass_on (GVariant *args, GVariant *kwargs, gpointer user_data, GError **error)
{
  SupportPipe *pipes = user_data;
  guint index = pcall_get_call_index ();
  guint8 byte;

  if (index == 0)
    support_pipe_put (&pipes[1], 1);
  byte = support_pipe_get (&pipes[index]);
  if (index > 0)
    support_pipe_put (&pipes[(index + 1) % N_RING], byte + 1);
  return g_variant_new_byte (byte);
}

static void
test_ring (void)
{
  SupportPipe pipes[N_RING];
  PcallTask *task = pcall_task_new_for_func (pass_on, pipes, NULL);

  for (guint i = 0; i < N_RING; i++)
    support_pipe_open (&pipes[i]);
  pcall_task_set_n_calls (task, N_RING);
  support_run (task, NULL);

  support_assert_result (task, 0, "byte 0x64");
  support_assert_result (task, 99, "byte 0x63");

  for (guint i = 0; i < N_RING; i++)
    support_pipe_close (&pipes[i]);
  g_assert_finalize_object (task);
}

#define N_GROUP 3
#define N_GROUPS 4

typedef struct
{
  SupportPipe pipes[N_GROUP * N_GROUPS];
  gint *n_inside; /* shared: now, and the most */
  guint n_living;
  guint most_living;
} Crowd;

/* Three calls wait for each other: fewer children at once would wait for ever. */
static GVariant *
meet_group (GVariant *args, GVariant *kwargs, gpointer user_data, GError **error)
{
  Crowd *self = user_data;
  guint index = pcall_get_call_index ();
  guint first = index - index % N_GROUP;
  gint inside = g_atomic_int_add (&self->n_inside[0], 1) + 1;
  gint most = g_atomic_int_get (&self->n_inside[1]);

  while (inside > most && !g_atomic_int_compare_and_exchange (&self->n_inside[1], most, inside))
    most = g_atomic_int_get (&self->n_inside[1]);

  for (guint i = 0; i < N_GROUP; i++)
    support_pipe_put (&self->pipes[first + i], 0);
  for (guint i = 0; i < N_GROUP; i++)
    support_pipe_get (&self->pipes[index]);

  g_atomic_int_add (&self->n_inside[0], -1);
  return NULL;
}

static void
crowd_started (PcallTask *task, PcallCall *call, Crowd *self)
{
  g_autoptr (GPtrArray) living = pcall_task_dup_living_children (task);

  self->n_living++;
  self->most_living = MAX (self->most_living, self->n_living);
  /* Among them may be one that was made, and waits until another has ended. */
  g_assert_cmpuint (living->len, >=, self->n_living);
}

static void
crowd_left (PcallTask *task, PcallChild *child, Crowd *self)
{
  self->n_living--;
}

static void
test_max_children (void)
{
  Crowd self = { .n_inside = support_share () };
  PcallTask *task = pcall_task_new_for_func (meet_group, &self, NULL);

  for (guint i = 0; i < N_GROUP * N_GROUPS; i++)
    support_pipe_open (&self.pipes[i]);
  pcall_task_set_n_calls (task, N_GROUP * N_GROUPS);
  pcall_task_set_max_children (task, N_GROUP);
  g_signal_connect (task, "call-started", G_CALLBACK (crowd_started), &self);
  g_signal_connect (task, "child-exited", G_CALLBACK (crowd_left), &self);

  support_run (task, NULL);
  g_assert_cmpuint (self.most_living, ==, N_GROUP);
  g_assert_cmpint (self.n_inside[0], ==, 0);
  g_assert_cmpint (self.n_inside[1], ==, N_GROUP);

  for (guint i = 0; i < N_GROUP * N_GROUPS; i++)
    support_pipe_close (&self.pipes[i]);
  support_unshare (self.n_inside);
  g_assert_finalize_object (task);
}

static GVariant *
be_alone (GVariant *args, GVariant *kwargs, gpointer user_data, GError **error)
{
  gint *n_inside = user_data;

  g_assert_cmpint (g_atomic_int_add (n_inside, 1), ==, 0);
  g_usleep (1000);
  g_assert_cmpint (g_atomic_int_add (n_inside, -1), ==, 1);
  return g_variant_new_uint32 (pcall_get_call_index ());
}

static void
test_max_children_of_one (void)
{
  Crowd self = { .n_inside = support_share () };
  PcallTask *task = pcall_task_new_for_func (be_alone, self.n_inside, NULL);

  pcall_task_set_n_calls (task, 20);
  pcall_task_set_max_children (task, 1);
  g_signal_connect (task, "call-started", G_CALLBACK (crowd_started), &self);
  g_signal_connect (task, "child-exited", G_CALLBACK (crowd_left), &self);
  support_run (task, NULL);
  g_assert_cmpuint (self.most_living, ==, 1);
  support_assert_result (task, 19, "uint32 19");

  support_unshare (self.n_inside);
  g_assert_finalize_object (task);
}

/* Many */

static void
test_thousand_calls (void)
{
  PcallTask *task = support_task (support_index, 1000);

  support_run (task, NULL);
  for (guint i = 0; i < 1000; i++)
    {
      g_autoptr (PcallCall) call = pcall_task_dup_call (task, i);
      g_autoptr (GVariant) result = pcall_call_dup_result (call);

      g_assert_cmpuint (g_variant_get_uint32 (result), ==, i);
    }

  g_assert_finalize_object (task);
}

/* Several tasks, whose calls run at the same time */
static void
test_tasks_at_once (void)
{
  PcallTask *tasks[5];

  for (gsize i = 0; i < G_N_ELEMENTS (tasks); i++)
    {
      tasks[i] = support_task (support_index, 10 + i);
      support_start (tasks[i]);
    }
  for (gsize i = G_N_ELEMENTS (tasks); i > 0; i--)
    {
      support_join (tasks[i - 1]);
      g_assert_cmpuint (pcall_task_get_n_finished (tasks[i - 1]), ==, 9 + i);
      support_assert_result (tasks[i - 1], 7, "uint32 7");
      g_assert_finalize_object (tasks[i - 1]);
    }
}

static void
free_flag (gpointer data)
{
  *(gboolean *) data = TRUE;
}

/* User data lives as long as the last task that may call with it, and is freed in the parent. */
static void
test_user_data (void)
{
  gboolean freed = FALSE;
  PcallTarget *target = pcall_target_new ("name", support_index, &freed, free_flag);
  PcallTask *task = pcall_task_new (target);

  g_assert_cmpstr (pcall_target_get_name (target), ==, "name");
  g_object_unref (target);
  g_assert_false (freed);
  support_run (task, "[<uint32 0>]");
  g_assert_false (freed);
  g_assert_finalize_object (task);
  g_assert_true (freed);
}

typedef struct
{
  gint32 first, second;
} Numbers;

static GVariant *
add_numbers (GVariant *args, GVariant *kwargs, gpointer user_data, GError **error)
{
  const Numbers *numbers = user_data;

  return g_variant_new_int32 (numbers->first + numbers->second);
}

/* The function's name is that of its target, and its data may have commas. */
static void
test_named_as_function (void)
{
  PcallTask *task = pcall_task_new_for_func (add_numbers, &(Numbers) { 40, 2 }, NULL);
  g_autoptr (PcallCall) call = NULL;

  support_run (task, "[<42>]");
  call = pcall_task_dup_call (task, 0);
  g_assert_cmpstr (pcall_call_get_target_name (call), ==, "add_numbers");
  g_clear_object (&call);
  g_assert_finalize_object (task);
}

int
main (int argc, char *argv[])
{
  g_test_init (&argc, &argv, NULL);

  for (gsize i = 0; i < G_N_ELEMENTS (seed_cases); i++)
    {
      g_autofree char *path = g_strconcat ("/pcall/task/seed/", seed_cases[i].name, NULL);

      g_test_add_data_func (path, &seed_cases[i], test_seed);
    }
  support_add ("/pcall/task/run-add", test_run_add);
  support_add ("/pcall/task/start-join", test_start_join);
  support_add ("/pcall/task/join-twice", test_join_twice);
  support_add ("/pcall/task/n-calls/set", test_n_calls);
  support_add ("/pcall/task/n-calls/zero", test_n_calls_zero);
#ifndef __SANITIZE_ADDRESS__ /* it takes more than that for itself */
  support_add ("/pcall/task/n-calls/too-many", test_n_calls_too_many);
#endif
  support_add ("/pcall/task/n-calls/of-list", test_n_calls_of_list);
  support_add ("/pcall/task/n-calls/empty-lists", test_empty_lists);
  support_add ("/pcall/task/order", test_order);
  support_add ("/pcall/task/ring", test_ring);
  support_add ("/pcall/task/max-children/several", test_max_children);
  support_add ("/pcall/task/max-children/one", test_max_children_of_one);
  support_add ("/pcall/task/thousand-calls", test_thousand_calls);
  support_add ("/pcall/task/tasks-at-once", test_tasks_at_once);
  g_test_add_func ("/pcall/task/user-data", test_user_data);
  support_add ("/pcall/task/named-as-function", test_named_as_function);

  return g_test_run ();
}
