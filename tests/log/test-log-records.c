/*
 * SPDX-FileCopyrightText: 2026 The pcall authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

/* What a call logs stands in the main log as if it had been logged there: the same records, with
 * the same levels and fields in the same order, and behind them whose they are. For this,
 * log-program is run twice, with a function that it calls in itself and with the same in a
 * child, whatever it has set for its log. */

#include <gio/gio.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Running it */

typedef struct
{
  GPtrArray *lines; /* of the main log, without the marks of sections */
  GString *text;
  char *error; /* of the task */
} Output;

static void
output_clear (Output *self)
{
  g_ptr_array_unref (self->lines);
  g_string_free (self->text, TRUE);
  g_free (self->error);
}

G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC (Output, output_clear)

static char *
run_program (const char *setup, const char *place, const char *function, const char *variable,
             const char *value)
{
  g_autoptr (GSubprocessLauncher) launcher
      = g_subprocess_launcher_new (G_SUBPROCESS_FLAGS_STDOUT_PIPE | G_SUBPROCESS_FLAGS_STDERR_PIPE);
  g_autofree char *path = g_test_build_filename (G_TEST_BUILT, "log-program", NULL);
  g_autoptr (GSubprocess) process = NULL;
  g_autoptr (GError) error = NULL;
  g_autofree char *err = NULL;
  char *out = NULL;

  g_subprocess_launcher_unsetenv (launcher, "G_DEBUG");
  g_subprocess_launcher_unsetenv (launcher, "G_MESSAGES_DEBUG");
  if (variable != NULL)
    g_subprocess_launcher_setenv (launcher, variable, value, TRUE);
  process = g_subprocess_launcher_spawn (launcher, &error, path, setup, place, function, NULL);
  g_assert_no_error (error);
  g_assert_true (g_subprocess_communicate_utf8 (process, NULL, NULL, &out, &err, &error));
  g_assert_no_error (error);
  if (!g_subprocess_get_if_exited (process) || g_subprocess_get_exit_status (process) != 0 ||
      !g_str_has_suffix (out, "end\n"))
    g_error ("log-program %s %s %s failed: %.2000s %.2000s", setup, place, function, out, err);
  return out;
}

/* What tells whose a record is, @n times: of a grandchild twice. */
static char *
strip (const char *line, guint n)
{
  static const char *const patterns[] = {
    "\\|PCALL_CALL=0\\|PCALL_PID=[1-9][0-9]*\\|PCALL_TARGET=target\\|$",
    "\\|PCALL_CALL=0\\|PCALL_PID=[1-9][0-9]*\\|PCALL_TARGET=inner\\|$",
  };
  char *rest = g_strdup (line);

  for (guint i = 0; i < n; i++)
    {
      g_autoptr (GRegex) regex = g_regex_new (patterns[i], 0, 0, NULL);
      g_autofree char *before = rest;

      if (!g_regex_match (regex, before, 0, NULL))
        g_error ("%.300s … %s is not marked as a child's", before,
                 before + strlen (before) - MIN (strlen (before), 100));
      rest = g_regex_replace_literal (regex, before, -1, 0, "|", 0, NULL);
    }
  return rest;
}

/* The marks of sections, what GIO says on its first use, and what the library says of itself */
static gboolean
is_aside (const char *line)
{
  return strstr (line, "|MESSAGE=>>>> Begin child log /") != NULL ||
         strstr (line, "|MESSAGE=<<<< End child log /") != NULL ||
         g_str_has_suffix (line, "|GLIB_DOMAIN=GLib-GIO|") ||
         strstr (line, "|CODE_FUNC=explained|") != NULL;
}

