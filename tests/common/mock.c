/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * Owns what only lxcmon's own tests ask of a test controller: to hold back, and what it has counted.
 */

#include "mock.h"

#include "lxcmon-mock/lxcmon-mock-private.h"

static void
set_flag (LxcmonMockController *mock, gboolean *flag, gboolean value)
{
  g_mutex_lock (&mock->mutex);
  *flag = value;
  _lxcmon_mock_wake (mock);
  g_mutex_unlock (&mock->mutex);
}

void
mock_set_reading (LxcmonMockController *mock, gboolean reading)
{
  set_flag (mock, &mock->reading, reading);
}

void
mock_set_accepting (LxcmonMockController *mock, gboolean accepting)
{
  set_flag (mock, &mock->accepting, accepting);
}

guint
mock_get_n_pings (LxcmonMockController *mock)
{
  g_mutex_lock (&mock->mutex);
  guint n_pings = mock->n_pings;
  g_mutex_unlock (&mock->mutex);

  return n_pings;
}
