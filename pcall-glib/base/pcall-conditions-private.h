/*
 * SPDX-FileCopyrightText: 2026 The pcall authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#pragma once

#include <glib.h>
#include <sched.h>

G_BEGIN_DECLS

/* Under what the child processes of a task run, where that differs from their parent: see
 * pcall-conditions.c. Nothing in here changes once there are children. */
typedef struct
{
  char     *name;              /* NULL: that of what is called; "": as the parent */
  gint      nice;              /* added to the parent's */
  char     *cpu_affinity;      /* NULL: the parent's */
  cpu_set_t cpus;              /* the same, as the system has it */
  guint64   max_address_space; /* in bytes; 0: as the parent */
  guint64   max_open_files;    /* 0: as the parent */
  char     *working_directory; /* NULL: the parent's */
  char    **environment;       /* of workers; NULL: the parent's */
  gboolean  own_cgroup;        /* in a control group of the task's */
  const char *cgroup_procs;    /* of that, while it is there: what they write to, to be in it */
} PcallConditions;

PcallConditions *pcall_conditions_new   (void);
PcallConditions *pcall_conditions_ref   (PcallConditions       *self);
void             pcall_conditions_unref (PcallConditions       *self);

/* @text: numbers and ranges, as "0-3,8", or NULL. FALSE where it is none of that. */
gboolean         pcall_conditions_set_cpu_affinity (PcallConditions *self,
                                                    const char      *text);
/* What a child that calls a function of that name is called; NULL where it has none. */
static inline const char *
pcall_conditions_get_name (const PcallConditions *self,
                           const char            *name)
{
  return self->name != NULL ? self->name : name;
}

/* Whether children are not to be called as their parent. */
static inline gboolean
pcall_conditions_names (const PcallConditions *self)
{
  return self->name == NULL || *self->name != '\0';
}

/* Whether a worker that was started under @self is as one that is started under @other. */
gboolean         pcall_conditions_equal            (const PcallConditions *self,
                                                    const PcallConditions *other);
/* How many processors a child may use. */
guint            pcall_conditions_get_n_processors (const PcallConditions *self);

/* In a child, forked or not executed yet: whatever is not of its name or environment. Where one
 * cannot be had, which, by the name of its property, and errno says why; else NULL.
 * Async-signal-safe. */
const char      *pcall_conditions_apply    (const PcallConditions *self,
                                            gboolean               executes);
/* What was not to be had, for people: the property and its value. Others than properties are told
 * as they are. */
char            *pcall_conditions_describe (const PcallConditions *self,
                                            const char            *property);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (PcallConditions, pcall_conditions_unref)

G_END_DECLS
