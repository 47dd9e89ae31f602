/*
 * SPDX-FileCopyrightText: 2026 The pcall authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include "pcall-target.h"

#include <stdarg.h>
#include <string.h>

#include "pcall-error.h"

/* Taking arguments apart.
 *
 * The idea: look at everything first, then store. The places to store to stand between the names of
 * keywords, so the first round has to step over as many of them as a format has, and in the second
 * round g_variant_get_va() takes them. */

/* A va_list as a parameter may be an array: its address would not be that of the caller's. */
typedef struct
{
  va_list list;
} Places;

static void
skip_type (const char **format)
{
  const char *end = NULL;

  if (g_variant_type_string_scan (*format, NULL, &end))
    *format = end;
}

/* "^as", "^a&ay": where the format says how to convert, the type is the last letter. */
static void
skip_conversion (const char **format)
{
  while (**format == 'a' || **format == '&')
    (*format)++;
  (*format)++;
}

static void skip_places (const char **format,
                         Places      *places);

static void
skip_members (const char **format,
              char         end,
              Places      *places)
{
  while (**format != end)
    skip_places (format, places);
  (*format)++;
}

/* What is a pointer can be NULL for nothing; of anything else it is told at a place of its own. */
static void
skip_maybe (const char **format,
            Places      *places)
{
  if (strchr ("@a&^sogv*?r", **format) == NULL)
    (void) va_arg (places->list, gpointer);
  skip_places (format, places);
}

/* Steps over one type of a format that is known to be valid, and over what it stores to. */
static void
skip_places (const char **format,
             Places      *places)
{
  char first = *(*format)++;

  if (first == '(')
    skip_members (format, ')', places);
  else if (first == '{')
    skip_members (format, '}', places);
  else if (first == 'm')
    skip_maybe (format, places);
  else
    {
      if (first == '@' || first == '&' || first == 'a')
        skip_type (format);
      else if (first == '^')
        skip_conversion (format);
      (void) va_arg (places->list, gpointer);
    }
}

static gboolean
check_type (const char *what,
            GVariant   *value,
            const char *format,
            GError    **error)
{
  if (g_variant_check_format_string (value, format, FALSE))
    return TRUE;

  g_set_error (error, PCALL_ERROR, PCALL_ERROR_ARGUMENTS, "%s of type '%s'; expected '%s'", what,
               g_variant_get_type_string (value), format);
  return FALSE;
}

static GVariant *
look_up (GVariant   *kwargs,
         const char *name)
{
  return kwargs != NULL ? g_variant_lookup_value (kwargs, name, NULL) : NULL;
}

/* One keyword, if it is given. */
static gboolean
check_keyword (GVariant   *kwargs,
               const char *name,
               const char *format,
               guint      *n_given,
               GError    **error)
{
  g_autoptr (GVariant) value = look_up (kwargs, name);
  g_autofree char *what = NULL;

  if (value == NULL)
    return TRUE;

  (*n_given)++;
  what = g_strdup_printf ("argument '%s' is", name);
  return check_type (what, value, format, error);
}

static gboolean
is_known (const char *name,
          va_list     keywords)
{
  Places places;
  const char *known;
  gboolean found = FALSE;

  va_copy (places.list, keywords);
  while (!found && (known = va_arg (places.list, const char *)) != NULL)
    {
      const char *format = va_arg (places.list, const char *);

      found = g_str_equal (known, name);
      skip_places (&format, &places);
    }
  va_end (places.list);
  return found;
}

/* The names of the keywords, for who has used another. */
static char *
list_known (va_list keywords)
{
  g_autoptr (GString) names = g_string_new (NULL);
  Places places;
  const char *known;

  va_copy (places.list, keywords);
  while ((known = va_arg (places.list, const char *)) != NULL)
    {
      const char *format = va_arg (places.list, const char *);

      g_string_append_printf (names, "%s'%s'", names->len > 0 ? ", " : "", known);
      skip_places (&format, &places);
    }
  va_end (places.list);
  return g_string_free (g_steal_pointer (&names), FALSE);
}

static gboolean
refuse_keyword (const char *name,
                va_list     keywords,
                GError    **error)
{
  g_autofree char *names = list_known (keywords);

  g_set_error (error, PCALL_ERROR, PCALL_ERROR_ARGUMENTS, "there is no argument '%s'; %s%s", name,
               *names != '\0' ? "expected " : "none is taken by name", names);
  return FALSE;
}

