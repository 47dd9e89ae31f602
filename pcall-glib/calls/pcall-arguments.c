/*
 * SPDX-FileCopyrightText: 2026 The pcall authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

/* The idea: keep what was given as it was given, and zip when asked.
 *
 * An array is checked by its type alone, so that one of a million elements is set in the time of
 * one. (Where the types of elements matter, a tuple is walked, and so is an `av`, which hides
 * them.) What call i gets is put together from child i of each list. GVariant children refer to
 * the memory of the list that they are in, so nothing of the user's is copied or serialised, here
 * or after a fork.
 *
 * One thread sets and builds: nothing is locked. The reference count is atomic nevertheless,
 * because whatever GObject holds a reference is finalised in the thread that drops it last, such
 * as the one of Python's that happens to collect garbage. */

#include "calls/pcall-arguments-parts-private.h"

#include "pcall-error.h"

#include "base/pcall-child-code-private.h"

#define TYPE_VARIANT_ARRAY ((const GVariantType *) "av")

/* The type of a tuple is as long as the tuple; an error message should not be. */
#define MAX_TYPE_SHOWN 60
#define MAX_HINT_SHOWN 60

typedef struct
{
  GVariant *name; /* a variant already, as every call's dictionary takes it */
  GVariant *values;
} Keyword;

struct _PcallArguments
{
  GVariant *common_args;     /* () when not given */
  GVariant *instance_args;   /* (nullable) */
  GVariant *common_kwargs;   /* {} when not given */
  GVariant *instance_kwargs; /* (nullable) */
  GVariant *common;          /* the common ones in one, once they were asked for; else NULL */
  GPtrArray *keywords;       /* of Keyword, in the order in which they were first set */
  GPtrArray *refusals;       /* of Refusal: lists that were bad, and were not set anew since */
  GHashTable *fed;           /* index → arguments, if calls are added one by one; else NULL */
  guint n_fed;
  gboolean is_fed; /* more may come */
};

/* A setter has nobody to tell its error to, so it is kept for the one who starts the task. */
typedef struct
{
  char *what;
  GError *error;
} Refusal;

/* What a setter takes. Elements are of any type where accepts_element is NULL. */
typedef struct
{
  const char *what;
  gboolean (*accepts) (const GVariantType *type);
  const char *expected;
  gboolean (*accepts_element) (const GVariantType *type);
  const char *expected_element;
} Rule;

static gboolean
is_dictionary (const GVariantType *type)
{
  return g_variant_type_is_array (type)
         && g_variant_type_is_dict_entry (g_variant_type_element (type));
}

static gboolean
is_list (const GVariantType *type)
{
  return g_variant_type_is_tuple (type)
         || (g_variant_type_is_array (type) && !is_dictionary (type));
}

static gboolean
is_kwargs (const GVariantType *type)
{
  return g_variant_type_equal (type, G_VARIANT_TYPE_VARDICT);
}

static const Rule common_args_rule = {
  .what = "common-args",
  .accepts = is_list,
  .expected = "a tuple or an array",
};

static const Rule instance_args_rule = {
  .what = "instance-args",
  .accepts = is_list,
  .expected = "an array or a tuple of argument lists, one for each call",
  .accepts_element = is_list,
  .expected_element = "a tuple or an array",
};

static const Rule fed_args_rule = {
  .what = "args",
  .accepts = is_list,
  .expected = "a tuple or an array",
};

static const Rule common_kwargs_rule = {
  .what = "common-kwargs",
  .accepts = is_kwargs,
  .expected = "a{sv}",
};

static const Rule instance_kwargs_rule = {
  .what = "instance-kwargs",
  .accepts = is_list,
  .expected = "an array of a{sv}",
  .accepts_element = is_kwargs,
  .expected_element = "a{sv}",
};

static gboolean
refuse (const char *what, const GVariantType *type, const char *expected, GError **error)
{
  gsize length = g_variant_type_get_string_length (type);

  g_set_error (error, PCALL_ERROR, PCALL_ERROR_ARGUMENTS, "%s is %s type '%.*s%s'; expected %s",
               what, is_dictionary (type) ? "a dictionary of" : "of",
               (int) MIN (length, MAX_TYPE_SHOWN), g_variant_type_peek_string (type),
               length > MAX_TYPE_SHOWN ? "…" : "", expected);
  return FALSE;
}

