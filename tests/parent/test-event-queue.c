/*
 * SPDX-FileCopyrightText: 2026 The pcall authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

/* What was heard and is not told yet: the order, when it shows in the records, and that all of it is
 * freed. */

#include <gio/gio.h>
#include <gio/gunixfdlist.h>
#include <string.h>

#include <pcall-glib/parent/pcall-event-queue-private.h>
#include <pcall-glib/pcall-error.h>
#include <pcall-glib/pcall-target.h>

#define N_CALLS 16

typedef struct
{
  PcallCallList *calls;
  PcallChildList *children;
  PcallEventQueue queue;
} Fixture;

static GVariant *
never_called (GVariant *args, GVariant *kwargs, gpointer user_data, GError **error)
{
  g_assert_not_reached ();
}

static void
set_up (Fixture *self, gconstpointer data)
{
  g_autoptr (PcallMonitor) monitor = pcall_monitor_new ();
  g_autoptr (PcallArguments) arguments = pcall_arguments_new ();
  g_autoptr (GPtrArray) targets = g_ptr_array_new_with_free_func (g_object_unref);

  g_ptr_array_add (targets, pcall_target_new (NULL, never_called, NULL, NULL));
  self->calls = pcall_call_list_new (monitor, arguments, targets, N_CALLS, &pcall_call_view);
  self->children = pcall_child_list_new (self->calls, &pcall_child_view);
  pcall_child_list_add (self->children, 100, 0);
}

static void
tear_down (Fixture *self, gconstpointer data)
{
  pcall_event_queue_clear (&self->queue);
  pcall_child_list_unref (self->children);
  pcall_call_list_unref (self->calls);
}

/* The call with an index begins in the process with that pid, and 1. */
static void
add_begin (Fixture *self, guint index)
{
  PcallEvent *event = pcall_event_queue_add (&self->queue, PCALL_EVENT_CALL_BEGAN, index);

  g_assert_cmpint (event->type, ==, PCALL_EVENT_CALL_BEGAN);
  g_assert_cmpuint (event->index, ==, index);
  g_assert_null (event->next);
  event->began.pid = index + 1;
  event->began.time = 1;
}

static void
take_begin (Fixture *self, guint index)
{
  g_autoptr (PcallEvent) event = pcall_event_queue_take (&self->queue, self->calls, self->children);

  g_assert_nonnull (event);
  g_assert_cmpint (event->type, ==, PCALL_EVENT_CALL_BEGAN);
  g_assert_cmpuint (event->index, ==, index);
  g_assert_cmpint (event->began.pid, ==, index + 1);
}

static void
assert_shown (Fixture *self, guint n)
{
  for (guint i = 0; i < N_CALLS; i++)
    {
      g_assert_cmpint (pcall_call_list_get_pid (self->calls, i), ==, i < n ? i + 1 : 0);
      g_assert_cmpint (pcall_call_list_get_state (self->calls, i), ==,
                       i < n ? PCALL_CALL_STATE_RUNNING : PCALL_CALL_STATE_PENDING);
    }
}

/* What steps of the queue lead to: + adds, - takes, a applies all, c clears. In each step that order
 * holds, and as many events show as must. */
static void
test_steps (Fixture *self, gconstpointer data)
{
  guint n_added = 0, n_taken = 0, n_shown = 0;

  g_assert_true (pcall_event_queue_is_empty (&self->queue));
  for (const char *step = data; *step != '\0'; step++)
    {
      switch (*step)
        {
        case '+':
          add_begin (self, n_added++);
          break;
        case '-':
          take_begin (self, n_taken++);
          n_shown = MAX (n_shown, n_taken);
          break;
        case 'a':
          pcall_event_queue_apply (&self->queue, self->calls, self->children);
          n_shown = n_added;
          break;
        default:
          pcall_event_queue_clear (&self->queue);
          n_added = n_taken = n_shown;
          break;
        }
      assert_shown (self, n_shown);
      g_assert_cmpint (pcall_event_queue_is_empty (&self->queue), ==, n_taken == n_added);
    }

  while (n_taken < n_added)
    take_begin (self, n_taken++);
  g_assert_null (pcall_event_queue_take (&self->queue, self->calls, self->children));
}

