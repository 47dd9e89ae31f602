/*
 * SPDX-FileCopyrightText: 2026 The pcall authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

/* Worker programs, good ones and bad ones, by their first argument.
 *
 * The bad ones write frames by hand: the layout is written down here once more, as a worker in
 * another language would. */

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include <pcall-glib/pcall.h>

#define LONG_S 100

enum
{
  TYPE_RESULT = 2,
  TYPE_FINAL = 6,
  TYPE_HELLO = 9,
  TYPE_CALL = 10,
};

typedef struct
{
  char    magic[4];
  guint8  version;
  char    order;
  guint8  type;
  guint8  zero;
  guint64 nonce;
  guint32 sequence;
  guint32 call_index;
  guint64 length;
} Header;

G_STATIC_ASSERT (sizeof (Header) == 32);

static int channel = -1;
static Header next = { .magic = "PCL1", .version = 1 };

static void
sleep_long (void)
{
  for (int i = 0; i < LONG_S; i++)
    sleep (1);
}

/* Good workers */

static gboolean
return_index (gpointer data)
{
  PcallWorker *worker = data;

  pcall_report_progress (0.5, "soon");
  pcall_worker_return_value (worker, g_variant_new_uint32 (pcall_get_call_index ()));
  return G_SOURCE_REMOVE;
}

static void
return_later (PcallWorker *worker)
{
  g_autoptr (GMainContext) context = g_main_context_ref_thread_default ();
  g_autoptr (GSource) source = g_timeout_source_new (10);

  g_source_set_callback (source, return_index, worker, NULL);
  g_source_attach (source, context);
}

static GVariant *
double_it (GVariant *args,
           GVariant *kwargs,
           gpointer  user_data,
           GError  **error)
{
  gint32 number;

  g_variant_get (args, "(i)", &number);
  return g_variant_new_int32 (2 * number);
}

/* A worker may have tasks of its own, with forked children. */
static void
run_task (PcallWorker *worker)
{
  g_autoptr (PcallTask) task = pcall_task_new_for_func (double_it, NULL, NULL);
  g_autoptr (GError) error = NULL;
  g_autoptr (GVariant) results = NULL;

  pcall_task_set_log_mode (task, PCALL_LOG_MODE_INHERIT);
  pcall_task_set_instance_args (task, g_variant_new_parsed ("[(1,), (2,), (3,)]"));
  results = pcall_task_run (task, NULL, &error);
  if (results != NULL)
    pcall_worker_return_value (worker, results);
  else
    pcall_worker_return_error (worker, error);
}

static void
log_both_ways (PcallWorker *worker)
{
  g_log ("Odd", G_LOG_LEVEL_WARNING, "by g_log");
  g_log_structured ("Odd", G_LOG_LEVEL_WARNING, "MESSAGE", "structured");
  pcall_worker_return_value (worker, NULL);
}

/* Journals: what they look like is written down here once more, too. */

typedef struct
{
  guint32 length;
  guint32 left_alone;
  gint64  since;
} JournalHead;

/* NULL, and the call has failed, where there is none. */
static JournalHead *
get_journal (PcallWorker *worker)
{
  g_autoptr (GBytes) journal = pcall_worker_dup_journal (worker);
  g_autoptr (GError) error = NULL;

  if (journal != NULL)
    return (gpointer) g_bytes_get_data (journal, NULL);

  error = g_error_new_literal (PCALL_ERROR, PCALL_ERROR_FAILED, "no journal");
  pcall_worker_return_error (worker, error);
  return NULL;
}

/* The descriptor is closed by now, so the memory is found where the process has it. */
static void
truncate_journal (void)
{
  g_autofree char *maps = NULL;
  char *line;
  gulong from, to;

  g_file_get_contents ("/proc/self/maps", &maps, NULL, NULL);
  line = strstr (maps, "memfd:pcall-journal");
  g_assert_nonnull (line);
  while (line > maps && line[-1] != '\n')
    line--;
  if (sscanf (line, "%lx-%lx", &from, &to) == 2)
    {
      g_autofree char *path = g_strdup_printf ("/proc/self/map_files/%lx-%lx", from, to);

      /* Where that may not be, as without privileges, nothing is truncated. */
      if (truncate (path, 4) < 0)
        errno = 0;
    }
}

static void
write_journal (PcallWorker *worker,
               const char  *name,
               GVariant    *args)
{
  JournalHead *head = get_journal (worker);
  const char *text;

  if (head == NULL)
    return;

  g_assert_cmpuint (head->length, ==, 0);
  g_assert_cmpint (head->since, ==, 0);
  g_variant_get (args, "(&s)", &text);
  memcpy (head + 1, text, strlen (text));
  head->length = g_str_equal (name, "journal-lies") ? G_MAXUINT32 : strlen (text);
  if (g_str_equal (name, "journal-crash"))
    raise (SIGKILL);
  if (g_str_equal (name, "journal-truncated"))
    truncate_journal ();
  pcall_worker_return_value (worker, NULL);
}

