/*
 * SPDX-FileCopyrightText: 2026 The pcall authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

/* The bare side: a function in a child process with a pipe, and nothing that makes it safe. */

#pragma once

#include <glib.h>
#include <sys/types.h>

typedef struct
{
  pid_t pid;
  int   fd;
} BareChild;

typedef gint32 (*BareFunc) (gpointer data);

gboolean bare_child_start  (BareChild *self,
                            BareFunc   func,
                            gpointer   data,
                            GError   **error);
gboolean bare_child_finish (BareChild *self,
                            gint32    *result,
                            GError   **error);
gboolean bare_set_error    (GError   **error,
                            const char *what);
