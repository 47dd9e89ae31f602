/*
 * SPDX-FileCopyrightText: 2026 The pcall authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include "parent/pcall-crew-parts-private.h"

#include <arpa/inet.h>
#include <errno.h>
#include <ifaddrs.h>
#include <net/if.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/pcall-fd-private.h"
#include "base/pcall-unshared-private.h"
#include "pcall-error.h"
#include "wire/pcall-keepalive-private.h"

/* Where agents find this process: a port of the system's choice, on the address that was told, or
 * on all of this machine's, of which an agent tries one after the other. Those that only this
 * machine can reach come last: a program on the same one may be what is meant.
 *
 * Anybody can connect. So there is a limit to how many are there who have not proved themselves,
 * and where there is no descriptor for one more, those that wait do so a while longer. */

#define BACKLOG 4096
#define MAX_STRANGERS 1024
#define PAUSE_US 100000
#define BURST 64

static gboolean
fail (GError    **error,
      const char *what,
      const char *why)
{
  g_set_error (error, PCALL_ERROR, PCALL_ERROR_START, "launcher: %s: %s", what, why);
  return FALSE;
}

/* Accepting */

static void
look_again (gpointer data)
{
  PcallCrew *self = data;

  pcall_engine_rewatch (self->engine, &self->listener.watch, EPOLLIN);
}

static void
pause_listening (PcallCrew *self)
{
  pcall_engine_rewatch (self->engine, &self->listener.watch, 0);
  pcall_engine_set_timer (self->engine, &self->listener.pause, g_get_monotonic_time () + PAUSE_US,
                          look_again, self);
}

/* One that has been silent for long makes room for one that may not be. */
static void
make_room (PcallCrew *self)
{
  for (GList *l = self->strangers.head; l != NULL && self->strangers.length >= MAX_STRANGERS;)
    {
      PcallStranger *stranger = l->data;

      l = l->next;
      if (stranger->launch == NULL)
        pcall_stranger_leave (stranger);
    }
}

/* No agent can connect: the next command's may, at another port. */
static void
give_up_listening (PcallCrew *self,
                   int        error_number)
{
  pcall_crew_stop_listening (self);
  for (GList *l = self->launches.head; l != NULL; l = l->next)
    pcall_launch_give_up (l->data,
                          g_error_new (PCALL_ERROR, PCALL_ERROR_START, "accept4: %s",
                                       g_strerror (error_number)));
}

/* What is wrong with one connection, or with the network just now, is told in the same way. */
static gboolean
concerns_listener (int error_number)
{
  return pcall_fd_is_refusal (error_number) || error_number == EBADF || error_number == EINVAL ||
         error_number == ENOTSOCK;
}

static void
take_accept_error (PcallCrew *self,
                   int        error_number)
{
  if (error_number == EMFILE || error_number == ENFILE || error_number == ENOMEM ||
      error_number == ENOBUFS)
    pause_listening (self);
  else if (concerns_listener (error_number))
    give_up_listening (self, error_number);
}

static void
connected (gpointer data,
           guint32  events)
{
  PcallCrew *self = data;

  for (guint i = 0; i < BURST; i++)
    {
      int fd = pcall_fd_lift (accept4 (self->listener.fd, NULL, NULL, SOCK_CLOEXEC));

      if (fd < 0)
        {
          take_accept_error (self, errno);
          return;
        }
      pcall_unshared_add (fd);
      pcall_keepalive_set (fd, self->plan.heartbeat);
      make_room (self);
      pcall_crew_meet (self, fd, NULL);
    }
}

/* Addresses */

static void
append_address (GString               *addresses,
                const struct sockaddr *address,
                socklen_t              size,
                guint                  port)
{
  char host[NI_MAXHOST];

  if (getnameinfo (address, size, host, sizeof host, NULL, 0, NI_NUMERICHOST) != 0)
    return;
  g_string_append_printf (addresses, address->sa_family == AF_INET6 ? "%s[%s]:%u" : "%s%s:%u",
                          addresses->len > 0 ? " " : "", host, port);
}

/* One that only makes sense with the name of an interface of this machine is of no use elsewhere.
 * */
static gboolean
is_of_use (const struct ifaddrs *interface,
           gboolean              loopback)
{
  const struct sockaddr *address = interface->ifa_addr;

  if (address == NULL || !!(interface->ifa_flags & IFF_LOOPBACK) != loopback)
    return FALSE;
  return address->sa_family == AF_INET ||
         (address->sa_family == AF_INET6 &&
          !IN6_IS_ADDR_LINKLOCAL (&((const struct sockaddr_in6 *) address)->sin6_addr));
}

