/*
 * SPDX-FileCopyrightText: 2026 The pcall authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

/* Large results and messages: they come as memory where that can be, as bytes where it cannot, are
 * the same either way, and leave nothing.
 *
 * Which way it was is seen in the list of mappings of this process. */

#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <unistd.h>

#include "spawn-support.h"
#include "tally.h"
#include "traces.h"

#define KIB ((gsize) 1024)
#define MIB (KIB * KIB)

/* The largest result of type ay whose frame is not large: a zero byte and the type go with it. */
#define LARGEST_SMALL (64 * KIB - 3)

static guint
count_mappings (void)
{
  g_autofree char *maps = NULL;
  guint n = 0;

  g_assert_true (g_file_get_contents ("/proc/self/maps", &maps, NULL, NULL));
  for (const char *at = maps; (at = strstr (at, "/memfd:pcall (deleted)")) != NULL; at++)
    n++;
  return n;
}

/* Values */

static GVariant *
new_bytes (gsize size)
{
  guint8 *bytes = g_malloc (size);

  for (gsize i = 0; i < size; i++)
    bytes[i] = (guint8) i;
  return g_variant_new_from_data (G_VARIANT_TYPE_BYTESTRING, bytes, size, TRUE, g_free, bytes);
}

static void
assert_bytes (GVariant *value,
              gsize     size)
{
  g_autoptr (GVariant) expected = g_variant_ref_sink (new_bytes (size));

  g_assert_nonnull (value);
  g_assert_cmpstr (g_variant_get_type_string (value), ==, "ay");
  g_assert_true (g_variant_is_normal_form (value) || size > MIB); /* GLib takes long to see that */
  g_assert_cmpuint (g_variant_get_size (value), ==, size);
  g_assert_true (g_variant_equal (value, expected));
}

static void
assert_result (PcallTask *task,
               guint      index,
               gsize      size)
{
  g_autoptr (PcallCall) call = pcall_task_dup_call (task, index);
  g_autoptr (GVariant) result = pcall_call_dup_result (call);

  assert_bytes (result, size);
}

static GVariant *
return_bytes (GVariant  *args,
              GVariant  *kwargs,
              gpointer   user_data,
              GError   **error)
{
  guint64 size;

  g_variant_get (args, "(t)", &size);
  return new_bytes (size);
}

/* Tasks */

static PcallTask *
new_task (PcallFunc    func,
          gpointer     user_data,
          const gsize *sizes,
          guint        n_sizes)
{
  PcallTask *task = (pcall_task_new_for_func) (func, user_data, NULL);
  GVariantBuilder builder;

  g_variant_builder_init (&builder, G_VARIANT_TYPE ("a(t)"));
  for (guint i = 0; i < n_sizes; i++)
    g_variant_builder_add (&builder, "(t)", (guint64) sizes[i]);
  pcall_task_set_instance_args (task, g_variant_builder_end (&builder));
  return task;
}

static void
run (PcallTask *task)
{
  g_autoptr (Tally) tally = tally_new (task);
  g_autoptr (GError) error = NULL;

  g_assert_true (pcall_task_start (task, &error));
  g_assert_true (pcall_task_join (task, TEST_LIMIT, NULL, &error));
  g_assert_no_error (error);
  tally_assert_complete (tally);
  tally_remove_logs (tally);
}

/* Sizes, and in what kind of child */

static const gsize sizes[] = {
  LARGEST_SMALL - 1, LARGEST_SMALL, LARGEST_SMALL + 1, 64 * KIB, 64 * KIB + 1, 64 * KIB + 5, 0,
  128 * KIB - 3, 128 * KIB - 2, MIB, 3 * MIB + 1,
};
#define N_LARGE 8

static void
assert_sizes (PcallTask *task)
{
  g_assert_cmpuint (count_mappings (), ==, N_LARGE);
  for (guint i = 0; i < G_N_ELEMENTS (sizes); i++)
    assert_result (task, i, sizes[i]);

  g_assert_finalize_object (task);
  g_assert_cmpuint (count_mappings (), ==, 0);
}

