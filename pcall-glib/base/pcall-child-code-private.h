/*
 * SPDX-FileCopyrightText: 2026 The pcall authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#pragma once

/* Marks a function that every forked child runs. The linker puts these beside each other: a child
 * maps each piece of code anew when it first uses it, which costs about as much as two or three
 * system calls, and so they are one or two such pieces instead of four. */
#define PCALL_CHILD_CODE __attribute__ ((hot))

/* Marks a variable of each thread that every forked child looks at. It is found without the loader,
 * whose code a child would map for nothing else. */
#define PCALL_CHILD_VARIABLE __thread __attribute__ ((tls_model ("initial-exec")))
