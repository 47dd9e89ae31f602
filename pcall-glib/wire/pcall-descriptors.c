/*
 * SPDX-FileCopyrightText: 2026 The pcall authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include "wire/pcall-descriptors-private.h"

#include <string.h>
#include <unistd.h>

#include "pcall-error.h"
#include "base/pcall-fd-private.h"

/* Descriptors beside the bytes of a socket.
 *
 * The kernel hands them over with the first byte of what they were sent with, and does not read on
 * behind that: so they come with the first part of their frame, or before its header is whole, and
 * those of two frames never come at once. When the rest of that header is read, those of the next
 * frame may come with it. From the moment they came they are ours to close, whatever becomes of the
 * frame. */

void
pcall_control_attach (PcallControl  *self,
                      struct msghdr *message,
                      const int     *fds,
                      guint          n_fds)
{
  gsize size = n_fds * sizeof *fds;

  g_assert (n_fds <= PCALL_MAX_DESCRIPTORS);
  if (n_fds == 0)
    return;

  memset (self->bytes, 0, CMSG_SPACE (size));
  self->header.cmsg_level = SOL_SOCKET;
  self->header.cmsg_type = SCM_RIGHTS;
  self->header.cmsg_len = CMSG_LEN (size);
  memcpy (CMSG_DATA (&self->header), fds, size);
  message->msg_control = self->bytes;
  message->msg_controllen = CMSG_SPACE (size);
}

/* One that cannot be lifted is lost, and counts as one that did not come. */
static gboolean
add (PcallDescriptors *self,
     const guchar     *data,
     guint             n)
{
  gboolean all = TRUE;

  self->fds = g_renew (int, self->fds, self->n + n);
  for (guint i = 0; i < n; i++)
    {
      int fd;

      memcpy (&fd, data + i * sizeof fd, sizeof fd);
      fd = pcall_fd_lift (fd);
      if (fd >= 0)
        self->fds[self->n++] = fd;
      all &= fd >= 0;
    }
  return all;
}

gboolean
pcall_descriptors_receive (PcallDescriptors *self,
                           struct msghdr    *message,
                           GError          **error)
{
  gboolean all = (message->msg_flags & MSG_CTRUNC) == 0;
  guint n_before = self->n;

  for (struct cmsghdr *part = CMSG_FIRSTHDR (message); part != NULL;
       part = CMSG_NXTHDR (message, part))
    if (part->cmsg_level == SOL_SOCKET && part->cmsg_type == SCM_RIGHTS)
      all &= add (self, CMSG_DATA (part), (part->cmsg_len - CMSG_LEN (0)) / sizeof (int));

  if (n_before == 0)
    self->n_first = self->n;
  if (all)
    return TRUE;

  g_set_error_literal (error, PCALL_ERROR, PCALL_ERROR_PROTOCOL,
                       "not all descriptors that the child sent could be received; this process "
                       "may have too many open files (see RLIMIT_NOFILE)");
  return FALSE;
}

/* Drops the first @n, which are others' now. */
static void
drop (PcallDescriptors *self,
      guint             n)
{
  self->n -= n;
  self->n_first -= n;
  if (self->n_first == 0)
    self->n_first = self->n;
  memmove (self->fds, self->fds + n, self->n * sizeof *self->fds);
  if (self->n == 0)
    g_clear_pointer (&self->fds, g_free);
}

int
pcall_descriptors_pop (PcallDescriptors *self)
{
  int fd;

  g_assert (self->n_first > 0);

  fd = self->fds[0];
  drop (self, 1);
  return fd;
}

/* GLib would close what is left in a list, whoever drops it last. */
static void
discard_all (gpointer  data,
             GObject  *list)
{
  gint n;
  g_autofree gint *fds = g_unix_fd_list_steal_fds ((GUnixFDList *) list, &n);

  for (gint i = 0; i < n; i++)
    pcall_fd_discard (fds[i]);
}

GUnixFDList *
pcall_descriptors_pop_list (PcallDescriptors *self,
                            guint             n)
{
  GUnixFDList *list;

  g_assert (self->n_first == n);

  list = g_unix_fd_list_new_from_array (self->fds, (gint) n);
  g_object_weak_ref (G_OBJECT (list), discard_all, NULL);
  drop (self, n);
  return list;
}

void
pcall_descriptors_clear (PcallDescriptors *self)
{
  for (guint i = 0; i < self->n; i++)
    pcall_fd_discard (self->fds[i]);
  self->n = self->n_first = 0;
  g_clear_pointer (&self->fds, g_free);
}
