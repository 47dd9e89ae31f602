/*
 * SPDX-FileCopyrightText: 2026 The pcall authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#pragma once

#include "parent/pcall-peer-private.h"

G_BEGIN_DECLS

/* What a peer on another machine has besides. */
typedef struct
{
  const char *host;       /* interned; NULL: it has not said that yet */
  pid_t       owner;      /* a fork of the process has no connection */
  gint64      heartbeat;
  PcallTimer  beat;
  PcallTimer  settle;
  guint64     heard;      /* bytes that had been received and sent at the last beat */
  gboolean    pinged;     /* since then */
  gboolean    leaving;
  gboolean    direct;
  gboolean    complete;   /* the connection is lost, and nothing that it had carried */
  gboolean    told;       /* of the end of the worker */
  char       *loss;
  gint64      begun;
} PcallPeerRemote;

struct _PcallPeer
{
  PcallEngine          *engine;
  PcallProcess          process;
  PcallWatch            process_watch;
  pid_t                 pid;
  int                   journal_fd; /* 0: none */
  PcallChannel          channel;
  PcallWatch            channel_watch;
  PcallTimer            kill_timer;
  PcallFrameQueue       frames;
  GQueue                parcels; /* PcallParcel, to be sent */
  PcallExit             exit;
  gboolean              exited;
  gboolean              terminated;
  GError               *error;
  PcallPeerRemote      *remote; /* NULL: it is a child of this process */
  const PcallPeerFuncs *funcs;
  gpointer              data;
};

void     pcall_peer_close_channel       (PcallPeer        *self);

/* The connection is of no use any more, and neither is what may be at its other end. What has come
 * before is delivered all the same. Takes @error, which says why; NULL: it was closed. */
void     pcall_peer_remote_lose         (PcallPeer        *self,
                                         GError           *error);
/* Something could not be sent: errno says why. */
void     pcall_peer_remote_note_unsent  (PcallPeer        *self);
/* It is about to enter an engine, or to leave it. */
void     pcall_peer_remote_enter        (PcallPeer        *self);
void     pcall_peer_remote_leave        (PcallPeer        *self);
/* Its connection is about to be closed, or was so by a fork. */
void     pcall_peer_remote_let_go       (PcallPeer        *self);
/* Whether the frame was about the agent or the end of its worker, and not from that. */
gboolean pcall_peer_remote_take         (PcallPeer        *self,
                                         const PcallFrame *frame);
/* Tells of the end of the worker, if it has ended or is lost; the peer may be gone afterwards. */
void     pcall_peer_remote_settle       (PcallPeer        *self);
/* The same when the engine is next dispatched. */
void     pcall_peer_remote_settle_later (PcallPeer        *self);
void     pcall_peer_remote_terminate    (PcallPeer        *self,
                                         gint64            grace);
void     pcall_peer_remote_free         (PcallPeerRemote  *remote);

G_END_DECLS
