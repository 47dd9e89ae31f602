/*
 * SPDX-FileCopyrightText: 2026 The pcall authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include "parent/pcall-crew-parts-private.h"

#include <errno.h>
#include <signal.h>
#include <unistd.h>

#include "base/pcall-lifeline-private.h"
#include "base/pcall-thread-private.h"
#include "calls/pcall-target-private.h"
#include "pcall-error.h"
#include "start/pcall-command-private.h"
#include "wire/pcall-remote-private.h"

/* Agents on other machines, and the tasks that they work for.
 *
 * An agent that has come and proved itself is a member, which is idle or busy. An idle one is
 * looked after here; a busy one is a task's, and in that one's engine, until its worker has ended.
 * A call is bound only to an agent that is there: so a task asks for one when it has a call for it,
 * and waits for a descriptor when there is none.
 *
 * A program may run no loop while commands run and agents come, so a thread looks after them. It is
 * there as long as there is anything to look after. The engine is dispatched by the thread alone,
 * and with the lock; others may change what it watches meanwhile, with the lock too. A task may
 * hold its monitor when it comes here, and who has the lock takes none. In a forked copy of the
 * process all of this is the parent's, and nothing of it is touched.
 *
 * Agents that are missing are started anew, sooner or later. Where none has come and none is
 * expected, those who wait are told so, and why. */

#define GREETING_US (30 * G_USEC_PER_SEC)
#define FIRST_DELAY_US (1 * G_USEC_PER_SEC)
#define MAX_DELAY_US (60 * G_USEC_PER_SEC)
#define MAX_FRUITLESS 3

static const char was_closed[] = "the launcher was closed";

/* Life */

void
pcall_crew_plan_clear (PcallCrewPlan *self)
{
  g_strfreev (self->command);
  g_strfreev (self->hosts);
  g_free (self->address);
  g_free (self->prologue);
  g_strfreev (self->environment);
  g_free (self->directory);
  g_free (self->agent);
  *self = (PcallCrewPlan) { .command = NULL };
}

PcallCrew *
pcall_crew_new (PcallCrewPlan *plan)
{
  PcallCrew *self = g_new0 (PcallCrew, 1);

  g_atomic_ref_count_init (&self->ref_count);
  self->owner = getpid ();
  g_mutex_init (&self->lock);
  self->plan = *plan;
  *plan = (PcallCrewPlan) { .command = NULL };
  self->busy = g_hash_table_new (NULL, NULL);
  self->listener.fd = -1;
  self->luck.delay = FIRST_DELAY_US;
  return self;
}

PcallCrew *
pcall_crew_ref (PcallCrew *self)
{
  g_atomic_ref_count_inc (&self->ref_count);
  return self;
}

void
pcall_crew_unref (PcallCrew *self)
{
  if (!g_atomic_ref_count_dec (&self->ref_count) || self->owner != getpid ())
    return;

  g_assert (self->engine == NULL);
  g_queue_clear_full (&self->sayings, g_free);
  g_assert (g_hash_table_size (self->busy) == 0);
  g_hash_table_unref (self->busy);
  pcall_crew_plan_clear (&self->plan);
  g_mutex_clear (&self->lock);
  explicit_bzero (&self->secret, sizeof self->secret);
  g_free (self);
}

gboolean
pcall_crew_is_ours (PcallCrew *self)
{
  return self->owner == getpid ();
}

/* The thread */

static gboolean
has_business (PcallCrew *self)
{
  return self->launches.length + self->rests.length + self->strangers.length +
                 self->idle.length > 0 ||
         self->luck.again.position != NULL || self->looks.timer.position != NULL;
}

static void
close_engine (PcallCrew *self)
{
  pcall_crew_stop_listening (self);
  g_clear_pointer (&self->engine, pcall_engine_unref);
  pcall_lifeline_release ();
}

/* Unlocked: what logs is the program's. */
static void
say_all (PcallCrew *self)
{
  char *text;

  g_mutex_lock (&self->lock);
  while ((text = g_queue_pop_head (&self->sayings)) != NULL)
    {
      g_mutex_unlock (&self->lock);
      g_message ("%s", text);
      g_free (text);
      g_mutex_lock (&self->lock);
    }
  g_mutex_unlock (&self->lock);
}

void
pcall_crew_say (PcallCrew *self,
                char      *text)
{
  g_queue_push_tail (&self->sayings, text);
}

