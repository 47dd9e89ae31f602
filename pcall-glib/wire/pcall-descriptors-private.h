/*
 * SPDX-FileCopyrightText: 2026 The pcall authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#pragma once

#include <gio/gunixfdlist.h>
#include <sys/socket.h>

G_BEGIN_DECLS

/* How many the kernel attaches to one message (SCM_MAX_FD). */
#define PCALL_MAX_DESCRIPTORS 253

/* Room for what goes with a message. */
typedef union
{
  struct cmsghdr header;
  char           bytes[CMSG_SPACE (PCALL_MAX_DESCRIPTORS * sizeof (int))];
} PcallControl;

/* Attaches descriptors to a message that is to be sent. */
void pcall_control_attach (PcallControl  *self,
                           struct msghdr *message,
                           const int     *fds,
                           guint          n_fds);

/* Descriptors that came, and that no frame has claimed yet. Zero-initialise it. */
typedef struct
{
  int  *fds;
  guint n;
  guint n_first; /* of these, those that were attached to one place; the others to the next one */
} PcallDescriptors;

/* Takes what came with a message, which may be the second one that any came with, but not the
 * third. FALSE with PCALL_ERROR_PROTOCOL where that is not all that was attached. */
gboolean     pcall_descriptors_receive   (PcallDescriptors    *self,
                                          struct msghdr       *message,
                                          GError             **error);
/* The first of them, which must be there. They are to be taken as they were attached: all that are
 * first, with one of these or both. */
int          pcall_descriptors_pop       (PcallDescriptors    *self);
/* The first @n of them, likewise. */
GUnixFDList *pcall_descriptors_pop_list  (PcallDescriptors    *self,
                                          guint                n);
/* Closes what is left. */
void         pcall_descriptors_clear     (PcallDescriptors    *self);

G_END_DECLS
