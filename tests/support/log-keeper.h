/*
 * SPDX-FileCopyrightText: 2026 The pcall authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#pragma once

#include <pcall-glib/pcall.h>

/* The main log of a test: keeps what calls wrote, and hands all else on to GLib. */

typedef struct
{
  guint            call;
  GLogLevelFlags   level;
  const GLogField *fields;
  gsize            n_fields;
  const char      *message; /* zero-terminated as GLib has it, … */
  gsize            length;  /* … and as long as this */
} LogKeeperRecord;

typedef void (*LogKeeperFunc) (const LogKeeperRecord *record,
                               gpointer               data);

/* Once, in main(): sets the writer function of this program. */
void        log_keeper_begin        (void);

/* From here on there is nothing kept. @func is called for each record of a call, in place of
 * keeping it; NULL for keeping. */
void        log_keeper_reset        (LogKeeperFunc func,
                                     gpointer      data);

/* All that came, in order, as "call: message" lines; the marks of a section as ">>>>" and
 * "<<<<". */
const char *log_keeper_get_text     (void);

/* What came of one call, without marks and what pcall says itself, a line each. */
const GString *log_keeper_get_lines (guint         call);

/* Keeps this one, too: for a LogKeeperFunc. */
void        log_keeper_keep         (const LogKeeperRecord *record);

const char *log_keeper_find_field   (const LogKeeperRecord *record,
                                     const char            *key);