static gpointer
look_after (gpointer data)
{
  PcallCrew *self = data;

  g_mutex_lock (&self->lock);
  while (has_business (self))
    {
      g_mutex_unlock (&self->lock);
      say_all (self);
      pcall_engine_wait (self->engine, -1);
      g_mutex_lock (&self->lock);
      while (pcall_engine_dispatch (self->engine, G_MAXUINT))
        ;
      pcall_crew_look (self);
    }
  self->watched = FALSE;
  close_engine (self);
  g_mutex_unlock (&self->lock);
  say_all (self);
  pcall_crew_unref (self);
  return NULL;
}

static gboolean
start_thread (PcallCrew *self,
              GError   **error)
{
  if (!pcall_thread_start ("pcall-crew", look_after, pcall_crew_ref (self), error))
    {
      pcall_crew_unref (self);
      return FALSE;
    }

  self->watched = TRUE;
  return TRUE;
}

static gboolean
open_engine (PcallCrew *self,
             GError   **error)
{
  if (!pcall_lifeline_hold (error))
    return FALSE;
  self->engine = pcall_engine_new (error);
  if (self->engine == NULL)
    pcall_lifeline_release ();
  return self->engine != NULL;
}

/* From here on there may be something to look after: the thread sees whether there is when it gets
 * the lock. */
gboolean
pcall_crew_begin_watching (PcallCrew *self,
                           GError   **error)
{
  if (self->watched)
    return TRUE;
  if (!open_engine (self, error))
    return FALSE;
  if (start_thread (self, error))
    return TRUE;

  close_engine (self);
  return FALSE;
}

/* There may be nothing more to look after. */
void
pcall_crew_wake_thread (PcallCrew *self)
{
  if (self->watched)
    pcall_engine_wake (self->engine);
}

/* Clients */

void
pcall_crew_wake_client (PcallCrewClient *client)
{
  guint64 one = 1;

  while (write (client->wake_fd, &one, sizeof one) < 0 && errno == EINTR)
    ;
}

void
pcall_crew_wake_all (PcallCrew *self)
{
  for (GList *l = self->clients.head; l != NULL; l = l->next)
    pcall_crew_wake_client (l->data);
}

/* No agent will come: those who wait for one are told why, in words. */
static void
disappoint (PcallCrew  *self,
            const char *reason)
{
  for (GList *l = self->clients.head; l != NULL; l = l->next)
    {
      PcallCrewClient *client = l->data;

      g_free (client->failure);
      client->failure = g_strdup (reason);
      pcall_crew_wake_client (client);
    }
  self->luck.came = FALSE;
  self->luck.n_fruitless = 0;
  self->luck.delay = FIRST_DELAY_US;
}

static guint
count_wanted (PcallCrew *self)
{
  guint n = 0;

  for (GList *l = self->clients.head; l != NULL && n < self->plan.n_workers; l = l->next)
    n += MIN (((PcallCrewClient *) l->data)->n_wanted, self->plan.n_workers - n);
  return n;
}

static guint
count_members (PcallCrew *self)
{
  return self->idle.length + g_hash_table_size (self->busy);
}

static guint
count_expected (PcallCrew *self)
{
  guint n = 0;

  for (GList *l = self->launches.head; l != NULL; l = l->next)
    n += ((PcallLaunch *) l->data)->n_expected;
  return n;
}

gboolean
pcall_crew_has_hope (PcallCrew *self)
{
  return count_members (self) + count_expected (self) > 0;
}

gboolean
pcall_crew_fill (PcallCrew *self,
                 GError   **error)
{
  guint wanted = count_wanted (self);
  guint there = count_members (self) + count_expected (self);

  while (there < wanted && !self->closed)
    {
      guint n = pcall_crew_launch (self, wanted - there, error);

      if (n == 0)
        return FALSE;
      there += n;
    }
  return TRUE;
}

/* What went wrong, and what is done about it */

static void
fill_again (gpointer data)
{
  PcallCrew *self = data;
  g_autoptr (GError) error = NULL;

  if (!pcall_crew_fill (self, &error))
    pcall_crew_note_fruitless (self, error->message);
}

/* A call may have come to wait since the launcher was closed: it was lost, and is to run again. */
static void
end_hope (PcallCrew *self)
{
  if (!pcall_crew_has_hope (self))
    disappoint (self, was_closed);
}

/* Where many are gone at once, they are started together. */
void
pcall_crew_fill_later (PcallCrew *self)
{
  g_autoptr (GError) error = NULL;

  if (self->closed)
    end_hope (self);
  if (self->closed || self->luck.again.position != NULL ||
      count_members (self) + count_expected (self) >= count_wanted (self))
    return;
  if (!pcall_crew_begin_watching (self, &error))
    {
      disappoint (self, error->message);
      return;
    }

  pcall_engine_set_timer (self->engine, &self->luck.again,
                          g_get_monotonic_time () + self->luck.delay, fill_again, self);
  self->luck.delay = MIN (2 * self->luck.delay, MAX_DELAY_US);
}

