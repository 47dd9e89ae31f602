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
} PcallDescriptors;

/* Takes what came with a message. FALSE with PCALL_ERROR_PROTOCOL where that is not all that was
 * attached, or too many wait. */
gboolean     pcall_descriptors_receive   (PcallDescriptors    *self,
                                          struct msghdr       *message,
                                          GError             **error);
/* The first of them, which must be there. */
int          pcall_descriptors_pop       (PcallDescriptors    *self);
/* The first @n of them, likewise. */
GUnixFDList *pcall_descriptors_pop_list  (PcallDescriptors    *self,
                                          guint                n);
/* Closes what is left. */
void         pcall_descriptors_clear     (PcallDescriptors    *self);

G_END_DECLS
