/*
 * SPDX-FileCopyrightText: 2026 The pcall authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

/* Sixty mistakes, and more, that users of the library make, and what they are told: what is wrong,
 * where, and what was expected or can be done. Those who read it have not read the sources.
 *
 * A mistake in a program is a critical, and nothing is changed; one that can come from data is an
 * error of whoever asked. NULL where an object must be is told as everywhere in GLib: see
 * test-misuse.c; what functions do wrong in their children, test-mistakes-inside.c. */

#include <math.h>

#include "misuse-support.h"

/* Arguments of the wrong shape: an error of start() */

typedef struct
{
  const char *list;
  const char *value; /* as GVariant text */
  const char *message;
} Shape;

#define EACH_LIST "expected an array or a tuple of argument lists, one for each call"
#define EACH_VALUE                                                                                \
  "expected an array or a tuple, one element for each call; what is the same for all belongs "    \
  "into common-kwargs"

static const Shape shapes[] = {
  { "instance-args", "[1, 2, 3]",
    "instance-args is of type 'ai'; " EACH_LIST "; did you mean [(1,), (2,), (3,)]?" },
  { "instance-args", "(1, 2, 3)",
    "instance-args[0] is of type 'i'; expected a tuple or an array; did you mean "
    "((1,), (2,), (3,))?" },
  { "instance-args", "(1,)",
    "instance-args[0] is of type 'i'; expected a tuple or an array; did you mean ((1,),)?" },
  { "instance-args", "['north', 'south']",
    "instance-args is of type 'as'; " EACH_LIST "; did you mean [('north',), ('south',)]?" },
  { "instance-args", "[<(1,)>, <2>]",
    "instance-args[1] is of type 'i'; expected a tuple or an array; did you mean [(1,), (2,)]?" },
  { "instance-args", "[{'a': 1}]",
    "instance-args is of type 'aa{si}'; " EACH_LIST },
  { "instance-args", "['a long name', 'another name', 'a third name', 'and still another']",
    "instance-args is of type 'as'; " EACH_LIST },
  { "instance-args", "'abc'", "instance-args is of type 's'; " EACH_LIST },
  { "common-args", "5", "common-args is of type 'i'; expected a tuple or an array" },
  { "common-args", "{'a': <1>}",
    "common-args is a dictionary of type 'a{sv}'; expected a tuple or an array" },
  { "common-kwargs", "{'a': 1}",
    "common-kwargs is a dictionary of type 'a{si}'; expected a{sv}" },
  { "common-kwargs", "[('a', 1)]", "common-kwargs is of type 'a(si)'; expected a{sv}" },
  { "instance-kwargs", "{'a': <1>}",
    "instance-kwargs is a dictionary of type 'a{sv}'; expected an array of a{sv}" },
  { "instance-kwargs", "[1]", "instance-kwargs is of type 'ai'; expected an array of a{sv}" },
  { "n", "3", "keyword list 'n' is of type 'i'; " EACH_VALUE },
  { "n", "'abc'", "keyword list 'n' is of type 's'; " EACH_VALUE },
  { "n", "{'a': 1}", "keyword list 'n' is a dictionary of type 'a{si}'; " EACH_VALUE },
  { "", "[1]", "a keyword list needs a name" },
};

static void
set_list (PcallTask *task, const char *list, GVariant *value)
{
  if (strcmp (list, "instance-args") == 0)
    pcall_task_set_instance_args (task, value);
  else if (strcmp (list, "common-args") == 0)
    pcall_task_set_common_args (task, value);
  else if (strcmp (list, "common-kwargs") == 0)
    pcall_task_set_common_kwargs (task, value);
  else if (strcmp (list, "instance-kwargs") == 0)
    pcall_task_set_instance_kwargs (task, value);
  else
    pcall_task_set_argument (task, list, value);
}

static void
test_shape (gconstpointer data)
{
  const Shape *shape = data;
  PcallTask *task = support_task (echo, 1);
  g_autoptr (GVariant) value = support_parse (shape->value);
  g_autoptr (GError) error = NULL;

  set_list (task, shape->list, value);
  g_assert_null (pcall_task_run (task, NULL, &error));
  g_assert_error (error, PCALL_ERROR, PCALL_ERROR_ARGUMENTS);
  g_assert_cmpstr (error->message, ==, shape->message);
  g_assert_false (pcall_task_get_running (task));

  g_assert_finalize_object (task);
}

