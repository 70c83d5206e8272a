/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * A row, and the run that it is about: the properties with which it begins.
 */

#include "common/glib-test.h"
#include "lxcmon-libvirt/lxcmon-libvirt-run-private.h"

static LxcmonLibvirtDomain domain = {
  .uuid = "u",
  .name = (char *) "web1",
  .id = 10,
  .controller_pid = 10,
  .init_pid = 11,
  .init_fd = -1,
};

static void
test_properties (void)
{
  g_autoptr (LxcmonRow) row = _lxcmon_libvirt_row_new (NULL, &domain);
  const LxcmonLibvirtRun *run = _lxcmon_libvirt_row_get_run (row);
  g_autofree char *name = NULL;
  int source, state, status, raw, init_pid, controller_pid, end;
  gboolean exited;

  g_object_get (row, "name", &name, "source", &source, "state", &state, "exit-status", &status,
                "exit-raw", &raw, "init-pid", &init_pid, "controller-pid", &controller_pid,
                "exited", &exited, "end", &end, NULL);
  g_assert_cmpstr (name, ==, "web1");
  g_assert_cmpint (source, ==, LXCMON_SOURCE_LIBVIRT);
  g_assert_cmpint (state, ==, LXCMON_STATE_ATTACHED);
  g_assert_cmpint (status, ==, LXCMON_EXIT_STATUS_UNKNOWN);
  g_assert_cmpint (raw, ==, -1);
  g_assert_cmpint (init_pid, ==, 11);
  g_assert_cmpint (controller_pid, ==, 10);
  g_assert_cmpint (end, ==, LXCMON_END_NONE);
  g_assert_false (exited);
  g_assert_cmpstr (run->uuid, ==, "u");
  g_assert_cmpint (run->id, ==, 10);
  g_assert_false (run->init_reported);
}

int
main (int argc, char **argv)
{
  glib_test_init (&argc, &argv);
  glib_test_add ("/libvirt-run/properties", test_properties);
  return g_test_run ();
}
