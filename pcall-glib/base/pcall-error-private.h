/*
 * SPDX-FileCopyrightText: 2026 The pcall authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#pragma once

#include <glib.h>

G_BEGIN_DECLS

/* How an error crosses processes: domain, code, message, and details (an a{sv}, empty if none). */
#define PCALL_ERROR_VARIANT_TYPE G_VARIANT_TYPE ("(sisa{sv})")

/* A full reference, not floating. A message that is not UTF-8 is made so. @details may be NULL. */
GVariant *pcall_error_to_variant   (const GError *error,
                                    GVariant     *details);

/* The error that @variant, of PCALL_ERROR_VARIANT_TYPE, describes. An empty domain, which no
 * GError can have, becomes PCALL_ERROR_FAILED, and so does one of more than 255 bytes, as a quark
 * is for ever. @details gets a full reference, or NULL where there are none. */
GError   *pcall_error_from_variant (GVariant     *variant,
                                    GVariant    **details);

G_END_DECLS
