/*
 * SPDX-FileCopyrightText: 2026 The pcall authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

/* A program that logs, as tests of log records run it: GLib's testing framework sets handlers of
 * its own, and is no ordinary program.
 *
 *   log-program SETUP PLACE FUNCTION
 *
 * SETUP is what the program does with GLib's log: "none"; "calling" and "silent", a writer
 * function that does or does not call pcall_log_writer(); "both", a silent one and a default
 * handler; "domain", a handler for one domain; "late", a silent writer that is set when a task
 * has run before; "default", nothing, also not to print what the main log gets; "journal", the
 * same, and something is logged before. With "+thread" after it there is a second thread. PLACE
 * is where the function is called: "here", in a "child", in one of a "nested" task, or in a
 * process that the child has "forked". What its main log gets is printed, a line for each
 * record. */

/* g_message() and the like are to go through g_log(). */
#undef G_LOG_USE_STRUCTURED
#define G_LOG_DOMAIN "Program"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <pcall-glib/pcall.h>

#include "bad-children.h"

static FILE *out; /* not standard output, which is captured in a child */
static pid_t main_pid;
static const char *setup;
static gboolean drops; /* as GLib's own writer does */

/* The main log */

static const char *
find_field (const GLogField *fields, gsize n_fields, const char *key)
{
  for (gsize i = 0; i < n_fields; i++)
    if (strcmp (fields[i].key, key) == 0)
      return fields[i].value;
  return NULL;
}

static void
print_field (const GLogField *field)
{
  const guchar *value = field->value;
  gsize length = field->length < 0 ? strlen (field->value) : (gsize) field->length;

  fprintf (out, "%s%s", field->key, field->length < 0 ? "=" : "+=");
  for (gsize i = 0; i < length; i++)
    if (value[i] >= ' ' && value[i] < 127 && value[i] != '\\')
      fputc (value[i], out);
    else
      fprintf (out, "\\%02x", value[i]);
  fputc ('|', out);
}

static void
print_record (GLogLevelFlags level, const GLogField *fields, gsize n_fields)
{
  fprintf (out, "%x|", level & G_LOG_LEVEL_MASK);
  for (gsize i = 0; i < n_fields; i++)
    print_field (&fields[i]);
  fputc ('\n', out);
  fflush (out);
}

static GLogWriterOutput
keep (GLogLevelFlags level, const GLogField *fields, gsize n_fields, gpointer data)
{
  const char *message = find_field (fields, n_fields, "MESSAGE");

  if (strcmp (setup, "calling") == 0
      && pcall_log_writer (level, fields, n_fields, NULL) == G_LOG_WRITER_HANDLED)
    return G_LOG_WRITER_HANDLED;
  if (drops
      && g_log_writer_default_would_drop (level, find_field (fields, n_fields, "GLIB_DOMAIN")))
    return G_LOG_WRITER_HANDLED;

  if (getpid () == main_pid)
    print_record (level, fields, n_fields);
  else
    fprintf (stderr, "printed: %.100s\n",
             message != NULL && *message != '\0' ? message : "no text");
  return G_LOG_WRITER_HANDLED;
}

static void
handle (const char *domain, GLogLevelFlags level, const char *message, gpointer data)
{
  fprintf (stderr, "handled: %.100s\n", message);
}

/* What is called */

