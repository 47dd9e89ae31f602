/*
 * SPDX-FileCopyrightText: 2026 The pcall authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

/* One child under watch: what it sends comes whole and in order, and before its end; it is over when
 * it has ended, whoever holds its channel; what it is sent waits until it takes it; and it can be
 * ended, whatever it does. */

#include <sys/mman.h>

#include <pcall-glib/parent/pcall-peer-private.h>

#include "children-support.h"

typedef struct
{
  PcallEngine *engine;
  PcallPeer *peer;
  GString *told; /* the letter of a frame's type; c: closed, e: ended */
  gsize n_bytes; /* of results and messages */
  gboolean ended;
  gboolean listening;
} Fixture;

static SupportPipe pipe_to_test; /* what children tell besides */

static void
take_frame (const PcallFrame *frame, gpointer data)
{
  static const char letters[] = "?rREPMFANHCSW";
  Fixture *self = data;

  g_assert_false (self->ended);
  g_string_append_c (self->told, letters[frame->type]);
  if (frame->type == PCALL_FRAME_RESULT || frame->type == PCALL_FRAME_MESSAGE)
    self->n_bytes += frame->payload->length;
}

static void
take_closed (gpointer data)
{
  Fixture *self = data;

  g_assert_false (self->ended);
  g_string_append_c (self->told, 'c');
}

static void
take_ended (gpointer data)
{
  Fixture *self = data;

  g_string_append_c (self->told, 'e');
  g_assert_false (self->ended);
  self->ended = TRUE;
}

static const PcallPeerFuncs without_closed = { .frame = take_frame, .ended = take_ended };
static const PcallPeerFuncs with_closed
    = { .frame = take_frame, .closed = take_closed, .ended = take_ended };

static void
set_up (Fixture *self, gconstpointer data)
{
  *self = (Fixture){ .engine = children_engine_new (), .told = g_string_new (NULL) };
  support_pipe_open (&pipe_to_test);
}

static void
tear_down (Fixture *self, gconstpointer data)
{
  g_assert_true (self->peer == NULL || self->ended);
  g_clear_pointer (&self->peer, pcall_peer_free);
  pcall_engine_unref (self->engine);
  g_string_free (self->told, TRUE);
  support_pipe_close (&pipe_to_test);
  /* No child is left, nor a zombie. */
  g_assert_cmpint (waitpid (-1, NULL, WNOHANG), ==, -1);
  g_assert_cmpint (errno, ==, ECHILD);
}

static void
start (Fixture *self, ChildFunc func, const PcallPeerFuncs *funcs)
{
  g_autoptr (GError) error = NULL;
  PcallStarted started;

  children_func = func;
  children_start_one (&started, CHILDREN_NONCE, 0);
  self->peer = pcall_peer_new (self->engine, &started, CHILDREN_NONCE, funcs, self, &error);
  g_assert_no_error (error);
}

static void
drive_to_end (Fixture *self)
{
  children_drive_until (self->engine, &self->ended);
}

static void
assert_exit (Fixture *self, int status)
{
  const PcallExit *exit = pcall_peer_get_exit (self->peer);

  g_assert_true (exit->known);
  g_assert_cmpint (exit->status, ==, status);
}

static void
send_and_exit (PcallChannel *channel, guint index)
{
  child_send_result (channel, 0, "1");
  child_send (channel, PCALL_FRAME_NOTE, 0, g_variant_new_string ("note"));
  child_send (channel, PCALL_FRAME_FINAL, 0, g_variant_new_int32 (3));
  _exit (3);
}

/* All that it sent comes before its end, though it ended long before anybody looked. */
static void
test_frames_before_end (Fixture *self, gconstpointer data)
{
  start (self, send_and_exit, &without_closed);
  drive_to_end (self);
  g_assert_cmpstr (self->told->str, ==, "RNFe");
  g_assert_null (pcall_peer_get_error (self->peer));
  assert_exit (self, 3 << 8);
  g_assert_false (pcall_peer_left_unread (self->peer));
}

#define LARGE (3 * 1024 * 1024)

static void
send_large (PcallChannel *channel, guint index)
{
  g_autofree char *bytes = g_malloc0 (LARGE);

  for (guint i = 0; i < 2; i++)
    child_send (
        channel, PCALL_FRAME_RESULT, 0,
        g_variant_new_variant (g_variant_new_fixed_array (G_VARIANT_TYPE_BYTE, bytes, LARGE, 1)));
}

/* More than is read at once, and than the socket has room for */
static void
test_large (Fixture *self, gconstpointer data)
{
  start (self, send_large, &without_closed);
  drive_to_end (self);
  g_assert_cmpstr (self->told->str, ==, "RRe");
  g_assert_cmpuint (self->n_bytes, >, 2 * LARGE);
}

