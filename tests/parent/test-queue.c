/*
 * SPDX-FileCopyrightText: 2026 The pcall authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

/* Whose turn it is: the order of calls that wait, of those whose turn comes again, and of those
 * that children take, too. */

#include <gio/gio.h>

#include <pcall-glib/parent/pcall-queue-private.h>
#include <pcall-glib/share/pcall-ledger-layout-private.h>

#define MAX_CALLS 10

static PcallLedger *
new_ledger (guint n_calls)
{
  g_autoptr (GError) error = NULL;
  PcallLedger *ledger = pcall_ledger_new (n_calls, 2, &error);

  g_assert_no_error (error);
  return ledger;
}

/* Single calls, in the same order whether a ledger has them or not.
 *
 * A step "-" takes the next call; a digit puts that call back, "x" drops all, and "a" takes out the
 * first, "b" the second … In the end all that are left are taken. */

typedef struct
{
  guint n_calls;
  const char *steps;
  const char *taken;
} Row;

static const Row rows[] = {
  { 0, "", "" },
  { 1, "", "0" },
  { 4, "", "0123" },
  { 4, "----", "0123" },
  { 3, "-0", "0012" },
  { 3, "-0-0-0", "000012" },
  { 3, "---2", "0122" },
  { 3, "---0", "0120" },
  { 3, "---210", "012012" },
  { 3, "---012", "012210" },
  { 4, "--1-0", "011023" },
  { 4, "--10-", "010123" },
  { 4, "--01-1", "0111023" },
  { 4, "x", "" },
  { 4, "--x", "01" },
  { 4, "--0x", "01" },
  { 4, "--01x", "01" },
  { 3, "---x2", "0122" },
  { 0, "x", "" },
  { 10, "----------9", "01234567899" },
};

typedef struct
{
  PcallQueue queue;
  PcallLedger *ledger; /* NULL: none */
  int slot;
  guint n_put_back[MAX_CALLS];
  GString *taken;
} Fixture;

static void
fixture_init (Fixture *self, guint n_calls, gboolean shared)
{
  *self = (Fixture) { .slot = -1, .taken = g_string_new (NULL) };
  pcall_queue_init (&self->queue, n_calls);
  if (!shared)
    return;

  self->ledger = new_ledger (n_calls);
  self->slot = pcall_ledger_open_slot (self->ledger);
  pcall_queue_share (&self->queue, self->ledger);
}

static void
fixture_clear (Fixture *self)
{
  pcall_queue_clear (&self->queue);
  g_clear_pointer (&self->ledger, pcall_ledger_unref);
  g_string_free (self->taken, TRUE);
}

G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC (Fixture, fixture_clear)

/* A turn that was given back is the same one again; any other is a first one, of no child. */
static void
take (Fixture *self)
{
  PcallTurn peeked, turn;
  guint n;

  g_assert_true (pcall_queue_are_left (&self->queue));
  peeked = pcall_queue_peek (&self->queue);
  g_assert_true (pcall_queue_are_left (&self->queue));
  g_assert_true (pcall_queue_take (&self->queue, self->slot, &turn));
  g_assert_cmpmem (&peeked, sizeof peeked, &turn, sizeof turn);

  g_assert_cmpuint (turn.index, <, MAX_CALLS);
  n = self->n_put_back[turn.index];
  g_assert_cmpuint (turn.end, ==, turn.index + 1);
  g_assert_cmpuint (turn.attempt, ==, n);
  g_assert_cmpint (turn.child, ==, n > 0 ? (int) (10 * turn.index + n) : -1);
  g_string_append_printf (self->taken, "%u", turn.index);
}

static void
put_back (Fixture *self, guint index)
{
  guint n = ++self->n_put_back[index];

  pcall_queue_put_back (&self->queue, self->slot, pcall_turn_new (index, n, 10 * index + n));
}

