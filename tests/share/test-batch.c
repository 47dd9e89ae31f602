/*
 * SPDX-FileCopyrightText: 2026 The pcall authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

/* Batches: numbers, columns of results, and what is left of the calls of a child that dies at any
 * step of them. */

#include <gio/gio.h>
#include <string.h>

#include <pcall-glib/share/pcall-ledger-private.h>

/* Numbers */

static void
test_numbers (void)
{
  static const char *texts[] = { "byte 255", "int16 -1",  "uint16 65535", "-1",  "uint32 4294967295",
                                 "int64 -1", "uint64 1", "-0.0",         "1e308", "handle 3" };

  for (gsize i = 0; i < G_N_ELEMENTS (texts); i++)
    {
      g_autoptr (GVariant) value = g_variant_ref_sink (g_variant_new_parsed (texts[i]));
      g_autoptr (GVariant) boxed = g_variant_ref_sink (g_variant_new_variant (value));
      PcallNumber direct, number;
      g_autoptr (GVariant) again = NULL;

      g_assert_true (pcall_number_from_value (&direct, value));
      g_assert_true (pcall_number_from_box (&number, g_variant_get_data (boxed),
                                            g_variant_get_size (boxed)));
      g_assert_cmpuint (direct.bits, ==, number.bits);
      g_assert_cmpint (direct.type, ==, number.type);
      g_assert_true (pcall_number_is_known (number.type));
      again = pcall_number_to_value (&number);
      g_assert_cmpvariant (again, value);
    }
}

static void
test_no_numbers (void)
{
  static const char *texts[] = { "true", "'x'", "(1,)", "[1]", "<1>", "@mi 1", "()", "@ay []",
                                 "@(x) (5,)", "@mx nothing", "''" };

  for (gsize i = 0; i < G_N_ELEMENTS (texts); i++)
    {
      g_autoptr (GVariant) value = g_variant_ref_sink (g_variant_new_parsed (texts[i]));
      g_autoptr (GVariant) boxed = g_variant_ref_sink (g_variant_new_variant (value));
      PcallNumber number;

      g_assert_false (pcall_number_from_value (&number, value));
      g_assert_false (pcall_number_from_box (&number, g_variant_get_data (boxed),
                                             g_variant_get_size (boxed)));
    }
}

static void
test_foreign_numbers (void)
{
  static const struct
  {
    PcallNumber number;
    const char *text;
  } rows[] = {
    { { 5, PCALL_NUMBER_INT }, "@mx 5" },
    { { G_MAXUINT64, PCALL_NUMBER_INT }, "@mx -1" },
    { { 0x3ff0000000000000, PCALL_NUMBER_DOUBLE }, "@md 1.0" },
    { { 0, PCALL_NUMBER_TRUTH }, "@mb false" },
    { { 1, PCALL_NUMBER_TRUTH }, "@mb true" },
    { { PCALL_NUMBER_NOTHING, PCALL_NUMBER_TRUTH }, "@mb nothing" },
  };

  for (gsize i = 0; i < G_N_ELEMENTS (rows); i++)
    {
      g_autoptr (GVariant) expected = g_variant_ref_sink (g_variant_new_parsed (rows[i].text));
      g_autoptr (GVariant) value = pcall_number_to_value (&rows[i].number);

      g_assert_cmpvariant (value, expected);
    }
}

/* Columns */

static PcallLedger *
new_ledger (guint n_calls,
            guint n_slots)
{
  g_autoptr (GError) error = NULL;
  PcallLedger *ledger = pcall_ledger_new (n_calls, n_slots, &error);

  g_assert_no_error (error);
  return ledger;
}

/* Results of 0, 1, 2 … bytes, as a binding would put them. */
static void
fill_with_bytes (PcallOpenBlock             *batch,
                 const PcallBlockLimits *limits,
                 guint                   n)
{
  guint64 end = 0;

  batch->type = PCALL_BLOCK_BYTES;
  for (guint i = 0; i < n; i++)
    {
      memset (pcall_open_block_get_bytes (batch, limits) + end, 'a' + i, i);
      end += i;
      batch->cells[i] = end;
    }
  pcall_open_block_set_ended (batch, n);
}