static void
close_and_wait (PcallChannel *channel, guint index)
{
  child_send_result (channel, 0, "1");
  pcall_channel_clear (channel);
  support_pipe_put (&pipe_to_test, 1);
  child_sleep ();
}

/* A child that closes its channel may go on; that is told once, and before what came with it: whose
 * result has come is not given another call then. */
static void
test_closed (Fixture *self, gconstpointer data)
{
  start (self, close_and_wait, &with_closed);
  support_pipe_get (&pipe_to_test);
  while (self->told->len < 2)
    {
      pcall_engine_wait (self->engine, -1);
      pcall_engine_dispatch (self->engine, 1);
    }
  g_assert_cmpstr (self->told->str, ==, "cR");
  g_assert_false (pcall_engine_dispatch (self->engine, G_MAXUINT));
  pcall_peer_send (self->peer, PCALL_FRAME_STOP, 0, g_variant_new_tuple (NULL, 0));
  pcall_peer_terminate (self->peer, 0);
  drive_to_end (self);
  g_assert_cmpstr (self->told->str, ==, "cRe");
  assert_exit (self, SIGKILL);
}

/* Of a session of its own, whose end is this program's business. */
static void
leave_behind (PcallChannel *channel, gboolean writes)
{
  pid_t pid = fork ();

  if (pid != 0)
    return;

  setsid ();
  pid = getpid ();
  CHILD_CHECK (write (pipe_to_test.write_fd, &pid, sizeof pid) == sizeof pid);
  while (writes)
    child_send (channel, PCALL_FRAME_MESSAGE, 0, g_variant_new_variant (g_variant_new_int32 (1)));
  child_sleep ();
}

static void
leave_holder (PcallChannel *channel, guint index)
{
  child_send_result (channel, 0, "1");
  leave_behind (channel, FALSE);
}

static void
leave_writer (PcallChannel *channel, guint index)
{
  leave_behind (channel, TRUE);
}

/* It is over, whoever holds the channel or goes on writing. */
static void
test_descendant (Fixture *self, gconstpointer data)
{
  gboolean writes = GPOINTER_TO_INT (data);
  pid_t pid;

  start (self, writes ? leave_writer : leave_holder, &without_closed);
  g_assert_cmpint (read (pipe_to_test.read_fd, &pid, sizeof pid), ==, sizeof pid);
  drive_to_end (self);
  if (!writes)
    g_assert_cmpstr (self->told->str, ==, "Re");
  assert_exit (self, 0);
  g_assert_null (pcall_peer_get_error (self->peer));
  kill (pid, SIGKILL);
}

static void
send_garbage (PcallChannel *channel, guint index)
{
  child_send_result (channel, 0, "1");
  CHILD_CHECK (write (channel->fd, "this is no frame, whatever it may be", 36) == 36);
  child_sleep ();
}

/* What came before counts; the child is killed. */
static void
test_garbage (Fixture *self, gconstpointer data)
{
  start (self, send_garbage, &with_closed);
  drive_to_end (self);
  g_assert_cmpstr (self->told->str, ==, "Re");
  g_assert_error (pcall_peer_get_error (self->peer), PCALL_ERROR, PCALL_ERROR_PROTOCOL);
  assert_exit (self, SIGKILL);
}

static void
tell_and_wait (PcallChannel *channel, guint index)
{
  child_send_result (channel, 0, "1");
  support_pipe_put (&pipe_to_test, 1);
  child_sleep ();
}

/* The first complaint is the one that is kept. */
static void
test_reject (Fixture *self, gconstpointer data)
{
  start (self, tell_and_wait, &without_closed);
  support_pipe_get (&pipe_to_test);
  pcall_peer_reject (self->peer, g_error_new (PCALL_ERROR, PCALL_ERROR_PROTOCOL, "first"));
  pcall_peer_reject (self->peer, g_error_new (PCALL_ERROR, PCALL_ERROR_PROTOCOL, "second"));
  drive_to_end (self);
  g_assert_cmpstr (self->told->str, ==, "e");
  g_assert_cmpstr (pcall_peer_get_error (self->peer)->message, ==, "first");
  assert_exit (self, SIGKILL);
}

static void
test_drain (Fixture *self, gconstpointer data)
{
  start (self, tell_and_wait, &without_closed);
  support_pipe_get (&pipe_to_test);
  g_assert_cmpstr (self->told->str, ==, "");
  pcall_peer_drain (self->peer);
  g_assert_cmpstr (self->told->str, ==, "R");
  pcall_peer_drain (self->peer);
  pcall_peer_terminate (self->peer, 0);
  drive_to_end (self);
  g_assert_cmpstr (self->told->str, ==, "Re");
}

