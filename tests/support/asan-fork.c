/*
 * SPDX-FileCopyrightText: 2026 The pcall authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

/* Lets the tests fork beside threads under gcc's address sanitizer. malloc() of glibc takes its locks
 * before a fork and gives them back after it; that of the sanitizer does not before gcc 14, so a child
 * that was forked while another thread allocated waits for that thread for ever
 * (https://github.com/google/sanitizers/issues/774). Who forks waits here until nobody allocates. */

#include <malloc.h>
#include <pthread.h>
#include <stdlib.h>

/* The sanitizer's own, under the names that it exports. */
extern void *__interceptor_malloc (size_t size);
extern void *__interceptor_calloc (size_t n, size_t size);
extern void *__interceptor_realloc (void *block, size_t size);
extern void *__interceptor_aligned_alloc (size_t alignment, size_t size);
extern void *__interceptor_memalign (size_t alignment, size_t size);
extern int __interceptor_posix_memalign (void **block, size_t alignment, size_t size);
extern void __interceptor_free (void *block);

/* Writers first: threads that allocate without pause must not keep a fork waiting. */
#define GATE PTHREAD_RWLOCK_WRITER_NONRECURSIVE_INITIALIZER_NP

static pthread_rwlock_t gate = GATE;
/* How often this thread has gone in: who forks may allocate, in the handlers of others. */
static _Thread_local unsigned n_inside;

static void
enter (void)
{
  if (n_inside++ == 0)
    pthread_rwlock_rdlock (&gate);
}

static void
leave (void)
{
  if (--n_inside == 0)
    pthread_rwlock_unlock (&gate);
}

static void
close_gate (void)
{
  n_inside++;
  pthread_rwlock_wrlock (&gate);
}

static void
open_gate (void)
{
  pthread_rwlock_unlock (&gate);
  n_inside--;
}

/* The threads that waited at the gate are not here, but it has counted them. */
static void
renew_gate (void)
{
  gate = (pthread_rwlock_t) GATE;
  n_inside--;
}

__attribute__ ((constructor)) static void
watch_forks (void)
{
  pthread_atfork (close_gate, open_gate, renew_gate);
}

void *
malloc (size_t size)
{
  void *block;

  enter ();
  block = __interceptor_malloc (size);
  leave ();
  return block;
}

void *
calloc (size_t n, size_t size)
{
  void *block;

  enter ();
  block = __interceptor_calloc (n, size);
  leave ();
  return block;
}

void *
realloc (void *block, size_t size)
{
  enter ();
  block = __interceptor_realloc (block, size);
  leave ();
  return block;
}

void *
aligned_alloc (size_t alignment, size_t size)
{
  void *block;

  enter ();
  block = __interceptor_aligned_alloc (alignment, size);
  leave ();
  return block;
}

void *
memalign (size_t alignment, size_t size)
{
  void *block;

  enter ();
  block = __interceptor_memalign (alignment, size);
  leave ();
  return block;
}

int
posix_memalign (void **block, size_t alignment, size_t size)
{
  int result;

  enter ();
  result = __interceptor_posix_memalign (block, alignment, size);
  leave ();
  return result;
}

void
free (void *block)
{
  enter ();
  __interceptor_free (block);
  leave ();
}
