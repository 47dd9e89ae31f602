/*
 * SPDX-FileCopyrightText: 2026 The pcall authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

/* What bindings for other languages use: targets that return bytes, one result or many of them at
 * once, and forks between hooks. */

#include <gio/gio.h>
#include <gio/gunixfdlist.h>
#include <unistd.h>

#include "first-task.h"
#include "task-support.h"

static const char *const words[] = { "first", "", "third" };

static GBytes *
return_word (guint index, GVariant **value, gpointer user_data, GError **error)
{
  const char *const *list = user_data;

  return g_bytes_new (list[index], strlen (list[index]));
}

static PcallTask *
new_bytes_task (PcallBytesFunc func, gpointer user_data, guint n_calls)
{
  g_autoptr (PcallTarget) target = pcall_target_new_for_bytes ("word", func, user_data, NULL);
  PcallTask *task = pcall_task_new (target);

  pcall_task_set_n_calls (task, n_calls);
  return task;
}

static void
assert_data (PcallTask *task, guint index, const char *expected)
{
  gsize length = 99;
  const guint8 *data = pcall_task_get_result_data (task, index, &length);

  if (expected == NULL)
    {
      g_assert_null (data);
      g_assert_cmpuint (length, ==, 0);
    }
  else
    {
      g_assert_nonnull (data);
      g_assert_cmpmem (data, length, expected, strlen (expected));
    }
}

static void
test_bytes (void)
{
  PcallTask *task = new_bytes_task (return_word, (gpointer) words, G_N_ELEMENTS (words));
  g_autoptr (GError) error = NULL;

  g_assert_true (pcall_task_start (task, &error));
  g_assert_no_error (error);
  g_assert_true (pcall_task_join (task, -1, NULL, &error));
  for (guint i = 0; i < G_N_ELEMENTS (words); i++)
    {
      g_autoptr (PcallCall) call = pcall_task_dup_call (task, i);
      g_autoptr (GVariant) result = pcall_call_dup_result (call);

      assert_data (task, i, words[i]);
      g_assert_cmpstr (g_variant_get_type_string (result), ==, "ay");
      g_assert_cmpuint (g_variant_get_size (result), ==, strlen (words[i]));
    }

  g_assert_finalize_object (task);
}

static void
assert_gave_nothing (PcallTask *task, guint index)
{
  g_autoptr (GError) error = support_error (task, index);
  g_autofree char *message =
      g_strdup_printf ("call %u: its function came back with neither a result nor an error", index);

  g_assert_cmpint (support_state (task, index), ==, PCALL_CALL_STATE_FAILED);
  g_assert_error (error, PCALL_ERROR, PCALL_ERROR_FAILED);
  g_assert_cmpstr (error->message, ==, message);
}

static GBytes *
return_other (guint index, GVariant **value, gpointer user_data, GError **error)
{
  static const char *const others[] = { "5", "'bytes'", "[b'aay']", "(byte 1,)", "<@ay [1]>" };

  g_assert_null (*value);
  if (index == G_N_ELEMENTS (others))
    g_set_error (error, G_IO_ERROR, G_IO_ERROR_BUSY, "no value");
  else if (index < G_N_ELEMENTS (others))
    *value = g_variant_new_parsed (others[index]);
  return NULL;
}

/* What is not bytes is a value like any other; and neither, with no error, is a failure: so comes
 * back the function of a language in which something was thrown that could not be told. */
static void
test_other_than_bytes (void)
{
  PcallTask *task = new_bytes_task (return_other, NULL, 7);
  g_autoptr (PcallCall) call = NULL;
  g_autoptr (GVariant) result = NULL;
  g_autoptr (GError) error = NULL;

  g_assert_true (pcall_task_start (task, &error));
  g_assert_false (pcall_task_join (task, -1, NULL, &error));
  g_assert_error (error, G_IO_ERROR, G_IO_ERROR_BUSY);
  for (guint i = 0; i < 7; i++)
    assert_data (task, i, NULL);

  call = pcall_task_dup_call (task, 0);
  result = pcall_call_dup_result (call);
  g_assert_cmpint (g_variant_get_int32 (result), ==, 5);
  g_clear_object (&call);
  g_clear_pointer (&result, g_variant_unref);

  assert_gave_nothing (task, 6);

  g_assert_finalize_object (task);
}

