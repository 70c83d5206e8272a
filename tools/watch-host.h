/* SPDX-License-Identifier: LGPL-2.1-or-later */

#pragma once

#include "options.h"

ExitCode watch_host (const Options *options, gboolean follow);
