/*
 * SPDX-FileCopyrightText: 2026 The pcall authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

/* Forks while other threads hold GLib's locks.
 *
 * Two threads take as many of GLib's locks as they can, without a pause, while children are
 * forked. Each child then needs all of these locks. A lock that stays locked would keep a child
 * until its timeout, so no call may time out. */

#include <gio/gio.h>
#include <pthread.h>
#include <signal.h>
#include <unistd.h>

#include "tally.h"
#include "traces.h"

#define N_HAMMERS 2
#define HANG_S 20.0

/* What holds locks */

#define HAMMER_TYPE_OBJECT (hammer_object_get_type ())
G_DECLARE_FINAL_TYPE (HammerObject, hammer_object, HAMMER, OBJECT, GObject)

struct _HammerObject
{
  GObject parent_instance;

  gint    number;
};

G_DEFINE_FINAL_TYPE (HammerObject, hammer_object, G_TYPE_OBJECT)

static guint struck_signal;

static void
hammer_object_set_property (GObject      *object,
                            guint         prop_id,
                            const GValue *value,
                            GParamSpec   *pspec)
{
  HAMMER_OBJECT (object)->number = g_value_get_int (value);
}

static void
hammer_object_get_property (GObject    *object,
                            guint       prop_id,
                            GValue     *value,
                            GParamSpec *pspec)
{
  g_value_set_int (value, HAMMER_OBJECT (object)->number);
}

static void
hammer_object_class_init (HammerObjectClass *klass)
{
  GObjectClass *object_class = G_OBJECT_CLASS (klass);

  object_class->set_property = hammer_object_set_property;
  object_class->get_property = hammer_object_get_property;
  g_object_class_install_property (object_class, 1,
                                   g_param_spec_int ("number", NULL, NULL, 0, G_MAXINT, 0,
                                                     G_PARAM_READWRITE | G_PARAM_STATIC_STRINGS));
  struck_signal = g_signal_new ("struck", HAMMER_TYPE_OBJECT, G_SIGNAL_RUN_LAST, 0, NULL, NULL,
                                NULL, G_TYPE_NONE, 1, G_TYPE_INT);
}

static void
hammer_object_init (HammerObject *self)
{
}

static void
count (GObject *object,
       gint     number,
       gint    *sum)
{
  *sum += number;
}

static void
use_objects (gint i)
{
  g_autoptr (HammerObject) object = g_object_new (HAMMER_TYPE_OBJECT, "number", i, NULL);
  gint number;

  g_object_set (object, "number", i + 1, NULL);
  g_object_get (object, "number", &number, NULL);
  g_object_set_data_full (G_OBJECT (object), "some-key", g_strdup ("data"), g_free);
  g_assert_cmpint (number, ==, i + 1);
}

static void
ignore_end (gpointer data,
            GObject *object)
{
}

static void
use_weak_references (gint i)
{
  g_autoptr (HammerObject) object = g_object_new (HAMMER_TYPE_OBJECT, NULL);
  GWeakRef weak;

  g_weak_ref_init (&weak, object);
  g_object_unref (g_weak_ref_get (&weak));
  g_object_weak_ref (G_OBJECT (object), ignore_end, NULL);
  g_weak_ref_clear (&weak);
}

static void
use_signals (gint i)
{
  g_autoptr (HammerObject) object = g_object_new (HAMMER_TYPE_OBJECT, NULL);
  gint sum = 0;

  g_signal_connect (object, "struck", G_CALLBACK (count), &sum);
  g_signal_connect (object, "notify::number", G_CALLBACK (ignore_end), NULL);
  g_signal_emit (object, struck_signal, 0, 1);
  g_assert_cmpint (sum, ==, 1);
}

