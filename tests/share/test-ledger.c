/*
 * SPDX-FileCopyrightText: 2026 The pcall authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

/* The memory that a parent shares with children that run many calls: who has which call, at each
 * step of the protocol; receipts of all sizes around the end of a ring; and what a parent makes
 * of memory that a child gone wild has written into. */

#include <string.h>
#include <unistd.h>
#include <sys/wait.h>

#include "pcall-glib/pcall-error.h"
#include "pcall-glib/share/pcall-ledger-private.h"
#include "pcall-glib/share/pcall-completion-private.h"

static PcallLedger *
new_ledger (guint n_calls,
            guint n_slots)
{
  g_autoptr (GError) error = NULL;
  PcallLedger *ledger = pcall_ledger_new (n_calls, n_slots, &error);

  g_assert_no_error (error);
  return ledger;
}

static PcallHold
look (PcallLedger *ledger,
      int          slot,
      guint       *index)
{
  gint64 began;

  return pcall_ledger_look (ledger, slot, index, &began);
}

static gboolean
take_again (PcallLedger *ledger,
            int          slot,
            guint        index)
{
  return pcall_ledger_take_again (ledger, slot, (PcallSpan) { index, index + 1 }) > 0;
}

/* Who has which call */

static void
test_steps (void)
{
  g_autoptr (PcallLedger) ledger = new_ledger (3, 2);
  int slot = pcall_ledger_open_slot (ledger);
  guint index = 99;
  gint64 began = 0;

  g_assert_cmpint (look (ledger, slot, &index), ==, PCALL_HOLD_NOTHING);
  g_assert_true (pcall_ledger_take (ledger, slot, &index));
  g_assert_cmpuint (index, ==, 0);
  g_assert_cmpint (look (ledger, slot, &index), ==, PCALL_HOLD_TAKEN);
  g_assert_false (pcall_ledger_is_in (ledger, slot, 0));

  g_assert_true (pcall_ledger_enter (ledger, slot, (PcallSpan) { 0, 1 }, 123));
  g_assert_cmpint (pcall_ledger_look (ledger, slot, &index, &began), ==, PCALL_HOLD_ENTERED);
  g_assert_cmpint (began, ==, 123);
  g_assert_true (pcall_ledger_is_in (ledger, slot, 0));

  g_assert_true (pcall_ledger_settle (ledger, slot, 0));
  g_assert_false (pcall_ledger_settle (ledger, slot, 0));
  g_assert_cmpint (look (ledger, slot, &index), ==, PCALL_HOLD_NOTHING);
  g_assert_false (take_again (ledger, slot, 0));
}

static void
test_slots (void)
{
  g_autoptr (PcallLedger) ledger = new_ledger (10, 2);
  int first = pcall_ledger_open_slot (ledger);
  int second = pcall_ledger_open_slot (ledger);

  g_assert_cmpint (first, !=, second);
  g_assert_false (pcall_ledger_has_slot (ledger));
  g_assert_cmpint (pcall_ledger_open_slot (ledger), ==, -1);
  pcall_ledger_close_slot (ledger, first);
  g_assert_true (pcall_ledger_has_slot (ledger));
  g_assert_cmpint (pcall_ledger_open_slot (ledger), ==, first);
}

/* Each call is taken once, whoever comes first, also where it is offered twice. */
static void
test_given_back (void)
{
  g_autoptr (PcallLedger) ledger = new_ledger (2, 2);
  int dead = pcall_ledger_open_slot (ledger);
  int other = pcall_ledger_open_slot (ledger);
  guint index;

  g_assert_true (pcall_ledger_take (ledger, dead, &index));
  g_assert_false (take_again (ledger, other, 0));
  pcall_ledger_give_back (ledger, other, 0);
  g_assert_cmpint (look (ledger, dead, &index), ==, PCALL_HOLD_TAKEN);

  pcall_ledger_give_back (ledger, dead, 0);
  g_assert_cmpint (look (ledger, dead, &index), ==, PCALL_HOLD_TAKEN);
  g_assert_true (take_again (ledger, other, 0));
  g_assert_false (take_again (ledger, dead, 0));
  g_assert_cmpint (look (ledger, dead, &index), ==, PCALL_HOLD_NOTHING);
  g_assert_cmpint (look (ledger, other, &index), ==, PCALL_HOLD_TAKEN);
}

static void
test_ending (void)
{
  g_autoptr (PcallLedger) ledger = new_ledger (2, 1);
  int slot = pcall_ledger_open_slot (ledger);
  guint index;

  g_assert_true (pcall_ledger_take (ledger, slot, &index));
  pcall_ledger_set_ending (ledger, slot, TRUE);
  g_assert_false (pcall_ledger_enter (ledger, slot, (PcallSpan) { index, index + 1 }, 1));
  g_assert_cmpint (look (ledger, slot, &index), ==, PCALL_HOLD_TAKEN);
  pcall_ledger_set_ending (ledger, slot, FALSE);
  g_assert_true (take_again (ledger, slot, index));
  g_assert_true (pcall_ledger_enter (ledger, slot, (PcallSpan) { index, index + 1 }, 1));
}

