/*
 * SPDX-FileCopyrightText: 2026 The pcall authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include "base/pcall-conditions-private.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <unistd.h>

#include "base/pcall-child-code-private.h"

/* Under what a child runs: its directory, processors, niceness and limits.
 *
 * They are set in the child, as late as possible, so that nothing of ours is held up by them; what
 * cannot be set is an error of the call. A limit may be lower than what the child has in use
 * already. The kernel takes that, and then the child fails at whatever it does next. So a first
 * step is tried under the limit, which is not final yet.
 *
 * What applies them is called between clone() and exec(), too, in the parent's memory: no function
 * there leaves notes of its stack, as address sanitizers do, or changes anything. */

#define BEFORE_EXEC __attribute__ ((no_sanitize ("address")))

/* A limit of memory that does not leave this much is of no use to anybody. */
#define FIRST_STEP (256 * 1024)

#define LEAST_NICE (-20)
#define MOST_NICE 19

PcallConditions *
pcall_conditions_new (void)
{
  return g_atomic_rc_box_new0 (PcallConditions);
}

PcallConditions *
pcall_conditions_ref (PcallConditions *self)
{
  return g_atomic_rc_box_acquire (self);
}

static void
clear (gpointer data)
{
  PcallConditions *self = data;

  g_free (self->name);
  g_free (self->cpu_affinity);
  g_free (self->working_directory);
  g_strfreev (self->environment);
}

void
pcall_conditions_unref (PcallConditions *self)
{
  g_atomic_rc_box_release_full (self, clear);
}

/* Processors */

static gboolean
parse_number (const char **text,
              guint       *number)
{
  char *end;
  guint64 parsed;

  if (!g_ascii_isdigit (**text))
    return FALSE;

  parsed = g_ascii_strtoull (*text, &end, 10);
  *text = end;
  *number = (guint) parsed;
  return parsed < CPU_SETSIZE;
}

/* "3" or "3-5" */
static gboolean
parse_range (const char *text,
             cpu_set_t  *cpus)
{
  guint first, last;

  if (!parse_number (&text, &first))
    return FALSE;

  last = first;
  if (*text == '-' && (text++, !parse_number (&text, &last)))
    return FALSE;
  for (guint i = first; i <= last; i++)
    CPU_SET (i, cpus);
  return *text == '\0' && first <= last;
}

static gboolean
parse_cpus (const char *text,
            cpu_set_t  *cpus)
{
  g_auto (GStrv) ranges = g_strsplit_set (text, ", ", -1);

  CPU_ZERO (cpus);
  for (guint i = 0; ranges[i] != NULL; i++)
    if (*ranges[i] != '\0' && !parse_range (ranges[i], cpus))
      return FALSE;
  return CPU_COUNT (cpus) > 0;
}

gboolean
pcall_conditions_set_cpu_affinity (PcallConditions *self,
                                   const char      *text)
{
  cpu_set_t cpus;

  if (text != NULL && !parse_cpus (text, &cpus))
    return FALSE;

  if (text != NULL)
    self->cpus = cpus;
  g_free (self->cpu_affinity);
  self->cpu_affinity = g_strdup (text);
  return TRUE;
}

static gboolean
have_same_cpus (const PcallConditions *self,
                const PcallConditions *other)
{
  if (self->cpu_affinity == NULL || other->cpu_affinity == NULL)
    return self->cpu_affinity == other->cpu_affinity;
  return CPU_EQUAL (&self->cpus, &other->cpus);
}

static gboolean
have_same_environment (const PcallConditions *self,
                       const PcallConditions *other)
{
  if (self->environment == NULL || other->environment == NULL)
    return self->environment == other->environment;
  return g_strv_equal ((const char * const *) self->environment,
                       (const char * const *) other->environment);
}

/* Workers have no name. What is in a control group of a task's own ends with that. */
gboolean
pcall_conditions_equal (const PcallConditions *self,
                        const PcallConditions *other)
{
  return !self->own_cgroup && !other->own_cgroup && self->nice == other->nice &&
         have_same_cpus (self, other) &&
         self->max_address_space == other->max_address_space &&
         self->max_open_files == other->max_open_files &&
         g_strcmp0 (self->working_directory, other->working_directory) == 0 &&
         have_same_environment (self, other);
}