/* Applied once: what has changed a record since is not undone when the event is taken. */
static void
test_applied_once (Fixture *self, gconstpointer data)
{
  PcallEvent *event;

  event = pcall_event_queue_add (&self->queue, PCALL_EVENT_CHILD_REPLACED, 0);
  event->pid = 101;
  event = pcall_event_queue_add (&self->queue, PCALL_EVENT_CHILD_REPLACED, 0);
  event->pid = 102;
  pcall_event_queue_apply (&self->queue, self->calls, self->children);
  g_assert_cmpint (pcall_child_list_get_record (self->children, 0)->pid, ==, 102);

  for (pid_t pid = 101; pid <= 102; pid++)
    {
      g_autoptr (PcallEvent) taken = pcall_event_queue_take (&self->queue, self->calls,
                                                             self->children);

      g_assert_cmpint (taken->pid, ==, pid);
      g_assert_cmpint (pcall_child_list_get_record (self->children, 0)->pid, ==, 102);
    }

  pcall_child_list_replace (self->children, 0, 103);
  pcall_event_queue_apply (&self->queue, self->calls, self->children);
  g_assert_cmpint (pcall_child_list_get_record (self->children, 0)->pid, ==, 103);
}

static void
report (Fixture *self, guint index, const char *text)
{
  PcallEvent *event
      = pcall_event_queue_renew (&self->queue, PCALL_EVENT_CALL_PROGRESSED, index);

  g_assert_cmpuint (event->index, ==, index);
  g_assert_null (event->progress.text);
  event->progress.fraction = g_ascii_strtod (text, NULL);
  event->progress.text = g_strdup (text);
}

static void
take_report (Fixture *self, guint index, const char *text)
{
  g_autoptr (PcallEvent) event = pcall_event_queue_take (&self->queue, self->calls, self->children);

  g_assert_nonnull (event);
  g_assert_cmpint (event->type, ==, PCALL_EVENT_CALL_PROGRESSED);
  g_assert_cmpuint (event->index, ==, index);
  g_assert_cmpstr (event->progress.text, ==, text);
  g_assert_cmpfloat (event->progress.fraction, ==, g_ascii_strtod (text, NULL));
  g_assert_cmpstr (pcall_call_list_get_progress_text (self->calls, index), ==, text);
}

/* The newest of those that follow one another, of one call, and of what does not show. */
static void
test_renew (Fixture *self, gconstpointer data)
{
  report (self, 0, "0.1");
  report (self, 0, "0.2");
  report (self, 1, "0.3");
  report (self, 0, "0.4");
  add_begin (self, 0);
  report (self, 0, "0.5");
  take_report (self, 0, "0.2");
  take_report (self, 1, "0.3");
  pcall_event_queue_apply (&self->queue, self->calls, self->children);
  report (self, 0, "0.6");
  report (self, 0, "0.7");
  g_assert_cmpstr (pcall_call_list_get_progress_text (self->calls, 0), ==, "0.5");

  for (guint i = 0; i < 3; i++)
    {
      g_autoptr (PcallEvent) event
          = pcall_event_queue_take (&self->queue, self->calls, self->children);

      g_assert_cmpint (event->type, ==,
                       i == 1 ? PCALL_EVENT_CALL_BEGAN : PCALL_EVENT_CALL_PROGRESSED);
    }
  take_report (self, 0, "0.7");
  g_assert_true (pcall_event_queue_is_empty (&self->queue));

  /* And what is there no more is not filled in. */
  report (self, 0, "0.8");
  take_report (self, 0, "0.8");
  report (self, 0, "0.9");
  take_report (self, 0, "0.9");
  g_assert_true (pcall_event_queue_is_empty (&self->queue));
}

