/*
 * SPDX-FileCopyrightText: 2026 The pcall authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

/* What calls print, on its way to the standard output and error of their parent. Each test runs a
 * program, a fork of this one, and reads what comes out of it. */

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>

#include "program-support.h"
#include "spawn-support.h"

static void
assert_text (const GString *text, const char *expected)
{
  g_assert_cmpstr (text->str, ==, expected);
  g_assert_cmpuint (text->len, ==, strlen (expected));
}

static guint
count (const GString *text, const char *what)
{
  guint n = 0;

  for (const char *at = text->str; (at = strstr (at, what)) != NULL; at++)
    n++;
  return n;
}

static PcallTask *
new_task (PcallFunc func, guint n_calls)
{
  PcallTask *task = support_task (func, n_calls);

  pcall_task_set_output_mode (task, PCALL_OUTPUT_MODE_STREAMS);
  return task;
}

/* Each to its own, in call order */

static GVariant *
print_both (GVariant *args, GVariant *kwargs, gpointer user_data, GError **error)
{
  guint index = pcall_get_call_index ();

  if (index == 2)
    return NULL;
  printf ("out %u\n", index);
  fprintf (stderr, "err %u\n", index);
  fflush (stdout);
  g_assert_cmpint (system ("echo program; echo complaint >&2"), ==, 0);
  printf ("end");
  return NULL;
}

typedef struct
{
  const char *name;
  PcallLogMode mode;
  guint calls_per_child;
} Way;

static const Way ways[] = {
  { "sections", PCALL_LOG_MODE_SECTIONS, 1 },
  { "many-a-child", PCALL_LOG_MODE_SECTIONS, 0 },
  { "live", PCALL_LOG_MODE_LIVE, 1 },
  { "many-a-child-live", PCALL_LOG_MODE_LIVE, 0 },
};

static void
run_both (gconstpointer data)
{
  const Way *way = data;
  g_autoptr (PcallTask) task = new_task (print_both, way->mode == PCALL_LOG_MODE_LIVE ? 1 : 4);

  pcall_task_set_log_mode (task, way->mode);
  pcall_task_set_calls_per_child (task, way->calls_per_child);
  printf ("before\n");
  support_run (task, NULL);
  printf ("after\n");
}

/* Of several calls, what comes as it comes has no order. */
static void
test_both (gconstpointer data)
{
  const Way *way = data;
  g_autoptr (GString) out = NULL;
  g_autoptr (GString) err = NULL;

  run_program (run_both, data, &out, &err);
  if (way->mode == PCALL_LOG_MODE_LIVE)
    {
      assert_text (out, "before\nout 0\nprogram\nendafter\n");
      assert_text (err, "err 0\ncomplaint\n");
      return;
    }
  assert_text (out, "before\n"
                    "out 0\nprogram\nend"
                    "out 1\nprogram\nend"
                    "out 3\nprogram\nend"
                    "after\n");
  assert_text (err, "err 0\ncomplaint\nerr 1\ncomplaint\nerr 3\ncomplaint\n");
}

/* Where both go to one place, the order between them is kept as well. */
static void
test_same_place (gconstpointer data)
{
  const Way *way = data;
  g_autoptr (GString) out = NULL;

  run_program (run_both, data, &out, NULL);
  if (way->mode == PCALL_LOG_MODE_LIVE)
    {
      assert_text (out, "before\nout 0\nerr 0\nprogram\ncomplaint\nendafter\n");
      return;
    }
  assert_text (out, "before\n"
                    "out 0\nerr 0\nprogram\ncomplaint\nend"
                    "out 1\nerr 1\nprogram\ncomplaint\nend"
                    "out 3\nerr 3\nprogram\ncomplaint\nend"
                    "after\n");
}

