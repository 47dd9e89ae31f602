/*
 * SPDX-FileCopyrightText: 2026 The pcall authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

/* What the binding of a language does, for a language that is only pretended: its runtime has a lock
 * that no child may find held, and its values are words, which go back as bytes. */

#include <string.h>

#include <pcall-glib/pcall.h>

static GMutex runtime_lock;

static void
lock (void)
{
  g_mutex_lock (&runtime_lock);
}

static void
unlock (void)
{
  g_mutex_unlock (&runtime_lock);
}

/* In a child: the words are there, as they were at the time of the fork. */
static GBytes *
reverse (guint index, GVariant **value, gpointer user_data, GError **error)
{
  const char *const *words = user_data;
  char *word;
  gsize length;

  lock ();
  word = g_utf8_strreverse (words[index], -1);
  unlock ();

  length = strlen (word);
  return g_bytes_new_take (word, length);
}

/* As many results as come at once: their number, where each of them ends, and then the bytes. */
static guint
print_pieces (GBytes *pieces)
{
  const guint64 *n = g_bytes_get_data (pieces, NULL);
  const guint64 *ends = n + 1;
  const char *bytes = (const char *) (ends + *n);

  for (guint64 i = 0, start = 0; i < *n; start = ends[i++])
    g_print ("%.*s\n", (int) (ends[i] - start), bytes + start);
  return *n;
}

static void
print_results (PcallTask *task)
{
  guint index = 0;

  while (index < pcall_task_get_n_calls (task))
    {
      g_autoptr (GBytes) pieces = pcall_task_dup_result_pieces (task, index);

      if (pieces == NULL)
        break; /* large, or no bytes: the binding looks at the call by itself */
      index += print_pieces (pieces);
    }
}

int
main (void)
{
  static const PcallForkHooks hooks = {
    .before = lock,
    .after_in_parent = unlock,
    .after_in_child = unlock,
  };
  static const char *words[] = { "level", "drawer", "stressed" };
  g_autoptr (PcallTarget) target = pcall_target_new_for_bytes ("reverse", reverse, words, NULL);
  g_autoptr (PcallTask) task = pcall_task_new (target);
  g_autoptr (GError) error = NULL;

  pcall_set_fork_hooks (&hooks);
  pcall_task_set_n_calls (task, G_N_ELEMENTS (words));
  if (!pcall_task_start (task, &error) || !pcall_task_join (task, -1, NULL, &error))
    {
      g_printerr ("binding: %s\n", error->message);
      return 1;
    }

  print_results (task);
  return 0;
}
