/*
 * SPDX-FileCopyrightText: 2026 The pcall authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include <stdio.h>
#include <stdlib.h>

#include "calls/pcall-target-private.h"
#include "pcall.h"

/* The C worker program: a name is MODULE:SYMBOL, a PcallFunc in a shared object. */

static void
run_call (PcallWorker *worker,
          const char  *name,
          GVariant    *args,
          GVariant    *kwargs,
          gpointer     user_data)
{
  g_autoptr (GError) error = NULL;
  PcallFunc func = pcall_symbol_resolve (name, &error);
  GVariant *result = NULL;

  if (func != NULL)
    result = func (args, kwargs, NULL, &error);
  else
    g_prefix_error (&error, "worker program pcall-worker: call %u: ", pcall_get_call_index ());

  if (error != NULL)
    pcall_worker_return_error (worker, error);
  else
    pcall_worker_return_value (worker, result);
}

int
main (void)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (PcallWorker) worker = pcall_worker_new (&error);

  if (worker == NULL)
    {
      fprintf (stderr, "pcall-worker: %s\n", error->message);
      return EXIT_FAILURE;
    }

  /* What a call printed before it crashed should be seen. */
  setvbuf (stdout, NULL, _IOLBF, BUFSIZ);
  pcall_worker_capture_log (worker);
  pcall_worker_start (worker, run_call, NULL, NULL);
  pcall_worker_run (worker);
  return EXIT_SUCCESS;
}
