/*
 * SPDX-FileCopyrightText: 2026 The pcall authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

/* Children that attach to a frame what does not belong there. */

#include "bad-children.h"

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include "bad-frames.h"

#define IN_MEMORY 0x80
#define MAX_DESCRIPTORS 253
#define MAX_HANDLES 252
#define SEALS (F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE)
#define HUGE_PAGE (2 << 20)

/* A result of 42 as it is in a frame, and the like that is none. */
static const char good_result[] = "\52\0\0\0\0i";
static const char bad_result[] = "\2\0b";

#define GOOD_SIZE (sizeof good_result - 1)
#define BAD_SIZE (sizeof bad_result - 1)

/* As much of @data as the socket takes with @fds attached to the first byte. */
static void
send_attached (const Channel *channel,
               gconstpointer  data,
               gsize          size,
               const int     *fds,
               guint          n_fds)
{
  union
  {
    struct cmsghdr header;
    char           bytes[CMSG_SPACE (MAX_DESCRIPTORS * sizeof (int))];
  } control = { .bytes = { 0 } };
  struct iovec iovec = { (gpointer) data, size };
  struct msghdr message = {
    .msg_iov = &iovec,
    .msg_iovlen = 1,
    .msg_control = control.bytes,
    .msg_controllen = CMSG_SPACE (n_fds * sizeof *fds),
  };

  control.header.cmsg_level = SOL_SOCKET;
  control.header.cmsg_type = SCM_RIGHTS;
  control.header.cmsg_len = CMSG_LEN (n_fds * sizeof *fds);
  if (n_fds > 0)
    memcpy (CMSG_DATA (&control.header), fds, n_fds * sizeof *fds);
  else
    message.msg_controllen = 0;
  sendmsg (channel->fd, &message, MSG_NOSIGNAL);
}

/* A frame whose payload is @length bytes of the memory that is attached first. */
static void
send_memory (Channel   *channel,
             guint64    length,
             const int *fds,
             guint      n_fds)
{
  channel->due.type = TYPE_RESULT | IN_MEMORY;
  channel->due.length = length;
  send_attached (channel, &channel->due, sizeof channel->due, fds, n_fds);
  channel->due.sequence++;
}

/* One whose payload follows. */
static void
send_result (Channel   *channel,
             guint8     n_handles,
             const int *fds,
             guint      n_fds)
{
  char bytes[sizeof channel->due + 8] = { 0 };

  channel->due.type = TYPE_RESULT;
  channel->due.n_handles = n_handles;
  channel->due.length = GOOD_SIZE;
  memcpy (bytes, &channel->due, sizeof channel->due);
  memcpy (bytes + sizeof channel->due, good_result, GOOD_SIZE);
  send_attached (channel, bytes, sizeof bytes, fds, n_fds);
  channel->due.sequence++;
}

static int
make_memory (gconstpointer data,
             gsize         size,
             int           seals)
{
  int fd = memfd_create ("bad", MFD_CLOEXEC | MFD_ALLOW_SEALING);

  if (fd < 0 || write (fd, data, size) != (ssize_t) size)
    _exit (88);
  if (seals != 0 && fcntl (fd, F_ADD_SEALS, seals) < 0)
    _exit (88);
  return fd;
}

static int
make_good_memory (void)
{
  return make_memory (good_result, GOOD_SIZE, SEALS);
}

/* Sends @fd as @length bytes of a result, and waits for what comes of that. */
static GVariant *
send_and_sleep (int     fd,
                guint64 length)
{
  Channel channel = bad_frames_find_channel ();

  send_memory (&channel, length, &fd, 1);
  bad_child_sleep ();
  return NULL;
}

/* Memory */

BAD_CHILD (good_memory)
{
  Channel channel = bad_frames_find_channel ();
  int fd = make_good_memory ();

  send_memory (&channel, GOOD_SIZE, &fd, 1);
  _exit (0);
}

BAD_CHILD (memory_not_sealed)
{
  return send_and_sleep (make_memory (good_result, GOOD_SIZE, 0), GOOD_SIZE);
}

BAD_CHILD (memory_half_sealed)
{
  return send_and_sleep (make_memory (good_result, GOOD_SIZE, F_SEAL_SHRINK | F_SEAL_GROW),
                         GOOD_SIZE);
}