static void
test_stop_listening (Fixture *self, gconstpointer data)
{
  start (self, tell_and_wait, &without_closed);
  support_pipe_get (&pipe_to_test);
  pcall_peer_stop_listening (self->peer);
  pcall_peer_drain (self->peer);
  pcall_peer_terminate (self->peer, 0);
  drive_to_end (self);
  g_assert_cmpstr (self->told->str, ==, "e");
}

static void
wait_for_signal (PcallChannel *channel, guint index)
{
  support_pipe_put (&pipe_to_test, 1);
  child_sleep ();
}

static void
ignore_signal (PcallChannel *channel, guint index)
{
  signal (SIGTERM, SIG_IGN);
  wait_for_signal (channel, index);
}

static void
stop_self (PcallChannel *channel, guint index)
{
  support_pipe_put (&pipe_to_test, 1);
  raise (SIGSTOP);
  child_sleep ();
}

static void
terminate_self (PcallChannel *channel, guint index)
{
  kill (getpid (), SIGTERM);
  child_sleep ();
}

#define LONG (G_GINT64_CONSTANT (3600) * G_USEC_PER_SEC)

typedef struct
{
  const char *path;
  ChildFunc func;
  gint64 graces[2]; /* microseconds; of each time that it is asked to end, -1: none */
  int status;
} EndRow;

static const EndRow end_rows[] = {
  { "/peer/terminate/no-grace", wait_for_signal, { 0, -1 }, SIGKILL },
  { "/peer/terminate/grace", wait_for_signal, { LONG, -1 }, SIGTERM },
  { "/peer/terminate/ignored", ignore_signal, { 20000, -1 }, SIGKILL },
  { "/peer/terminate/ignored-twice", ignore_signal, { 20000, LONG }, SIGKILL },
  { "/peer/terminate/at-once-after-all", ignore_signal, { LONG, 0 }, SIGKILL },
  { "/peer/terminate/stopped", stop_self, { LONG, -1 }, SIGTERM },
};

static void
test_terminate (gconstpointer data)
{
  const EndRow *row = data;
  Fixture fixture;

  set_up (&fixture, NULL);
  start (&fixture, row->func, &without_closed);
  support_pipe_get (&pipe_to_test);
  for (gsize i = 0; i < G_N_ELEMENTS (row->graces) && row->graces[i] >= 0; i++)
    pcall_peer_terminate (fixture.peer, row->graces[i]);
  drive_to_end (&fixture);
  assert_exit (&fixture, row->status);
  /* It is known to have ended: nobody is signalled. */
  pcall_peer_terminate (fixture.peer, 0);
  tear_down (&fixture, NULL);
}

static void
test_own_end (Fixture *self, gconstpointer data)
{
  start (self, terminate_self, &without_closed);
  drive_to_end (self);
  assert_exit (self, SIGTERM);
  g_assert_null (pcall_peer_get_error (self->peer));
}

/* Sending */

#define N_SENT 40
#define SENT_SIZE (200 * 1024)

/* Slowly: what does not go into the socket has to wait. */
static void
read_all (PcallChannel *channel, guint index)
{
  for (guint i = 0; i < N_SENT; i++)
    {
      g_autoptr (PcallFrame) frame = child_receive (channel);

      CHILD_CHECK (frame != NULL && frame->type == PCALL_FRAME_CALL && frame->call_index == i);
      CHILD_CHECK (frame->payload->length > SENT_SIZE);
    }
}

static GVariant *
make_call (gsize size)
{
  g_autofree char *name = g_strnfill (size, 'x');

  return g_variant_new ("(sv@a{sv}ss)", name, g_variant_new_tuple (NULL, 0),
                        g_variant_new_parsed ("@a{sv} {}"), "", "");
}

static void
test_send (Fixture *self, gconstpointer data)
{
  start (self, read_all, &with_closed);
  for (guint i = 0; i < N_SENT; i++)
    pcall_peer_send (self->peer, PCALL_FRAME_CALL, i, make_call (SENT_SIZE));
  drive_to_end (self);
  assert_exit (self, 0);
  g_assert_false (pcall_peer_left_unread (self->peer));
}

static void
never_read (PcallChannel *channel, guint index)
{
  support_pipe_put (&pipe_to_test, 1);
  child_sleep ();
}

/* The parent does not wait, and is told where the child did not read what it was sent. */
static void
test_never_read (Fixture *self, gconstpointer data)
{
  start (self, never_read, &with_closed);
  support_pipe_get (&pipe_to_test);
  for (guint i = 0; i < N_SENT; i++)
    pcall_peer_send (self->peer, PCALL_FRAME_CALL, i, make_call (SENT_SIZE));
  pcall_peer_terminate (self->peer, 0);
  drive_to_end (self);
  g_assert_true (pcall_peer_left_unread (self->peer));
}

