/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * Owns the error domain, the mapping from the core's errors to GLib's, and the mapping from errors and
 * exit statuses to ends.
 */

#include "lxcmon-monitor-private.h"

#include <errno.h>

/**
 * lxcmon_monitor_error_quark:
 *
 * The error domain of monitors.
 *
 * Returns: a quark
 *
 * Since: 0.1
 */
GQuark
lxcmon_monitor_error_quark (void)
{
  /* Not G_DEFINE_QUARK: formatters treat the name in its argument as a subtraction. */
  return g_quark_from_static_string ("lxcmon-monitor-error-quark");
}

/*< private >
 * _lxcmon_monitor_error_new:
 * @error: an error of the core
 *
 * Returns: (transfer full): the same as a #GError
 */
GError *
_lxcmon_monitor_error_new (const LxcmonError *error)
{
  if (error->system_errno == EALREADY)
    return g_error_new_literal (G_IO_ERROR, G_IO_ERROR_PENDING, error->message);

  return g_error_new_literal (LXCMON_MONITOR_ERROR, (int) error->code, error->message);
}

/*< private >
 * _lxcmon_end_from_exit_status:
 *
 * Returns: the end that EXIT reports
 */
LxcmonEnd
_lxcmon_end_from_exit_status (LxcmonExitStatus status)
{
  switch (status)
    {
    case LXCMON_EXIT_STATUS_SHUTDOWN:
      return LXCMON_END_SHUTDOWN;
    case LXCMON_EXIT_STATUS_REBOOT:
      return LXCMON_END_REBOOT;
    case LXCMON_EXIT_STATUS_ERROR:
      return LXCMON_END_ERROR;
    case LXCMON_EXIT_STATUS_UNKNOWN:
    default:
      return LXCMON_END_UNKNOWN;
    }
}

/* A peer that breaks the protocol or does not answer may still run its container. */
static LxcmonEnd
end_from_error (const GError *error)
{
  if (error->domain != LXCMON_MONITOR_ERROR)
    return LXCMON_END_NONE;
  if (error->code == LXCMON_MONITOR_ERROR_DESTROYED)
    return LXCMON_END_DESTROYED;
  if (error->code == LXCMON_MONITOR_ERROR_LOST || error->code == LXCMON_MONITOR_ERROR_TRUNCATED)
    return LXCMON_END_LOST;
  return LXCMON_END_NONE;
}

/*< private >
 * _lxcmon_model_end_by_error:
 * @error: (nullable): why a monitor was closed without EXIT, or %NULL if EXIT has come
 *
 * The connection was closed, which is most often the container's end.
 */
void
_lxcmon_model_end_by_error (LxcmonModel *model, const GError *error)
{
  if (error != NULL)
    model->end = end_from_error (error);
  model->running = model->end == LXCMON_END_NONE;
}
