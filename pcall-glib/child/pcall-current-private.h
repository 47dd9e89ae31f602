/*
 * SPDX-FileCopyrightText: 2026 The pcall authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#pragma once

#include "wire/pcall-channel-private.h"

G_BEGIN_DECLS

/* The call that this process runs as a child. */

/* This process is a child, whose parent is at the other end of @fd. It has no call. */
void      pcall_current_open              (int             fd,
                                           guint64         nonce);
/* @mark stands for looking at the pid: it is not zero in this process, and zero in forks of it;
 * NULL if there is none. */
void      pcall_current_set_mark          (const guint8   *mark);
/* Whether this process is the child, and not one that it forked. */
gboolean  pcall_current_is_ours           (void);
/* From now on it has one. */
void      pcall_current_begin             (guint           index);
/* From now on it has the one that is as many behind @index as @n_ended counts. */
void      pcall_current_begin_batch       (guint           index,
                                           const guint64  *n_ended);
/* It has that one, of these, and nothing counts any more. */
void      pcall_current_end_batch         (guint           index);

/* To be called before a frame is sent, in any thread, or between two of them; @n_frames were
 * sent before. */
typedef void (*PcallFlushFunc) (gpointer data, guint32 n_frames, gboolean is_before_frame);

void      pcall_current_set_flush         (PcallFlushFunc  flush,
                                           gpointer        data);
/* Calls it, though no frame is to be sent. */
void      pcall_current_flush             (void);
/* Whether there is more to be sent with the result of that call than its value. */
gboolean  pcall_current_has_attachments   (guint           index);
/* Whether its value stands in memory, whatever its function returns. */
gboolean  pcall_current_has_memory        (guint           index);
/* What is to be sent as the outcome of the call: @value, or what else the call has set for it,
 * which stays until the call has ended. @value has to stay, too. */
PcallOutgoing pcall_current_get_outcome   (PcallFrameType  outcome,
                                           GVariant       *value);
/* Sends a frame about the call; sinks @value. Ends the process where the parent is gone. */
void      pcall_current_send              (PcallFrameType  type,
                                           GVariant       *value);
/* Sends the outcome of the call, after which the process has none; sinks @value. */
void      pcall_current_return            (PcallFrameType  outcome,
                                           GVariant       *value);
/* Says that this process is there, before its first call; sinks @value. */
void      pcall_current_greet             (GVariant       *value);
/* Sends the outcome of the call, and that the process ends with @status. @value is not freed: what
 * ends need not tidy up. Where this is a fork of the child, ends it at once and sends nothing. */
void      pcall_current_finish            (PcallFrameType  outcome,
                                           GVariant       *value,
                                           gint32          status);
/* The process has no call any more; how many frames it has sent. */
guint32   pcall_current_end               (void);
/* Tells the parent, between calls too, to look at the memory that they share. */
void      pcall_current_wake              (void);
/* The same from a function that pcall_current_flush() calls. */
void      pcall_current_wake_locked       (void);
/* Sends that the process, which has no call, ends with @status. */
void      pcall_current_leave             (gint32          status);
GVariant *pcall_current_get_error_details (void);

G_END_DECLS