static gboolean
refuse_unknown (GVariant *kwargs,
                va_list   keywords,
                GError  **error)
{
  GVariantIter iter;
  const char *name;

  g_variant_iter_init (&iter, kwargs);
  while (g_variant_iter_next (&iter, "{&sv}", &name, NULL))
    if (!is_known (name, keywords))
      return refuse_keyword (name, keywords, error);
  return TRUE;
}

/* All that was given is there, and is of the types that are expected. */
static gboolean
check_all (GVariant   *args,
           GVariant   *kwargs,
           GError    **error,
           const char *format,
           va_list     places)
{
  Places rest;
  Places keywords;
  const char *name;
  guint n_given = 0;
  gboolean valid = check_type ("the arguments are", args, format, error);

  va_copy (rest.list, places);
  if (valid)
    skip_places (&format, &rest);
  va_copy (keywords.list, rest.list);
  while (valid && (name = va_arg (rest.list, const char *)) != NULL)
    {
      format = va_arg (rest.list, const char *);
      valid = check_keyword (kwargs, name, format, &n_given, error);
      skip_places (&format, &rest);
    }
  if (valid && kwargs != NULL && n_given < g_variant_n_children (kwargs))
    valid = refuse_unknown (kwargs, keywords.list, error);
  va_end (keywords.list);
  va_end (rest.list);
  return valid;
}

static void
store_keyword (GVariant   *kwargs,
               const char *name,
               Places     *places)
{
  const char *format = va_arg (places->list, const char *);
  g_autoptr (GVariant) value = look_up (kwargs, name);

  if (value != NULL)
    g_variant_get_va (value, format, NULL, &places->list);
  else
    skip_places (&format, places);
}

/**
 * pcall_parse_args: (skip)
 * @args: the positional arguments of a call, a tuple
 * @kwargs: (nullable): its keyword arguments, an `a{sv}`
 * @error: return location for an error
 * @format: a format string as [method@GLib.Variant.get] takes it, for the whole of @args, such as
 *   `(is)`; `()` for no arguments
 * @...: where to store the positional arguments to, as @format says; then, for each keyword, its
 *   name, a format string for its value, and where to store that to; then %NULL
 *
 * Takes the arguments of a call apart, and checks them, which [method@GLib.Variant.get] does not:
 * there a value of another type is a mistake in the program, and what is stored is anything.
 *
 * ```c
 * static GVariant *
 * fetch (GVariant *args, GVariant *kwargs, gpointer user_data, GError **error)
 * {
 *   const char *address;
 *   gint port;
 *   gdouble timeout = 10.0;
 *
 *   if (!pcall_parse_args (args, kwargs, error, "(&si)", &address, &port,
 *                          "timeout", "d", &timeout, NULL))
 *     return NULL;
 *   …
 * }
 * ```
 *
 * Keyword arguments are optional: for one that is not given, nothing is stored. What is borrowed,
 * as with `&s`, is there as long as @args and @kwargs are.
 *
 * Fails with [error@Pcall.Error.arguments] where an argument is of another type than expected,
 * where there are more or fewer, and for a keyword that is not expected. Nothing is stored then.
 *
 * Returns: %FALSE with @error set if the arguments are not as expected
 *
 * Since: 1.0
 */
gboolean
pcall_parse_args (GVariant   *args,
                  GVariant   *kwargs,
                  GError    **error,
                  const char *format,
                  ...)
{
  Places places;
  const char *name;
  gboolean valid;

  g_return_val_if_fail (args != NULL, FALSE);
  g_return_val_if_fail (kwargs == NULL || g_variant_is_of_type (kwargs, G_VARIANT_TYPE_VARDICT),
                        FALSE);
  g_return_val_if_fail (error == NULL || *error == NULL, FALSE);
  g_return_val_if_fail (format != NULL, FALSE);

  va_start (places.list, format);
  valid = check_all (args, kwargs, error, format, places.list);
  if (valid)
    {
      g_variant_get_va (args, format, NULL, &places.list);
      while ((name = va_arg (places.list, const char *)) != NULL)
        store_keyword (kwargs, name, &places);
    }
  va_end (places.list);
  return valid;
}