static void
run_parts (PcallWorker *worker,
           guint        n,
           gulong       microseconds)
{
  JournalHead *head = get_journal (worker);

  for (guint i = 0; head != NULL && i < n; i++)
    {
      head->since = g_get_monotonic_time ();
      pcall_send_message (g_variant_new_uint32 (i));
      g_usleep (microseconds);
    }
  if (head != NULL)
    pcall_worker_return_value (worker, g_variant_new_printf ("%u parts", n));
}

/* What tells that it has returned */
static void
return_and_touch (PcallWorker *worker,
                  GVariant    *args)
{
  g_autoptr (GError) error = NULL;
  const char *path;

  g_variant_get (args, "(&s)", &path);
  pcall_worker_return_value (worker, g_variant_new_string ("touched"));
  g_file_set_contents (path, "", 0, &error);
  g_assert_no_error (error);
}

/* The first call has whoever started this told to end. */
static void
have_agent_told (PcallWorker *worker)
{
  guint index = pcall_get_call_index ();

  if (index == 0)
    kill (getppid (), SIGTERM);
  pcall_worker_return_value (worker, g_variant_new_uint32 (index));
}

static void
run_call (PcallWorker *worker,
          const char  *name,
          GVariant    *args,
          GVariant    *kwargs,
          gpointer     user_data)
{
  if (g_str_equal (name, "later"))
    return_later (worker);
  else if (g_str_equal (name, "echo"))
    pcall_worker_return_value (worker, g_variant_new ("(@r@a{sv})", args, kwargs));
  else if (g_str_equal (name, "task"))
    run_task (worker);
  else if (g_str_equal (name, "log"))
    log_both_ways (worker);
  else if (g_str_has_prefix (name, "journal"))
    write_journal (worker, name, args);
  else if (g_str_equal (name, "touch"))
    return_and_touch (worker, args);
  else if (g_str_equal (name, "have-agent-told"))
    have_agent_told (worker);
  else if (g_str_equal (name, "parts"))
    run_parts (worker, 15, 100000);
  else if (g_str_equal (name, "late-part"))
    run_parts (worker, 2, 100 * G_USEC_PER_SEC);
  else if (g_str_equal (name, "argument"))
    pcall_worker_return_value (worker, g_variant_new_string (user_data));
  else
    {
      g_autoptr (GError) error =
          g_error_new (PCALL_ERROR, PCALL_ERROR_TARGET, "odd-worker knows no \"%s\"", name);

      pcall_worker_return_error (worker, error);
    }
}

static void
be_good (const char *argument)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (PcallWorker) worker = pcall_worker_new (&error);

  g_assert_no_error (error);
  g_assert_null (pcall_worker_new (NULL));
  pcall_worker_start (worker, run_call, g_strdup (argument), g_free);
  pcall_worker_run (worker);
  g_assert_true (pcall_worker_get_stopped (worker));
}

static GLogWriterOutput
write_log (GLogLevelFlags level, const GLogField *fields, gsize n_fields, gpointer data)
{
  for (gsize i = 0; i < n_fields; i++)
    if (g_str_equal (fields[i].key, "MESSAGE"))
      fprintf (stderr, "written by its own: %s\n", (const char *) fields[i].value);
  return G_LOG_WRITER_HANDLED;
}

/* One that has set a writer function, and asks for ours all the same. */
static void
capture_twice (const char *argument)
{
  PcallWorker *worker = pcall_worker_new (NULL);

  g_log_set_writer_func (write_log, NULL, NULL);
  pcall_worker_capture_log (worker);
  pcall_worker_start (worker, run_call, NULL, NULL);
  pcall_worker_run (worker);
  g_object_unref (worker);
}

/* A main loop of its own, in a context of its own. */
static void
be_in_own_loop (const char *argument)
{
  GMainContext *context = g_main_context_new ();
  GMainLoop *loop = g_main_loop_new (context, FALSE);
  PcallWorker *worker = pcall_worker_new (NULL);

  g_main_context_push_thread_default (context);
  g_signal_connect_swapped (worker, "stopped", G_CALLBACK (g_main_loop_quit), loop);
  pcall_worker_start (worker, run_call, NULL, NULL);
  g_object_unref (worker);
  g_main_loop_run (loop);
  g_main_loop_unref (loop);
  g_main_context_pop_thread_default (context);
  g_main_context_unref (context);
}

/* One that does not end when it is told to. */
static void
stay (const char *argument)
{
  be_good (argument);
  sleep_long ();
}

/* Bad workers */

static void
find_channel (void)
{
  channel = atoi (getenv ("PCALL_WORKER_FD"));
  next.order = G_BYTE_ORDER == G_LITTLE_ENDIAN ? 'l' : 'B';
  next.nonce = g_ascii_strtoull (getenv ("PCALL_WORKER_COOKIE"), NULL, 16);
}

/* Where the parent is gone there is nobody to be bad to. */
static void
write_all (gconstpointer data,
           gsize         size)
{
  while (size > 0)
    {
      ssize_t n = write (channel, data, size);

      if (n < 0 && errno != EINTR)
        _exit (88);
      data = (const char *) data + MAX (n, 0);
      size -= MAX (n, 0);
    }
}