static void
use_closures (gint i)
{
  g_autoptr (HammerObject) object = g_object_new (HAMMER_TYPE_OBJECT, NULL);

  g_signal_connect_object (object, "struck", G_CALLBACK (ignore_end), object, 0);
  g_signal_connect_object (object, "notify::number", G_CALLBACK (ignore_end), object,
                           G_CONNECT_SWAPPED);
  g_signal_emit (object, struck_signal, 0, 1);
}

/* Of a name that nobody uses: nothing changes, which other threads may not stand. Without a pause a
 * child would hardly ever find the lock free. */
static void
use_environment (gint i)
{
  unsetenv ("PCALL_TEST_LOCKS");
  for (gint j = 0; j < 50; j++)
    g_thread_self ();
}

static void
use_types (gint i)
{
  g_autofree GType *children = g_type_children (G_TYPE_OBJECT, NULL);

  g_type_class_unref (g_type_class_ref (HAMMER_TYPE_OBJECT));
  g_type_set_qdata (HAMMER_TYPE_OBJECT, g_quark_from_static_string ("hammer"), GINT_TO_POINTER (i));
  g_assert_cmpuint (g_type_from_name ("GObject"), ==, G_TYPE_OBJECT);
  g_assert_nonnull (children);
}

static void
use_variants (gint i)
{
  g_autoptr (GVariant) tuple = g_variant_ref_sink (g_variant_new ("(sia{sv})", "text", i, NULL));
  g_autoptr (GVariant) parsed = g_variant_parse (NULL, "[('a', <1>), ('b', <'c'>)]", NULL, NULL,
                                                 NULL);
  G_GNUC_UNUSED g_autofree char *printed = g_variant_print (tuple, TRUE);

  g_assert_nonnull (parsed);
  g_assert_cmpuint (g_variant_get_size (tuple), >, 0);
}

static void
use_quarks (gint i)
{
  char name[32];

  g_snprintf (name, sizeof name, "hammer-%d", i % 512);
  g_quark_from_string (name);
  g_intern_string (name);
}

/* The first reference is never dropped: dropping the last while another thread takes one is a race
 * in GLib. */
static void
use_ref_strings (gint i)
{
  static gsize once;

  if (g_once_init_enter (&once))
    g_once_init_leave (&once, (gsize) g_ref_string_new_intern ("a string that is held"));
  g_ref_string_release (g_ref_string_new_intern ("a string that is held"));
}

static gboolean
set_flag (gpointer data)
{
  *(gboolean *) data = TRUE;
  return G_SOURCE_REMOVE;
}

static void
use_main_contexts (gint i)
{
  g_autoptr (GMainContext) context = g_main_context_new ();
  g_autoptr (GSource) source = g_timeout_source_new (0);
  gboolean called = FALSE;

  g_source_set_callback (source, set_flag, &called, NULL);
  g_source_attach (source, context);
  while (!called)
    g_main_context_iteration (context, TRUE);
  g_main_context_wakeup (NULL);
  g_source_remove (g_timeout_add_seconds (1000, set_flag, NULL));
}

static void
use_slices (gint i)
{
  gpointer chunks[32];

  for (gsize j = 0; j < G_N_ELEMENTS (chunks); j++)
    chunks[j] = g_slice_alloc (16 + i % 64 * 8);
  for (gsize j = 0; j < G_N_ELEMENTS (chunks); j++)
    g_slice_free1 (16 + i % 64 * 8, chunks[j]);
}

static void
use_log (gint i)
{
  g_message ("hammer %d", i);
  g_debug ("hammer %d", i);
  g_log ("Other", G_LOG_LEVEL_INFO, "hammer %d", i);
}

static void
use_time (gint i)
{
  g_autoptr (GDateTime) now = g_date_time_new_now_local ();
  G_GNUC_UNUSED g_autoptr (GTimeZone) zone = g_time_zone_new_identifier ("UTC");
  g_autofree char *text = g_date_time_format_iso8601 (now);

  g_assert_nonnull (text);
}