static void
take_out (Fixture *self, guint index)
{
  PcallTurn turn;

  if (!pcall_queue_take_out (&self->queue, self->slot, index, &turn))
    {
      g_string_append_c (self->taken, '!');
      return;
    }
  g_assert_cmpuint (turn.index, ==, index);
  g_assert_cmpuint (turn.end, ==, index + 1);
  g_assert_cmpuint (turn.attempt, ==, self->n_put_back[index]);
  g_string_append_printf (self->taken, "(%u)", index);
}

static void
do_step (Fixture *self, char step)
{
  if (step == '-')
    take (self);
  else if (step >= 'a' && step < 'a' + MAX_CALLS)
    take_out (self, step - 'a');
  else if (step == 'x')
    pcall_queue_drop_all (&self->queue);
  else
    put_back (self, g_ascii_digit_value (step));
}

static void
run_row (const Row *row, gboolean shared)
{
  g_auto (Fixture) self;
  guint least;

  fixture_init (&self, row->n_calls, shared);
  for (const char *step = row->steps; *step != '\0'; step++)
    do_step (&self, *step);
  least = self.taken->len;
  while (pcall_queue_are_left (&self.queue) && self.taken->len < least + 2 * MAX_CALLS)
    take (&self);
  g_assert_cmpstr (self.taken->str, ==, row->taken);
}

static void
test_order (gconstpointer data)
{
  run_row (data, FALSE);
}

static void
test_shared_order (gconstpointer data)
{
  run_row (data, TRUE);
}

/* Out of the middle. */

static const Row out_rows[] = {
  { 3, "a", "(0)12" },
  { 3, "b", "(1)02" },
  { 3, "c", "(2)01" },
  { 3, "cba", "(2)(1)(0)" },
  { 4, "bc", "(1)(2)03" },
  { 4, "cb", "(2)(1)03" },
  { 4, "-d-", "0(3)12" },
  { 3, "-a", "0!12" },
  { 3, "bb", "(1)!02" },
  { 3, "b-b", "(1)0!2" },
  { 3, "-0a", "0(0)12" },
  { 3, "--1b", "01(1)2" },
  { 4, "---012b", "012(1)203" },
  { 3, "xa", "!" },
};

static void
test_taken_out (void)
{
  for (gsize i = 0; i < G_N_ELEMENTS (out_rows); i++)
    run_row (&out_rows[i], FALSE);
}

/* The same where children take calls: one that a child has stays there. */
static void
test_taken_out_shared (void)
{
  g_auto (Fixture) self;
  PcallTurn turn;
  guint index;
  int child;

  fixture_init (&self, 4, TRUE);
  child = pcall_ledger_open_slot (self.ledger);
  g_assert_true (pcall_ledger_take (self.ledger, child, &index));
  g_assert_cmpuint (index, ==, 0);
  take_out (&self, 0);
  take_out (&self, 2);
  take_out (&self, 3);
  g_assert_cmpstr (self.taken->str, ==, "!(2)(3)");

  g_assert_true (pcall_queue_take (&self.queue, self.slot, &turn));
  g_assert_cmpuint (turn.index, ==, 1);
  g_assert_false (pcall_ledger_take (self.ledger, child, &index));
  g_assert_false (pcall_queue_take (&self.queue, self.slot, &turn));
}

/* With children that take calls by themselves */

static void
assert_take (Fixture *self, int slot, PcallTurn expected)
{
  PcallTurn turn;

  g_assert_true (pcall_queue_take (&self->queue, slot, &turn));
  g_assert_cmpuint (turn.index, ==, expected.index);
  g_assert_cmpuint (turn.end, ==, expected.end);
  g_assert_cmpuint (turn.attempt, ==, expected.attempt);
  g_assert_cmpint (turn.child, ==, expected.child);
}

static void
assert_no_take (Fixture *self, int slot)
{
  PcallTurn turn;

  g_assert_false (pcall_queue_take (&self->queue, slot, &turn));
  g_assert_false (pcall_queue_are_left (&self->queue));
}

