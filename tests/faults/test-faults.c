/*
 * SPDX-FileCopyrightText: 2026 The pcall authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

/* Bad children among good ones.
 *
 * Each row is one bad child as call 2 of 5. Its call must end in the state and with the error that
 * the row tells, the others must keep their results, and nothing may be left. Two of the others
 * end only after the bad one has, where no timeout is part of the row: so they cannot have been
 * over before things went wrong. */

#include <errno.h>
#include <fcntl.h>
#include <glib/gstdio.h>
#include <signal.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "bad-children.h"
#include "tally.h"
#include "traces.h"

#define BAD_CALL 2
#define N_CALLS 5
#define ANY_STATUS -1

typedef enum
{
  NO_GRANDCHILD,
  GRANDCHILD_DIES,
  GRANDCHILD_ESCAPES,
} Grandchild;

typedef struct
{
  const char    *name;
  PcallFunc      func;
  gdouble        timeout;
  PcallCallState state;
  gint           code;   /* of the error */
  const char    *said;   /* a pattern for the message after the call's name, or the result */
  Grandchild     grandchild;
} Row;

#define BAD(name) #name, bad_child_##name
#define SUCCEEDED PCALL_CALL_STATE_SUCCEEDED, 0
#define EXITED PCALL_CALL_STATE_FAILED, PCALL_ERROR_EXITED
#define CRASHED PCALL_CALL_STATE_CRASHED, PCALL_ERROR_CRASHED
#define REFUSED PCALL_CALL_STATE_FAILED, PCALL_ERROR_PROTOCOL
#define MEMORY "memory was sent in place of a frame's payload, and "
#define TIMED_OUT PCALL_CALL_STATE_TIMED_OUT, PCALL_ERROR_TIMED_OUT

/* Whether it was for want of memory depends on the machine. */
#define KILLED "killed by signal 9 \\(Killed\\)(, perhaps out of memory.*)?$"

