/*
 * SPDX-FileCopyrightText: 2026 The pcall authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#pragma once

#include <glib.h>

G_BEGIN_DECLS

/* A TCP connection whose other side is silent for about three times @interval microseconds, though
 * it is asked and sent to, ends with an error; small frames go at once. With 0, the former is left
 * out. Does nothing to other descriptors. */
void pcall_keepalive_set (int    fd,
                          gint64 interval);

G_END_DECLS
