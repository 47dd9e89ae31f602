/*
 * SPDX-FileCopyrightText: 2026 The pcall authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#pragma once

#include "parent/pcall-crew-private.h"
#include "wire/pcall-handshake-private.h"

G_BEGIN_DECLS

/* The crew is seven files: its members (pcall-crew.c) and whom they work for
 * (pcall-crew-clients.c), also where nobody drives those (pcall-crew-looks.c); the commands that
 * bring them (pcall-crew-launch.c) and how these are put together (pcall-crew-command.c); those who
 * say that they are members (pcall-crew-strangers.c), and where they find this process
 * (pcall-crew-listen.c). All of this is for who holds the lock. */

/* A command that was started, and brings agents. */
typedef struct
{
  PcallCrew   *crew;
  GList        link;
  PcallProcess process;
  PcallWatch   process_watch;
  int          words_fd; /* of what it writes; -1: no more */
  PcallWatch   words_watch;
  PcallTimer   words_pause;
  GString     *words;    /* the last of them */
  char        *complaint; /* why what it brought was sent away; NULL if it was not */
  PcallTimer   timer;
  guint        number;
  guint        slot;       /* of the plan's hosts */
  guint        n_expected; /* agents that have not come yet */
  guint        n_there;    /* that came, and have not gone */
  gboolean     came;       /* one did */
  gboolean     fruitless;  /* and was lost before it was of use, which was noted */
  gboolean     leaving;    /* it is to end */
  guint        n_signals;  /* that it was sent */
  gint64       pause;      /* when it has ended: before the next look at the rest of its group */
} PcallLaunch;

/* An agent. It is idle, or busy: then its peer is a task's. */
typedef struct
{
  PcallCrew   *crew;
  GList        link; /* among the idle */
  PcallPeer   *peer;
  PcallLaunch *launch; /* NULL where that is not known, or has ended */
  PcallTimer   timer;  /* idle: when it has been for too long; or it has to say hello until then */
  guint64      n_received; /* bytes, when it was taken */
  gboolean     greeted;
  gboolean     was_of_use; /* it has answered a task */
} PcallMember;

/* Somebody who is at the other end of a connection. */
typedef struct
{
  PcallCrew     *crew;
  GList          link;
  int            fd;
  PcallWatch     watch;
  PcallTimer     timer;
  PcallHandshake shake;
  PcallLaunch   *launch; /* as in PcallMember */
} PcallStranger;

/* Where agents that connect find this process. */
typedef struct
{
  int        fd; /* -1: nowhere */
  guint      port;
  PcallWatch watch;
  PcallTimer pause;
  char      *addresses;
} PcallListener;

/* How it went with the commands. */
typedef struct
{
  gboolean   came;        /* some agent did, since somebody was disappointed */
  guint      n_fruitless; /* commands in a row that brought none that was of use */
  gint64     delay;       /* before the next one */
  PcallTimer again;
} PcallLuck;

/* At tasks that nobody drives. */
typedef struct
{
  gboolean   due;
  gint64     pause; /* before the next one */
  PcallTimer timer;
} PcallLooks;

struct _PcallCrew
{
  gatomicrefcount ref_count;
  pid_t           owner; /* a fork of the process has no crew */
  GMutex          lock;
  PcallCrewPlan   plan;
  PcallSecret     secret;
  PcallEngine    *engine;  /* NULL while there is nothing to look after */
  gboolean        watched; /* by a thread */
  gboolean        closed;
  guint           n_launched;
  GQueue          clients;   /* PcallCrewClient */
  GQueue          launches;  /* PcallLaunch */
  GQueue          rests;     /* PcallLaunch, of which there is something left */
  GQueue          strangers; /* PcallStranger */
  GQueue          idle;      /* PcallMember */
  GHashTable     *busy;      /* PcallPeer → PcallMember */
  GQueue          sayings;   /* what is to be logged by the thread */
  PcallListener   listener;
  PcallLuck       luck;
  PcallLooks      looks;
};

gboolean     pcall_crew_is_ours        (PcallCrew     *self);
/* From here on there may be something to look after. */
gboolean     pcall_crew_begin_watching (PcallCrew     *self,
                                        GError       **error);