static void
use_user_directories (gint i)
{
  g_assert_nonnull (g_get_user_name ());
  g_assert_nonnull (g_get_home_dir ());
  g_assert_nonnull (g_get_user_data_dir ());
  g_assert_nonnull (g_get_tmp_dir ());
}

static void
use_names (gint i)
{
  g_assert_nonnull (g_get_prgname ());
  g_assert_nonnull (g_get_application_name ());
  g_assert_nonnull (g_get_host_name ());
}

static void
use_error_strings (gint i)
{
  g_assert_nonnull (g_strerror (1 + i % 100));
}

static void
use_random (gint i)
{
  g_autofree char *uuid = g_uuid_string_random ();

  g_random_int ();
  g_assert_nonnull (uuid);
}

static void
use_datasets (gint i)
{
  g_autofree char *location = g_strdup ("");

  g_dataset_set_data (location, "key", location);
  g_dataset_destroy (location);
}

static void
use_cancellables (gint i)
{
  g_autoptr (GCancellable) cancellable = g_cancellable_new ();
  gulong id = g_cancellable_connect (cancellable, G_CALLBACK (ignore_end), NULL, NULL);

  g_cancellable_disconnect (cancellable, id);
  g_cancellable_cancel (cancellable);
}

static void
use_files (gint i)
{
  g_autoptr (GFile) file = g_file_new_for_path ("/dev/null");
  g_autoptr (GFileInfo) info = g_file_query_info (
      file, "standard::name,standard::content-type,owner::*", 0, NULL, NULL);
  g_autoptr (GFile) wrong = g_file_new_for_path ("/dev/null/wrong");
  g_autoptr (GError) error = NULL;

  g_assert_nonnull (g_file_info_get_name (info));
  g_assert_null (g_file_read (wrong, NULL, &error));
  g_assert_nonnull (error);
}

static void
use_content_types (gint i)
{
  g_autofree char *type = g_content_type_guess ("a.txt", NULL, 0, NULL);

  g_assert_nonnull (type);
}

static void
use_bytes (gint i)
{
  g_autoptr (GInputStream) stream = g_memory_input_stream_new_from_data ("some text\n", -1, NULL);
  g_autoptr (GDataInputStream) lines = g_data_input_stream_new (stream);
  g_autofree char *line = g_data_input_stream_read_line (lines, NULL, NULL, NULL);

  g_assert_cmpstr (line, ==, "some text");
}

typedef struct
{
  const char *name;
  void (*func) (gint i);
} Use;

static const Use uses[] = {
  { "objects", use_objects },
  { "weak-references", use_weak_references },
  { "signals", use_signals },
  { "closures", use_closures },
  { "environment", use_environment },
  { "types", use_types },
  { "variants", use_variants },
  { "quarks", use_quarks },
  { "ref-strings", use_ref_strings },
  { "main-contexts", use_main_contexts },
  { "slices", use_slices },
  { "log", use_log },
  { "time", use_time },
  { "user-directories", use_user_directories },
  { "names", use_names },
  { "error-strings", use_error_strings },
  { "random", use_random },
  { "datasets", use_datasets },
  { "cancellables", use_cancellables },
  { "files", use_files },
  { "content-types", use_content_types },
  { "bytes", use_bytes },
};

static void
ignore_message (const gchar   *domain,
                GLogLevelFlags level,
                const gchar   *message,
                gpointer       data)
{
}

typedef struct
{
  gint       stop;
  const Use *use; /* NULL: all of them, by turns */
} Hammer;

static gpointer
hammer (gpointer data)
{
  Hammer *self = data;

  for (gint i = 0; !g_atomic_int_get (&self->stop); i++)
    (self->use != NULL ? self->use : &uses[i % G_N_ELEMENTS (uses)])->func (i);
  return NULL;
}

/* What needs them */

static GVariant *
use_all (GVariant *args,
         GVariant *kwargs,
         gpointer  user_data,
         GError  **error)
{
  for (gint i = 0; i < 3; i++)
    for (gsize j = 0; j < G_N_ELEMENTS (uses); j++)
      uses[j].func (i);
  pcall_send_message (g_variant_new_string ("done"));
  return g_variant_new_uint32 (pcall_get_call_index ());
}