static const Row rows[] = {
  /* Ends */
  { BAD (segv), 0, CRASHED, .said = "killed by signal 11 \\(Segmentation fault\\)$" },
  { BAD (segv_after_output), 0, CRASHED,
    .said = "killed by signal 11 \\(Segmentation fault\\); last output: .*the very last words$" },
  { BAD (segv_after_long_output), 0, CRASHED,
    .said = "killed by signal 11 \\(Segmentation fault\\); last output: .{500,8192}$" },
  { BAD (stack_overflow), 0, CRASHED, .said = "killed by signal 11 \\(Segmentation fault\\)$" },
  { BAD (abort), 0, CRASHED, .said = "killed by signal 6 \\(Aborted\\)$" },
#ifndef __SANITIZE_ADDRESS__
  { BAD (out_of_memory), 0, CRASHED, .said = "killed by signal [56] .*last output: .*failed to allocate" },
#endif
  { BAD (sigpipe), 0, CRASHED, .said = "killed by signal 13 \\(Broken pipe\\)$" },
  { BAD (kill_itself), 0, CRASHED, .said = KILLED },
  { BAD (exit_0), 0, EXITED, .said = "exited with status 0 without handing over a result$" },
  { BAD (exit_99), 0, EXITED, .said = "exited with status 99 without handing over a result$" },
  { BAD (exit_3_with_handlers), 0, EXITED, .said = "exited with status 3 without handing over a result$" },
  { BAD (crash_while_serialising), 0, CRASHED, .said = "killed by signal 11 \\(Segmentation fault\\)$" },
  { BAD (unreadable_result), 0, EXITED, .said = "exited with status 1 without handing over a result$" },

  /* What does not end */
  { BAD (ignore_sigterm), 0.2, TIMED_OUT, .said = "timed out after 0\\.2 s$" },
  { BAD (stop), 0.2, TIMED_OUT, .said = "timed out after 0\\.2 s$" },
  { BAD (traced_stop), 0.2, TIMED_OUT, .said = "timed out after 0\\.2 s$" },
  { BAD (traced_message), 0, SUCCEEDED, .said = "'went on'" },
  { BAD (unlimited_output), 0.5, TIMED_OUT, .said = "timed out after 0\\.5 s; last output: x+$" },
  { BAD (much_output), 0, SUCCEEDED, .said = "32" },
  { BAD (other_group), 0, SUCCEEDED, .said = "true" },
  { BAD (other_group_hangs), 0.2, TIMED_OUT, .said = "timed out after 0\\.2 s$" },

  /* Descendants */
  { BAD (grandchild_holds_channel), 0, SUCCEEDED, .said = "'child'", .grandchild = GRANDCHILD_DIES },
  { BAD (grandchild_in_session), 0, SUCCEEDED, .said = "'child'", .grandchild = GRANDCHILD_DIES },
  { BAD (escaped_grandchild), 0, SUCCEEDED, .said = "'child'", .grandchild = GRANDCHILD_ESCAPES },
  { BAD (escaped_grandchild_writes), 0, SUCCEEDED, .said = "'child'", .grandchild = GRANDCHILD_ESCAPES },
  { BAD (grandchild_returns), 0, SUCCEEDED, .said = "'child'" },

  /* Inherited tasks */
  { BAD (drop_task), 0, SUCCEEDED, .said = "'dropped'" },
  { BAD (drop_task_wholly), 0, SUCCEEDED, .said = "'dropped'" },

  /* What is no frame, or half of one */
  { BAD (write_garbage), 0, REFUSED, .said = "frame magic is 48656c6c \\(\"Hell\"\\)$" },
  { BAD (write_8_eib), 0, REFUSED, .said = "frame length 9223372036854775808 is over the limit" },
  { BAD (write_1_tib_and_exit), 0, EXITED, .said = "exited with status 0 without handing over" },
  { BAD (half_frame_and_exit), 0, EXITED, .said = "exited with status 0 without handing over" },
  { BAD (half_frame_and_sleep), 0.5, TIMED_OUT, .said = "timed out after 0\\.5 s$" },
  { BAD (half_header_and_exit), 0, EXITED, .said = "exited with status 0 without handing over" },
  { BAD (kill_itself_in_large_frame), 0, CRASHED, .said = KILLED },

  /* One thing wrong */
  { BAD (wrong_magic), 0, REFUSED, .said = "frame magic is 58434c31 \\(\"XCL1\"\\)$" },
  { BAD (wrong_version), 0, REFUSED, .said = "frame version is 99, not" },
  { BAD (wrong_order), 0, REFUSED, .said = "frame byte order is 3f" },
  { BAD (wrong_nonce), 0, REFUSED, .said = "frame nonce is [0-9a-f]{16}, not that of the task$" },
  { BAD (wrong_sequence), 0, REFUSED, .said = "frame sequence is [0-9]+, not [0-9]+$" },
  { BAD (wrong_call), 0, REFUSED, .said = "the child sent a frame about call 0" },
  { BAD (unknown_type), 0, REFUSED, .said = "frame type is 99" },
  { BAD (type_0), 0, REFUSED, .said = "frame type is 0" },
  { BAD (handles_not_there), 0, REFUSED,
    .said = "result frame should have come with 1 descriptors, and came with 0$" },
  { BAD (abnormal_boolean), 0, REFUSED, .said = "result frame's payload is not in normal form" },
  { BAD (abnormal_string), 0, REFUSED, .said = "result frame's payload is not in normal form" },
  { BAD (bad_type_string), 0, REFUSED, .said = "result frame's payload has the bad type string" },
  { BAD (no_type_string), 0, REFUSED, .said = "result frame's payload of 8 bytes has no type string$" },
  { BAD (wrong_payload_type), 0, REFUSED, .said = "error frame's payload is not in normal form" },

  /* More than one outcome */
  { BAD (two_results), 0, SUCCEEDED, .said = "42" },
  { BAD (result_then_error), 0, SUCCEEDED, .said = "42" },
  { BAD (result_then_kill), 0, SUCCEEDED, .said = "42" },
  { BAD (result_then_segv), 0, SUCCEEDED, .said = "42" },
  { BAD (result_then_hang), 0.5, SUCCEEDED, .said = "42" },
  { BAD (result_then_garbage), 0, SUCCEEDED, .said = "42" },
  { BAD (final_then_kill), 0, CRASHED, .said = KILLED },
  { BAD (again_late), 0, REFUSED, .said = "the child asked for another one without need$" },

  /* What is done to the descriptor */
  { BAD (shut_down_reading), 0, SUCCEEDED, .said = "42" },
  { BAD (shut_down_writing), 0, EXITED, .said = "exited with status 1 without handing over a result$" },
  { BAD (close_all_and_return), 0, EXITED, .said = "exited with status 1 without handing over a result$" },
  { BAD (close_all_and_sleep), 0.2, TIMED_OUT, .said = "timed out after 0\\.2 s$" },
  { BAD (nonblocking_channel), 0, SUCCEEDED, .said = NULL },
  { BAD (leave_bytes_unread), 0, SUCCEEDED, .said = "42" },

  /* What is attached to a frame */
  { BAD (good_memory), 0, SUCCEEDED, .said = "42" },
  { BAD (memory_not_sealed), 0, REFUSED, .said = MEMORY "it is not sealed$" },
  { BAD (memory_half_sealed), 0, REFUSED, .said = MEMORY "it is not sealed$" },
  { BAD (memory_mapped), 0, REFUSED, .said = MEMORY "it is not sealed$" },
  { BAD (memory_too_short), 0, REFUSED, .said = MEMORY "it has not the size that the frame te" },
  { BAD (memory_4_gib_too_short), 0, REFUSED,
    .said = MEMORY "it has not the size that the frame tells$" },
  { BAD (memory_too_long), 0, REFUSED, .said = MEMORY "it has not the size that the frame tells$" },
  { BAD (memory_with_hole), 0, REFUSED, .said = MEMORY "it has holes$" },
  { BAD (memory_with_hidden_hole), 0, REFUSED, .said = MEMORY "it has holes$" },
  { BAD (memory_of_1_tib), 0, REFUSED, .said = MEMORY "it has holes$" },
  { BAD (memory_huge), 0, REFUSED,
    .said = MEMORY "it is (not of ordinary pages|none that can be sealed)$" },
  { BAD (memory_regular_file), 0, REFUSED, .said = MEMORY "it is n(one|ot) .*sealed$" },
  { BAD (memory_pipe), 0, REFUSED, .said = MEMORY "it is none that can be sealed$" },
  { BAD (memory_missing), 0, REFUSED,
    .said = "result frame should have come with 1 descriptors, and came with 0$" },
  { BAD (memory_not_normal), 0, REFUSED, .said = "result frame's payload is not in normal form" },
  { BAD (memory_twice), 0, REFUSED,
    .said = "result frame should have come with 1 descriptors, and came with 2$" },
  { BAD (memory_unasked), 0, SUCCEEDED, .said = "42" },
  { BAD (memory_of_progress), 0, SUCCEEDED, .said = "42" },
  { BAD (memory_then_kill), 0, SUCCEEDED, .said = "42" },
  { BAD (kill_before_frame), 0, CRASHED, .said = KILLED },
  { BAD (handle_missing), 0, REFUSED,
    .said = "result frame should have come with 2 descriptors, and came with 1$" },
  { BAD (handle_unasked), 0, REFUSED,
    .said = "result frame should have come with 1 descriptors, and came with 2$" },
  { BAD (handles_too_many), 0, REFUSED,
    .said = "result frame should have come with 252 descriptors, and came with 253$" },
  { BAD (close_all_and_return_much), 0, EXITED,
    .said = "exited with status 1 without handing over a result$" },
  { BAD (close_all_and_return_handle), 0, EXITED,
    .said = "exited with status 1 without handing over a result; last output: .*closed the desc" },
  { BAD (handles_alone), 0, REFUSED, .said = "descriptors came that no frame has asked for$" },
  { BAD (handles_in_pieces), 0, SUCCEEDED, .said = "42" },
  { BAD (handles_after_result), 0, SUCCEEDED, .said = "42" },
  { BAD (handles_before_frames), 0, REFUSED,
    .said = "descriptors came that no frame has asked for$" },
};