void
pcall_crew_note_fruitless (PcallCrew  *self,
                           const char *reason)
{
  self->luck.n_fruitless++;
  if (self->closed || (pcall_crew_has_hope (self) && self->luck.n_fruitless >= MAX_FRUITLESS))
    return;
  if (!pcall_crew_has_hope (self) &&
      (!self->luck.came || self->luck.n_fruitless >= MAX_FRUITLESS))
    disappoint (self, reason);
  else
    pcall_crew_fill_later (self);
}

void
pcall_crew_note_use (PcallCrew *self)
{
  self->luck.n_fruitless = 0;
  self->luck.delay = FIRST_DELAY_US;
}

/* Members */

void
pcall_crew_forget_launch (PcallCrew   *self,
                          PcallLaunch *launch)
{
  GHashTableIter iter;
  gpointer member;

  for (GList *l = self->idle.head; l != NULL; l = l->next)
    if (((PcallMember *) l->data)->launch == launch)
      ((PcallMember *) l->data)->launch = NULL;
  for (GList *l = self->strangers.head; l != NULL;)
    {
      PcallStranger *stranger = l->data;

      l = l->next;
      if (stranger->launch == launch)
        pcall_stranger_leave (stranger);
    }
  g_hash_table_iter_init (&iter, self->busy);
  while (g_hash_table_iter_next (&iter, NULL, &member))
    if (((PcallMember *) member)->launch == launch)
      ((PcallMember *) member)->launch = NULL;
}

void
pcall_member_free (PcallMember *member)
{
  PcallCrew *self = member->crew;

  if (member->launch != NULL)
    pcall_launch_depart (member->launch);
  pcall_peer_free (member->peer);
  g_free (member);
  pcall_crew_fill_later (self);
}

/* One that goes whenever it is to do something would be started again for ever. Of those that one
 * command has brought, the first counts. */
void
pcall_member_lose (PcallMember *member,
                   const char  *loss)
{
  PcallCrew *self = member->crew;
  PcallLaunch *launch = member->launch;
  gboolean counts = member->greeted && !member->was_of_use &&
                    !pcall_peer_is_leaving (member->peer) &&
                    (launch == NULL || !launch->fruitless);
  g_autofree char *reason = g_strdup_printf ("launcher: an agent on %s was lost at once: %s",
                                             pcall_peer_get_host (member->peer), loss);

  if (counts && launch != NULL)
    launch->fruitless = TRUE;
  pcall_member_free (member);
  if (counts)
    pcall_crew_note_fruitless (self, reason);
}

static void
take_from_idle (PcallMember *member)
{
  PcallCrew *self = member->crew;

  pcall_engine_unset_timer (self->engine, &member->timer);
  g_queue_unlink (&self->idle, &member->link);
  pcall_peer_leave (member->peer);
}

static void
drop_idle (gpointer data)
{
  take_from_idle (data);
  pcall_member_free (data);
}

static void
set_timer (PcallMember   *member,
           gint64         length,
           PcallTimerFunc func)
{
  pcall_engine_set_timer (member->crew->engine, &member->timer,
                          g_get_monotonic_time () + length, func, member);
}

void
pcall_member_set_idle (PcallMember *member)
{
  gint64 length = member->crew->plan.idle_timeout;

  if (length > 0)
    set_timer (member, length, drop_idle);
}

static void
greet (PcallMember      *member,
       const PcallFrame *frame)
{
  PcallCrew *self = member->crew;
  g_autoptr (GVariant) value =
      pcall_payload_get_value (frame->payload, pcall_frame_payload_type (PCALL_FRAME_HELLO));
  PcallRemoteHello hello;

  pcall_remote_hello_from_variant (&hello, value);
  member->greeted = TRUE;
  pcall_peer_set_host (member->peer, hello.host);
  if (member->launch == NULL)
    member->launch = pcall_crew_find_launch (self, hello.launch);
  if (member->launch != NULL)
    pcall_launch_arrive (member->launch);
  pcall_remote_hello_clear (&hello);

  self->luck.came = TRUE;
  pcall_engine_unset_timer (self->engine, &member->timer);
  pcall_member_set_idle (member);
  pcall_crew_wake_all (self);
}

/* One that proved itself, and then was no agent after all. */
static void
refuse (PcallMember *member,
        const char  *why)
{
  pcall_crew_say (member->crew, g_strdup_printf ("an agent was refused: %s", why));
  if (member->launch != NULL)
    pcall_launch_complain (member->launch,
                           g_error_new_literal (PCALL_ERROR, PCALL_ERROR_PROTOCOL, why));
  member->launch = NULL;
}