static void
log_all (void)
{
  static const char bytes[] = "\0zero\0bytes\0\xff\x1e\x1f\n";
  g_autofree char *mebibyte = g_strnfill (1 << 20, 'm');
  const GLogField fields[] = {
    { "BEFORE", "b", -1 },        { "MESSAGE", bytes, sizeof bytes - 1 },
    { "BYTES", bytes, sizeof bytes - 1 }, { "MESSAGE", "another", -1 },
    { "PRIORITY", "2", -1 },      { "POINTER", &main_pid, 0 },
  };
  const GLogField no_message[] = { { "GLIB_DOMAIN", "Domain", -1 }, { "ONLY", "this", -1 } };
  g_autoptr (GVariant) variant = NULL;
  GVariantDict dict;

  g_log ("Domain", G_LOG_LEVEL_WARNING, "log of a domain");
  g_log (NULL, G_LOG_LEVEL_MESSAGE, "log of no domain");
  g_log ("Domain", 1 << G_LOG_LEVEL_USER_SHIFT, "log of a level of our own");
  g_log ("Domain", 1 << 30, "log of the highest level");
  g_message ("message %d", 1);
  g_warning ("warning %d", 2);
  g_critical ("critical %d", 3);
  g_info ("info %d", 4);
  g_debug ("debug %d", 5);
  g_message ("several\nlines\n\nof it\n");
  g_message ("%s", "not UTF-8: \xff\xfe");
  g_message ("%s", "");
  g_message ("%s", mebibyte);
  g_log_structured ("Domain", G_LOG_LEVEL_MESSAGE, "MY_FIELD", "a value", "MESSAGE_ID",
                    "06d4df59e6c24647bfe69d2c27ef0b4e", "MESSAGE", "structured %d", 6);
  g_log_structured ("Domain", G_LOG_LEVEL_CRITICAL, "MESSAGE", "structured critical");
  g_log_structured_standard ("Domain", G_LOG_LEVEL_WARNING, __FILE__, G_STRINGIFY (__LINE__),
                             G_STRFUNC, "with its place in the code: %d", 7);
  g_log_structured ("Domain", G_LOG_LEVEL_DEBUG, "MESSAGE", "structured debug");
  g_log_structured_array (G_LOG_LEVEL_WARNING, fields, G_N_ELEMENTS (fields));
  g_log_structured_array (G_LOG_LEVEL_MESSAGE, no_message, G_N_ELEMENTS (no_message));

  g_variant_dict_init (&dict, NULL);
  g_variant_dict_insert (&dict, "MESSAGE", "s", "variant");
  g_variant_dict_insert (&dict, "BYTES", "^ay", "bytes of it");
  g_variant_dict_insert (&dict, "NUMBER", "u", 42);
  variant = g_variant_ref_sink (g_variant_dict_end (&dict));
  g_log_variant ("Domain", G_LOG_LEVEL_MESSAGE, variant);
}

#define N_THREADS 8
#define N_OF_EACH 200

static gpointer
log_in_thread (gpointer data)
{
  g_autofree char *fill = g_strnfill (1 + 700 * GPOINTER_TO_UINT (data), 'x');

  for (guint i = 0; i < N_OF_EACH; i++)
    if (i % 2 == 0)
      g_message ("thread %u %u %s", GPOINTER_TO_UINT (data), i, fill);
    else
      g_log_structured ("Domain", G_LOG_LEVEL_MESSAGE, "MESSAGE", "thread %u %u %s",
                        GPOINTER_TO_UINT (data), i, fill);
  return NULL;
}

static void
log_from_threads (void)
{
  GThread *threads[N_THREADS];

  for (guint i = 0; i < N_THREADS; i++)
    threads[i] = g_thread_new ("log", log_in_thread, GUINT_TO_POINTER (i));
  for (guint i = 0; i < N_THREADS; i++)
    g_thread_join (threads[i]);
}

static void
log_error (void)
{
  g_error ("the last words");
}

static void
log_error_structured (void)
{
  g_log_structured ("Domain", G_LOG_LEVEL_ERROR, "MESSAGE", "the last words");
}

static void
log_warning (void)
{
  g_warning ("a warning");
  g_message ("after it");
}

static void
log_warning_structured (void)
{
  g_log_structured ("Domain", G_LOG_LEVEL_WARNING, "MESSAGE", "a warning");
  g_message ("after it");
}

static void
log_some (void)
{
  g_message ("through g_log");
  g_log_structured ("Domain", G_LOG_LEVEL_WARNING, "MY_FIELD", "a value", "MESSAGE", "structured");
  printf ("printed\n");
}

/* Outside of a child it has nothing to write to. */
static void
ask_writer (void)
{
  static const GLogField field = { "MESSAGE", "asked", -1 };

  g_message ("%s", pcall_log_writer (G_LOG_LEVEL_MESSAGE, &field, 1, NULL) == G_LOG_WRITER_HANDLED
                       ? "handled"
                       : "unhandled");
}

