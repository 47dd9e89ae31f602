/*
 * SPDX-FileCopyrightText: 2026 The pcall authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#pragma once

#include "pcall-target.h"

G_BEGIN_DECLS

/* Which program runs a named target. */

/* The path of the program; PCALL_ERROR_START says where it was looked for. */
char *pcall_command_find     (PcallTarget *target,
                              GError     **error);
/* The path of a program of this library's. @what it is, for people. */
char *pcall_command_find_own (const char  *name,
                              const char  *what,
                              GError     **error);
/* What to execute it with, the program's own name first; as long as @target. */
const char * const *
      pcall_command_get_argv (PcallTarget *target);
/* The same, for people: up to an argument that is long or has several lines, and the beginning of
 * that. */
char *pcall_command_describe (PcallTarget *target);
/* The same of any command. */
char *pcall_command_describe_argv (const char * const *argv);
/* Whether a worker of one can run the other. */
gboolean pcall_command_equal (PcallTarget *a,
                              PcallTarget *b);

G_END_DECLS
