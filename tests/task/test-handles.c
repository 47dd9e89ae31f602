/*
 * SPDX-FileCopyrightText: 2026 The pcall authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

/* Results and messages that carry descriptors: they arrive as they were, are closed with what they
 * came with, and are closed where nobody gets them. */

#include <fcntl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "spawn-support.h"
#include "tally.h"
#include "traces.h"

#define LIMIT 252

/* In children */

/* A pipe that @word was written to: its end to read from goes into @list. */
static void
append_pipe (GUnixFDList *list,
             const char  *word)
{
  int fds[2];

  if (pipe2 (fds, O_CLOEXEC) < 0 || write (fds[1], word, strlen (word)) < 0 ||
      g_unix_fd_list_append (list, fds[0], NULL) < 0)
    _exit (88);
  close (fds[0]);
  close (fds[1]);
}

static GUnixFDList *
new_list (guint n)
{
  GUnixFDList *list = g_unix_fd_list_new ();

  for (guint i = 0; i < n; i++)
    {
      g_autofree char *word = g_strdup_printf ("%u", i);

      append_pipe (list, word);
    }
  return list;
}

static GVariant *
return_handles (GVariant  *args,
                GVariant  *kwargs,
                gpointer   user_data,
                GError   **error)
{
  guint n = GPOINTER_TO_UINT (user_data);
  g_autoptr (GUnixFDList) list = new_list (n);

  pcall_set_result_fd_list (list);
  return g_variant_new ("(hu)", (gint32) n - 1, pcall_get_call_index ());
}

/* In the parent */

static void
assert_word (GUnixFDList *list,
             gint         index,
             const char  *word)
{
  g_autoptr (GError) error = NULL;
  int own_fd = g_unix_fd_list_peek_fds (list, NULL)[index];
  int fd = g_unix_fd_list_get (list, index, &error);
  char bytes[16] = { 0 };

  g_assert_no_error (error);
  g_assert_cmpint (fcntl (own_fd, F_GETFD) & FD_CLOEXEC, !=, 0);
  g_assert_cmpint (read (fd, bytes, sizeof bytes - 1), ==, strlen (word));
  g_assert_cmpstr (bytes, ==, word);
  g_assert_cmpint (read (fd, bytes, 1), ==, 0); /* nobody holds the other end */
  close (fd);
}

static void
run (PcallTask *task)
{
  g_autoptr (Tally) tally = tally_new (task);
  g_autoptr (GError) error = NULL;

  pcall_task_start (task, &error);
  g_assert_no_error (error);
  g_assert_true (pcall_task_join (task, TEST_LIMIT, NULL, &error));
  g_assert_no_error (error);
  tally_assert_complete (tally);
  tally_remove_logs (tally);
}

static GUnixFDList *
get_list (PcallTask *task,
          guint      index)
{
  g_autoptr (PcallCall) call = pcall_task_dup_call (task, index);

  return pcall_call_dup_result_fd_list (call);
}

/* Results */

static void
test_result (gconstpointer data)
{
  guint n = GPOINTER_TO_UINT (data);
  g_autofree char *before = traces_take ();
  PcallTask *task = pcall_task_new_for_func (return_handles, GUINT_TO_POINTER (n), NULL);
  g_autoptr (GUnixFDList) list = NULL;
  g_autoptr (GUnixFDList) again = NULL;

  run (task);
  support_assert_result (task, 0, n == 1 ? "(handle 0, uint32 0)" : "(handle 251, uint32 0)");
  list = get_list (task, 0);
  again = get_list (task, 0);
  g_assert_true (list == again);
  g_assert_cmpint (g_unix_fd_list_get_length (list), ==, n);
  g_assert_finalize_object (task);
  g_clear_object (&again);

  for (guint i = 0; i < n; i++)
    {
      g_autofree char *word = g_strdup_printf ("%u", i);

      assert_word (list, (gint) i, word);
    }
  g_assert_finalize_object (g_steal_pointer (&list));
  traces_assert_back (before);
}

static void
test_too_many (void)
{
  g_autofree char *before = traces_take ();
  PcallTask *task = pcall_task_new_for_func (return_handles, GUINT_TO_POINTER (LIMIT + 1), NULL);
  g_autoptr (GError) error = NULL;

  g_assert_null (pcall_task_run (task, NULL, &error));
  g_assert_error (error, PCALL_ERROR, PCALL_ERROR_FAILED);
  g_assert_cmpstr (error->message, ==,
                   "call 0: the 253 descriptors of its result could not be sent: there can be 252 "
                   "at the most");
  g_assert_finalize_object (task);
  traces_assert_back (before);
}