static void
test_sizes (gconstpointer data)
{
  g_autofree char *before = traces_take ();
  PcallTask *task = new_task (return_bytes, NULL, sizes, G_N_ELEMENTS (sizes));

  pcall_task_set_calls_per_child (task, GPOINTER_TO_UINT (data));
  run (task);
  assert_sizes (task);
  traces_assert_back (before);
}

static void
test_sizes_of_worker (void)
{
  g_autofree char *before = traces_take ();
  PcallTask *task = symbol_task ("count_up", 1);
  GVariantBuilder builder;

  g_variant_builder_init (&builder, G_VARIANT_TYPE ("a(t)"));
  for (guint i = 0; i < G_N_ELEMENTS (sizes); i++)
    g_variant_builder_add (&builder, "(t)", (guint64) sizes[i]);
  pcall_task_set_instance_args (task, g_variant_builder_end (&builder));
  run (task);
  assert_sizes (task);
  traces_assert_back (before);
}

static void
test_256_mib (void)
{
  g_autofree char *before = traces_take ();
  const gsize size = 256 * MIB;
  PcallTask *task = new_task (return_bytes, NULL, &size, 1);

  run (task);
  assert_result (task, 0, size);
  g_assert_finalize_object (task);
  traces_assert_back (before);
}

/* What a result is made of */

static GVariant *
new_structure (void)
{
  GVariantBuilder builder;

  g_variant_builder_init (&builder, G_VARIANT_TYPE ("a(sbmsv)"));
  for (guint i = 0; i < 20000; i++)
    g_variant_builder_add (&builder, "(sbmsv)", "text", i % 2 == 0, i % 3 == 0 ? "more" : NULL,
                           g_variant_new_double (i));
  return g_variant_ref_sink (g_variant_builder_end (&builder));
}

static GVariant *
return_structure (GVariant  *args,
                  GVariant  *kwargs,
                  gpointer   user_data,
                  GError   **error)
{
  return new_structure ();
}

static void
test_structure (void)
{
  PcallTask *task = pcall_task_new_for_func (return_structure, NULL, NULL);
  g_autoptr (GVariant) expected = new_structure ();
  g_autoptr (GVariant) results = NULL;
  g_autoptr (GVariant) result = NULL;

  results = pcall_task_run (task, NULL, NULL);
  g_assert_cmpuint (count_mappings (), ==, 1);
  g_variant_get_child (results, 0, "v", &result);
  g_assert_true (g_variant_equal (result, expected));
  g_assert_true (g_variant_is_normal_form (result));
  g_assert_finalize_object (task);
}

static GVariant *
fail_at_length (GVariant  *args,
                GVariant  *kwargs,
                gpointer   user_data,
                GError   **error)
{
  g_autofree char *text = g_strnfill (MIB, 'e');

  g_set_error_literal (error, G_IO_ERROR, G_IO_ERROR_NOT_FOUND, text);
  return NULL;
}

static void
test_error (void)
{
  g_autofree char *before = traces_take ();
  g_autoptr (GError) error = NULL;
  PcallTask *task = pcall_task_new_for_func (fail_at_length, NULL, NULL);

  g_assert_null (pcall_task_run (task, NULL, &error));
  g_assert_error (error, G_IO_ERROR, G_IO_ERROR_NOT_FOUND);
  g_assert_cmpuint (strlen (error->message), ==, MIB);
  g_assert_cmpuint (count_mappings (), ==, 0);
  g_assert_finalize_object (task);
  traces_assert_back (before);
}

/* How long it stays */