static void
write_frame (guint8    type,
             guint32   call_index,
             GVariant *value)
{
  g_autoptr (GVariant) payload = g_variant_ref_sink (value);
  static const char zeros[8];
  Header header = next;

  header.type = type;
  header.call_index = call_index;
  header.length = g_variant_get_size (payload);
  write_all (&header, sizeof header);
  write_all (g_variant_get_data (payload), header.length);
  write_all (zeros, (8 - header.length % 8) % 8);
  next.sequence++;
}

static void
write_hello (guint32 version)
{
  write_frame (TYPE_HELLO, 0, g_variant_new_parsed ("(%u, 1, @a{sv} {})", version));
}

static void
write_result (guint32 call_index)
{
  write_frame (TYPE_RESULT, call_index, g_variant_new_variant (g_variant_new_int32 (42)));
}

/* Reads the header of a call, which is enough to know that it came. */
static Header
read_call (void)
{
  Header header = { .type = 0 };

  if (read (channel, &header, sizeof header) != sizeof header || header.type != TYPE_CALL)
    _exit (87);
  return header;
}

static void
exit_3 (const char *argument)
{
  exit (3);
}

static void
crash (const char *argument)
{
  setrlimit (RLIMIT_CORE, &(struct rlimit) { 0, 0 });
  /* Which a sanitizer would turn into an exit */
  signal (SIGSEGV, SIG_DFL);
  raise (SIGSEGV);
}

static void
print_rubbish (const char *argument)
{
  static const char words[] = "Usage: odd-worker [OPTION]… FILE and many words more\n";

  write_all (words, strlen (words));
  sleep_long ();
}

static void
have_other_frames (const char *argument)
{
  next.version = 2;
  write_hello (1);
  sleep_long ();
}

static void
have_other_version (const char *argument)
{
  write_hello (7);
  sleep_long ();
}

static void
know_other_cookie (const char *argument)
{
  next.nonce++;
  write_hello (1);
  sleep_long ();
}

static void
say_nothing (const char *argument)
{
  sleep_long ();
}

static void
say_half (const char *argument)
{
  write_all (&next, 20);
  sleep_long ();
}

static void
close_and_stay (const char *argument)
{
  close (channel);
  sleep_long ();
}

static void
result_first (const char *argument)
{
  write_result (0);
  sleep_long ();
}

static void
hello_twice (const char *argument)
{
  write_hello (1);
  write_hello (1);
  sleep_long ();
}

static void
close_in_call (const char *argument)
{
  write_hello (1);
  read_call ();
  close (channel);
  sleep_long ();
}

static void
wrong_call (const char *argument)
{
  write_hello (1);
  write_result (read_call ().call_index + 1);
  sleep_long ();
}

static void
result_twice (const char *argument)
{
  Header call;

  write_hello (1);
  call = read_call ();
  write_result (call.call_index);
  write_result (call.call_index);
  sleep_long ();
}

static void
finish_like_a_fork (const char *argument)
{
  write_hello (1);
  read_call ();
  write_frame (TYPE_FINAL, 0, g_variant_new_int32 (0));
  sleep_long ();
}

static void
send_a_call (const char *argument)
{
  write_hello (1);
  read_call ();
  write_frame (TYPE_CALL, 0, g_variant_new_parsed ("('x', <()>, @a{sv} {}, '', '')"));
  sleep_long ();
}

/* Ends by itself after each call, as if nothing was. */
static void
leave_after_call (const char *argument)
{
  write_hello (1);
  write_result (read_call ().call_index);
  exit (0);
}

static void
never_read (const char *argument)
{
  write_hello (1);
  sleep_long ();
}

static const struct
{
  const char *name;
  void (*be) (const char *argument);
} modes[] = {
  { "good", be_good },
  { "own-loop", be_in_own_loop },
  { "stay", stay },
  { "exit-3", exit_3 },
  { "crash", crash },
  { "rubbish", print_rubbish },
  { "other-frames", have_other_frames },
  { "capture-twice", capture_twice },
  { "other-version", have_other_version },
  { "other-cookie", know_other_cookie },
  { "silent", say_nothing },
  { "half", say_half },
  { "close", close_and_stay },
  { "result-first", result_first },
  { "hello-twice", hello_twice },
  { "close-in-call", close_in_call },
  { "wrong-call", wrong_call },
  { "result-twice", result_twice },
  { "final", finish_like_a_fork },
  { "send-call", send_a_call },
  { "leave", leave_after_call },
  { "never-read", never_read },
};

int
main (int    argc,
      char **argv)
{
  const char *mode = argc > 1 ? argv[1] : "";

  if (getenv ("PCALL_WORKER_FD") == NULL)
    {
      g_autoptr (GError) error = NULL;

      g_assert_null (pcall_worker_new (&error));
      fprintf (stderr, "odd-worker: %s\n", error->message);
      return 2;
    }

  find_channel ();
  for (gsize i = 0; i < G_N_ELEMENTS (modes); i++)
    if (g_str_equal (modes[i].name, mode))
      {
        modes[i].be (argc > 2 ? argv[2] : "");
        return 0;
      }

  fprintf (stderr, "odd-worker: no such mode\n");
  return 2;
}
