/*
 * SPDX-FileCopyrightText: 2026 The pcall authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#pragma once

#include "parent/pcall-runner-parts-private.h"

G_BEGIN_DECLS

/* What the library does and why, in words for who asks, and as marks for a profiler: see
 * pcall-explain.c. All of it does nothing where nobody asks. */

/* Whether debug messages of this library are wanted, as of now. */
gboolean pcall_explain_is_wanted (void);
/* Says something, in the order of what is told. */
void     pcall_explain           (PcallEventQueue *events,
                                  const char      *format,
                                  ...) G_GNUC_PRINTF (2, 3);

/* The child was made; @took: microseconds. */
void     pcall_explain_made      (PcallRunner     *runner,
                                  gint64           took);
/* Its call runs. */
void     pcall_explain_begun     (PcallRunner     *runner);
/* Its call ended in that state, with the outcome that the runner has. */
void     pcall_explain_call_ended (PcallRunner    *runner,
                                   PcallCallState  state,
                                   gint64          took);
/* The child is ended, and why. */
void     pcall_explain_stopped   (PcallRunner     *runner,
                                  const char      *reason);
void     pcall_explain_killed    (PcallRunner     *runner,
                                  const char      *reason);
/* It was in a pool, and has that call now; it goes into one. */
void     pcall_explain_taken     (PcallRunner     *runner);
void     pcall_explain_put       (PcallRunner     *runner);
/* It has ended so. */
void     pcall_explain_ended     (PcallRunner     *runner,
                                  const PcallExit *exit);

static inline gboolean
pcall_explains (const PcallEventQueue *events)
{
  return events != NULL && G_UNLIKELY (events->explains);
}

G_END_DECLS
