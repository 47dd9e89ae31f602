/*
 * SPDX-FileCopyrightText: 2026 The pcall authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include <dlfcn.h>
#include <string.h>

#include "pcall-error.h"
#include "calls/pcall-target-private.h"

/* What the name of a symbol target stands for: a function in a shared object.
 *
 * A module stays loaded once it was: what it has begun, threads and handlers, would not survive
 * its going, and the process that loads it is one that is made to run such functions. */

/* Where the dynamic linker has looked for the module. */
static char *
describe_search (const char *module)
{
  const char *path = g_getenv ("LD_LIBRARY_PATH");

  if (strchr (module, '/') != NULL)
    return g_strdup ("");
  return g_strdup_printf ("; it was looked for as the dynamic linker does, with LD_LIBRARY_PATH %s",
                          path != NULL ? path : "not set");
}

static void
set_error (GError    **error,
           const char *module,
           const char *symbol)
{
  const char *reason = dlerror ();
  g_autofree char *search = describe_search (module);

  g_set_error (error, PCALL_ERROR, PCALL_ERROR_TARGET, "symbol %s of module %s: %s%s", symbol,
               module, reason != NULL ? reason : "it is no function, but NULL", search);
}

/* The name up to the last colon is the module: a path may have colons, a symbol has none. */
static gboolean
split (const char  *wire_name,
       char       **module,
       const char **symbol,
       GError     **error)
{
  const char *colon = strrchr (wire_name, ':');

  if (colon != NULL)
    {
      *module = g_strndup (wire_name, colon - wire_name);
      *symbol = colon + 1;
      return TRUE;
    }

  g_set_error (error, PCALL_ERROR, PCALL_ERROR_TARGET,
               "\"%s\" names no function: a name is MODULE:SYMBOL", wire_name);
  return FALSE;
}

PcallFunc
pcall_symbol_resolve (const char *wire_name,
                      GError    **error)
{
  g_autofree char *module = NULL;
  const char *symbol;
  gpointer handle;
  PcallFunc func = NULL;

  if (!split (wire_name, &module, &symbol, error))
    return NULL;

  dlerror ();
  handle = dlopen (module, RTLD_NOW | RTLD_LOCAL);
  /* POSIX has the address of a function fit into a pointer, which ISO C does not know. */
  if (handle != NULL)
    *(gpointer *) &func = dlsym (handle, symbol);
  if (func == NULL)
    set_error (error, module, symbol);
  return func;
}
