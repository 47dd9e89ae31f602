/*
 * SPDX-FileCopyrightText: 2026 The pcall authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

/* Sockets that a child sends, and whose last close() waits for data that nobody reads: nobody waits
 * for that. */

#include <errno.h>
#include <gio/gunixfdlist.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "task-support.h"
#include "traces.h"

#define LINGER_S 8

static int listener;

static int
connect_lingering (void)
{
  struct sockaddr_in address;
  socklen_t size = sizeof address;
  int fd = socket (AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  const struct linger option = { 1, LINGER_S };
  static char bytes[1 << 16];

  if (getsockname (listener, (struct sockaddr *) &address, &size) < 0 ||
      (connect (fd, (struct sockaddr *) &address, size) < 0 && errno != EINPROGRESS) ||
      setsockopt (fd, SOL_SOCKET, SO_LINGER, &option, sizeof option) < 0)
    _exit (88);
  poll (&(struct pollfd) { fd, POLLOUT, 0 }, 1, 10000);
  while (write (fd, bytes, sizeof bytes) > 0)
    ;
  return fd;
}

/* As a result, or in a message. */
static GVariant *
send_lingering (GVariant  *args,
                GVariant  *kwargs,
                gpointer   user_data,
                GError   **error)
{
  g_autoptr (GUnixFDList) list = g_unix_fd_list_new ();
  int fd = connect_lingering ();

  g_unix_fd_list_append (list, fd, NULL);
  if (pcall_get_call_index () % 2 == 0)
    pcall_set_result_fd_list (list);
  else
    pcall_send_message_with_fd_list (g_variant_new_string (""), list, NULL);
  return g_variant_new_uint32 (0);
}

static void
listen_at_loopback (void)
{
  struct sockaddr_in address = { .sin_family = AF_INET, .sin_addr = { htonl (INADDR_LOOPBACK) } };

  listener = socket (AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  g_assert_no_errno (bind (listener, (struct sockaddr *) &address, sizeof address));
  g_assert_no_errno (listen (listener, 64));
}

static void
linger (gconstpointer data)
{
  gint64 begun = g_get_monotonic_time ();
  PcallTask *task = pcall_task_new_for_func (send_lingering, NULL, NULL);
  g_autoptr (GUnixFDList) kept = NULL;
  g_autoptr (PcallCall) call = NULL;
  struct linger option;
  socklen_t size = sizeof option;
  int fd;

  listen_at_loopback ();
  pcall_task_set_n_calls (task, 8);
  pcall_task_set_max_children (task, 2);
  support_run (task, NULL);
  call = pcall_task_dup_call (task, 0);
  kept = pcall_call_dup_result_fd_list (call);
  g_clear_object (&call);
  g_assert_finalize_object (task);

  /* One that somebody has is as it was. */
  fd = g_unix_fd_list_get (kept, 0, NULL);
  g_assert_no_errno (getsockopt (fd, SOL_SOCKET, SO_LINGER, &option, &size));
  g_assert_cmpint (option.l_linger, ==, LINGER_S);
  g_clear_object (&kept);
  g_assert_cmpint (g_get_monotonic_time () - begun, <, LINGER_S / 2 * G_USEC_PER_SEC);
}

static void
test_lingering (void)
{
  traces_in_subprocess (linger, NULL);
}

int
main (int argc, char *argv[])
{
  g_test_init (&argc, &argv, NULL);
  traces_begin ();

  g_test_add_func ("/lingering/sockets", test_lingering);

  return g_test_run ();
}
