/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * Which ids are pids of this machine, and when no init is found. (For one that is found, see ../real.)
 */

#include <unistd.h>

#include "common/glib-test.h"
#include "lxcmon-libvirt/lxcmon-libvirt-domain-private.h"

typedef struct
{
  const char *uri;
  gboolean is_local;
} UriCase;

static const UriCase uri_cases[] = {
  { "lxc:///", TRUE },
  { "lxc:///system", TRUE },
  { "lxc:///system?socket=/tmp/sock", TRUE },
  { "lxc+unix:///system", TRUE },
  { "lxc://web1/system", FALSE },
  { "lxc://localhost/system", FALSE },
  { "lxc+tcp://127.0.0.1/system", FALSE },
  { "lxc+tcp://127.0.0.1:16509/system", FALSE },
  { "lxc+tls://web1.example.org/system", FALSE },
  { "lxc+ssh://root@web1/system", FALSE },
  { "lxc+ssh:///system", FALSE },
  { "lxc+ext:///system?command=/bin/x", FALSE },
  { "lxc+tcp://[::1]/system", FALSE },
  { "", FALSE },
  { "no uri", FALSE },
};

static void
test_uri (gconstpointer data)
{
  const UriCase *test = data;

  g_assert_cmpint (_lxcmon_libvirt_uri_is_local (test->uri), ==, test->is_local);
}

static void
test_no_init (void)
{
  g_assert_cmpint (_lxcmon_libvirt_find_init ("web1", 0), ==, 0);
  g_assert_cmpint (_lxcmon_libvirt_find_init ("web1", -1), ==, 0);
  g_assert_cmpint (_lxcmon_libvirt_find_init ("web1", getpid ()), ==, 0);
  g_assert_cmpint (_lxcmon_libvirt_find_init ("web1", G_MAXINT), ==, 0);
  g_assert_cmpint (_lxcmon_libvirt_find_init ("../web1", getpid ()), ==, 0);
}

int
main (int argc, char **argv)
{
  glib_test_init (&argc, &argv);
  for (guint i = 0; i < G_N_ELEMENTS (uri_cases); i++)
    {
      g_autofree char *path = g_strdup_printf ("/libvirt-domain/uri/%u", i);
      glib_test_add_data (path, test_uri, &uri_cases[i]);
    }
  glib_test_add ("/libvirt-domain/no-init", test_no_init);
  return g_test_run ();
}
