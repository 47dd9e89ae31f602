/*
 * SPDX-FileCopyrightText: 2026 The pcall authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

/* The C worker program, and a parent made by hand: what the worker says, what it does where its
 * channel ends or brings what it should not, and where the output of a call goes. */

#include <fcntl.h>
#include <glib/gstdio.h>
#include <poll.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/wait.h>

#include <pcall-glib/wire/pcall-channel-private.h>
#include <pcall-glib/pcall-error.h>
#include <pcall-glib/child/pcall-worker-private.h>

#define NONCE G_GUINT64_CONSTANT (0x00c0ffee12345678)
#define LIMIT_MS 30000

typedef struct
{
  GPid            pid;
  PcallChannel    channel;
  PcallFrameQueue frames;
} Worker;

static void
keep_channel (gpointer data)
{
  fcntl (GPOINTER_TO_INT (data), F_SETFD, 0);
}

static void
worker_start (Worker *self)
{
  g_autofree char *program = g_build_filename (g_getenv ("PCALL_WORKER_DIR"), "pcall-worker", NULL);
  char *argv[] = { program, NULL };
  g_auto (GStrv) environment = g_get_environ ();
  g_autofree char *fd = NULL;
  g_autoptr (GError) error = NULL;
  int fds[2];

  *self = (Worker) { 0 };
  g_assert_no_errno (socketpair (AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds));
  fd = g_strdup_printf ("%d", fds[1]);
  environment = g_environ_setenv (environment, PCALL_ENV_FD, fd, TRUE);
  environment = g_environ_setenv (environment, PCALL_ENV_COOKIE, "00c0ffee12345678", TRUE);
  g_assert_true (g_spawn_async (NULL, argv, environment,
                                G_SPAWN_DO_NOT_REAP_CHILD | G_SPAWN_LEAVE_DESCRIPTORS_OPEN |
                                    G_SPAWN_STDOUT_TO_DEV_NULL,
                                keep_channel, GINT_TO_POINTER (fds[1]), &self->pid, &error));
  g_assert_no_error (error);
  close (fds[1]);
  pcall_channel_init (&self->channel, fds[0], NONCE);
}

/* The end of the process, as of waitpid(). */
static int
worker_end (Worker *self)
{
  int status = 0;

  for (int i = 0; waitpid (self->pid, &status, WNOHANG) == 0; i++)
    {
      g_assert_cmpint (i, <, LIMIT_MS);
      g_usleep (1000);
    }
  pcall_frame_queue_clear (&self->frames);
  pcall_channel_clear (&self->channel);
  return status;
}

static PcallFrame *
worker_receive (Worker        *self,
                PcallFrameType type)
{
  struct pollfd readable = { .fd = self->channel.fd, .events = POLLIN };
  g_autoptr (GError) error = NULL;
  PcallFrame *frame;

  while ((frame = pcall_frame_queue_pop (&self->frames)) == NULL)
    {
      g_assert_cmpint (poll (&readable, 1, LIMIT_MS), ==, 1);
      g_assert_cmpint (pcall_channel_receive (&self->channel, 65536, &self->frames, &error), ==,
                       PCALL_CHANNEL_OPEN);
      g_assert_no_error (error);
    }
  g_assert_cmpint (frame->type, ==, type);
  return frame;
}

static GVariant *
worker_expect (Worker        *self,
               PcallFrameType type,
               guint          call_index)
{
  g_autoptr (PcallFrame) frame = worker_receive (self, type);

  g_assert_cmpuint (frame->call_index, ==, call_index);
  return pcall_payload_get_value (frame->payload, pcall_frame_payload_type (type));
}

static void
worker_send (Worker        *self,
             PcallFrameType type,
             guint          call_index,
             GVariant      *value)
{
  PcallParcel *parcel = pcall_parcel_new (&self->channel, type, call_index, value);

  g_assert_cmpint (pcall_channel_post (&self->channel, parcel), ==, PCALL_POST_DONE);
  pcall_parcel_free (parcel);
}

#define LOG_KEY "0123456789abcdef"

