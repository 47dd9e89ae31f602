/*
 * SPDX-FileCopyrightText: 2026 The pcall authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include "parent/pcall-explain-private.h"

#include <string.h>
#ifdef HAVE_SYSPROF
#include <sysprof-capture.h>
#endif

/* Explaining: debug messages, and marks in sysprof's timeline.
 *
 * What there is to say is seen in places that must not call user code, as which a program's log
 * writer counts. So it takes the way of all facts: it is appended to the queue of events as text,
 * and logged by who drives the task, in order with signals. Whether anybody wants it is asked once,
 * when the task starts. */

gboolean
pcall_explain_is_wanted (void)
{
  return !g_log_writer_default_would_drop (G_LOG_LEVEL_DEBUG, G_LOG_DOMAIN);
}

void
pcall_explain (PcallEventQueue *events,
               const char      *format,
               ...)
{
  PcallEvent *event;
  va_list args;

  if (!pcall_explains (events))
    return;

  event = pcall_event_queue_add (events, PCALL_EVENT_EXPLAINED, 0);
  va_start (args, format);
  event->text = g_strdup_vprintf (format, args);
  va_end (args);
}

/* Marks */

/* Between two times of the monotonic clock, in microseconds */
static void
mark (gint64      from,
      gint64      to,
      const char *name,
      const char *text)
{
#ifdef HAVE_SYSPROF
  sysprof_collector_mark (from * 1000, (to - from) * 1000, "Pcall", name, text);
#endif
}

static gboolean
has_marks (void)
{
#ifdef HAVE_SYSPROF
  return sysprof_collector_is_active ();
#else
  return FALSE;
#endif
}

/* Runners */

static PcallEventQueue *
get_events (PcallRunner *runner)
{
  return runner->detached ? NULL : runner->setup->events;
}

static char *
describe_call (PcallRunner *runner)
{
  return pcall_call_list_describe (runner->setup->calls, runner->job.index);
}

static gdouble
to_ms (gint64 us)
{
  return us / 1000.0;
}

void
pcall_explain_made (PcallRunner *runner,
                    gint64       took)
{
  g_autofree char *call = NULL;

  if (!pcall_explains (get_events (runner)))
    return;

  call = describe_call (runner);
  pcall_explain (get_events (runner), "%s: made child %d by %s in %.2f ms%s", call,
                 (int) runner->pid,
                 runner->job.methods->takes_calls ? "executing a worker" : "a fork", to_ms (took),
                 runner->job.child >= 0 ? ", in place of another" : "");
}

void
pcall_explain_begun (PcallRunner *runner)
{
  g_autofree char *call = NULL;

  if (!pcall_explains (get_events (runner)))
    return;

  call = describe_call (runner);
  pcall_explain (get_events (runner), "%s: runs in child %d", call, (int) runner->pid);
}

static const char *
name_state (PcallCallState state)
{
  switch (state)
    {
    case PCALL_CALL_STATE_SUCCEEDED:
      return "succeeded";
    case PCALL_CALL_STATE_FAILED:
      return "failed";
    case PCALL_CALL_STATE_CRASHED:
      return "crashed";
    case PCALL_CALL_STATE_TIMED_OUT:
      return "timed out";
    case PCALL_CALL_STATE_CANCELLED:
      return "was cancelled";
    case PCALL_CALL_STATE_PENDING:
    case PCALL_CALL_STATE_RUNNING:
    default:
      g_assert_not_reached ();
    }
}

/* What the error says of the call, without its name where the library has put that in front. */
static char *
describe_reason (const GError *error,
                 const char   *call)
{
  const char *message = error != NULL ? error->message : "";

  if (g_str_has_prefix (message, call) && g_str_has_prefix (message + strlen (call), ": "))
    message += strlen (call) + strlen (": ");
  return g_strconcat (error != NULL ? ": " : "", message, NULL);
}

void
pcall_explain_call_ended (PcallRunner   *runner,
                          PcallCallState state,
                          gint64         took)
{
  g_autofree char *call = NULL;
  g_autofree char *reason = NULL;
  gint64 now;

  if (!pcall_explains (get_events (runner)) && !has_marks ())
    return;

  call = describe_call (runner);
  reason = describe_reason (runner->outcome.error, call);
  now = g_get_monotonic_time ();
  if (took < 0 && runner->begun)
    took = now - runner->began;
  if (took >= 0 && has_marks ())
    mark (runner->begun ? runner->began : now - took, runner->begun ? runner->began + took : now,
          "call", call);
  if (took >= 0)
    pcall_explain (get_events (runner), "%s: %s after %.2f ms in child %d%s", call,
                   name_state (state), to_ms (took), (int) runner->pid, reason);
  else
    pcall_explain (get_events (runner), "%s: %s before it began%s", call, name_state (state),
                   reason);
}

void
pcall_explain_stopped (PcallRunner *runner,
                       const char  *reason)
{
  gint64 grace = runner->setup->grace_period;

  if (grace > 0)
    pcall_explain (get_events (runner), "child %d: SIGTERM, and SIGKILL %g s later: %s",
                   (int) runner->pid, grace / (gdouble) G_USEC_PER_SEC, reason);
}

void
pcall_explain_killed (PcallRunner *runner,
                      const char  *reason)
{
  pcall_explain (get_events (runner), "child %d: SIGKILL: %s", (int) runner->pid, reason);
}

void
pcall_explain_taken (PcallRunner *runner)
{
  g_autofree char *call = NULL;

  if (!pcall_explains (get_events (runner)))
    return;

  call = describe_call (runner);
  pcall_explain (get_events (runner), "%s: took child %d out of the pool; it has run %u calls",
                 call, (int) runner->pid, runner->n_ended);
}

void
pcall_explain_put (PcallRunner *runner)
{
  pcall_explain (get_events (runner), "child %d: goes into the pool", (int) runner->pid);
}

void
pcall_explain_ended (PcallRunner     *runner,
                     const PcallExit *exit)
{
  const struct rusage *usage = &exit->usage;
  g_autofree char *end = NULL;
  g_autofree char *text = NULL;
  gint64 now, processor;

  if (runner->peer == NULL || (!pcall_explains (get_events (runner)) && !has_marks ()))
    return;

  end = pcall_exit_describe (exit);
  text = g_strdup_printf ("child %d: %s", (int) runner->pid, end);
  now = g_get_monotonic_time ();
  processor = (usage->ru_utime.tv_sec + usage->ru_stime.tv_sec) * G_USEC_PER_SEC +
              usage->ru_utime.tv_usec + usage->ru_stime.tv_usec;
  if (has_marks ())
    mark (runner->made, now, "child", text);
  pcall_explain (get_events (runner),
                 "%s, after %.2f ms, %.2f ms of a processor, at most %ld KiB of memory", text,
                 to_ms (now - runner->made), to_ms (processor),
                 usage->ru_maxrss);
}