/* Mistakes in a program: a critical that says what to do, and nothing else */

static void
negative_timeout (PcallTask *task)
{
  pcall_task_set_timeout (task, -1);
}

static void
timeout_that_is_no_number (PcallTask *task)
{
  pcall_task_set_timeout (task, NAN);
}

static void
endless_deadline (PcallTask *task)
{
  pcall_task_set_deadline (task, HUGE_VAL);
}

static void
negative_grace_period (PcallTask *task)
{
  pcall_task_set_grace_period (task, -3);
}

static void
no_log_mode (PcallTask *task)
{
  pcall_task_set_log_mode (task, 99);
}

static void
no_output_mode (PcallTask *task)
{
  pcall_task_set_output_mode (task, 99);
}

static void
no_start_method (PcallTask *task)
{
  pcall_task_set_start_method (task, 99);
}

static void
no_failure_policy (PcallTask *task)
{
  pcall_task_set_failure_policy (task, 99);
}

static void
call_before_start (PcallTask *task)
{
  g_assert_null (pcall_task_dup_call (task, 0));
}

static void
result_before_start (PcallTask *task)
{
  gsize length;

  g_assert_null (pcall_task_get_result_data (task, 0, &length));
}

static void
numbers_before_start (PcallTask *task)
{
  guint8 type;

  g_assert_null (pcall_task_dup_result_numbers (task, 0, &type));
}

static void
progress_outside (PcallTask *task)
{
  pcall_report_progress (0.5, "half");
}

static void
message_outside (PcallTask *task)
{
  pcall_send_message (g_variant_new_int32 (1));
}

static void
details_outside (PcallTask *task)
{
  pcall_set_error_details (NULL);
}

static void
index_outside (PcallTask *task)
{
  pcall_get_call_index ();
}

static void
no_fraction (PcallTask *task)
{
  pcall_report_progress (NAN, "what");
}

typedef struct
{
  const char *name;
  void (*make) (PcallTask *task);
  const char *message;
} Slip;

static const Slip slips[] = {
  { "negative-timeout", negative_timeout,
    "CRITICAL: timeout is -1; expected a number of seconds, 0 for none" },
  { "timeout-that-is-no-number", timeout_that_is_no_number,
    "CRITICAL: timeout is *nan; expected a number of seconds, 0 for none" },
  { "endless-deadline", endless_deadline,
    "CRITICAL: deadline is inf; expected a number of seconds, 0 for none" },
  { "negative-grace-period", negative_grace_period,
    "CRITICAL: grace-period is -3; expected a number of seconds, 0 for none" },
  { "no-log-mode", no_log_mode,
    "CRITICAL: pcall_task_set_log_mode: 99 is no PcallLogMode; expected one of "
    "PCALL_LOG_MODE_SECTIONS, PCALL_LOG_MODE_LIVE, PCALL_LOG_MODE_INHERIT*" },
  { "no-output-mode", no_output_mode,
    "CRITICAL: pcall_task_set_output_mode: 99 is no PcallOutputMode; expected one of "
    "PCALL_OUTPUT_MODE_LOG, PCALL_OUTPUT_MODE_STREAMS*" },
  { "no-start-method", no_start_method,
    "CRITICAL: pcall_task_set_start_method: 99 is no PcallStartMethod; expected one of "
    "PCALL_START_METHOD_AUTOMATIC, PCALL_START_METHOD_FORK, *PCALL_START_METHOD_SPAWN" },
  { "no-failure-policy", no_failure_policy,
    "CRITICAL: pcall_task_set_failure_policy: 99 is no PcallFailurePolicy; expected one of "
    "PCALL_FAILURE_POLICY_CONTINUE, PCALL_FAILURE_POLICY_STOP" },
  { "call-before-start", call_before_start,
    "CRITICAL: pcall_task_*_call: the task was not started; its calls are there from "
    "pcall_task_start() on" },
  { "result-before-start", result_before_start,
    "CRITICAL: pcall_task_*_result_data: the task was not started; its calls are there from "
    "pcall_task_start() on" },
  { "numbers-before-start", numbers_before_start,
    "CRITICAL: pcall_task_*_result_numbers: the task was not started; its calls are there from "
    "pcall_task_start() on" },
  { "progress-outside", progress_outside, "WARNING: *pcall_report_progress*no call here*" },
  { "message-outside", message_outside, "WARNING: *pcall_send_message*no call here*" },
  { "details-outside", details_outside, "WARNING: *pcall_set_error_details*no call here*" },
  { "index-outside", index_outside, "WARNING: *pcall_get_call_index*no call here*" },
  { "no-fraction", no_fraction,
    "CRITICAL: pcall_report_progress: fraction is *nan; expected a number from 0 to 1" },
};

