/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * The sizes of structs that bindings ask for.
 */

#include "common/core-test.h"

#include <lxcmon/lxcmon.h>

static void
test_sizes (void)
{
  g_assert_cmpuint (lxcmon_get_struct_size ("LxcmonAttachOptions"), ==,
                    sizeof (LxcmonAttachOptions));
  g_assert_cmpuint (lxcmon_get_struct_size ("LxcmonError"), ==, sizeof (LxcmonError));
  g_assert_cmpuint (lxcmon_get_struct_size ("LxcmonEvent"), ==, sizeof (LxcmonEvent));
}

static void
test_unknown (void)
{
  g_assert_cmpuint (lxcmon_get_struct_size (""), ==, 0);
  g_assert_cmpuint (lxcmon_get_struct_size ("LxcmonHub"), ==, 0);
  g_assert_cmpuint (lxcmon_get_struct_size ("LxcmonEvents"), ==, 0);
}

int
main (int argc, char *argv[])
{
  g_test_init (&argc, &argv, NULL);

  core_test_add ("/layout/sizes", test_sizes);
  core_test_add ("/layout/unknown", test_unknown);

  return g_test_run ();
}
