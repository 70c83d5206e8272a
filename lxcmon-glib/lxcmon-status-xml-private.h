/* SPDX-License-Identifier: LGPL-2.1-or-later */

#pragma once

#include <glib.h>
#include <lxcmon/lxcmon-runtime-dir.h>

#include "lxcmon-model-private.h"

gint _lxcmon_status_xml_find_controller (const char *socket_path,
                                         const LxcmonRuntimeSocket *socket);
gint _lxcmon_status_xml_find_init (const char *socket_path, gint controller_pid);
void _lxcmon_status_xml_complete (const char *socket_path, LxcmonModel *model);
gint _lxcmon_status_xml_parse (const char *text, gsize length, gint controller_pid);
