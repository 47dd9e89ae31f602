/*
 * SPDX-FileCopyrightText: 2026 The pcall authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include "base/pcall-javascript-private.h"

#include <dlfcn.h>
#include <glib-object.h>
#include <unistd.h>

/* What the library knows of GJS.
 *
 * SpiderMonkey collects garbage in steps, with other work between them, and the main loop's turn
 * may come in the middle. While it sweeps, GJS drops every callback, with a message: who waits for
 * that one waits for ever. A collection that is asked for finishes the one that goes on. */

#define ENGINE_TYPE_NAME "GjsContext"

static struct
{
  gpointer (*get_context) (void);
  void     (*collect)     (gpointer context);
} gjs;

/* Not in a forked child, where the loader's lock may be held. */
static void
find_functions (void)
{
  if (gjs.collect != NULL)
    return;

  *(gpointer *) &gjs.get_context = dlsym (RTLD_DEFAULT, "gjs_context_get_current");
  *(gpointer *) &gjs.collect = dlsym (RTLD_DEFAULT, "gjs_context_gc");
}

/* Around each fork this is asked. To ask GObject takes a lock, whose page would be copied for each
 * child. So it is asked again only when types have come since. */
static gboolean
engine_is_registered (void)
{
  static guint asked_at = G_MAXUINT;
  guint serial = g_type_get_type_registration_serial ();

  if (serial == (guint) g_atomic_int_get (&asked_at))
    return FALSE;
  if (g_type_from_name (ENGINE_TYPE_NAME) != 0)
    return TRUE;

  g_atomic_int_set (&asked_at, serial);
  return FALSE;
}

gboolean
pcall_javascript_is_here (void)
{
  if (!engine_is_registered () || gettid () != getpid ())
    return FALSE;

  find_functions ();
  return TRUE;
}

gboolean
pcall_javascript_collect (void)
{
  gpointer context = gjs.get_context != NULL ? gjs.get_context () : NULL;

  if (context == NULL || gjs.collect == NULL)
    return FALSE;

  gjs.collect (context);
  return TRUE;
}

/* The engine aborts where it is asked to collect while it does. What it drops may run a main loop
 * of its own, so this is for the outermost loop only. */
void
pcall_javascript_attend (void)
{
  if (pcall_javascript_is_here () && g_main_depth () == 1)
    pcall_javascript_collect ();
}
