/*
 * SPDX-FileCopyrightText: 2026 The pcall authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

/* A target in a shared object, and a worker program, that throw. */

#include <cstdio>
#include <stdexcept>
#include <string>

#include <pcall-glib/pcall.h>

struct Derived : std::logic_error
{
  using std::logic_error::logic_error;
};

extern "C" GVariant *throw_it (GVariant *args, GVariant *kwargs, gpointer user_data, GError **error);

extern "C" GVariant *
throw_it (GVariant *, GVariant *, gpointer, GError **)
{
  switch (pcall_get_call_index () % 4)
    {
    case 0: throw std::runtime_error ("no such device");
    case 1: throw 42;
    case 2: throw Derived ("derived");
    default: throw std::string ("text");
    }
}

#ifdef WORKER
static void
run_call (PcallWorker *, const char *, GVariant *args, GVariant *kwargs, gpointer)
{
  throw_it (args, kwargs, nullptr, nullptr);
}

int
main ()
{
  try
    {
      g_autoptr (PcallWorker) worker = pcall_worker_new (nullptr);

      if (worker == nullptr)
        return 1;
      pcall_worker_start (worker, run_call, nullptr, nullptr);
      pcall_worker_run (worker);
    }
  catch (...)
    {
      std::printf ("main's handler\n");
    }
  return 0;
}
#endif
