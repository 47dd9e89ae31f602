/*
 * SPDX-FileCopyrightText: 2026 The pcall authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

/* What is said of a process that SIGKILL has ended: how many processes of its control group the
 * kernel has killed for want of memory, where it tells. */

#include <glib/gstdio.h>

#include <pcall-glib/base/pcall-oom-private.h>

typedef struct
{
  const char *name;
  const char *groups; /* as /proc/self/cgroup has it; NULL for no such file */
  const char *path;   /* of the file that counts */
  const char *counts;
  gint64 n_kills;
} Case;

#define V1 "9:name=systemd:/\n4:memory:/a/b\n1:cpu,cpuacct:/a\n0::/\n"
#define EVENTS "low 0\nhigh 7\nmax 4\noom 3\noom_kill 2\noom_group_kill 1\n"
#define CONTROL "oom_kill_disable 0\nunder_oom 0\noom_kill 5\n"

static const Case cases[] = {
  { "v2", "0::/a/b\n", "a/b/memory.events", EVENTS, 2 },
  { "v2/none-killed", "0::/a/b\n", "a/b/memory.events", "oom 3\noom_kill 0\n", 0 },
  { "v2/in-a-container", "0::/../a/b\n", "memory.events", EVENTS, 2 },
  { "v2/another-group", "0::/a/b\n", "a/memory.events", EVENTS, -1 },
  { "v2/colons-in-the-path", "0::/a:b:c\n", "a:b:c/memory.events", EVENTS, 2 },
  { "v2/no-such-count", "0::/a\n", "a/memory.events", "low 0\noom 3\n", -1 },
  { "v1", V1, "memory/a/b/memory.oom_control", CONTROL, 5 },
  { "v1/in-a-container", V1, "memory/memory.oom_control", CONTROL, 5 },
  { "v1/with-others", "3:cpu,memory:/a\n0::/\n", "memory/a/memory.oom_control", CONTROL, 5 },
  { "v1/old-kernel", V1, "memory/a/b/memory.oom_control", "under_oom 0\n", -1 },
  { "v1/without-memory", "1:cpu,cpuacct:/a\n0::/a\n", "memory/a/memory.oom_control", CONTROL, -1 },
  { "no-groups", NULL, "memory.events", EVENTS, -1 },
  { "empty", "", "memory.events", EVENTS, -1 },
  { "no-lines-of-groups", "some\nwords:only\n", "memory.events", EVENTS, -1 },
};

static void
write_file (const char *directory, const char *path, const char *text)
{
  g_autofree char *whole = g_build_filename (directory, path, NULL);
  g_autofree char *parent = g_path_get_dirname (whole);
  g_autoptr (GError) error = NULL;

  g_assert_no_errno (g_mkdir_with_parents (parent, 0700));
  g_file_set_contents (whole, text, -1, &error);
  g_assert_no_error (error);
}

static void
remove_all (const char *path)
{
  g_autoptr (GDir) dir = g_dir_open (path, 0, NULL);
  const char *name;

  while (dir != NULL && (name = g_dir_read_name (dir)) != NULL)
    {
      g_autofree char *child = g_build_filename (path, name, NULL);

      remove_all (child);
    }
  g_assert_no_errno (g_remove (path));
}

static void
test_count (gconstpointer data)
{
  const Case *row = data;
  g_autoptr (GError) error = NULL;
  g_autofree char *directory = g_dir_make_tmp ("test-oom-XXXXXX", &error);
  g_autofree char *proc = g_build_filename (directory, "proc", NULL);
  g_autofree char *groups = g_build_filename (directory, "cgroup", NULL);

  g_assert_no_error (error);
  if (row->groups != NULL)
    write_file (proc, "self/cgroup", row->groups);
  write_file (groups, row->path, row->counts);
  g_assert_cmpint (pcall_oom_count_kills_at (proc, groups), ==, row->n_kills);
  remove_all (directory);
}

/* Whatever it is on this machine. */
static void
test_here (void)
{
  g_assert_cmpint (pcall_oom_count_kills (), >=, -1);
}

static void
test_describe (void)
{
  static const struct
  {
    gint64 n_kills;
    const char *text;
  } rows[] = {
    { -1, ", perhaps out of memory" },
    { 0, "" },
    { 1, ", perhaps out of memory: its control group counts 1 of such kills" },
    { 12, ", perhaps out of memory: its control group counts 12 of such kills" },
  };

  for (gsize i = 0; i < G_N_ELEMENTS (rows); i++)
    {
      g_autofree char *text = pcall_oom_describe (rows[i].n_kills);

      g_assert_cmpstr (text, ==, rows[i].text);
    }
}

int
main (int argc, char *argv[])
{
  g_test_init (&argc, &argv, NULL);

  for (gsize i = 0; i < G_N_ELEMENTS (cases); i++)
    {
      g_autofree char *path = g_strconcat ("/pcall/oom/count/", cases[i].name, NULL);

      g_test_add_data_func (path, &cases[i], test_count);
    }
  g_test_add_func ("/pcall/oom/here", test_here);
  g_test_add_func ("/pcall/oom/describe", test_describe);

  return g_test_run ();
}
