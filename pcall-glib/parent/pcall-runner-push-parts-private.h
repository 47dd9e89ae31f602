/*
 * SPDX-FileCopyrightText: 2026 The pcall authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#pragma once

#include "parent/pcall-runner-parts-private.h"

G_BEGIN_DECLS

/* What workers are, wherever they run: see pcall-runner-push.c, and pcall-runner-away.c for those
 * on other machines. */
typedef struct
{
  PcallRunner base;
  PcallTimer  patience; /* with what the worker should do next */
  gboolean    greeted;  /* it said hello */
  gboolean    closed;   /* it closed its channel */
  gboolean    knows_common; /* it may be sent what calls have in common, apart from them */
  gboolean    has_common;   /* it was sent some */
  gboolean    prepared;     /* it has what it should of that */
} PcallPush;

/* Gives the worker its call, as soon as it has said hello. */
void     pcall_push_release   (PcallRunner      *runner);
/* Sends what the worker is to have before its first call; its size in bytes. */
gsize    pcall_push_prepare   (PcallRunner      *runner);
/* Sends the call of @job; @log_file and @log_key as in the frame. Its size in bytes. */
gsize    pcall_push_post_call (PcallRunner      *runner,
                               const PcallJob   *job,
                               const char       *log_file,
                               const char       *log_key);
void     pcall_push_take_frame (PcallRunner      *runner,
                                const PcallFrame *frame);
/* "00ff…", as a worker takes it. */
char    *pcall_push_make_log_key (PcallRunner    *runner);
void     pcall_push_take_closed (PcallRunner     *runner);
void     pcall_push_drain     (PcallRunner      *runner);
void     pcall_push_detach    (PcallRunner      *runner);
char    *pcall_push_describe_false_start (PcallRunner *runner,
                                          const char  *end);
/* Whether nothing hinders it from being given calls. */
gboolean pcall_push_takes_calls (PcallRunner    *runner);

#define PCALL_FRAMES_OF_A_CALL                                                                     \
  (1u << PCALL_FRAME_RESULT | 1u << PCALL_FRAME_ERROR | 1u << PCALL_FRAME_NOTE |                   \
   1u << PCALL_FRAME_PROGRESS | 1u << PCALL_FRAME_MESSAGE)

G_END_DECLS
