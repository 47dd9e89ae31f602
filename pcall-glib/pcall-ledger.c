/*
 * SPDX-FileCopyrightText: 2026 The pcall authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include "pcall-ledger-private.h"

#include <errno.h>
#include <sys/mman.h>

#include "pcall-error.h"

/* Who has which call.
 *
 * Children take calls by themselves from a counter, `next`. Any of them may die at any moment, so
 * the counter is only where to look; the truth is a word for each call, and which call a child is
 * at stands in its slot:
 *
 *   word      free → taken (slot) → entered (slot) → done
 *                ↖ given back ↙
 *
 * A child
 *   1. reads i from the counter, and writes i into its slot: whoever finds it dead looks there;
 *   2. moves the counter from i to i + 1; if another did, it begins anew;
 *   3. takes the call, by moving its word from free to taken; if another has it, it begins anew;
 *   4. enters it, unless its slot says that it is to end; from here on it is in user code;
 *   5. writes what came of it into the ring of its slot, in one step that makes all of it visible.
 *
 * The parent reads the ring, makes the word done, and after the child's death, when nothing is left
 * in the ring, looks at the call that the slot names. If its word is entered by this slot, that call
 * has crashed. If it is taken by this slot (death between 3 and 4), or free and behind the counter (between
 * 2 and 3), nothing of it has run, and the parent gives it to another child. In all other cases (between 1
 * and 2; after 5) the child had no call. A word that is free is taken once, whoever comes first:
 * so it does no harm if a call is offered twice.
 *
 * A child gone wild may write over all of this. What the parent then finds is refused, for that
 * child alone as long as it can be said whose it is; where a call is said to begin that began before, no
 * other is taken, and those that nobody runs any more are said to be lost.
 *
 * All atomic operations are sequentially consistent. That matters for `ending` and `asleep`, where
 * each side writes one word and then reads another's. */

#define STATE_BITS 2u
#define STATE_MASK 3u

enum
{
  WORD_FREE,
  WORD_TAKEN,
  WORD_ENTERED,
  WORD_DONE,
};

/* Many children have small rings. */
#define LARGE_RING (256u * 1024)
#define SMALL_RING (32u * 1024)
#define FEW_SLOTS 16
#define MAX_SLOTS 4096

#define PAGE 4096

typedef struct
{
  guint32            call;
  guint32            log;
  guint32            ending;
  guint32            asleep;
  gint64             began;
  guint8             gap[40];
  PcallRingPositions positions;
} Slot;

typedef struct
{
  guint32 next;
  guint8  gap[60];
  Slot    slots[]; /* one more than children can have; then the words, and the rings */
} Shared;

struct _PcallLedger
{
  grefcount  ref_count;
  guint      n_calls;
  guint      n_slots;
  Shared    *shared;
  gsize      size;
  guint32   *words;
  PcallRing *rings; /* not shared, as the rest */
  gboolean  *in_use;
  gboolean   ruined;
};

static guint32
load (const guint32 *number)
{
  return (guint32) g_atomic_int_get (number);
}

static void
store (guint32 *number,
       guint32  value)
{
  g_atomic_int_set (number, value);
}

static gboolean
move (guint32 *number,
      guint32  from,
      guint32  to)
{
  return g_atomic_int_compare_and_exchange ((gint *) number, (gint) from, (gint) to);
}

static guint32
make_word (int     slot,
           guint32 state)
{
  return ((guint32) slot + 1) << STATE_BITS | state;
}

static gsize
round_up (gsize size,
          gsize to)
{
  return (size + to - 1) / to * to;
}

static gboolean
map (PcallLedger *self,
     gsize        size,
     GError     **error)
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
  gsize words_at, rings_at;

  g_ref_count_init (&self->ref_count);
  self->n_calls = n_calls;
  self->n_slots = MIN (n_slots, MAX_SLOTS);
  words_at = sizeof (Shared) + (self->n_slots + 1) * sizeof (Slot);
  rings_at = round_up (words_at + n_calls * sizeof (guint32), PAGE);
  if (!map (self, rings_at + (gsize) self->n_slots * ring_size, error))
    return NULL;

  self->words = (guint32 *) ((guint8 *) self->shared + words_at);
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

