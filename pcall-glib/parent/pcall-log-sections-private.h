/*
 * SPDX-FileCopyrightText: 2026 The pcall authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#pragma once

#include "parent/pcall-log-cleanup-private.h"

G_BEGIN_DECLS

/* What all calls of a task wrote, on its way into the main log, a section for each, in call
 * order. All calls have ended. */
typedef struct _PcallLogSections PcallLogSections;

/* @logs must stay. */
PcallLogSections *pcall_log_sections_new  (PcallLogs        *logs);
void              pcall_log_sections_free (PcallLogSections *self);

/* Calls the application's log writer; FALSE if there is more to do when @until has come. */
gboolean          pcall_log_sections_step (PcallLogSections *self,
                                           gint64            until);

G_END_DECLS