static void
test_outlives_task (void)
{
  const gsize size = MIB;
  PcallTask *task = new_task (return_bytes, NULL, &size, 1);
  g_autoptr (PcallCall) call = NULL;
  GVariant *result;

  run (task);
  call = pcall_task_dup_call (task, 0);
  result = pcall_call_dup_result (call);
  g_clear_object (&call);
  g_assert_finalize_object (task);

  g_assert_cmpuint (count_mappings (), ==, 1);
  assert_bytes (result, size);
  g_variant_unref (result);
  g_assert_cmpuint (count_mappings (), ==, 0);
}

static void
assert_all_are (GBytes *bytes,
                gsize   size,
                int     value)
{
  gsize length;
  const guint8 *data = g_bytes_get_data (bytes, &length);

  g_assert_cmpuint (length, ==, size);
  for (gsize i = 0; i < size; i++)
    g_assert_cmpint (data[i], ==, value >= 0 ? value : (guint8) i);
}

/* What is written to one copy is in no other, and not in the result. */
static void
test_copies (gconstpointer data)
{
  const gsize size = GPOINTER_TO_SIZE (data);
  PcallTask *task = new_task (return_bytes, NULL, &size, 1);
  g_autoptr (PcallCall) call = NULL;
  g_autoptr (GBytes) one = NULL;
  g_autoptr (GBytes) other = NULL;
  guint n;

  run (task);
  call = pcall_task_dup_call (task, 0);
  n = count_mappings ();
  one = pcall_call_dup_result_bytes (call);
  memset ((gpointer) g_bytes_get_data (one, NULL), 7, size);
  other = pcall_call_dup_result_bytes (call);
  g_assert_cmpuint (count_mappings (), ==, 3 * n);
  assert_result (task, 0, size);
  g_clear_object (&call);
  g_assert_finalize_object (task);

  assert_all_are (one, size, 7);
  assert_all_are (other, size, -1);
  g_clear_pointer (&one, g_bytes_unref);
  g_clear_pointer (&other, g_bytes_unref);
  g_assert_cmpuint (count_mappings (), ==, 0);
}

static void
test_no_copy (void)
{
  PcallTask *task = pcall_task_new_for_func (return_structure, NULL, NULL);
  g_autoptr (PcallCall) call = NULL;

  run (task);
  call = pcall_task_dup_call (task, 0);
  g_assert_null (pcall_call_dup_result_bytes (call));
  g_clear_object (&call);
  g_assert_finalize_object (task);
}

/* What a binding has written into memory by itself */

static GVariant *
return_memory (GVariant  *args,
               GVariant  *kwargs,
               gpointer   user_data,
               GError   **error)
{
  g_autoptr (GVariant) bytes = NULL;
  int fd = memfd_create ("pcall", MFD_CLOEXEC | MFD_ALLOW_SEALING);
  guint64 size;

  g_variant_get (args, "(t)", &size);
  bytes = g_variant_ref_sink (new_bytes (size));
  if (write (fd, g_variant_get_data (bytes), size) != (gssize) size ||
      !pcall_set_result_memory (fd, error))
    _exit (88);
  if (write (fd, "x", 1) == 1)
    _exit (89);
  close (fd);
  return NULL;
}

static void
test_memory_of_bindings (gconstpointer data)
{
  g_autofree char *before = traces_take ();
  static const gsize some[] = { MIB, 10, 0 };
  PcallTask *task = new_task (return_memory, NULL, some, G_N_ELEMENTS (some));

  pcall_task_set_calls_per_child (task, GPOINTER_TO_UINT (data));
  run (task);
  g_assert_cmpuint (count_mappings (), ==, 3);
  for (guint i = 0; i < G_N_ELEMENTS (some); i++)
    {
      g_autoptr (PcallCall) call = pcall_task_dup_call (task, i);
      g_autoptr (GVariant) result = pcall_call_dup_result (call);
      g_autoptr (GVariant) bytes = NULL;

      g_assert_cmpstr (g_variant_get_type_string (result), ==, "(ay)");
      bytes = g_variant_get_child_value (result, 0);
      assert_bytes (bytes, some[i]);
    }
  g_assert_finalize_object (task);
  traces_assert_back (before);
}

