/*
 * SPDX-FileCopyrightText: 2026 The pcall authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#pragma once

#include <glib.h>

/* The layout of a frame, written down once more, and the channel of a child that writes frames by
 * hand. */

enum
{
  TYPE_RESULT = 2,
  TYPE_ERROR = 3,
  TYPE_PROGRESS = 4,
  TYPE_FINAL = 6,
  TYPE_AGAIN = 7,
};

typedef struct
{
  char    magic[4];
  guint8  version;
  char    order;
  guint8  type;
  guint8  n_handles;
  guint64 nonce;
  guint32 sequence;
  guint32 call_index;
  guint64 length;
} Header;

G_STATIC_ASSERT (sizeof (Header) == 32);

typedef struct
{
  int    fd;
  Header due;         /* of the frame that the parent expects next */
  char   report[256]; /* that frame: a progress report that the parent did not get */
  gssize report_size;
} Channel;

/* Ends the process where there is none. */
Channel bad_frames_find_channel (void);
