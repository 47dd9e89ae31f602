/*
 * SPDX-FileCopyrightText: 2026 The pcall authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

/* Which program runs a named target, where it is looked for, and which targets one worker can
 * run. */

#include <gio/gio.h>
#include <glib/gstdio.h>

#include <pcall-glib/pcall-error.h>
#include <pcall-glib/start/pcall-command-private.h>

/* A worker's command, or, with none, a symbol of a module */
static PcallTarget *
make_target (const char *const *argv, const char *name)
{
  return argv[0] != NULL ? pcall_target_new_worker (argv, name)
                         : pcall_target_new_symbol ("libsome.so", name);
}

/* What is executed */

/* Characters of two bytes each. */
#define TEN "ääääääääää"

static void
test_argv (void)
{
  static const struct
  {
    const char *argv[5];
    const char *described;
  } rows[] = {
    { { NULL }, "pcall-worker" },
    { { "program", NULL }, "program" },
    { { "/bin/program", "--option", "two words", NULL }, "/bin/program --option two words" },
    { { "na\xefve", NULL }, "na\xef\xbf\xbdve" },
    { { "python3", "-c", "# module\nimport module\n", "data" }, "python3 -c # module…" },
    { { "python3", "\nimport module\n", "data", NULL }, "python3 import module…" },
    { { "sh", "-c", "one line\n", NULL }, "sh -c one line…" },
    { { "program", TEN TEN TEN TEN TEN TEN TEN TEN TEN TEN, "last", NULL },
      "program " TEN TEN TEN TEN TEN TEN TEN TEN TEN TEN " last" },
    { { "program", TEN TEN TEN TEN TEN TEN TEN TEN TEN TEN "b", "not shown", NULL },
      "program " TEN TEN TEN TEN TEN TEN TEN TEN TEN TEN "…" },
    { { "program", "", "--option", NULL }, "program  --option" },
  };

  for (gsize i = 0; i < G_N_ELEMENTS (rows); i++)
    {
      g_autoptr (PcallTarget) target = make_target (rows[i].argv, "name");
      g_autofree char *described = pcall_command_describe (target);
      static const char *const own[] = { "pcall-worker", NULL };

      g_assert_cmpstr (described, ==, rows[i].described);
      g_assert_true (g_strv_equal (pcall_command_get_argv (target),
                                   rows[i].argv[0] != NULL ? rows[i].argv : own));
    }
}

static void
test_equal (void)
{
  static const struct
  {
    const char *first[3];
    const char *second[3];
    gboolean equal;
  } rows[] = {
    { { NULL }, { NULL }, TRUE },
    { { "a", NULL }, { "a", NULL }, TRUE },
    { { "a", "b", NULL }, { "a", "b", NULL }, TRUE },
    { { "a", NULL }, { "b", NULL }, FALSE },
    { { "a", NULL }, { "a", "b", NULL }, FALSE },
    { { "a", "b", NULL }, { "a", "c", NULL }, FALSE },
    { { NULL }, { "a", NULL }, FALSE },
    /* The one stands beside the library, the other in PATH. */
    { { NULL }, { "pcall-worker", NULL }, FALSE },
  };

  for (gsize i = 0; i < G_N_ELEMENTS (rows); i++)
    {
      g_autoptr (PcallTarget) first = make_target (rows[i].first, "name");
      g_autoptr (PcallTarget) second = make_target (rows[i].second, "other-name");

      g_assert_cmpint (pcall_command_equal (first, second), ==, rows[i].equal);
      g_assert_cmpint (pcall_command_equal (second, first), ==, rows[i].equal);
      g_assert_true (pcall_command_equal (first, first));
    }
}

/* Where it is */

typedef struct
{
  char *place;
  char *program; /* in it */
  char *path;    /* PATH before */
  char *worker_dir;
} Fixture;

static void
restore (const char *name, char *value)
{
  if (value != NULL)
    g_assert_true (g_setenv (name, value, TRUE));
  else
    g_unsetenv (name);
  g_free (value);
}