static void
forge_again (void)
{
  bad_child_again_late (NULL, NULL, NULL, NULL);
}

static const struct
{
  const char *name;
  void (*func) (void);
} functions[] = {
  { "all", log_all },
  { "some", log_some },
  { "threads", log_from_threads },
  { "error", log_error },
  { "error-structured", log_error_structured },
  { "warning", log_warning },
  { "warning-structured", log_warning_structured },
  { "ask-writer", ask_writer },
  { "forge-again", forge_again },
};

static void
call_by_name (const char *name)
{
  for (gsize i = 0; i < G_N_ELEMENTS (functions); i++)
    if (strcmp (functions[i].name, name) == 0)
      {
        functions[i].func ();
        return;
      }
  exit (2);
}

/* Where it is called */

static GVariant *
call_here (GVariant *args, GVariant *kwargs, gpointer user_data, GError **error)
{
  call_by_name (user_data);
  return NULL;
}

static GVariant *
call_forked (GVariant *args, GVariant *kwargs, gpointer user_data, GError **error)
{
  pid_t pid = fork ();

  if (pid == 0)
    {
      call_by_name (user_data);
      _exit (0);
    }
  while (waitpid (pid, NULL, 0) < 0 && errno == EINTR)
    ;
  return NULL;
}

static void
run (PcallFunc func, gpointer data, const char *name, gboolean sets_writer)
{
  g_autoptr (PcallTarget) target = pcall_target_new (name, func, data, NULL);
  g_autoptr (PcallTask) task = pcall_task_new (target);
  g_autoptr (GError) error = NULL;

  if (!pcall_task_start (task, &error))
    exit (3);
  /* The child has been forked without one. */
  if (sets_writer)
    g_log_set_writer_func (keep, NULL, NULL);
  if (!pcall_task_join (task, -1, NULL, &error))
    fprintf (out, "error: %s\n", error->message);
}

static GVariant *
call_nested (GVariant *args, GVariant *kwargs, gpointer user_data, GError **error)
{
  run (call_here, user_data, "inner", FALSE);
  return NULL;
}

static void
call_at (const char *place, const char *name, gboolean sets_writer)
{
  PcallFunc func = strcmp (place, "child") == 0    ? call_here
                   : strcmp (place, "nested") == 0 ? call_nested
                                                   : call_forked;

  if (strcmp (place, "here") != 0)
    {
      run (func, (gpointer) name, "target", sets_writer);
      return;
    }
  if (sets_writer)
    g_log_set_writer_func (keep, NULL, NULL);
  call_by_name (name);
}

/* What the program does with its log */

static gpointer
idle (gpointer data)
{
  for (;;)
    pause ();
  return NULL;
}

static GVariant *
do_nothing (GVariant *args, GVariant *kwargs, gpointer user_data, GError **error)
{
  return NULL;
}

static void
set_up (void)
{
  static const char *const without_writer[] = { "none", "default", "domain", "journal", NULL };

  if (strcmp (setup, "late") == 0)
    run (do_nothing, NULL, "first", FALSE);
  if (strcmp (setup, "journal") == 0)
    g_message ("before");
  if (!g_strv_contains (without_writer, setup))
    g_log_set_writer_func (keep, NULL, NULL);
  if (strcmp (setup, "both") == 0)
    g_log_set_default_handler (handle, NULL);
  if (strcmp (setup, "domain") == 0)
    g_log_set_handler ("Domain", G_LOG_LEVEL_MASK, handle, NULL);
  drops = strcmp (setup, "none") == 0 || strcmp (setup, "domain") == 0;
}

int
main (int argc, char *argv[])
{
  g_auto (GStrv) words = NULL;

  if (argc != 4)
    return 2;
  out = fdopen (dup (STDOUT_FILENO), "w");
  main_pid = getpid ();
  words = g_strsplit (argv[1], "+", 2);
  setup = words[0];
  if (words[1] != NULL)
    g_thread_unref (g_thread_new ("idle", idle, NULL));

  set_up ();
  call_at (argv[2], argv[3], drops);
  fputs ("end\n", out);
  fclose (out);
  return 0;
}
