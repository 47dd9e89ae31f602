/*
 * SPDX-FileCopyrightText: 2026 The pcall authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

/* The rest of the mistakes of test-mistakes.c: what a function does in its child, and what its
 * caller is told. */

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>

#include "misuse-support.h"

static GVariant *
take_one_number (GVariant *args, GVariant *kwargs, gpointer user_data, GError **error)
{
  gdouble factor = 1;
  gboolean exact = FALSE;
  gint n;

  if (!pcall_parse_args (args, kwargs, error, "(i)", &n, "factor", "d", &factor, "exact", "b",
                         &exact, NULL))
    return NULL;
  return g_variant_new_int32 (n);
}

static GVariant *
take_no_keyword (GVariant *args, GVariant *kwargs, gpointer user_data, GError **error)
{
  gint n;

  if (!pcall_parse_args (args, kwargs, error, "(i)", &n, NULL))
    return NULL;
  return g_variant_new_int32 (n);
}

static GVariant *
follow_null (GVariant *args, GVariant *kwargs, gpointer user_data, GError **error)
{
  raise (SIGSEGV); /* which a sanitizer leaves alone */
  return NULL;
}

static GVariant *
give_up (GVariant *args, GVariant *kwargs, gpointer user_data, GError **error)
{
  abort ();
}

static GVariant *
leave (GVariant *args, GVariant *kwargs, gpointer user_data, GError **error)
{
  _exit (3); /* exit() would have a sanitizer look for leaks */
}

static GVariant *
leave_as_if_all_were_well (GVariant *args, GVariant *kwargs, gpointer user_data, GError **error)
{
  _exit (0);
}

static GVariant *
be_killed (GVariant *args, GVariant *kwargs, gpointer user_data, GError **error)
{
  raise (SIGKILL);
  return NULL;
}

static GVariant *
say_and_fail (GVariant *args, GVariant *kwargs, gpointer user_data, GError **error)
{
  g_set_error (error, G_IO_ERROR, G_IO_ERROR_NOT_FOUND, "no such mirror");
  return NULL;
}

static GVariant *
print_and_leave (GVariant *args, GVariant *kwargs, gpointer user_data, GError **error)
{
  g_print ("the disk is full\n");
  fflush (stdout);
  _exit (3);
}

typedef struct
{
  const char *name;
  PcallFunc func;
  const char *args; /* of one call */
  const char *kwargs;
  GQuark (*domain) (void);
  int code;
  const char *message;
  const char *logged; /* besides */
} Failing;

#define NO_KWARGS "@a{sv} {}"

static const Failing failing[] = {
  { "too-few-arguments", take_one_number, "()", NO_KWARGS, pcall_error_quark,
    PCALL_ERROR_ARGUMENTS, "*the arguments are of type '()'; expected '(i)'", NULL },
  { "too-many-arguments", take_one_number, "(1, 2)", NO_KWARGS, pcall_error_quark,
    PCALL_ERROR_ARGUMENTS, "*the arguments are of type '(ii)'; expected '(i)'", NULL },
  { "text-for-a-number", take_one_number, "('1',)", NO_KWARGS, pcall_error_quark,
    PCALL_ERROR_ARGUMENTS, "*the arguments are of type '(s)'; expected '(i)'", NULL },
  { "another-kind-of-number", take_one_number, "(int64 1,)", NO_KWARGS, pcall_error_quark,
    PCALL_ERROR_ARGUMENTS, "*the arguments are of type '(x)'; expected '(i)'", NULL },
  { "keyword-of-another-type", take_one_number, "(1,)", "{'factor': <2>}", pcall_error_quark,
    PCALL_ERROR_ARGUMENTS, "*argument 'factor' is of type 'i'; expected 'd'", NULL },
  { "keyword-that-is-not-there", take_one_number, "(1,)", "{'faktor': <2.0>}", pcall_error_quark,
    PCALL_ERROR_ARGUMENTS, "*there is no argument 'faktor'; expected 'factor', 'exact'", NULL },
  { "keyword-where-there-is-none", take_no_keyword, "(1,)", "{'factor': <2.0>}",
    pcall_error_quark, PCALL_ERROR_ARGUMENTS,
    "*there is no argument 'factor'; none is taken by name", NULL },
  { "crash", follow_null, "()", NO_KWARGS, pcall_error_quark, PCALL_ERROR_CRASHED,
    "call 0 (failing): killed by signal 11 (Segmentation fault)*", NULL },
  { "abort", give_up, "()", NO_KWARGS, pcall_error_quark, PCALL_ERROR_CRASHED,
    "call 0 (failing): killed by signal 6 (Aborted)*", NULL },
  { "exit", leave, "()", NO_KWARGS, pcall_error_quark, PCALL_ERROR_EXITED,
    "call 0 (failing): exited with status 3 without handing over a result", NULL },
  { "exit-0", leave_as_if_all_were_well, "()", NO_KWARGS, pcall_error_quark, PCALL_ERROR_EXITED,
    "call 0 (failing): exited with status 0 without handing over a result", NULL },
  { "killed", be_killed, "()", NO_KWARGS, pcall_error_quark, PCALL_ERROR_CRASHED,
    "call 0 (failing): killed by signal 9 (Killed)*", NULL },
  { "own-error", say_and_fail, "()", NO_KWARGS, g_io_error_quark, G_IO_ERROR_NOT_FOUND,
    "no such mirror", NULL },
  { "last-words", print_and_leave, "()", NO_KWARGS, pcall_error_quark, PCALL_ERROR_EXITED,
    "call 0 (failing): exited with status 3 without handing over a result; last output: the disk "
    "is full", "WARNING: call 0 (failing): exited with status 3 without handing over a result" },
};

static void
test_failing (gconstpointer data)
{
  const Failing *row = data;
  g_autoptr (PcallTarget) target = pcall_target_new ("failing", row->func, NULL, NULL);
  PcallTask *task = pcall_task_new (target);
  g_autoptr (GVariant) args = support_parse (row->args);
  g_autoptr (GVariant) kwargs = support_parse (row->kwargs);
  g_autoptr (GError) error = NULL;

  pcall_task_set_common_args (task, args);
  pcall_task_set_common_kwargs (task, kwargs);
  if (row->logged != NULL)
    support_expect_log ();
  g_assert_null (pcall_task_run (task, NULL, &error));
  if (row->logged != NULL)
    support_assert_logged (row->logged);
  misuse_assert_told (error, row->domain (), row->code, row->message);

  g_assert_finalize_object (task);
}

int
main (int argc, char *argv[])
{
  g_setenv ("LC_ALL", "C", TRUE);
  g_test_init (&argc, &argv, NULL);
  support_watch_log ();

  for (gsize i = 0; i < G_N_ELEMENTS (failing); i++)
    MISUSE_ADD ("inside", failing, i, failing[i].name, test_failing);

  return g_test_run ();
}