/* What a child took is not the queue's any more. */
static void
test_taken_by_child (void)
{
  g_auto (Fixture) self;
  int child;
  guint index;

  fixture_init (&self, 3, TRUE);
  child = pcall_ledger_open_slot (self.ledger);
  g_assert_true (pcall_ledger_take (self.ledger, child, &index));
  g_assert_cmpuint (pcall_queue_peek (&self.queue).index, ==, 1);
  assert_take (&self, self.slot, pcall_turn_new (1, 0, -1));
  g_assert_true (pcall_ledger_take (self.ledger, child, &index));
  g_assert_cmpuint (index, ==, 2);
  assert_no_take (&self, self.slot);
}

/* It gives back in the ledger, too: else nobody could ever take it. */
static void
test_put_back_frees (void)
{
  g_auto (Fixture) self;
  int other;
  gint64 began;
  guint index;

  fixture_init (&self, 1, TRUE);
  other = pcall_ledger_open_slot (self.ledger);
  assert_take (&self, self.slot, pcall_turn_new (0, 0, -1));
  pcall_queue_put_back (&self.queue, self.slot, pcall_turn_new (0, 1, 4));
  assert_take (&self, other, pcall_turn_new (0, 1, 4));
  g_assert_cmpint (pcall_ledger_look (self.ledger, other, &index, &began), ==, PCALL_HOLD_TAKEN);
  g_assert_cmpint (pcall_ledger_look (self.ledger, self.slot, &index, &began), ==,
                   PCALL_HOLD_NOTHING);
  assert_no_take (&self, other);
}

/* Makes calls 2 to 7 the retry of a child that died before it read them, as the fifth attempt, in
 * the place of child 3. The other slot may have some of them. */
static int
put_back_span (Fixture *self, const guint *of_other, guint n_of_other)
{
  int other = pcall_ledger_open_slot (self->ledger);

  for (guint i = 0; i < 8; i++)
    {
      PcallTurn turn;

      g_assert_true (pcall_queue_take (&self->queue, self->slot, &turn));
    }
  pcall_queue_put_back (&self->queue, self->slot, (PcallTurn) { 2, 8, 5, 3 });
  for (guint i = 0; i < n_of_other; i++)
    g_assert_cmpuint (pcall_ledger_take_again (self->ledger, other,
                                               (PcallSpan) { of_other[i], of_other[i] + 1 }),
                      ==, 1);
  return other;
}

static void
test_span (void)
{
  static const struct
  {
    guint of_other[6];
    guint n_of_other;
    PcallTurn turns[4];
    guint n_turns;
  } spans[] = {
    { { 0 }, 0, { { 2, 8, 5, 3 } }, 1 },
    { { 2 }, 1, { { 3, 8, 0, -1 } }, 1 },
    { { 7 }, 1, { { 2, 7, 5, 3 } }, 1 },
    { { 4 }, 1, { { 2, 4, 5, 3 }, { 5, 8, 0, -1 } }, 2 },
    { { 4, 5 }, 2, { { 2, 4, 5, 3 }, { 6, 8, 0, -1 } }, 2 },
    { { 2, 4, 6 }, 3, { { 3, 4, 0, -1 }, { 5, 6, 0, -1 }, { 7, 8, 0, -1 } }, 3 },
    { { 2, 3, 4, 5, 6, 7 }, 6, { { 0 } }, 0 },
  };

  for (gsize i = 0; i < G_N_ELEMENTS (spans); i++)
    {
      g_auto (Fixture) self;

      fixture_init (&self, MAX_CALLS, TRUE);
      put_back_span (&self, spans[i].of_other, spans[i].n_of_other);
      g_assert_cmpuint (pcall_queue_peek (&self.queue).index, ==, 2);
      for (guint j = 0; j < spans[i].n_turns; j++)
        assert_take (&self, self.slot, spans[i].turns[j]);
      assert_take (&self, self.slot, pcall_turn_new (8, 0, -1));
      assert_take (&self, self.slot, pcall_turn_new (9, 0, -1));
      assert_no_take (&self, self.slot);
    }
}

