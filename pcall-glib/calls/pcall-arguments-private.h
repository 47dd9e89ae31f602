/*
 * SPDX-FileCopyrightText: 2026 The pcall authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#pragma once

#include <glib.h>

G_BEGIN_DECLS

/* The zip builder: common and instance arguments, and lists given by keyword, go in; the
 * arguments of call i come out. Pure: it knows no process, no task and no thread. Nothing is
 * built before it is asked for, so that a million calls cost nothing up front.
 *
 * Every setter sinks a floating variant, replaces what was set before, and takes NULL for "not
 * given". On failure what was set before stays, and PCALL_ERROR_ARGUMENTS names the argument, what
 * it is and what was expected. */
typedef struct _PcallArguments PcallArguments;

PcallArguments *pcall_arguments_new   (void);
PcallArguments *pcall_arguments_ref   (PcallArguments *self);
void            pcall_arguments_unref (PcallArguments *self);

gboolean pcall_arguments_set_common_args     (PcallArguments *self,
                                              GVariant       *cargs,
                                              GError        **error);
gboolean pcall_arguments_set_instance_args   (PcallArguments *self,
                                              GVariant       *iargs,
                                              GError        **error);
gboolean pcall_arguments_set_common_kwargs   (PcallArguments *self,
                                              GVariant       *ckwargs,
                                              GError        **error);
gboolean pcall_arguments_set_instance_kwargs (PcallArguments *self,
                                              GVariant       *ikwargs,
                                              GError        **error);
gboolean pcall_arguments_set_keyword         (PcallArguments *self,
                                              const char     *name,
                                              GVariant       *values,
                                              GError        **error);

/* Adds a call, with what it has besides the common arguments: where this is ever called, calls are
 * those that were added, and there are no lists. */
gboolean pcall_arguments_feed   (PcallArguments *self,
                                 GVariant       *args,
                                 GError        **error);
/* Whether calls may be added still; and that no more come. */
gboolean pcall_arguments_is_fed   (PcallArguments *self);
void     pcall_arguments_end_feed (PcallArguments *self);
/* Lets go of what was added for a call. */
void     pcall_arguments_drop     (PcallArguments *self,
                                   guint           index);

/* Whether no list was refused that has not been set since; else the error is that of the first. */
gboolean  pcall_arguments_check        (PcallArguments *self,
                                        GError        **error);

/* The length of the shortest list that was given, in @length; FALSE if none was given. */
gboolean  pcall_arguments_get_length   (PcallArguments *self,
                                        guint          *length);

/* The positional arguments of call @index, a tuple: a full reference, never floating. Where no
 * list was given every index has the common arguments. */
GVariant *pcall_arguments_build_args   (PcallArguments *self,
                                        guint           index);
/* The keyword arguments of call @index, an a{sv}: a full reference, never floating. Each name
 * stands once: instance kwargs overlay common ones, and keyword lists overlay both. */
GVariant *pcall_arguments_build_kwargs (PcallArguments *self,
                                        guint           index);

/* The same in two parts, which are put together elsewhere. */

/* What all calls have in common: "(va{sv})", of which the first is a tuple. NULL where there is
 * nothing. It is made once, and stays as long as that is not set anew. */
GVariant *pcall_arguments_get_common       (PcallArguments *self);
/* As above, without that. */
GVariant *pcall_arguments_build_own_args   (PcallArguments *self,
                                            guint           index);
GVariant *pcall_arguments_build_own_kwargs (PcallArguments *self,
                                            guint           index);
/* Puts the arguments of a call together again: takes what it has of its own, and returns full
 * references. @common is as above. */
void      pcall_arguments_join             (GVariant       *common,
                                            GVariant      **args,
                                            GVariant      **kwargs);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (PcallArguments, pcall_arguments_unref)

G_END_DECLS
