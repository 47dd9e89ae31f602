/*
 * SPDX-FileCopyrightText: 2026 The pcall authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#pragma once

#include "wire/pcall-channel-private.h"

G_BEGIN_DECLS

/* An agent's connection with its parent, until both trust each other: on its standard streams, or
 * to an address that its environment tells. Programs that the agent starts find nothing of it.
 * @gone is called where nobody is there any more to read what is sent, and ends the program. */
gboolean pcall_uplink_open (PcallChannel *channel,
                            void        (*gone) (gpointer data),
                            gpointer      data,
                            GError      **error);

/* Says hello: from here on the parent has an agent, which has all that it needs. */
void     pcall_uplink_greet (PcallChannel *channel);

/* Sends a frame, however long that takes; sinks @value. */
void     pcall_uplink_send (PcallChannel  *channel,
                            PcallFrameType type,
                            guint          index,
                            GVariant      *value);
/* The same of bytes that are a payload already. */
void     pcall_uplink_pass (PcallChannel  *channel,
                            PcallFrameType type,
                            guint          index,
                            gconstpointer  data,
                            gsize          size);
/* The same of two frames at the most, which go together. */
void     pcall_uplink_send_frames (PcallChannel        *channel,
                                   const PcallOutgoing *frames,
                                   guint                n_frames);
/* Says that nothing follows, and waits until the parent has taken that in and closed the
 * connection; not for ever. */
void     pcall_uplink_close (PcallChannel *channel);
/* The same with the socket of a connection, and a limit. */
void     pcall_uplink_end  (int           fd,
                            int           limit_ms);

G_END_DECLS
