/*
 * SPDX-FileCopyrightText: 2026 The pcall authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

/* SHA-256 of every regular file below a directory, in as many processes as there are processors.
 *
 * The files are dealt out to hands of about the same weight, a few more hands than processes, so
 * that a process that was lucky takes another one. Each hand is one call: it gets a list of names
 * and sizes, and returns a list of names with a digest or a problem. A file that cannot be read
 * costs its own digest alone; a call that dies costs those of its hand, and each file is told.
 *
 * Standard output is what `sha256sum --check` reads. Names are bytes all the way: few file systems
 * promise UTF-8. A file is a (ayt), its name and size, and what came of it, a sum, is a (ayss):
 * name, digest, and the problem where there is no digest. */

#include <errno.h>
#include <fcntl.h>
#include <fts.h>
#include <locale.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <pcall-glib/pcall.h>

#define HANDS_PER_PROCESS 8
#define COST_OF_OPENING (32 * 1024) /* in bytes that are summed up in the same time */
#define REPORT_INTERVAL (G_USEC_PER_SEC / 10)
#define BAR_WIDTH 50

typedef struct
{
  guint64         cost;
  GVariantBuilder files;
} Hand;

typedef struct
{
  guint64 done;
  guint64 total;
  gint64  next_report;
} Progress;

static void
take_value (GPtrArray *values, GVariant *value)
{
  g_ptr_array_add (values, g_variant_ref_sink (value));
}

/* Inside a call */

static void
add_progress (Progress *progress, guint64 cost)
{
  progress->done += cost;
  if (g_get_monotonic_time () < progress->next_report)
    return;

  pcall_report_progress ((gdouble) progress->done / progress->total, NULL);
  progress->next_report = g_get_monotonic_time () + REPORT_INTERVAL;
}

/* The digest of one file, or NULL with errno set. */
static char *
digest_file (const char *path, Progress *progress)
{
  static guint8 buffer[128 * 1024];
  g_autoptr (GChecksum) checksum = g_checksum_new (G_CHECKSUM_SHA256);
  int fd = open (path, O_RDONLY | O_CLOEXEC);
  int saved_errno;
  gssize n;

  if (fd < 0)
    return NULL;

  add_progress (progress, COST_OF_OPENING);
  while ((n = read (fd, buffer, sizeof buffer)) > 0)
    {
      g_checksum_update (checksum, buffer, n);
      add_progress (progress, n);
    }

  saved_errno = errno;
  close (fd);
  errno = saved_errno;
  return n == 0 ? g_strdup (g_checksum_get_string (checksum)) : NULL;
}

/* The target. From (ta(ayt)), the cost and the files of a hand, to a(ayss), its sums. */
static GVariant *
digest_hand (GVariant *args, GVariant *kwargs, gpointer user_data, GError **error)
{
  GVariantBuilder sums = G_VARIANT_BUILDER_INIT (G_VARIANT_TYPE ("a(ayss)"));
  g_autoptr (GVariantIter) files = NULL;
  Progress progress = { 0 };
  const char *path;

  if (!pcall_parse_args (args, kwargs, error, "(ta(ayt))", &progress.total, &files, NULL))
    return NULL;
  while (g_variant_iter_next (files, "(^&ayt)", &path, NULL))
    {
      g_autofree char *digest = digest_file (path, &progress);

      g_variant_builder_add (&sums, "(^ayss)", path, digest != NULL ? digest : "",
                             digest != NULL ? "" : g_strerror (errno));
    }
  return g_variant_builder_end (&sums);
}

/* Finding files and dealing them out */

/* Adds every regular file below @roots to @files, and what could not be looked at to @sums. */
static void
find_files (char **roots, GPtrArray *files, GPtrArray *sums)
{
  FTS *tree = fts_open (roots, FTS_PHYSICAL | FTS_COMFOLLOW | FTS_NOCHDIR, NULL);
  FTSENT *entry;

  while ((entry = fts_read (tree)) != NULL)
    {
      const char *path = entry->fts_path;

      if (entry->fts_info == FTS_F)
        take_value (files, g_variant_new ("(^ayt)", path, (guint64) entry->fts_statp->st_size));
      else if (entry->fts_errno != 0)
        take_value (sums, g_variant_new ("(^ayss)", path, "", g_strerror (entry->fts_errno)));
    }
  fts_close (tree);
}

static guint64
file_cost (GVariant *file)
{
  g_autoptr (GVariant) size = g_variant_get_child_value (file, 1);

  return COST_OF_OPENING + g_variant_get_uint64 (size);
}