/* Whether it is what users forget to put into a list of its own. */
static gboolean
is_value (const GVariantType *type)
{
  return g_variant_type_is_basic (type) && !g_variant_type_equal (type, G_VARIANT_TYPE_BYTE);
}

/* What was meant by "[1, 2, 3]", where each call has a list of its own: "[(1,), (2,), (3,)]". NULL
 * where nobody knows, or it is too long to be shown. */
static char *
suggest_lists (GVariant *list)
{
  gboolean is_tuple = g_variant_is_of_type (list, G_VARIANT_TYPE_TUPLE);
  g_autoptr (GString) text = g_string_new (is_tuple ? "(" : "[");
  gsize n = g_variant_n_children (list);

  for (gsize i = 0; i < n; i++)
    {
      g_autoptr (GVariant) element = pcall_list_get_element (list, i);
      const GVariantType *type = g_variant_get_type (element);
      g_autofree char *printed = g_variant_print (element, FALSE);

      if (!is_list (type) && !is_value (type))
        return NULL;
      g_string_append_printf (text, is_list (type) ? "%s%s" : "%s(%s,)", i > 0 ? ", " : "",
                              printed);
      if (text->len > MAX_HINT_SHOWN)
        return NULL;
    }
  g_string_append (text, is_tuple ? (n == 1 ? ",)" : ")") : "]");
  return g_string_free (g_steal_pointer (&text), FALSE);
}

/* For a list of values in the place of a list of argument lists. */
static gboolean
refuse_elements (const Rule *rule, GVariant *list, const char *what, const GVariantType *type,
                 const char *expected, GError **error)
{
  g_autofree char *meant = NULL;
  g_autofree char *text = NULL;

  if (rule->accepts_element == is_list)
    meant = suggest_lists (list);
  if (meant != NULL)
    text = g_strdup_printf ("%s; did you mean %s?", expected, meant);
  return refuse (what, type, text != NULL ? text : expected, error);
}

static gboolean
check_element (const Rule *rule, GVariant *list, gsize index, GError **error)
{
  g_autoptr (GVariant) element = pcall_list_get_element (list, index);
  g_autofree char *what = NULL;

  if (rule->accepts_element (g_variant_get_type (element)))
    return TRUE;

  what = g_strdup_printf ("%s[%" G_GSIZE_FORMAT "]", rule->what, index);
  return refuse_elements (rule, list, what, g_variant_get_type (element), rule->expected_element,
                          error);
}

static gboolean
check_elements (const Rule *rule, GVariant *list, GError **error)
{
  const GVariantType *type = g_variant_get_type (list);
  gsize n = g_variant_n_children (list);

  /* The element type of an empty array is often a mere guess of whoever made it. */
  if (g_variant_type_is_array (type) && !g_variant_type_equal (type, TYPE_VARIANT_ARRAY))
    return n == 0 || rule->accepts_element (g_variant_type_element (type))
           || refuse_elements (rule, list, rule->what, type, rule->expected, error);

  for (gsize i = 0; i < n; i++)
    {
      if (!check_element (rule, list, i, error))
        return FALSE;
    }
  return TRUE;
}

static gboolean
check (const Rule *rule, GVariant *value, GError **error)
{
  if (!rule->accepts (g_variant_get_type (value)))
    return refuse (rule->what, g_variant_get_type (value), rule->expected, error);

  /* Calls are numbered with a guint, and to clamp would be to drop calls without a word. */
  if (g_variant_n_children (value) > G_MAXUINT)
    {
      g_set_error (error, PCALL_ERROR, PCALL_ERROR_ARGUMENTS,
                   "%s has %" G_GSIZE_FORMAT " elements; at most %u are possible", rule->what,
                   g_variant_n_children (value), G_MAXUINT);
      return FALSE;
    }

  return rule->accepts_element == NULL || check_elements (rule, value, error);
}

static void
refusal_free (gpointer data)
{
  Refusal *refusal = data;

  g_free (refusal->what);
  g_error_free (refusal->error);
  g_free (refusal);
}