static Output
run_it (const char *setup, const char *place, const char *function, const char *variable,
        const char *value)
{
  g_autofree char *out = run_program (setup, place, function, variable, value);
  g_auto (GStrv) lines = g_strsplit (out, "\n", -1);
  guint depth = strcmp (place, "here") == 0 ? 0 : strcmp (place, "nested") == 0 ? 2 : 1;
  Output self = { g_ptr_array_new_with_free_func (g_free), g_string_new (NULL), NULL };

  for (guint i = 0; strcmp (lines[i], "end") != 0; i++)
    if (g_str_has_prefix (lines[i], "error: "))
      self.error = g_strdup (lines[i] + strlen ("error: "));
    else if (!is_aside (lines[i]))
      g_ptr_array_add (self.lines, strip (lines[i], depth));
  for (guint i = 0; i < self.lines->len; i++)
    g_string_append_printf (self.text, "%s\n", (char *) self.lines->pdata[i]);
  return self;
}

/* Records as in process */

static void
assert_same (const Output *here, const Output *there)
{
  for (guint i = 0; i < MIN (here->lines->len, there->lines->len); i++)
    if (strcmp (here->lines->pdata[i], there->lines->pdata[i]) != 0)
      g_error ("record %u is '%.400s', not '%.400s'", i, (char *) there->lines->pdata[i],
               (char *) here->lines->pdata[i]);
  g_assert_cmpuint (here->lines->len, ==, there->lines->len);
}

typedef struct
{
  const char *name;
  const char *setup;
  const char *place;
  const char *debug; /* for G_MESSAGES_DEBUG */
  guint n_records;
} Row;

/* How many records log_all() has of each kind; three are not seen where nobody wants to debug. */
#define N_OLD 13
#define N_STRUCTURED 7
#define N_ALL (N_OLD + N_STRUCTURED)
#define N_DEBUG 3

static const Row rows[] = {
  { "no-writer", "none", "child", NULL, N_ALL - N_DEBUG },
  { "no-writer/debug", "none", "child", "all", N_ALL },
  { "no-writer/debug-of-domain", "none", "child", "Domain", N_ALL - N_DEBUG + 1 },
  { "no-writer/thread", "none+thread", "child", NULL, N_ALL - N_DEBUG },
  { "no-writer/nested", "none", "nested", NULL, N_ALL - N_DEBUG },
  { "no-writer/forked", "none", "forked", NULL, N_ALL - N_DEBUG },
  { "writer", "calling", "child", NULL, N_ALL },
  { "writer/thread", "calling+thread", "child", NULL, N_ALL },
  { "writer/nested", "calling", "nested", NULL, N_ALL },
  { "writer/nested/thread", "calling+thread", "nested", NULL, N_ALL },
  { "writer/forked", "calling", "forked", NULL, N_ALL },
};

static void
test_as_in_process (gconstpointer data)
{
  const Row *row = data;
  g_auto (Output) here = run_it (row->setup, "here", "all", "G_MESSAGES_DEBUG",
                                 row->debug != NULL ? row->debug : "");
  g_auto (Output) there = run_it (row->setup, row->place, "all", "G_MESSAGES_DEBUG",
                                  row->debug != NULL ? row->debug : "");

  g_assert_cmpuint (here.lines->len, ==, row->n_records);
  assert_same (&here, &there);
}

/* A writer function that does not call ours: what came through g_log() is as in process, and the
 * rest is what the writer printed. */

/* Those that begin with @prefix, as a part of the output */
static Output
select_lines (const Output *from, const char *part)
{
  Output self = { g_ptr_array_new_with_free_func (g_free), g_string_new (NULL), NULL };

  for (guint i = 0; i < from->lines->len; i++)
    if (strstr (from->lines->pdata[i], part) != NULL)
      g_ptr_array_add (self.lines, g_strdup (from->lines->pdata[i]));
  return self;
}

#define OLD_API "|GLIB_OLD_LOG_API=1|"
#define PRINTED "|GLIB_DOMAIN=Pcall|MESSAGE=printed: "
#define HANDLED "|GLIB_DOMAIN=Pcall|MESSAGE=handled: "

static void
test_silent (gconstpointer data)
{
  const char *setup = data;
  g_auto (Output) here = run_it (setup, "here", "all", NULL, NULL);
  g_auto (Output) there = run_it (setup, "child", "all", NULL, NULL);
  g_auto (Output) old_here = select_lines (&here, OLD_API);
  g_auto (Output) old_there = select_lines (&there, OLD_API);
  g_auto (Output) printed = select_lines (&there, PRINTED);

  g_assert_cmpuint (here.lines->len, ==, N_ALL);
  g_assert_cmpuint (old_here.lines->len, ==, N_OLD);
  assert_same (&old_here, &old_there);
  g_assert_cmpuint (printed.lines->len, ==, N_STRUCTURED);
  g_assert_cmpuint (there.lines->len, ==, N_ALL);
}

