/*
 * SPDX-FileCopyrightText: 2026 The pcall authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#pragma once

#include <gio/gio.h>
#include <pcall-glib/pcall.h>

/* What is long for anything that a test waits for: only a hang takes longer. */
#define TEST_LIMIT 60.0

/* Gives this program a runtime directory of its own, where log files of its tasks are made, and
 * prepares what GLib makes once in a process. Messages of less weight than a warning are not
 * written. To be called in main(), after g_test_init(). */
void      traces_begin       (void);
/* The same for a program that has a log writer of its own. */
void      traces_begin_without_log (void);

/* One of the two, by what was asked for: -m slow, here or in the parent of a test's subprocess. */
guint     traces_rounds      (guint in_short_form,
                              guint in_slow_form);
/* Runs @func in a fresh process of this program, under the name of the test that runs now. */
void      traces_in_subprocess (void (*func) (gconstpointer data),
                                gconstpointer data);

/* All that a task could leave behind in this process, a line each: descriptors (memfds among
 * them), children (zombies among them), threads, files in the runtime directory. */
char     *traces_take        (void);
/* Waits until the traces are what they were, and fails where they do not become so. */
void      traces_assert_back (const char *before);

typedef gboolean (*TracesCondition) (gpointer data);

/* Looks every millisecond. FALSE if @condition has not come true in TEST_LIMIT. */
gboolean  traces_wait_until  (TracesCondition condition,
                              gpointer        data);

/* For that: whether the threads that this program had in the beginning are alone. */
gboolean  traces_have_no_thread (gpointer nothing);

int       traces_open_pidfd  (pid_t pid);
/* Whether the process behind @pidfd ends within @limit seconds. */
gboolean  traces_wait_for_end (int     pidfd,
                               gdouble limit);
/* Kills the process behind @pidfd and closes that. */
void      traces_kill        (int pidfd);
