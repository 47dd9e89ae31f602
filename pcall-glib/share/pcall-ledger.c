/*
 * SPDX-FileCopyrightText: 2026 The pcall authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include "share/pcall-ledger-layout-private.h"

#include <errno.h>
#include <sys/mman.h>

#include "pcall-error.h"

/* Who has which call.
 *
 * Children take calls by themselves from a counter, `next`. Any of them may die at any moment,
 * so the counter is only where to look; the truth is a word for each call, and which call a
 * child is at stands in its slot:
 *
 *   word      free → taken (slot) → entered (slot) → done
 *                ↖ given back ↙
 *
 * A child
 *   1. reads i from the counter, and writes into its slot which calls it will claim, from i to j:
 *      whoever finds it dead looks there;
 *   2. moves the counter from i to j; if another did, it begins anew;
 *   3. takes calls of its claim, by moving their words from free to taken; those that another has
 *      are left out;
 *   4. enters them, the last one first, unless its slot says that it is to end. Once the first is
 *      entered it is in user code: in the call that follows those which its batch says have ended;
 *   5. puts each result into its batch, and then counts that call as ended, which enters the next;
 *   6. writes what came of them into the ring of its slot, in one step that makes all of it
 *      visible;
 *   7. empties the batch, and moves the beginning of its claim behind them.
 *
 * Where it ends a span early, it takes back what it has entered and not begun before 6. The
 * outcome of the last call may go straight into the ring.
 *
 * The parent reads the ring and makes the words done. After the child's death, when nothing is
 * left in the ring, it takes what is left in the batch, and then looks at the claim, call by
 * call. Of those entered by this slot the one behind all that have ended has crashed, and those
 * after it have not begun. Nor have those that are taken by this slot (death between 3 and 4),
 * or free and behind the counter (between 2 and 3): the parent gives all of these to other
 * children. In all other cases the child did not have the call. A word that is free is taken
 * once, whoever comes first: so it does no harm if a call is offered twice.
 *
 * Claims shrink as calls become few, to a fraction of what is left for each child, so that all
 * end at about the same time: guided self-scheduling (Polychronopoulos and Kuck, 1987).
 *
 * A child gone wild may write over all of this. What the parent then finds is refused, for that
 * child alone as long as it can be said whose it is; where a call is said to begin that began
 * before, no other is taken, and those that nobody runs any more are said to be lost.
 *
 * All atomic operations are sequentially consistent. That matters for `ending` and `asleep`,
 * where each side writes one word and then reads another's. */

/* Many children have small rings. */
#define LARGE_RING (256u * 1024)
#define SMALL_RING (32u * 1024)
#define FEW_SLOTS 16
#define MAX_SLOTS 4096

/* A column fits into a ring, with its cells and as many bytes. */
#define LARGE_BATCH ((PcallBlockLimits) { 4096, 31 * 1024 })
#define SMALL_BATCH ((PcallBlockLimits) { 512, 3 * 1024 })

#define PAGE 4096

static gsize
round_up (gsize size,
          gsize to)
{
  return (size + to - 1) / to * to;
}