static void
run_workers (gconstpointer data)
{
  g_autoptr (PcallTask) task = symbol_task ("run_command", 0);

  pcall_task_set_output_mode (task, PCALL_OUTPUT_MODE_STREAMS);
  pcall_task_set_instance_args (task, g_variant_new_parsed ("[('echo a; echo b >&2',), (':',), "
                                                            "('echo c; echo d >&2',)]"));
  pcall_task_set_log_mode (task, GPOINTER_TO_INT (data));
  pcall_task_set_max_children (task, 1);
  support_run (task, "[<0>, <0>, <0>]");
}

static void
test_workers (gconstpointer data)
{
  g_autoptr (GString) out = NULL;
  g_autoptr (GString) err = NULL;

  run_program (run_workers, data, &out, &err);
  assert_text (out, "a\nc\n");
  assert_text (err, "b\nd\n");
}

/* A task within a call prints where that prints. */

static GVariant *
run_inner (GVariant *args, GVariant *kwargs, gpointer user_data, GError **error)
{
  g_autoptr (PcallTask) task = new_task (print_both, 2);

  support_run (task, NULL);
  return NULL;
}

static void
run_outer (gconstpointer data)
{
  g_autoptr (PcallTask) task = new_task (run_inner, 2);

  support_run (task, NULL);
}

static void
test_nested (void)
{
  g_autoptr (GString) out = NULL;
  g_autoptr (GString) err = NULL;

  run_program (run_outer, NULL, &out, &err);
  assert_text (out, "out 0\nprogram\nendout 1\nprogram\nendout 0\nprogram\nendout 1\nprogram\nend");
  assert_text (err, "err 0\ncomplaint\nerr 1\ncomplaint\nerr 0\ncomplaint\nerr 1\ncomplaint\n");
}

/* Bytes as they are */

#define N_BYTES (3 * 1024 * 1024 + 5)

static guint8
get_byte (gsize i)
{
  return (i * i + i / 251) & 0xff;
}

static GVariant *
print_bytes (GVariant *args, GVariant *kwargs, gpointer user_data, GError **error)
{
  for (gsize i = 0; i < N_BYTES; i++)
    putchar_unlocked (get_byte (i));
  return NULL;
}

static void
run_bytes (gconstpointer data)
{
  g_autoptr (PcallTask) task = new_task (print_bytes, 1);

  pcall_task_set_log_mode (task, GPOINTER_TO_INT (data));
  support_run (task, NULL);
}

static void
test_bytes (gconstpointer data)
{
  for (guint is_pipe = 0; is_pipe < 2; is_pipe++)
    {
      Program program;
      g_autoptr (GString) out = NULL;
      g_autoptr (GString) err = NULL;

      program_start (&program, is_pipe, FALSE, run_bytes, data);
      if (is_pipe)
        out = read_all (program.out);
      program_end (&program);
      if (!is_pipe)
        out = read_all (program.out);
      err = read_all (program.err);
      assert_text (err, "");
      g_assert_cmpuint (out->len, ==, N_BYTES);
      for (gsize i = 0; i < N_BYTES; i++)
        if ((guint8) out->str[i] != get_byte (i))
          g_error ("byte %" G_GSIZE_FORMAT " is another one", i);
    }
}

/* What is logged, beside that */

static GVariant *
print_and_log (GVariant *args, GVariant *kwargs, gpointer user_data, GError **error)
{
  printf ("printed\n");
  if (pcall_get_call_index () == 1)
    return NULL;
  fprintf (stderr, "before\n");
  g_message ("logged");
  fprintf (stderr, "behind\n");
  return NULL;
}

static void
run_and_log (gconstpointer data)
{
  g_autoptr (PcallTask) task = new_task (print_and_log, 2);

  support_run (task, NULL);
}

/* It has its section, and what is printed has none. */
static void
test_records (void)
{
  g_autoptr (GString) out = NULL;
  g_autoptr (GString) err = NULL;

  run_program (run_and_log, NULL, &out, &err);
  assert_text (out, "printed\nprinted\n");
  g_assert_true (g_regex_match_simple ("^before\\n"
                                       ".*>>>> Begin child log /.*-call-0-pid-\\d+\\.log\\n"
                                       ".*logged\\n"
                                       "behind\\n"
                                       ".*<<<< End child log /.*-call-0-pid-\\d+\\.log\\n$",
                                       err->str, 0, 0));
}

