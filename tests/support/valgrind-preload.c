/*
 * SPDX-FileCopyrightText: 2026 The pcall authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

/* What a program that uses pcall needs to run under valgrind; `make valgrind` preloads it.
 *
 * Pidfds: valgrind 3.19, of Debian 12, does not know them and fails them with ENOSYS. This stands
 * before the syscall() of the C library and has those calls made on the real processor, where
 * valgrind does not see them. Nothing is missed by that, since they write no memory of the program.
 * What runs there must not touch errno, which lies in thread-local storage of valgrind's own then.
 *
 * Time: a child that takes locks on trial has a few milliseconds for it, and is killed after that.
 * Under valgrind each child translates the code anew, and needs many times as long.
 *
 * Children: one that was forked ends with _exit(), and what it has not freed by then is no leak.
 * The check for leaks is off in it; all other checks are on. */

#include <errno.h>
#include <pthread.h>
#include <stdarg.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <unistd.h>

#include <valgrind/valgrind.h>

#define SLOWNESS 50

static void
forked (void)
{
  VALGRIND_CLO_CHANGE ("--leak-check=no");
}

static void __attribute__ ((constructor))
prepare (void)
{
  if (RUNNING_ON_VALGRIND)
    pthread_atfork (NULL, NULL, forked);
}

static long
kernel (long number, long a, long b, long c, long d, long e, long f)
{
#if defined(__x86_64__)
  register long r10 __asm__ ("r10") = d, r8 __asm__ ("r8") = e, r9 __asm__ ("r9") = f;
  long result;

  __asm__ volatile ("syscall"
                    : "=a"(result)
                    : "a"(number), "D"(a), "S"(b), "d"(c), "r"(r10), "r"(r8), "r"(r9)
                    : "rcx", "r11", "memory");
  return result;
#elif defined(__aarch64__)
  register long x8 __asm__ ("x8") = number, x0 __asm__ ("x0") = a, x1 __asm__ ("x1") = b;
  register long x2 __asm__ ("x2") = c, x3 __asm__ ("x3") = d, x4 __asm__ ("x4") = e;
  register long x5 __asm__ ("x5") = f;

  __asm__ volatile ("svc 0"
                    : "+r"(x0)
                    : "r"(x8), "r"(x1), "r"(x2), "r"(x3), "r"(x4), "r"(x5)
                    : "memory");
  return x0;
#else
#error "How this processor calls its kernel is not known here"
#endif
}

static long
open_pidfd (long tid, long pid, long flags)
{
  return kernel (SYS_pidfd_open, pid, flags, 0, 0, 0, 0);
}

static long
signal_pidfd (long tid, long pidfd, long signum)
{
  return kernel (SYS_pidfd_send_signal, pidfd, signum, 0, 0, 0, 0);
}

long
syscall (long number, ...)
{
  long arguments[6], result;
  va_list list;

  va_start (list, number);
  for (int i = 0; i < 6; i++)
    arguments[i] = va_arg (list, long);
  va_end (list);

  if (number == SYS_pidfd_open && RUNNING_ON_VALGRIND)
    result = (long) VALGRIND_NON_SIMD_CALL2 (open_pidfd, arguments[0], arguments[1]);
  else if (number == SYS_pidfd_send_signal && RUNNING_ON_VALGRIND)
    result = (long) VALGRIND_NON_SIMD_CALL2 (signal_pidfd, arguments[0], arguments[1]);
  else
    result = kernel (number, arguments[0], arguments[1], arguments[2], arguments[3], arguments[4],
                     arguments[5]);

  if (result >= 0 || result < -4095)
    return result;
  errno = -result;
  return -1;
}

int
setitimer (__itimer_which_t which, const struct itimerval *value, struct itimerval *old)
{
  struct itimerval scaled = *value;
  suseconds_t microseconds = value->it_value.tv_usec * SLOWNESS;

  if (RUNNING_ON_VALGRIND)
    {
      scaled.it_value.tv_sec = value->it_value.tv_sec * SLOWNESS + microseconds / 1000000;
      scaled.it_value.tv_usec = microseconds % 1000000;
    }
  return syscall (SYS_setitimer, which, &scaled, old);
}