static GVariant *
return_unsealable (GVariant  *args,
                   GVariant  *kwargs,
                   gpointer   user_data,
                   GError   **error)
{
  int fd = open ("/dev/null", O_RDWR | O_CLOEXEC);

  return pcall_set_result_memory (fd, error) ? g_variant_new_string ("accepted") : NULL;
}

static void
test_no_memory_of_bindings (void)
{
  g_autoptr (GError) error = NULL;
  PcallTask *task = pcall_task_new_for_func (return_unsealable, NULL, NULL);

  g_assert_null (pcall_task_run (task, NULL, &error));
  g_assert_error (error, G_IO_ERROR, G_IO_ERROR_INVALID_ARGUMENT);
  g_assert_finalize_object (task);
}

/* Where there is no memory to be had: what is set in the child, in whose call. */

static void
limit (int    resource,
       rlim_t to)
{
  struct rlimit limits;

  if (getrlimit (resource, &limits) < 0)
    _exit (88);
  limits.rlim_cur = to;
  if (setrlimit (resource, &limits) < 0)
    _exit (88);
}

static GVariant *
return_with_small_files (GVariant  *args,
                         GVariant  *kwargs,
                         gpointer   user_data,
                         GError   **error)
{
  signal (SIGXFSZ, SIG_DFL);
  limit (RLIMIT_FSIZE, MIB);
  return return_bytes (args, kwargs, user_data, error);
}

static GVariant *
return_with_no_descriptors (GVariant  *args,
                            GVariant  *kwargs,
                            gpointer   user_data,
                            GError   **error)
{
  int fd = open ("/dev/null", O_RDONLY | O_CLOEXEC);

  limit (RLIMIT_NOFILE, fd);
  close (fd);
  fd = open ("/dev/null", O_RDONLY | O_CLOEXEC);
  while (fd >= 0)
    fd = open ("/dev/null", O_RDONLY | O_CLOEXEC);
  return return_bytes (args, kwargs, user_data, error);
}

typedef struct
{
  const char *path;
  PcallFunc   func;
  guint       n_mapped; /* of a result of 1 MiB - 3 and one of 1 MiB - 2 */
} Shortage;

static const Shortage shortages[] = {
  { "/large/no-memory/file-size", return_with_small_files, 1 },
  { "/large/no-memory/descriptors", return_with_no_descriptors, 0 },
};

static void
test_shortage (gconstpointer data)
{
  static const gsize two[] = { MIB - 3, MIB - 2 };
  const Shortage *shortage = data;
  g_autofree char *before = traces_take ();
  PcallTask *task = new_task (shortage->func, NULL, two, G_N_ELEMENTS (two));

  pcall_task_set_log_mode (task, PCALL_LOG_MODE_INHERIT);
  run (task);
  g_assert_cmpuint (count_mappings (), ==, shortage->n_mapped);
  assert_result (task, 0, two[0]);
  assert_result (task, 1, two[1]);
  g_assert_finalize_object (task);
  traces_assert_back (before);
}

/* Messages */

#define N_MESSAGES 100

static GVariant *
send_messages (GVariant  *args,
               GVariant  *kwargs,
               gpointer   user_data,
               GError   **error)
{
  for (guint i = 0; i < N_MESSAGES; i++)
    pcall_send_message (new_bytes (64 * KIB + 1000 * i));
  return g_variant_new_uint32 (N_MESSAGES);
}

static void
take_message (PcallTask *task,
              PcallCall *call,
              GVariant  *message,
              guint     *n)
{
  assert_bytes (message, 64 * KIB + 1000 * *n);
  ++*n;
}

/* The child is far ahead in the beginning, and waits then. */
static void
test_messages (void)
{
  g_autofree char *before = traces_take ();
  PcallTask *task = pcall_task_new_for_func (send_messages, NULL, NULL);
  guint n = 0;

  g_signal_connect (task, "call-message", G_CALLBACK (take_message), &n);
  run (task);
  g_assert_cmpuint (n, ==, N_MESSAGES);
  g_assert_cmpuint (count_mappings (), ==, 0);
  g_assert_finalize_object (task);
  traces_assert_back (before);
}

