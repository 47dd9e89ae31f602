/*
 * SPDX-FileCopyrightText: 2026 The pcall authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include <string.h>

#include "log/pcall-log-files-private.h"

/* What a call wrote, as text: its last lines for the message of an error, and as a value.
 *
 * A record of a log is a line with its message. */

#define TAIL_SIZE 8192  /* bytes that are shown */
#define READ_SIZE 32768 /* that are looked at */
#define TAIL_LINES 3

/* What a terminal would take for a command is not to reach it in an error's message. */
static char *
escape_controls (const char *text)
{
  g_autofree char *valid = g_utf8_make_valid (text, -1);
  GString *escaped = g_string_new (NULL);

  for (const char *at = valid; *at != '\0'; at = g_utf8_next_char (at))
    {
      gunichar c = g_utf8_get_char (at);

      if (g_unichar_iscntrl (c) && c != '\t')
        g_string_append_printf (escaped, "\\x%02x", c);
      else
        g_string_append_unichar (escaped, c);
    }
  return g_string_free (escaped, FALSE);
}

/* A crash may be told with its innermost frame first, as by Python's faulthandler: then the lines
 * that tell most are not the last ones. Other threads than the one that crashed are not of
 * interest. */
static gboolean
begins_frames (const char *line)
{
  return g_str_has_suffix (line, "(most recent call first):") &&
         !g_str_has_prefix (line, "Thread ");
}

/* Of the last such, the line behind it; otherwise @n. */
static guint
find_frames (char **lines,
             guint  n)
{
  for (guint i = n; i > 1; i--)
    if (begins_frames (lines[i - 2]))
      return i - 1;
  return n;
}

/* Leaves the last lines, or the innermost frames, and makes one line of them: where that is long,
 * what was written last, and of frames the first. */
static char *
join_last_lines (char *text)
{
  g_auto (GStrv) lines = g_strsplit (g_strchomp (text), "\n", -1);
  guint n = g_strv_length (lines);
  guint frames = find_frames (lines, n);
  guint first = frames < n ? frames : n > TAIL_LINES ? n - TAIL_LINES : 0;
  g_autofree char *joined = NULL;
  gsize length;

  for (guint i = first + TAIL_LINES; i < n; i++)
    g_clear_pointer (&lines[i], g_free);
  joined = g_strjoinv (" | ", lines + first);
  length = strlen (joined);
  if (length == 0)
    return NULL;
  if (frames == n)
    return escape_controls (joined + length - MIN (length, TAIL_SIZE));
  joined[MIN (length, TAIL_SIZE)] = '\0';
  return escape_controls (joined);
}

/* What is said in a line or a record. */
static void
append_text (GString             *text,
             const PcallLogEntry *entry)
{
  if (entry->line != NULL)
    g_string_append_len (text, entry->line, entry->length);
  for (gsize i = 0; i < entry->n_fields; i++)
    if (strcmp (entry->fields[i].key, "MESSAGE") == 0)
      g_string_append_len (text, entry->fields[i].value, entry->fields[i].length);
  g_string_append_c (text, '\n');
}

/* All text from where the reader stands. If that is @within a line, its rest is of use only
 * where there is nothing else. */
static GString *
read_text (PcallLogReader *reader,
           gboolean        within)
{
  GString *text = g_string_new (NULL);
  PcallLogEntry entry;
  gsize rest = 0;

  pcall_log_reader_finish (reader);
  while (pcall_log_reader_next (reader, &entry))
    {
      append_text (text, &entry);
      if (within && rest == 0)
        rest = text->len;
    }
  if (rest < text->len)
    g_string_erase (text, 0, rest);

  for (gsize i = 0; i < text->len; i++)
    if (text->str[i] == '\0')
      text->str[i] = ' ';
  return text;
}

/* Of one of the files. */
static char *
get_tail (PcallLogReader *file,
          gboolean        within)
{
  g_autoptr (PcallLogReader) reader = file;
  g_autoptr (GString) text = NULL;

  if (reader == NULL)
    return NULL;
  text = read_text (reader, within);
  return join_last_lines (text->str);
}

/* Standard error tells more of a crash than standard output. */
char *
pcall_log_files_get_tail (const PcallLogFiles *self,
                          guint                index,
                          pid_t                pid)
{
  gsize size = READ_SIZE;
  PcallLogReader *reader = pcall_log_files_open (self, index, pid, &size);
  char *tail = get_tail (reader, size > 0);

  if (tail != NULL || !pcall_log_files_are_split (self))
    return tail;

  size = READ_SIZE;
  reader = pcall_log_files_open_out (self, index, pid, &size);
  return get_tail (reader, size > 0);
}

/* As a value */

static void
append_output (GString        *text,
               PcallLogReader *file,
               gboolean        within)
{
  g_autoptr (PcallLogReader) reader = file;
  gsize begin = text->len;
  PcallLogEntry entry;
  const char *newline;

  if (reader == NULL)
    return;

  pcall_log_reader_set_raw (reader);
  pcall_log_reader_finish (reader);
  while (pcall_log_reader_next (reader, &entry))
    if (entry.line != NULL)
      g_string_append_len (text, entry.line, entry.length);
    else
      append_text (text, &entry);

  /* What was cut is no line, and may be a part of a record. */
  newline = within ? memchr (text->str + begin, '\n', text->len - begin) : NULL;
  if (newline != NULL)
    g_string_erase (text, begin, newline + 1 - (text->str + begin));
}

GBytes *
pcall_log_files_dup_output (const PcallLogFiles *self,
                            guint                index,
                            pid_t                pid,
                            gsize                most)
{
  GString *text = g_string_new (NULL);
  PcallLogReader *reader;
  gsize size = most;

  if (pcall_log_files_are_split (self))
    {
      reader = pcall_log_files_open_out (self, index, pid, &size);
      append_output (text, reader, size > 0);
    }
  size = most;
  reader = pcall_log_files_open (self, index, pid, &size);
  append_output (text, reader, size > 0);
  return g_string_free_to_bytes (text);
}