/* What another thread makes for the first time at the moment of a fork (a type, a once) never comes
 * to be in the child. No library can help that, and it is not what is tried here. */
static void
use_all_once (void)
{
  for (gsize j = 0; j < G_N_ELEMENTS (uses); j++)
    uses[j].func (0);
}

static guint n_forks;

static gint
count_fork (gpointer data)
{
  n_forks++;
  return fork ();
}

static void
assert_results (PcallTask *task)
{
  g_autoptr (GVariant) results = pcall_task_dup_results (task);

  g_assert_nonnull (results);
  for (guint i = 0; i < pcall_task_get_n_calls (task); i++)
    {
      g_autoptr (GVariant) boxed = g_variant_get_child_value (results, i);
      g_autoptr (GVariant) result = g_variant_get_variant (boxed);

      g_assert_cmpuint (g_variant_get_uint32 (result), ==, i);
    }
}

static void
run_calls (guint n_calls)
{
  PcallTask *task = pcall_task_new_for_func (use_all, NULL, NULL);
  g_autoptr (Tally) tally = NULL;
  g_autoptr (GError) error = NULL;

  n_forks = 0;
  pcall_task_set_n_calls (task, n_calls);
  pcall_task_set_max_children (task, 8);
  pcall_task_set_timeout (task, HANG_S);
  tally = tally_new (task);
  g_assert_true (pcall_task_start (task, &error));
  g_assert_no_error (error);
  g_assert_true (pcall_task_join (task, -1, NULL, &error) || error != NULL);
  g_assert_no_error (error);

  tally_assert_complete (tally);
  assert_results (task);
  g_clear_pointer (&tally, tally_free);
  g_assert_finalize_object (task);
}

static void
run_hammered (guint      n_calls,
              const Use *use)
{
  Hammer hammers = { FALSE, use };
  GThread *threads[N_HAMMERS];

  for (guint i = 0; i < N_HAMMERS; i++)
    threads[i] = g_thread_new ("hammer", hammer, &hammers);
  run_calls (n_calls);
  g_atomic_int_set (&hammers.stop, TRUE);
  for (guint i = 0; i < N_HAMMERS; i++)
    g_thread_join (threads[i]);
}

static void
test_hammered (void)
{
  g_autofree char *before = NULL;
  guint n_calls = traces_rounds (300, 2000);

  run_calls (1); /* what is made once in a process */
  before = traces_take ();
  pcall_set_fork_func (count_fork, NULL, NULL);
  run_hammered (n_calls, NULL);
  pcall_set_fork_func (NULL, NULL, NULL);
  g_test_message ("%u forks for %u calls", n_forks, n_calls);
  traces_assert_back (before);
}

/* One use of locks alone holds them most of the time. */
static void
test_one (gconstpointer data)
{
  const Use *use = data;
  guint n_calls = traces_rounds (8, 100);

  for (gint i = 0; i < 100; i++)
    use->func (i);
  pcall_set_fork_func (count_fork, NULL, NULL);
  run_hammered (n_calls, use);
  pcall_set_fork_func (NULL, NULL, NULL);
  g_test_message ("%u forks for %u calls", n_forks, n_calls);
}

/* The signal that ends a trial is ignored and blocked by the application. */
static void
test_hammered_without_sigalrm (void)
{
  sigset_t set, before;
  void (*handler) (int) = signal (SIGALRM, SIG_IGN);

  sigemptyset (&set);
  sigaddset (&set, SIGALRM);
  pthread_sigmask (SIG_BLOCK, &set, &before);
  run_hammered (traces_rounds (100, 1000), NULL);
  pthread_sigmask (SIG_SETMASK, &before, NULL);
  signal (SIGALRM, handler);
}

/* A lock that is held for certain: that of class initialisation, by a thread that stays in one. */