static Slot *
get_slot (PcallLedger *self,
          int          slot)
{
  g_assert (slot >= 0 && (guint) slot <= self->n_slots);
  return &self->shared->slots[slot];
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
  *get_slot (self, slot) = (Slot) { .call = PCALL_NO_CALL, .log = PCALL_NO_CALL, .asleep = TRUE };
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
  return !self->ruined && load (&self->shared->next) < self->n_calls;
}

guint
pcall_ledger_peek_next (PcallLedger *self)
{
  return MIN (load (&self->shared->next), self->n_calls - 1);
}

void
pcall_ledger_exhaust (PcallLedger *self)
{
  store (&self->shared->next, self->n_calls);
}

void
pcall_ledger_ruin (PcallLedger *self)
{
  self->ruined = TRUE;
  pcall_ledger_exhaust (self);
}

gboolean
pcall_ledger_take_again (PcallLedger *self,
                         int          slot,
                         guint        index)
{
  store (&get_slot (self, slot)->call, index);
  return !self->ruined && move (&self->words[index], WORD_FREE, make_word (slot, WORD_TAKEN));
}

void
pcall_ledger_give_back (PcallLedger *self,
                        int          slot,
                        guint        index)
{
  move (&self->words[index], make_word (slot, WORD_TAKEN), WORD_FREE);
}

gboolean
pcall_ledger_settle (PcallLedger *self,
                     int          slot,
                     guint        index)
{
  return index < self->n_calls &&
         (move (&self->words[index], make_word (slot, WORD_ENTERED), WORD_DONE) ||
          move (&self->words[index], make_word (slot, WORD_TAKEN), WORD_DONE));
}

gboolean
pcall_ledger_is_in (PcallLedger *self,
                    int          slot,
                    guint        index)
{
  return index < self->n_calls && load (&self->words[index]) == make_word (slot, WORD_ENTERED);
}

PcallHold
pcall_ledger_look (PcallLedger *self,
                   int          slot,
                   guint       *index,
                   gint64      *began)
{
  Slot *at = get_slot (self, slot);
  guint32 call = load (&at->call);
  guint32 word;

  if (call >= self->n_calls)
    return PCALL_HOLD_NOTHING;

  *index = call;
  word = load (&self->words[call]);
  *began = at->began;
  if (word == make_word (slot, WORD_ENTERED))
    return PCALL_HOLD_ENTERED;
  if (word == make_word (slot, WORD_TAKEN) ||
      (word == WORD_FREE && call < load (&self->shared->next)))
    return PCALL_HOLD_TAKEN;
  return PCALL_HOLD_NOTHING;
}

guint
pcall_ledger_get_log (PcallLedger *self,
                      int          slot)
{
  return load (&get_slot (self, slot)->log);
}

void
pcall_ledger_set_ending (PcallLedger *self,
                         int          slot,
                         gboolean     ending)
{
  store (&get_slot (self, slot)->ending, ending);
}

void
pcall_ledger_set_asleep (PcallLedger *self,
                         int          slot,
                         gboolean     asleep)
{
  store (&get_slot (self, slot)->asleep, asleep);
}

/* The child's side */

gboolean
pcall_ledger_take (PcallLedger *self,
                   int          slot,
                   guint       *index)
{
  Slot *at = get_slot (self, slot);
  guint32 next;

  while (!self->ruined && (next = load (&self->shared->next)) < self->n_calls)
    {
      store (&at->call, next);
      if (move (&self->shared->next, next, next + 1) &&
          move (&self->words[next], WORD_FREE, make_word (slot, WORD_TAKEN)))
        {
          *index = next;
          return TRUE;
        }
    }
  return FALSE;
}

gboolean
pcall_ledger_enter (PcallLedger *self,
                    int          slot,
                    guint        index,
                    gint64       began)
{
  Slot *at = get_slot (self, slot);

  if (load (&at->ending))
    {
      pcall_ledger_give_back (self, slot, index);
      return FALSE;
    }

  at->began = began;
  store (&self->words[index], make_word (slot, WORD_ENTERED));
  return TRUE;
}

void
pcall_ledger_set_log (PcallLedger *self,
                      int          slot,
                      guint        index)
{
  store (&get_slot (self, slot)->log, index);
}

gboolean
pcall_ledger_must_wake (PcallLedger *self,
                        int          slot)
{
  Slot *at = get_slot (self, slot);

  return load (&at->asleep) && move (&at->asleep, TRUE, FALSE);
}

const PcallRing *
pcall_ledger_get_ring (PcallLedger *self,
                       int          slot)
{
  return &self->rings[slot];
}