static void
send_away (PcallMember *member,
           const char  *why)
{
  const char *host = pcall_peer_get_host (member->peer);

  if (!member->greeted)
    refuse (member, why);
  else if (!pcall_peer_is_leaving (member->peer))
    pcall_crew_say (member->crew, g_strdup_printf ("an agent on %s was lost: %s", host, why));
  take_from_idle (member);
  pcall_member_lose (member, why);
}

static void
take_too_long (gpointer data)
{
  send_away (data, "it did not say hello in time");
}

static void
do_wrong (gpointer data)
{
  send_away (data, "it sent something that nobody had asked for");
}

/* An idle agent has nothing to say but hello, once. What it has said besides is dealt with when
 * nothing of it is in use. */
static void
frame_came (const PcallFrame *frame,
            gpointer          data)
{
  PcallMember *member = data;

  if (frame->type == PCALL_FRAME_HELLO && !member->greeted)
    greet (member, frame);
  else
    set_timer (member, 0, do_wrong);
}

static void
member_ended (gpointer data)
{
  PcallMember *member = data;
  const char *loss = pcall_peer_get_loss (member->peer);

  send_away (member, loss != NULL ? loss : "it told of the end of a worker that it has not");
}

static const PcallPeerFuncs funcs = {
  .frame = frame_came,
  .ended = member_ended,
};

gboolean
pcall_member_enter_idle (PcallMember *member)
{
  PcallCrew *self = member->crew;

  if (!pcall_peer_enter (member->peer, self->engine, &funcs, member, NULL))
    return FALSE;

  g_queue_push_tail_link (&self->idle, &member->link);
  return TRUE;
}

void
pcall_crew_add_member (PcallCrew    *self,
                       PcallChannel *channel,
                       PcallLaunch  *launch)
{
  PcallMember *member = g_new0 (PcallMember, 1);

  member->crew = self;
  member->link.data = member;
  member->launch = launch;
  member->peer = pcall_peer_new_remote (channel, self->plan.heartbeat);
  /* An address that somebody gave may be the end of a tunnel. */
  if (self->plan.transport == PCALL_LAUNCHER_CONNECT && self->plan.address == NULL)
    pcall_peer_set_direct (member->peer);
  if (pcall_member_enter_idle (member))
    set_timer (member, GREETING_US, take_too_long);
  else
    {
      member->launch = NULL;
      pcall_member_free (member);
    }
}

PcallMember *
pcall_crew_find_idle (PcallCrew *self)
{
  for (GList *l = self->idle.head; l != NULL; l = l->next)
    {
      PcallMember *member = l->data;

      if (member->greeted && !pcall_peer_is_leaving (member->peer))
        return member;
    }
  return NULL;
}

/* For the launcher */

guint
pcall_crew_get_n_workers (PcallCrew *self)
{
  return self->plan.n_workers;
}

guint
pcall_crew_get_n_connected (PcallCrew *self)
{
  guint n;

  g_mutex_lock (&self->lock);
  n = g_hash_table_size (self->busy);
  for (GList *l = self->idle.head; l != NULL; l = l->next)
    n += ((PcallMember *) l->data)->greeted;
  g_mutex_unlock (&self->lock);
  return n;
}

GVariant *
pcall_crew_make_launch (PcallCrew             *self,
                        PcallTarget           *target,
                        const PcallConditions *conditions)
{
  static const char * const own[] = { NULL };
  gboolean is_own = pcall_target_get_kind (target) == PCALL_TARGET_SYMBOL;

  return pcall_remote_launch_new (is_own ? own : pcall_command_get_argv (target),
                                  (const char * const *) self->plan.environment, conditions,
                                  self->plan.directory);
}

static void
close_crew (PcallCrew *self)
{
  self->closed = TRUE;
  disappoint (self, was_closed);
  if (self->engine == NULL)
    return;

  /* One that comes late finds nobody. */
  pcall_crew_stop_listening (self);
  pcall_engine_unset_timer (self->engine, &self->luck.again);
  while (self->idle.head != NULL)
    drop_idle (self->idle.head->data);
  while (self->strangers.head != NULL)
    pcall_stranger_leave (self->strangers.head->data);
  for (GList *l = self->launches.head; l != NULL; l = l->next)
    pcall_launch_dismiss (l->data);
}

void
pcall_crew_close (PcallCrew *self)
{
  if (!pcall_crew_is_ours (self))
    return;

  g_mutex_lock (&self->lock);
  if (!self->closed)
    close_crew (self);
  pcall_crew_wake_thread (self);
  g_mutex_unlock (&self->lock);
}