/* Writable from here for ever: it cannot be sealed but against others. */
BAD_CHILD (memory_mapped)
{
  int fd = make_memory (good_result, GOOD_SIZE, 0);

  if (mmap (NULL, GOOD_SIZE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0) == MAP_FAILED ||
      fcntl (fd, F_ADD_SEALS, SEALS) == 0 ||
      fcntl (fd, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_FUTURE_WRITE) < 0)
    _exit (88);
  return send_and_sleep (fd, GOOD_SIZE);
}

BAD_CHILD (memory_too_short)
{
  return send_and_sleep (make_good_memory (), GOOD_SIZE + 1);
}

/* Of which 32 bits cannot tell the difference. */
BAD_CHILD (memory_4_gib_too_short)
{
  return send_and_sleep (make_good_memory (), GOOD_SIZE + (G_GUINT64_CONSTANT (1) << 32));
}

BAD_CHILD (memory_too_long)
{
  return send_and_sleep (make_good_memory (), GOOD_SIZE - 1);
}

static int
make_sparse_memory (goffset size)
{
  int fd = make_memory (good_result, GOOD_SIZE, 0);

  if (ftruncate (fd, size) < 0 || fcntl (fd, F_ADD_SEALS, SEALS) < 0)
    _exit (88);
  return fd;
}

BAD_CHILD (memory_with_hole)
{
  return send_and_sleep (make_sparse_memory (1 << 20), 1 << 20);
}

/* As many pages behind its end as it lacks. */
BAD_CHILD (memory_with_hidden_hole)
{
  int fd = make_memory (good_result, GOOD_SIZE, 0);

  if (ftruncate (fd, 1 << 20) < 0 || fallocate (fd, FALLOC_FL_KEEP_SIZE, 1 << 20, 2 << 20) < 0 ||
      fcntl (fd, F_ADD_SEALS, SEALS) < 0)
    _exit (88);
  return send_and_sleep (fd, 1 << 20);
}

BAD_CHILD (memory_of_1_tib)
{
  return send_and_sleep (make_sparse_memory (G_GINT64_CONSTANT (1) << 40),
                         G_GUINT64_CONSTANT (1) << 40);
}

/* There need not be such a page. */
BAD_CHILD (memory_huge)
{
  int fd = memfd_create ("bad", MFD_CLOEXEC | MFD_ALLOW_SEALING | MFD_HUGETLB);

  if (fd < 0 || ftruncate (fd, HUGE_PAGE) < 0 || fcntl (fd, F_ADD_SEALS, SEALS) < 0)
    fd = open ("/dev/zero", O_RDONLY | O_CLOEXEC);
  return send_and_sleep (fd, HUGE_PAGE);
}

BAD_CHILD (memory_regular_file)
{
  FILE *file = tmpfile ();

  if (file == NULL || fwrite (good_result, 1, GOOD_SIZE, file) != GOOD_SIZE || fflush (file) != 0)
    _exit (88);
  return send_and_sleep (fileno (file), GOOD_SIZE);
}

BAD_CHILD (memory_pipe)
{
  int fds[2];

  if (pipe (fds) < 0 || write (fds[1], good_result, GOOD_SIZE) != GOOD_SIZE)
    _exit (88);
  return send_and_sleep (fds[0], GOOD_SIZE);
}

BAD_CHILD (memory_missing)
{
  Channel channel = bad_frames_find_channel ();

  send_memory (&channel, GOOD_SIZE, NULL, 0);
  bad_child_sleep ();
  return NULL;
}

BAD_CHILD (memory_not_normal)
{
  return send_and_sleep (make_memory (bad_result, BAD_SIZE, SEALS), BAD_SIZE);
}

BAD_CHILD (memory_twice)
{
  Channel channel = bad_frames_find_channel ();
  int fds[] = { make_good_memory (), make_good_memory () };

  send_memory (&channel, GOOD_SIZE, fds, 2);
  bad_child_sleep ();
  return NULL;
}

BAD_CHILD (memory_unasked)
{
  Channel channel = bad_frames_find_channel ();
  int fd = make_good_memory ();

  send_result (&channel, 0, &fd, 1);
  bad_child_sleep ();
  return NULL;
}

/* A kind of frame that ours do not send so. */
BAD_CHILD (memory_of_progress)
{
  Channel channel = bad_frames_find_channel ();
  g_autoptr (GVariant) report = g_variant_ref_sink (g_variant_new ("(ds)", 0.5, "half"));
  gsize size = g_variant_get_size (report);
  int fd = make_memory (g_variant_get_data (report), size, SEALS);

  channel.due.type = TYPE_PROGRESS | IN_MEMORY;
  channel.due.length = size;
  send_attached (&channel, &channel.due, sizeof channel.due, &fd, 1);
  channel.due.sequence++;
  send_result (&channel, 0, NULL, 0);
  _exit (0);
}

