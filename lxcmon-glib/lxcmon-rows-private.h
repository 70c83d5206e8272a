/* SPDX-License-Identifier: LGPL-2.1-or-later */

#pragma once

/*
 * The rows of a list of monitors, in a #GListStore.
 */

#include <lxcmon-glib/lxcmon-glib.h>

int _lxcmon_rows_compare (gconstpointer a, gconstpointer b, gpointer user_data);
int _lxcmon_rows_compare_pointed (gconstpointer a, gconstpointer b);
gboolean _lxcmon_rows_find (GListStore *rows, const char *name, guint *position);
void _lxcmon_rows_remove (GListStore *rows, LxcmonMonitor *monitor);
void _lxcmon_rows_remove_all (GListStore *rows, gboolean quietly);