/* One bad child and what belongs to it. */
typedef struct
{
  const Row *row;
  PcallTask *task;
  int        gate[2]; /* a byte for each sibling that may end */
  int        grandchild;
} Case;

/* Siblings */

static GVariant *
early_sibling (GVariant *args,
               GVariant *kwargs,
               gpointer  user_data,
               GError  **error)
{
  return g_variant_new_uint32 (100 + pcall_get_call_index ());
}

static GVariant *
late_sibling (GVariant *args,
              GVariant *kwargs,
              gpointer  user_data,
              GError  **error)
{
  Case *self = user_data;
  char byte;

  if (read (self->gate[0], &byte, 1) != 1)
    _exit (88);
  return g_variant_new_uint32 (100 + pcall_get_call_index ());
}

static void
open_gate (Case *self)
{
  g_assert_cmpint (write (self->gate[1], "ab", 2), ==, 2);
}

static void
on_call_finished (PcallTask *task,
                  PcallCall *call,
                  Case      *self)
{
  if (pcall_call_get_index (call) == BAD_CALL)
    open_gate (self);
}

/* What the parent has to do with some of them */

static gboolean
is_socket (int fd)
{
  int type;
  socklen_t size = sizeof type;

  return getsockopt (fd, SOL_SOCKET, SO_TYPE, &type, &size) == 0;
}