/* Ends */

typedef struct
{
  int gate[2];
} Gated;

static GVariant *
return_at_gate (GVariant  *args,
                GVariant  *kwargs,
                gpointer   user_data,
                GError   **error)
{
  Gated *self = user_data;
  GVariant *bytes = return_bytes (args, kwargs, NULL, error);

  if (write (self->gate[1], "-", 1) != 1)
    _exit (88);
  return bytes;
}

/* A child is killed while it sends, at some moment: then it has crashed, or its result is there. */
static void
kill_in_sending (guint round,
                 guint *n_crashed)
{
  g_autoptr (GError) error = NULL;
  const gsize size = 4 * MIB;
  Gated gated;
  PcallTask *task = new_task (return_at_gate, &gated, &size, 1);
  g_autoptr (PcallCall) call = NULL;
  char byte;

  g_assert_no_errno (pipe2 (gated.gate, O_CLOEXEC));
  g_assert_true (pcall_task_start (task, &error));
  while (!pcall_task_join (task, 0, NULL, NULL) && pcall_task_get_n_finished (task) == 0 &&
         pcall_task_get_n_calls (task) == 1)
    {
      struct timespec pause = { 0, 37000 * (round % 64) };

      call = pcall_task_dup_call (task, 0);
      if (pcall_call_get_pid (call) == 0)
        continue;
      g_assert_cmpint (read (gated.gate[0], &byte, 1), ==, 1);
      nanosleep (&pause, NULL); /* to be at another place each round */
      kill (pcall_call_get_pid (call), SIGKILL);
      break;
    }
  pcall_task_join (task, TEST_LIMIT, NULL, &error);

  if (error == NULL)
    assert_result (task, 0, size);
  else
    g_assert_error (error, PCALL_ERROR, PCALL_ERROR_CRASHED);
  *n_crashed += error != NULL;
  g_clear_object (&call);
  g_assert_finalize_object (task);
  close (gated.gate[0]);
  close (gated.gate[1]);
}

static void
test_killed (void)
{
  const guint n_rounds = traces_rounds (200, 5000);
  g_autofree char *before = traces_take ();
  guint n_crashed = 0;

  for (guint round = 0; round < n_rounds; round++)
    kill_in_sending (round, &n_crashed);
  g_test_message ("%u of %u crashed", n_crashed, n_rounds);
  g_assert_cmpuint (n_crashed, >, 0);
  g_assert_cmpuint (count_mappings (), ==, 0);
  traces_assert_back (before);
}

/* Nobody looks: what came is freed with the task. */
static void
test_dropped (void)
{
  g_autofree char *before = traces_take ();
  static const gsize some[] = { MIB, 64 * KIB, 8 * MIB };

  for (guint i = 0; i < 20; i++)
    {
      PcallTask *task = new_task (return_bytes, NULL, some, G_N_ELEMENTS (some));

      g_assert_true (pcall_task_start (task, NULL));
      while (pcall_task_get_n_finished (task) < i % 3)
        pcall_task_join (task, 0.001, NULL, NULL);
      g_assert_finalize_object (task);
    }
  traces_assert_back (before);
  g_assert_cmpuint (count_mappings (), ==, 0);
}

/* The parent has no descriptor left when the memory comes. */
static void
use_up_descriptors (PcallTask     *task,
                    PcallCall     *call,
                    struct rlimit *saved)
{
  int next = open ("/dev/null", O_RDONLY | O_CLOEXEC);
  struct rlimit none = { next, saved->rlim_max };

  close (next);
  g_assert_no_errno (setrlimit (RLIMIT_NOFILE, &none));
}