static void
forgive (PcallArguments *self, const char *what)
{
  for (guint i = 0; i < self->refusals->len; i++)
    if (g_str_equal (((Refusal *) g_ptr_array_index (self->refusals, i))->what, what))
      {
        g_ptr_array_remove_index (self->refusals, i);
        return;
      }
}

/* What was said last about a list is what counts: it is set, or @refused, which is taken. */
static gboolean
conclude (PcallArguments *self, const char *what, GError *refused, GError **error)
{
  Refusal *refusal;

  forgive (self, what);
  if (refused == NULL)
    return TRUE;

  refusal = g_new (Refusal, 1);
  *refusal = (Refusal) { g_strdup (what), g_error_copy (refused) };
  g_ptr_array_add (self->refusals, refusal);
  g_propagate_error (error, refused);
  return FALSE;
}

/* A floating value is consumed even when it is refused, as nobody else would free it. */
static GVariant *
sink (GVariant *value)
{
  return value != NULL ? g_variant_ref_sink (value) : NULL;
}

static gboolean
replace (PcallArguments *self, GVariant **slot, const Rule *rule, GVariant *value, GError **error)
{
  g_autoptr (GVariant) sunk = sink (value);
  GError *refused = NULL;

  if (sunk == NULL || check (rule, sunk, &refused))
    {
      g_clear_pointer (&self->common, g_variant_unref);
      g_clear_pointer (slot, g_variant_unref);
      *slot = g_steal_pointer (&sunk);
    }
  return conclude (self, rule->what, refused, error);
}

static Keyword *
keyword_new (const char *name)
{
  Keyword *keyword = g_new0 (Keyword, 1);

  keyword->name = g_variant_ref_sink (g_variant_new_string (name));
  return keyword;
}

static void
keyword_free (gpointer data)
{
  Keyword *keyword = data;

  g_clear_pointer (&keyword->name, g_variant_unref);
  g_clear_pointer (&keyword->values, g_variant_unref);
  g_free (keyword);
}

static Keyword *
find_keyword (PcallArguments *self, const char *name)
{
  for (guint i = 0; i < self->keywords->len; i++)
    {
      Keyword *keyword = g_ptr_array_index (self->keywords, i);

      if (g_str_equal (g_variant_get_string (keyword->name, NULL), name))
        return keyword;
    }
  return NULL;
}

static gboolean
check_keyword_name (const char *name, GError **error)
{
  const char *message = NULL;

  if (name == NULL || *name == '\0')
    message = "a keyword list needs a name";
  else if (!g_utf8_validate (name, -1, NULL))
    message = "the name of a keyword list is not valid UTF-8";

  if (message != NULL)
    g_set_error_literal (error, PCALL_ERROR, PCALL_ERROR_ARGUMENTS, message);
  return message == NULL;
}

static gboolean
check_keyword_values (const char *what, GVariant *values, GError **error)
{
  const Rule rule = {
    .what = what,
    .accepts = is_list,
    .expected = "an array or a tuple, one element for each call; what is the same for all belongs "
                "into common-kwargs",
  };

  return check (&rule, values, error);
}

static void
overlay_keyword (PcallOverlay *overlay, const Keyword *keyword, guint index)
{
  g_autoptr (GVariant) value = pcall_list_get_element (keyword->values, index);
  g_autoptr (GVariant) entry = NULL;

  entry = g_variant_new_dict_entry (keyword->name, g_variant_new_variant (value));
  pcall_overlay_add_entry (overlay, g_variant_ref_sink (entry));
}

static void
overlay_own (PcallOverlay *overlay, PcallArguments *self, guint index)
{
  if (self->instance_kwargs != NULL)
    {
      g_autoptr (GVariant) dictionary = pcall_list_get_element (self->instance_kwargs, index);

      pcall_overlay_add_dictionary (overlay, dictionary);
    }

  for (guint i = 0; i < self->keywords->len; i++)
    overlay_keyword (overlay, g_ptr_array_index (self->keywords, i), index);
}

static void
shorten (gsize *shortest, GVariant *list)
{
  if (list != NULL)
    *shortest = MIN (*shortest, g_variant_n_children (list));
}

