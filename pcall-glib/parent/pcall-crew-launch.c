/*
 * SPDX-FileCopyrightText: 2026 The pcall authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include "parent/pcall-crew-parts-private.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/pcall-fd-private.h"
#include "base/pcall-lifeline-private.h"
#include "base/pcall-unshared-private.h"
#include "pcall-error.h"
#include "start/pcall-command-private.h"
#include "start/pcall-spawn-private.h"

/* The commands that bring agents.
 *
 * A command runs in a process group of its own, so that Ctrl-C is not for it, and has a life pipe:
 * when this process ends, however it does, it gets SIGTERM, by which an engine revokes what it has
 * queued. It gets no SIGKILL then, which would leave that there.
 *
 * What it writes is passed on to where this process's errors go, and the last of it is kept: where
 * no agent comes, that is what tells why. Where nobody reads those errors it is the command that
 * waits, and nothing here.
 *
 * When its agents have gone it should end by itself. An engine may hang over that, so that it is
 * made to, after a while.
 *
 * What is left of its process group when it has ended may be there to clean up, as srun has a
 * process that ends the job when srun was killed, which nobody else would. So that is told to end,
 * and killed when it has not for a while. */

#define LIFE_FD 3
#define N_FDS 4
#define WORDS_SIZE 4096
#define LEAVE_US (3 * G_USEC_PER_SEC)
#define PAUSE_US 100000
#define FIRST_LOOK_US 1000

/* The end */

static const int farewells[] = { SIGTERM, SIGTERM, SIGKILL };

static gboolean take_exit (PcallLaunch *launch);

/* Whatever has become of its descriptor, it may have ended. */
static void
make_leave (gpointer data)
{
  PcallLaunch *launch = data;
  guint n = MIN (launch->n_signals, G_N_ELEMENTS (farewells) - 1);

  if (take_exit (launch))
    return;

  launch->n_signals++;
  if (farewells[n] == SIGKILL)
    pcall_process_signal_alone (&launch->process, SIGKILL);
  else
    pcall_process_signal (&launch->process, farewells[n]);
  /* A stopped one acts on SIGTERM only when it goes on. */
  pcall_process_signal (&launch->process, SIGCONT);
  pcall_engine_set_timer (launch->crew->engine, &launch->timer,
                          g_get_monotonic_time () + LEAVE_US, make_leave, launch);
}

static void
dismiss (PcallLaunch *launch,
         gint64       patience)
{
  if (launch->leaving)
    return;

  launch->leaving = TRUE;
  launch->n_expected = 0;
  pcall_engine_set_timer (launch->crew->engine, &launch->timer,
                          g_get_monotonic_time () + patience, make_leave, launch);
}

static void
dismiss_if_done (PcallLaunch *launch,
                 gint64       patience)
{
  if (launch->n_there == 0 && launch->n_expected == 0)
    dismiss (launch, patience);
}

/* One whose agents have not come yet has nothing to see to; where one did, the others may be about
 * to, and see that they are late. One whose agents are at work is left alone until these have
 * gone. */
void
pcall_launch_dismiss (PcallLaunch *launch)
{
  gint64 patience = launch->n_expected > 0 && !launch->came ? 0 : LEAVE_US;

  launch->n_expected = 0;
  dismiss_if_done (launch, patience);
}

void
pcall_launch_arrive (PcallLaunch *launch)
{
  launch->n_there++;
  launch->came = TRUE;
  if (launch->n_expected > 0 && --launch->n_expected == 0)
    pcall_engine_unset_timer (launch->crew->engine, &launch->timer);
}

void
pcall_launch_depart (PcallLaunch *launch)
{
  if (launch->n_there > 0)
    launch->n_there--;
  dismiss_if_done (launch, LEAVE_US);
}

void
pcall_launch_complain (PcallLaunch *launch,
                       GError      *error)
{
  gint64 patience = error != NULL ? 0 : LEAVE_US;

  if (launch->complaint == NULL && error != NULL)
    launch->complaint = g_strdup (error->message);
  g_clear_error (&error);
  if (launch->n_expected > 0)
    launch->n_expected--;
  dismiss_if_done (launch, patience);
}

void
pcall_launch_give_up (PcallLaunch *launch,
                      GError      *error)
{
  launch->n_expected = MIN (launch->n_expected, 1);
  pcall_launch_complain (launch, error);
}

