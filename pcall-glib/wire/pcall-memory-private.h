/*
 * SPDX-FileCopyrightText: 2026 The pcall authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#pragma once

#include <sys/uio.h>

#include "wire/pcall-payload-private.h"

G_BEGIN_DECLS

/* Payloads from here on go in memory of their own, where that can be attached. */
#define PCALL_MEMORY_LEAST_SIZE (64 * 1024 + 1)

/* Memory with the @size bytes of @parts in it, which nobody can change any more. A descriptor, or
 * -1 with errno set where there is no such memory now: then they go as bytes. */
int           pcall_memory_new     (const struct iovec *parts,
                                    guint               n_parts,
                                    gsize               size);
/* Adds @parts to what somebody has written into the memory at @fd, and ends that it can be changed.
 * FALSE with errno set where that fails. */
gboolean      pcall_memory_finish  (int                 fd,
                                    const struct iovec *parts,
                                    guint               n_parts);

/* What somebody sent as @length bytes of memory. Anything else is PCALL_ERROR_PROTOCOL, and so is
 * no room for it. It can be written to if @writable. @fd stays the caller's. */
PcallPayload *pcall_memory_receive (int                 fd,
                                    guint64             length,
                                    gboolean            writable,
                                    GError            **error);

G_END_DECLS
