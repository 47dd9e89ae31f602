/*
 * SPDX-FileCopyrightText: 2026 The pcall authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#pragma once

#include "wire/pcall-channel-private.h"
#include "base/pcall-engine-private.h"
#include "base/pcall-process-private.h"
#include "start/pcall-start-private.h"

G_BEGIN_DECLS

/* One child under watch: its process and its channel together. It knows no call. */
typedef struct _PcallPeer PcallPeer;

/* None of these calls user code, nor frees the peer, but for @ended, which may. */
typedef struct
{
  /* A frame came. */
  void (*frame)  (const PcallFrame *frame,
                  gpointer          data);
  /* The child has closed its channel, and may go on. Called before @frame, with what came together
   * with that. May be NULL. */
  void (*closed) (gpointer          data);
  /* The child is killed, for that reason. May be NULL. */
  void (*killed) (const char       *reason,
                  gpointer          data);
  /* The child has ended and all that it sent has been given to @frame. Once, last. */
  void (*ended)  (gpointer          data);
} PcallPeerFuncs;

/* Takes what is in @started, on failure too: then the child has been killed. @engine must stay. */
PcallPeer *pcall_peer_new   (PcallEngine          *engine,
                             PcallStarted         *started,
                             guint64               nonce,
                             const PcallPeerFuncs *funcs,
                             gpointer              data,
                             GError              **error);
/* @ended must have been called, or the process been forked since: then this only closes. */
void             pcall_peer_free (PcallPeer            *self);

/* Its engine is not for it any more; it must be quiet. Not from @frame. */
void             pcall_peer_leave (PcallPeer           *self);
/* After that: another one is, and other functions. Where that cannot be, it is to be destroyed. */
gboolean         pcall_peer_enter (PcallPeer            *self,
                                   PcallEngine          *engine,
                                   const PcallPeerFuncs *funcs,
                                   gpointer              data,
                                   GError              **error);
/* When it has left, and has no call: kills the child, waits for its end, and frees the peer. */
void             pcall_peer_destroy (PcallPeer         *self);
/* Whether nothing is on its way, in either direction, as far as is known, and nothing amiss. */
gboolean         pcall_peer_is_quiet (PcallPeer *self);
pid_t            pcall_peer_get_pid  (PcallPeer *self);
/* That of the worker; 0 if it has none. */
int              pcall_peer_get_journal (PcallPeer *self);

/* Gives on all that the child has sent by now. Not from @frame. */
void             pcall_peer_drain (PcallPeer        *self);
/* Sends a frame, as soon as the child takes it; sinks @value. Where it never does, that is told by
 * its end. */
void             pcall_peer_send      (PcallPeer     *self,
                                       PcallFrameType type,
                                       guint32        call_index,
                                       GVariant      *value);
/* Sends SIGTERM now and SIGKILL after @grace microseconds; without any, SIGKILL now, also where it
 * was sent SIGTERM before. FALSE if there was nothing to send: the child has ended, or has time. */
gboolean         pcall_peer_terminate (PcallPeer *self,
                                       gint64     grace);
/* The child broke the protocol: kills it and listens to it no more. Takes @error. */
void             pcall_peer_reject    (PcallPeer *self,
                                       GError    *error);

/* Whether the child ended or closed its channel before it had read all that it was sent. Only where
 * there is a @closed to be called. */
gboolean         pcall_peer_left_unread (PcallPeer      *self);

/* Nothing that is of use will come: frames that do are not read. */
void             pcall_peer_stop_listening (PcallPeer   *self);

/* How the child ended, once it has. */
const PcallExit *pcall_peer_get_exit  (PcallPeer        *self);
/* How the child broke the protocol; NULL if it did not. */
const GError    *pcall_peer_get_error (PcallPeer        *self);
/* Its frames are to keep the memory in which their payloads came. */
void             pcall_peer_keep_memory (PcallPeer      *self);

/* On another machine */

/* The agent at the other end of @channel, which is taken, and whose socket is unshared: it starts
 * workers there, one after the other, and watches them. Its engine is yet to come. @heartbeat: how
 * often it is asked whether it is there, in microseconds. */
PcallPeer       *pcall_peer_new_remote (PcallChannel         *channel,
                                        gint64                heartbeat);
/* There is nobody on the way to it who might keep something back: where it ends the connection, all
 * that it sent has come. */
void             pcall_peer_set_direct (PcallPeer            *self);
/* What became of its last worker is of no interest any more. FALSE if it cannot have another. */
gboolean         pcall_peer_renew      (PcallPeer            *self);

void             pcall_peer_set_host   (PcallPeer            *self,
                                        const char           *host);
/* How many bytes have come from it, ever. */
guint64          pcall_peer_get_n_received (PcallPeer         *self);
/* NULL for this machine; it stays for ever. */
const char      *pcall_peer_get_host   (PcallPeer            *self);
/* The connection to it was lost: why, in words. NULL if it was not. */
const char      *pcall_peer_get_loss   (PcallPeer            *self);
/* Whether nonetheless all that it sent has come, so that it began no call which it did not tell. */
gboolean         pcall_peer_has_all    (PcallPeer            *self);
/* Takes a call back that the worker has not begun; it sends word then. If it has, the worker is to
 * end with it after so many microseconds of @grace, unless that is negative. */
void             pcall_peer_withdraw   (PcallPeer            *self,
                                        guint                 call_index,
                                        gint64                grace);
/* The worker had ended that call before it was to end with it. */
void             pcall_peer_go_on      (PcallPeer            *self);
/* The call that the worker had been handed and had not ended when it ended itself; -1 for none. */
gint64           pcall_peer_get_begun  (PcallPeer            *self);
/* Whether it was told to end, and takes no calls any more. */
gboolean         pcall_peer_is_leaving (PcallPeer            *self);

G_END_DECLS