/* Calls are said to be left as long as a retry waits, though others may have all of it. */
static void
test_all_of_other (void)
{
  g_auto (Fixture) self;
  int other;

  fixture_init (&self, 1, TRUE);
  other = pcall_ledger_open_slot (self.ledger);
  assert_take (&self, self.slot, pcall_turn_new (0, 0, -1));
  pcall_queue_put_back (&self.queue, self.slot, pcall_turn_new (0, 1, 2));
  g_assert_cmpuint (pcall_ledger_take_again (self.ledger, other, (PcallSpan) { 0, 1 }), ==, 1);
  g_assert_true (pcall_queue_are_left (&self.queue));
  assert_no_take (&self, self.slot);
}

/* Children take none either. */
static void
test_drop_shared (void)
{
  g_auto (Fixture) self;
  int child;
  guint index;

  fixture_init (&self, 5, TRUE);
  child = pcall_ledger_open_slot (self.ledger);
  assert_take (&self, self.slot, pcall_turn_new (0, 0, -1));
  pcall_queue_put_back (&self.queue, self.slot, pcall_turn_new (0, 1, 2));
  pcall_queue_drop_all (&self.queue);
  assert_no_take (&self, self.slot);
  g_assert_false (pcall_ledger_take (self.ledger, child, &index));
}

/* A ledger that nobody believes any more: retries are not taken from it either. */
static void
test_ruined (void)
{
  g_auto (Fixture) self;

  fixture_init (&self, 5, TRUE);
  assert_take (&self, self.slot, pcall_turn_new (0, 0, -1));
  pcall_queue_put_back (&self.queue, self.slot, pcall_turn_new (0, 1, 2));
  pcall_ledger_ruin (self.ledger);
  assert_no_take (&self, self.slot);
}

static void
test_references (void)
{
  g_autoptr (PcallLedger) ledger = new_ledger (2);
  PcallQueue queue;

  pcall_queue_init (&queue, 2);
  pcall_queue_share (&queue, ledger);
  g_assert_true (g_ref_count_compare (&ledger->ref_count, 2));
  pcall_queue_clear (&queue);
  g_assert_true (g_ref_count_compare (&ledger->ref_count, 1));
  pcall_queue_clear (&queue);
  g_assert_true (g_ref_count_compare (&ledger->ref_count, 1));
}

int
main (int argc, char *argv[])
{
  g_test_init (&argc, &argv, NULL);

  for (gsize i = 0; i < G_N_ELEMENTS (rows); i++)
    {
      g_autofree char *path = g_strdup_printf ("/pcall/queue/order/%u%s%s", rows[i].n_calls,
                                               *rows[i].steps != '\0' ? "/" : "", rows[i].steps);
      g_autofree char *shared = g_strconcat (path, "/shared", NULL);

      g_test_add_data_func (path, &rows[i], test_order);
      if (rows[i].n_calls > 0)
        g_test_add_data_func (shared, &rows[i], test_shared_order);
    }
  g_test_add_func ("/pcall/queue/taken-out/alone", test_taken_out);
  g_test_add_func ("/pcall/queue/taken-out/shared", test_taken_out_shared);
  g_test_add_func ("/pcall/queue/taken-by-child", test_taken_by_child);
  g_test_add_func ("/pcall/queue/put-back-frees", test_put_back_frees);
  g_test_add_func ("/pcall/queue/span", test_span);
  g_test_add_func ("/pcall/queue/all-of-other", test_all_of_other);
  g_test_add_func ("/pcall/queue/drop-shared", test_drop_shared);
  g_test_add_func ("/pcall/queue/ruined", test_ruined);
  g_test_add_func ("/pcall/queue/references", test_references);

  return g_test_run ();
}
