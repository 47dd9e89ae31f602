/*
 * SPDX-FileCopyrightText: 2026 The pcall authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

/* How children are made, below the scheduler: which way is chosen, what all children of a task share,
 * that a child waits to be let go, and that what fails leaves nothing. */

#include <poll.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include <pcall-glib/calls/pcall-target-private.h>
#include <pcall-glib/pcall-error.h>
#include <pcall-glib/start/pcall-start-private.h>
#include <pcall-glib/wire/pcall-channel-private.h>

#include "task-support.h"

static guint8 *ran; /* shared with children: how many have come to their function */

static GVariant *
count_and_return (GVariant *args, GVariant *kwargs, gpointer user_data, GError **error)
{
  ++*ran;
  return g_variant_new_int32 (7);
}

static PcallTarget *
make_target (PcallTargetKind kind)
{
  const char *argv[] = { "there-is-no-such-worker", NULL };

  if (kind == PCALL_TARGET_CALLBACK)
    return pcall_target_new ("callback", count_and_return, NULL, NULL);
  return kind == PCALL_TARGET_SYMBOL ? pcall_target_new_symbol ("module", "symbol")
                                     : pcall_target_new_worker (argv, "worker");
}

/* Choosing */

typedef struct
{
  const char *path;
  PcallTargetKind kind;
  PcallStartMethod method;
  const PcallStartMethods *chosen; /* NULL: an error … */
  const char *error;               /* … like that */
} ChoiceRow;

static const ChoiceRow choice_rows[] = {
  { "/start/choose/callback", PCALL_TARGET_CALLBACK, PCALL_START_METHOD_AUTOMATIC,
    &pcall_start_fork, NULL },
  { "/start/choose/callback/fork", PCALL_TARGET_CALLBACK, PCALL_START_METHOD_FORK,
    &pcall_start_fork, NULL },
  { "/start/choose/callback/spawn", PCALL_TARGET_CALLBACK, PCALL_START_METHOD_SPAWN, NULL,
    "a callback cannot be spawned*" },
  { "/start/choose/symbol", PCALL_TARGET_SYMBOL, PCALL_START_METHOD_AUTOMATIC, &pcall_start_spawn,
    NULL },
  { "/start/choose/symbol/fork", PCALL_TARGET_SYMBOL, PCALL_START_METHOD_FORK, &pcall_start_fork,
    NULL },
  { "/start/choose/symbol/spawn", PCALL_TARGET_SYMBOL, PCALL_START_METHOD_SPAWN, &pcall_start_spawn,
    NULL },
  { "/start/choose/worker", PCALL_TARGET_WORKER, PCALL_START_METHOD_AUTOMATIC, &pcall_start_spawn,
    NULL },
  { "/start/choose/worker/fork", PCALL_TARGET_WORKER, PCALL_START_METHOD_FORK, NULL,
    "*cannot be forked*\"worker\"*" },
  { "/start/choose/worker/spawn", PCALL_TARGET_WORKER, PCALL_START_METHOD_SPAWN, &pcall_start_spawn,
    NULL },
};

static void
test_choice (gconstpointer data)
{
  const ChoiceRow *row = data;
  g_autoptr (PcallTarget) target = make_target (row->kind);
  g_autoptr (GError) error = NULL;

  g_assert_true (pcall_start_choose (target, row->method, &error) == row->chosen);
  g_assert_true (pcall_start_choose (target, row->method, NULL) == row->chosen);
  if (row->chosen != NULL)
    {
      g_assert_no_error (error);
      return;
    }
  g_assert_error (error, PCALL_ERROR, PCALL_ERROR_TARGET);
  g_assert_true (g_pattern_match_simple (row->error, error->message));
}

/* What children share */

static void
context_init (PcallStartContext *self, const PcallStartMethods *methods)
{
  PcallConditions *conditions = pcall_conditions_new ();
  g_autoptr (PcallArguments) arguments = pcall_arguments_new ();

  pcall_start_context_init (self, arguments, conditions);
  pcall_conditions_unref (conditions);
  pcall_start_context_use (self, methods);
  pcall_start_context_use (self, methods);
  g_assert_true (self->methods[0] == methods);
  g_assert_null (self->methods[1]);
}