/* And a default handler of its own: all is what these print. */
static void
test_both (gconstpointer data)
{
  g_auto (Output) there = run_it (data, "child", "all", NULL, NULL);
  g_auto (Output) old = select_lines (&there, OLD_API);
  g_auto (Output) printed = select_lines (&there, PRINTED);
  g_auto (Output) handled = select_lines (&there, HANDLED);

  g_assert_cmpuint (old.lines->len, ==, 0);
  g_assert_cmpuint (printed.lines->len, ==, N_STRUCTURED);
  g_assert_cmpuint (handled.lines->len, ==, N_OLD);
}

/* A handler for one domain: what comes to it is what it prints, and the rest is as in process. */
static void
test_domain (void)
{
  g_auto (Output) here = run_it ("domain", "here", "all", NULL, NULL);
  g_auto (Output) there = run_it ("domain", "child", "all", NULL, NULL);
  g_auto (Output) handled = select_lines (&there, HANDLED);

  g_assert_cmpuint (handled.lines->len, ==, 3);
  for (guint i = 0; i < there.lines->len;)
    if (strstr (there.lines->pdata[i], HANDLED) != NULL)
      g_ptr_array_remove_index (there.lines, i);
    else
      i++;
  assert_same (&here, &there);
}

/* Threads of a child */

static void
test_threads (gconstpointer data)
{
  g_auto (Output) there = run_it (data, "child", "threads", NULL, NULL);
  guint next[8] = { 0 };

  for (guint i = 0; i < there.lines->len; i++)
    {
      const char *message = strstr (there.lines->pdata[i], "MESSAGE=thread ");
      guint thread, number;
      int begin;

      g_assert_nonnull (message);
      g_assert_cmpint (sscanf (message, "MESSAGE=thread %u %u %n", &thread, &number, &begin), ==, 2);
      g_assert_cmpuint (thread, <, G_N_ELEMENTS (next));
      g_assert_cmpuint (number, ==, next[thread]++);
      g_assert_cmpuint (strspn (message + begin, "x"), ==, 1 + 700 * thread);
    }
  for (guint i = 0; i < G_N_ELEMENTS (next); i++)
    g_assert_cmpuint (next[i], ==, 200);
}

/* Records that end a process */

#define LAST_WORDS "MESSAGE=the last words|PRIORITY=3|"

/* An error in a child is critical here, its priority as it was, and nobody else's end. */
static void
test_error (gconstpointer data)
{
  g_auto (Output) old = run_it (data, "child", "error", NULL, NULL);
  g_auto (Output) structured = run_it (data, "child", "error-structured", NULL, NULL);

  g_assert_true (g_str_has_prefix (old.lines->pdata[0], "8|GLIB_OLD_LOG_API=1|" LAST_WORDS));
  g_assert_nonnull (strstr (old.error, "killed by signal 5 (Trace/breakpoint trap)"));
  g_assert_nonnull (strstr (old.error, "last output: the last words"));

  g_assert_true (g_str_has_prefix (structured.lines->pdata[0], "8|"));
  g_assert_nonnull (strstr (structured.lines->pdata[0], "|PRIORITY=3|"));
  g_assert_nonnull (strstr (structured.lines->pdata[0], "|MESSAGE=the last words|"));
  g_assert_nonnull (strstr (structured.error, "killed by signal 5 (Trace/breakpoint trap)"));
}

typedef struct
{
  const char *name;
  const char *setup;
  const char *function;
  const char *debug; /* for G_DEBUG */
  gboolean dies;
} FatalRow;

