/* SPDX-License-Identifier: LGPL-2.1-or-later */

#pragma once

/*
 * The backend that goes through libvirtd, from a module.
 */

#include "lxcmon-backend-private.h"

LxcmonBackend *_lxcmon_backend_new_for_uri (const char *uri, gboolean keeps_trying, GError **error);
