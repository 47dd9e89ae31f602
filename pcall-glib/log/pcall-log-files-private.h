/*
 * SPDX-FileCopyrightText: 2026 The pcall authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#pragma once

#include <glib.h>
#include <sys/types.h>

#include "log/pcall-log-reader-private.h"

G_BEGIN_DECLS

/* The log files of a task's children, one each:
 * <directory>/task-<name>-call-<index>-pid-<pid>.log
 *
 * Where what is printed goes to this process's own streams, and these are not the same, standard
 * output has a file of its own beside it, which ends in ".out". Whatever makes, names or removes a
 * log file does so with both. There is a log file where there is the other. */
typedef struct _PcallLogFiles PcallLogFiles;

/* Opens, and where needed makes, @directory; NULL for a private one of this user: where none is to
 * be had, no file can be made. @keep: files in that are to stay. @number: what records are known
 * by, no output's by chance. @name: what names begin with, no other task's. */
PcallLogFiles *pcall_log_files_new   (const char      *directory,
                                      gboolean         keep,
                                      guint64          number,
                                      guint64          name,
                                      GError         **error);
PcallLogFiles *pcall_log_files_ref   (PcallLogFiles *self);
/* Only closes: a forked child may do it with what is its parent's. */
void             pcall_log_files_unref (PcallLogFiles *self);

/* No child is left: closes the directory, and removes it if it was made here and is empty. Paths
 * can still be asked for. */
void             pcall_log_files_close (PcallLogFiles *self);

/* What children print goes to this process's own standard output and error, as it is. Before any
 * file is made. @joins: in the end, the log file has what is in both. */
void     pcall_log_files_set_streams (PcallLogFiles       *self,
                                      gboolean             joins);
gboolean pcall_log_files_has_streams (const PcallLogFiles *self);
/* Whether standard output has a file of its own. */
gboolean pcall_log_files_are_split   (const PcallLogFiles *self);
/* Says that of the files that are made from here on, for a parent that is elsewhere. */
void     pcall_log_files_set_split   (PcallLogFiles       *self,
                                      gboolean             split);

/* How much of a file goes into the main log; 0 for all of it. */
void    pcall_log_files_set_max_size (PcallLogFiles       *self,
                                      guint64              max_size);
guint64 pcall_log_files_get_max_size (const PcallLogFiles *self);
/* When what has not gone into the main log is left out, by the monotonic clock; 0 for never. */
void    pcall_log_files_set_deadline (PcallLogFiles       *self,
                                      gint64               deadline);
gint64  pcall_log_files_get_deadline (const PcallLogFiles *self);

/* Marks log records in the files. */
const PcallLogKey *pcall_log_files_get_key (const PcallLogFiles *self);

/* In a child: sends standard output and error into a new file, and returns a descriptor of it;
 * -1 with errno set where none can be made: then they are as before. @out: one of the file of
 * standard output; -1 where it has none of its own. Async-signal-safe. */
int   pcall_log_files_begin    (const PcallLogFiles *self,
                                guint                index,
                                int                 *out);

/* Makes the file of a child that is to open it by itself, and returns its path; NULL with errno set
 * where that is not possible. */
char *pcall_log_files_make     (const PcallLogFiles *self,
                                guint                index,
                                pid_t                pid);

/* The same for what this process writes for a child that is elsewhere, or reads for a parent that
 * is: a descriptor that appends; -1 with errno set where that is not possible. @out: one of the
 * file of standard output; -1 where it has none of its own. */
int   pcall_log_files_make_here (const PcallLogFiles *self,
                                 guint                index,
                                 pid_t                pid,
                                 int                 *out);

char *pcall_log_files_get_path (const PcallLogFiles *self,
                                guint                index,
                                pid_t                pid);
/* The same file by the directory's descriptor, whatever happened to that path. */
char *pcall_log_files_get_own_path (const PcallLogFiles *self,
                                    guint                index,
                                    pid_t                pid);
/* That of the file of standard output, given that of the log file; NULL where @path is none. */
char *pcall_log_files_get_out_path (const char          *path);

/* What stands before them in the message of an error. */
#define PCALL_LAST_OUTPUT "; last output: "

/* The last lines of what the child wrote, on one line; NULL if it wrote nothing. */
char *pcall_log_files_get_tail (const PcallLogFiles *self,
                                guint                index,
                                pid_t                pid);

/* What the child wrote, of each file the last @most bytes: what it printed as it is, and what it
 * logged as a line for each record. */
GBytes *pcall_log_files_dup_output (const PcallLogFiles *self,
                                    guint                index,
                                    pid_t                pid,
                                    gsize                most);

/* Removes the file if nothing is in it. TRUE if it is gone. */
gboolean pcall_log_files_discard_empty (const PcallLogFiles *self,
                                        guint                index,
                                        pid_t                pid);
void     pcall_log_files_discard       (const PcallLogFiles *self,
                                        guint                index,
                                        pid_t                pid);

/* Where log files are to have what is in both, moves what is in that of standard output into that.
 * @joined: how much of it was moved, at first 0. FALSE if there is more to do when @until has
 * come. */
gboolean pcall_log_files_join          (const PcallLogFiles *self,
                                        guint                index,
                                        pid_t                pid,
                                        guint64             *joined,
                                        gint64               until);

/* Gives some of the file's memory or disk back, from its end: for all of a large one at once the
 * system takes long. FALSE if there is more. */
gboolean pcall_log_files_shrink        (const PcallLogFiles *self,
                                        guint                index,
                                        pid_t                pid);

/* Gives the file of the call with index @from the name of that with @to, too. */
void     pcall_log_files_link          (const PcallLogFiles *self,
                                        guint                from,
                                        guint                to,
                                        pid_t                pid);

/* For reading; NULL with errno set if it cannot be. @from_end: how much of its end is read, set to
 * 0 where that is all; NULL for all of it. */
PcallLogReader *pcall_log_files_open     (const PcallLogFiles *self,
                                          guint                index,
                                          pid_t                pid,
                                          gsize               *from_end);
/* The file of standard output, in the same way. */
PcallLogReader *pcall_log_files_open_out (const PcallLogFiles *self,
                                          guint                index,
                                          pid_t                pid,
                                          gsize               *from_end);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (PcallLogFiles, pcall_log_files_unref)

G_END_DECLS
