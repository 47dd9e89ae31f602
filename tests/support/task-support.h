/*
 * SPDX-FileCopyrightText: 2026 The pcall authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

/* What the end-to-end tests share: tasks and values made in one line, pipes between calls, waiting
 * that ends in a failure and not in a hang, and a log that can be asked.
 *
 * The library logs by structured logging, which g_test_expect_message() does not see: so a writer
 * keeps what it is told to expect. What nobody expected is fatal, as always in a test. */

#pragma once

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <unistd.h>

#include <pcall-glib/pcall.h>

/* No wait of a test comes near it, on any machine. */
#define SUPPORT_LIMIT_S 60

/* Values */

static inline GVariant *
support_parse (const char *text)
{
  g_autoptr (GError) error = NULL;
  GVariant *value = g_variant_parse (NULL, text, NULL, NULL, &error);

  g_assert_no_error (error);
  return value;
}

static inline void
support_assert_variant (GVariant *value, const char *expected)
{
  g_autoptr (GVariant) parsed = support_parse (expected);

  g_assert_nonnull (value);
  if (!g_variant_equal (value, parsed))
    {
      g_autofree char *text = g_variant_print (value, TRUE);

      g_error ("%s is not %s", text, expected);
    }
}

/* Tasks */

static inline PcallTask *
support_task (PcallFunc func, guint n_calls)
{
  PcallTask *task = (pcall_task_new_for_func) (func, NULL, NULL); /* "func" is no name */

  pcall_task_set_n_calls (task, n_calls);
  return task;
}

static inline void
support_start (PcallTask *task)
{
  g_autoptr (GError) error = NULL;
  gboolean started = pcall_task_start (task, &error);

  g_assert_no_error (error);
  g_assert_true (started);
}

static inline void
support_join (PcallTask *task)
{
  g_autoptr (GError) error = NULL;
  gboolean joined = pcall_task_join (task, SUPPORT_LIMIT_S, NULL, &error);

  g_assert_no_error (error);
  g_assert_true (joined);
}

/* Joins a task that is to fail, and gives the error. */
static inline GError *
support_join_failing (PcallTask *task)
{
  GError *error = NULL;

  g_assert_false (pcall_task_join (task, SUPPORT_LIMIT_S, NULL, &error));
  g_assert_nonnull (error);
  return error;
}

static inline void
support_run (PcallTask *task, const char *expected)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (GVariant) results = pcall_task_run (task, NULL, &error);

  g_assert_no_error (error);
  g_assert_false (g_variant_is_floating (results));
  g_assert_true (g_variant_is_of_type (results, G_VARIANT_TYPE ("av")));
  if (expected != NULL)
    support_assert_variant (results, expected);
}

/* The index of the first call that failed, G_MAXUINT if none did. */
static inline guint
support_first_failed (PcallTask *task)
{
  g_autoptr (PcallCall) call = pcall_task_dup_first_failed (task);

  return call != NULL ? pcall_call_get_index (call) : G_MAXUINT;
}

static inline PcallCallState
support_state (PcallTask *task, guint index)
{
  g_autoptr (PcallCall) call = pcall_task_dup_call (task, index);

  return pcall_call_get_state (call);
}

static inline GError *
support_error (PcallTask *task, guint index)
{
  g_autoptr (PcallCall) call = pcall_task_dup_call (task, index);

  return pcall_call_dup_error (call);
}

/* What a call has ended with: a result, or an error, and never both. */
static inline GVariant *
support_end (PcallTask *task, guint index, GError **error)
{
  g_autoptr (PcallCall) call = pcall_task_dup_call (task, index);
  GVariant *result = pcall_call_dup_result (call);

  *error = pcall_call_dup_error (call);
  g_assert_true ((result != NULL) != (*error != NULL));
  return result;
}

static inline void
support_assert_result (PcallTask *task, guint index, const char *expected)
{
  g_autoptr (PcallCall) call = pcall_task_dup_call (task, index);
  g_autoptr (GVariant) result = pcall_call_dup_result (call);

  support_assert_variant (result, expected);
}

/* What several tests call */

