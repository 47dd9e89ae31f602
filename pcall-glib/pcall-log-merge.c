/*
 * SPDX-FileCopyrightText: 2026 The pcall authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include "pcall-log-merge-private.h"

#include <stdio.h>
#include <stdlib.h>

/* The sections of the main log.
 *
 * Lines go through GLib's structured logging, to wherever the application sends its log, as
 * messages: what a child writes is meant to be seen. A line is one record however it ends, and need
 * not be UTF-8: its length goes with it. */

#define MAX_FIELDS 6

typedef struct
{
  char        call[16];
  char        pid[16];
  const char *target;
} Section;

static void
write_record (const Section *section,
              const char    *line,
              gssize         length)
{
  GLogField fields[MAX_FIELDS] = {
    { "PRIORITY", "5", -1 },
    { "GLIB_DOMAIN", G_LOG_DOMAIN, -1 },
    { "MESSAGE", line, length },
    { "PCALL_CALL", section->call, -1 },
    { "PCALL_PID", section->pid, -1 },
    { "PCALL_TARGET", section->target, -1 },
  };

  g_log_structured_array (G_LOG_LEVEL_MESSAGE, fields,
                          section->target != NULL ? MAX_FIELDS : MAX_FIELDS - 1);
}

static void
write_mark (const Section *section,
            const char    *mark,
            const char    *path)
{
  g_autofree char *line = g_strdup_printf ("%s child log %s", mark, path);

  write_record (section, line, -1);
}

static void
write_lines (const Section *section,
             FILE          *file)
{
  char *line = NULL;
  size_t capacity = 0;
  ssize_t length;

  while ((length = getline (&line, &capacity, file)) >= 0)
    {
      if (length > 0 && line[length - 1] == '\n')
        line[--length] = '\0';
      write_record (section, line, length);
    }

  free (line);
}

static void
write_section (const PcallLogCapture  *log,
               const PcallChildRecord *child,
               const char             *target)
{
  g_autofree char *path = pcall_log_capture_get_path (log, child->index, child->pid);
  FILE *file = pcall_log_capture_open (log, child->index, child->pid);
  Section section = { .target = target };

  if (file == NULL)
    return;

  g_snprintf (section.call, sizeof section.call, "%u", child->index);
  g_snprintf (section.pid, sizeof section.pid, "%d", (int) child->pid);

  write_mark (&section, ">>>> Begin", path);
  write_lines (&section, file);
  write_mark (&section, "<<<< End", path);
  fclose (file);
}

static int
compare_children (gconstpointer a,
                  gconstpointer b,
                  gpointer      data)
{
  guint index_a = pcall_child_list_get_record (data, *(const guint *) a)->index;
  guint index_b = pcall_child_list_get_record (data, *(const guint *) b)->index;

  return (index_a > index_b) - (index_a < index_b);
}

/* The positions of the children that wrote something, in call order. */
static GArray *
find_logs (PcallChildList *children)
{
  GArray *positions = g_array_new (FALSE, FALSE, sizeof (guint));

  for (guint i = 0; i < pcall_child_list_get_n (children); i++)
    if (pcall_child_list_get_record (children, i)->has_log)
      g_array_append_val (positions, i);

  g_array_sort_with_data (positions, compare_children, children);
  return positions;
}

void
pcall_log_merge (const PcallLogCapture *log,
                 PcallCallList         *calls,
                 PcallChildList        *children,
                 gboolean               quiet,
                 gboolean               keep)
{
  g_autoptr (GArray) positions = find_logs (children);

  for (guint i = 0; i < positions->len; i++)
    {
      guint position = g_array_index (positions, guint, i);
      PcallChildRecord child = *pcall_child_list_get_record (children, position);

      if (!quiet)
        write_section (log, &child, pcall_call_list_get_target_name (calls, child.index));
      if (keep)
        continue;
      pcall_log_capture_discard (log, child.index, child.pid);
      pcall_child_list_clear_log (children, position);
      pcall_call_list_clear_log (calls, child.index);
    }
}