static void
came_too_late (gpointer data)
{
  PcallLaunch *launch = data;

  if (!launch->came)
    pcall_launch_complain (
        launch, g_error_new (PCALL_ERROR, PCALL_ERROR_START, "no agent came within %g s",
                             launch->crew->plan.start_timeout / (gdouble) G_USEC_PER_SEC));
  pcall_launch_dismiss (launch);
  if (launch->came)
    pcall_crew_fill_later (launch->crew);
}

/* Words */

/* A pipe that is writable takes WORDS_SIZE at once. */
static gboolean
may_pass_on (void)
{
  struct pollfd errors = { .fd = STDERR_FILENO, .events = POLLOUT };

  return poll (&errors, 1, 0) != 0;
}

static void
pass_on (const char *words,
         gsize       size)
{
  while (size > 0 && may_pass_on ())
    {
      gssize n = write (STDERR_FILENO, words, size);

      if (n <= 0 && errno != EINTR)
        return;
      words += MAX (n, 0);
      size -= MAX (n, 0);
    }
}

static void
close_words (PcallLaunch *launch)
{
  pcall_engine_unset_timer (launch->crew->engine, &launch->words_pause);
  pcall_engine_unwatch (launch->crew->engine, &launch->words_watch);
  pcall_fd_clear (&launch->words_fd);
}

/* FALSE when there are no more for now. */
static gboolean
take_words (PcallLaunch *launch)
{
  char words[WORDS_SIZE];
  gssize n = read (launch->words_fd, words, sizeof words);

  if (n == 0)
    close_words (launch);
  if (n <= 0)
    return FALSE;

  pass_on (words, n);
  g_string_append_len (launch->words, words, n);
  if (launch->words->len > WORDS_SIZE)
    g_string_erase (launch->words, 0, launch->words->len - WORDS_SIZE);
  return TRUE;
}

static gboolean watch_words (PcallLaunch *launch,
                             GError     **error);

static void
listen_again (gpointer data)
{
  PcallLaunch *launch = data;

  if (!watch_words (launch, NULL))
    close_words (launch);
}

static void
words_came (gpointer data,
            guint32  events)
{
  PcallLaunch *launch = data;

  if (may_pass_on ())
    {
      take_words (launch);
      return;
    }

  pcall_engine_unwatch (launch->crew->engine, &launch->words_watch);
  pcall_engine_set_timer (launch->crew->engine, &launch->words_pause,
                          g_get_monotonic_time () + PAUSE_US, listen_again, launch);
}

static gboolean
watch_words (PcallLaunch *launch,
             GError     **error)
{
  return pcall_engine_watch (launch->crew->engine, &launch->words_watch, launch->words_fd, EPOLLIN,
                             words_came, launch, error);
}

/* On one line, and such that nobody's terminal takes them for a command. */
static char *
join_words (PcallLaunch *launch)
{
  g_autofree char *valid = g_utf8_make_valid (launch->words->str, launch->words->len);
  char *at = g_strstrip (valid);
  GString *joined = g_string_new (NULL);

  for (; *at != '\0'; at = g_utf8_next_char (at))
    if (*at == '\n')
      g_string_append (joined, " | ");
    else if (!g_unichar_iscntrl (g_utf8_get_char (at)))
      g_string_append_unichar (joined, g_utf8_get_char (at));
  return g_string_free (joined, FALSE);
}

/* When it has ended */

static char *
describe_end (PcallLaunch     *launch,
              const PcallExit *exit)
{
  g_autofree char *end = pcall_exit_describe (exit);
  g_autofree char *words = join_words (launch);
  g_autofree char *shown =
      pcall_command_describe_argv ((const char * const *) launch->crew->plan.command);

  return g_strdup_printf ("launcher \"%s\": %s%s%s before an agent came%s%s", shown,
                          launch->complaint != NULL ? launch->complaint : "",
                          launch->complaint != NULL ? "; " : "", end,
                          *words != '\0' ? "; last output: " : "", words);
}

static void
launch_free (PcallLaunch *launch)
{
  PcallCrew *self = launch->crew;

  pcall_engine_unset_timer (self->engine, &launch->timer);
  pcall_engine_unwatch (self->engine, &launch->process_watch);
  pcall_process_clear (&launch->process);
  close_words (launch);
  g_string_free (launch->words, TRUE);
  g_free (launch->complaint);
  g_free (launch);
}

