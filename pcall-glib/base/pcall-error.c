/*
 * SPDX-FileCopyrightText: 2026 The pcall authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

/* An error leaves a process as the name of its domain, its code and its message: a quark is a
 * number of one process alone. Whatever a child says becomes an error that the parent can show,
 * so nothing here fails. */

#include "pcall-error.h"

#include <string.h>

#include "base/pcall-error-private.h"

/* Domains are identifiers. Quarks are never freed, so a child must not choose how much of its
 * parent's memory they take. */
#define MAX_DOMAIN_LENGTH 255

/* clang-format off */
/**
 * pcall_error_quark:
 *
 * Gets the quark of the error domain of pcall, for which code usually writes
 * `PCALL_ERROR`.
 *
 * Returns: the quark of the domain of [error@Pcall.Error]
 *
 * Since: 1.0
 */
G_DEFINE_QUARK (pcall-error-quark, pcall_error)
/* clang-format on */

/* An application may have put anything into its errors; a GVariant takes nothing but UTF-8. */
static char *
make_valid (const char *text)
{
  return g_utf8_make_valid (text != NULL ? text : "", -1);
}

GVariant *
pcall_error_to_variant (const GError *error, GVariant *details)
{
  g_autofree char *domain = make_valid (g_quark_to_string (error->domain));
  g_autofree char *message = make_valid (error->message);

  if (details == NULL)
    details = g_variant_new_array (G_VARIANT_TYPE ("{sv}"), NULL, 0);

  return g_variant_ref_sink (g_variant_new ("(sis@a{sv})", domain, error->code, message, details));
}

GError *
pcall_error_from_variant (GVariant *variant, GVariant **details)
{
  g_autoptr (GVariant) dictionary = NULL;
  const char *domain;
  const char *message;
  gint32 code;

  g_variant_get (variant, "(&si&s@a{sv})", &domain, &code, &message, &dictionary);

  if (details != NULL)
    *details = g_variant_n_children (dictionary) > 0 ? g_steal_pointer (&dictionary) : NULL;

  if (*domain == '\0' || strlen (domain) > MAX_DOMAIN_LENGTH)
    return g_error_new_literal (PCALL_ERROR, PCALL_ERROR_FAILED, message);

  return g_error_new_literal (g_quark_from_string (domain), code, message);
}
