/*
 * SPDX-FileCopyrightText: 2026 The pcall authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#pragma once

#include "start/pcall-start-private.h"
#include "wire/pcall-remote-private.h"

G_BEGIN_DECLS

/* For workers of any kind. A machine without room for logs can still run calls. To be closed in
 * either case. */
gboolean     pcall_agent_context_open    (PcallStartContext       *context,
                                          GError                 **error);
/* The next worker is started as that says; its environment becomes this process's, too. */
void         pcall_agent_context_prepare (PcallStartContext       *context,
                                          const PcallRemoteLaunch *launch);
/* What the next worker runs. */
PcallTarget *pcall_agent_make_target     (const PcallRemoteLaunch *launch);

G_END_DECLS