guint
pcall_conditions_get_n_processors (const PcallConditions *self)
{
  return self->cpu_affinity != NULL ? (guint) CPU_COUNT (&self->cpus) : g_get_num_processors ();
}

/* In the child */

/* The kernel leaves out processors that are not there, as long as one is. */
BEFORE_EXEC static gboolean
set_affinity (const cpu_set_t *cpus)
{
  cpu_set_t set;

  if (sched_setaffinity (0, sizeof *cpus, cpus) < 0 ||
      sched_getaffinity (0, sizeof set, &set) < 0)
    return FALSE;

  errno = EINVAL;
  return CPU_EQUAL (&set, cpus);
}

BEFORE_EXEC static gboolean
enter_cgroup (const char *procs)
{
  int fd = open (procs, O_WRONLY | O_CLOEXEC);
  gboolean entered = fd >= 0 && write (fd, "0", 1) == 1;
  int saved_errno = errno;

  if (fd >= 0)
    close (fd);
  errno = saved_errno;
  return entered;
}

BEFORE_EXEC static gboolean
add_nice (gint increment)
{
  int before;

  errno = 0;
  before = getpriority (PRIO_PROCESS, 0);
  return errno == 0 &&
         setpriority (PRIO_PROCESS, 0, CLAMP (before + increment, LEAST_NICE, MOST_NICE)) == 0;
}

BEFORE_EXEC static gboolean
get_memory (void)
{
  void *memory = mmap (NULL, FIRST_STEP, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1,
                       0);

  return memory != MAP_FAILED && munmap (memory, FIRST_STEP) == 0;
}

BEFORE_EXEC static gboolean
get_descriptor (void)
{
  int fd = fcntl (STDIN_FILENO, F_DUPFD_CLOEXEC, 0);

  return fd >= 0 && close (fd) == 0;
}

/* Both limits, so that the call cannot raise it. @step: what has to be possible under it; NULL
 * where that is not for this program to find out. */
BEFORE_EXEC static gboolean
set_limit (int      resource,
           guint64  value,
           gboolean (*step) (void))
{
  rlim_t limit = (rlim_t) MIN (value, (guint64) RLIM_INFINITY);
  struct rlimit final = { limit, limit };
  struct rlimit before, trial;
  int saved_errno;

  if (getrlimit (resource, &before) < 0)
    return FALSE;

  trial = (struct rlimit) { limit, MAX (limit, before.rlim_max) };
  if (setrlimit (resource, &trial) < 0)
    return FALSE;
  if (step == NULL || step ())
    return setrlimit (resource, &final) == 0;

  saved_errno = errno;
  setrlimit (resource, &before);
  errno = saved_errno;
  return FALSE;
}

PCALL_CHILD_CODE BEFORE_EXEC const char *
pcall_conditions_apply (const PcallConditions *self,
                        gboolean               executes)
{
  if (self->cgroup_procs != NULL && !enter_cgroup (self->cgroup_procs))
    return "own-cgroup";
  if (self->working_directory != NULL && chdir (self->working_directory) < 0)
    return "working-directory";
  if (self->cpu_affinity != NULL && !set_affinity (&self->cpus))
    return "cpu-affinity";
  if (self->nice != 0 && !add_nice (self->nice))
    return "nice";
  if (self->max_open_files != 0 &&
      !set_limit (RLIMIT_NOFILE, self->max_open_files, executes ? NULL : get_descriptor))
    return "max-open-files";
  if (self->max_address_space != 0 &&
      !set_limit (RLIMIT_AS, self->max_address_space, executes ? NULL : get_memory))
    return "max-address-space";
  return NULL;
}

char *
pcall_conditions_describe (const PcallConditions *self,
                           const char            *property)
{
  if (strcmp (property, "working-directory") == 0)
    return g_strdup_printf ("%s %s", property, self->working_directory);
  if (strcmp (property, "cpu-affinity") == 0)
    return g_strdup_printf ("%s %s", property, self->cpu_affinity);
  if (strcmp (property, "nice") == 0)
    return g_strdup_printf ("%s %d", property, self->nice);
  if (strcmp (property, "max-open-files") == 0)
    return g_strdup_printf ("%s %" G_GUINT64_FORMAT, property, self->max_open_files);
  if (strcmp (property, "max-address-space") == 0)
    return g_strdup_printf ("%s %" G_GUINT64_FORMAT, property, self->max_address_space);
  return g_strdup (property);
}