static GVariant *
new_call (const char *symbol,
          const char *args,
          const char *log_file)
{
  g_autofree char *module = g_test_build_filename (G_TEST_BUILT, "libspawn-targets.so", NULL);
  g_autofree char *name = g_strconcat (module, ":", symbol, NULL);

  return g_variant_new ("(sv@a{sv}ss)", name, g_variant_new_parsed (args),
                        g_variant_new_parsed ("@a{sv} {}"), log_file, LOG_KEY);
}

static void
worker_expect_hello (Worker *self)
{
  g_autoptr (GVariant) hello = worker_expect (self, PCALL_FRAME_HELLO, 0);
  g_autoptr (GVariant) more = NULL;
  gboolean knows_common = FALSE;
  guint32 version;
  gint32 pid;

  g_variant_get (hello, "(ui@a{sv})", &version, &pid, &more);
  g_assert_cmpuint (version, ==, PCALL_FRAME_VERSION);
  g_assert_cmpint (pid, ==, self->pid);
  g_assert_true (g_variant_lookup (more, "common", "b", &knows_common) && knows_common);
}

static void
assert_exited (int status,
               int code)
{
  g_assert_true (WIFEXITED (status));
  g_assert_cmpint (WEXITSTATUS (status), ==, code);
}

static void
test_calls (void)
{
  Worker worker;

  worker_start (&worker);
  worker_expect_hello (&worker);
  for (guint i = 0; i < 3; i++)
    {
      g_autoptr (GVariant) result = NULL;
      g_autoptr (GVariant) value = NULL;

      worker_send (&worker, PCALL_FRAME_CALL, 5 + i, new_call ("add", "(2, 3)", ""));
      result = worker_expect (&worker, PCALL_FRAME_RESULT, 5 + i);
      value = g_variant_get_variant (result);
      g_assert_cmpint (g_variant_get_int32 (value), ==, 5);
    }
  worker_send (&worker, PCALL_FRAME_STOP, 0, g_variant_new_tuple (NULL, 0));
  assert_exited (worker_end (&worker), 0);
}

/* What calls have in common they have from when it came, until something else comes. */
static void
test_common (void)
{
  static const char * const rows[][3] = {
    /* common, own, result */
    { NULL, "(1,)", "((1,), @a{sv} {})" },
    { "(<('x', 2)>, {'a': <3>})", "(4,)", "(('x', 2, 4), {'a': <3>})" },
    { NULL, "()", "(('x', 2), {'a': <3>})" },
    { "(<()>, {'b': <5>})", "(6,)", "((6,), {'b': <5>})" },
    { "(<()>, @a{sv} {})", "(7,)", "((7,), @a{sv} {})" },
  };
  Worker worker;

  worker_start (&worker);
  worker_expect_hello (&worker);
  for (guint i = 0; i < G_N_ELEMENTS (rows); i++)
    {
      g_autoptr (GVariant) result = NULL;
      g_autoptr (GVariant) value = NULL;
      g_autoptr (GVariant) expected = g_variant_ref_sink (g_variant_new_parsed (rows[i][2]));

      if (rows[i][0] != NULL)
        worker_send (&worker, PCALL_FRAME_COMMON, 0, g_variant_new_parsed (rows[i][0]));
      worker_send (&worker, PCALL_FRAME_CALL, i, new_call ("echo", rows[i][1], ""));
      result = worker_expect (&worker, PCALL_FRAME_RESULT, i);
      value = g_variant_get_variant (result);
      g_assert_cmpvariant (value, expected);
    }
  worker_send (&worker, PCALL_FRAME_STOP, 0, g_variant_new_tuple (NULL, 0));
  assert_exited (worker_end (&worker), 0);
}

/* The worker watches its channel, and needs nothing else to know that its parent is gone. */
static void
test_end_of_channel (gconstpointer data)
{
  const char *symbol = data;
  Worker worker;

  worker_start (&worker);
  worker_expect_hello (&worker);
  if (symbol != NULL)
    {
      worker_send (&worker, PCALL_FRAME_CALL, 0, new_call (symbol, "()", ""));
      g_variant_unref (worker_expect (&worker, PCALL_FRAME_MESSAGE, 0));
    }
  pcall_channel_clear (&worker.channel);
  assert_exited (worker_end (&worker), 1);
}

typedef struct
{
  const char    *path;
  PcallFrameType type;
  const char    *value;
} Refused;