/* As it comes */

static SupportPipe gate;

static GVariant *
print_parts (GVariant *args, GVariant *kwargs, gpointer user_data, GError **error)
{
  static const char *const parts[] = { "\r10%", "\r20%", "dots", ".", ".", "\nend" };

  for (gsize i = 0; i < G_N_ELEMENTS (parts); i++)
    {
      g_assert_cmpint (write (STDOUT_FILENO, parts[i], strlen (parts[i])), >, 0);
      support_pipe_get (&gate);
    }
  return NULL;
}

static void
run_parts (gconstpointer data)
{
  g_autoptr (PcallTask) task = new_task (print_parts, 1);

  pcall_task_set_log_mode (task, PCALL_LOG_MODE_LIVE);
  support_run (task, NULL);
}

/* The call goes on only when what it printed has come out of the program. */
static void
test_parts (void)
{
  static const char *const parts[] = { "\r10%", "\r20%", "dots", ".", ".", "\nend" };
  Program program;

  support_pipe_open (&gate);
  program_start (&program, TRUE, FALSE, run_parts, NULL);
  for (gsize i = 0; i < G_N_ELEMENTS (parts); i++)
    {
      gsize length = strlen (parts[i]);
      char bytes[16];
      gsize n = 0;

      while (n < length)
        {
          gssize now = read (program.out, bytes + n, length - n);

          g_assert_cmpint (now, >, 0);
          n += now;
        }
      g_assert_cmpmem (bytes, n, parts[i], length);
      support_pipe_put (&gate, 1);
    }
  program_end (&program);
  close (program.out);
  close (program.err);
  support_pipe_close (&gate);
}

/* Lines that several calls print at once come whole. */

#define N_LINES 2000
#define N_WRITERS 4

static GVariant *
print_lines (GVariant *args, GVariant *kwargs, gpointer user_data, GError **error)
{
  char c = 'a' + pcall_get_call_index ();
  g_autofree char *line = g_strnfill (99, c);

  for (guint i = 0; i < N_LINES; i++)
    puts (line);
  return NULL;
}

static void
run_lines (gconstpointer data)
{
  g_autoptr (PcallTask) task = new_task (print_lines, N_WRITERS);

  pcall_task_set_log_mode (task, PCALL_LOG_MODE_LIVE);
  support_run (task, NULL);
}

/* A pipe takes little at once. */
static void
test_lines (void)
{
  Program program;
  g_autoptr (GString) out = NULL;
  guint n[N_WRITERS] = { 0 };

  program_start (&program, TRUE, FALSE, run_lines, NULL);
  out = read_all (program.out);
  program_end (&program);
  close (program.err);
  g_assert_cmpuint (out->len, ==, N_WRITERS * N_LINES * 100);
  for (gsize i = 0; i < out->len; i += 100)
    {
      guint index = out->str[i] - 'a';
      char c[2] = { out->str[i], '\0' };

      g_assert_cmpuint (index, <, N_WRITERS);
      g_assert_cmpuint (strspn (out->str + i, c), ==, 99);
      g_assert_cmpint (out->str[i + 99], ==, '\n');
      n[index]++;
    }
  for (guint i = 0; i < N_WRITERS; i++)
    g_assert_cmpuint (n[i], ==, N_LINES);
}

/* Limits */

static GVariant *
print_hundred (GVariant *args, GVariant *kwargs, gpointer user_data, GError **error)
{
  printf ("%99d\n", 1);
  return NULL;
}

static void
run_limited (gconstpointer data)
{
  g_autoptr (PcallTask) task = new_task (print_hundred, 2);

  pcall_task_set_log_mode (task, GPOINTER_TO_INT (data));
  pcall_task_set_max_children (task, 1);
  pcall_task_set_max_log_size (task, 10);
  support_run (task, NULL);
}