BAD_CHILD (memory_then_kill)
{
  Channel channel = bad_frames_find_channel ();
  int fd = make_good_memory ();

  send_memory (&channel, GOOD_SIZE, &fd, 1);
  kill (getpid (), SIGKILL);
  return NULL;
}

/* What was attached is there, and what it belongs to is not. */
BAD_CHILD (kill_before_frame)
{
  Channel channel = bad_frames_find_channel ();
  int fd = make_good_memory ();

  channel.due.type = TYPE_RESULT | IN_MEMORY;
  channel.due.length = GOOD_SIZE;
  send_attached (&channel, &channel.due, sizeof channel.due / 2, &fd, 1);
  kill (getpid (), SIGKILL);
  return NULL;
}

/* Handles */

static void
open_many (int  *fds,
           guint n)
{
  for (guint i = 0; i < n; i++)
    fds[i] = open ("/dev/null", O_RDONLY | O_CLOEXEC);
}

BAD_CHILD (handle_missing)
{
  Channel channel = bad_frames_find_channel ();

  send_result (&channel, 2, &channel.fd, 1);
  bad_child_sleep ();
  return NULL;
}

BAD_CHILD (handle_unasked)
{
  Channel channel = bad_frames_find_channel ();
  int fds[2];

  open_many (fds, 2);
  send_result (&channel, 1, fds, 2);
  bad_child_sleep ();
  return NULL;
}

BAD_CHILD (handles_too_many)
{
  Channel channel = bad_frames_find_channel ();
  int fds[MAX_DESCRIPTORS];

  open_many (fds, MAX_DESCRIPTORS);
  send_result (&channel, MAX_HANDLES, fds, MAX_DESCRIPTORS);
  bad_child_sleep ();
  return NULL;
}

/* The header in two pieces, and the handles with the first. */
BAD_CHILD (handles_in_pieces)
{
  Channel channel = bad_frames_find_channel ();
  int fds[2];

  open_many (fds, 2);
  channel.due.type = TYPE_RESULT;
  channel.due.n_handles = 2;
  channel.due.length = GOOD_SIZE;
  send_attached (&channel, &channel.due, 1, fds, 2);
  send_attached (&channel, (char *) &channel.due + 1, sizeof channel.due - 1, NULL, 0);
  send_attached (&channel, good_result, GOOD_SIZE, NULL, 0);
  send_attached (&channel, "\0", 8 - GOOD_SIZE, NULL, 0);
  _exit (0);
}

BAD_CHILD (handles_after_result)
{
  Channel channel = bad_frames_find_channel ();
  int fds[3];

  open_many (fds, 3);
  send_result (&channel, 0, NULL, 0);
  send_result (&channel, 3, fds, 3);
  _exit (0);
}

/* As many as the parent would take, again with each byte of one header. */
BAD_CHILD (handles_before_frames)
{
  Channel channel = bad_frames_find_channel ();
  int fds[MAX_DESCRIPTORS];

  open_many (fds, MAX_DESCRIPTORS);
  channel.due.type = TYPE_RESULT;
  channel.due.n_handles = MAX_HANDLES;
  for (gsize i = 0; i < sizeof channel.due; i++)
    send_attached (&channel, (char *) &channel.due + i, 1, fds, MAX_DESCRIPTORS);
  bad_child_sleep ();
  return NULL;
}

/* With a frame that has none */
BAD_CHILD (handles_alone)
{
  Channel channel = bad_frames_find_channel ();
  int fds[3];

  open_many (fds, 3);
  send_attached (&channel, channel.report, channel.report_size, fds, 3);
  bad_child_sleep ();
  return NULL;
}

/* Nowhere to send it to */

static GVariant *
close_all (void)
{
  g_autofree char *text = g_strnfill (1 << 20, 'x');

  closefrom (STDERR_FILENO + 1);
  return g_variant_new_string (text);
}

BAD_CHILD (close_all_and_return_much)
{
  return close_all ();
}

BAD_CHILD (close_all_and_return_handle)
{
  g_autoptr (GUnixFDList) list = g_unix_fd_list_new ();

  if (g_unix_fd_list_append (list, STDOUT_FILENO, NULL) < 0)
    _exit (88);
  pcall_set_result_fd_list (list);
  return close_all ();
}
