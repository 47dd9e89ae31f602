/*
 * SPDX-FileCopyrightText: 2026 The pcall authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#pragma once

/* What a command that brings agents finds in its environment, and an agent in its own. */

/* How to start an agent: for a shell that is part of the command. */
#define PCALL_ENV_AGENT "PCALL_AGENT"

/* Where the parent listens, "192.0.2.1:4711 [2001:db8::1]:4711"; not set: on the agent's streams.
 * */
#define PCALL_ENV_AGENT_ADDRESS "PCALL_AGENT_ADDRESS"

/* The secret, as hexadecimal digits, where there is such an address; else it is the first line that
 * the agent reads. */
#define PCALL_ENV_AGENT_SECRET "PCALL_AGENT_SECRET"

/* The number of the command. */
#define PCALL_ENV_AGENT_LAUNCH "PCALL_AGENT_LAUNCH"
