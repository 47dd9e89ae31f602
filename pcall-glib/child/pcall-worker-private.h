/*
 * SPDX-FileCopyrightText: 2026 The pcall authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#pragma once

#include <glib.h>

G_BEGIN_DECLS

/* How a worker and the process that starts it find each other: by the environment, and never by
 * arguments, which everybody can read. */
#define PCALL_ENV_FD "PCALL_WORKER_FD"           /* the descriptor of the channel */
#define PCALL_ENV_LIFE_FD "PCALL_WORKER_LIFE_FD" /* that of the life pipe; it may be missing */
#define PCALL_ENV_JOURNAL_FD "PCALL_WORKER_JOURNAL_FD" /* that of the journal, if it has one */
#define PCALL_ENV_COOKIE "PCALL_WORKER_COOKIE"   /* the task's nonce, 16 hexadecimal digits */

/* What a worker knows, among what it says in its hello: that there may be COMMON. */
#define PCALL_WORKER_KNOWS_COMMON "common" /* b */

/* The files of a call's output, in a worker. */

/* Behind the key, where standard output has a file of its own beside the log file. */
#define PCALL_LOG_KEY_SPLIT "+"

/* Sends standard output and error, and records of GLib's log marked with @key, into the file at
 * @path, if that is not empty, until restored. Where it cannot be opened they stay as they are,
 * and the parent is told. */
void pcall_worker_output_redirect (const char *path,
                                   const char *key);
void pcall_worker_output_restore  (void);

G_END_DECLS