static int
compare_costs (gconstpointer a, gconstpointer b)
{
  guint64 first = file_cost (*(GVariant **) a), second = file_cost (*(GVariant **) b);

  return (first < second) - (first > second);
}

/* Deals @files, largest first, each to the hand that is lightest by then: a(ta(ayt)), floating. */
static GVariant *
deal (GPtrArray *files, guint n_hands)
{
  GVariantBuilder dealt = G_VARIANT_BUILDER_INIT (G_VARIANT_TYPE ("a(ta(ayt))"));
  g_autofree Hand *hands = g_new0 (Hand, n_hands);

  for (guint i = 0; i < n_hands; i++)
    g_variant_builder_init (&hands[i].files, G_VARIANT_TYPE ("a(ayt)"));

  for (guint i = 0; i < files->len; i++)
    {
      Hand *lightest = hands;

      for (Hand *hand = hands; hand < hands + n_hands; hand++)
        lightest = hand->cost < lightest->cost ? hand : lightest;
      lightest->cost += file_cost (files->pdata[i]);
      g_variant_builder_add_value (&lightest->files, files->pdata[i]);
    }

  for (guint i = 0; i < n_hands; i++)
    g_variant_builder_add (&dealt, "(ta(ayt))", hands[i].cost, &hands[i].files);
  return g_variant_builder_end (&dealt);
}

/* Running */

static void
draw_bar (PcallTask *task)
{
  int percent = 100 * pcall_task_get_fraction (task);
  g_autofree char *bar = g_strnfill (percent * BAR_WIDTH / 100, '#');

  fprintf (stderr, "\r[%-*s] %3d %%", BAR_WIDTH, bar, percent);
}

/* Adds the sums of @call; where it did not succeed, all of its files have the same problem. */
static void
add_call (PcallCall *call, GPtrArray *sums)
{
  g_autoptr (GVariant) result = pcall_call_dup_result (call);
  g_autoptr (GVariant) args = pcall_call_dup_args (call);
  g_autoptr (GError) error = pcall_call_dup_error (call);
  g_autoptr (GVariantIter) files = NULL;
  const char *path;

  if (result != NULL)
    {
      for (gsize i = 0; i < g_variant_n_children (result); i++)
        g_ptr_array_add (sums, g_variant_get_child_value (result, i));
      return;
    }

  g_variant_get (args, "(ta(ayt))", NULL, &files);
  while (g_variant_iter_next (files, "(^&ayt)", &path, NULL))
    take_value (sums, g_variant_new ("(^ayss)", path, "", error->message));
}

/* Sums up @files in @jobs processes and adds what came of each to @sums. Returns the seconds that
 * it took, or -1 with @error set where it could not be started. */
static gdouble
digest_files (GPtrArray *files, guint jobs, GPtrArray *sums, GError **error)
{
  g_autoptr (PcallTask) task = pcall_task_new_for_func (digest_hand, NULL, NULL);
  guint n_hands = MIN (files->len, jobs == 1 ? 1 : jobs * HANDS_PER_PROCESS);
  gboolean show_bar = isatty (STDERR_FILENO);
  gint64 start = g_get_monotonic_time ();

  pcall_task_set_instance_args (task, deal (files, n_hands));
  pcall_task_set_max_children (task, jobs);
  if (show_bar)
    g_signal_connect (task, "call-progress", G_CALLBACK (draw_bar), NULL);

  if (!pcall_task_start (task, error))
    return -1;
  pcall_task_join (task, -1, NULL, NULL); /* each call has its own error, see add_call() */
  if (show_bar)
    fprintf (stderr, "\r%*s\r", BAR_WIDTH + 8, "");

  for (guint i = 0; i < n_hands; i++)
    {
      g_autoptr (PcallCall) call = pcall_task_dup_call (task, i);

      add_call (call, sums);
    }
  return (g_get_monotonic_time () - start) / (gdouble) G_USEC_PER_SEC;
}

/* Runs the whole twice more, in one process and in @jobs. The first run has brought the files into
 * the page cache, so that, if memory was enough, neither of the two waits for a disk. */
static gboolean
compare_with_one_process (GPtrArray *files, guint jobs, GError **error)
{
  g_autoptr (GPtrArray) sums = g_ptr_array_new_with_free_func ((GDestroyNotify) g_variant_unref);
  gdouble one = digest_files (files, 1, sums, error);
  gdouble many = one < 0 ? -1 : digest_files (files, jobs, sums, error);

  if (many < 0)
    return FALSE;
  fprintf (stderr,
           "checksums: %u files once more, from the page cache: one process %.3f s, "
           "%u at a time %.3f s",
           files->len, one, jobs, many);
  if (one > many)
    fprintf (stderr, ", %.2f times as fast\n", one / many);
  else
    fprintf (stderr, ", no faster: the processors are busy, or there is little to do\n");
  return TRUE;
}

