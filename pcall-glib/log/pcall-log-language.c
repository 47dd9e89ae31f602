/*
 * SPDX-FileCopyrightText: 2026 The pcall authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include "log/pcall-log-language-private.h"

#include "pcall-binding.h"

/* A language may have a log of its own, whose records hold more than GLib's: a binding sets the
 * function that takes them, once and for all tasks. */

static struct
{
  PcallRecordFunc func;
  gpointer        user_data;
  GDestroyNotify  destroy;
} language;

/**
 * pcall_set_record_func:
 * @func: (scope notified) (closure user_data) (destroy destroy) (nullable): the function, or %NULL
 *   for none
 * @user_data: what to call it with
 * @destroy: (nullable): frees @user_data
 *
 * Sets what logs the records that calls have given to [func@Pcall.log_record], and in tasks whose
 * [property@Pcall.Task:output-mode] is %PCALL_OUTPUT_MODE_STREAMS also what pcall has to say about
 * them: that a log begins, with %G_LOG_LEVEL_INFO, how its call ended, that it ends, and with
 * %G_LOG_LEVEL_WARNING what is missing in it.
 *
 * It is called in the thread that drives a task, in the order in which the records were made in
 * each call. For language bindings, once in a program, before it starts a task.
 *
 * Since: 1.0
 */
void
pcall_set_record_func (PcallRecordFunc func,
                       gpointer        user_data,
                       GDestroyNotify  destroy)
{
  if (language.destroy != NULL)
    language.destroy (language.user_data);
  language.func = func;
  language.user_data = user_data;
  language.destroy = destroy;
}

gboolean
pcall_log_language_is_there (void)
{
  return language.func != NULL;
}

void
pcall_log_language_log (guint          index,
                        GLogLevelFlags level,
                        const char    *message,
                        GBytes        *data)
{
  g_autofree char *valid = g_utf8_make_valid (message, -1);

  language.func (index, level, valid, data, language.user_data);
}