static void
test_limit (gconstpointer data)
{
  g_autoptr (GString) out = NULL;
  g_autoptr (GString) err = NULL;

  run_program (run_limited, data, &out, &err);
  assert_text (out, "                    ");
  g_assert_cmpuint (count (err, "the last 90 bytes of its output are not here: max-log-size is 10\n"),
                    ==, 2);
}

static GVariant *
print_bytes_and_sleep (GVariant *args, GVariant *kwargs, gpointer user_data, GError **error)
{
  print_bytes (args, kwargs, user_data, error);
  return support_sleep (args, kwargs, user_data, error);
}

static void
run_stalled (gconstpointer data)
{
  g_autoptr (PcallTask) task = new_task (print_bytes_and_sleep, 1);
  g_autoptr (GError) error = NULL;

  pcall_task_set_log_mode (task, GPOINTER_TO_INT (data));
  pcall_task_set_deadline (task, 0.5);
  pcall_task_set_grace_period (task, 0);
  g_assert_null (pcall_task_run (task, NULL, &error));
  g_assert_error (error, PCALL_ERROR, PCALL_ERROR_TIMED_OUT);
}

/* Nobody reads: logging ends a second after the deadline all the same. */
static void
test_stalled (gconstpointer data)
{
  Program program;
  g_autoptr (GString) err = NULL;
  gint64 begun = g_get_monotonic_time ();

  program_start (&program, TRUE, FALSE, run_stalled, data);
  program_end (&program);
  g_assert_cmpint (g_get_monotonic_time () - begun, >=, 1400000);
  close (program.out);
  err = read_all (program.err);
  g_assert_cmpuint (count (err, "bytes of its output are not here: the deadline has passed\n"), ==,
                    1);
}

static void
run_both_without_signal (gconstpointer data)
{
  signal (SIGPIPE, SIG_IGN);
  run_both (data);
}

/* Nobody will ever read: that is said, and standard error is not concerned. */
static void
test_broken_pipe (void)
{
  Program program;
  g_autoptr (GString) err = NULL;
  int out, theirs;

  program.out = new_pipe (&theirs);
  close (program.out);
  program.err = new_file (&out);
  fflush (stdout);
  program.pid = fork ();
  if (program.pid == 0)
    run_here (theirs, out, run_both_without_signal, &ways[0]);
  close (theirs);
  close (out);
  program_end (&program);
  err = read_all (program.err);
  g_assert_true (g_str_has_prefix (err->str, "err 0\ncomplaint\n"));
  g_assert_cmpuint (count (err, "err 3\ncomplaint\n"), ==, 1);
  g_assert_cmpuint (count (err, "bytes of its output are not here: Broken pipe\n"), ==, 3);
}

/* Files */

static void
run_keeping (gconstpointer data)
{
  g_autoptr (PcallTask) task = new_task (print_both, 1);
  g_autoptr (PcallCall) call = NULL;
  g_autoptr (GBytes) output = NULL;
  g_autofree char *text = NULL;

  pcall_task_set_log_directory (task, data);
  pcall_task_set_keep_logs (task, TRUE);
  pcall_task_set_calls_per_child (task, g_str_has_suffix (data, "0") ? 0 : 1);
  support_run (task, NULL);
  call = pcall_task_dup_call (task, 0);
  output = pcall_call_dup_output (call);
  g_assert_cmpmem (g_bytes_get_data (output, NULL), g_bytes_get_size (output),
                   "out 0\nprogram\nenderr 0\ncomplaint\n", 33);
  g_assert_true (g_file_get_contents (pcall_call_get_log_file (call), &text, NULL, NULL));
  g_assert_no_errno (g_unlink (pcall_call_get_log_file (call)));
  g_assert_cmpstr (text, ==, "err 0\ncomplaint\nout 0\nprogram\nend");
}