/* One event of each type, with all that it may own */

static PcallPayload *payload;
static GUnixFDList *handles;
static GVariant *details;

static void
add_all (Fixture *self)
{
  PcallEvent *event;

  add_begin (self, 0);

  event = pcall_event_queue_add (&self->queue, PCALL_EVENT_CALL_PROGRESSED, 0);
  event->progress.fraction = 0.5;
  event->progress.text = g_strdup ("half");

  event = pcall_event_queue_add (&self->queue, PCALL_EVENT_CALL_SENT, 0);
  event->message.payload = pcall_payload_ref (payload);
  event->message.handles = g_object_ref (handles);

  event = pcall_event_queue_add (&self->queue, PCALL_EVENT_CALL_ENDED, 0);
  event->ended.end = (PcallCallEnd){ PCALL_CALL_STATE_SUCCEEDED, 7, 2, FALSE };
  event->ended.outcome.result = pcall_payload_ref (payload);
  event->ended.outcome.handles = g_object_ref (handles);

  event = pcall_event_queue_add (&self->queue, PCALL_EVENT_CALL_ENDED, 1);
  event->ended.end = (PcallCallEnd){ PCALL_CALL_STATE_FAILED, 8, 2, FALSE };
  pcall_outcome_set_error (&event->ended.outcome,
                           g_error_new_literal (PCALL_ERROR, PCALL_ERROR_FAILED, "failed"));
  event->ended.outcome.details = g_variant_ref (details);

  event = pcall_event_queue_add (&self->queue, PCALL_EVENT_CHILD_REPLACED, 0);
  event->pid = 101;

  event = pcall_event_queue_add (&self->queue, PCALL_EVENT_CHILD_ENDED, 0);
  event->exit = (PcallExit){ .known = TRUE, .status = 3 << 8 };
}

static void
assert_nothing_shown (Fixture *self)
{
  assert_shown (self, 0);
  g_assert_cmpint (pcall_child_list_get_record (self->children, 0)->pid, ==, 100);
  g_assert_true (pcall_child_list_get_record (self->children, 0)->running);
}

static void
assert_all_shown (Fixture *self)
{
  const PcallChildRecord *child = pcall_child_list_get_record (self->children, 0);

  g_assert_cmpint (pcall_call_list_get_state (self->calls, 0), ==, PCALL_CALL_STATE_SUCCEEDED);
  g_assert_cmpstr (pcall_call_list_get_progress_text (self->calls, 0), ==, "half");
  g_assert_true (pcall_call_list_get_handles (self->calls, 0) == handles);
  g_assert_cmpint (pcall_call_list_get_pid (self->calls, 0), ==, 7);
  g_assert_cmpint (pcall_call_list_get_state (self->calls, 1), ==, PCALL_CALL_STATE_FAILED);
  g_assert_error (pcall_call_list_get_error (self->calls, 1), PCALL_ERROR, PCALL_ERROR_FAILED);
  g_assert_true (pcall_call_list_get_error_details (self->calls, 1) == details);
  g_assert_cmpuint (pcall_call_list_get_n_finished (self->calls), ==, 2);
  g_assert_cmpuint (pcall_call_list_get_n_failed (self->calls), ==, 1);
  g_assert_cmpint (child->pid, ==, 101);
  g_assert_false (child->running);
  g_assert_cmpint (child->exit_status, ==, 3);
}

static void
make_owned (void)
{
  payload = pcall_payload_new (4);
  memset (pcall_payload_get_data (payload), 0, 4);
  handles = g_unix_fd_list_new ();
  details = g_variant_ref_sink (g_variant_new_parsed ("{'type': <'E'>}"));
  g_object_add_weak_pointer (G_OBJECT (handles), (gpointer *) &handles);
}