static gboolean
map (PcallLedger  *self,
     gsize         size,
     GError      **error)
{
  gpointer memory = mmap (NULL, size, PROT_READ | PROT_WRITE,
                          MAP_SHARED | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

  if (memory == MAP_FAILED)
    {
      g_set_error (error, PCALL_ERROR, PCALL_ERROR_START,
                   "mmap of %" G_GSIZE_FORMAT " bytes to share with children: %s", size,
                   g_strerror (errno));
      return FALSE;
    }

  self->shared = memory;
  self->size = size;
  return TRUE;
}

PcallLedger *
pcall_ledger_new (guint    n_calls,
                  guint    n_slots,
                  GError **error)
{
  g_autoptr (PcallLedger) self = g_new0 (PcallLedger, 1);
  guint32 ring_size = n_slots <= FEW_SLOTS ? LARGE_RING : SMALL_RING;
  gsize words_at, rings_at, batches_at;

  g_ref_count_init (&self->ref_count);
  self->n_calls = n_calls;
  self->n_slots = MIN (n_slots, MAX_SLOTS);
  words_at = sizeof (PcallLedgerShared) + (self->n_slots + 1) * sizeof (PcallLedgerSlot);
  rings_at = round_up (words_at + n_calls * sizeof (guint32), PAGE);
  batches_at = rings_at + (gsize) self->n_slots * ring_size;
  self->limits = n_slots <= FEW_SLOTS ? LARGE_BATCH : SMALL_BATCH;
  self->batch_size = round_up (sizeof (PcallOpenBlock) + self->limits.n_calls * sizeof (guint64) +
                               self->limits.n_bytes, PAGE);
  if (!map (self, batches_at + (self->n_slots + 1) * self->batch_size, error))
    return NULL;

  self->words = (guint32 *) ((guint8 *) self->shared + words_at);
  self->batches = (guint8 *) self->shared + batches_at;
  self->in_use = g_new0 (gboolean, self->n_slots);
  self->rings = g_new (PcallRing, self->n_slots);
  for (guint i = 0; i < self->n_slots; i++)
    self->rings[i] = (PcallRing) { &self->shared->slots[i].positions,
                                   (guint8 *) self->shared + rings_at + (gsize) i * ring_size,
                                   ring_size };
  return g_steal_pointer (&self);
}

PcallLedger *
pcall_ledger_ref (PcallLedger *self)
{
  g_ref_count_inc (&self->ref_count);
  return self;
}

void
pcall_ledger_unref (PcallLedger *self)
{
  if (!g_ref_count_dec (&self->ref_count))
    return;

  if (self->shared != NULL)
    munmap (self->shared, self->size);
  g_free (self->rings);
  g_free (self->in_use);
  g_free (self);
}

/* How many calls of its batch have ended. */
static guint32
count_ended (PcallLedger *self,
             int          slot)
{
  guint64 n = pcall_ledger_get_batch (self, slot)->n_ended;

  return MIN (n, self->limits.n_calls);
}

static gboolean
get_claim (PcallLedger *self,
           int          slot,
           PcallSpan   *claim)
{
  PcallLedgerSlot *at = pcall_ledger_get_slot (self, slot);

  *claim = (PcallSpan) { pcall_word_load (&at->call), pcall_word_load (&at->end) };
  return claim->first < claim->end && claim->end <= self->n_calls;
}

/* The parent's side */

static int
find_slot (PcallLedger *self)
{
  for (guint i = 0; i < self->n_slots; i++)
    if (!self->in_use[i])
      return i;
  return -1;
}

gboolean
pcall_ledger_has_slot (PcallLedger *self)
{
  return find_slot (self) >= 0;
}

int
pcall_ledger_open_slot (PcallLedger *self)
{
  int slot = find_slot (self);

  if (slot < 0)
    return -1;

  self->in_use[slot] = TRUE;
  *pcall_ledger_get_slot (self, slot) = (PcallLedgerSlot) { .call = PCALL_NO_CALL,
                                                            .log = PCALL_NO_CALL,
                                                            .asleep = TRUE };
  pcall_ledger_get_batch (self, slot)->n_ended = 0;
  return slot;
}

void
pcall_ledger_close_slot (PcallLedger *self,
                         int          slot)
{
  self->in_use[slot] = FALSE;
}

int
pcall_ledger_own_slot (PcallLedger *self)
{
  return self->n_slots;
}

gboolean
pcall_ledger_is_left (PcallLedger *self)
{
  return !self->ruined && pcall_word_load (&self->shared->next) < self->n_calls;
}

guint
pcall_ledger_peek_next (PcallLedger *self)
{
  return MIN (pcall_word_load (&self->shared->next), self->n_calls - 1);
}

void
pcall_ledger_exhaust (PcallLedger *self)
{
  pcall_word_store (&self->shared->next, self->n_calls);
}

void
pcall_ledger_ruin (PcallLedger *self)
{
  self->ruined = TRUE;
  pcall_ledger_exhaust (self);
}

/* The parent looks at it when the child has ended, or between two times that `turn` is the same and
 * even. */
void
pcall_ledger_set_claim (PcallLedgerSlot *at,
                        guint32          first,
                        guint32          end)
{
  g_atomic_int_inc ((gint *) &at->turn);
  pcall_word_store (&at->call, first);
  pcall_word_store (&at->end, end);
  g_atomic_int_inc ((gint *) &at->turn);
}

/* How many calls from the first on it could take, and are its now. */
guint
pcall_ledger_take_row (PcallLedger *self,
                       int          slot,
                       PcallSpan    span)
{
  guint32 taken = pcall_word_new (slot, PCALL_WORD_TAKEN);
  guint index = span.first;

  while (index < span.end && (pcall_word_move (&self->words[index], PCALL_WORD_FREE, taken) ||
                              pcall_word_load (&self->words[index]) == taken))
    index++;
  return index - span.first;
}

guint
pcall_ledger_take_again (PcallLedger *self,
                         int          slot,
                         PcallSpan    span)
{
  guint n;

  if (self->ruined)
    return 0;

  pcall_ledger_set_claim (pcall_ledger_get_slot (self, slot), span.first, span.end);
  n = pcall_ledger_take_row (self, slot, span);
  pcall_ledger_set_claim (pcall_ledger_get_slot (self, slot), span.first, span.first + n);
  return n;
}

void
pcall_ledger_give_back (PcallLedger *self,
                        int          slot,
                        guint        index)
{
  pcall_word_move (&self->words[index], pcall_word_new (slot, PCALL_WORD_TAKEN), PCALL_WORD_FREE);
}

/* @in_call: the one that the child was in, if any. Those before it have ended; what is not known of
 * them is lost. */
static gboolean
is_unbegun (PcallLedger *self,
            int          slot,
            guint32      index,
            guint32      in_call)
{
  guint32 word = pcall_word_load (&self->words[index]);

  return word == pcall_word_new (slot, PCALL_WORD_TAKEN) ||
         (word == pcall_word_new (slot, PCALL_WORD_ENTERED) && index > in_call) ||
         (word == PCALL_WORD_FREE && index < pcall_word_load (&self->shared->next));
}

gboolean
pcall_ledger_reclaim (PcallLedger *self,
                      int          slot,
                      PcallSpan   *span)
{
  PcallSpan claim;
  guint in_call;

  if (!get_claim (self, slot, &claim))
    return FALSE;

  in_call = claim.first + count_ended (self, slot);
  span->first = MAX (claim.first, span->end);
  while (span->first < claim.end && !is_unbegun (self, slot, span->first, in_call))
    span->first++;
  for (span->end = span->first; span->end < claim.end; span->end++)
    {
      if (!is_unbegun (self, slot, span->end, in_call))
        break;
      pcall_word_store (&self->words[span->end], PCALL_WORD_FREE);
    }
  return span->first < span->end;
}

static gboolean
end_if (PcallLedger *self,
        guint        index,
        guint32      word)
{
  return pcall_word_move (&self->words[index], word, PCALL_WORD_DONE);
}

gboolean
pcall_ledger_settle (PcallLedger *self,
                     int          slot,
                     guint        index)
{
  return index < self->n_calls &&
         (end_if (self, index, pcall_word_new (slot, PCALL_WORD_ENTERED)) ||
          end_if (self, index, pcall_word_new (slot, PCALL_WORD_TAKEN)));
}

guint
pcall_ledger_settle_row (PcallLedger *self,
                         int          slot,
                         guint        first,
                         guint        n)
{
  guint i = 0;

  while (i < n && first + i < self->n_calls &&
         end_if (self, first + i, pcall_word_new (slot, PCALL_WORD_ENTERED)))
    i++;
  return i;
}

gboolean
pcall_ledger_has_more (PcallLedger *self,
                       int          slot)
{
  PcallSpan claim;
  guint next;

  if (!get_claim (self, slot, &claim))
    return FALSE;
  next = claim.first + count_ended (self, slot) + 1;
  return next < claim.end && pcall_ledger_is_in (self, slot, next);
}

guint32
pcall_ledger_get_sent (PcallLedger *self,
                       int          slot)
{
  return pcall_word_load (&pcall_ledger_get_slot (self, slot)->sent);
}

guint
pcall_ledger_get_first (PcallLedger *self,
                        int          slot)
{
  return pcall_word_load (&pcall_ledger_get_slot (self, slot)->call);
}

/* A child gone wild may have written any numbers there. */
static gint64
find_time (const PcallLedgerSlot *at)
{
  gint64 now = g_get_monotonic_time ();
  gint64 entered = CLAMP (at->entered, 0, now);
  gint64 began = CLAMP (at->began, 0, now);

  return MAX (began - entered, 0);
}

PcallPayload *
pcall_ledger_harvest (PcallLedger *self,
                      int          slot,
                      guint       *first,
                      gint64      *took)
{
  PcallLedgerSlot *at = pcall_ledger_get_slot (self, slot);
  guint32 turn = pcall_word_load (&at->turn);
  guint32 n_ended = count_ended (self, slot);
  PcallSpan claim;
  g_autoptr (PcallPayload) column = NULL;

  if (turn % 2 != 0 || n_ended == 0 || !get_claim (self, slot, &claim) ||
      n_ended > pcall_span_get_length (claim))
    return NULL;

  column = pcall_open_block_read (pcall_ledger_get_batch (self, slot), &self->limits, 0, n_ended);
  *first = claim.first;
  *took = find_time (at);
  if (pcall_word_load (&at->turn) != turn || column == NULL ||
      !pcall_result_block_is_valid ((PcallResultBlock *) column->bytes, column->length, n_ended))
    return NULL;
  return g_steal_pointer (&column);
}

gboolean
pcall_ledger_is_in (PcallLedger *self,
                    int          slot,
                    guint        index)
{
  return index < self->n_calls &&
         pcall_word_load (&self->words[index]) == pcall_word_new (slot, PCALL_WORD_ENTERED);
}

PcallHold
pcall_ledger_look (PcallLedger *self,
                   int          slot,
                   guint       *index,
                   gint64      *began)
{
  PcallLedgerSlot *at = pcall_ledger_get_slot (self, slot);
  guint32 turn = pcall_word_load (&at->turn);
  PcallSpan claim;
  guint32 call, word;

  if (!get_claim (self, slot, &claim))
    return PCALL_HOLD_NOTHING;
  call = claim.first + count_ended (self, slot);
  if (call >= claim.end || turn != pcall_word_load (&at->turn))
    return PCALL_HOLD_NOTHING;

  *index = call;
  word = pcall_word_load (&self->words[call]);
  /* No call began before the machine did, or after now. */
  *began = CLAMP (at->began, 0, g_get_monotonic_time ());
  if (word == pcall_word_new (slot, PCALL_WORD_ENTERED))
    return PCALL_HOLD_ENTERED;
  if (word == pcall_word_new (slot, PCALL_WORD_TAKEN) ||
      (word == PCALL_WORD_FREE && call < pcall_word_load (&self->shared->next)))
    return PCALL_HOLD_TAKEN;
  return PCALL_HOLD_NOTHING;
}

guint
pcall_ledger_get_log (PcallLedger *self,
                      int          slot)
{
  return pcall_word_load (&pcall_ledger_get_slot (self, slot)->log);
}

void
pcall_ledger_set_ending (PcallLedger *self,
                         int          slot,
                         gboolean     ending)
{
  pcall_word_store (&pcall_ledger_get_slot (self, slot)->ending, ending);
}

void
pcall_ledger_set_asleep (PcallLedger *self,
                         int          slot,
                         gboolean     asleep)
{
  pcall_word_store (&pcall_ledger_get_slot (self, slot)->asleep, asleep);
}

const PcallRing *
pcall_ledger_get_ring (PcallLedger *self,
                       int          slot)
{
  return &self->rings[slot];
}

PcallOpenBlock *
pcall_ledger_get_batch (PcallLedger *self,
                        int          slot)
{
  return (PcallOpenBlock *) (self->batches + (gsize) slot * self->batch_size);
}

const PcallBlockLimits *
pcall_ledger_get_limits (PcallLedger *self)
{
  return &self->limits;
}
