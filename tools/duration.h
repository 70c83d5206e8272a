/* SPDX-License-Identifier: LGPL-2.1-or-later */

#pragma once

#include <glib.h>

gboolean duration_parse (const char *text, guint *ms, GError **error);
