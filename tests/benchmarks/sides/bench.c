/*
 * SPDX-FileCopyrightText: 2026 The pcall authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

/* A C program of the benchmarks. It reads requests from its standard input, a line each, the name
 * of a side and its parameters:
 *
 *     calls/pcall n=2000 log-mode=inherit
 *
 * and answers each with a line of JSON: the seconds, or an error. bench.py starts it, and asks. */

#include "bench.h"

#include <locale.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#define AT_A_TIME 2

struct _BenchRequest
{
  GHashTable *parameters;
  GString    *answer; /* members of a JSON object */
};

/* Empty for a parameter that was not given. */
const char *
bench_request_get_text (BenchRequest *self,
                        const char   *name)
{
  const char *value = g_hash_table_lookup (self->parameters, name);

  return value != NULL ? value : "";
}

guint64
bench_request_get_number (BenchRequest *self,
                          const char   *name)
{
  return g_ascii_strtoull (bench_request_get_text (self, name), NULL, 10);
}

static PcallLogMode
get_log_mode (BenchRequest *self)
{
  g_autoptr (GEnumClass) modes = g_type_class_ref (PCALL_TYPE_LOG_MODE);
  const GEnumValue *value =
      g_enum_get_value_by_nick (modes, bench_request_get_text (self, "log-mode"));

  return value != NULL ? (PcallLogMode) value->value : PCALL_LOG_MODE_SECTIONS;
}

/* A task of n calls, as the request has it, two at a time. */
PcallTask *
bench_request_new_task (BenchRequest *self,
                        PcallFunc     func,
                        gpointer      user_data)
{
  PcallTask *task = (pcall_task_new_for_func) (func, user_data, NULL);

  if (bench_request_get_number (self, "n") > 0)
    pcall_task_set_n_calls (task, bench_request_get_number (self, "n"));
  pcall_task_set_max_children (task, AT_A_TIME);
  pcall_task_set_log_mode (task, get_log_mode (self));
  return task;
}

void
bench_request_add_number (BenchRequest *self,
                          const char   *name,
                          gdouble       value)
{
  char text[G_ASCII_DTOSTR_BUF_SIZE];

  g_string_append_printf (self->answer, "%s\"%s\": %s", self->answer->len > 0 ? ", " : "", name,
                          g_ascii_dtostr (text, sizeof text, value));
}

void
bench_request_add_text (BenchRequest *self,
                        const char   *name,
                        const char   *value)
{
  g_autofree char *escaped = g_strescape (value, NULL);

  g_string_append_printf (self->answer, "%s\"%s\": \"%s\"", self->answer->len > 0 ? ", " : "",
                          name, escaped);
}

gdouble
bench_get_memory (void)
{
  g_autofree char *text = NULL;
  g_auto (GStrv) fields = NULL;

  if (!g_file_get_contents ("/proc/self/statm", &text, NULL, NULL))
    return 0;
  fields = g_strsplit (text, " ", 3);
  return atol (fields[1]) * (gdouble) sysconf (_SC_PAGESIZE);
}

static const BenchSide *
find_side (const char *name)
{
  for (guint i = 0; bench_tables[i] != NULL; i++)
    for (const BenchSide *side = bench_tables[i]; side->name != NULL; side++)
      if (g_str_equal (side->name, name))
        return side;
  return NULL;
}

static void
parse_parameters (BenchRequest  *self,
                  char         **words)
{
  for (; *words != NULL; words++)
    {
      char *value = strchr (*words, '=');

      if (value == NULL)
        continue;
      *value++ = '\0';
      g_hash_table_insert (self->parameters, *words, value);
    }
}

static void
answer (const char *line)
{
  g_auto (GStrv) words = g_strsplit (line, " ", -1);
  g_autoptr (GHashTable) parameters = g_hash_table_new (g_str_hash, g_str_equal);
  g_autoptr (GString) text = g_string_new (NULL);
  g_autoptr (GError) error = NULL;
  BenchRequest request = { parameters, text };
  const BenchSide *side = find_side (words[0]);

  parse_parameters (&request, words + 1);
  if (side == NULL)
    bench_request_add_text (&request, "error", "no such side");
  else
    {
      gdouble seconds = side->measure (&request, &error);

      if (error != NULL)
        bench_request_add_text (&request, "error", error->message);
      else
        bench_request_add_number (&request, "seconds", seconds);
    }
  printf ("{%s}\n", text->str);
  fflush (stdout);
}

/* 2,000 children take several descriptors each. */
static void
raise_descriptor_limit (void)
{
  struct rlimit limit;

  if (getrlimit (RLIMIT_NOFILE, &limit) < 0)
    return;
  limit.rlim_cur = limit.rlim_max;
  setrlimit (RLIMIT_NOFILE, &limit);
}

int
main (int    argc,
      char **argv)
{
  g_autoptr (GIOChannel) input = g_io_channel_unix_new (0);
  char *line;
  gsize end;

  setlocale (LC_ALL, "");
  raise_descriptor_limit ();
  while (g_io_channel_read_line (input, &line, NULL, &end, NULL) == G_IO_STATUS_NORMAL)
    {
      line[end] = '\0';
      answer (line);
      g_free (line);
    }
  return 0;
}
