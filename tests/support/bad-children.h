/*
 * SPDX-FileCopyrightText: 2026 The pcall authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#pragma once

#include <pcall-glib/pcall.h>

/* What a child can do to its parent. Each of these is a target, a PcallFunc.
 *
 * Those that make a grandchild send its pid as a message. Their user data is a PcallTask ** where
 * they need the task that they run in. */

#define BAD_CHILDREN(DO)                                                                           \
  /* bad-children.c: ends, signals, groups, descendants */                                         \
  DO (segv) DO (segv_with_core) DO (segv_after_output) DO (segv_after_long_output)                 \
  DO (stack_overflow) DO (abort) DO (out_of_memory) DO (sigpipe) DO (kill_itself)                  \
  DO (exit_0) DO (exit_99) DO (exit_3_with_handlers) DO (crash_while_serialising)                  \
  DO (unreadable_result) DO (ignore_sigterm) DO (stop) DO (traced_stop) DO (traced_message)        \
  DO (unlimited_output) DO (much_output) DO (other_group) DO (other_group_hangs)                   \
  DO (grandchild_holds_channel) DO (grandchild_in_session)                                         \
  DO (escaped_grandchild) DO (escaped_grandchild_writes)                                           \
  DO (grandchild_returns) DO (drop_task) DO (drop_task_wholly)                                     \
  /* bad-frames.c: what is written into the channel by hand */                                     \
  DO (write_garbage) DO (write_8_eib) DO (write_1_tib_and_exit) DO (half_frame_and_exit)           \
  DO (half_frame_and_sleep) DO (half_header_and_exit) DO (kill_itself_in_large_frame)              \
  DO (wrong_magic) DO (wrong_version) DO (wrong_order) DO (wrong_nonce) DO (wrong_sequence)        \
  DO (wrong_call) DO (unknown_type) DO (type_0) DO (handles_not_there)                          \
  DO (abnormal_boolean) DO (abnormal_string) DO (bad_type_string) DO (no_type_string)              \
  DO (wrong_payload_type) DO (two_results) DO (result_then_error) DO (result_then_kill)            \
  DO (result_then_segv) DO (result_then_hang) DO (result_then_garbage) DO (final_then_kill)        \
  DO (again_late)                                                                                  \
  DO (shut_down_reading) DO (shut_down_writing) DO (close_all_and_return)                          \
  DO (close_all_and_sleep) DO (nonblocking_channel) DO (leave_bytes_unread) DO (random_bytes)      \
  DO (flood)                                                                                       \
  /* bad-memory.c: what is attached to a frame by hand */                                          \
  DO (good_memory) DO (memory_not_sealed) DO (memory_half_sealed) DO (memory_mapped)               \
  DO (memory_too_short) DO (memory_4_gib_too_short) DO (memory_too_long)                           \
  DO (memory_with_hole) DO (memory_huge) DO (memory_with_hidden_hole)                              \
  DO (memory_regular_file) DO (memory_pipe) DO (memory_missing) DO (memory_not_normal)             \
  DO (memory_of_1_tib) DO (memory_twice) DO (memory_unasked) DO (memory_of_progress)               \
  DO (handle_missing) DO (handle_unasked) DO (handles_too_many) DO (handles_in_pieces)             \
  DO (memory_then_kill) DO (kill_before_frame) DO (handles_after_result)                           \
  DO (handles_before_frames) DO (handles_alone)                           \
  DO (close_all_and_return_much) DO (close_all_and_return_handle)

#define BAD_CHILD_DECLARE(name)                                                                    \
  GVariant *bad_child_##name (GVariant *args, GVariant *kwargs, gpointer user_data, GError **error);
BAD_CHILDREN (BAD_CHILD_DECLARE)
#undef BAD_CHILD_DECLARE

/* What a definition of one of them begins with. */
#define BAD_CHILD(name)                                                                            \
  GVariant *bad_child_##name (GVariant *args, GVariant *kwargs, gpointer user_data, GError **error)

/* How many frames of each of two kinds a flood has. */
#define BAD_CHILD_FLOOD 50000

/* Ends by itself after minutes only, should its parent not see to it. */
void bad_child_sleep (void);
