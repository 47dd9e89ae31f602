/*
 * SPDX-FileCopyrightText: 2026 The pcall authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#pragma once

#include <glib.h>

G_BEGIN_DECLS

/* Descriptors that a forked child of this process, whoever forked it, does not hold: as those whose
 * other end is to see when this process ends. From any thread. */
void pcall_unshared_add    (int fd);
/* It is about to be closed, or to be another's. */
void pcall_unshared_remove (int fd);

G_END_DECLS