/* Nobody reads more than the first. */
static void
send_to_all_children (void)
{
  static const char bytes[100];

  for (int fd = STDERR_FILENO + 1; fd < 1024; fd++)
    if (is_socket (fd))
      send (fd, bytes, sizeof bytes, MSG_NOSIGNAL | MSG_DONTWAIT);
}

static void
let_traced_child_go_on (pid_t pid)
{
  int status;

  g_assert_cmpint (waitpid (pid, &status, WUNTRACED), ==, pid);
  g_assert_true (WIFSTOPPED (status));
  g_assert_no_errno (ptrace (PTRACE_CONT, pid, NULL, NULL));
}

static void
on_call_message (PcallTask *task,
                 PcallCall *call,
                 GVariant  *message,
                 Case      *self)
{
  pid_t pid = g_variant_get_int32 (message);

  if (self->row->func == bad_child_leave_bytes_unread)
    send_to_all_children ();
  else if (self->row->func == bad_child_traced_message)
    let_traced_child_go_on (pid);
  else
    self->grandchild = traces_open_pidfd (pid);
}

/* Before and after */

static void
add_target (Case       *self,
            const char *name,
            PcallFunc   func,
            gpointer    user_data)
{
  g_autoptr (PcallTarget) target = pcall_target_new (name, func, user_data, NULL);

  if (self->task == NULL)
    self->task = pcall_task_new (target);
  else
    pcall_task_add_target (self->task, target);
}

static void
case_set_up (Case      *self,
             const Row *row)
{
  PcallFunc last = row->timeout > 0 ? early_sibling : late_sibling;

  *self = (Case) { .row = row, .grandchild = -1 };
  g_assert_no_errno (pipe2 (self->gate, O_CLOEXEC));

  add_target (self, "first", early_sibling, self);
  add_target (self, "second", last, self);
  add_target (self, row->name, row->func, &self->task);
  add_target (self, "fourth", last, self);
  add_target (self, "fifth", early_sibling, self);

  pcall_task_set_timeout (self->task, row->timeout);
  pcall_task_set_grace_period (self->task, 0.2);
  g_signal_connect (self->task, "call-finished", G_CALLBACK (on_call_finished), self);
  g_signal_connect (self->task, "call-message", G_CALLBACK (on_call_message), self);
}

static void
case_tear_down (Case *self)
{
  g_assert_finalize_object (self->task);
  close (self->gate[0]);
  close (self->gate[1]);
}

static void
assert_message (const char *message,
                const char *prefix,
                const char *pattern)
{
  if (g_str_has_prefix (message, prefix) &&
      g_regex_match_simple (pattern, message + strlen (prefix), G_REGEX_DOTALL | G_REGEX_ANCHORED,
                            0))
    return;
  g_error ("'%s' is not '%s' and then /%s/", message, prefix, pattern);
}

