/*
 * SPDX-FileCopyrightText: 2026 The pcall authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

/* What parent and agent say to each other, as values. */

#include <gio/gio.h>
#include <signal.h>

#include <pcall-glib/wire/pcall-frame-private.h>
#include <pcall-glib/wire/pcall-remote-private.h>

/* As it is received: of that frame's type, and in normal form. */
static GVariant *
cross (PcallFrameType type, GVariant *value)
{
  g_autoptr (GVariant) sent = g_variant_ref_sink (value);
  g_autoptr (GBytes) bytes = g_variant_get_data_as_bytes (sent);
  g_autoptr (GError) error = NULL;
  PcallFrameHeader header = { .type = type, .length = g_variant_get_size (sent) };
  GVariant *received = pcall_frame_decode_payload (&header, bytes, &error);

  g_assert_no_error (error);
  g_assert_true (g_variant_is_of_type (sent, pcall_frame_payload_type (type)));
  return received;
}

static void
test_hello (void)
{
  PcallRemoteHello hello = { .version = 7, .pid = 4711, .host = (char *) "node1", .launch = 3 };
  g_autoptr (GVariant) value = cross (PCALL_FRAME_HELLO, pcall_remote_hello_to_variant (&hello));
  PcallRemoteHello again;

  pcall_remote_hello_from_variant (&again, value);
  g_assert_cmpuint (again.version, ==, 7);
  g_assert_cmpint (again.pid, ==, 4711);
  g_assert_cmpstr (again.host, ==, "node1");
  g_assert_cmpuint (again.launch, ==, 3);
  pcall_remote_hello_clear (&again);
}

/* Of a worker, or of somebody who means no good. */
static void
test_hello_of_others (void)
{
  static const char * const texts[] = {
    "(uint32 1, int32 -5, @a{sv} {})",
    "(uint32 1, int32 5, {'host': <7>})",
    "(uint32 1, int32 5, {'more': <'x'>})",
  };

  for (gsize i = 0; i < G_N_ELEMENTS (texts); i++)
    {
      g_autoptr (GVariant) value = g_variant_new_parsed (texts[i]);
      PcallRemoteHello hello;

      pcall_remote_hello_from_variant (&hello, value);
      g_assert_cmpstr (hello.host, ==, "");
      g_assert_cmpint (hello.pid, >=, 0);
      pcall_remote_hello_clear (&hello);
    }
}

static void
assert_strings (char **strings, const char * const *expected)
{
  g_assert_true (g_strv_equal ((const char * const *) strings, expected));
}

static void
test_launch (void)
{
  static const char * const argv[] = { "/bin/\xff", "", "two words", NULL };
  static const char * const environment[] = { "A=b", "EMPTY=", "\xfe=\xff", NULL };
  g_autoptr (PcallConditions) conditions = pcall_conditions_new ();
  g_autoptr (GVariant) value = cross (
      PCALL_FRAME_LAUNCH, pcall_remote_launch_new (argv, environment, conditions, "/srv/\xfc"));
  PcallRemoteLaunch launch;

  pcall_remote_launch_from_variant (&launch, value);
  assert_strings (launch.argv, argv);
  assert_strings (launch.environment, environment);
  g_assert_cmpstr (launch.conditions->working_directory, ==, "/srv/\xfc");
  g_assert_null (launch.conditions->environment);
  g_assert_null (launch.conditions->cpu_affinity);
  g_assert_cmpint (launch.conditions->nice, ==, 0);
  pcall_remote_launch_clear (&launch);
}

