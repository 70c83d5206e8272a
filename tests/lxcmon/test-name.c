/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * Which names a container can have. That no system call is made for a bad one is shown by counting:
 * of the calls that the core knows, none is made.
 */

#include "common/core-test.h"
#include "common/core-wrap.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <lxcmon/lxcmon.h>

static void
assert_bad (const char *name, const char *why)
{
  LxcmonError error;

  core_wrap_begin ();
  char *path = lxcmon_name_to_socket_path (NULL, name, &error);
  g_assert_cmpuint (core_wrap_end (), ==, 0);
  g_assert_null (path);
  g_assert_false (lxcmon_name_check (name, NULL));
  g_assert_cmpint (error.code, ==, LXCMON_MONITOR_ERROR_INVALID_NAME);
  g_assert_true (g_str_has_prefix (error.message, "not a container's name: "));
  g_assert_nonnull (strstr (error.message, why));
}

static void
assert_good (const char *name)
{
  g_autofree char *expected = g_strdup_printf ("/run/libvirt/lxc/%s.sock", name);
  LxcmonError error;
  char *path = lxcmon_name_to_socket_path (NULL, name, &error);

  g_assert_true (lxcmon_name_check (name, &error));
  g_assert_cmpstr (path, ==, expected);
  free (path);
}

static void
test_bad (void)
{
  g_autofree char *too_long = g_strnfill (LXCMON_NAME_MAX + 1, 'x');
  g_autofree char *far_too_long = g_strnfill (100000, 'x');

  assert_bad (NULL, "empty");
  assert_bad ("", "empty");
  assert_bad (".", "directories");
  assert_bad ("..", "directories");
  assert_bad ("../x", "\"/\"");
  assert_bad ("a/b", "\"/\"");
  assert_bad ("/", "\"/\"");
  assert_bad ("/etc/passwd", "\"/\"");
  assert_bad (too_long, "250 bytes");
  assert_bad (far_too_long, "250 bytes");
}

static void
test_control_characters (void)
{
  for (int byte = 1; byte < 0x80; byte++)
    {
      char name[] = { 'a', (char) byte, '\0' };

      if (byte < 0x20 || byte == 0x7f)
        assert_bad (name, "control character");
      else if (byte != '/')
        assert_good (name);
    }
}

static void
test_utf8 (void)
{
  static const char *const bad[] = {
    "\xff",             /* no lead byte */
    "\x80",             /* a continuation byte alone */
    "\xc3",             /* cut off */
    "\xe2\x82",         /* cut off */
    "\xf0\x9f\x98",     /* cut off */
    "\xc3x",            /* not continued */
    "\xc0\xaf",         /* "/", overlong */
    "\xc1\xbf",         /* overlong */
    "\xe0\x80\xaf",     /* "/", overlong */
    "\xe0\x9f\xbf",     /* overlong */
    "\xf0\x80\x80\xaf", /* "/", overlong */
    "\xf0\x8f\xbf\xbf", /* overlong */
    "\xed\xa0\x80",     /* a surrogate */
    "\xf4\x90\x80\x80", /* beyond U+10FFFF */
    "\xf5\x80\x80\x80", /* beyond U+10FFFF */
  };

  for (gsize i = 0; i < G_N_ELEMENTS (bad); i++)
    {
      g_assert_false (g_utf8_validate (bad[i], -1, NULL));
      assert_bad (bad[i], "not UTF-8");
    }
  assert_good ("caf\xc3\xa9");
  assert_good ("\xe2\x82\xac\xed\x9f\xbf\xee\x80\x80");
  assert_good ("\xf0\x90\x80\x80\xf4\x8f\xbf\xbf");
}

/* U+0080 to U+009F are control characters as well: a terminal may obey them. */
static void
test_c1_control_characters (void)
{
  assert_bad ("a\xc2\x80", "control character");
  assert_bad ("a\xc2\x9b"
              "31m",
              "control character");
  assert_bad ("a\xc2\x9f", "control character");
  assert_good ("a\xc2\xa0");
}

static void
test_good (void)
{
  g_autofree char *longest = g_strnfill (LXCMON_NAME_MAX, 'x');

  assert_good ("web1");
  assert_good ("%s%n");
  assert_good ("...");
  assert_good ("-rf");
  assert_good ("a b");
  assert_good (longest);
}

/* Two-byte sequences all, against GLib's own judge. */
static void
test_utf8_all_pairs (void)
{
  for (int first = 0x80; first < 0x100; first++)
    for (int second = 0x80; second < 0x100; second++)
      {
        char name[] = { (char) first, (char) second, '\0' };
        gboolean expected = g_utf8_validate (name, -1, NULL) && !(first == 0xc2 && second < 0xa0);

        g_assert_true (lxcmon_name_check (name, NULL) == expected);
      }
}

static void
test_runtime_dir (void)
{
  char *path = lxcmon_name_to_socket_path ("/tmp/x", "%s", NULL);

  g_assert_cmpstr (path, ==, "/tmp/x/%s.sock");
  free (path);
}

int
main (int argc, char *argv[])
{
  g_test_init (&argc, &argv, NULL);

  core_test_add ("/name/bad", test_bad);
  core_test_add ("/name/control-characters", test_control_characters);
  core_test_add ("/name/c1-control-characters", test_c1_control_characters);
  core_test_add ("/name/utf8", test_utf8);
  core_test_add ("/name/utf8-all-pairs", test_utf8_all_pairs);
  core_test_add ("/name/good", test_good);
  core_test_add ("/name/runtime-dir", test_runtime_dir);

  return g_test_run ();
}
