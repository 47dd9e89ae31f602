/*
 * SPDX-FileCopyrightText: 2026 The pcall authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include "child/pcall-title-private.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <unistd.h>

#include "base/pcall-child-code-private.h"
#include "base/pcall-fd-private.h"

/* Names of forked children: `square:17` where a name has 15 bytes, as in top, and for the command
 * line `program: call 17 (square)`.
 *
 * The command line is what lies in memory where the kernel says. To write over it would be to
 * change the strings of main()'s argv, which calls may use. So the kernel is told of another place
 * (Linux 3.18, where it can checkpoint processes), which takes no right. It wants to know all other
 * addresses of that kind in the same call: these are looked up once, in the parent, and are the
 * same in all forks. There, too, the place is made. Which call it is in a child that has many can
 * be changed there by writing alone.
 *
 * All of this is for people; where it cannot be had, nothing is said. */

/* Fields of /proc/PID/stat, counted from 1, as in proc(5) */
#define N_FIELDS 51

#define MAX_PROGRAM 200
#define MAX_NAME 256
#define TEXT_SIZE (MAX_PROGRAM + MAX_NAME + 32)

typedef struct
{
  struct  prctl_mm_map map;
  char   *text;     /* NULL: nothing is known of the map */
  gsize   n_prefix; /* bytes of "program: call " */
  gsize   shown;    /* bytes that the kernel knows of; in a child, or a fork of one */
} Title;

static Title title;

static gboolean
read_stat (char  *text,
           gsize  size)
{
  int fd = open ("/proc/self/stat", O_RDONLY | O_CLOEXEC);
  gssize n = -1;

  if (fd < 0)
    return FALSE;
  while ((n = read (fd, text, size - 1)) < 0 && errno == EINTR)
    ;
  close (fd);
  text[MAX (n, 0)] = '\0';
  return n > 0;
}

/* The second field is the name, in parentheses, and may have any in it. */
static gboolean
parse_stat (const char *text,
            guint64     fields[N_FIELDS + 1])
{
  char *next = strrchr (text, ')');

  if (next == NULL || next[1] == '\0')
    return FALSE;

  next += strlen (") S");
  for (guint i = 4; i <= N_FIELDS; i++)
    fields[i] = strtoull (next, &next, 10);
  return fields[N_FIELDS] != 0;
}

static gboolean
find_map (struct prctl_mm_map *map)
{
  char text[2048];
  guint64 fields[N_FIELDS + 1] = { 0 };

  if (!read_stat (text, sizeof text) || !parse_stat (text, fields))
    return FALSE;

  *map = (struct prctl_mm_map) {
    .start_code = fields[26],
    .end_code = fields[27],
    .start_stack = fields[28],
    .start_data = fields[45],
    .end_data = fields[46],
    .start_brk = fields[47],
    .arg_start = fields[48],
    .arg_end = fields[49],
    .env_start = fields[50],
    .env_end = fields[51],
    .exe_fd = (guint32) -1,
  };
  return TRUE;
}

static const char *
get_program (void)
{
  const char *name = g_get_prgname ();

  return name != NULL ? name : program_invocation_short_name;
}

void
pcall_title_prepare (void)
{
  static gsize once;

  if (!g_once_init_enter (&once))
    return;

  if (find_map (&title.map))
    {
      /* The kernel reads no command line from a page that is a file's, as that of variables. */
      title.text = g_malloc (TEXT_SIZE);
      title.n_prefix = (gsize) g_snprintf (title.text, TEXT_SIZE, "%.*s: call ", MAX_PROGRAM,
                                           get_program ());
    }
  g_once_init_leave (&once, 1);
}

/* In the child */

static gsize
put_suffix (char   *at,
            gint64  index)
{
  if (index < 0)
    return 0;

  *at = ':';
  return (gsize) (pcall_write_number (at + 1, (guint) index) - at);
}

/* A name has 15 bytes; of that of a function as much as leaves room for the index. */
PCALL_CHILD_CODE void
pcall_title_name (const char *name,
                  gint64      index)
{
  char comm[16];
  char suffix[16];
  gsize n_suffix = put_suffix (suffix, index);
  gsize length;

  if (name == NULL)
    name = program_invocation_short_name;
  length = MIN (strlen (name), sizeof comm - 1 - n_suffix);
  while (length > 0 && ((guchar) name[length] & 0xC0) == 0x80)
    length--;
  memcpy (comm, name, length);
  memcpy (comm + length, suffix, n_suffix);
  comm[length + n_suffix] = '\0';
  prctl (PR_SET_NAME, comm);
}

static void
show_page (gsize length)
{
  struct prctl_mm_map map = title.map;

  map.arg_start = (gsize) title.text;
  map.arg_end = map.arg_start + length;
  map.brk = (gsize) sbrk (0);
  prctl (PR_SET_MM, PR_SET_MM_MAP, &map, sizeof map, 0);
  title.shown = length;
}

static char *
put_name (char       *at,
          const char *name)
{
  gsize length = MIN (strlen (name), MAX_NAME);

  *at++ = ' ';
  *at++ = '(';
  memcpy (at, name, length);
  at[length] = ')';
  return at + length + 1;
}

PCALL_CHILD_CODE void
pcall_title_show (const char *name,
                  guint       index)
{
  char *at = title.text + title.n_prefix;
  gsize length;

  if (title.text == NULL)
    return;

  at = pcall_write_number (at, index);
  if (name != NULL)
    at = put_name (at, name);
  *at++ = '\0';
  length = (gsize) (at - title.text);
  if (length != title.shown)
    show_page (length);
}