static void
count_destroyed (gpointer data)
{
  ++*(guint *) data;
}

static void
test_destroy (void)
{
  guint n_destroyed = 0;
  PcallTarget *target =
      pcall_target_new_for_bytes (NULL, return_other, &n_destroyed, count_destroyed);

  g_assert_null (pcall_target_get_name (target));
  g_assert_finalize_object (target);
  g_assert_cmpuint (n_destroyed, ==, 1);
}

/* The order in which hooks were called, a letter each, in this process. */
static GString *trail;

static gint
enter (void)
{
  g_string_append_c (trail, 'e');
  return 7;
}

static void
before (void)
{
  g_string_append_c (trail, 'b');
}

static void
after_in_parent (void)
{
  g_string_append_c (trail, 'p');
}

static void
after_in_child (void)
{
  g_string_append_c (trail, 'c');
}

static void
leave (gint state)
{
  g_string_append_c (trail, state == 7 ? 'l' : '?');
}

static GVariant *
return_trail (GVariant *args, GVariant *kwargs, gpointer user_data, GError **error)
{
  return g_variant_new_string (trail->str);
}

static void
test_hooks (void)
{
  const PcallForkHooks hooks = { enter, before, after_in_parent, after_in_child, leave };
  PcallTask *task = pcall_task_new_for_func (return_trail, NULL, NULL);

  trail = g_string_new (NULL);
  pcall_set_fork_hooks (&hooks);
  support_run (task, "[<'ebcl'>]");
  g_assert_cmpstr (trail->str, ==, "ebpl");
  g_assert_finalize_object (task);

  task = pcall_task_new_for_func (return_trail, NULL, NULL);
  pcall_set_fork_hooks (NULL);
  support_run (task, "[<'ebpl'>]");
  g_assert_cmpstr (trail->str, ==, "ebpl");
  g_assert_finalize_object (task);
  g_string_free (g_steal_pointer (&trail), TRUE);
}

static gint
fork_alone (gpointer user_data)
{
  return fork ();
}

/* Whoever takes his own function back leaves the runtime what it needs. */
static void
test_hooks_come_back (void)
{
  const PcallForkHooks hooks = { enter, before, after_in_parent, after_in_child, leave };
  PcallTask *task = pcall_task_new_for_func (return_trail, NULL, NULL);

  trail = g_string_new (NULL);
  pcall_set_fork_hooks (&hooks);
  pcall_set_fork_func (fork_alone, NULL, NULL);
  support_run (task, "[<''>]");
  g_assert_finalize_object (task);

  task = pcall_task_new_for_func (return_trail, NULL, NULL);
  pcall_set_fork_func (NULL, NULL, NULL);
  support_run (task, "[<'ebcl'>]");
  pcall_set_fork_hooks (NULL);
  g_assert_finalize_object (task);
  g_string_free (g_steal_pointer (&trail), TRUE);
}

static void
test_no_hooks (void)
{
  const PcallForkHooks hooks = { .before = NULL };
  PcallTask *task = pcall_task_new_for_func (return_trail, NULL, NULL);

  trail = g_string_new ("none");
  pcall_set_fork_hooks (&hooks);
  support_run (task, "[<'none'>]");
  pcall_set_fork_hooks (NULL);
  g_assert_finalize_object (task);
  g_string_free (g_steal_pointer (&trail), TRUE);
}

static gint
come_back (gpointer user_data)
{
  return 0;
}

/* What a language's function comes back with after it threw: then this is the parent, who must
 * not take itself for a child. */
static void
test_fork_func_that_does_not_fork (void)
{
  PcallTask *task = pcall_task_new_for_func (return_trail, NULL, NULL);
  g_autoptr (GError) error = NULL;
  pid_t pid = getpid ();

  pcall_set_fork_func (come_back, NULL, NULL);
  g_assert_false (pcall_task_start (task, &error));
  g_assert_error (error, PCALL_ERROR, PCALL_ERROR_START);
  g_assert_nonnull (strstr (error->message, g_strerror (ECANCELED)));
  g_assert_cmpint (getpid (), ==, pid);
  pcall_set_fork_func (NULL, NULL, NULL);

  g_assert_finalize_object (task);
}

/* Batches */

#define N_BATCHED 1000