#define STUCK_TYPE_OBJECT (stuck_object_get_type ())
G_DECLARE_FINAL_TYPE (StuckObject, stuck_object, STUCK, OBJECT, GObject)

struct _StuckObject
{
  GObject parent_instance;
};

G_DEFINE_FINAL_TYPE (StuckObject, stuck_object, G_TYPE_OBJECT)

#define N_STUCK_FORKS 3

static struct
{
  int      inside[2];
  int      let_go[2];
  GThread *thread;
} stuck;

static void
stuck_object_class_init (StuckObjectClass *klass)
{
  char byte;

  g_assert_cmpint (write (stuck.inside[1], "x", 1), ==, 1);
  g_assert_cmpint (read (stuck.let_go[0], &byte, 1), ==, 1);
}

static void
stuck_object_init (StuckObject *self)
{
}

static gpointer
hold_class_lock (gpointer data)
{
  g_object_unref (g_object_new (STUCK_TYPE_OBJECT, NULL));
  return NULL;
}

/* Some children are forked while the lock is held; the thread is there until the last of all. */
static gint
fork_while_stuck (gpointer data)
{
  if (n_forks++ == N_STUCK_FORKS)
    g_assert_cmpint (write (stuck.let_go[1], "x", 1), ==, 1);
  if (n_forks == N_STUCK_FORKS + 1)
    g_thread_join (g_steal_pointer (&stuck.thread));
  return fork ();
}

static void
test_stuck (void)
{
  g_autofree char *before = NULL;
  char byte;

  run_calls (1);
  g_assert_no_errno (pipe (stuck.inside));
  g_assert_no_errno (pipe (stuck.let_go));
  before = traces_take ();
  stuck.thread = g_thread_new ("stuck", hold_class_lock, NULL);
  g_assert_cmpint (read (stuck.inside[0], &byte, 1), ==, 1);

  pcall_set_fork_func (fork_while_stuck, NULL, NULL);
  run_calls (2);
  pcall_set_fork_func (NULL, NULL, NULL);

  g_test_message ("%u forks for 2 calls", n_forks);
  g_assert_cmpuint (n_forks, >=, N_STUCK_FORKS + 2);
  traces_assert_back (before);
}

/* Two threads that do nothing else hold these nearly all the time, so that it takes many forks, and
 * with them minutes, until a child finds one free: for the slow form. */
static const char *const hardly_ever_free[] = {
  "weak-references", "types",    "time",         "user-directories", "error-strings",
  "datasets",        "content-types", "cancellables", NULL,
};

#ifdef __SANITIZE_ADDRESS__
/* GLib loses some of what it once knew of MIME types. */
const char *__lsan_default_suppressions (void);

const char *
__lsan_default_suppressions (void)
{
  return "leak:libgio-2.0.so";
}
#endif

int
main (int    argc,
      char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_log_set_handler ("Other", G_LOG_LEVEL_MASK, ignore_message, NULL);
  g_log_set_handler ("GLib-GIO", G_LOG_LEVEL_DEBUG, ignore_message, NULL);
  use_all_once ();
  traces_begin ();

  g_test_add_func ("/locks/stuck", test_stuck);
#ifdef __SANITIZE_ADDRESS__
  g_test_message ("nothing is hammered: the sanitizer's own locks do not survive such forks");
  return g_test_run ();
#endif

  g_test_add_func ("/locks/hammered", test_hammered);
  g_test_add_func ("/locks/hammered-without-sigalrm", test_hammered_without_sigalrm);
  for (gsize i = 0; i < G_N_ELEMENTS (uses); i++)
    {
      g_autofree char *path = g_strdup_printf ("/locks/one/%s", uses[i].name);

      if (!g_test_slow () && g_strv_contains (hardly_ever_free, uses[i].name))
        continue;
      g_test_add_data_func (path, &uses[i], test_one);
    }

  return g_test_run ();
}
