/* SPDX-License-Identifier: LGPL-2.1-or-later */

#pragma once

char *escape_for_line (const char *text);