static void
test_not_looked_at (void)
{
  g_autofree char *before = traces_take ();
  PcallTask *task = pcall_task_new_for_func (return_handles, GUINT_TO_POINTER (5), NULL);

  pcall_task_set_n_calls (task, 10);
  run (task);
  g_assert_finalize_object (task);
  traces_assert_back (before);
}

static void
test_stolen (void)
{
  g_autofree char *before = traces_take ();
  PcallTask *task = pcall_task_new_for_func (return_handles, GUINT_TO_POINTER (2), NULL);
  g_autofree gint *fds = NULL;
  g_autoptr (GUnixFDList) list = NULL;
  gint n;

  run (task);
  list = get_list (task, 0);
  fds = g_unix_fd_list_steal_fds (list, &n);
  g_assert_cmpint (n, ==, 2);
  g_assert_cmpint (g_unix_fd_list_get_length (list), ==, 0);
  g_clear_object (&list);
  g_assert_finalize_object (task);
  for (gint i = 0; i < n; i++)
    g_assert_no_errno (close (fds[i]));
  traces_assert_back (before);
}

/* Every other call has some: in a child that runs many, none is left over from the one before. */
static GVariant *
return_handles_sometimes (GVariant  *args,
                          GVariant  *kwargs,
                          gpointer   user_data,
                          GError   **error)
{
  guint index = pcall_get_call_index ();
  g_autoptr (GUnixFDList) list = new_list (1);

  if (index % 2 == 0)
    pcall_set_result_fd_list (list);
  if (index % 4 == 2)
    pcall_set_result_fd_list (NULL);
  if (index % 8 == 4)
    g_set_error_literal (error, G_IO_ERROR, G_IO_ERROR_BUSY, "not this one");
  return index % 8 == 4 ? NULL : g_variant_new_uint32 (index);
}

static void
test_some (gconstpointer data)
{
  g_autofree char *before = traces_take ();
  PcallTask *task = pcall_task_new_for_func (return_handles_sometimes, NULL, NULL);
  g_autoptr (GError) error = NULL;

  pcall_task_set_n_calls (task, 40);
  pcall_task_set_calls_per_child (task, GPOINTER_TO_UINT (data));
  g_assert_null (pcall_task_run (task, NULL, &error));
  g_assert_error (error, G_IO_ERROR, G_IO_ERROR_BUSY);
  for (guint i = 0; i < 40; i++)
    {
      g_autoptr (GUnixFDList) list = get_list (task, i);

      g_assert_cmpint (list != NULL, ==, i % 8 == 0);
      if (list != NULL)
        assert_word (list, 0, "0");
      if (i % 8 != 4)
        g_assert_cmpint (support_state (task, i), ==, PCALL_CALL_STATE_SUCCEEDED);
    }
  g_assert_finalize_object (task);
  traces_assert_back (before);
}

static void
test_worker (void)
{
  g_autofree char *before = traces_take ();
  PcallTask *task = symbol_task ("return_handle", 20);

  run (task);
  for (guint i = 0; i < 20; i++)
    {
      g_autoptr (GUnixFDList) list = get_list (task, i);

      support_assert_result (task, i, "handle 0");
      assert_word (list, 0, "worker");
    }
  g_assert_finalize_object (task);
  traces_assert_back (before);
}

/* A large result, and handles with it */
static GVariant *
return_large (GVariant  *args,
              GVariant  *kwargs,
              gpointer   user_data,
              GError   **error)
{
  g_autoptr (GUnixFDList) list = new_list (GPOINTER_TO_UINT (user_data));
  g_autofree char *text = g_strnfill (1 << 20, 'x');

  pcall_set_result_fd_list (list);
  return g_variant_new ("(hs)", 0, text);
}