static void
test_slip (gconstpointer data)
{
  const Slip *slip = data;
  PcallTask *task = full_task ();

  support_expect_log ();
  slip->make (task);
  support_assert_logged (slip->message);
  support_run (task, full_results);

  g_assert_finalize_object (task);
}

/* The same with a task that was started */

static void
late_timeout (PcallTask *task)
{
  pcall_task_set_timeout (task, 5);
}

static void
late_arguments (PcallTask *task)
{
  pcall_task_set_instance_args (task, NULL);
}

static void
late_target (PcallTask *task)
{
  g_autoptr (PcallTarget) target = pcall_target_new (NULL, echo, NULL, NULL);

  pcall_task_add_target (task, target);
}

static void
call_behind_the_last (PcallTask *task)
{
  g_assert_null (pcall_task_dup_call (task, 2));
}

static void
call_before_the_first (PcallTask *task)
{
  g_assert_null (pcall_task_dup_call (task, -1));
}

static void
result_behind_the_last (PcallTask *task)
{
  gsize length;

  g_assert_null (pcall_task_get_result_data (task, 7, &length));
}

static void
join_for_no_number (PcallTask *task)
{
  g_assert_false (pcall_task_join (task, NAN, NULL, NULL));
}

static const Slip late_slips[] = {
  { "late-timeout", late_timeout,
    "CRITICAL: pcall_task_set_timeout: the task was started; it cannot be changed any more" },
  { "late-arguments", late_arguments,
    "CRITICAL: pcall_task_set_instance_args: the task was started; it cannot be changed any more" },
  { "late-target", late_target,
    "CRITICAL: pcall_task_add_target: the task was started; it cannot be changed any more" },
  { "call-behind-the-last", call_behind_the_last,
    "CRITICAL: pcall_task_*_call: there is no call 2; the task has 2, counted from 0" },
  { "call-before-the-first", call_before_the_first,
    "CRITICAL: pcall_task_*_call: there is no call 4294967295; the task has 2, counted from 0" },
  { "result-behind-the-last", result_behind_the_last,
    "CRITICAL: pcall_task_*_result_data: there is no call 7; the task has 2, counted from 0" },
  { "join-for-no-number", join_for_no_number,
    "CRITICAL: pcall_task_join: timeout is *nan; expected a number of seconds, less than 0 for no "
    "limit" },
};

static void
test_late_slip (gconstpointer data)
{
  const Slip *slip = data;
  PcallTask *task = full_task ();

  support_start (task);
  support_expect_log ();
  slip->make (task);
  support_assert_logged (slip->message);
  support_join (task);

  g_assert_finalize_object (task);
}

/* What start(), join() and run() are told to do, and cannot */

static PcallTask *
join_before_start (GError **error)
{
  PcallTask *task = support_task (echo, 1);

  g_assert_false (pcall_task_join (task, -1, NULL, error));
  return task;
}

static PcallTask *
start_twice (GError **error)
{
  PcallTask *task = support_task (echo, 1);

  support_start (task);
  g_assert_false (pcall_task_start (task, error));
  return task;
}

static PcallTask *
run_what_runs (GError **error)
{
  PcallTask *task = support_task (echo, 1);

  support_start (task);
  g_assert_null (pcall_task_run (task, NULL, error));
  return task;
}

