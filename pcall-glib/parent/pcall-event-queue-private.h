/*
 * SPDX-FileCopyrightText: 2026 The pcall authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#pragma once

#include "base/pcall-process-private.h"
#include "calls/pcall-call-private.h"
#include "calls/pcall-child-private.h"
#include "wire/pcall-outcome-private.h"

G_BEGIN_DECLS

typedef enum
{
  PCALL_EVENT_CALL_BEGAN,
  PCALL_EVENT_CALL_PROGRESSED,
  PCALL_EVENT_CALL_SENT,
  PCALL_EVENT_CALL_ENDED,
  PCALL_EVENT_CHILD_REPLACED,
  PCALL_EVENT_CHILD_ENDED,
  PCALL_EVENT_EXPLAINED, /* see pcall-explain.c */
} PcallEventType;

/* Something that was heard of a call or a child. */
typedef struct _PcallEvent PcallEvent;

struct _PcallEvent
{
  PcallEvent    *next;
  PcallEventType type;
  guint          index; /* of the call; or the position of the child */
  union
  {
    struct
    {
      pid_t    pid;
      gint64   time;
      gboolean first; /* it had not begun before, in another child */
    } began;
    struct
    {
      gdouble fraction;
      char   *text;
    } progress;
    struct
    {
      PcallPayload *payload;
      GUnixFDList  *handles; /* NULL if there are none */
    } message;
    struct
    {
      PcallCallEnd end;
      PcallOutcome outcome;
    } ended;
    pid_t     pid;  /* of the child that is replaced by this process */
    PcallExit exit; /* of the child */
    char     *text; /* of an explanation */
  };
};

void pcall_event_free (PcallEvent *event);

/* What was heard and is not told yet, in order. See pcall-event-queue.c. Zero-initialise it. */
typedef struct
{
  PcallEvent  *head;
  PcallEvent  *tail;
  PcallEvent **unapplied; /* where the first that no record shows hangs; NULL: at the head */
  gboolean     explains;  /* what is done is wanted in words, too */
} PcallEventQueue;

/* Drops all that there is. */
void        pcall_event_queue_clear (PcallEventQueue *self);
gboolean    pcall_event_queue_is_empty (PcallEventQueue *self);
/* Appends an event of that type, to be filled in. */
PcallEvent *pcall_event_queue_add   (PcallEventQueue *self,
                                     PcallEventType   type,
                                     guint            index);
/* The same; or the last one that there is, to be filled in anew, where that is of the same type and
 * index, and shows in no record yet. It is of no other type than CALL_PROGRESSED. */
PcallEvent *pcall_event_queue_renew (PcallEventQueue *self,
                                     PcallEventType   type,
                                     guint            index);
/* All that was heard shows in the records from here on. */
void        pcall_event_queue_apply (PcallEventQueue *self,
                                     PcallCallList   *calls,
                                     PcallChildList  *children);
/* The next event, which shows in its record from here on; NULL if there is none. */
PcallEvent *pcall_event_queue_take  (PcallEventQueue *self,
                                     PcallCallList   *calls,
                                     PcallChildList  *children);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (PcallEvent, pcall_event_free)

G_END_DECLS