static void
test_large (void)
{
  g_autofree char *before = traces_take ();
  PcallTask *task = pcall_task_new_for_func (return_large, GUINT_TO_POINTER (LIMIT), NULL);
  g_autoptr (PcallCall) call = NULL;
  g_autoptr (GVariant) result = NULL;
  g_autoptr (GUnixFDList) list = NULL;
  const char *text;

  run (task);
  call = pcall_task_dup_call (task, 0);
  result = pcall_call_dup_result (call);
  g_variant_get (result, "(h&s)", NULL, &text);
  g_assert_cmpuint (strlen (text), ==, 1 << 20);
  list = pcall_call_dup_result_fd_list (call);
  g_assert_cmpint (g_unix_fd_list_get_length (list), ==, LIMIT);
  assert_word (list, LIMIT - 1, "251");
  g_clear_object (&list);
  g_clear_object (&call);
  g_assert_finalize_object (task);
  traces_assert_back (before);
}

/* Messages */

static GVariant *
send_all_sorts (GVariant  *args,
                GVariant  *kwargs,
                gpointer   user_data,
                GError   **error)
{
  for (gint i = 0; i < 30; i++)
    {
      g_autoptr (GUnixFDList) list = new_list (i % 3);
      g_autofree char *text = g_strnfill (i % 4 == 3 ? 100000 : 10, 'x');

      if (i % 3 == 0)
        pcall_send_message (g_variant_new ("(is)", i, text));
      else if (!pcall_send_message_with_fd_list (g_variant_new ("(is)", i, text), list, error))
        return NULL;
    }
  return NULL;
}

static void
take_message (PcallTask *task,
              PcallCall *call,
              GVariant  *message,
              gint      *next)
{
  gint32 number;
  const char *text;

  g_variant_get (message, "(i&s)", &number, &text);
  g_assert_cmpint (number, ==, *next);
  g_assert_cmpint (number % 3, ==, 0);
  g_assert_cmpuint (strlen (text), ==, number % 4 == 3 ? 100000 : 10);
  ++*next;
}

static void
take_message_with_fd_list (PcallTask   *task,
                           PcallCall   *call,
                           GVariant    *message,
                           GUnixFDList *list,
                           gint        *next)
{
  gint32 number;

  g_variant_get (message, "(i&s)", &number, NULL);
  g_assert_cmpint (number, ==, *next);
  g_assert_cmpint (g_unix_fd_list_get_length (list), ==, number % 3);
  assert_word (list, 0, "0");
  ++*next;
}

static void
test_messages (gconstpointer data)
{
  g_autofree char *before = traces_take ();
  PcallTask *task = pcall_task_new_for_func (send_all_sorts, NULL, NULL);
  gint next = 0;

  pcall_task_set_calls_per_child (task, GPOINTER_TO_UINT (data));
  g_signal_connect (task, "call-message", G_CALLBACK (take_message), &next);
  g_signal_connect (task, "call-message-with-fd-list", G_CALLBACK (take_message_with_fd_list),
                    &next);
  run (task);
  g_assert_cmpint (next, ==, 30);
  g_assert_finalize_object (task);
  traces_assert_back (before);
}

/* Descriptors of a message that nobody listens to */
static void
test_messages_to_nobody (void)
{
  g_autofree char *before = traces_take ();
  PcallTask *task = pcall_task_new_for_func (send_all_sorts, NULL, NULL);

  run (task);
  g_assert_finalize_object (task);
  traces_assert_back (before);
}

static GVariant *
send_too_many (GVariant  *args,
               GVariant  *kwargs,
               gpointer   user_data,
               GError   **error)
{
  g_autoptr (GUnixFDList) list = new_list (LIMIT + 1);

  if (pcall_send_message_with_fd_list (g_variant_new_uint32 (1), list, error))
    return NULL;
  g_assert_error (*error, PCALL_ERROR, PCALL_ERROR_FAILED);
  g_assert_cmpstr ((*error)->message, ==,
                   "a message can carry 252 descriptors, not 253; send several");
  g_clear_error (error);
  return g_variant_new_string ("refused");
}

static void
test_too_many_of_a_message (void)
{
  PcallTask *task = pcall_task_new_for_func (send_too_many, NULL, NULL);

  run (task);
  support_assert_result (task, 0, "'refused'");
  g_assert_finalize_object (task);
}

/* One is closed behind the list's back: it cannot be sent, and the call goes on. */
static GVariant *
send_closed (GVariant  *args,
             GVariant  *kwargs,
             gpointer   user_data,
             GError   **error)
{
  g_autoptr (GUnixFDList) list = new_list (2);
  int fd = g_unix_fd_list_peek_fds (list, NULL)[1];
  int kept = dup (fd);
  g_autoptr (GError) refused = NULL;

  close (fd);
  if (pcall_send_message_with_fd_list (g_variant_new_uint32 (1), list, &refused))
    return g_variant_new_string ("sent");
  g_assert_error (refused, PCALL_ERROR, PCALL_ERROR_FAILED);
  dup2 (kept, fd);
  pcall_send_message (g_variant_new ("(is)", 0, "xxxxxxxxxx"));
  if (user_data != NULL)
    pcall_set_result_fd_list (list);
  if (user_data != NULL)
    close (fd);
  return g_variant_new_string ("refused");
}

