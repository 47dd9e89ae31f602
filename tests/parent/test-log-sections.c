/*
 * SPDX-FileCopyrightText: 2026 The pcall authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

/* Sections of the main log: in call order, in steps, for calls that have something to say. */

#include <pcall-glib/parent/pcall-log-sections-private.h>

#include "logs-support.h"

#define BEGIN(call) ">>>> Begin child log P" call "|"
#define END(call) "<<<< End child log P" call "|"

typedef struct
{
  LogsFixture logs;
  PcallLogSections *sections;
} Fixture;

static void
set_up (Fixture *self, gconstpointer data)
{
  logs_set_up (&self->logs, GPOINTER_TO_INT (data));
  self->sections = pcall_log_sections_new (&self->logs.logs);
}

static void
tear_down (Fixture *self, gconstpointer data)
{
  pcall_log_sections_free (self->sections);
  logs_tear_down (&self->logs);
}

static gboolean
step (Fixture *self, gint64 until)
{
  return pcall_log_sections_step (self->sections, until);
}

static void
put (Fixture *self, guint index, const char *text)
{
  logs_begin (&self->logs, index);
  logs_write (&self->logs, index, text);
}

static void
end (Fixture *self, guint index)
{
  logs_end (&self->logs, index, TRUE, NULL);
}

/* It does not matter which call was the first to write, or to end. */
static void
test_order (Fixture *self, gconstpointer data)
{
  gboolean keep = GPOINTER_TO_INT (data);

  for (guint i = LOGS_N_CALLS; i > 0; i--)
    {
      char text[] = { (char) ('a' + i), '\n', '\0' };

      put (self, i - 1, text);
      end (self, i - 1);
    }
  g_assert_true (step (self, LOGS_LATER));
  logs_assert (&self->logs, BEGIN ("0") "b|" END ("0") BEGIN ("1") "c|" END ("1")
                                BEGIN ("2") "d|" END ("2") BEGIN ("3") "e|" END ("3"));
  for (guint i = 0; i < LOGS_N_CALLS; i++)
    g_assert_cmpint (logs_exists (&self->logs, i), ==, keep);

  /* There is nothing more. */
  g_assert_true (step (self, LOGS_LATER));
  logs_assert (&self->logs, "");
}

/* Calls that never began, wrote nothing, or have only a note */
static void
test_gaps (Fixture *self, gconstpointer data)
{
  logs_begin (&self->logs, 1);
  logs_end (&self->logs, 1, FALSE, NULL);
  pcall_call_list_set_log_note (self->logs.calls, 2, "its output is not here");
  put (self, 3, "a line\n");
  logs_end (&self->logs, 3, TRUE, "broken");
  g_assert_true (step (self, LOGS_LATER));
  logs_assert (&self->logs, "call 2 (target): its output is not here|" BEGIN (
                                "3") "a line|call 3 (target): failed: broken|" END ("3"));
}

static void
test_nothing (Fixture *self, gconstpointer data)
{
  g_assert_true (step (self, 0));
  logs_assert (&self->logs, "");
}

/* No step ends one section and begins another. */
static gboolean
step_in_one_section (Fixture *self)
{
  gsize before = logs_logged->len;
  gboolean over = step (self, 0);
  const char *end_of_section = strstr (logs_logged->str + before, "<<<<");

  g_assert_true (end_of_section == NULL || strstr (end_of_section, ">>>>") == NULL);
  return over;
}

/* However little time there is, each step makes some progress, and nothing comes twice. */
static void
test_steps (Fixture *self, gconstpointer data)
{
  guint n = 0;

  put (self, 0, "a\nb\nc\n");
  put (self, 2, "d\n");
  end (self, 0);
  end (self, 2);
  while (!step_in_one_section (self))
    {
      g_assert_cmpuint (n++, <, 20);
      g_assert_cmpuint (logs_logged->len, <, 1000);
    }
  g_assert_cmpuint (n, >=, 2);
  logs_assert (&self->logs, BEGIN ("0") "a|b|c|" END ("0") BEGIN ("2") "d|" END ("2"));
}

/* What is freed in the middle of a section says nothing more. */
static void
test_freed (Fixture *self, gconstpointer data)
{
  put (self, 0, "a\nb\n");
  end (self, 0);
  g_assert_false (step (self, 0));
  pcall_log_sections_free (self->sections);
  g_string_truncate (logs_logged, 0);
  self->sections = pcall_log_sections_new (&self->logs.logs);
  g_assert_true (step (self, LOGS_LATER));
  logs_assert (&self->logs, BEGIN ("0") "a|b|" END ("0"));
}

int
main (int argc, char *argv[])
{
  static const struct
  {
    const char *name;
    void (*test) (Fixture *, gconstpointer);
  } tests[] = {
    { "order", test_order }, { "gaps", test_gaps },   { "nothing", test_nothing },
    { "steps", test_steps }, { "freed", test_freed },
  };

  g_test_init (&argc, &argv, NULL);
  g_log_set_writer_func (logs_keep, NULL, NULL);

  for (int keep = 0; keep <= 1; keep++)
    for (gsize i = 0; i < G_N_ELEMENTS (tests); i++)
      {
        g_autofree char *path
            = g_strdup_printf ("/log-sections/%s%s", tests[i].name, keep ? "/kept" : "");

        g_test_add (path, Fixture, GINT_TO_POINTER (keep), set_up, tests[i].test, tear_down);
      }

  return g_test_run ();
}