static void
append_interfaces (GString              *addresses,
                   const struct ifaddrs *interfaces,
                   gboolean              loopback,
                   guint                 port)
{
  for (const struct ifaddrs *i = interfaces; i != NULL; i = i->ifa_next)
    if (is_of_use (i, loopback))
      append_address (addresses, i->ifa_addr,
                      i->ifa_addr->sa_family == AF_INET6 ? sizeof (struct sockaddr_in6)
                                                         : sizeof (struct sockaddr_in),
                      port);
}

static char *
list_addresses (guint port)
{
  GString *addresses = g_string_new (NULL);
  struct ifaddrs *interfaces = NULL;

  if (getifaddrs (&interfaces) == 0)
    {
      append_interfaces (addresses, interfaces, FALSE, port);
      append_interfaces (addresses, interfaces, TRUE, port);
      freeifaddrs (interfaces);
    }
  if (addresses->len == 0)
    g_string_append_printf (addresses, "127.0.0.1:%u", port);
  return g_string_free (addresses, FALSE);
}

/* Listening */

typedef union
{
  struct sockaddr     any;
  struct sockaddr_in  in;
  struct sockaddr_in6 in6;
} Address;

static guint
get_port (int fd)
{
  Address address;
  socklen_t size = sizeof address;

  if (getsockname (fd, &address.any, &size) < 0)
    return 0;
  return ntohs (address.any.sa_family == AF_INET6 ? address.in6.sin6_port : address.in.sin_port);
}

static int
open_socket (const struct sockaddr *address,
             socklen_t              size)
{
  int off = 0;
  int fd = pcall_fd_lift (
      socket (address->sa_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  int saved_errno;

  if (fd < 0)
    return -1;
  if (address->sa_family == AF_INET6)
    setsockopt (fd, IPPROTO_IPV6, IPV6_V6ONLY, &off, sizeof off);
  if (bind (fd, address, size) == 0 && listen (fd, BACKLOG) == 0 && get_port (fd) > 0)
    return fd;

  saved_errno = errno;
  close (fd);
  errno = saved_errno;
  return -1;
}

/* Of both kinds; a machine may have one only. */
static gboolean
listen_everywhere (PcallListener *listener,
                   GError       **error)
{
  Address all6 = { .in6 = { .sin6_family = AF_INET6, .sin6_addr = IN6ADDR_ANY_INIT } };
  Address all = { .in = { .sin_family = AF_INET, .sin_addr.s_addr = htonl (INADDR_ANY) } };

  listener->fd = open_socket (&all6.any, sizeof all6.in6);
  if (listener->fd < 0)
    listener->fd = open_socket (&all.any, sizeof all.in);
  if (listener->fd < 0)
    return fail (error, "listen or getsockname", g_strerror (errno));

  listener->port = get_port (listener->fd);
  listener->addresses = list_addresses (listener->port);
  return TRUE;
}

static gboolean
listen_at (PcallListener *listener,
           const char    *name,
           GError       **error)
{
  struct addrinfo hints = { .ai_socktype = SOCK_STREAM, .ai_flags = AI_PASSIVE };
  struct addrinfo *found = NULL;
  GString *addresses;
  int result = getaddrinfo (name, NULL, &hints, &found);

  if (result != 0)
    return fail (error, name, gai_strerror (result));

  listener->fd = open_socket (found->ai_addr, found->ai_addrlen);
  if (listener->fd < 0)
    {
      freeaddrinfo (found);
      return fail (error, name, g_strerror (errno));
    }

  addresses = g_string_new (NULL);
  listener->port = get_port (listener->fd);
  append_address (addresses, found->ai_addr, found->ai_addrlen, listener->port);
  listener->addresses = g_string_free (addresses, FALSE);
  freeaddrinfo (found);
  return TRUE;
}

/* Something else in this program may have closed it. */
static gboolean
is_listening (const PcallListener *listener)
{
  return listener->fd >= 0 && get_port (listener->fd) == listener->port;
}

gboolean
pcall_crew_listen (PcallCrew *self,
                   GError   **error)
{
  PcallListener *listener = &self->listener;
  const char *address = self->plan.address;

  if (is_listening (listener))
    return TRUE;
  pcall_crew_stop_listening (self);
  if (address != NULL ? !listen_at (listener, address, error)
                      : !listen_everywhere (listener, error))
    return FALSE;
  pcall_unshared_add (listener->fd);
  if (pcall_engine_watch (self->engine, &listener->watch, listener->fd, EPOLLIN, connected, self,
                          error))
    return TRUE;

  pcall_crew_stop_listening (self);
  return FALSE;
}

void
pcall_crew_stop_listening (PcallCrew *self)
{
  PcallListener *listener = &self->listener;

  pcall_engine_unset_timer (self->engine, &listener->pause);
  pcall_engine_unwatch (self->engine, &listener->watch);
  if (listener->fd >= 0)
    pcall_unshared_remove (listener->fd);
  pcall_fd_clear (&listener->fd);
  g_clear_pointer (&listener->addresses, g_free);
}