static void
test_closed_of_a_message (void)
{
  g_autofree char *before = traces_take ();
  PcallTask *task = pcall_task_new_for_func (send_closed, NULL, NULL);
  gint next = 0;

  g_signal_connect (task, "call-message", G_CALLBACK (take_message), &next);
  run (task);
  support_assert_result (task, 0, "'refused'");
  g_assert_cmpint (next, ==, 1);
  g_assert_finalize_object (task);
  traces_assert_back (before);
}

static void
test_closed_of_a_result (gconstpointer data)
{
  g_autofree char *before = traces_take ();
  PcallTask *task = pcall_task_new_for_func (send_closed, GINT_TO_POINTER (TRUE), NULL);
  g_autoptr (GError) error = NULL;

  pcall_task_set_calls_per_child (task, GPOINTER_TO_UINT (data));
  g_assert_null (pcall_task_run (task, NULL, &error));
  g_assert_error (error, PCALL_ERROR, PCALL_ERROR_FAILED);
  g_assert_nonnull (strstr (error->message, "the 2 descriptors of its result could not be sent"));
  g_assert_finalize_object (task);
  traces_assert_back (before);
}

/* The kernel lets a user have so many descriptors on their way as a process may have open. */

static GVariant *
send_on_and_on (GVariant  *args,
                GVariant  *kwargs,
                gpointer   user_data,
                GError   **error)
{
  SupportPipe *gate = user_data;
  g_autoptr (GUnixFDList) list = new_list (20);
  g_autofree char *text = g_strnfill (1 << 20, 'x');
  struct rlimit few = { 64, 64 };
  g_autoptr (GError) refused = NULL;

  if (setrlimit (RLIMIT_NOFILE, &few) < 0 ||
      (geteuid () == 0 && setresuid (65534, 65534, 65534) < 0))
    _exit (88);
  for (gint i = 0; i < 100 && refused == NULL; i++)
    pcall_send_message_with_fd_list (g_variant_new_int32 (i), list, &refused);
  support_pipe_put (gate, refused != NULL);
  return g_variant_new_string (text);
}

static void
test_too_many_on_their_way (void)
{
  g_autofree char *before = traces_take ();
  SupportPipe gate;
  PcallTask *task;
  g_autoptr (PcallCall) call = NULL;
  g_autoptr (GVariant) result = NULL;

  support_pipe_open (&gate);
  task = pcall_task_new_for_func (send_on_and_on, &gate, NULL);
  pcall_task_set_log_mode (task, PCALL_LOG_MODE_INHERIT);
  support_start (task);
  g_assert_cmpint (support_pipe_get (&gate), ==, TRUE);
  support_join (task);

  call = pcall_task_dup_call (task, 0);
  result = pcall_call_dup_result (call);
  g_assert_cmpuint (strlen (g_variant_get_string (result, NULL)), ==, 1 << 20);
  g_clear_object (&call);
  g_assert_finalize_object (task);
  support_pipe_close (&gate);
  traces_assert_back (before);
}

/* The parent has no descriptor left for them, or only for some. */

static GVariant *
return_handles_late (GVariant  *args,
                     GVariant  *kwargs,
                     gpointer   user_data,
                     GError   **error)
{
  support_pipe_get (user_data);
  return return_handles (args, kwargs, GUINT_TO_POINTER (10), error);
}

static void
leave_descriptors (struct rlimit *saved)
{
  int next = open ("/dev/null", O_RDONLY | O_CLOEXEC);
  struct rlimit few = { next + 3, saved->rlim_max };

  close (next);
  g_assert_no_errno (setrlimit (RLIMIT_NOFILE, &few));
}