/* How calls end, by their last two digits; others have three times their index. */
#define FAILS 50
#define LOSES_ERROR 55
#define GIVES_BYTES 60
#define GIVES_VALUE 70
#define COMES_BACK 80

typedef struct
{
  char type; /* of what goes into the batch */
} Batched;

static void
put (const Batched *self, guint64 *memory, guint n_calls, guint position, guint index)
{
  guint64 *cells = memory + 8;
  guint64 end = position > 0 ? cells[position - 1] : 0;

  memory[1] = (guint8) self->type;
  if (self->type == 'p')
    {
      memcpy ((guint8 *) (cells + n_calls) + end, &index, sizeof index);
      cells[position] = end + sizeof index;
    }
  else
    {
      cells[position] = 3 * index;
    }
}

static guint
run_batch (guint      first,
           guint      n_calls,
           GBytes   **bytes,
           GVariant **value,
           gpointer   user_data,
           GError   **error)
{
  guint n_room, n_bytes, n;
  guint64 *memory = (guint64 *) (guintptr) pcall_get_batch_memory (&n_room, &n_bytes);

  g_assert_nonnull (memory);
  g_assert_cmpuint (n_calls, >, 0);
  g_assert_cmpuint (n_calls, <=, n_room);
  for (n = 0; n < n_calls; n++)
    {
      guint index = first + n;

      memory[0] = n;
      g_assert_cmpuint (pcall_get_call_index (), ==, index);
      if (index % 100 == FAILS)
        g_set_error (error, PCALL_ERROR, PCALL_ERROR_FAILED, "failed at %u", index);
      else if (index % 100 == LOSES_ERROR)
        return 0;
      else if (index % 100 == GIVES_BYTES)
        *bytes = g_bytes_new ("bytes", 5);
      else if (index % 100 == GIVES_VALUE)
        *value = g_variant_new_string ("value");
      else
        {
          put (user_data, memory, n_room, n, index);
          if (index % 100 != COMES_BACK)
            continue;
          n++;
        }
      break;
    }
  return n;
}

static GBytes *
run_alone (guint index, GVariant **value, gpointer user_data, GError **error)
{
  *value = g_variant_new_uint32 (index);
  return NULL;
}

static PcallTask *
new_batch_task (Batched *batched)
{
  g_autoptr (PcallTarget) target = pcall_target_new_for_bytes ("batch", run_alone, batched, NULL);
  PcallTask *task;

  pcall_target_set_batch_func (target, run_batch, batched, NULL);
  task = pcall_task_new (target);
  pcall_task_set_n_calls (task, N_BATCHED);
  pcall_task_set_calls_per_child (task, 0);
  pcall_task_set_max_children (task, 2);
  return task;
}

static void
assert_batched (PcallTask *task, const Batched *batched, guint index)
{
  g_autoptr (PcallCall) call = pcall_task_dup_call (task, index);
  g_autoptr (GVariant) result = pcall_call_dup_result (call);
  g_autoptr (GError) error = pcall_call_dup_error (call);
  g_autofree char *text = result != NULL ? g_variant_print (result, TRUE) : NULL;
  g_autofree char *expected = g_strdup_printf ("@mx %u", 3 * index);
  g_autofree char *failure = g_strdup_printf ("failed at %u", index);
  g_autofree char *lost = g_strdup_printf (
      "call %u: its function came back with neither a result nor an error", index);

  if (index % 100 == FAILS)
    g_assert_cmpstr (error->message, ==, failure);
  else if (index % 100 == LOSES_ERROR)
    g_assert_cmpstr (error->message, ==, lost);
  else if (index % 100 == GIVES_BYTES)
    assert_data (task, index, "bytes");
  else if (index % 100 == GIVES_VALUE)
    g_assert_cmpstr (text, ==, "'value'");
  else if (batched->type == 'X')
    g_assert_cmpstr (text, ==, expected);
  else
    {
      gsize length;
      const guint8 *data = pcall_task_get_result_data (task, index, &length);

      g_assert_cmpmem (data, length, &index, sizeof index);
    }
}