static void
assert_bad_call (Case *self)
{
  const Row *row = self->row;
  g_autoptr (PcallCall) call = pcall_task_dup_call (self->task, BAD_CALL);
  g_autoptr (GVariant) result = pcall_call_dup_result (call);
  g_autoptr (GError) error = pcall_call_dup_error (call);
  g_autofree char *prefix = g_strdup_printf ("call %d (%s): ", BAD_CALL, row->name);

  if (error != NULL && pcall_call_get_state (call) != row->state)
    g_test_message ("%s", error->message);
  g_assert_cmpint (pcall_call_get_state (call), ==, row->state);
  if (row->state != PCALL_CALL_STATE_SUCCEEDED)
    {
      g_assert_error (error, PCALL_ERROR, row->code);
      assert_message (error->message, prefix, row->said);
    }
  else if (row->said != NULL)
    {
      g_autofree char *printed = g_variant_print (result, FALSE);

      g_assert_cmpstr (printed, ==, row->said);
    }
}

static void
assert_siblings (Case *self)
{
  for (guint i = 0; i < N_CALLS; i++)
    {
      g_autoptr (PcallCall) call = pcall_task_dup_call (self->task, i);
      g_autoptr (GVariant) result = pcall_call_dup_result (call);

      if (i == BAD_CALL)
        continue;
      g_assert_nonnull (result);
      g_assert_cmpuint (g_variant_get_uint32 (result), ==, 100 + i);
    }
}

static void
assert_grandchild (Case *self)
{
  switch (self->row->grandchild)
    {
    case NO_GRANDCHILD:
      g_assert_cmpint (self->grandchild, <, 0);
      break;
    case GRANDCHILD_DIES:
      if (self->grandchild < 0) /* it had died when the message was read */
        break;
      g_assert_true (traces_wait_for_end (self->grandchild, TEST_LIMIT));
      close (self->grandchild);
      break;
    case GRANDCHILD_ESCAPES:
      g_assert_cmpint (self->grandchild, >=, 0);
      g_assert_false (traces_wait_for_end (self->grandchild, 0));
      traces_kill (self->grandchild);
      break;
    default:
      g_assert_not_reached ();
    }
}

static void
test_bad_child (gconstpointer data)
{
  const Row *row = data;
  g_autofree char *before = traces_take ();
  g_autoptr (GError) error = NULL;
  Tally *tally;
  Case self;

  case_set_up (&self, row);
  tally = tally_new (self.task);
  g_assert_true (pcall_task_start (self.task, &error));
  g_assert_no_error (error);

  pcall_task_join (self.task, TEST_LIMIT, NULL, &error);
  if (row->state != PCALL_CALL_STATE_SUCCEEDED)
    g_assert_error (error, PCALL_ERROR, row->code);
  else
    g_assert_no_error (error);

  tally_assert_complete (tally);
  assert_bad_call (&self);
  assert_siblings (&self);
  assert_grandchild (&self);

  tally_remove_logs (tally);
  tally_free (tally);
  case_tear_down (&self);
  traces_assert_back (before);
}

/* Whether there is a core depends on the machine; what is said of it does not. */
static void
test_core_dump (void)
{
  g_autofree char *before = traces_take ();
  g_autofree char *core_directory = g_dir_make_tmp ("pcall-core-XXXXXX", NULL);
  g_autofree char *old_directory = g_get_current_dir ();
  g_autoptr (PcallTask) task = pcall_task_new_for_func (bad_child_segv_with_core, NULL, NULL);
  g_autoptr (Tally) tally = tally_new (task);
  g_autoptr (GError) error = NULL;
  g_autoptr (GDir) dir = NULL;
  const char *name;

  g_assert_no_errno (chdir (core_directory));
  g_assert_null (pcall_task_run (task, NULL, &error));
  g_assert_no_errno (chdir (old_directory));

  g_assert_error (error, PCALL_ERROR, PCALL_ERROR_CRASHED);
  assert_message (error->message, "call 0 (bad_child_segv_with_core): ",
                  tally_get_core_dumped (tally, 0)
                      ? "killed by signal 11 \\(Segmentation fault\\), core dumped$"
                      : "killed by signal 11 \\(Segmentation fault\\)$");
  tally_assert_complete (tally);

  dir = g_dir_open (core_directory, 0, NULL);
  while ((name = g_dir_read_name (dir)) != NULL)
    {
      g_autofree char *path = g_build_filename (core_directory, name, NULL);

      g_unlink (path);
    }
  g_rmdir (core_directory);
  g_clear_pointer (&dir, g_dir_close);
  if (!tally_get_core_dumped (tally, 0))
    g_test_skip ("no core was dumped here");
  traces_assert_back (before);
}

