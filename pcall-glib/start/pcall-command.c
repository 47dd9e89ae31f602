/*
 * SPDX-FileCopyrightText: 2026 The pcall authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include "start/pcall-command-private.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "pcall-error.h"
#include "calls/pcall-target-private.h"

/* Which program runs a named target: the one that the target names, or pcall's own for symbols.
 *
 * The latter stands where it was installed, or where PCALL_WORKER_DIR says, for a library that is
 * not installed yet. */

#define OWN_WORKER "pcall-worker"

/* Characters of an argument that a message has at the most. */
#define MAX_SHOWN 100
#define ENV_WORKER_DIR "PCALL_WORKER_DIR"

static const char * const own_argv[] = { OWN_WORKER, NULL };

const char * const *
pcall_command_get_argv (PcallTarget *target)
{
  return pcall_target_get_kind (target) == PCALL_TARGET_SYMBOL
             ? own_argv
             : pcall_target_get_worker_argv (target);
}

/* FALSE if it is cut: it is a program's source, or data. */
static gboolean
append_argument (GString    *line,
                 const char *argument)
{
  const char *begin = argument + strspn (argument, "\n");
  gsize length = strcspn (begin, "\n");
  g_autofree char *shown = g_utf8_make_valid (begin, length);
  gboolean whole = begin[length] == '\0';

  if (g_utf8_strlen (shown, -1) > MAX_SHOWN)
    {
      *g_utf8_offset_to_pointer (shown, MAX_SHOWN) = '\0';
      whole = FALSE;
    }
  g_string_append_printf (line, "%s%s%s", line->len > 0 ? " " : "", shown, whole ? "" : "…");
  return whole;
}

char *
pcall_command_describe_argv (const char * const *argv)
{
  GString *line = g_string_new (NULL);

  while (*argv != NULL && append_argument (line, *argv))
    argv++;
  return g_string_free (line, FALSE);
}

char *
pcall_command_describe (PcallTarget *target)
{
  return pcall_command_describe_argv (pcall_command_get_argv (target));
}

gboolean
pcall_command_equal (PcallTarget *a,
                     PcallTarget *b)
{
  /* A program of that name in PATH is not ours. */
  return a == b || (pcall_target_get_kind (a) == pcall_target_get_kind (b) &&
                    g_strv_equal (pcall_command_get_argv (a), pcall_command_get_argv (b)));
}

char *
pcall_command_find_own (const char *name,
                        const char *what,
                        GError    **error)
{
  const char *told = secure_getenv (ENV_WORKER_DIR);
  const char *directory = told != NULL ? told : PCALL_LIBEXECDIR;
  g_autofree char *path = g_build_filename (directory, name, NULL);

  if (g_file_test (path, G_FILE_TEST_IS_EXECUTABLE))
    return g_steal_pointer (&path);

  g_set_error (error, PCALL_ERROR, PCALL_ERROR_START,
               "%s %s: not found in %s; %s %s", what, name, directory, ENV_WORKER_DIR,
               told != NULL ? "says that it is there" : "can tell where it is");
  return NULL;
}

static char *
find_in_path (const char *name,
              GError    **error)
{
  const char *path = g_getenv ("PATH");
  char *program = g_find_program_in_path (name);

  if (program == NULL)
    g_set_error (error, PCALL_ERROR, PCALL_ERROR_START,
                 "worker program %s: not found in PATH, which is %s", name,
                 path != NULL ? path : "not set");
  return program;
}

char *
pcall_command_find (PcallTarget *target,
                    GError     **error)
{
  const char *name = pcall_command_get_argv (target)[0];

  if (pcall_target_get_kind (target) == PCALL_TARGET_SYMBOL)
    return pcall_command_find_own (OWN_WORKER, "worker program", error);
  /* Whether there is one is what executing it will tell. */
  return strchr (name, '/') != NULL ? g_strdup (name) : find_in_path (name, error);
}
