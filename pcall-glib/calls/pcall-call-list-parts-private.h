/*
 * SPDX-FileCopyrightText: 2026 The pcall authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#pragma once

#include "calls/pcall-call-private.h"
#include "wire/pcall-number-private.h"

G_BEGIN_DECLS

/* The list is three files: what becomes of calls (pcall-call-list.c), their results
 * (pcall-call-results.c), and what they wrote (pcall-call-output.c). */

/* What few calls have. */
typedef struct
{
  GError   *error;
  GVariant *error_details;
  char     *progress_text;
  char     *log_file; /* once asked for */
  char     *log_note;
  GBytes   *output; /* what it wrote, where its log file is gone */
  gdouble   progress;
} PcallCallExtra;

typedef struct
{
  union
  {
    PcallPayload *payload;
    guint64       bits;
  }      result;
  PcallCallExtra *extra;
  gint64 time; /* running: when it began; finished: how long it took; microseconds */
  gint32 pid;
  guint8 state;
  char   number;         /* the type of the result, where that is one; else it is a payload */
  guint8 known      : 2; /* what was heard of the call, which `state` may not show yet; a Known */
  guint8 has_log    : 1;
  guint8 stopped    : 1; /* `time` is how long it took */
} PcallCallRecord;

struct _PcallCallList
{
  gatomicrefcount ref_count;
  PcallArguments *arguments;
  GPtrArray      *targets;
  PcallCallRecord *records;
  guint           n_calls;
  guint           n_room; /* for so many there are records */
  guint           n_known_ended; /* whether it was told or not */
  guint           n_finished;
  guint           n_failed;
  gdouble         progress; /* of the calls that run, summed up */
  PcallViews       views;    /* PcallCall */
  GHashTable      *handles; /* index → GUnixFDList, where a result has one; NULL: none has */
  GHashTable      *hosts;   /* index → where it runs or ran, if elsewhere; NULL: all are here */
  GHashTable      *journals; /* index → GBytes, where a call has one; NULL: none has */
  PcallLogFiles *log;     /* NULL: no call has a log file */
};

static inline PcallCallRecord *
pcall_call_list_get_record (PcallCallList *self,
                            guint          index)
{
  g_assert (index < self->n_calls);
  return &self->records[index];
}

/* Makes it where it has none. */
PcallCallExtra *pcall_call_record_get_extra (PcallCallRecord *record);

/* The call has returned that. */
void pcall_call_record_set_number  (PcallCallRecord   *record,
                                    const PcallNumber *number);
void pcall_call_record_set_payload (PcallCallRecord   *record,
                                    PcallPayload      *result);

G_END_DECLS