static void
context_open (PcallStartContext *self, const PcallStartMethods *methods, PcallLogMode mode)
{
  g_autoptr (GError) error = NULL;

  context_init (self, methods);
  g_assert_true (pcall_start_context_open (self, mode, NULL, FALSE, &error));
  g_assert_no_error (error);
  pcall_start_context_survey (self);
}

static void
context_end (PcallStartContext *self)
{
  pcall_start_context_close (self);
  pcall_start_context_close (self);
  pcall_start_context_clear (self);
}

static void
test_context (void)
{
  static const struct
  {
    PcallLogMode mode;
    gboolean log;
    gboolean follows;
  } modes[] = {
    { PCALL_LOG_MODE_SECTIONS, TRUE, FALSE },
    { PCALL_LOG_MODE_LIVE, TRUE, TRUE },
    { PCALL_LOG_MODE_INHERIT, FALSE, FALSE },
  };
  guint before = support_count_descriptors ();
  guint64 nonce = 0;

  for (gsize i = 0; i < G_N_ELEMENTS (modes); i++)
    {
      PcallStartContext context;

      context_open (&context, &pcall_start_spawn, modes[i].mode);
      g_assert_cmpint (context.log != NULL, ==, modes[i].log);
      g_assert_cmpint (context.follows_logs, ==, modes[i].follows);
      g_assert_true (context.holds_life);
      g_assert_cmpint (context.null_fd, >, STDERR_FILENO);
      g_assert_cmpuint (context.nonce, !=, nonce);
      nonce = context.nonce;
      context_end (&context);
      g_assert_cmpuint (support_count_descriptors (), ==, before);
    }
}

static void
test_no_directory (void)
{
  guint before = support_count_descriptors ();
  g_autoptr (GError) error = NULL;
  PcallStartContext context;

  context_init (&context, &pcall_start_spawn);
  g_assert_false (
      pcall_start_context_open (&context, PCALL_LOG_MODE_SECTIONS, "/dev/null/none", TRUE, &error));
  g_assert_error (error, PCALL_ERROR, PCALL_ERROR_START);
  g_assert_nonnull (strstr (error->message, "log-directory /dev/null/none"));
  context_end (&context);
  g_assert_cmpuint (support_count_descriptors (), ==, before);
}

static void
allow_all (void)
{
  struct rlimit limit;

  g_assert_no_errno (getrlimit (RLIMIT_NOFILE, &limit));
  limit.rlim_cur = limit.rlim_max;
  g_assert_no_errno (setrlimit (RLIMIT_NOFILE, &limit));
}

/* The test runs in a child, whose limits are its own. */
static void
in_child (void (*func) (void))
{
  int status;
  pid_t pid = fork ();

  g_assert_cmpint (pid, >=, 0);
  if (pid == 0)
    {
      func ();
      _exit (0);
    }
  g_assert_cmpint (waitpid (pid, &status, 0), ==, pid);
  g_assert_cmpint (status, ==, 0);
}

static void
open_without_room (void)
{
  guint before = support_count_descriptors ();
  gboolean opened = FALSE;

  for (rlim_t n = 0; !opened; n++)
    {
      g_autoptr (GError) error = NULL;
      PcallStartContext context;

      g_assert_cmpuint (n, <, 10);
      context_init (&context, &pcall_start_spawn);
      support_limit_room (n);
      opened = pcall_start_context_open (&context, PCALL_LOG_MODE_INHERIT, NULL, FALSE, &error);
      allow_all ();
      if (!opened)
        g_assert_error (error, PCALL_ERROR, PCALL_ERROR_START);
      g_assert_cmpint (opened, ==, n >= 3); /* two of the pipe, and /dev/null */
      context_end (&context);
      g_assert_cmpuint (support_count_descriptors (), ==, before);
    }
}

static void
test_context_without_room (void)
{
  in_child (open_without_room);
}

/* Children */

static PcallJob
make_job (PcallTarget *target, const PcallStartMethods *methods)
{
  return (PcallJob){
    .index = 3, .end = 4, .child = -1, .slot = -1, .target = target, .methods = methods
  };
}

