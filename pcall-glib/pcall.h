/*
 * SPDX-FileCopyrightText: 2026 The pcall authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#pragma once

#include <gio/gio.h>

#define PCALL_INSIDE

#include <pcall-glib/pcall-enums.h>
#include <pcall-glib/pcall-error.h>
#include <pcall-glib/pcall-version-macros.h>
#include <pcall-glib/pcall-version.h>

#include <pcall-glib/pcall-binding.h>
#include <pcall-glib/pcall-call.h>
#include <pcall-glib/pcall-child.h>
#include <pcall-glib/pcall-current.h>
#include <pcall-glib/pcall-deprecated.h>
#include <pcall-glib/pcall-launcher.h>
#include <pcall-glib/pcall-log.h>
#include <pcall-glib/pcall-pool.h>
#include <pcall-glib/pcall-target.h>
#include <pcall-glib/pcall-task.h>
#include <pcall-glib/pcall-worker.h>

#include <pcall-glib/pcall-enum-types.h>

#undef PCALL_INSIDE