static void
run_tidily (gconstpointer data)
{
  g_autoptr (PcallTask) task = new_task (print_both, 4);

  pcall_task_set_log_directory (task, data);
  pcall_task_set_calls_per_child (task, g_str_has_suffix (data, "0") ? 0 : 1);
  support_run (task, NULL);
}

/* One is kept, with all that is in both; or none. */
static void
test_files (void)
{
  static const ProgramFunc funcs[] = { run_keeping, run_tidily };

  for (guint i = 0; i < G_N_ELEMENTS (funcs); i++)
    for (guint calls_per_child = 0; calls_per_child < 2; calls_per_child++)
      {
        g_autofree char *place = g_dir_make_tmp ("pcall-streams-XXXXXX", NULL);
        g_autofree char *directory = g_strdup_printf ("%s/%u", place, calls_per_child);
        g_autoptr (GString) out = NULL;
        g_autoptr (GString) err = NULL;

        run_program (funcs[i], directory, &out, &err);
        g_rmdir (directory);
        g_assert_no_errno (g_rmdir (place));
      }
}

/* The last output of a call that crashed, wherever it went */

static GVariant *
print_and_crash (GVariant *args, GVariant *kwargs, gpointer user_data, GError **error)
{
  printf ("on stdout\n");
  if (pcall_get_call_index () == 1)
    fprintf (stderr, "on stderr\n");
  fflush (stdout);
  raise (SIGKILL);
  return NULL;
}

static void
run_crash (gconstpointer data)
{
  g_autoptr (PcallTask) task = new_task (print_and_crash, 2);
  g_autoptr (GError) error = NULL;
  g_autoptr (GError) other = NULL;

  g_assert_null (pcall_task_run (task, NULL, &error));
  other = support_error (task, 1);
  g_assert_true (g_str_has_suffix (error->message, "; last output: on stdout"));
  g_assert_true (g_str_has_suffix (other->message, "; last output: on stderr"));
}

static void
test_crash (void)
{
  g_autoptr (GString) out = NULL;
  g_autoptr (GString) err = NULL;

  run_program (run_crash, NULL, &out, &err);
  assert_text (out, "on stdout\non stdout\n");
  assert_text (err, "on stderr\n");
}

/* As it is for each log mode */
static void
add_for_modes (const char *path, GTestDataFunc func)
{
  g_autofree char *sections = g_strconcat (path, "/sections", NULL);
  g_autofree char *live = g_strconcat (path, "/live", NULL);

  g_test_add_data_func (sections, GINT_TO_POINTER (PCALL_LOG_MODE_SECTIONS), func);
  g_test_add_data_func (live, GINT_TO_POINTER (PCALL_LOG_MODE_LIVE), func);
}

int
main (int argc, char *argv[])
{
  g_test_init (&argc, &argv, NULL);

  for (gsize i = 0; i < G_N_ELEMENTS (ways); i++)
    {
      g_autofree char *both = g_strconcat ("/pcall/log-streams/both/", ways[i].name, NULL);
      g_autofree char *same = g_strconcat ("/pcall/log-streams/same-place/", ways[i].name, NULL);

      g_test_add_data_func (both, &ways[i], test_both);
      g_test_add_data_func (same, &ways[i], test_same_place);
    }
  add_for_modes ("/pcall/log-streams/workers", test_workers);
  g_test_add_func ("/pcall/log-streams/nested", test_nested);
  add_for_modes ("/pcall/log-streams/bytes", test_bytes);
  g_test_add_func ("/pcall/log-streams/records", test_records);
  g_test_add_func ("/pcall/log-streams/parts", test_parts);
  g_test_add_func ("/pcall/log-streams/lines", test_lines);
  add_for_modes ("/pcall/log-streams/limit", test_limit);
  add_for_modes ("/pcall/log-streams/stalled", test_stalled);
  g_test_add_func ("/pcall/log-streams/broken-pipe", test_broken_pipe);
  g_test_add_func ("/pcall/log-streams/files", test_files);
  g_test_add_func ("/pcall/log-streams/crash", test_crash);
  return g_test_run ();
}
