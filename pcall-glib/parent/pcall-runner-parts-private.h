/*
 * SPDX-FileCopyrightText: 2026 The pcall authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#pragma once

#include "parent/pcall-peer-private.h"
#include "parent/pcall-runner-private.h"

G_BEGIN_DECLS

/* What the three kinds of runners share. */

struct _PcallRunnerClass
{
  gsize   size;      /* of the struct that begins with a PcallRunner */
  guint32 frames;    /* that the child may send: bit n for type n */
  guint32 of_a_call; /* of these, those that must be about its call */

  /* The child goes on. */
  void     (*release)   (PcallRunner      *self);
  /* A frame came, of a type and about a call that it may be of. */
  void     (*frame)     (PcallRunner      *self,
                         const PcallFrame *frame);
  /* The child has closed its channel. May be NULL. */
  void     (*closed)    (PcallRunner      *self);
  /* The child has ended: takes the rest of what it has told. May be NULL. */
  void     (*ended)     (PcallRunner      *self);
  /* Takes what the child has told before it is stopped. */
  void     (*drain)     (PcallRunner      *self);
  /* The child is stopped, and its call is not to have an outcome any more. May be NULL. */
  void     (*stopped)   (PcallRunner      *self);
  /* The timeout has passed: whether the call may go on, and the timer is set anew. May be NULL. */
  gboolean (*has_more_time) (PcallRunner  *self);
  /* The call is to be stopped: whether it has ended all the same. May be NULL. */
  gboolean (*has_ended_in_time) (PcallRunner *self);
  /* The call has a verdict, and is to be stopped; the child is only if it still has that. May be
   * NULL. */
  void     (*withdraw)  (PcallRunner      *self);
  /* The call is not to begin, if it was sent ahead. May be NULL. */
  void     (*take_back) (PcallRunner      *self,
                         guint             index);
  /* The child has ended, without an outcome of its call: whether nothing of that has run. May be
   * NULL. */
  gboolean (*is_untouched) (PcallRunner   *self);
  /* The call ended with the child: whether it has a log file. */
  gboolean (*settle_log) (PcallRunner     *self);
  /* Why the child did not come to a call, in words; @end says how it ended. NULL where that is not
   * to be told. May be NULL. */
  char    *(*describe_false_start) (PcallRunner *self,
                                    const char  *end);
  /* A worker: sends it the call that it has. NULL for others. */
  void     (*send_call) (PcallRunner      *self);
  /* How many calls it was sent ahead of that. May be NULL. */
  guint    (*get_n_ahead) (PcallRunner    *self);
  /* The child was in a pool before. May be NULL. */
  void     (*warm)       (PcallRunner           *self,
                          const PcallWarmWorker *worker);
  /* Timers and memory of this kind. May be NULL. */
  void     (*detach)    (PcallRunner      *self);
  void     (*clear)     (PcallRunner      *self);
};

struct _PcallRunner
{
  const PcallRunnerClass *klass;
  const PcallRunnerSetup *setup;
  PcallJob                job;
  PcallPeer              *peer; /* NULL once it is in a pool */
  PcallStarted            started;
  pid_t                   pid;
  guint                   child; /* its position among the task's */
  GList                   link;

  PcallRunnerState        state;
  gboolean                has_call; /* or may have one */
  gboolean                sent;     /* its call was, and begins when the child says so */
  gboolean                begun;    /* its call has, and is known to */
  gboolean                heard;    /* a frame came */
  gboolean                ready;    /* nothing hinders the child any more from coming to its call */
  gboolean                replaced; /* it asked for another child in its place */
  gboolean                stopping; /* it is given no more calls */
  gboolean                detached; /* frames are of no use any more */
  guint                   n_ended;  /* calls, in this child */
  gint64                  made;     /* when the child was, by the monotonic clock */
  gint64                  began;    /* when its call did, if it has begun */
  PcallTimer              timeout;

  PcallOutcome            outcome; /* of the call, as far as it is known */
  PcallCallState          verdict; /* that it ends with if it has none; PENDING: not stopped */
  char                   *verdict_reason;
};

/* How the child ended; that is not known of a worker that went into a pool. */
const PcallExit *pcall_runner_get_exit (PcallRunner *self);
/* Sets the error of a call that handed over nothing, and says what has become of it. */
PcallCallState   pcall_runner_blame    (PcallRunner *self,
                                        gboolean     has_log);
/* The time of the call counts from @began. */
void     pcall_runner_set_timeout  (PcallRunner      *self,
                                    gint64            began);
/* NULL where nobody is told any more. */
PcallEvent *
         pcall_runner_add_event    (PcallRunner      *self,
                                    PcallEventType    type,
                                    guint             index);
/* A frame came. */
void     pcall_runner_hear         (const PcallFrame *frame,
                                    gpointer          data);
void     pcall_runner_set_state    (PcallRunner      *self,
                                    PcallRunnerState  state);
/* The call begins; @began: at that time, by the monotonic clock. */
void     pcall_runner_begin_call   (PcallRunner      *self,
                                    gint64            began);
/* The call has ended, and its outcome is here; the child goes on. @took is in microseconds, -1
 * where it is not known. */
void     pcall_runner_finish_call  (PcallRunner      *self,
                                    gint64            took,
                                    gboolean          has_log);
/* Makes the error of a call that handed over nothing its outcome; how that counts. */
PcallCallState
         pcall_runner_blame        (PcallRunner      *self,
                                    gboolean          has_log);
/* It has another call, which may follow others that nobody was told of. */
void     pcall_runner_adopt_call   (PcallRunner      *self,
                                    guint             index);
/* The child said that it is ready. */
void     pcall_runner_learn_ready  (PcallRunner      *self);
/* Progress, a message or a note of the call that runs. */
void     pcall_runner_take_report  (PcallRunner      *self,
                                    const PcallFrame *frame);
/* The outcome of the call, unless there is one or it comes too late. */
void     pcall_runner_take_outcome (PcallRunner      *self,
                                    const PcallFrame *frame);
/* The child broke the protocol: how, in words. */
void     pcall_runner_reject       (PcallRunner      *self,
                                    const char       *complaint);
/* The same with a frame that a child may not send. */
void     pcall_runner_refuse       (PcallRunner      *self,
                                    const PcallFrame *frame);
/* The child said that no frame follows. */
void     pcall_runner_take_final   (PcallRunner      *self);
/* It has said which process it is. */
void     pcall_runner_learn_pid    (PcallRunner      *self,
                                    pid_t             pid);
/* The log file that was made for its call: whether there is one, or something in it. */
gboolean pcall_runner_settle_own_log (PcallRunner    *self);

static inline guint32
pcall_frame_bit (PcallFrameType type)
{
  return 1u << type;
}

G_END_DECLS
