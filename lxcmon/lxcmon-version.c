/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "lxcmon-version.h"

/**
 * lxcmon_get_version:
 *
 * The version of the library that a program runs with; `LXCMON_VERSION_S` is the version of the headers that
 * it was compiled with.
 *
 * Returns: (not nullable): a static string, such as "0.1.0"
 *
 * Since: 0.1
 */
const char *
lxcmon_get_version (void)
{
  return LXCMON_VERSION_S;
}
