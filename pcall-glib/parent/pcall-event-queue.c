/*
 * SPDX-FileCopyrightText: 2026 The pcall authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include "parent/pcall-event-queue-private.h"

/* Facts first, telling second.
 *
 * Whoever reads from a child appends what it hears to this queue, and never calls user code. An
 * event has two steps before it: it is *applied*, and shows in the record of its call or child,
 * and it is *told* to whoever listens.
 *
 * Who drives the task takes events one by one: each is applied just before it is told, so that
 * user code finds the state that it is told of, and not a later one. Who only looks applies all
 * of them and tells none: they stay here until somebody drives. Order holds in both cases, also
 * where user code drives the task itself, as it goes on with the same queue. */

void
pcall_event_free (PcallEvent *event)
{
  switch (event->type)
    {
    case PCALL_EVENT_CALL_PROGRESSED:
      g_free (event->progress.text);
      break;
    case PCALL_EVENT_CALL_SENT:
      g_clear_pointer (&event->message.payload, pcall_payload_unref);
      g_clear_object (&event->message.handles);
      break;
    case PCALL_EVENT_CALL_ENDED:
      pcall_outcome_clear (&event->ended.outcome);
      break;
    case PCALL_EVENT_EXPLAINED:
      g_free (event->text);
      break;
    case PCALL_EVENT_CALL_BEGAN:
    case PCALL_EVENT_CHILD_REPLACED:
    case PCALL_EVENT_CHILD_ENDED:
    default:
      break;
    }
  g_free (event);
}

void
pcall_event_queue_clear (PcallEventQueue *self)
{
  PcallEvent *event;

  while ((event = self->head) != NULL)
    {
      self->head = event->next;
      pcall_event_free (event);
    }
  *self = (PcallEventQueue) { .head = NULL };
}

gboolean
pcall_event_queue_is_empty (PcallEventQueue *self)
{
  return self->head == NULL;
}

static PcallEvent **
find_unapplied (PcallEventQueue *self)
{
  return self->unapplied != NULL ? self->unapplied : &self->head;
}

/* Not by calloc(): see pcall-runner-new.c. */
PcallEvent *
pcall_event_queue_add (PcallEventQueue *self,
                       PcallEventType   type,
                       guint            index)
{
  PcallEvent *event = g_new (PcallEvent, 1);

  *event = (PcallEvent) { .type = type, .index = index };
  if (self->tail != NULL)
    self->tail->next = event;
  else
    self->head = event;
  self->tail = event;
  return event;
}

PcallEvent *
pcall_event_queue_renew (PcallEventQueue *self,
                         PcallEventType   type,
                         guint            index)
{
  PcallEvent *last = self->tail;

  g_assert (type == PCALL_EVENT_CALL_PROGRESSED);
  if (*find_unapplied (self) == NULL || last->type != type || last->index != index)
    return pcall_event_queue_add (self, type, index);

  g_clear_pointer (&last->progress.text, g_free);
  return last;
}

static void
apply (PcallEvent     *event,
       PcallCallList  *calls,
       PcallChildList *children)
{
  switch (event->type)
    {
    case PCALL_EVENT_CALL_BEGAN:
      pcall_call_list_begin (calls, event->index, event->began.pid, event->began.time);
      break;
    case PCALL_EVENT_CALL_PROGRESSED:
      pcall_call_list_set_progress (calls, event->index, event->progress.fraction,
                                    event->progress.text);
      break;
    case PCALL_EVENT_CALL_ENDED:
      pcall_call_list_finish (calls, event->index, &event->ended.end, &event->ended.outcome);
      break;
    case PCALL_EVENT_CHILD_REPLACED:
      pcall_child_list_replace (children, event->index, event->pid);
      break;
    case PCALL_EVENT_CHILD_ENDED:
      pcall_child_list_set_exit (children, event->index, &event->exit);
      break;
    case PCALL_EVENT_CALL_SENT:
    case PCALL_EVENT_EXPLAINED:
    default:
      break;
    }
}

void
pcall_event_queue_apply (PcallEventQueue *self,
                         PcallCallList   *calls,
                         PcallChildList  *children)
{
  PcallEvent **next = find_unapplied (self);

  for (; *next != NULL; next = &(*next)->next)
    apply (*next, calls, children);
  self->unapplied = next != &self->head ? next : NULL;
}

PcallEvent *
pcall_event_queue_take (PcallEventQueue *self,
                        PcallCallList   *calls,
                        PcallChildList  *children)
{
  PcallEvent *event = self->head;

  if (event == NULL)
    return NULL;

  if (find_unapplied (self) == &self->head)
    apply (event, calls, children);
  self->head = event->next;
  if (self->head == NULL)
    self->tail = NULL;
  /* What hung there hangs at the head now. */
  if (self->unapplied == &event->next)
    self->unapplied = NULL;
  return event;
}