static void
test_launch_conditions (void)
{
  static const char * const argv[] = { "worker", NULL };
  static const char * const environment[] = { "A=\xff", NULL };
  g_autoptr (PcallConditions) conditions = pcall_conditions_new ();
  g_autoptr (GVariant) value = NULL;
  PcallRemoteLaunch launch;

  conditions->working_directory = g_strdup ("/before/the/launcher's");
  conditions->environment = g_strdupv ((char **) environment);
  conditions->nice = -3;
  conditions->max_address_space = G_MAXUINT64;
  conditions->max_open_files = 64;
  g_assert_true (pcall_conditions_set_cpu_affinity (conditions, "0-3,8"));
  value = cross (PCALL_FRAME_LAUNCH, pcall_remote_launch_new (argv, NULL, conditions, "/srv"));

  pcall_remote_launch_from_variant (&launch, value);
  g_assert_cmpstr (launch.conditions->working_directory, ==, "/before/the/launcher's");
  assert_strings (launch.conditions->environment, environment);
  g_assert_cmpint (launch.conditions->nice, ==, -3);
  g_assert_cmpuint (launch.conditions->max_address_space, ==, G_MAXUINT64);
  g_assert_cmpuint (launch.conditions->max_open_files, ==, 64);
  g_assert_cmpstr (launch.conditions->cpu_affinity, ==, "0-3,8");
  g_assert_cmpmem (&launch.conditions->cpus, sizeof (cpu_set_t), &conditions->cpus,
                   sizeof (cpu_set_t));
  pcall_remote_launch_clear (&launch);
}

static void
test_launch_nothing (void)
{
  static const char * const none[] = { NULL };
  g_autoptr (PcallConditions) conditions = pcall_conditions_new ();
  g_autoptr (GVariant) value =
      cross (PCALL_FRAME_LAUNCH, pcall_remote_launch_new (none, NULL, conditions, NULL));
  PcallRemoteLaunch launch;

  pcall_remote_launch_from_variant (&launch, value);
  assert_strings (launch.argv, none);
  assert_strings (launch.environment, none);
  g_assert_null (launch.conditions->working_directory);
  pcall_remote_launch_clear (&launch);
}

static void
test_exit (void)
{
  PcallRemoteExit told = {
    .exit = { .known = TRUE,
              .status = SIGSEGV | 0x80,
              .usage = { .ru_utime = { 3, 400000 }, .ru_stime = { 0, 5 }, .ru_maxrss = 12345 } },
    .begun = 7,
    .complaint = (char *) "it lied",
  };
  g_autoptr (GVariant) value = cross (PCALL_FRAME_EXIT, pcall_remote_exit_to_variant (&told));
  g_autofree char *text = NULL;
  PcallRemoteExit again;

  pcall_remote_exit_from_variant (&again, value);
  g_assert_true (again.exit.known);
  text = pcall_exit_describe (&again.exit);
  g_assert_cmpstr (text, ==, "killed by signal 11 (Segmentation fault), core dumped");
  g_assert_cmpint (again.exit.usage.ru_utime.tv_sec, ==, 3);
  g_assert_cmpint (again.exit.usage.ru_utime.tv_usec, ==, 400000);
  g_assert_cmpint (again.exit.usage.ru_stime.tv_usec, ==, 5);
  g_assert_cmpint (again.exit.usage.ru_maxrss, ==, 12345);
  g_assert_cmpint (again.begun, ==, 7);
  g_assert_cmpstr (again.complaint, ==, "it lied");
  pcall_remote_exit_clear (&again);
}

static void
test_exit_unknown (void)
{
  PcallRemoteExit told = { .begun = -1 };
  g_autoptr (GVariant) value = cross (PCALL_FRAME_EXIT, pcall_remote_exit_to_variant (&told));
  PcallRemoteExit again;

  pcall_remote_exit_from_variant (&again, value);
  g_assert_false (again.exit.known);
  g_assert_cmpint (again.begun, ==, -1);
  g_assert_null (again.complaint);
  pcall_remote_exit_clear (&again);
}

int
main (int argc, char *argv[])
{
  g_test_init (&argc, &argv, NULL);

  g_test_add_func ("/pcall/remote/hello", test_hello);
  g_test_add_func ("/pcall/remote/hello-of-others", test_hello_of_others);
  g_test_add_func ("/pcall/remote/launch", test_launch);
  g_test_add_func ("/pcall/remote/launch-conditions", test_launch_conditions);
  g_test_add_func ("/pcall/remote/launch-nothing", test_launch_nothing);
  g_test_add_func ("/pcall/remote/exit", test_exit);
  g_test_add_func ("/pcall/remote/exit-unknown", test_exit_unknown);

  return g_test_run ();
}