/* What came of it */

static int
compare_paths (gconstpointer a, gconstpointer b)
{
  g_autoptr (GVariant) first = g_variant_get_child_value (*(GVariant **) a, 0);
  g_autoptr (GVariant) second = g_variant_get_child_value (*(GVariant **) b, 0);

  return strcmp (g_variant_get_bytestring (first), g_variant_get_bytestring (second));
}

/* Prints digests to standard output or problems to standard error, whichever a sum has, with the
 * name on one line whatever is in it, as sha256sum does. Returns how many problems there are. */
static guint
print_sums (GPtrArray *sums, gboolean problems)
{
  guint n_problems = 0;

  for (guint i = 0; i < sums->len; i++)
    {
      g_autoptr (GString) name = NULL;
      const char *path, *digest, *problem;

      g_variant_get (sums->pdata[i], "(^&ay&s&s)", &path, &digest, &problem);
      name = g_string_new (path);
      g_string_replace (name, "\\", "\\\\", 0);
      g_string_replace (name, "\n", "\\n", 0);
      g_string_replace (name, "\r", "\\r", 0);

      if (*digest == '\0')
        n_problems++;
      if (*digest == '\0' && problems)
        fprintf (stderr, "checksums: %s: %s\n", name->str, problem);
      if (*digest != '\0' && !problems)
        printf ("%s%s  %s\n", strcmp (name->str, path) != 0 ? "\\" : "", digest, name->str);
    }
  return n_problems;
}

static gint jobs = 0;
static gboolean no_compare = FALSE;
static char **roots = NULL;

static const GOptionEntry options[] = {
  { "jobs", 'j', 0, G_OPTION_ARG_INT, &jobs, "Processes at a time (0: one per processor)", "N" },
  { "no-compare", 0, 0, G_OPTION_ARG_NONE, &no_compare,
    "Do not measure against one process, which takes two more runs", NULL },
  { G_OPTION_REMAINING, 0, 0, G_OPTION_ARG_FILENAME_ARRAY, &roots, NULL, "[DIRECTORY…]" },
  G_OPTION_ENTRY_NULL
};

static gboolean
parse_options (int *argc, char ***argv, GError **error)
{
  static const char *const default_roots[] = { "/usr/bin", NULL };
  g_autoptr (GOptionContext) context = g_option_context_new (NULL);

  g_option_context_set_summary (context, "SHA-256 of every regular file below the directories "
                                         "(/usr/bin if none is named), as sha256sum prints it.");
  g_option_context_add_main_entries (context, options, NULL);
  if (!g_option_context_parse (context, argc, argv, error))
    return FALSE;

  if (jobs < 0)
    {
      g_set_error (error, G_OPTION_ERROR, G_OPTION_ERROR_BAD_VALUE,
                   "--jobs is a number of processes, or 0, but not %d", jobs);
      return FALSE;
    }
  jobs = jobs > 0 ? jobs : (gint) g_get_num_processors ();
  roots = roots != NULL ? roots : g_strdupv ((char **) default_roots);
  return TRUE;
}

static gboolean
run (GError **error)
{
  g_autoptr (GPtrArray) files = g_ptr_array_new_with_free_func ((GDestroyNotify) g_variant_unref);
  g_autoptr (GPtrArray) sums = g_ptr_array_new_with_free_func ((GDestroyNotify) g_variant_unref);

  find_files (roots, files, sums);
  g_ptr_array_sort (files, compare_costs);
  if (digest_files (files, jobs, sums, error) < 0)
    return FALSE;

  g_ptr_array_sort (sums, compare_paths);
  print_sums (sums, FALSE);
  if (ferror (stdout) || fflush (stdout) != 0)
    {
      g_set_error (error, G_FILE_ERROR, g_file_error_from_errno (errno), "standard output: %s",
                   g_strerror (errno));
      return FALSE;
    }
  if (!no_compare && !compare_with_one_process (files, jobs, error))
    return FALSE;
  return print_sums (sums, TRUE) == 0;
}

int
main (int argc, char **argv)
{
  g_autoptr (GError) error = NULL;
  gboolean success;

  setlocale (LC_ALL, "");
  success = parse_options (&argc, &argv, &error) && run (&error);
  if (error != NULL)
    fprintf (stderr, "checksums: %s\n", error->message);
  g_strfreev (roots);
  return success ? 0 : 1;
}