/* Frames until the other side has closed, as letters. */
static char *
read_frames (const PcallStartContext *context, int fd)
{
  static const char letters[] = "?rREPMFANHCSW";
  GString *found = g_string_new (NULL);
  PcallChannelStatus status = PCALL_CHANNEL_OPEN;
  PcallFrameQueue frames = { .head = NULL };
  g_autoptr (GError) error = NULL;
  PcallChannel channel;
  PcallFrame *frame;

  pcall_channel_init (&channel, fd, context->nonce);
  while (status == PCALL_CHANNEL_OPEN)
    {
      g_assert_cmpint (
          poll (&(struct pollfd){ .fd = fd, .events = POLLIN }, 1, SUPPORT_LIMIT_S * 1000), ==, 1);
      status = pcall_channel_receive (&channel, G_MAXSIZE, &frames, &error);
      g_assert_no_error (error);
    }
  while ((frame = pcall_frame_queue_pop (&frames)) != NULL)
    {
      g_assert_cmpuint (frame->call_index, ==, 3);
      g_string_append_c (found, letters[frame->type]);
      pcall_frame_free (frame);
    }
  pcall_channel_clear (&channel);
  return g_string_free (found, FALSE);
}

/* A child does nothing before it is let go, and then all that it should. */
static void
test_fork (void)
{
  g_autoptr (PcallTarget) target = make_target (PCALL_TARGET_CALLBACK);
  PcallJob job = make_job (target, &pcall_start_fork);
  PcallStartContext context;
  guint before;

  /* What is made once for all tasks stays. */
  context_open (&context, &pcall_start_fork, PCALL_LOG_MODE_INHERIT);
  context_end (&context);
  before = support_count_descriptors ();
  context_open (&context, &pcall_start_fork, PCALL_LOG_MODE_INHERIT);
  for (guint i = 0; i < 20; i++)
    {
      PcallStarted held = { .fd = -1 }, started = { .fd = -1 };
      g_autofree char *frames = NULL;
      g_autoptr (GError) error = NULL;
      PcallExit exit = { .known = FALSE };

      *ran = 0;
      g_assert_true (pcall_start_fork.start (&context, &job, &held, &error));
      g_assert_true (pcall_start_fork.start (&context, &job, &started, &error));
      g_assert_no_error (error);
      g_assert_cmpint (started.says_ready, ==, 0);
      g_assert_cmpint (getpgid (started.process.pid), ==, started.process.pid);

      pcall_start_go (&started);
      frames = read_frames (&context, started.fd);
      g_assert_cmpstr (frames, ==, "RF");
      while (!pcall_process_reap (&started.process, &exit))
        poll (&(struct pollfd){ .fd = started.process.pidfd, .events = POLLIN }, 1, -1);
      g_assert_cmpint (exit.status, ==, 0);
      pcall_process_clear (&started.process);

      pcall_process_destroy (&held.process);
      close (held.fd);
      g_assert_cmpuint (*ran, ==, 1);
    }
  context_end (&context);
  g_assert_cmpuint (support_count_descriptors (), ==, before);
}

/* One descriptor more each time: what failed has left none, and no child. */
static void
fork_without_room (void)
{
  g_autoptr (PcallTarget) target = make_target (PCALL_TARGET_CALLBACK);
  PcallJob job = make_job (target, &pcall_start_fork);
  gboolean made = FALSE;
  PcallStartContext context;
  guint before;

  context_open (&context, &pcall_start_fork, PCALL_LOG_MODE_INHERIT);
  before = support_count_descriptors ();
  for (rlim_t n = 0; !made; n++)
    {
      PcallStarted started = { .fd = -1 };
      g_autoptr (GError) error = NULL;

      g_assert_cmpuint (n, <, 10);
      support_limit_room (n);
      made = pcall_start_fork.start (&context, &job, &started, &error);
      allow_all ();
      if (made)
        {
          g_assert_cmpuint (n, >=, 3);
          pcall_process_destroy (&started.process);
          close (started.fd);
        }
      else
        {
          g_assert_error (error, PCALL_ERROR, PCALL_ERROR_START);
          g_assert_cmpint (started.error_number, ==, EMFILE);
          g_assert_true (g_str_has_suffix (error->message, ": Too many open files"));
        }
      g_assert_cmpuint (support_count_descriptors (), ==, before);
      g_assert_cmpint (waitpid (-1, NULL, WNOHANG), ==, -1);
    }
  context_end (&context);
}

