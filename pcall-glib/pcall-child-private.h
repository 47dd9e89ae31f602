/*
 * SPDX-FileCopyrightText: 2026 The pcall authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#pragma once

#include "pcall-child.h"
#include "pcall-process-private.h"

G_BEGIN_DECLS

/* Takes @log_file. */
PcallChild *pcall_child_new          (pid_t            pid,
                                      char            *log_file);
void        pcall_child_set_exit     (PcallChild      *self,
                                      const PcallExit *exit);
void        pcall_child_set_log_file (PcallChild      *self,
                                      const char      *log_file);

G_END_DECLS