static void
test_columns (void)
{
  g_autoptr (PcallLedger) ledger = new_ledger (100, 1);
  const PcallBlockLimits *limits = pcall_ledger_get_limits (ledger);
  PcallOpenBlock *batch = pcall_ledger_get_batch (ledger, pcall_ledger_open_slot (ledger));

  fill_with_bytes (batch, limits, 20);
  for (guint from = 0; from < 20; from++)
    {
      g_autoptr (PcallPayload) payload = pcall_open_block_read (batch, limits, from, 20);
      const PcallResultBlock *column = (PcallResultBlock *) payload->bytes;

      g_assert_true (pcall_result_block_is_valid (column, payload->length, 100));
      g_assert_false (pcall_result_block_has_numbers (column));
      g_assert_cmpuint (column->n, ==, 20 - from);
      for (guint i = from; i < 20; i++)
        {
          g_autoptr (GVariant) value = pcall_result_block_build_value (column, i - from);
          gsize length;
          const char *bytes = g_variant_get_fixed_array (value, &length, 1);

          g_assert_cmpuint (length, ==, i);
          for (guint k = 0; k < i; k++)
            g_assert_cmpint (bytes[k], ==, 'a' + (int) i);
        }
    }
}

/* What a process gone wild may write. */
static void
test_wild_columns (void)
{
  static const struct
  {
    guint32 n;
    guint32 type;
    guint64 base;
    guint64 cells[2];
    gsize   length;
  } rows[] = {
    { 0, 'u', 0, { 0, 0 }, 16 },
    { 1, 'u', 0, { 0, 0 }, 16 },
    { 1, 'u', 0, { 0, 0 }, 32 },
    { 3, 'u', 0, { 0, 0 }, 32 },
    { G_MAXUINT32, 'u', 0, { 0, 0 }, 32 },
    { 1, '\0', 0, { 0, 0 }, 24 },
    { 1, 's', 0, { 0, 0 }, 24 },
    { 1, 'v', 0, { 0, 0 }, 24 },
    { 1, 256 + 'u', 0, { 0, 0 }, 24 },
    { 1, PCALL_NUMBER_TRUTH, 0, { 3, 0 }, 24 },
    { 2, PCALL_BLOCK_BYTES, 0, { 8, 0 }, 32 },
    { 1, PCALL_BLOCK_BYTES, 0, { 9, 0 }, 32 },
    { 1, PCALL_BLOCK_BYTES, 0, { 7, 0 }, 32 },
    { 1, PCALL_BLOCK_BYTES, 9, { 8, 0 }, 32 },
    { 1, PCALL_BLOCK_BYTES, G_MAXUINT64, { 7, 0 }, 32 },
  };

  for (gsize i = 0; i < G_N_ELEMENTS (rows); i++)
    g_assert_false (pcall_result_block_is_valid ((const PcallResultBlock *) &rows[i], rows[i].length, 2));
  for (gsize length = 0; length < sizeof (PcallResultBlock); length++)
    g_assert_false (pcall_result_block_is_valid ((const PcallResultBlock *) &rows[1], length, 2));
}

static void
test_wild_batches (void)
{
  g_autoptr (PcallLedger) ledger = new_ledger (100, 1);
  const PcallBlockLimits *limits = pcall_ledger_get_limits (ledger);
  int slot = pcall_ledger_open_slot (ledger);
  PcallOpenBlock *batch = pcall_ledger_get_batch (ledger, slot);
  guint first;
  gint64 took;

  g_assert_null (pcall_ledger_harvest (ledger, slot, &first, &took));
  batch->n_ended = G_MAXUINT64;
  g_assert_null (pcall_ledger_harvest (ledger, slot, &first, &took));

  fill_with_bytes (batch, limits, 3);
  batch->cells[2] = limits->n_bytes + 1;
  g_assert_null (pcall_open_block_read (batch, limits, 0, 3));
  batch->cells[2] = G_MAXUINT64;
  g_assert_null (pcall_open_block_read (batch, limits, 0, 3));
  batch->cells[1] = 50;
  batch->cells[2] = 40;
  g_assert_null (pcall_open_block_read (batch, limits, 2, 3));
  batch->type = G_MAXUINT64;
  g_assert_null (pcall_open_block_read (batch, limits, 0, 1));
}

/* Claims */

#define N_CALLS 1000

static PcallSpan
claim (PcallLedger *ledger,
       int          slot,
       guint        most)
{
  PcallSpan span;

  g_assert_true (pcall_ledger_claim (ledger, slot, most, &span));
  return span;
}

/* Claims are guided: each is at the most a part of what is left, and all calls are claimed once. */
static void
test_claims_shrink (void)
{
  g_autoptr (PcallLedger) ledger = new_ledger (N_CALLS, 2);
  int slot = pcall_ledger_open_slot (ledger);
  guint next = 0;
  guint last = N_CALLS;
  PcallSpan span;

  while (pcall_ledger_claim (ledger, slot, N_CALLS, &span))
    {
      g_assert_cmpuint (span.first, ==, next);
      g_assert_cmpuint (pcall_span_get_length (span), <=, (N_CALLS - next) / 8 + 1);
      g_assert_cmpuint (pcall_span_get_length (span), <=, last);
      last = pcall_span_get_length (span);
      next = span.end;
    }
  g_assert_cmpuint (last, ==, 1);
  g_assert_cmpuint (next, ==, N_CALLS);
}