static void
leave_holder_and_wait (PcallChannel *channel, guint index)
{
  leave_behind (channel, FALSE);
  child_sleep ();
}

/* The same where somebody else still has its end, who may yet read. */
static void
test_unread_while_held (Fixture *self, gconstpointer data)
{
  pid_t pid;

  start (self, leave_holder_and_wait, &with_closed);
  g_assert_cmpint (read (pipe_to_test.read_fd, &pid, sizeof pid), ==, sizeof pid);
  pcall_peer_send (self->peer, PCALL_FRAME_CALL, 0, make_call (10));
  pcall_peer_terminate (self->peer, 0);
  drive_to_end (self);
  g_assert_true (pcall_peer_left_unread (self->peer));
  kill (pid, SIGKILL);
}

/* It cannot be watched: nothing is left of it. */
static void
test_new_fails (Fixture *self, gconstpointer data)
{
  g_autoptr (GError) error = NULL;
  PcallStarted started;
  pid_t pid;

  children_func = never_read;
  children_start_one (&started, CHILDREN_NONCE, 0);
  support_pipe_get (&pipe_to_test);
  pid = started.process.pid;
  close (started.fd);
  started.fd = open ("/proc/self/exe", O_RDONLY | O_CLOEXEC); /* what epoll does not take */
  g_assert_null (
      pcall_peer_new (self->engine, &started, CHILDREN_NONCE, &with_closed, self, &error));
  g_assert_error (error, PCALL_ERROR, PCALL_ERROR_START);
  g_assert_cmpint (kill (pid, 0), ==, -1);
  g_assert_cmpint (fcntl (started.fd, F_GETFD), ==, -1);
  g_assert_cmpint (fcntl (started.process.pidfd, F_GETFD), ==, -1);
  g_assert_false (pcall_engine_dispatch (self->engine, G_MAXUINT));
  g_assert_cmpstr (self->told->str, ==, "");
}

/* One that could not enter has left nothing in the engine. */

static void
is_due (gpointer data)
{
  *(gboolean *) data = TRUE;
}

static void
test_remote_not_entered (Fixture *self, gconstpointer data)
{
  g_autoptr (GError) error = NULL;
  gboolean due = FALSE;
  PcallTimer timer = { 0 };
  PcallChannel channel;
  PcallPeer *peer;
  int fd = memfd_create ("nothing to wait for", MFD_CLOEXEC);

  g_assert_no_errno (fd);
  pcall_channel_init (&channel, fd, 0);
  peer = pcall_peer_new_remote (&channel, 1);
  g_assert_false (pcall_peer_enter (peer, self->engine, &without_closed, self, &error));
  g_assert_error (error, PCALL_ERROR, PCALL_ERROR_START);
  pcall_peer_free (peer);

  pcall_engine_set_timer (self->engine, &timer, g_get_monotonic_time () + 1000, is_due, &due);
  while (!due)
    {
      pcall_engine_wait (self->engine, -1);
      pcall_engine_dispatch (self->engine, G_MAXUINT);
    }
}

int
main (int argc, char *argv[])
{
  static const struct
  {
    const char *path;
    void (*test) (Fixture *, gconstpointer);
    int data;
  } tests[] = {
    { "/peer/frames-before-end", test_frames_before_end, 0 },
    { "/peer/large", test_large, 0 },
    { "/peer/closed", test_closed, 0 },
    { "/peer/descendant/holds", test_descendant, FALSE },
    { "/peer/descendant/writes", test_descendant, TRUE },
    { "/peer/garbage", test_garbage, 0 },
    { "/peer/reject", test_reject, 0 },
    { "/peer/drain", test_drain, 0 },
    { "/peer/stop-listening", test_stop_listening, 0 },
    { "/peer/own-end", test_own_end, 0 },
    { "/peer/send", test_send, 0 },
    { "/peer/never-read", test_never_read, 0 },
    { "/peer/never-read/while-held", test_unread_while_held, 0 },
    { "/peer/new-fails", test_new_fails, 0 },
    { "/peer/remote-not-entered", test_remote_not_entered, 0 },
  };

  g_test_init (&argc, &argv, NULL);

  for (gsize i = 0; i < G_N_ELEMENTS (tests); i++)
    g_test_add (tests[i].path, Fixture, GINT_TO_POINTER (tests[i].data), set_up, tests[i].test,
                tear_down);
  for (gsize i = 0; i < G_N_ELEMENTS (end_rows); i++)
    g_test_add_data_func (end_rows[i].path, &end_rows[i], test_terminate);

  return g_test_run ();
}