static PcallTask *
run_again (GError **error)
{
  PcallTask *task = full_task ();

  support_run (task, full_results);
  g_assert_null (pcall_task_run (task, NULL, error));
  return task;
}

static PcallTask *
join_too_short (GError **error)
{
  PcallTask *task = support_task (support_sleep, 3);

  support_start (task);
  g_assert_false (pcall_task_join (task, 0.01, NULL, error));
  return task;
}

static PcallTask *
run_cancelled (GError **error)
{
  g_autoptr (GCancellable) cancellable = g_cancellable_new ();
  PcallTask *task = support_task (support_sleep, 1);

  g_cancellable_cancel (cancellable);
  g_assert_null (pcall_task_run (task, cancellable, error));
  return task;
}

static PcallTask *
run_terminated (GError **error)
{
  PcallTask *task = support_task (support_sleep, 1);

  pcall_task_terminate (task);
  g_assert_null (pcall_task_run (task, NULL, error));
  return task;
}

/* A task is given to run. */
static PcallTask *
run_failing (PcallTask *task, GError **error)
{
  g_assert_null (pcall_task_run (task, NULL, error));
  return task;
}

static PcallTask *
run_target (PcallTarget *target, GError **error)
{
  g_autoptr (PcallTarget) owned = target;

  return run_failing (pcall_task_new (owned), error);
}

static PcallTask *
spawn_a_function (GError **error)
{
  PcallTask *task = pcall_task_new_for_func (echo, NULL, NULL);

  pcall_task_set_start_method (task, PCALL_START_METHOD_SPAWN);
  return run_failing (task, error);
}

static PcallTask *
call_no_module (GError **error)
{
  return run_target (pcall_target_new_symbol ("libno-such-thing.so.0", "f"), error);
}

static PcallTask *
call_no_symbol (GError **error)
{
  return run_target (pcall_target_new_symbol ("libc.so.6", "no_such_function"), error);
}

static PcallTask *
call_no_worker (GError **error)
{
  const char *argv[] = { "no-such-worker", "--quiet", NULL };

  return run_target (pcall_target_new_worker (argv, "f"), error);
}

static PcallTask *
call_a_file_that_is_no_program (GError **error)
{
  const char *argv[] = { "/etc/passwd", NULL };

  return run_target (pcall_target_new_worker (argv, "f"), error);
}

static PcallTask *
call_a_program_that_is_no_worker (GError **error)
{
  const char *argv[] = { "true", NULL };

  return run_target (pcall_target_new_worker (argv, "f"), error);
}

static PcallTask *
log_into_a_file (GError **error)
{
  PcallTask *task = support_task (echo, 1);

  pcall_task_set_log_directory (task, "/etc/passwd");
  return run_failing (task, error);
}

static PcallTask *
mix_targets (GError **error)
{
  const char *argv[] = { "true", NULL };
  g_autoptr (PcallTarget) named = pcall_target_new_worker (argv, "f");
  PcallTask *task = pcall_task_new_for_func (echo, NULL, NULL);

  pcall_task_set_start_method (task, PCALL_START_METHOD_FORK);
  pcall_task_add_target (task, named);
  return run_failing (task, error);
}

static PcallTask *
come_too_late (GError **error)
{
  PcallTask *task = pcall_task_new_for_func (support_sleep, NULL, NULL);

  pcall_task_set_timeout (task, 0.05);
  return run_failing (task, error);
}

static PcallTask *
come_too_late_together (GError **error)
{
  PcallTask *task = pcall_task_new_for_func (support_sleep, NULL, NULL);

  pcall_task_set_deadline (task, 0.05);
  return run_failing (task, error);
}

typedef struct
{
  const char *name;
  PcallTask *(*make) (GError **error);
  GQuark (*domain) (void);
  int code;
  const char *message;
} Refused;