/* A word that somebody else has is left out. */
static void
test_holes (void)
{
  g_autoptr (PcallLedger) ledger = new_ledger (N_CALLS, 2);
  int slot = pcall_ledger_open_slot (ledger);
  int other = pcall_ledger_open_slot (ledger);
  PcallSpan span = claim (ledger, slot, 10);

  g_assert_cmpuint (pcall_ledger_take_again (ledger, other, (PcallSpan) { 0, 1 }), ==, 1);
  g_assert_cmpuint (pcall_ledger_take_again (ledger, other, (PcallSpan) { 4, 6 }), ==, 2);
  g_assert_cmpuint (pcall_ledger_take_some (ledger, slot, 10, &span), ==, 3);
  g_assert_cmpuint (span.first, ==, 1);
  span.first = 4;
  g_assert_cmpuint (pcall_ledger_take_some (ledger, slot, 10, &span), ==, 4);
  g_assert_cmpuint (span.first, ==, 6);
  span.first = 10;
  g_assert_cmpuint (pcall_ledger_take_some (ledger, slot, 10, &span), ==, 0);
}

/* All that is left of a dead child, joined. */
static char *
reclaim_all (PcallLedger *ledger,
             int          slot)
{
  GString *text = g_string_new ("");
  PcallSpan span = { 0, 0 };

  while (pcall_ledger_reclaim (ledger, slot, &span))
    g_string_append_printf (text, "%s%u-%u", text->len > 0 ? " " : "", span.first, span.end);
  return g_string_free (text, FALSE);
}

typedef enum
{
  STEP_CLAIM,
  STEP_TAKE,
  STEP_ENTER,
  STEP_END_TWO,
  STEP_SHORTEN,
  STEP_TELL,
  STEP_LEAVE,
  STEP_ENTER_AGAIN,
} Step;

/* A child that claims ten calls, enters five, ends two of them, and goes on with the rest. */
static void
go_to (PcallLedger *ledger,
       int          slot,
       Step         last)
{
  PcallOpenBlock *batch = pcall_ledger_get_batch (ledger, slot);
  PcallSpan rest = claim (ledger, slot, 10);
  PcallSpan span = { 0, 5 };

  if (last >= STEP_TAKE)
    g_assert_cmpuint (pcall_ledger_take_some (ledger, slot, 5, &rest), ==, 5);
  if (last >= STEP_ENTER)
    g_assert_true (pcall_ledger_enter (ledger, slot, span, 1));
  if (last >= STEP_END_TWO)
    {
      batch->type = 'u';
      batch->cells[0] = 70;
      batch->cells[1] = 71;
      pcall_open_block_set_ended (batch, 2);
    }
  if (last >= STEP_SHORTEN)
    pcall_ledger_shorten (ledger, slot, &span, 2);
  if (last >= STEP_TELL)
    g_assert_cmpuint (pcall_ledger_settle_row (ledger, slot, 0, 2), ==, 2);
  if (last >= STEP_LEAVE)
    pcall_ledger_leave (ledger, slot, 2);
  if (last >= STEP_ENTER_AGAIN)
    {
      rest.first = 2;
      g_assert_cmpuint (pcall_ledger_take_some (ledger, slot, 3, &rest), ==, 3);
      g_assert_true (pcall_ledger_enter (ledger, slot, (PcallSpan) { 2, 5 }, 1));
    }
}

/* Death after each step: which call the child was in, what it had ended, and what others can
 * have. */