static void
test_exhausted (void)
{
  g_autoptr (PcallLedger) ledger = new_ledger (2, 1);
  int own = pcall_ledger_own_slot (ledger);
  guint index;

  g_assert_true (pcall_ledger_is_left (ledger));
  g_assert_true (pcall_ledger_take (ledger, own, &index));
  g_assert_true (pcall_ledger_settle (ledger, own, index));
  pcall_ledger_exhaust (ledger);
  g_assert_false (pcall_ledger_is_left (ledger));
  g_assert_false (pcall_ledger_take (ledger, own, &index));
}

static void
test_asleep (void)
{
  g_autoptr (PcallLedger) ledger = new_ledger (1, 1);
  int slot = pcall_ledger_open_slot (ledger);

  g_assert_true (pcall_ledger_must_wake (ledger, slot));
  g_assert_false (pcall_ledger_must_wake (ledger, slot));
  pcall_ledger_set_asleep (ledger, slot, TRUE);
  g_assert_true (pcall_ledger_must_wake (ledger, slot));
}

/* Processes that take at once: no call is taken twice, and none is left. */
#define N_TAKERS 4
#define N_TAKEN 200000

static void
test_race (void)
{
  g_autoptr (PcallLedger) ledger = new_ledger (N_TAKEN, N_TAKERS);
  pid_t pids[N_TAKERS];
  guint index;

  for (guint i = 0; i < N_TAKERS; i++)
    {
      int slot = pcall_ledger_open_slot (ledger);

      pids[i] = fork ();
      if (pids[i] != 0)
        continue;
      while (pcall_ledger_take (ledger, slot, &index))
        if (!pcall_ledger_enter (ledger, slot, (PcallSpan) { index, index + 1 }, 1) ||
            !pcall_ledger_settle (ledger, slot, index))
          _exit (1);
      _exit (0);
    }

  for (guint i = 0; i < N_TAKERS; i++)
    {
      int status;

      g_assert_cmpint (waitpid (pids[i], &status, 0), ==, pids[i]);
      g_assert_cmpint (status, ==, 0);
    }
  for (guint i = 0; i < N_TAKEN; i++)
    g_assert_false (take_again (ledger, pcall_ledger_own_slot (ledger), i));
}

/* Receipts */

static PcallCompletion
put (const PcallRing *ring,
     guint            index,
     guint32          n_frames,
     GVariant        *value,
     gboolean        *fits)
{
  g_autoptr (GVariant) owned = g_variant_ref_sink (value);
  PcallOutgoing outcome = pcall_outgoing_new (PCALL_FRAME_RESULT, index, owned);
  PcallCompletion receipt = { .index = index, .n_frames = n_frames, .took = index };

  *fits = pcall_completion_set_outcome (&receipt, ring, &outcome);
  g_assert_true (pcall_completion_put (ring, &receipt, &outcome));
  return receipt;
}

static GVariant *
new_bytes (guint index,
           gsize size)
{
  guint8 *bytes = g_malloc (size + 1);

  memset (bytes, (int) index, size);
  return g_variant_new_from_data (G_VARIANT_TYPE_BYTESTRING, bytes, size, TRUE, g_free, bytes);
}

static void
take_and_check (const PcallRing    *ring,
                const PcallCompletion *sent,
                gboolean            fits,
                gsize               size)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (PcallPayload) payload = NULL;
  PcallCompletion receipt;
  gsize length;
  const guint8 *bytes;

  g_assert_cmpint (pcall_completion_peek (ring, NULL, &receipt, &error), ==, PCALL_COMPLETION_THERE);
  g_assert_cmpmem (&receipt, sizeof receipt, sent, sizeof *sent);
  g_assert_true (pcall_completion_take (ring, &receipt, &payload, &error));
  g_assert_true ((payload != NULL) == fits);
  if (!fits)
    return;
  bytes = pcall_payload_peek_bytestring (payload, &length);
  g_assert_cmpuint (length, ==, size);
  for (gsize i = 0; i < length; i++)
    g_assert_cmpuint (bytes[i], ==, (guint8) sent->index);
}

static void
test_receipts (void)
{
  g_autoptr (PcallLedger) ledger = new_ledger (1, 1);
  const PcallRing *ring = pcall_ledger_get_ring (ledger, pcall_ledger_open_slot (ledger));
  g_autoptr (GError) error = NULL;
  PcallCompletion receipt;
  guint n_large = 0;

  for (guint i = 0; i < 2000; i++)
    {
      gsize size = g_test_rand_int_range (0, i % 3 == 0 ? 70000 : 300);
      gboolean fits;
      PcallCompletion sent = put (ring, i, 0, new_bytes (i, size), &fits);

      n_large += !fits;
      take_and_check (ring, &sent, fits, size);
    }
  g_assert_cmpuint (n_large, >, 0);
  g_assert_cmpint (pcall_completion_peek (ring, NULL, &receipt, &error), ==, PCALL_COMPLETION_NONE);
}