static void
end_rest (PcallLaunch *launch)
{
  g_queue_unlink (&launch->crew->rests, &launch->link);
  pcall_process_end_rest (&launch->process);
  launch_free (launch);
}

static void
look_at_rest (gpointer data)
{
  PcallLaunch *launch = data;

  if (!pcall_process_has_rest (&launch->process) || launch->pause > LEAVE_US)
    {
      end_rest (launch);
      return;
    }

  pcall_engine_set_timer (launch->crew->engine, &launch->timer,
                          g_get_monotonic_time () + launch->pause, look_at_rest, launch);
  launch->pause *= 2;
}

/* Of the command; nobody refers to it but this. */
static void
leave_rest (PcallLaunch *launch)
{
  PcallCrew *self = launch->crew;

  pcall_engine_unwatch (self->engine, &launch->process_watch);
  g_queue_push_tail_link (&self->rests, &launch->link);
  launch->pause = FIRST_LOOK_US;
  look_at_rest (launch);
}

/* FALSE if it has not ended. */
static gboolean
take_exit (PcallLaunch *launch)
{
  PcallCrew *self = launch->crew;
  PcallExit exit;
  g_autofree char *reason = NULL;
  gboolean came = launch->came;

  if (!pcall_process_reap_alone (&launch->process, &exit))
    return FALSE;

  while (launch->words_fd >= 0 && take_words (launch))
    ;
  reason = describe_end (launch, &exit);
  g_queue_unlink (&self->launches, &launch->link);
  pcall_crew_forget_launch (self, launch);
  leave_rest (launch);
  /* Of several that it was to bring, one may have come, and gone, and the others not. */
  if (came)
    pcall_crew_fill_later (self);
  else
    pcall_crew_note_fruitless (self, reason);
  return TRUE;
}

static void
process_ready (gpointer data,
               guint32  events)
{
  take_exit (data);
}

/* The beginning */

static char *
find_program (const char *name,
              GError    **error)
{
  const char *path = g_getenv ("PATH");
  char *program =
      strchr (name, '/') != NULL ? g_strdup (name) : g_find_program_in_path (name);

  if (program == NULL)
    g_set_error (error, PCALL_ERROR, PCALL_ERROR_START,
                 "launcher %s: not found in PATH, which is %s", name,
                 path != NULL ? path : "not set");
  return program;
}

/* Its ends of these, and ours. */
typedef struct
{
  int null_fd;
  int life_fd;
  int words[2];
  int streams[2];
} Ends;

static void
ends_clear (Ends *ends)
{
  if (ends->streams[0] >= 0)
    pcall_unshared_remove (ends->streams[0]);
  pcall_fd_clear (&ends->null_fd);
  pcall_fd_clear (&ends->life_fd);
  for (guint i = 0; i < 2; i++)
    {
      pcall_fd_clear (&ends->words[i]);
      pcall_fd_clear (&ends->streams[i]);
    }
}

static gboolean
lift (int *fds)
{
  fds[0] = pcall_spawn_lift (fds[0]);
  fds[1] = pcall_spawn_lift (fds[1]);
  return fds[0] >= 0 && fds[1] >= 0;
}

static gboolean
ends_open (Ends    *ends,
           gboolean streams,
           GError **error)
{
  *ends = (Ends) { -1, -1, { -1, -1 }, { -1, -1 } };
  ends->null_fd = pcall_spawn_lift (open ("/dev/null", O_RDWR | O_CLOEXEC));
  ends->life_fd = pcall_spawn_lift (pcall_lifeline_open ());
  if (ends->null_fd >= 0 && ends->life_fd >= 0 && pipe2 (ends->words, O_CLOEXEC) == 0 &&
      lift (ends->words) && fcntl (ends->words[0], F_SETFL, O_NONBLOCK) == 0 &&
      (!streams || (socketpair (AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends->streams) == 0 &&
                    lift (ends->streams))))
    {
      if (streams)
        pcall_unshared_add (ends->streams[0]);
      return TRUE;
    }

  g_set_error (error, PCALL_ERROR, PCALL_ERROR_START, "launcher: descriptors: %s",
               g_strerror (errno));
  return FALSE;
}

