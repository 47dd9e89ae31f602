/*
 * SPDX-FileCopyrightText: 2026 The pcall authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include "agent/pcall-uplink-private.h"

#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/pcall-fd-private.h"
#include "base/pcall-random-private.h"
#include "parent/pcall-crew-environment-private.h"
#include "pcall-error.h"
#include "start/pcall-spawn-private.h"
#include "wire/pcall-handshake-private.h"
#include "wire/pcall-keepalive-private.h"
#include "wire/pcall-remote-private.h"

/* The way from an agent to its parent.
 *
 * Where the environment has an address and a secret, it is that address, or the first of several
 * that answers and proves that it is the parent's. Else it is the standard streams, of which the
 * first line is the secret; then what a worker prints goes where errors go.
 *
 * Sending waits for who reads. So an agent keeps no more than one frame of what its worker sends,
 * however slow the way is. */

#define CONNECT_MS 10000
#define HANDSHAKE_MS 30000
#define HEARTBEAT_US (30 * G_USEC_PER_SEC)
#define CLOSE_MS 10000

static void (*parent_is_gone) (gpointer data);
static gpointer parent_is_gone_data;
static guint32 launch_number; /* 0: it was not told */

static gboolean
fail (GError    **error,
      PcallError  code,
      const char *what,
      const char *why)
{
  g_set_error (error, PCALL_ERROR, code, "%s: %s", what, why);
  return FALSE;
}

/* Bytes, with a limit of time. */

static gboolean
wait_for (int   fd,
          short events,
          int   limit_ms)
{
  struct pollfd ready = { .fd = fd, .events = events };
  int n;

  while ((n = poll (&ready, 1, limit_ms)) < 0 && errno == EINTR)
    ;
  if (n == 0)
    errno = ETIMEDOUT;
  return n > 0;
}

static gssize
read_some (int     fd,
           guint8 *bytes,
           gsize   size)
{
  gssize n = -1;

  if (!wait_for (fd, POLLIN, HANDSHAKE_MS))
    return -1;
  while ((n = read (fd, bytes, size)) < 0 && errno == EINTR)
    ;
  return n;
}

/* The handshake */

static gboolean
send_outgoing (PcallHandshake *shake,
               int             fd)
{
  gboolean sent = pcall_fd_write_all (fd, shake->outgoing->data, shake->outgoing->len);

  g_byte_array_set_size (shake->outgoing, 0);
  return sent;
}

static gboolean
go_on (PcallHandshake *shake,
       int             in_fd,
       int             out_fd,
       GError        **error)
{
  PcallHandshakeStatus status = PCALL_HANDSHAKE_MORE;
  guint8 bytes[PCALL_HANDSHAKE_FRAME_SIZE];

  while (status == PCALL_HANDSHAKE_MORE)
    {
      gssize n = read_some (in_fd, bytes, sizeof bytes);

      if (n <= 0)
        return fail (error, PCALL_ERROR_PROTOCOL, "the parent",
                     n < 0 ? g_strerror (errno) : "closed the connection");
      status = pcall_handshake_take (shake, bytes, n, error);
      if (status != PCALL_HANDSHAKE_REFUSED && !send_outgoing (shake, out_fd))
        return fail (error, PCALL_ERROR_PROTOCOL, "the parent", g_strerror (errno));
    }
  return status == PCALL_HANDSHAKE_DONE;
}

static gboolean
shake_hands (const PcallSecret *secret,
             int                in_fd,
             int                out_fd,
             guint64           *nonce,
             GError           **error)
{
  guint8 random[PCALL_RANDOM_SIZE];
  PcallHandshake shake;
  gboolean done;

  if (!pcall_random_fill (random, sizeof random))
    return fail (error, PCALL_ERROR_START, "getrandom", g_strerror (errno));

  pcall_handshake_init (&shake, PCALL_ROLE_AGENT, secret, random, FALSE);
  done = go_on (&shake, in_fd, out_fd, error);
  *nonce = shake.nonce;
  pcall_handshake_clear (&shake);
  return done;
}

/* To an address */