/* A stopped child acts on SIGTERM, and need not wait for SIGKILL. */
static void
test_stopped_child_hears_sigterm (void)
{
  g_autoptr (PcallTask) task = pcall_task_new_for_func (bad_child_stop, NULL, NULL);
  g_autoptr (Tally) tally = tally_new (task);
  g_autoptr (GError) error = NULL;

  pcall_task_set_timeout (task, 0.1);
  pcall_task_set_grace_period (task, TEST_LIMIT);
  g_assert_null (pcall_task_run (task, NULL, &error));
  g_assert_error (error, PCALL_ERROR, PCALL_ERROR_TIMED_OUT);
  g_assert_cmpint (tally_get_term_signal (tally, 0), ==, SIGTERM);
  tally_assert_complete (tally);
}

/* Random bytes */

#define N_SEEDS 100
#define SEED_STRIDE 4

/* Every fifth is good. */
static GVariant *
random_or_sibling (GVariant *args,
                   GVariant *kwargs,
                   gpointer  user_data,
                   GError  **error)
{
  if (pcall_get_call_index () % SEED_STRIDE == 0)
    return early_sibling (args, kwargs, user_data, error);
  return bad_child_random_bytes (args, kwargs, user_data, error);
}

static void
assert_random_call (PcallTask *task,
                    guint      index)
{
  g_autoptr (PcallCall) call = pcall_task_dup_call (task, index);
  g_autoptr (GError) error = pcall_call_dup_error (call);
  g_autoptr (GVariant) args = pcall_call_dup_args (call);
  PcallCallState state = pcall_call_get_state (call);
  guint32 seed;

  g_variant_get (args, "(u)", &seed);
  if (index % SEED_STRIDE == 0)
    {
      g_autoptr (GVariant) result = pcall_call_dup_result (call);

      g_assert_cmpuint (g_variant_get_uint32 (result), ==, 100 + index);
    }
  else if (seed % 4 < 2)
    {
      g_assert_cmpint (state, ==, PCALL_CALL_STATE_FAILED);
      g_assert_true (g_error_matches (error, PCALL_ERROR, PCALL_ERROR_PROTOCOL) ||
                     g_error_matches (error, PCALL_ERROR, PCALL_ERROR_EXITED));
    }
  else
    {
      g_assert_true (state == PCALL_CALL_STATE_SUCCEEDED || state == PCALL_CALL_STATE_FAILED);
    }
}

static GVariant *
random_seeds (guint n,
              guint first)
{
  GVariantBuilder builder;

  g_variant_builder_init (&builder, G_VARIANT_TYPE ("a(u)"));
  for (guint i = 0; i < n; i++)
    g_variant_builder_add (&builder, "(u)", first + i / SEED_STRIDE * (SEED_STRIDE - 1) +
                                                i % SEED_STRIDE);
  return g_variant_builder_end (&builder);
}

static void
test_random_bytes (void)
{
  guint n = N_SEEDS * SEED_STRIDE / (SEED_STRIDE - 1) + 1;
  guint n_rounds = g_test_slow () ? 100 : 1;

  for (guint round = 0; round < n_rounds; round++)
    {
      g_autofree char *before = traces_take ();
      g_autoptr (PcallTask) task = pcall_task_new_for_func (random_or_sibling, NULL, NULL);
      g_autoptr (Tally) tally = NULL;

      pcall_task_set_instance_args (task, random_seeds (n, round * N_SEEDS));
      pcall_task_set_max_children (task, 8);
      tally = tally_new (task);
      g_assert_true (pcall_task_start (task, NULL));
      pcall_task_join (task, TEST_LIMIT, NULL, NULL);

      tally_assert_complete (tally);
      for (guint i = 0; i < n; i++)
        assert_random_call (task, i);
      traces_assert_back (before);
    }
}