static void
arguments_clear (gpointer data)
{
  PcallArguments *self = data;

  g_clear_pointer (&self->common_args, g_variant_unref);
  g_clear_pointer (&self->instance_args, g_variant_unref);
  g_clear_pointer (&self->common_kwargs, g_variant_unref);
  g_clear_pointer (&self->instance_kwargs, g_variant_unref);
  g_clear_pointer (&self->common, g_variant_unref);
  g_clear_pointer (&self->keywords, g_ptr_array_unref);
  g_clear_pointer (&self->refusals, g_ptr_array_unref);
  g_clear_pointer (&self->fed, g_hash_table_unref);
}

PcallArguments *
pcall_arguments_new (void)
{
  PcallArguments *self = g_atomic_rc_box_new0 (PcallArguments);

  self->keywords = g_ptr_array_new_with_free_func (keyword_free);
  self->refusals = g_ptr_array_new_with_free_func (refusal_free);
  pcall_arguments_set_common_args (self, NULL, NULL);
  pcall_arguments_set_common_kwargs (self, NULL, NULL);
  return self;
}

PcallArguments *
pcall_arguments_ref (PcallArguments *self)
{
  return g_atomic_rc_box_acquire (self);
}

void
pcall_arguments_unref (PcallArguments *self)
{
  g_atomic_rc_box_release_full (self, arguments_clear);
}

gboolean
pcall_arguments_set_common_args (PcallArguments *self, GVariant *cargs, GError **error)
{
  if (cargs == NULL)
    cargs = g_variant_new_tuple (NULL, 0);

  return replace (self, &self->common_args, &common_args_rule, cargs, error);
}

gboolean
pcall_arguments_set_instance_args (PcallArguments *self, GVariant *iargs, GError **error)
{
  return replace (self, &self->instance_args, &instance_args_rule, iargs, error);
}

gboolean
pcall_arguments_set_common_kwargs (PcallArguments *self, GVariant *ckwargs, GError **error)
{
  if (ckwargs == NULL)
    ckwargs = g_variant_new_array (G_VARIANT_TYPE ("{sv}"), NULL, 0);

  return replace (self, &self->common_kwargs, &common_kwargs_rule, ckwargs, error);
}

gboolean
pcall_arguments_set_instance_kwargs (PcallArguments *self, GVariant *ikwargs, GError **error)
{
  return replace (self, &self->instance_kwargs, &instance_kwargs_rule, ikwargs, error);
}

/* Takes @values, which may be NULL. */
static void
replace_keyword (PcallArguments *self, const char *name, GVariant *values)
{
  Keyword *keyword = find_keyword (self, name);

  if (values == NULL)
    {
      g_ptr_array_remove (self->keywords, keyword);
      return;
    }
  if (keyword == NULL)
    {
      keyword = keyword_new (name);
      g_ptr_array_add (self->keywords, keyword);
    }

  g_clear_pointer (&keyword->values, g_variant_unref);
  keyword->values = values;
}

gboolean
pcall_arguments_set_keyword (PcallArguments *self,
                             const char     *name,
                             GVariant       *values,
                             GError        **error)
{
  g_autoptr (GVariant) sunk = sink (values);
  g_autofree char *what = g_strdup_printf ("keyword list '%s'", name != NULL ? name : "");
  GError *refused = NULL;

  if (check_keyword_name (name, &refused) &&
      (sunk == NULL || check_keyword_values (what, sunk, &refused)))
    replace_keyword (self, name, g_steal_pointer (&sunk));
  return conclude (self, what, refused, error);
}

static gboolean
check_lists (PcallArguments *self, GError **error)
{
  if (self->fed == NULL
      || (self->instance_args == NULL && self->instance_kwargs == NULL && self->keywords->len == 0))
    return TRUE;

  g_set_error_literal (error, PCALL_ERROR, PCALL_ERROR_ARGUMENTS,
                       "calls that are added one by one have no other lists of arguments");
  return FALSE;
}

gboolean
pcall_arguments_check (PcallArguments *self, GError **error)
{
  const Refusal *first;

  if (self->refusals->len == 0)
    return check_lists (self, error);

  first = g_ptr_array_index (self->refusals, 0);
  g_propagate_error (error, g_error_copy (first->error));
  return FALSE;
}

