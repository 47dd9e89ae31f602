/*
 * SPDX-FileCopyrightText: 2026 The pcall authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

/* A writer function that a test can ask what came. Children are captured as in a program that knows
 * pcall: what is theirs goes to pcall_log_writer(). */

#include "log-keeper.h"

#include <stdlib.h>
#include <string.h>

static GString *text;
static GPtrArray *lines; /* GString, by call; NULL for none */
static LogKeeperFunc keeper_func;
static gpointer keeper_data;

const char *
log_keeper_find_field (const LogKeeperRecord *record,
                       const char            *key)
{
  for (gsize i = 0; i < record->n_fields; i++)
    if (strcmp (record->fields[i].key, key) == 0)
      return record->fields[i].value;
  return NULL;
}

static void
find_message (LogKeeperRecord *record)
{
  for (gsize i = 0; i < record->n_fields; i++)
    if (strcmp (record->fields[i].key, "MESSAGE") == 0)
      {
        const GLogField *field = &record->fields[i];

        record->message = field->value;
        record->length = field->length < 0 ? strlen (field->value) : (gsize) field->length;
        return;
      }
  record->message = "";
}

static GString *
lines_of (guint call)
{
  while (lines->len <= call)
    g_ptr_array_add (lines, NULL);
  if (lines->pdata[call] == NULL)
    lines->pdata[call] = g_string_new (NULL);
  return lines->pdata[call];
}

void
log_keeper_keep (const LogKeeperRecord *record)
{
  gboolean begin = g_str_has_prefix (record->message, ">>>> Begin child log /");
  gboolean end = g_str_has_prefix (record->message, "<<<< End child log /");
  GString *own = lines_of (record->call);

  g_string_append_printf (text, "%u: ", record->call);
  if (begin || end)
    g_string_append (text, begin ? ">>>>" : "<<<<");
  else
    g_string_append_len (text, record->message, record->length);
  g_string_append_c (text, '\n');

  if (begin || end || g_str_has_prefix (record->message, "call "))
    return;
  g_string_append_len (own, record->message, record->length);
  g_string_append_c (own, '\n');
}

static GLogWriterOutput
write_log (GLogLevelFlags   level,
           const GLogField *fields,
           gsize            n_fields,
           gpointer         data)
{
  LogKeeperRecord record = { .level = level, .fields = fields, .n_fields = n_fields };
  const char *call = log_keeper_find_field (&record, "PCALL_CALL");

  if (pcall_log_writer (level, fields, n_fields, NULL) == G_LOG_WRITER_HANDLED)
    return G_LOG_WRITER_HANDLED;
  if (call == NULL)
    return g_log_writer_default (level, fields, n_fields, data);

  record.call = (guint) g_ascii_strtoull (call, NULL, 10);
  find_message (&record);
  if (keeper_func != NULL)
    keeper_func (&record, keeper_data);
  else
    log_keeper_keep (&record);
  return G_LOG_WRITER_HANDLED;
}

static void
free_lines (gpointer string)
{
  if (string != NULL)
    g_string_free (string, TRUE);
}

void
log_keeper_begin (void)
{
  text = g_string_new (NULL);
  lines = g_ptr_array_new_with_free_func (free_lines);
  g_log_set_writer_func (write_log, NULL, NULL);
}

void
log_keeper_reset (LogKeeperFunc func,
                  gpointer      data)
{
  g_string_truncate (text, 0);
  g_ptr_array_set_size (lines, 0);
  keeper_func = func;
  keeper_data = data;
}

const char *
log_keeper_get_text (void)
{
  return text->str;
}

const GString *
log_keeper_get_lines (guint call)
{
  return lines_of (call);
}
