/*
 * SPDX-FileCopyrightText: 2026 The pcall authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include "wire/pcall-keepalive-private.h"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

#define N_PROBES 3

static void
set (int fd,
     int level,
     int option,
     int value)
{
  setsockopt (fd, level, option, &value, sizeof value);
}

void
pcall_keepalive_set (int    fd,
                     gint64 interval)
{
  int seconds = (int) CLAMP (interval / G_USEC_PER_SEC, 1, G_MAXINT16);

  set (fd, IPPROTO_TCP, TCP_NODELAY, 1);
  if (interval <= 0)
    return;

  set (fd, SOL_SOCKET, SO_KEEPALIVE, 1);
  set (fd, IPPROTO_TCP, TCP_KEEPIDLE, seconds);
  set (fd, IPPROTO_TCP, TCP_KEEPINTVL, seconds);
  set (fd, IPPROTO_TCP, TCP_KEEPCNT, N_PROBES);
  set (fd, IPPROTO_TCP, TCP_USER_TIMEOUT, seconds * N_PROBES * 1000);
}