/* What was sent before is to be heard before. */
static void
test_frames_first (void)
{
  g_autoptr (PcallLedger) ledger = new_ledger (1, 1);
  const PcallRing *ring = pcall_ledger_get_ring (ledger, pcall_ledger_open_slot (ledger));
  PcallCompletion receipt;
  guint32 n_frames = 6;
  gboolean fits;

  put (ring, 0, 7, new_bytes (0, 1), &fits);
  g_assert_cmpint (pcall_completion_peek (ring, &n_frames, &receipt, NULL), ==, PCALL_COMPLETION_NONE);
  n_frames++;
  g_assert_cmpint (pcall_completion_peek (ring, &n_frames, &receipt, NULL), ==, PCALL_COMPLETION_THERE);
}

/* Memory gone wild */

static void
write_header (const PcallRing    *ring,
              const PcallCompletion *receipt)
{
  pcall_ring_put (ring, 0, receipt, sizeof *receipt);
  pcall_ring_publish (ring, sizeof *receipt);
}

static void
test_broken (void)
{
  static const struct
  {
    PcallCompletion receipt;
    const char  *words;
  } rows[] = {
    { { .type = PCALL_FRAME_RESULT, .length = 1 }, "length" },
    { { .type = PCALL_FRAME_RESULT, .length = G_MAXUINT32 }, "length" },
    { { .type = PCALL_FRAME_RESULT, .length = G_MAXUINT32 - 31 }, "length" },
    { { .type = PCALL_FRAME_RESULT, .length = 256 * 1024 }, "length" },
    { { .type = PCALL_FRAME_CALL, .length = 0 }, "type" },
    { { .type = G_MAXUINT16, .length = 0 }, "type" },
  };

  for (gsize i = 0; i < G_N_ELEMENTS (rows); i++)
    {
      g_autoptr (PcallLedger) ledger = new_ledger (1, 1);
      const PcallRing *ring = pcall_ledger_get_ring (ledger, pcall_ledger_open_slot (ledger));
      g_autoptr (GError) error = NULL;
      PcallCompletion receipt;

      write_header (ring, &rows[i].receipt);
      g_assert_cmpint (pcall_completion_peek (ring, NULL, &receipt, &error), ==,
                       PCALL_COMPLETION_BROKEN);
      g_assert_error (error, PCALL_ERROR, PCALL_ERROR_PROTOCOL);
      g_assert_nonnull (strstr (error->message, rows[i].words));
    }
}

static void
test_broken_value (void)
{
  g_autoptr (PcallLedger) ledger = new_ledger (1, 1);
  const PcallRing *ring = pcall_ledger_get_ring (ledger, pcall_ledger_open_slot (ledger));
  PcallCompletion receipt = { .type = PCALL_FRAME_RESULT, .length = 8 };
  g_autoptr (PcallPayload) payload = NULL;
  g_autoptr (GError) error = NULL;

  pcall_ring_put (ring, 0, &receipt, sizeof receipt);
  pcall_ring_put (ring, sizeof receipt, "rubbish!", 8);
  pcall_ring_publish (ring, sizeof receipt + 8);
  g_assert_cmpint (pcall_completion_peek (ring, NULL, &receipt, &error), ==, PCALL_COMPLETION_THERE);
  g_assert_false (pcall_completion_take (ring, &receipt, &payload, &error));
  g_assert_error (error, PCALL_ERROR, PCALL_ERROR_PROTOCOL);
}

static void
test_broken_positions (void)
{
  static const guint32 heads[] = { 1, sizeof (PcallCompletion) - 1, 256 * 1024 + 1, G_MAXUINT32 };

  for (gsize i = 0; i < G_N_ELEMENTS (heads); i++)
    {
      g_autoptr (PcallLedger) ledger = new_ledger (1, 1);
      const PcallRing *ring = pcall_ledger_get_ring (ledger, pcall_ledger_open_slot (ledger));
      g_autoptr (GError) error = NULL;
      PcallCompletion receipt;

      ring->positions->head = heads[i];
      g_assert_cmpint (pcall_completion_peek (ring, NULL, &receipt, &error), ==,
                       PCALL_COMPLETION_BROKEN);
      g_assert_error (error, PCALL_ERROR, PCALL_ERROR_PROTOCOL);
    }
}

int
main (int    argc,
      char **argv)
{
  g_test_init (&argc, &argv, NULL);

  g_test_add_func ("/pcall/ledger/steps", test_steps);
  g_test_add_func ("/pcall/ledger/slots", test_slots);
  g_test_add_func ("/pcall/ledger/given-back", test_given_back);
  g_test_add_func ("/pcall/ledger/ending", test_ending);
  g_test_add_func ("/pcall/ledger/exhausted", test_exhausted);
  g_test_add_func ("/pcall/ledger/asleep", test_asleep);
  g_test_add_func ("/pcall/ledger/race", test_race);
  g_test_add_func ("/pcall/receipt/all-sizes", test_receipts);
  g_test_add_func ("/pcall/receipt/frames-first", test_frames_first);
  g_test_add_func ("/pcall/receipt/broken", test_broken);
  g_test_add_func ("/pcall/receipt/broken-value", test_broken_value);
  g_test_add_func ("/pcall/receipt/broken-positions", test_broken_positions);

  return g_test_run ();
}