static void
test_parent_without_descriptors (void)
{
  g_autofree char *before = traces_take ();
  g_autoptr (GError) error = NULL;
  SupportPipe gate;
  PcallTask *task = pcall_task_new_for_func (return_handles_late, &gate, NULL);
  struct rlimit saved;

  support_pipe_open (&gate);
  g_assert_no_errno (getrlimit (RLIMIT_NOFILE, &saved));
  support_start (task);
  leave_descriptors (&saved);
  support_pipe_put (&gate, 0);
  pcall_task_join (task, TEST_LIMIT, NULL, &error);
  g_assert_no_errno (setrlimit (RLIMIT_NOFILE, &saved));

  g_assert_error (error, PCALL_ERROR, PCALL_ERROR_PROTOCOL);
  g_assert_nonnull (strstr (error->message, "RLIMIT_NOFILE"));
  g_assert_null (get_list (task, 0));
  g_assert_finalize_object (task);
  support_pipe_close (&gate);
  traces_assert_back (before);
}

/* Outcomes that have none */

static GVariant *
return_late (GVariant  *args,
             GVariant  *kwargs,
             gpointer   user_data,
             GError   **error)
{
  SupportPipe *gate = user_data;
  g_autoptr (GUnixFDList) list = new_list (3);

  pcall_set_result_fd_list (list);
  support_pipe_put (gate, 1);
  return support_sleep (args, kwargs, NULL, error);
}

static void
test_no_result (void)
{
  g_autofree char *before = traces_take ();
  SupportPipe gate;
  PcallTask *task;
  g_autoptr (GError) error = NULL;

  support_pipe_open (&gate);
  task = pcall_task_new_for_func (return_late, &gate, NULL);
  support_start (task);
  support_pipe_get (&gate);
  g_assert_null (get_list (task, 0));
  pcall_task_terminate (task);
  error = support_join_failing (task);
  g_assert_error (error, PCALL_ERROR, PCALL_ERROR_CANCELLED);
  g_assert_null (get_list (task, 0));
  g_assert_finalize_object (task);
  support_pipe_close (&gate);
  traces_assert_back (before);
}

/* Not in a child */

static void
test_outside (void)
{
  g_autoptr (GUnixFDList) list = g_unix_fd_list_new ();

  support_expect_log ();
  pcall_set_result_fd_list (list);
  support_assert_logged ("*pcall_set_result_fd_list: there is no call here*");
  support_expect_log ();
  g_assert_true (pcall_send_message_with_fd_list (g_variant_new_uint32 (1), list, NULL));
  support_assert_logged ("*pcall_send_message_with_fd_list: there is no call here*");
}

static void
add_results (void)
{
  g_test_add_data_func ("/handles/result/one", GUINT_TO_POINTER (1), test_result);
  g_test_add_data_func ("/handles/result/limit", GUINT_TO_POINTER (LIMIT), test_result);
  g_test_add_func ("/handles/result/too-many", test_too_many);
  g_test_add_func ("/handles/result/not-looked-at", test_not_looked_at);
  g_test_add_func ("/handles/result/stolen", test_stolen);
  g_test_add_data_func ("/handles/result/some/fork", GUINT_TO_POINTER (1), test_some);
  g_test_add_data_func ("/handles/result/some/series", GUINT_TO_POINTER (0), test_some);
  g_test_add_func ("/handles/result/worker", test_worker);
  g_test_add_func ("/handles/result/large", test_large);
  g_test_add_data_func ("/handles/result/closed/fork", GUINT_TO_POINTER (1),
                        test_closed_of_a_result);
  g_test_add_data_func ("/handles/result/closed/series", GUINT_TO_POINTER (0),
                        test_closed_of_a_result);
  g_test_add_func ("/handles/result/none", test_no_result);
}

int
main (int   argc,
      char *argv[])
{
  g_test_init (&argc, &argv, NULL);
  traces_begin_without_log ();
  support_watch_log ();

  add_results ();
  g_test_add_data_func ("/handles/messages/fork", GUINT_TO_POINTER (1), test_messages);
  g_test_add_data_func ("/handles/messages/series", GUINT_TO_POINTER (0), test_messages);
  g_test_add_func ("/handles/messages/to-nobody", test_messages_to_nobody);
  g_test_add_func ("/handles/messages/too-many", test_too_many_of_a_message);
  g_test_add_func ("/handles/messages/closed", test_closed_of_a_message);
  g_test_add_func ("/handles/too-many-on-their-way", test_too_many_on_their_way);
  g_test_add_func ("/handles/parent-without-descriptors", test_parent_without_descriptors);
  g_test_add_func ("/handles/outside", test_outside);

  return g_test_run ();
}