static int
connect_to (const struct addrinfo *address)
{
  int fd = pcall_spawn_lift (
      socket (address->ai_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  int failure = 0;
  socklen_t size = sizeof failure;

  if (fd < 0)
    return -1;
  if ((connect (fd, address->ai_addr, address->ai_addrlen) == 0 ||
       (errno == EINPROGRESS && wait_for (fd, POLLOUT, CONNECT_MS) &&
        getsockopt (fd, SOL_SOCKET, SO_ERROR, &failure, &size) == 0 && failure == 0)) &&
      fcntl (fd, F_SETFL, 0) == 0)
    return fd;

  failure = failure != 0 ? failure : errno;
  close (fd);
  errno = failure;
  return -1;
}

/* "192.0.2.1:4711" or "[2001:db8::1]:4711" */
static int
open_address (const char *text,
              GError    **error)
{
  struct addrinfo hints = { .ai_socktype = SOCK_STREAM,
                            .ai_flags = AI_NUMERICHOST | AI_NUMERICSERV };
  struct addrinfo *found = NULL;
  const char *colon = strrchr (text, ':');
  gboolean bracketed = *text == '[' && colon != NULL && colon > text + 1 && colon[-1] == ']';
  g_autofree char *host =
      colon != NULL ? g_strndup (text + bracketed, colon - text - 2 * bracketed) : NULL;
  int fd = -1;

  if (host == NULL || getaddrinfo (host, colon + 1, &hints, &found) != 0)
    {
      fail (error, PCALL_ERROR_START, text, "this is no address");
      return -1;
    }

  fd = connect_to (found);
  if (fd < 0)
    fail (error, PCALL_ERROR_START, text, g_strerror (errno));
  freeaddrinfo (found);
  return fd;
}

static gboolean
try_address (PcallChannel      *channel,
             const char        *address,
             const PcallSecret *secret,
             GError           **error)
{
  guint64 nonce = 0;
  int fd = open_address (address, error);

  if (fd < 0)
    return FALSE;
  pcall_keepalive_set (fd, HEARTBEAT_US);
  if (!shake_hands (secret, fd, fd, &nonce, error))
    {
      g_prefix_error (error, "%s: ", address);
      close (fd);
      return FALSE;
    }

  pcall_channel_init (channel, fd, nonce);
  return TRUE;
}

static gboolean
open_connection (PcallChannel *channel,
                 const char   *addresses,
                 const char   *secret_text,
                 GError      **error)
{
  g_auto (GStrv) all = g_strsplit (addresses, " ", -1);
  g_autoptr (GError) last = NULL;
  PcallSecret secret;

  if (all[0] == NULL)
    return fail (error, PCALL_ERROR_START, PCALL_ENV_AGENT_ADDRESS, "there is none");
  if (secret_text == NULL || !pcall_secret_from_text (&secret, secret_text))
    return fail (error, PCALL_ERROR_START, PCALL_ENV_AGENT_SECRET, "there is none");

  for (guint i = 0; all[i] != NULL; i++)
    {
      g_clear_error (&last);
      if (try_address (channel, all[i], &secret, &last))
        return TRUE;
      if (all[i + 1] != NULL)
        g_printerr ("pcall-agent: %s\n", last->message);
    }
  g_propagate_error (error, g_steal_pointer (&last));
  return FALSE;
}

/* On the standard streams */

static gboolean
read_secret (PcallSecret *secret,
             GError     **error)
{
  char text[PCALL_SECRET_TEXT_SIZE];
  gsize filled = 0;

  /* Not a byte more: the parent's frames follow. */
  while (filled < sizeof text)
    {
      gssize n = read_some (STDIN_FILENO, (guint8 *) text + filled, sizeof text - filled);

      if (n <= 0)
        return fail (error, PCALL_ERROR_START, "standard input",
                     n < 0 ? g_strerror (errno)
                           : "it ended; this program is started by a launcher of pcall");
      filled += n;
    }

  text[sizeof text - 1] = '\0';
  return pcall_secret_from_text (secret, text) ||
         fail (error, PCALL_ERROR_START, "standard input",
               "it does not begin with a secret; this program is started by a launcher of pcall");
}

/* What is printed from here on is no frame. */
static gboolean
move_streams (int *in_fd,
              int *out_fd)
{
  int null_fd = open ("/dev/null", O_RDONLY | O_CLOEXEC);
  gboolean moved;

  *in_fd = fcntl (STDIN_FILENO, F_DUPFD_CLOEXEC, PCALL_SPAWN_MAX_FDS);
  *out_fd = fcntl (STDOUT_FILENO, F_DUPFD_CLOEXEC, PCALL_SPAWN_MAX_FDS);
  moved = *in_fd >= 0 && *out_fd >= 0 && null_fd >= 0 && dup2 (null_fd, STDIN_FILENO) >= 0 &&
          dup2 (STDERR_FILENO, STDOUT_FILENO) >= 0;
  if (null_fd > STDERR_FILENO)
    close (null_fd);
  return moved;
}

static gboolean
open_streams (PcallChannel *channel,
              GError      **error)
{
  PcallSecret secret;
  guint64 nonce = 0;
  int in_fd, out_fd;

  if (!read_secret (&secret, error))
    return FALSE;
  if (!move_streams (&in_fd, &out_fd))
    return fail (error, PCALL_ERROR_START, "standard streams", g_strerror (errno));
  if (!shake_hands (&secret, in_fd, out_fd, &nonce, error))
    return FALSE;

  pcall_channel_init_pipes (channel, in_fd, out_fd, nonce);
  return TRUE;
}

/* Both */

static GVariant *
make_hello (void)
{
  /* Where one machine plays several, as Slurm can have it. */
  const char *node = g_getenv ("SLURMD_NODENAME");
  PcallRemoteHello hello = {
    .version = PCALL_FRAME_VERSION,
    .pid = getpid (),
    .host = (char *) (node != NULL ? node : g_get_host_name ()),
    .launch = launch_number,
  };

  return pcall_remote_hello_to_variant (&hello);
}

gboolean
pcall_uplink_open (PcallChannel *channel,
                   void        (*gone) (gpointer data),
                   gpointer      data,
                   GError      **error)
{
  g_autofree char *addresses = g_strdup (g_getenv (PCALL_ENV_AGENT_ADDRESS));
  g_autofree char *secret = g_strdup (g_getenv (PCALL_ENV_AGENT_SECRET));
  const char *launch = g_getenv (PCALL_ENV_AGENT_LAUNCH);

  launch_number = launch != NULL ? (guint32) g_ascii_strtoull (launch, NULL, 10) : 0;
  g_unsetenv (PCALL_ENV_AGENT);
  g_unsetenv (PCALL_ENV_AGENT_ADDRESS);
  g_unsetenv (PCALL_ENV_AGENT_SECRET);
  g_unsetenv (PCALL_ENV_AGENT_LAUNCH);
  /* A task within a call is for this machine. */
  g_unsetenv ("PCALL_LAUNCHER");
  signal (SIGPIPE, SIG_IGN);
  if (addresses != NULL ? !open_connection (channel, addresses, secret, error)
                        : !open_streams (channel, error))
    return FALSE;

  parent_is_gone = gone;
  parent_is_gone_data = data;
  /* It has proved that it is the parent, which starts programs here. */
  channel->trusts = TRUE;
  return TRUE;
}

void
pcall_uplink_send_frames (PcallChannel        *channel,
                          const PcallOutgoing *frames,
                          guint                n_frames)
{
  if (pcall_channel_send (channel, frames, n_frames))
    return;

  if (errno != EPIPE && errno != ECONNRESET)
    g_printerr ("pcall-agent: %s: %s\n", channel->out_fd > 0 ? "writev" : "sendmsg",
                g_strerror (errno));
  parent_is_gone (parent_is_gone_data);
  g_assert_not_reached ();
}

void
pcall_uplink_send (PcallChannel  *channel,
                   PcallFrameType type,
                   guint          index,
                   GVariant      *value)
{
  g_autoptr (GVariant) owned = g_variant_ref_sink (value);
  PcallOutgoing frame = pcall_outgoing_new (type, index, owned);

  pcall_uplink_send_frames (channel, &frame, 1);
}

void
pcall_uplink_pass (PcallChannel  *channel,
                   PcallFrameType type,
                   guint          index,
                   gconstpointer  data,
                   gsize          size)
{
  PcallOutgoing frame = { .type = type, .call_index = index, .data = data, .size = size };

  pcall_uplink_send_frames (channel, &frame, 1);
}

void
pcall_uplink_greet (PcallChannel *channel)
{
  pcall_uplink_send (channel, PCALL_FRAME_HELLO, 0, make_hello ());
}

/* A socket that is closed with something unread in it is reset, and what it had still to send is
 * dropped, a result for instance. Of a pipe the other end is another's. */
void
pcall_uplink_end (int fd,
                  int limit_ms)
{
  gint64 until = g_get_monotonic_time () + limit_ms * G_GINT64_CONSTANT (1000);
  int left_ms = limit_ms;
  guint8 bytes[4096];

  if (shutdown (fd, SHUT_WR) < 0)
    return;

  while (left_ms > 0 && wait_for (fd, POLLIN, left_ms) &&
         recv (fd, bytes, sizeof bytes, MSG_DONTWAIT) > 0)
    left_ms = (int) ((until - g_get_monotonic_time ()) / 1000);
}

void
pcall_uplink_close (PcallChannel *channel)
{
  pcall_uplink_end (channel->fd, CLOSE_MS);
}