static const FatalRow fatal_rows[] = {
  { "no-writer", "none", "warning", "fatal-warnings", TRUE },
  { "no-writer/structured", "none", "warning-structured", "fatal-warnings", TRUE },
  { "no-writer/only-criticals", "none", "warning", "fatal-criticals", FALSE },
  { "no-writer/structured/only-criticals", "none", "warning-structured", "fatal-criticals", FALSE },
  { "writer", "calling", "warning", "fatal-warnings", TRUE },
  { "writer/structured", "calling", "warning-structured", "fatal-warnings", TRUE },
  { "silent-writer", "silent", "warning", "fatal-warnings", TRUE },
  { "default-writer", "default", "warning", "fatal-warnings", TRUE },
  { "default-writer/structured", "default", "warning-structured", "fatal-warnings", TRUE },
  { "default-writer/not-fatal", "default", "warning", "fatal-criticals", FALSE },
};

/* A child dies of it as it would in process, and its parent, which logs it once more, does not. */
static void
test_fatal (gconstpointer data)
{
  const FatalRow *row = data;
  g_auto (Output) there = run_it (row->setup, "child", row->function, "G_DEBUG", row->debug);

  g_assert_true ((there.error != NULL) == row->dies);
  if (row->dies)
    g_assert_nonnull (strstr (there.error, "killed by signal 5 (Trace/breakpoint trap)"));
  if (strcmp (row->setup, "default") == 0)
    return;
  g_assert_nonnull (strstr (there.text->str, "MESSAGE=a warning|"));
  g_assert_true ((strstr (there.text->str, "MESSAGE=after it|") == NULL) == row->dies);
}

/* The writer function for others to call */
static void
test_ask_writer (void)
{
  g_auto (Output) here = run_it ("calling", "here", "ask-writer", NULL, NULL);
  g_auto (Output) there = run_it ("calling", "child", "ask-writer", NULL, NULL);

  g_assert_cmpuint (here.lines->len, ==, 1);
  g_assert_nonnull (strstr (here.text->str, "|MESSAGE=unhandled|"));
  g_assert_cmpuint (there.lines->len, ==, 2);
  g_assert_cmpstr (there.lines->pdata[0], ==, "20|MESSAGE=asked|");
  g_assert_nonnull (strstr (there.lines->pdata[1], "|MESSAGE=handled|"));
}

/* A frame that only the library may send, and that not any more */
static void
test_forged (gconstpointer data)
{
  g_auto (Output) there = run_it (data, "child", "forge-again", NULL, NULL);

  g_assert_nonnull (there.error);
  g_assert_nonnull (strstr (there.error, "the child asked for another one without need"));
}

static void
add (const char *prefix, const char *name, gconstpointer data, GTestDataFunc func)
{
  g_autofree char *path = g_strdup_printf ("/pcall/log-records/%s/%s", prefix, name);

  g_test_add_data_func (path, data, func);
}

int
main (int argc, char *argv[])
{
  g_test_init (&argc, &argv, NULL);

  for (gsize i = 0; i < G_N_ELEMENTS (rows); i++)
    add ("as-in-process", rows[i].name, &rows[i], test_as_in_process);
  add ("silent-writer", "alone", "silent", test_silent);
  add ("silent-writer", "thread", "silent+thread", test_silent);
  add ("silent-writer", "late", "late", test_silent);
  add ("silent-writer", "late-with-thread", "late+thread", test_silent);
  add ("both", "alone", "both", test_both);
  add ("both", "thread", "both+thread", test_both);
  g_test_add_func ("/pcall/log-records/domain", test_domain);
  add ("threads", "no-writer", "none", test_threads);
  add ("threads", "writer", "calling", test_threads);
  add ("error", "no-writer", "none", test_error);
  add ("error", "writer", "calling", test_error);
  for (gsize i = 0; i < G_N_ELEMENTS (fatal_rows); i++)
    add ("fatal", fatal_rows[i].name, &fatal_rows[i], test_fatal);
  g_test_add_func ("/pcall/log-records/ask-writer", test_ask_writer);
  add ("forged", "no-writer", "none", test_forged);
  add ("forged", "writer", "calling", test_forged);
  add ("forged", "silent-writer", "silent", test_forged);

  return g_test_run ();
}
