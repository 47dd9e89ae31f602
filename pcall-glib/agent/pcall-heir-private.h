/*
 * SPDX-FileCopyrightText: 2026 The pcall authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#pragma once

#include "wire/pcall-channel-private.h"

G_BEGIN_DECLS

/* Makes the process that ends the connection when this one cannot, if it is not there. Where it
 * cannot be made, the parent does not know whether all came when this process is killed. */
void pcall_heir_start   (const PcallChannel *up);
/* Ends it: the connection was ended. So nobody has to reap it but this process. */
void pcall_heir_dismiss (void);

G_END_DECLS
