/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * Owns the choice of where a list of all containers comes from. Verbs know it as a LxcmonMonitorList.
 */

#include "source.h"

/**
 * source_new_list:
 * @follow: whether a container that reboots keeps its monitor
 *
 * Returns: (transfer full): a list that is not started
 */
LxcmonMonitorList *
source_new_list (const Options *options, gboolean follow)
{
  LxcmonHost *host = lxcmon_host_new (options->runtime_dir);

  lxcmon_host_set_take_place (host, options->take_place);
  if (!follow)
    lxcmon_host_set_reboot_timeout (host, 0);
  return LXCMON_MONITOR_LIST (host);
}
