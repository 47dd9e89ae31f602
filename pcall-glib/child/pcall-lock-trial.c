/*
 * SPDX-FileCopyrightText: 2026 The pcall authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include <errno.h>
#include <gio/gio.h>
#include <pwd.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

#include "child/pcall-lock-trial-private.h"
#include "child/pcall-main-context-private.h"

/* The lock trial.
 *
 * When a process with several threads forks, a lock that another thread held stays locked in the
 * child for ever: that thread is not there to unlock it. glibc mends its own locks; GLib does not.
 * So a child takes each of GLib's locks that user code is about to need, by a public function that
 * is known to take it, under an interval timer whose signal kills the process. Nothing of the
 * user's has run by then: the parent forks again.
 *
 * The default main context has a trial, too: it is of no use while another thread is in the midst
 * of a step of it (see pcall-main-context.c).
 *
 * A trial costs more than all the rest of a call. But what one child has found holds for all that
 * are forked while no other thread of the parent runs. So a child that has come through a trial
 * says for which memory that was, on a board that it shares with the parent and with all others.
 *
 * Names of locks are those of GLib's sources, version 2.74. */

/* A lock that is free is taken in less than a microsecond, all of them in about 0.1 ms. The time
 * doubles with each attempt, for a machine so busy that the child is not run that long. */
#define FIRST_LIMIT_US 30000
#define MAX_DOUBLINGS 3

/* So often is a child made again for its default main context alone. Not all calls need that, as
 * they do locks, and another thread may be in the midst of a step of it most of the time. */
#define MAX_CONTEXT_ATTEMPTS 30

/* Where marks are noted, each in a place of its own if two parents are at work. A mark is random:
 * no child writes one by mistake that is in use. */
#define N_NOTES 512

static guint64 *notes;

/* A type whose class exists in no parent: it is first used here. */
#define LOCK_TRIAL_TYPE_TRIAL (lock_trial_get_type ())
G_DECLARE_FINAL_TYPE (LockTrial, lock_trial, LOCK_TRIAL, TRIAL, GObject)

struct _LockTrial
{
  GObject parent_instance;
};

G_DEFINE_FINAL_TYPE (LockTrial, lock_trial, G_TYPE_OBJECT)

static void
lock_trial_class_init (LockTrialClass *klass)
{
}

static void
lock_trial_init (LockTrial *self)
{
}

/* quark_global */
static void
try_quarks (void)
{
  g_quark_from_static_string ("pcall-lock-trial");
}

/* magazine_mutex and slab_mutex. This thread's own magazines may have chunks that it freed,
 * which are given out without a lock; those of the largest sizes hold few, and hardly anybody
 * uses them. */
static void
try_slices (void)
{
  enum { N_CHUNKS = 16 };
  static const gsize sizes[] = { 1008, 976, 944, 912 };
  gpointer chunks[G_N_ELEMENTS (sizes)][N_CHUNKS];

  for (gsize s = 0; s < G_N_ELEMENTS (sizes); s++)
    for (int i = 0; i < N_CHUNKS; i++)
      chunks[s][i] = g_slice_alloc (sizes[s]);
  for (gsize s = 0; s < G_N_ELEMENTS (sizes); s++)
    for (int i = 0; i < N_CHUNKS; i++)
      g_slice_free1 (sizes[s], chunks[s][i]);
}

/* g_messages_lock */
static void
try_messages (void)
{
  g_log_set_always_fatal (g_log_set_always_fatal (G_LOG_FATAL_MASK));
}

/* g_variant_type_info_lock */
static void
try_variants (void)
{
  g_autoptr (GVariant) value = g_variant_ref_sink (g_variant_new ("(yqs)", 1, 2, ""));

  g_variant_get_size (value);
}

/* type_rw_lock for writing, class_init_rec_mutex */
static void
try_types (void)
{
  g_type_set_qdata (LOCK_TRIAL_TYPE_TRIAL, g_quark_from_static_string ("pcall-lock-trial"), NULL);
  g_type_class_unref (g_type_class_ref (LOCK_TRIAL_TYPE_TRIAL));
}

static void
ignore_weak_notify (gpointer data,
                    GObject *object)
{
}

/* construction_mutex, notify_lock, weak_refs_mutex, weak_locations_lock, toggle_refs_mutex,
 * param_spec_pool, g_dataset_global */
static void
try_objects (void)
{
  GObject *object = g_object_new (LOCK_TRIAL_TYPE_TRIAL, NULL);
  GWeakRef weak;

  g_object_class_find_property (G_OBJECT_GET_CLASS (object), "pcall-lock-trial");
  g_object_freeze_notify (object);
  g_object_thaw_notify (object);
  g_object_weak_ref (object, ignore_weak_notify, NULL);
  g_object_weak_unref (object, ignore_weak_notify, NULL);
  g_weak_ref_init (&weak, object);
  g_weak_ref_clear (&weak);
  g_dataset_id_get_data (object, g_quark_from_static_string ("pcall-lock-trial"));
  g_object_unref (object);
}

static void
ignore_notify (void)
{
}

/* g_signal_mutex, closure_array_mutex: only a closure that is bound to an object takes that */
static void
try_signals (void)
{
  GObject *object = g_object_new (LOCK_TRIAL_TYPE_TRIAL, NULL);
  GClosure *closure = g_cclosure_new_object (ignore_notify, object);
  gulong id = g_signal_connect_closure (object, "notify", closure, FALSE);

  g_signal_handler_disconnect (object, id);
  g_object_unref (object);
}

/* cancellable_mutex */
static void
try_cancellables (void)
{
  g_autoptr (GCancellable) cancellable = g_cancellable_new ();

  g_cancellable_cancel (cancellable);
}