static void
test_fork_without_room (void)
{
  in_child (fork_without_room);
}

static int fork_errno;

/* What a binding may give: it fails, or says 0 in the process that called it. */
static gint
fail_to_fork (gpointer data)
{
  errno = fork_errno;
  return GPOINTER_TO_INT (data);
}

static void
test_fork_fails (gconstpointer data)
{
  g_autoptr (PcallTarget) target = make_target (PCALL_TARGET_CALLBACK);
  PcallJob job = make_job (target, &pcall_start_fork);
  PcallStarted started = { .fd = -1 };
  g_autoptr (GError) error = NULL;
  PcallStartContext context;
  guint before;

  context_open (&context, &pcall_start_fork, PCALL_LOG_MODE_INHERIT);
  before = support_count_descriptors ();
  fork_errno = EAGAIN;
  pcall_set_fork_func (fail_to_fork, (gpointer) data, NULL);
  g_assert_false (pcall_start_fork.start (&context, &job, &started, &error));
  pcall_set_fork_func (NULL, NULL, NULL);
  g_assert_error (error, PCALL_ERROR, PCALL_ERROR_START);
  g_assert_cmpint (started.error_number, ==, data == NULL ? ECANCELED : EAGAIN);
  g_assert_true (g_str_has_prefix (error->message, "fork: "));
  g_assert_cmpuint (support_count_descriptors (), ==, before);
  context_end (&context);
}

/* There is no such program, or it cannot be executed. */
static void
test_spawn_fails (void)
{
  g_autofree char *path = g_build_filename (g_get_tmp_dir (), "pcall-start-XXXXXX", NULL);
  const char *argv[] = { path, NULL };
  PcallStartContext context;
  guint before;
  int fd = g_mkstemp (path);

  g_assert_cmpint (write (fd, "#!/nowhere/to/be/found\n", 23), ==, 23);
  g_assert_no_errno (fchmod (fd, 0700));
  close (fd);
  context_open (&context, &pcall_start_spawn, PCALL_LOG_MODE_INHERIT);
  before = support_count_descriptors ();
  for (guint i = 0; i < 2; i++)
    {
      g_autoptr (PcallTarget) target
          = i == 0 ? make_target (PCALL_TARGET_WORKER) : pcall_target_new_worker (argv, "worker");
      PcallJob job = make_job (target, &pcall_start_spawn);
      PcallStarted started = { .fd = -1 };
      g_autoptr (GError) error = NULL;

      g_assert_false (pcall_start_spawn.start (&context, &job, &started, &error));
      g_assert_error (error, PCALL_ERROR, PCALL_ERROR_START);
      g_assert_nonnull (strstr (error->message, i == 0 ? "there-is-no-such-worker" : path));
      if (i == 1)
        g_assert_cmpint (started.error_number, ==, ENOENT);
      g_assert_cmpint (started.fd, ==, -1);
      g_assert_cmpuint (support_count_descriptors (), ==, before);
      g_assert_cmpint (waitpid (-1, NULL, WNOHANG), ==, -1);
    }
  context_end (&context);
  unlink (path);
}

int
main (int argc, char *argv[])
{
  g_test_init (&argc, &argv, NULL);
  ran = support_share ();

  for (gsize i = 0; i < G_N_ELEMENTS (choice_rows); i++)
    g_test_add_data_func (choice_rows[i].path, &choice_rows[i], test_choice);
  g_test_add_func ("/start/context", test_context);
  g_test_add_func ("/start/context/no-directory", test_no_directory);
  g_test_add_func ("/start/context/without-room", test_context_without_room);
  g_test_add_func ("/start/fork", test_fork);
  g_test_add_func ("/start/fork/without-room", test_fork_without_room);
  g_test_add_data_func ("/start/fork/fails", GINT_TO_POINTER (-1), test_fork_fails);
  g_test_add_data_func ("/start/fork/zero-in-parent", GINT_TO_POINTER (0), test_fork_fails);
  g_test_add_func ("/start/spawn/fails", test_spawn_fails);

  return g_test_run ();
}