static inline GVariant *
support_index (GVariant *args, GVariant *kwargs, gpointer user_data, GError **error)
{
  return g_variant_new_uint32 (pcall_get_call_index ());
}

static inline GVariant *
support_sleep (GVariant *args, GVariant *kwargs, gpointer user_data, GError **error)
{
  for (;;)
    pause ();
  return NULL;
}

/* In a process that a child has forked: it is to outlive that, and the parent. So it closes what
 * would kill it, which asks for SIGKILL. */
static inline void
support_escape (void)
{
  setsid ();
  for (int fd = STDERR_FILENO + 1; fd < 1024; fd++)
    if (fcntl (fd, F_GETSIG) == SIGKILL)
      close (fd);
}

/* In a process whose output is not to be had here: what failed, as an exit status. */
#define SUPPORT_CHECK(condition)                                                                   \
  G_STMT_START                                                                                     \
  {                                                                                                \
    if (!(condition))                                                                              \
      _exit (__LINE__ % 200 + 1);                                                                  \
  }                                                                                                \
  G_STMT_END

/* How many descriptors this process has. */
static inline guint
support_count_descriptors (void)
{
  g_autoptr (GDir) dir = g_dir_open ("/proc/self/fd", 0, NULL);
  guint n = 0;

  g_assert_nonnull (dir);
  while (g_dir_read_name (dir) != NULL)
    n++;
  return n - 1; /* but that one */
}

/* From here on, @n more descriptors can be had, wherever there are holes among those in use. */
static inline void
support_limit_room (guint n)
{
  struct rlimit limit;
  int fds[16];

  g_assert_cmpuint (n, <, G_N_ELEMENTS (fds));
  g_assert_no_errno (getrlimit (RLIMIT_NOFILE, &limit));
  limit.rlim_cur = limit.rlim_max;
  g_assert_no_errno (setrlimit (RLIMIT_NOFILE, &limit));
  for (guint i = 0; i <= n; i++)
    g_assert_no_errno (fds[i] = open ("/dev/null", O_RDONLY | O_CLOEXEC));
  limit.rlim_cur = (rlim_t) fds[n];
  for (guint i = 0; i <= n; i++)
    close (fds[i]);
  g_assert_no_errno (setrlimit (RLIMIT_NOFILE, &limit));
}

/* Pipes, which parent and children all hold both ends of. */

typedef struct
{
  int read_fd;
  int write_fd;
} SupportPipe;

static inline void
support_pipe_open (SupportPipe *self)
{
  int fds[2];

  g_assert_no_errno (pipe2 (fds, O_CLOEXEC));
  self->read_fd = fds[0];
  self->write_fd = fds[1];
}

static inline void
support_pipe_close (SupportPipe *self)
{
  g_assert_no_errno (close (self->read_fd));
  g_assert_no_errno (close (self->write_fd));
}

static inline void
support_pipe_put (SupportPipe *self, guint8 byte)
{
  g_assert_cmpint (write (self->write_fd, &byte, 1), ==, 1);
}

static inline guint8
support_pipe_get (SupportPipe *self)
{
  guint8 byte = 0;
  gssize n;

  do
    n = read (self->read_fd, &byte, 1);
  while (n < 0 && errno == EINTR);
  g_assert_cmpint (n, ==, 1);
  return byte;
}

/* A page that parent and children share. */
static inline gpointer
support_share (void)
{
  gpointer page
      = mmap (NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);

  g_assert_true (page != MAP_FAILED);
  return page;
}

static inline void
support_unshare (gpointer page)
{
  g_assert_no_errno (munmap (page, 4096));
}

/* Main loops */

static inline gboolean
support_limit_passed (gpointer data)
{
  g_error ("waited for %d s", SUPPORT_LIMIT_S);
  return G_SOURCE_REMOVE;
}

/* Iterates the thread-default main context until @done. */
static inline void
support_iterate_until (gboolean *done)
{
  GMainContext *context = g_main_context_ref_thread_default ();
  GSource *limit = g_timeout_source_new_seconds (SUPPORT_LIMIT_S);

  g_source_set_callback (limit, support_limit_passed, NULL, NULL);
  g_source_attach (limit, context);
  while (!*done)
    g_main_context_iteration (context, TRUE);

  g_source_destroy (limit);
  g_source_unref (limit);
  g_main_context_unref (context);
}