/* main_context_list, and the lock of the default main context */
static void
try_main_contexts (void)
{
  g_main_context_unref (g_main_context_new ());
  g_main_context_find_source_by_id (NULL, G_MAXUINT);
}

/* g_once_mutex */
static void
try_once (void)
{
  static gsize once;

  if (g_once_init_enter (&once))
    g_once_init_leave (&once, 1);
}

/* global_random */
static void
try_random (void)
{
  g_random_int ();
}

/* The C library's own lock of the environment, which it does not mend. */
static void
try_environment (void)
{
  unsetenv ("PCALL_LOCK_TRIAL");
}

/* g_utils_global, g_application_name, g_prgname. The user's own directories would be looked for in
 * the system's list of users, and GLib warns of one that is not there. */
static void
try_user_data (void)
{
  g_get_system_config_dirs ();
  g_get_application_name ();
  g_get_prgname ();
}

/* interned_ref_strings, and errors of g_strerror() */
static void
try_strings (void)
{
  const char *volatile text;

  g_ref_string_release (g_ref_string_new_intern ("pcall-lock-trial"));
  /* GLib declares that this has no effects: what comes of it must be used for it to be called. */
  text = g_strerror (ELOOP);
  (void) text;
}

/* Whether GLib knows the user's home without warning. */
static gboolean
has_home (void)
{
  struct passwd entry;
  struct passwd *found = NULL;
  char buffer[4096];

  return g_getenv ("HOME") != NULL ||
         (getpwuid_r (getuid (), &entry, buffer, sizeof buffer, &found) == 0 && found != NULL);
}

/* Kinds of files are looked up below the user's home. */
static gboolean knows_kinds;

/* attribute_hash, extension_points, global_mime_dirs, gio_xdgmime, uid_cache and gid_cache of
 * GIO. The local file system is asked: another one could be a service. What is not tried is
 * hidden_cache (standard::is-hidden): asking for it starts GLib's worker thread. */
static void
try_files (void)
{
  g_autoptr (GFile) file = g_vfs_get_file_for_path (g_vfs_get_local (), "/dev/null");
  G_GNUC_UNUSED g_autoptr (GFileInfo) info =
      g_file_query_info (file, "owner::user,owner::group", G_FILE_QUERY_INFO_NONE, NULL, NULL);

  g_file_attribute_matcher_unref (g_file_attribute_matcher_new ("standard::name"));
  g_io_extension_point_lookup ("gio-vfs");
  if (!knows_kinds)
    return;
  g_content_type_get_mime_dirs ();
  g_free (g_content_type_from_mime_type ("text/plain"));
}

/* aliases of character sets: asked for once in each thread and for each of four purposes */
static void
try_character_sets (void)
{
  g_autoptr (GDateTime) date = g_date_time_new_from_unix_utc (0);
  G_GNUC_UNUSED g_autofree char *text = g_date_time_format (date, "%c");
  const char **names;

  g_get_charset (NULL);
  g_get_console_charset (NULL);
  g_get_filename_charsets (&names);
}

/* time_zones, tz_local; and glibc's tzset_lock, which it does not mend */
static void
try_time_zones (void)
{
  time_t now = 0;
  struct tm local;

  g_time_zone_unref (g_time_zone_new_local ());
  g_time_zone_unref (g_time_zone_new_identifier ("UTC"));
  localtime_r (&now, &local);
}

/* Without a board, every child has its trial. */
static void
make_board (void)
{
  void *board = mmap (NULL, N_NOTES * sizeof *notes, PROT_READ | PROT_WRITE,
                      MAP_SHARED | MAP_ANONYMOUS, -1, 0);

  if (board != MAP_FAILED)
    notes = board;
}

static void
note_passed (guint64 mark)
{
  if (notes != NULL && mark != 0)
    __atomic_store_n (&notes[mark % N_NOTES], mark, __ATOMIC_RELEASE);
}

gboolean
pcall_lock_trial_has_passed (guint64 mark)
{
  return notes != NULL && mark != 0 &&
         __atomic_load_n (&notes[mark % N_NOTES], __ATOMIC_ACQUIRE) == mark;
}

void
pcall_lock_trial_prepare (void)
{
  static gsize once;

  if (!g_once_init_enter (&once))
    return;

  knows_kinds = has_home ();
  make_board ();
  try_time_zones ();
  try_files ();
  g_once_init_leave (&once, 1);
}

void
pcall_lock_trial (guint   attempt,
                  guint64 mark)
{
  static void (*const trials[]) (void) = {
    try_quarks,       try_slices,        try_messages, try_variants, try_types,
    try_objects,      try_signals,       try_random,   try_once,     try_main_contexts,
    try_cancellables, try_user_data,     try_time_zones, try_strings, try_files,
    try_character_sets, try_environment,
  };
  glong limit = (glong) FIRST_LIMIT_US << MIN (attempt, MAX_DOUBLINGS);
  struct itimerval limited = { .it_value = { limit / G_USEC_PER_SEC, limit % G_USEC_PER_SEC } };
  struct itimerval off = { 0 };
  struct sigaction by_default = { .sa_handler = SIG_DFL };
  struct sigaction before;

  sigaction (SIGALRM, &by_default, &before);
  setitimer (ITIMER_REAL, &limited, NULL);
  for (gsize i = 0; i < G_N_ELEMENTS (trials); i++)
    trials[i]();
  if (attempt < MAX_CONTEXT_ATTEMPTS)
    pcall_main_context_try ();
  setitimer (ITIMER_REAL, &off, NULL);
  sigaction (SIGALRM, &before, NULL);
  if (attempt < MAX_CONTEXT_ATTEMPTS)
    note_passed (mark);
}
