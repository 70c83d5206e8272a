/* SPDX-License-Identifier: LGPL-2.1-or-later */

#pragma once

/*
 * What a host emits for one report of one of its monitors.
 */

#include "lxcmon-monitor-private.h"

typedef struct _LxcmonEmission LxcmonEmission;

void _lxcmon_emission_install_signals (GObjectClass *klass);
LxcmonEmission *_lxcmon_emission_new (const guint *epoch, LxcmonMonitor *monitor,
                                      LxcmonReport report, const LxcmonModel *model,
                                      const GError *error);
void _lxcmon_emission_free (gpointer data);
void _lxcmon_emission_run (const LxcmonEmission *self, GObject *host);