static const Refused refused[] = {
  { "ready", PCALL_FRAME_READY, "()" },
  { "hello", PCALL_FRAME_HELLO, "(1, 1, @a{sv} {})" },
  { "final", PCALL_FRAME_FINAL, "0" },
  { "no-tuple", PCALL_FRAME_CALL, "('x:y', <5>, @a{sv} {}, '', '')" },
};

static void
test_refused (gconstpointer data)
{
  const Refused *row = data;
  Worker worker;

  worker_start (&worker);
  worker_expect_hello (&worker);
  worker_send (&worker, row->type, 0, g_variant_new_parsed (row->value));
  assert_exited (worker_end (&worker), 1);
}

static void
test_other_nonce (void)
{
  Worker worker;

  worker_start (&worker);
  worker_expect_hello (&worker);
  worker.channel.nonce++;
  worker_send (&worker, PCALL_FRAME_STOP, 0, g_variant_new_tuple (NULL, 0));
  assert_exited (worker_end (&worker), 1);
}

/* Each call's output is in its own file when its result is there, also what stood in a buffer, and
 * nothing of what comes between. A file that is not there costs no call, and is told. */
static void
test_log_file (void)
{
  g_autofree char *directory = g_dir_make_tmp ("pcall-test-XXXXXX", NULL);
  Worker worker;

  worker_start (&worker);
  worker_expect_hello (&worker);
  for (guint i = 0; i < 3; i++)
    {
      g_autofree char *name = g_strdup_printf ("%s%u", i == 1 ? "no-such-directory/" : "", i);
      g_autofree char *path = g_build_filename (directory, name, NULL);
      g_autofree char *err = g_strdup_printf ("err %u\n", i);
      g_autofree char *out = g_strdup_printf ("out %u, without an end", i);
      g_autofree char *text = NULL;
      g_autofree char *args = g_strdup_printf ("(%u,)", i);

      g_assert_true (i == 1 || g_file_set_contents (path, "", 0, NULL));
      worker_send (&worker, PCALL_FRAME_CALL, i, new_call ("print", args, path));
      if (i == 1)
        g_variant_unref (worker_expect (&worker, PCALL_FRAME_NOTE, i));
      g_variant_unref (worker_expect (&worker, PCALL_FRAME_RESULT, i));
      if (i == 1)
        {
          g_assert_false (g_file_test (path, G_FILE_TEST_EXISTS));
          continue;
        }
      g_assert_true (g_file_get_contents (path, &text, NULL, NULL));
      /* When the C library writes a part of a line is for it to say. */
      g_assert_nonnull (strstr (text, err));
      g_assert_cmpuint (strlen (text), ==, strlen (err) + strlen (out));
      g_assert_no_errno (g_unlink (path));
    }
  worker_send (&worker, PCALL_FRAME_STOP, 0, g_variant_new_tuple (NULL, 0));
  assert_exited (worker_end (&worker), 0);
  g_assert_no_errno (g_rmdir (directory));
}

int
main (int    argc,
      char **argv)
{
  g_test_init (&argc, &argv, NULL);

  g_test_add_func ("/pcall/worker-frames/calls", test_calls);
  g_test_add_func ("/pcall/worker-frames/common", test_common);
  g_test_add_data_func ("/pcall/worker-frames/end/idle", NULL, test_end_of_channel);
  g_test_add_data_func ("/pcall/worker-frames/end/busy", "be_busy", test_end_of_channel);
  g_test_add_data_func ("/pcall/worker-frames/end/asleep", "sleep_long", test_end_of_channel);
  g_test_add_data_func ("/pcall/worker-frames/end/ignores-sigterm", "ignore_sigterm",
                        test_end_of_channel);
  for (gsize i = 0; i < G_N_ELEMENTS (refused); i++)
    {
      g_autofree char *path = g_strconcat ("/pcall/worker-frames/refused/", refused[i].path, NULL);

      g_test_add_data_func (path, &refused[i], test_refused);
    }
  g_test_add_func ("/pcall/worker-frames/other-nonce", test_other_nonce);
  g_test_add_func ("/pcall/worker-frames/log-file", test_log_file);

  return g_test_run ();
}
