/* SPDX-License-Identifier: LGPL-2.1-or-later */

#pragma once

#include "lxcmon-reader-private.h"

struct _LxcmonHub
{
  unsigned int ref_count;
  LxcmonPoller poller;
  LxcmonReader reader;
  LxcmonLog log;
  LxcmonTaken taken;
  LxcmonError error; /* of the event that was returned last */
};