static gboolean
spawn (PcallLaunch *launch,
       Ends        *ends,
       GError     **error)
{
  PcallCrew *self = launch->crew;
  gboolean streams = self->plan.transport == PCALL_LAUNCHER_STREAMS;
  g_auto (GStrv) argv = pcall_crew_make_argv (self, launch);
  g_auto (GStrv) environment = pcall_crew_make_environment (self, launch);
  g_autofree char *program = find_program (argv[0], error);
  PcallSpawn what = {
    .what = "launcher",
    .program = program,
    .argv = argv,
    .environment = environment,
    .fds = { streams ? ends->streams[1] : ends->null_fd,
             streams ? ends->streams[1] : ends->words[1], ends->words[1], ends->life_fd },
    .n_fds = N_FDS,
    .null_fd = ends->null_fd,
    .life = LIFE_FD,
    .life_signal = SIGTERM,
  };
  int error_number;

  return program != NULL && pcall_spawn_run (&what, &launch->process, &error_number, error);
}

static gboolean
watch (PcallLaunch *launch,
       GError     **error)
{
  PcallEngine *engine = launch->crew->engine;

  return pcall_engine_watch (engine, &launch->process_watch, launch->process.pidfd, EPOLLIN,
                             process_ready, launch, error) &&
         watch_words (launch, error);
}

static gboolean
begin (PcallLaunch *launch,
       Ends        *ends,
       GError     **error)
{
  PcallCrew *self = launch->crew;

  launch->process = PCALL_PROCESS_NONE;
  launch->words_fd = -1;
  launch->words = g_string_new (NULL);
  if (!spawn (launch, ends, error))
    return FALSE;

  launch->words_fd = g_steal_fd (&ends->words[0]);
  launch->process.life_fd = pcall_lifeline_keep (g_steal_fd (&ends->life_fd));
  if (!watch (launch, error))
    {
      pcall_engine_unwatch (self->engine, &launch->process_watch);
      pcall_process_destroy (&launch->process);
      return FALSE;
    }

  g_queue_push_tail_link (&self->launches, &launch->link);
  if (self->plan.start_timeout > 0)
    pcall_engine_set_timer (self->engine, &launch->timer,
                            g_get_monotonic_time () + self->plan.start_timeout, came_too_late,
                            launch);
  if (self->plan.transport == PCALL_LAUNCHER_STREAMS)
    pcall_crew_meet (self, g_steal_fd (&ends->streams[0]), launch);
  return TRUE;
}

/* The first of the hosts that no command is for. */
static guint
find_slot (PcallCrew *self)
{
  guint slot = 0;

  for (GList *l = self->launches.head; l != NULL;)
    {
      gboolean taken = ((PcallLaunch *) l->data)->slot == slot;

      slot += taken;
      l = taken ? self->launches.head : l->next;
    }
  return slot % MAX (self->plan.n_workers, 1);
}

guint
pcall_crew_launch (PcallCrew *self,
                   guint      n,
                   GError   **error)
{
  PcallLaunch *launch = g_new0 (PcallLaunch, 1);
  gboolean streams = self->plan.transport == PCALL_LAUNCHER_STREAMS;
  gboolean begun;
  Ends ends;

  launch->crew = self;
  launch->link.data = launch;
  launch->number = ++self->n_launched;
  launch->slot = find_slot (self);
  launch->n_expected = MIN (n, pcall_crew_get_launch_size (self));
  begun = (streams || pcall_crew_listen (self, error)) && ends_open (&ends, streams, error);
  if (begun)
    {
      begun = begin (launch, &ends, error);
      ends_clear (&ends);
    }
  if (begun)
    return launch->n_expected;

  if (launch->words != NULL)
    launch_free (launch);
  else
    g_free (launch);
  return 0;
}

/* An agent may not know the number, where its environment is one that was chosen. */
PcallLaunch *
pcall_crew_find_launch (PcallCrew *self,
                        guint      number)
{
  for (GList *l = self->launches.head; l != NULL; l = l->next)
    {
      PcallLaunch *launch = l->data;

      if (number != 0 ? launch->number == number : launch->n_expected > 0)
        return launch;
    }
  return NULL;
}
