/*
 * SPDX-FileCopyrightText: 2026 The pcall authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#pragma once

#include <glib.h>

G_BEGIN_DECLS

/* The directory of log files. */
typedef struct
{
  char     *path;
  int       fd;   /* -1: it is not open */
  gboolean  made; /* here: it is removed when nobody uses it */
} PcallLogDirectory;

/* One of this user alone, in memory where that can be had. FALSE with errno set where there is
 * none. */
gboolean pcall_log_directory_open_default (PcallLogDirectory *self);
/* The one at @path, which is made where it is not there. FALSE with errno set. */
gboolean pcall_log_directory_open_given   (PcallLogDirectory *self,
                                           const char        *path);
/* Nobody here uses it any more. The path stays. */
void     pcall_log_directory_close        (PcallLogDirectory *self);

/* How a log file is called: PCALL_LOG_FILE_PREFIX, and what is said in pcall-log-files.c. */
#define PCALL_LOG_FILE_PREFIX "task-"
#define PCALL_LOG_FILE_SUFFIX ".log"
/* That of standard output alone, beside it, where that has one. */
#define PCALL_OUT_FILE_SUFFIX ".out"
/* What marks a file that is to be kept; it means nothing else for one. */
#define PCALL_LOG_FILE_KEPT S_ISVTX

G_END_DECLS