gboolean
pcall_arguments_get_length (PcallArguments *self, guint *length)
{
  gsize shortest = self->fed != NULL ? self->n_fed : G_MAXSIZE;

  shorten (&shortest, self->instance_args);
  shorten (&shortest, self->instance_kwargs);
  for (guint i = 0; i < self->keywords->len; i++)
    shorten (&shortest, ((Keyword *) g_ptr_array_index (self->keywords, i))->values);

  if (shortest == G_MAXSIZE)
    return FALSE;

  *length = shortest;
  return TRUE;
}

gboolean
pcall_arguments_feed (PcallArguments *self, GVariant *args, GError **error)
{
  g_autoptr (GVariant) sunk = sink (args);

  if (!check (&fed_args_rule, sunk, error))
    return FALSE;

  if (self->fed == NULL)
    {
      self->fed = g_hash_table_new_full (NULL, NULL, NULL, (GDestroyNotify) g_variant_unref);
      self->is_fed = TRUE;
    }
  g_hash_table_insert (self->fed, GUINT_TO_POINTER (self->n_fed++), g_steal_pointer (&sunk));
  return TRUE;
}

gboolean
pcall_arguments_is_fed (PcallArguments *self)
{
  return self->is_fed;
}

void
pcall_arguments_end_feed (PcallArguments *self)
{
  self->is_fed = FALSE;
}

void
pcall_arguments_drop (PcallArguments *self, guint index)
{
  if (self->fed != NULL)
    g_hash_table_remove (self->fed, GUINT_TO_POINTER (index));
}

static GVariant *
ref_fed (PcallArguments *self, guint index)
{
  GVariant *args = g_hash_table_lookup (self->fed, GUINT_TO_POINTER (index));

  return args != NULL ? g_variant_ref (args) : NULL;
}

PCALL_CHILD_CODE static GVariant *
build_args (PcallArguments *self, GVariant *common, guint index)
{
  g_autoptr (GVariant) instance_args = NULL;

  if (self->fed != NULL)
    instance_args = ref_fed (self, index);
  else if (self->instance_args != NULL)
    instance_args = pcall_list_get_element (self->instance_args, index);

  return pcall_list_concatenate (common, instance_args);
}

PCALL_CHILD_CODE GVariant *
pcall_arguments_build_args (PcallArguments *self, guint index)
{
  return build_args (self, self->common_args, index);
}

GVariant *
pcall_arguments_build_own_args (PcallArguments *self, guint index)
{
  g_autoptr (GVariant) none = g_variant_ref_sink (g_variant_new_tuple (NULL, 0));

  return build_args (self, none, index);
}

PCALL_CHILD_CODE static GVariant *
build_kwargs (PcallArguments *self, GVariant *common, guint index)
{
  PcallOverlay overlay;

  /* Most calls have no keywords, and the table would cost them more than all the rest. */
  if (self->instance_kwargs == NULL && self->keywords->len == 0
      && (common == NULL || g_variant_n_children (common) == 0))
    return common != NULL ? g_variant_ref (common)
                          : g_variant_ref_sink (g_variant_new_array (G_VARIANT_TYPE ("{sv}"),
                                                                     NULL, 0));

  pcall_overlay_init (&overlay);
  if (common != NULL)
    pcall_overlay_add_dictionary (&overlay, common);
  overlay_own (&overlay, self, index);
  return pcall_overlay_end (&overlay);
}

PCALL_CHILD_CODE GVariant *
pcall_arguments_build_kwargs (PcallArguments *self, guint index)
{
  return build_kwargs (self, self->common_kwargs, index);
}

GVariant *
pcall_arguments_build_own_kwargs (PcallArguments *self, guint index)
{
  return build_kwargs (self, NULL, index);
}

GVariant *
pcall_arguments_get_common (PcallArguments *self)
{
  g_autoptr (GVariant) args = NULL;

  if (self->common == NULL
      && (g_variant_n_children (self->common_args) > 0
          || g_variant_n_children (self->common_kwargs) > 0))
    {
      args = pcall_list_concatenate (self->common_args, NULL);
      self->common = g_variant_ref_sink (g_variant_new ("(v@a{sv})", args, self->common_kwargs));
    }
  return self->common;
}
