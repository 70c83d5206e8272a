/* SPDX-License-Identifier: LGPL-2.1-or-later */

#pragma once

#include "lxcmon-driver-watch-private.h"
#include "lxcmon-init-watch-private.h"
#include "lxcmon-reader-private.h"

struct _LxcmonHub
{
  unsigned int ref_count;
  LxcmonPoller poller;
  LxcmonDriverWatch driver_watch;
  LxcmonInitWatch init_watch;
  LxcmonReader reader;
  LxcmonLog log;
  LxcmonTaken taken;
  LxcmonError error; /* of the event that was returned last */
};
