/*
 * SPDX-FileCopyrightText: 2026 The pcall authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#pragma once

#include <glib.h>

G_BEGIN_DECLS

/* Makes the process that ends the connection when this one cannot, if it is not there. Where it
 * cannot be made, a connection may be reset when this process is killed. */
void pcall_heir_start   (int  socket);
/* Ends it: the connection was ended. So nobody has to reap it but this process. */
void pcall_heir_dismiss (void);

G_END_DECLS