static void
test_parent_without_descriptors (void)
{
  g_autofree char *before = traces_take ();
  g_autoptr (GError) error = NULL;
  const gsize size = MIB;
  PcallTask *task = new_task (return_bytes, NULL, &size, 1);
  struct rlimit saved;

  g_assert_no_errno (getrlimit (RLIMIT_NOFILE, &saved));
  g_signal_connect (task, "call-started", G_CALLBACK (use_up_descriptors), &saved);
  g_assert_true (pcall_task_start (task, &error));
  pcall_task_join (task, TEST_LIMIT, NULL, &error);
  g_assert_no_errno (setrlimit (RLIMIT_NOFILE, &saved));

  g_assert_error (error, PCALL_ERROR, PCALL_ERROR_PROTOCOL);
  g_assert_nonnull (strstr (error->message, "RLIMIT_NOFILE"));
  g_assert_finalize_object (task);
  traces_assert_back (before);
}

/* As many children as there are descriptors for: one is left for what they send, since starting
 * another child would take more. */
static void
run_in_crowd (int n_descriptors)
{
  gsize many[100];
  struct rlimit saved;
  struct rlimit few;
  PcallTask *task;

  for (guint i = 0; i < G_N_ELEMENTS (many); i++)
    many[i] = 100 * KIB + i;
  task = new_task (return_bytes, NULL, many, G_N_ELEMENTS (many));
  pcall_task_set_max_children (task, G_N_ELEMENTS (many));

  g_assert_no_errno (getrlimit (RLIMIT_NOFILE, &saved));
  few = (struct rlimit) { n_descriptors, saved.rlim_max };
  g_assert_no_errno (setrlimit (RLIMIT_NOFILE, &few));
  run (task);
  g_assert_no_errno (setrlimit (RLIMIT_NOFILE, &saved));

  for (guint i = 0; i < G_N_ELEMENTS (many); i++)
    assert_result (task, i, many[i]);
  g_assert_finalize_object (task);
}

static void
test_crowded (void)
{
  g_autofree char *before = traces_take ();
  int next = open ("/dev/null", O_RDONLY | O_CLOEXEC);

  close (next);
  for (int room = 30; room < 34; room++)
    run_in_crowd (next + room);
  traces_assert_back (before);
}

int
main (int   argc,
      char *argv[])
{
  g_test_init (&argc, &argv, NULL);
  traces_begin ();

  g_test_add_data_func ("/large/sizes/fork", GUINT_TO_POINTER (1), test_sizes);
  g_test_add_data_func ("/large/sizes/series", GUINT_TO_POINTER (0), test_sizes);
  g_test_add_func ("/large/sizes/worker", test_sizes_of_worker);
  g_test_add_func ("/large/256-mib", test_256_mib);
  g_test_add_func ("/large/structure", test_structure);
  g_test_add_func ("/large/error", test_error);
  g_test_add_func ("/large/outlives-task", test_outlives_task);
  g_test_add_data_func ("/large/copies/mapped", GSIZE_TO_POINTER (MIB), test_copies);
  g_test_add_data_func ("/large/copies/small", GSIZE_TO_POINTER (1000), test_copies);
  g_test_add_func ("/large/copies/none", test_no_copy);
  g_test_add_data_func ("/large/memory/fork", GUINT_TO_POINTER (1), test_memory_of_bindings);
  g_test_add_data_func ("/large/memory/series", GUINT_TO_POINTER (0), test_memory_of_bindings);
  g_test_add_func ("/large/memory/none", test_no_memory_of_bindings);
  for (guint i = 0; i < G_N_ELEMENTS (shortages); i++)
    g_test_add_data_func (shortages[i].path, &shortages[i], test_shortage);
  g_test_add_func ("/large/messages", test_messages);
  g_test_add_func ("/large/killed", test_killed);
  g_test_add_func ("/large/dropped", test_dropped);
  g_test_add_func ("/large/crowded", test_crowded);
  g_test_add_func ("/large/parent-without-descriptors", test_parent_without_descriptors);

  return g_test_run ();
}
