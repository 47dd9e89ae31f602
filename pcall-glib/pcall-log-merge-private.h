/*
 * SPDX-FileCopyrightText: 2026 The pcall authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#pragma once

#include "pcall-call-private.h"
#include "pcall-child-private.h"
#include "pcall-log-capture-private.h"

G_BEGIN_DECLS

/* All children have ended: writes what each of them wrote into the main log, a section for each, in
 * call order, unless @quiet; then removes the files, unless @keep. Calls the application's log
 * writer. */
void pcall_log_merge (const PcallLogCapture *log,
                      PcallCallList         *calls,
                      PcallChildList        *children,
                      gboolean               quiet,
                      gboolean               keep);

G_END_DECLS