static void
test_death (void)
{
  static const struct
  {
    PcallHold   hold;
    guint       index;
    guint       n_harvested;
    const char *rest;
  } rows[] = {
    [STEP_CLAIM] = { PCALL_HOLD_TAKEN, 0, 0, "0-10" },
    [STEP_TAKE] = { PCALL_HOLD_TAKEN, 0, 0, "0-10" },
    [STEP_ENTER] = { PCALL_HOLD_ENTERED, 0, 0, "1-10" },
    [STEP_END_TWO] = { PCALL_HOLD_ENTERED, 2, 2, "3-10" },
    [STEP_SHORTEN] = { PCALL_HOLD_TAKEN, 2, 2, "2-10" },
    [STEP_TELL] = { PCALL_HOLD_TAKEN, 2, 2, "2-10" },
    [STEP_LEAVE] = { PCALL_HOLD_TAKEN, 2, 0, "2-10" },
    [STEP_ENTER_AGAIN] = { PCALL_HOLD_ENTERED, 2, 0, "3-10" },
  };

  for (Step step = STEP_CLAIM; step <= STEP_ENTER_AGAIN; step++)
    {
      g_autoptr (PcallLedger) ledger = new_ledger (N_CALLS, 1);
      int slot = pcall_ledger_open_slot (ledger);
      g_autoptr (PcallPayload) column = NULL;
      g_autofree char *rest = NULL;
      guint index, first;
      gint64 began, took;

      go_to (ledger, slot, step);
      column = pcall_ledger_harvest (ledger, slot, &first, &took);
      g_assert_true ((column != NULL) == (rows[step].n_harvested > 0));
      if (column != NULL)
        {
          g_assert_cmpuint (first, ==, 0);
          g_assert_cmpuint (((PcallResultBlock *) column->bytes)->n, ==, rows[step].n_harvested);
          pcall_ledger_settle_row (ledger, slot, 0, rows[step].n_harvested);
        }
      g_assert_cmpint (pcall_ledger_look (ledger, slot, &index, &began), ==, rows[step].hold);
      g_assert_cmpuint (index, ==, rows[step].index);
      if (rows[step].hold == PCALL_HOLD_ENTERED)
        g_assert_true (pcall_ledger_settle (ledger, slot, index));
      rest = reclaim_all (ledger, slot);
      g_assert_cmpstr (rest, ==, rows[step].rest);
    }
}

/* What the batch of a child says is believed only if it can be. */
static void
test_wild_harvest (void)
{
  static const guint64 types[] = { 0, 'Q', 's', PCALL_NUMBER_TRUTH, G_MAXUINT64 };
  g_autoptr (PcallLedger) ledger = new_ledger (N_CALLS, 1);
  int slot = pcall_ledger_open_slot (ledger);
  PcallOpenBlock *batch = pcall_ledger_get_batch (ledger, slot);
  g_autoptr (PcallPayload) column = NULL;
  gint64 took;
  guint first;

  go_to (ledger, slot, STEP_END_TWO);
  for (gsize i = 0; i < G_N_ELEMENTS (types); i++)
    {
      batch->type = types[i];
      g_assert_null (pcall_ledger_harvest (ledger, slot, &first, &took));
    }
  batch->type = 'u';
  batch->n_ended = 11;
  g_assert_null (pcall_ledger_harvest (ledger, slot, &first, &took));
  batch->n_ended = 2;
  column = pcall_ledger_harvest (ledger, slot, &first, &took);
  g_assert_nonnull (column);
}

/* What is harvested took as long as it is since the batch began. */
static void
test_time (void)
{
  g_autoptr (PcallLedger) ledger = new_ledger (N_CALLS, 1);
  int slot = pcall_ledger_open_slot (ledger);
  g_autoptr (PcallPayload) column = NULL;
  gint64 took;
  guint first;

  go_to (ledger, slot, STEP_END_TWO);
  pcall_ledger_set_began (ledger, slot, 1 + 500);
  column = pcall_ledger_harvest (ledger, slot, &first, &took);
  g_assert_nonnull (column);
  g_assert_cmpint (took, ==, 500);
}

/* What has ended is not run again, though it is not known what came of it. */
static void
test_lost (void)
{
  g_autoptr (PcallLedger) ledger = new_ledger (N_CALLS, 1);
  int slot = pcall_ledger_open_slot (ledger);
  g_autofree char *rest = NULL;

  go_to (ledger, slot, STEP_END_TWO);
  rest = reclaim_all (ledger, slot);
  g_assert_cmpstr (rest, ==, "3-10");
}

int
main (int    argc,
      char **argv)
{
  g_test_init (&argc, &argv, NULL);

  g_test_add_func ("/pcall/batch/numbers", test_numbers);
  g_test_add_func ("/pcall/batch/no-numbers", test_no_numbers);
  g_test_add_func ("/pcall/batch/foreign-numbers", test_foreign_numbers);
  g_test_add_func ("/pcall/batch/columns", test_columns);
  g_test_add_func ("/pcall/batch/wild-columns", test_wild_columns);
  g_test_add_func ("/pcall/batch/wild-batches", test_wild_batches);
  g_test_add_func ("/pcall/batch/claims-shrink", test_claims_shrink);
  g_test_add_func ("/pcall/batch/holes", test_holes);
  g_test_add_func ("/pcall/batch/death", test_death);
  g_test_add_func ("/pcall/batch/wild-harvest", test_wild_harvest);
  g_test_add_func ("/pcall/batch/time", test_time);
  g_test_add_func ("/pcall/batch/lost", test_lost);

  return g_test_run ();
}
