/* SPDX-License-Identifier: LGPL-2.1-or-later */

#pragma once

#if !defined(LXCMON_GLIB_INSIDE) && !defined(LXCMON_GLIB_COMPILATION)
#error "Only <lxcmon-glib/lxcmon-glib.h> can be included directly."
#endif

#include <gio/gio.h>

#include <lxcmon-glib/lxcmon-glib-macros.h>
#include <lxcmon/lxcmon-types.h>

G_BEGIN_DECLS

/**
 * LxcmonSource:
 * @LXCMON_SOURCE_DIRECT: the container's controller
 * @LXCMON_SOURCE_LIBVIRT: libvirtd or virtlxcd
 *
 * The source of the events of a monitor.
 *
 * Since: 0.1
 */
typedef enum /*< underscore_name=lxcmon_source >*/
{
  LXCMON_SOURCE_DIRECT = 0,
  LXCMON_SOURCE_LIBVIRT = 1
} LxcmonSource;

/**
 * LxcmonEnd:
 * @LXCMON_END_NONE: the container has not ended, as far as is known
 * @LXCMON_END_SHUTDOWN: the container's init ended, in any way but a reboot
 * @LXCMON_END_REBOOT: the container's init called reboot(2)
 * @LXCMON_END_ERROR: the controller reported an error
 * @LXCMON_END_UNKNOWN: how the container ended is not known: nobody watched it, or the controller reported a status
 *   that this version of lxcmon has no name for
 * @LXCMON_END_LOST: the controller ended without EXIT
 * @LXCMON_END_DESTROYED: the container was destroyed through libvirt
 *
 * How a run of a container ended.
 *
 * Since: 0.1
 */
typedef enum /*< underscore_name=lxcmon_end >*/
{
  LXCMON_END_NONE = 0,
  LXCMON_END_SHUTDOWN,
  LXCMON_END_REBOOT,
  LXCMON_END_ERROR,
  LXCMON_END_UNKNOWN,
  LXCMON_END_LOST,
  LXCMON_END_DESTROYED
} LxcmonEnd;

/**
 * LXCMON_MONITOR_ERROR:
 *
 * The error domain of monitors. Its codes are [error@Lxcmon.MonitorError].
 *
 * Since: 0.1
 */
#define LXCMON_MONITOR_ERROR (lxcmon_monitor_error_quark ())

LXCMON_AVAILABLE_IN_0_1
GQuark lxcmon_monitor_error_quark (void);

#define LXCMON_TYPE_MONITOR (lxcmon_monitor_get_type ())

LXCMON_AVAILABLE_IN_0_1
G_DECLARE_DERIVABLE_TYPE (LxcmonMonitor, lxcmon_monitor, LXCMON, MONITOR, GObject)

struct _LxcmonMonitorClass
{
  GObjectClass parent_class;

  /*< private >*/
  gpointer dup_init_pidfd; /* as a pointer, so that bindings see no virtual method */
  gpointer padding[7];
};

LXCMON_AVAILABLE_IN_0_1
const char *lxcmon_monitor_get_name (LxcmonMonitor *self);
LXCMON_AVAILABLE_IN_0_1
LxcmonSource lxcmon_monitor_get_source (LxcmonMonitor *self);
LXCMON_AVAILABLE_IN_0_1
LxcmonState lxcmon_monitor_get_state (LxcmonMonitor *self);
LXCMON_AVAILABLE_IN_0_1
gint lxcmon_monitor_get_init_pid (LxcmonMonitor *self);
LXCMON_AVAILABLE_IN_0_1
gint lxcmon_monitor_get_controller_pid (LxcmonMonitor *self);
LXCMON_AVAILABLE_IN_0_1
gboolean lxcmon_monitor_get_exited (LxcmonMonitor *self);
LXCMON_AVAILABLE_IN_0_1
LxcmonExitStatus lxcmon_monitor_get_exit_status (LxcmonMonitor *self);
LXCMON_AVAILABLE_IN_0_1
gint lxcmon_monitor_get_exit_raw (LxcmonMonitor *self);
LXCMON_AVAILABLE_IN_0_1
LxcmonEnd lxcmon_monitor_get_end (LxcmonMonitor *self);
LXCMON_AVAILABLE_IN_0_1
const GError *lxcmon_monitor_get_error (LxcmonMonitor *self);
LXCMON_AVAILABLE_IN_0_1
char *lxcmon_monitor_get_uuid (LxcmonMonitor *self);
LXCMON_AVAILABLE_IN_0_1
GDateTime *lxcmon_monitor_get_started_at (LxcmonMonitor *self);
LXCMON_AVAILABLE_IN_0_1
char *lxcmon_monitor_get_life (LxcmonMonitor *self);
LXCMON_AVAILABLE_IN_0_1
gboolean lxcmon_monitor_get_running (LxcmonMonitor *self);
LXCMON_AVAILABLE_IN_0_1
gint lxcmon_monitor_get_init_exit_code (LxcmonMonitor *self);
LXCMON_AVAILABLE_IN_0_1
gint lxcmon_monitor_get_init_signal (LxcmonMonitor *self);
LXCMON_AVAILABLE_IN_0_1
int lxcmon_monitor_dup_init_pidfd (LxcmonMonitor *self);
LXCMON_AVAILABLE_IN_0_1
char *lxcmon_monitor_describe_end (LxcmonMonitor *self);

LXCMON_AVAILABLE_IN_0_1
void lxcmon_monitor_wait_exit_async (LxcmonMonitor *self, GCancellable *cancellable,
                                     GAsyncReadyCallback callback, gpointer user_data);
LXCMON_AVAILABLE_IN_0_1
LxcmonExitStatus lxcmon_monitor_wait_exit_finish (LxcmonMonitor *self, GAsyncResult *result,
                                                  GError **error);
LXCMON_AVAILABLE_IN_0_1
LxcmonExitStatus lxcmon_monitor_wait_exit (LxcmonMonitor *self, GCancellable *cancellable,
                                           GError **error);

G_END_DECLS
