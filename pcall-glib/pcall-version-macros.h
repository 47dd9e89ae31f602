/*
 * SPDX-FileCopyrightText: 2026 The pcall authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

/* Which symbols are exported, and since when. An application defines
 * PCALL_VERSION_MIN_REQUIRED and PCALL_VERSION_MAX_ALLOWED, as with GLib, to be
 * warned of what is deprecated or too new for it. */

#pragma once

#if !defined(PCALL_INSIDE) && !defined(PCALL_COMPILATION)
#error "Only <pcall-glib/pcall.h> can be included directly."
#endif

#include <glib.h>

#include <pcall-glib/pcall-version.h>

#ifndef _PCALL_EXTERN
#define _PCALL_EXTERN extern
#endif

/**
 * PCALL_VERSION_1_0:
 *
 * The version 1.0, for %PCALL_VERSION_MIN_REQUIRED and %PCALL_VERSION_MAX_ALLOWED.
 *
 * Since: 1.0
 */
#define PCALL_VERSION_1_0 (G_ENCODE_VERSION (1, 0))

#define PCALL_VERSION_CUR_STABLE (G_ENCODE_VERSION (PCALL_MAJOR_VERSION, PCALL_MINOR_VERSION))

#ifndef PCALL_VERSION_MIN_REQUIRED
#define PCALL_VERSION_MIN_REQUIRED (PCALL_VERSION_CUR_STABLE)
#endif

#ifndef PCALL_VERSION_MAX_ALLOWED
#define PCALL_VERSION_MAX_ALLOWED (PCALL_VERSION_CUR_STABLE)
#endif

#if PCALL_VERSION_MAX_ALLOWED < PCALL_VERSION_MIN_REQUIRED
#error "PCALL_VERSION_MAX_ALLOWED must be >= PCALL_VERSION_MIN_REQUIRED"
#endif

#if PCALL_VERSION_MAX_ALLOWED < PCALL_VERSION_1_0
#define PCALL_UNAVAILABLE_IN_1_0 G_UNAVAILABLE (1, 0)
#else
#define PCALL_UNAVAILABLE_IN_1_0
#endif

#define PCALL_AVAILABLE_IN_ALL _PCALL_EXTERN
#define PCALL_AVAILABLE_IN_1_0 PCALL_UNAVAILABLE_IN_1_0 _PCALL_EXTERN

/**
 * PCALL_DEPRECATED_IN_1_0_FOR: (skip)
 * @f: what to use instead
 *
 * Stands before the declaration of what is deprecated since 1.0. As with GLib, a program that
 * defines `PCALL_DISABLE_DEPRECATION_WARNINGS` is not warned.
 *
 * Since: 1.0
 */
#if defined(PCALL_DISABLE_DEPRECATION_WARNINGS) || PCALL_VERSION_MIN_REQUIRED < PCALL_VERSION_1_0
#define PCALL_DEPRECATED_IN_1_0_FOR(f) _PCALL_EXTERN
#else
#define PCALL_DEPRECATED_IN_1_0_FOR(f) G_DEPRECATED_FOR (f) _PCALL_EXTERN
#endif
