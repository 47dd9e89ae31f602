/*
 * SPDX-FileCopyrightText: 2026 The pcall authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#pragma once

#include "share/pcall-result-block-private.h"
#include "share/pcall-ring-private.h"

G_BEGIN_DECLS

/* Who has which call, in memory that a parent and its children share. See pcall-ledger.c. */
typedef struct _PcallLedger PcallLedger;

typedef enum
{
  PCALL_HOLD_NOTHING,
  PCALL_HOLD_TAKEN,   /* nothing of the call has run */
  PCALL_HOLD_ENTERED,
} PcallHold;

/* No index of a call. */
#define PCALL_NO_CALL G_MAXUINT32

/* Of @n_calls calls, for as many as @n_slots children at once. */
PcallLedger *pcall_ledger_new   (guint         n_calls,
                                 guint         n_slots,
                                 GError      **error);
PcallLedger *pcall_ledger_ref   (PcallLedger  *self);
/* A forked child may do it with what is its parent's. */
void         pcall_ledger_unref (PcallLedger  *self);

/* The parent's side */

/* A slot for a child that is to be made; -1 if none is free. */
int       pcall_ledger_open_slot  (PcallLedger *self);
/* That child has ended, or was never made, and what it had is settled. */
void      pcall_ledger_close_slot (PcallLedger *self,
                                   int          slot);
gboolean  pcall_ledger_has_slot   (PcallLedger *self);
/* A slot to take calls by that are not to run. */
int       pcall_ledger_own_slot   (PcallLedger *self);

/* Whether there is a call that nobody took. */
gboolean  pcall_ledger_is_left    (PcallLedger *self);
/* Which that is, as far as can be told. */
guint     pcall_ledger_peek_next  (PcallLedger *self);
/* Nobody takes one any more. */
void      pcall_ledger_exhaust    (PcallLedger *self);
/* What stands here cannot be true: nobody is to believe it any more. Nobody takes a call from here
 * on. */
void      pcall_ledger_ruin       (PcallLedger *self);
/* Takes calls that were given back: how many from the first on, 0 if another child has that one. */
guint     pcall_ledger_take_again (PcallLedger *self,
                                   int          slot,
                                   PcallSpan    span);
/* Nothing of the call has run, and it can be taken again. */
void      pcall_ledger_give_back  (PcallLedger *self,
                                   int          slot,
                                   guint        index);
/* Of what the child in the slot had, which has ended: the next calls behind @span of which
 * nothing has run, given back. FALSE if there are no more. */
gboolean  pcall_ledger_reclaim    (PcallLedger *self,
                                   int          slot,
                                   PcallSpan   *span);
/* The call has ended; FALSE if it is not one that runs in the slot. */
gboolean  pcall_ledger_settle     (PcallLedger *self,
                                   int          slot,
                                   guint        index);

/* What the child in the slot is at, with the call's beginning in microseconds. */
PcallHold pcall_ledger_look       (PcallLedger *self,
                                   int          slot,
                                   guint       *index,
                                   gint64      *began);
/* The same for @n calls from the first on, up to one of which that is not true: how many. */
guint     pcall_ledger_settle_row (PcallLedger *self,
                                   int          slot,
                                   guint        first,
                                   guint        n);
/* What the calls returned that have ended and of which nothing was told: a column, or NULL if there
 * are none. The child goes on meanwhile, or has ended. @took is how long all of them took, in
 * microseconds, 0 where only a binding knows. */
PcallPayload *pcall_ledger_harvest (PcallLedger *self,
                                    int          slot,
                                    guint       *first,
                                    gint64      *took);
/* How many frames the child has sent, or is about to, without those that only wake. */
guint32   pcall_ledger_get_sent   (PcallLedger *self,
                                   int          slot);
/* Whether the child has entered more calls than the one that it is in. */
gboolean  pcall_ledger_has_more   (PcallLedger *self,
                                   int          slot);
/* The first call of which the child has not told. */
guint     pcall_ledger_get_first  (PcallLedger *self,
                                   int          slot);
/* Whether the call runs there. */
gboolean  pcall_ledger_is_in      (PcallLedger *self,
                                   int          slot,
                                   guint        index);
/* By what index its log file is named; PCALL_NO_CALL for none. */
guint     pcall_ledger_get_log    (PcallLedger *self,
                                   int          slot);
/* From here on the child enters no call, or does. */
void      pcall_ledger_set_ending (PcallLedger *self,
                                   int          slot,
                                   gboolean     ending);
/* The child is to say when something has happened. */
void      pcall_ledger_set_asleep (PcallLedger *self,
                                   int          slot,
                                   gboolean     asleep);

/* The child's side */

/* Claims calls that nobody claimed, @most at the most, and fewer towards the end. FALSE if there
 * are none. */
gboolean  pcall_ledger_claim      (PcallLedger *self,
                                   int          slot,
                                   guint        most,
                                   PcallSpan   *claim);
/* Of a claim, takes as many calls as nobody else has, @most at the most: those which follow one
 * another from the first on, which that changes. 0 if there are none. */
guint     pcall_ledger_take_some  (PcallLedger *self,
                                   int          slot,
                                   guint        most,
                                   PcallSpan   *claim);
/* Claims and takes the next call; FALSE if there is none. */
gboolean  pcall_ledger_take       (PcallLedger *self,
                                   int          slot,
                                   guint       *index);
/* The first of the calls that were taken begins, and each of the others when the batch tells
 * that the one before it has ended. FALSE if it must not; then they were given back. */
gboolean  pcall_ledger_enter      (PcallLedger *self,
                                   int          slot,
                                   PcallSpan    span,
                                   gint64       began);
/* The calls of @span from @end on, which were entered, and not begun, are as they were before
 * that. */
void      pcall_ledger_shorten    (PcallLedger *self,
                                   int          slot,
                                   PcallSpan   *span,
                                   guint        end);
/* What came of the calls before @first is told. */
void      pcall_ledger_leave      (PcallLedger *self,
                                   int          slot,
                                   guint        first);
/* So many frames will have been sent when the next one is. */
void      pcall_ledger_set_sent   (PcallLedger *self,
                                   int          slot,
                                   guint32      n_frames);
/* Whether it is to enter no call, of those of a span neither. */
gboolean  pcall_ledger_is_ending  (PcallLedger *self,
                                   int          slot);
/* The call that the child is in next begins then. */
void      pcall_ledger_set_began  (PcallLedger *self,
                                   int          slot,
                                   gint64       began);
void      pcall_ledger_set_log    (PcallLedger *self,
                                   int          slot,
                                   guint        index);
/* Whether the parent is to be told that something has happened; TRUE once each time that it
 * slept. */
gboolean  pcall_ledger_must_wake  (PcallLedger *self,
                                   int          slot);

/* What the child in the slot tells about calls that ended. */
const PcallRing *pcall_ledger_get_ring (PcallLedger *self,
                                        int          slot);
/* What it has not told yet. */
PcallOpenBlock      *pcall_ledger_get_batch (PcallLedger *self,
                                             int          slot);
const PcallBlockLimits *pcall_ledger_get_limits (PcallLedger *self);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (PcallLedger, pcall_ledger_unref)

G_END_DECLS
