/*
 * SPDX-FileCopyrightText: 2026 The pcall authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#pragma once

#include "pcall-ring-private.h"

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
/* Takes a call that was given back; FALSE if another child has it. */
gboolean  pcall_ledger_take_again (PcallLedger *self,
                                   int          slot,
                                   guint        index);
/* Nothing of the call has run, and it can be taken again. */
void      pcall_ledger_give_back  (PcallLedger *self,
                                   int          slot,
                                   guint        index);
/* The call has ended; FALSE if it is not one that runs in the slot. */
gboolean  pcall_ledger_settle     (PcallLedger *self,
                                   int          slot,
                                   guint        index);

/* What the child in the slot is at, with the call's beginning in microseconds. */
PcallHold pcall_ledger_look       (PcallLedger *self,
                                   int          slot,
                                   guint       *index,
                                   gint64      *began);
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

/* Takes the next call; FALSE if there is none. */
gboolean  pcall_ledger_take       (PcallLedger *self,
                                   int          slot,
                                   guint       *index);
/* The call that was taken begins. FALSE if it must not; then it was given back. */
gboolean  pcall_ledger_enter      (PcallLedger *self,
                                   int          slot,
                                   guint        index,
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

G_DEFINE_AUTOPTR_CLEANUP_FUNC (PcallLedger, pcall_ledger_unref)

G_END_DECLS