static void
test_batches (void)
{
  static const char types[] = { 'X', 'p' };

  for (gsize i = 0; i < G_N_ELEMENTS (types); i++)
    {
      Batched batched = { types[i] };
      PcallTask *task = new_batch_task (&batched);
      g_autoptr (GError) error = NULL;

      g_assert_true (pcall_task_start (task, &error));
      pcall_task_join (task, SUPPORT_LIMIT_S, NULL, NULL);
      g_assert_cmpuint (pcall_task_get_n_failed (task), ==, 2 * N_BATCHED / 100);
      for (guint k = 0; k < N_BATCHED; k++)
        assert_batched (task, &batched, k);
      g_assert_finalize_object (task);
    }
}

/* A function that gives nothing for some calls, and what it has for them: only memory is a
 * result. */
#define N_LACKING 200

typedef enum
{
  GIVES_NOTHING = 10,
  GIVES_HANDLES = 20,
  GIVES_MEMORY = 30,
} Lack;

static void
give_nothing (guint index)
{
  if (index % 100 == GIVES_HANDLES)
    {
      g_autoptr (GUnixFDList) handles = g_unix_fd_list_new ();

      g_assert_cmpint (g_unix_fd_list_append (handles, STDIN_FILENO, NULL), ==, 0);
      pcall_set_result_fd_list (handles);
    }
  if (index % 100 == GIVES_MEMORY)
    {
      int fd = memfd_create ("result", MFD_CLOEXEC | MFD_ALLOW_SEALING);

      g_assert_cmpint (write (fd, "memory", 6), ==, 6);
      g_assert_true (pcall_set_result_memory (fd, NULL));
      close (fd);
    }
}

static gboolean
lacks_result (guint index)
{
  return index % 100 == GIVES_NOTHING || index % 100 == GIVES_HANDLES || index % 100 == GIVES_MEMORY;
}

static GBytes *
lack_alone (guint index, GVariant **value, gpointer user_data, GError **error)
{
  if (!lacks_result (index))
    *value = g_variant_new ("mx", TRUE, (gint64) (3 * index));
  else
    give_nothing (index);
  return NULL;
}

/* It comes back from the middle of a call as a language's closure does after an exception: with
 * nothing, not even the number of calls that have ended. */
static guint
lack_in_batch (guint      first,
               guint      n_calls,
               GBytes   **bytes,
               GVariant **value,
               gpointer   user_data,
               GError   **error)
{
  guint n_room, n_bytes, n;
  guint64 *memory = (guint64 *) (guintptr) pcall_get_batch_memory (&n_room, &n_bytes);
  static const Batched batched = { 'X' };

  for (n = 0; n < n_calls && !lacks_result (first + n); n++)
    {
      memory[0] = n;
      put (&batched, memory, n_room, n, first + n);
      ++*(guint *) user_data;
    }
  memory[0] = n;
  if (n == n_calls)
    return n;
  give_nothing (first + n);
  return (first + n) % 100 == GIVES_MEMORY ? n : 0;
}

static void
assert_lacking (PcallTask *task)
{
  pcall_task_join (task, SUPPORT_LIMIT_S, NULL, NULL);
  g_assert_cmpuint (pcall_task_get_n_failed (task), ==, 2 * N_LACKING / 100);
  for (guint i = 0; i < N_LACKING; i++)
    {
      g_autofree char *expected = g_strdup_printf ("@mx %u", 3 * i);

      if (i % 100 == GIVES_MEMORY)
        support_assert_result (task, i, "@(ay) ([0x6d, 0x65, 0x6d, 0x6f, 0x72, 0x79],)");
      else if (lacks_result (i))
        assert_gave_nothing (task, i);
      else
        support_assert_result (task, i, expected);
    }
}

/* No call is taken for one that returned no value, and none is run twice. */
static void
test_nothing (void)
{
  static const guint calls_per_child[] = { 1, 7, 0 };
  guint *n_run = support_share ();

  for (gsize i = 0; i < 2 * G_N_ELEMENTS (calls_per_child); i++)
    {
      gboolean in_batches = i % 2 == 1;
      g_autoptr (PcallTarget) target =
          pcall_target_new_for_bytes ("lack", lack_alone, NULL, NULL);
      g_autoptr (PcallTask) task = pcall_task_new (target);

      *n_run = 0;
      if (in_batches)
        pcall_target_set_batch_func (target, lack_in_batch, n_run, NULL);
      pcall_task_set_n_calls (task, N_LACKING);
      pcall_task_set_max_children (task, 1);
      pcall_task_set_calls_per_child (task, calls_per_child[i / 2]);
      g_assert_true (pcall_task_start (task, NULL));
      assert_lacking (task);
      if (*n_run > 0)
        g_assert_cmpuint (*n_run, ==, N_LACKING - 3 * N_LACKING / 100);
    }
  support_unshare (n_run);
}