static const Refused refused[] = {
  { "join-before-start", join_before_start, g_io_error_quark, G_IO_ERROR_NOT_INITIALIZED,
    "the task was not started; call pcall_task_start() before joining it" },
  { "start-twice", start_twice, pcall_error_quark, PCALL_ERROR_START,
    "the task was started before; a task runs once" },
  { "run-what-runs", run_what_runs, pcall_error_quark, PCALL_ERROR_START,
    "the task was started before; a task runs once" },
  { "run-again", run_again, pcall_error_quark, PCALL_ERROR_START,
    "the task was started before; a task runs once" },
  { "join-too-short", join_too_short, g_io_error_quark, G_IO_ERROR_TIMED_OUT,
    "3 of 3 calls had not ended after 0.01 s; they go on" },
  { "run-cancelled", run_cancelled, g_io_error_quark, G_IO_ERROR_CANCELLED, "*cancelled*" },
  { "run-terminated", run_terminated, pcall_error_quark, PCALL_ERROR_CANCELLED,
    "call 0: terminated" },
  { "spawn-a-function", spawn_a_function, pcall_error_quark, PCALL_ERROR_TARGET,
    "a callback cannot be spawned, only forked; its start method is 'spawn'" },
  { "call-no-module", call_no_module, pcall_error_quark, PCALL_ERROR_TARGET,
    "*call 0: symbol f of module libno-such-thing.so.0: *No such file or directory; it was looked "
    "for as the dynamic linker does*" },
  { "call-no-symbol", call_no_symbol, pcall_error_quark, PCALL_ERROR_TARGET,
    "*call 0: symbol no_such_function of module libc.so.6: *undefined symbol*" },
  { "call-no-worker", call_no_worker, pcall_error_quark, PCALL_ERROR_START,
    "call 0 (f): worker program no-such-worker: not found in PATH, which is *" },
  { "call-a-file-that-is-no-program", call_a_file_that_is_no_program, pcall_error_quark,
    PCALL_ERROR_START, "call 0 (f): worker program /etc/passwd: execve: Permission denied" },
  { "call-a-program-that-is-no-worker", call_a_program_that_is_no_worker, pcall_error_quark,
    PCALL_ERROR_START,
    "call 0 (f): worker program true: exited with status 0 before it said hello" },
  { "log-into-a-file", log_into_a_file, pcall_error_quark, PCALL_ERROR_START,
    "log-directory /etc/passwd: Not a directory" },
  { "mix-targets", mix_targets, pcall_error_quark, PCALL_ERROR_TARGET,
    "what a worker program runs cannot be forked, only spawned, and \"f\" is such a target; the "
    "start method is 'fork'" },
  { "come-too-late", come_too_late, pcall_error_quark, PCALL_ERROR_TIMED_OUT,
    "call 0 (support_sleep): timed out after 0.05 s" },
  { "come-too-late-together", come_too_late_together, pcall_error_quark, PCALL_ERROR_TIMED_OUT,
    "call 0 (support_sleep): the task's deadline of 0.05 s passed" },
};

static void
test_refused (gconstpointer data)
{
  const Refused *row = data;
  g_autoptr (GError) error = NULL;
  PcallTask *task = row->make (&error);

  misuse_assert_told (error, row->domain (), row->code, row->message);

  g_assert_finalize_object (task);
}

int
main (int argc, char *argv[])
{
  g_setenv ("LC_ALL", "C", TRUE);
  g_test_init (&argc, &argv, NULL);
  support_watch_log ();

  for (gsize i = 0; i < G_N_ELEMENTS (shapes); i++)
    {
      g_autofree char *name = g_strdup_printf ("%s-%" G_GSIZE_FORMAT, shapes[i].list, i);

      MISUSE_ADD ("shape", shapes, i, name, test_shape);
    }
  for (gsize i = 0; i < G_N_ELEMENTS (slips); i++)
    MISUSE_ADD ("slip", slips, i, slips[i].name, test_slip);
  for (gsize i = 0; i < G_N_ELEMENTS (late_slips); i++)
    MISUSE_ADD ("late", late_slips, i, late_slips[i].name, test_late_slip);
  for (gsize i = 0; i < G_N_ELEMENTS (refused); i++)
    MISUSE_ADD ("refused", refused, i, refused[i].name, test_refused);

  return g_test_run ();
}