/* A flood over a stalled loop */

typedef struct
{
  guint   n_messages;
  guint   n_reports;
  gdouble fraction;
} Flood;

static void
on_flood_message (PcallTask *task,
                  PcallCall *call,
                  GVariant  *message,
                  Flood     *flood)
{
  g_assert_cmpint (g_variant_get_int32 (message), ==, flood->n_messages);
  flood->n_messages++;
}

static void
on_flood_progress (PcallTask  *task,
                   PcallCall  *call,
                   gdouble     fraction,
                   const char *text,
                   Flood      *flood)
{
  g_assert_cmpfloat (fraction, >=, flood->fraction);
  flood->fraction = fraction;
  flood->n_reports++;
}

/* Nobody reads, so that the child stands in the middle of its sending. */
static gboolean
is_flooded (gpointer data)
{
  int n_most = 0;

  for (int fd = STDERR_FILENO + 1; fd < 1024; fd++)
    {
      int n = 0;

      if (is_socket (fd) && ioctl (fd, FIONREAD, &n) == 0)
        n_most = MAX (n_most, n);
    }
  return n_most > 8192;
}

static void
test_flood (void)
{
  g_autofree char *before = traces_take ();
  g_autoptr (PcallTask) task = pcall_task_new_for_func (bad_child_flood, NULL, NULL);
  g_autoptr (Tally) tally = tally_new (task);
  g_autoptr (GError) error = NULL;
  Flood flood = { 0 };

  g_signal_connect (task, "call-message", G_CALLBACK (on_flood_message), &flood);
  g_signal_connect (task, "call-progress", G_CALLBACK (on_flood_progress), &flood);
  g_assert_true (pcall_task_start (task, NULL));
  g_assert_true (traces_wait_until (is_flooded, NULL));

  g_assert_true (pcall_task_join (task, TEST_LIMIT, NULL, &error));
  g_assert_no_error (error);
  g_assert_cmpuint (flood.n_messages, ==, BAD_CHILD_FLOOD);
  g_assert_cmpuint (flood.n_reports, ==, BAD_CHILD_FLOOD);
  tally_assert_complete (tally);
  traces_assert_back (before);
}

/* Another running task is dropped in a child: it is none of its business. */
static void
test_drop_other_task (void)
{
  g_autofree char *before = traces_take ();
  Case other;
  static const Row row = { "early", early_sibling, 0, SUCCEEDED, .said = "102" };
  PcallTask *dropping;
  g_autoptr (GVariant) results = NULL;
  g_autoptr (GError) error = NULL;

  case_set_up (&other, &row);
  g_assert_true (pcall_task_start (other.task, NULL));

  dropping = pcall_task_new_for_func (bad_child_drop_task_wholly, &other.task, NULL);
  pcall_task_set_n_calls (dropping, 4);
  results = pcall_task_run (dropping, NULL, &error);
  g_assert_no_error (error);
  g_assert_cmpuint (g_variant_n_children (results), ==, 4);

  g_assert_true (pcall_task_join (other.task, TEST_LIMIT, NULL, &error));
  g_assert_no_error (error);
  assert_siblings (&other);
  g_assert_finalize_object (dropping);
  case_tear_down (&other);
  traces_assert_back (before);
}

int
main (int    argc,
      char **argv)
{
  g_test_init (&argc, &argv, NULL);
  traces_begin ();

  for (gsize i = 0; i < G_N_ELEMENTS (rows); i++)
    {
      g_autofree char *path = g_strdup_printf ("/faults/%s", rows[i].name);

      g_strdelimit (path, "_", '-');
      g_test_add_data_func (path, &rows[i], test_bad_child);
    }
  g_test_add_func ("/faults/core-dump", test_core_dump);
  g_test_add_func ("/faults/stopped-child-hears-sigterm", test_stopped_child_hears_sigterm);
  g_test_add_func ("/faults/random-bytes", test_random_bytes);
  g_test_add_func ("/faults/flood", test_flood);
  g_test_add_func ("/faults/drop-other-task", test_drop_other_task);

  return g_test_run ();
}