/* Nobody else has what we own. */
static void
drop_owned (void)
{
  g_assert_cmpint (g_atomic_int_get ((gint *) &payload->ref_count), ==, 1);
  pcall_payload_unref (payload);
  g_object_unref (handles);
  g_assert_null (handles);
  g_variant_unref (details);
}

typedef enum
{
  CLEAR,
  APPLY,
  TAKE,
  APPLY_THREE_AND_TAKE,
} Way;

static void
test_types (gconstpointer data)
{
  static const PcallEventType types[] = {
    PCALL_EVENT_CALL_BEGAN, PCALL_EVENT_CALL_PROGRESSED, PCALL_EVENT_CALL_SENT,
    PCALL_EVENT_CALL_ENDED, PCALL_EVENT_CALL_ENDED,      PCALL_EVENT_CHILD_REPLACED,
    PCALL_EVENT_CHILD_ENDED,
  };
  Way way = GPOINTER_TO_UINT (data);
  Fixture fixture = { .calls = NULL };

  make_owned ();
  set_up (&fixture, NULL);
  add_all (&fixture);
  assert_nothing_shown (&fixture);
  if (way == CLEAR)
    {
      pcall_event_queue_clear (&fixture.queue);
      g_assert_true (pcall_event_queue_is_empty (&fixture.queue));
      pcall_event_queue_apply (&fixture.queue, fixture.calls, fixture.children);
      assert_nothing_shown (&fixture);
    }
  if (way == APPLY)
    {
      pcall_event_queue_apply (&fixture.queue, fixture.calls, fixture.children);
      assert_all_shown (&fixture);
    }
  for (gsize i = 0; way >= TAKE && i < G_N_ELEMENTS (types); i++)
    {
      g_autoptr (PcallEvent) event = pcall_event_queue_take (&fixture.queue, fixture.calls,
                                                             fixture.children);

      g_assert_cmpint (event->type, ==, types[i]);
      if (way == APPLY_THREE_AND_TAKE && i == 2)
        pcall_event_queue_apply (&fixture.queue, fixture.calls, fixture.children);
    }
  if (way != CLEAR)
    assert_all_shown (&fixture);
  tear_down (&fixture, NULL);
  drop_owned ();
}

int
main (int argc, char **argv)
{
  static const char *const steps[] = {
    "+-",       "+++---",   "+a-",      "+++a---",  "+++a",       "a+-",       "aa+a-a",
    "++-a-",    "++a-+-",   "++a-+-a-", "++a-+a+-", "++a--+-+a-", "+a+a+a---", "++a-a+-+-",
    "+-a+-a+-", "+++-a+--", "++a+-+-",  "+++-c+-",  "++a-c+a-",   "++ac+-+a",  "+++++-a+a--+a",
  };
  static const struct
  {
    const char *path;
    Way way;
  } ways[] = {
    { "/event-queue/types/clear", CLEAR },
    { "/event-queue/types/apply", APPLY },
    { "/event-queue/types/take", TAKE },
    { "/event-queue/types/apply-in-between", APPLY_THREE_AND_TAKE },
  };

  g_test_init (&argc, &argv, NULL);
  for (gsize i = 0; i < G_N_ELEMENTS (steps); i++)
    {
      g_autofree char *path = g_strdup_printf ("/event-queue/steps/%s", steps[i]);

      g_test_add (path, Fixture, steps[i], set_up, test_steps, tear_down);
    }
  g_test_add ("/event-queue/applied-once", Fixture, NULL, set_up, test_applied_once, tear_down);
  g_test_add ("/event-queue/renew", Fixture, NULL, set_up, test_renew, tear_down);
  for (gsize i = 0; i < G_N_ELEMENTS (ways); i++)
    g_test_add_data_func (ways[i].path, GUINT_TO_POINTER (ways[i].way), test_types);
  return g_test_run ();
}