static void
set_up (Fixture *self, gconstpointer data)
{
  self->place = g_dir_make_tmp ("pcall-command-XXXXXX", NULL);
  g_assert_nonnull (self->place);
  self->program = g_build_filename (self->place, "pcall-worker", NULL);
  self->path = g_strdup (g_getenv ("PATH"));
  self->worker_dir = g_strdup (g_getenv ("PCALL_WORKER_DIR"));
  g_assert_true (g_file_set_contents (self->program, "", -1, NULL));
  g_assert_no_errno (g_chmod (self->program, 0700));
}

static void
tear_down (Fixture *self, gconstpointer data)
{
  restore ("PATH", self->path);
  restore ("PCALL_WORKER_DIR", self->worker_dir);
  g_unlink (self->program);
  g_assert_no_errno (g_rmdir (self->place));
  g_free (self->program);
  g_free (self->place);
}

static void
assert_found (PcallTarget *target, const char *expected)
{
  g_autoptr (GError) error = NULL;
  g_autofree char *path = pcall_command_find (target, &error);

  g_assert_no_error (error);
  g_assert_cmpstr (path, ==, expected);
}

static void
assert_not_found (PcallTarget *target, const char *message)
{
  g_autoptr (GError) error = NULL;

  g_assert_null (pcall_command_find (target, &error));
  g_assert_error (error, PCALL_ERROR, PCALL_ERROR_START);
  g_assert_cmpstr (error->message, ==, message);
}

static void
test_own (Fixture *self, gconstpointer data)
{
  g_autoptr (PcallTarget) target = pcall_target_new_symbol ("libsome.so", "symbol");
  g_autofree char *message
      = g_strdup_printf ("worker program pcall-worker: not found in %s; PCALL_WORKER_DIR says that "
                         "it is there",
                         self->place);

  /* PATH is for the programs of others. */
  g_setenv ("PATH", "/nonexistent", TRUE);
  g_setenv ("PCALL_WORKER_DIR", self->place, TRUE);
  assert_found (target, self->program);

  g_assert_no_errno (g_chmod (self->program, 0600));
  assert_not_found (target, message);
  g_assert_no_errno (g_unlink (self->program));
  assert_not_found (target, message);
}

static void
test_in_path (Fixture *self, gconstpointer data)
{
  static const char *const argv[] = { "pcall-worker", NULL };
  g_autoptr (PcallTarget) target = pcall_target_new_worker (argv, "name");

  /* It is not ours, though it is called so. */
  g_setenv ("PCALL_WORKER_DIR", "/nonexistent", TRUE);
  g_setenv ("PATH", self->place, TRUE);
  assert_found (target, self->program);

  g_assert_no_errno (g_chmod (self->program, 0600));
  g_setenv ("PATH", "/nonexistent:/neither", TRUE);
  assert_not_found (target, "worker program pcall-worker: not found in PATH, which is "
                            "/nonexistent:/neither");
  g_unsetenv ("PATH");
  assert_not_found (target, "worker program pcall-worker: not found in PATH, which is not set");
}

/* A path is taken as it is; that there is nothing is told by executing it. */
static void
test_path (Fixture *self, gconstpointer data)
{
  const char *const paths[] = { self->program, "/nonexistent/program", "./program", "a/b" };

  g_setenv ("PATH", self->place, TRUE);
  for (gsize i = 0; i < G_N_ELEMENTS (paths); i++)
    {
      const char *const argv[] = { paths[i], "--option", NULL };
      g_autoptr (PcallTarget) target = pcall_target_new_worker (argv, "name");

      assert_found (target, paths[i]);
    }
}

int
main (int argc, char *argv[])
{
  g_test_init (&argc, &argv, NULL);

  g_test_add_func ("/pcall/command/argv", test_argv);
  g_test_add_func ("/pcall/command/equal", test_equal);
  g_test_add ("/pcall/command/own", Fixture, NULL, set_up, test_own, tear_down);
  g_test_add ("/pcall/command/in-path", Fixture, NULL, set_up, test_in_path, tear_down);
  g_test_add ("/pcall/command/path", Fixture, NULL, set_up, test_path, tear_down);

  return g_test_run ();
}