/* Many results at once: as many in a row as are alike. */
static void
test_results_in_a_row (void)
{
  Batched batched = { 'X' };
  PcallTask *task = new_batch_task (&batched);
  g_autoptr (GBytes) numbers = NULL;
  g_autoptr (GBytes) pieces = NULL;
  const guint64 *words_of_pieces;
  guint8 type = 1;
  gsize length;

  g_assert_true (pcall_task_start (task, NULL));
  pcall_task_join (task, SUPPORT_LIMIT_S, NULL, NULL);

  numbers = pcall_task_dup_result_numbers (task, 10, &type);
  g_assert_cmpuint (type, ==, 'X');
  g_assert_cmpuint (g_bytes_get_size (numbers), ==, (FAILS - 10) * sizeof (guint64));
  for (guint i = 10; i < FAILS; i++)
    g_assert_cmpuint (((const guint64 *) g_bytes_get_data (numbers, NULL))[i - 10], ==, 3 * i);
  g_assert_null (pcall_task_dup_result_numbers (task, FAILS, &type));
  g_assert_null (pcall_task_dup_result_numbers (task, GIVES_BYTES, &type));

  pieces = pcall_task_dup_result_pieces (task, GIVES_BYTES);
  words_of_pieces = g_bytes_get_data (pieces, &length);
  g_assert_cmpuint (length, ==, 2 * sizeof (guint64) + 5);
  g_assert_cmpuint (words_of_pieces[0], ==, 1);
  g_assert_cmpuint (words_of_pieces[1], ==, 5);
  g_assert_cmpmem (words_of_pieces + 2, 5, "bytes", 5);
  g_assert_null (pcall_task_dup_result_pieces (task, 0));
  g_assert_null (pcall_task_dup_result_pieces (task, FAILS));
  g_assert_finalize_object (task);
}

/* Calls that have a time limit are run one by one, by the target's own function. */
static void
test_no_batches (void)
{
  Batched batched = { 'X' };
  PcallTask *task = new_batch_task (&batched);
  g_autoptr (GVariant) results = NULL;

  pcall_task_set_timeout (task, SUPPORT_LIMIT_S);
  results = pcall_task_run (task, NULL, NULL);
  g_assert_cmpuint (g_variant_n_children (results), ==, N_BATCHED);
  for (guint i = 0; i < N_BATCHED; i++)
    {
      g_autoptr (GVariant) result = NULL;

      g_variant_get_child (results, i, "v", &result);
      g_assert_cmpuint (g_variant_get_uint32 (result), ==, i);
    }
  g_assert_finalize_object (task);
}

static void
test_no_batch_memory (void)
{
  guint n_calls = 1, n_bytes = 1;

  g_assert_cmpuint (pcall_get_batch_memory (&n_calls, &n_bytes), ==, 0);
  g_assert_cmpuint (n_calls, ==, 0);
  g_assert_cmpuint (n_bytes, ==, 0);
}

int
main (int argc, char *argv[])
{
  g_test_init (&argc, &argv, NULL);
  run_first_task ();

  support_add ("/pcall/bindings/bytes", test_bytes);
  support_add ("/pcall/bindings/other-than-bytes", test_other_than_bytes);
  support_add ("/pcall/bindings/destroy", test_destroy);
  support_add ("/pcall/bindings/nothing", test_nothing);
  support_add ("/pcall/bindings/batches", test_batches);
  support_add ("/pcall/bindings/results-in-a-row", test_results_in_a_row);
  support_add ("/pcall/bindings/no-batches", test_no_batches);
  support_add ("/pcall/bindings/no-batch-memory", test_no_batch_memory);
  support_add ("/pcall/bindings/hooks", test_hooks);
  support_add ("/pcall/bindings/hooks-come-back", test_hooks_come_back);
  support_add ("/pcall/bindings/no-hooks", test_no_hooks);
  support_add ("/pcall/bindings/fork-func-that-does-not-fork", test_fork_func_that_does_not_fork);

  return g_test_run ();
}
