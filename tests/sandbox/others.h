/* SPDX-License-Identifier: LGPL-2.1-or-later */

#pragma once

/*
 * Programs of the build tree, run as another user, who may not be able to reach that tree: it may be below
 * root's home.
 */

#include <glib.h>

#define OTHERS_UID 65534

/* NULL if this user can let another one run programs, otherwise why not, for g_test_skip (). */
char *others_why_unsupported (void);

/* The path of a copy of @program that everybody can run, with the libraries of the build tree beside it as
 * they are there. It goes with the test's temporary directory. */
char *others_copy (const char *program);

/* What LXCMON_MODULE_DIR is to be for a copy. */
char *others_get_module_dir (const char *copy);

/* In a child: goes on as the other user, without any group. */
void others_become (gpointer unused);
