/* SPDX-License-Identifier: LGPL-2.1-or-later */

#pragma once

/*
 * How a test controller is made to misbehave.
 */

#include <lxcmon-mock/lxcmon-mock.h>

/* While it does not read, it answers no PING and does not see its client leave. */
void mock_set_reading (LxcmonMockController *mock, gboolean reading);
/* While it does not accept, clients wait in the backlog. */
void mock_set_accepting (LxcmonMockController *mock, gboolean accepting);
guint mock_get_n_pings (LxcmonMockController *mock);