static inline void
support_set_done (gboolean *done)
{
  *done = TRUE;
}

/* Iterates until the task tells that it has finished. */
static inline void
support_iterate_to_end (PcallTask *task)
{
  gboolean done = FALSE;
  gulong id = g_signal_connect_swapped (task, "finished", G_CALLBACK (support_set_done), &done);

  support_iterate_until (&done);
  g_signal_handler_disconnect (task, id);
}

/* The log */

static GQueue support_log = G_QUEUE_INIT; /* what was logged, as "WARNING: message" */
static gboolean support_log_expected;

static inline GLogWriterOutput
support_write_log (GLogLevelFlags level, const GLogField *fields, gsize n_fields, gpointer data)
{
  const char *message = "";

  if (!support_log_expected || (level & G_LOG_LEVEL_MASK) > G_LOG_LEVEL_WARNING)
    return g_log_writer_default (level, fields, n_fields, data);

  for (gsize i = 0; i < n_fields; i++)
    if (strcmp (fields[i].key, "MESSAGE") == 0)
      message = fields[i].value;
  g_queue_push_tail (&support_log,
                     g_strconcat (level & G_LOG_LEVEL_CRITICAL ? "CRITICAL: " : "WARNING: ",
                                  message, NULL));
  return G_LOG_WRITER_HANDLED;
}

/* Once, in main(). */
static inline void
support_watch_log (void)
{
  g_log_set_writer_func (support_write_log, NULL, NULL);
}

/* From here on warnings are kept, until they are asserted. */
static inline void
support_expect_log (void)
{
  support_log_expected = TRUE;
}

static inline void
support_assert_logged (const char *pattern)
{
  g_autofree char *text = g_queue_pop_head (&support_log);

  support_log_expected = FALSE;
  if (text == NULL)
    g_error ("nothing was logged, expected %s", pattern);
  if (!g_pattern_match_simple (pattern, text))
    g_error ("'%s' was logged, expected %s", text, pattern);
  g_assert_cmpuint (support_log.length, ==, 0);
}

/* Registration: each test also runs in a process that has a second thread, where a child goes
 * through its lock trial before its call begins. */

typedef struct
{
  GMutex lock;
  GCond cond;
  gboolean runs;
  gboolean stop;
} SupportThread;

static inline gpointer
support_idle_thread (gpointer data)
{
  SupportThread *self = data;

  g_mutex_lock (&self->lock);
  self->runs = TRUE;
  g_cond_signal (&self->cond);
  while (!self->stop)
    g_cond_wait (&self->cond, &self->lock);
  g_mutex_unlock (&self->lock);
  return NULL;
}

typedef struct
{
  GTestFunc func;
} SupportTest;

static inline void
support_test_with_thread (gconstpointer data)
{
  const SupportTest *test = data;
  SupportThread self = { .stop = FALSE };
  GThread *thread;

  g_mutex_init (&self.lock);
  g_cond_init (&self.cond);
  thread = g_thread_new ("idle", support_idle_thread, &self);

  /* A sanitizer has locks of its own while it begins, which a fork would copy. */
  g_mutex_lock (&self.lock);
  while (!self.runs)
    g_cond_wait (&self.cond, &self.lock);
  g_mutex_unlock (&self.lock);

  test->func ();

  g_mutex_lock (&self.lock);
  self.stop = TRUE;
  g_cond_signal (&self.cond);
  g_mutex_unlock (&self.lock);
  g_thread_join (thread);
  g_cond_clear (&self.cond);
  g_mutex_clear (&self.lock);
}

static inline void
support_add (const char *path, GTestFunc func)
{
  g_autofree char *threaded = g_strconcat (path, "/with-thread", NULL);
  /* Not on the heap: what belongs to a test that does not run is never freed. */
  static SupportTest tests[128];
  static guint n_tests;
  SupportTest *test = &tests[n_tests++];

  g_assert (n_tests <= G_N_ELEMENTS (tests));
  test->func = func;
  g_test_add_func (path, func);
  g_test_add_data_func (threaded, test, support_test_with_thread);
}