/* There may be nothing more to look after. */
void         pcall_crew_wake_thread    (PcallCrew     *self);
/* Logs it, from the thread; takes @text. */
void         pcall_crew_say            (PcallCrew     *self,
                                        char          *text);
/* There is something new for it; for all clients. */
void         pcall_crew_wake_client    (PcallCrewClient *client);
void         pcall_crew_wake_all       (PcallCrew     *self);

/* Looks */

/* There may be a task now that waits for another's agents. */
void         pcall_crew_plan_looks     (PcallCrew     *self);
/* Looks if it is time to, in the thread. Lets others have the lock meanwhile. */
void         pcall_crew_look           (PcallCrew     *self);

/* Members */

/* One that can be given to a task; NULL if there is none. */
PcallMember *pcall_crew_find_idle      (PcallCrew     *self);
/* It has no worker: FALSE where it cannot be looked after. */
gboolean     pcall_member_enter_idle   (PcallMember   *member);
/* It is dropped after a while, if it is idle then. */
void         pcall_member_set_idle     (PcallMember   *member);
/* It is neither among the idle nor busy, and its peer has left the engine. Its connection is
 * closed, by which it learns that it is not needed. */
void         pcall_member_free         (PcallMember   *member);
/* The same, as it was lost, and why. */
void         pcall_member_lose         (PcallMember   *member,
                                        const char    *loss);

/* An agent has proved itself: it is to say hello. Takes what is in @channel. */
void         pcall_crew_add_member     (PcallCrew     *self,
                                        PcallChannel  *channel,
                                        PcallLaunch   *launch);
/* The command has ended, or is gone: nobody is to refer to it. */
void         pcall_crew_forget_launch  (PcallCrew     *self,
                                        PcallLaunch   *launch);
/* An agent has answered a task. */
void         pcall_crew_note_use       (PcallCrew     *self);
/* A command brought none, and why. */
void         pcall_crew_note_fruitless (PcallCrew     *self,
                                        const char    *reason);
/* Whether any agent is there, or expected. */
gboolean     pcall_crew_has_hope       (PcallCrew     *self);
/* Starts commands for the agents that are missing; FALSE where one cannot be. */
gboolean     pcall_crew_fill           (PcallCrew     *self,
                                        GError       **error);
/* The same after a while, if any are missing. */
void         pcall_crew_fill_later     (PcallCrew     *self);

/* Commands */

/* Starts one for @n agents at the most; it says how many it will bring, 0 with @error set where it
 * cannot be. */
guint        pcall_crew_launch         (PcallCrew     *self,
                                        guint          n,
                                        GError       **error);
/* The one of that number; NULL if it has ended. 0: the first that is expected to bring one. */
PcallLaunch *pcall_crew_find_launch    (PcallCrew     *self,
                                        guint          number);
/* One agent of it has come; one of those has gone. */
void         pcall_launch_arrive       (PcallLaunch   *launch);
void         pcall_launch_depart       (PcallLaunch   *launch);
/* What it brought was sent away; takes @error. NULL: it went by itself. */
void         pcall_launch_complain     (PcallLaunch   *launch,
                                        GError        *error);
/* None of those that are missing can come; takes @error, which says why. */
void         pcall_launch_give_up      (PcallLaunch   *launch,
                                        GError        *error);
/* No more agents of it are expected; when those that are there have gone it is to end: by itself,
 * or it is made to. */
void         pcall_launch_dismiss      (PcallLaunch   *launch);

/* How many agents a command brings at the most. */
guint        pcall_crew_get_launch_size (PcallCrew    *self);
char       **pcall_crew_make_argv       (PcallCrew    *self,
                                         PcallLaunch  *launch);
char       **pcall_crew_make_environment (PcallCrew   *self,
                                          PcallLaunch *launch);

/* Strangers */

/* Takes @fd, the connection with one, which is unshared. */
void         pcall_crew_meet           (PcallCrew     *self,
                                        int            fd,
                                        PcallLaunch   *launch);
void         pcall_stranger_leave      (PcallStranger *stranger);

/* Listening */

gboolean     pcall_crew_listen         (PcallCrew     *self,
                                        GError       **error);
void         pcall_crew_stop_listening (PcallCrew     *self);

G_END_DECLS
