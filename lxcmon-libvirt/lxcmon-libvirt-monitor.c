/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * Owns one container of a host: its properties, and the signals of its own. Refuses to know what
 * libvirt has said, and which list it is in.
 */

#include "lxcmon-libvirt-monitor-private.h"

struct _LxcmonLibvirtMonitor
{
  GObject parent_instance;

  char *uuid;
  char *name;
  LxcmonState state;
  LxcmonExitStatus exit_status;
  GError *error;
  gint id;
  gint controller_pid;
  gint init_pid;
  gboolean exited;
  gboolean init_told; /* in this life of the container */
};

static void monitor_iface_init (LxcmonMonitorInterface *iface);

G_DEFINE_FINAL_TYPE_WITH_CODE (LxcmonLibvirtMonitor, _lxcmon_libvirt_monitor, G_TYPE_OBJECT,
                               G_IMPLEMENT_INTERFACE (LXCMON_TYPE_MONITOR, monitor_iface_init))

static const char *
get_name (LxcmonMonitor *monitor)
{
  return LXCMON_LIBVIRT_MONITOR (monitor)->name;
}

static LxcmonSource
get_source (LxcmonMonitor *monitor)
{
  return LXCMON_SOURCE_LIBVIRT;
}

static LxcmonState
get_state (LxcmonMonitor *monitor)
{
  return LXCMON_LIBVIRT_MONITOR (monitor)->state;
}

static gint
get_init_pid (LxcmonMonitor *monitor)
{
  return LXCMON_LIBVIRT_MONITOR (monitor)->init_pid;
}

static gint
get_controller_pid (LxcmonMonitor *monitor)
{
  return LXCMON_LIBVIRT_MONITOR (monitor)->controller_pid;
}

static gboolean
get_exited (LxcmonMonitor *monitor)
{
  return LXCMON_LIBVIRT_MONITOR (monitor)->exited;
}

static LxcmonExitStatus
get_exit_status (LxcmonMonitor *monitor)
{
  return LXCMON_LIBVIRT_MONITOR (monitor)->exit_status;
}

/* libvirt tells no number: it is the one that stands for the status. */
static gint
get_exit_raw (LxcmonMonitor *monitor)
{
  return LXCMON_LIBVIRT_MONITOR (monitor)->exit_status;
}

static const GError *
get_error (LxcmonMonitor *monitor)
{
  return LXCMON_LIBVIRT_MONITOR (monitor)->error;
}

static guint64
get_skipped (LxcmonMonitor *monitor)
{
  return 0;
}

static void
monitor_iface_init (LxcmonMonitorInterface *iface)
{
  iface->get_name = get_name;
  iface->get_source = get_source;
  iface->get_state = get_state;
  iface->get_init_pid = get_init_pid;
  iface->get_controller_pid = get_controller_pid;
  iface->get_exited = get_exited;
  iface->get_exit_status = get_exit_status;
  iface->get_exit_raw = get_exit_raw;
  iface->get_error = get_error;
  iface->get_skipped = get_skipped;
}

static void
monitor_get_property (GObject *object, guint prop_id, GValue *value, GParamSpec *pspec)
{
  if (!lxcmon_monitor_read_property (LXCMON_MONITOR (object), pspec, value))
    G_OBJECT_WARN_INVALID_PROPERTY_ID (object, prop_id, pspec);
}

/* The one property that can be set is the name, when the object is made. */
static void
monitor_set_property (GObject *object, guint prop_id, const GValue *value, GParamSpec *pspec)
{
  LxcmonLibvirtMonitor *self = LXCMON_LIBVIRT_MONITOR (object);

  g_free (self->name);
  self->name = g_value_dup_string (value);
}

static void
monitor_finalize (GObject *object)
{
  LxcmonLibvirtMonitor *self = LXCMON_LIBVIRT_MONITOR (object);

  g_free (self->uuid);
  g_free (self->name);
  g_clear_error (&self->error);
  G_OBJECT_CLASS (_lxcmon_libvirt_monitor_parent_class)->finalize (object);
}

static void
_lxcmon_libvirt_monitor_class_init (LxcmonLibvirtMonitorClass *klass)
{
  GObjectClass *object_class = G_OBJECT_CLASS (klass);

  object_class->get_property = monitor_get_property;
  object_class->set_property = monitor_set_property;
  object_class->finalize = monitor_finalize;
  lxcmon_monitor_install_properties (object_class, 1);
}

static void
_lxcmon_libvirt_monitor_init (LxcmonLibvirtMonitor *self)
{
  self->exit_status = LXCMON_EXIT_STATUS_UNKNOWN;
}

/*< private >
 * _lxcmon_libvirt_monitor_new:
 *
 * Makes the row of a container that runs.
 */
LxcmonLibvirtMonitor *
_lxcmon_libvirt_monitor_new (const LxcmonLibvirtDomain *domain)
{
  LxcmonLibvirtMonitor *self
      = g_object_new (LXCMON_LIBVIRT_TYPE_MONITOR, "name", domain->name, NULL);

  self->uuid = g_strdup (domain->uuid);
  self->state = LXCMON_STATE_ATTACHED;
  self->id = domain->id;
  self->controller_pid = domain->controller_pid;
  self->init_pid = domain->init_pid;
  return self;
}

const char *
_lxcmon_libvirt_monitor_get_uuid (LxcmonLibvirtMonitor *self)
{
  return self->uuid;
}

gint
_lxcmon_libvirt_monitor_get_id (LxcmonLibvirtMonitor *self)
{
  return self->id;
}

gboolean
_lxcmon_libvirt_monitor_get_init_told (LxcmonLibvirtMonitor *self)
{
  return self->init_told;
}

static void
set_error (LxcmonLibvirtMonitor *self, const GError *error)
{
  if (self->error == NULL && error == NULL)
    return;
  g_clear_error (&self->error);
  self->error = error != NULL ? g_error_copy (error) : NULL;
  g_object_notify (G_OBJECT (self), "error");
}

/* Changes a property, and notifies it where it was another. The notifications are held back until all
 * that changes together has changed. */
#define SET(self, field, value, property)              \
  G_STMT_START                                         \
  {                                                    \
    if ((self)->field != (value))                      \
      {                                                \
        (self)->field = (value);                       \
        g_object_notify (G_OBJECT ((self)), property); \
      }                                                \
  }                                                    \
  G_STMT_END

static void
set_exit_status (LxcmonLibvirtMonitor *self, LxcmonExitStatus status)
{
  if (self->exit_status != status)
    g_object_notify (G_OBJECT (self), "exit-raw");
  SET (self, exit_status, status, "exit-status");
}

/*< private >
 * _lxcmon_libvirt_monitor_begin:
 *
 * The container lives again after a reboot; or, where it was not known before, this is its life.
 */
void
_lxcmon_libvirt_monitor_begin (LxcmonLibvirtMonitor *self, const LxcmonLibvirtDomain *domain)
{
  g_object_freeze_notify (G_OBJECT (self));
  self->init_told = self->init_told && self->id == domain->id && !self->exited;
  self->id = domain->id;
  SET (self, state, LXCMON_STATE_ATTACHED, "state");
  SET (self, controller_pid, domain->controller_pid, "controller-pid");
  SET (self, init_pid, domain->init_pid, "init-pid");
  SET (self, exited, FALSE, "exited");
  set_exit_status (self, LXCMON_EXIT_STATUS_UNKNOWN);
  set_error (self, NULL);
  g_object_thaw_notify (G_OBJECT (self));
}

/*< private >
 * _lxcmon_libvirt_monitor_tell_init:
 *
 * The start of this life was seen.
 */
void
_lxcmon_libvirt_monitor_tell_init (LxcmonLibvirtMonitor *self)
{
  self->init_told = TRUE;
  lxcmon_monitor_emit_init (LXCMON_MONITOR (self), self->init_pid);
}

/*< private >
 * _lxcmon_libvirt_monitor_tell_exit:
 *
 * EXIT came to libvirtd.
 */
void
_lxcmon_libvirt_monitor_tell_exit (LxcmonLibvirtMonitor *self, LxcmonExitStatus status)
{
  g_object_freeze_notify (G_OBJECT (self));
  SET (self, state, LXCMON_STATE_EXITED, "state");
  SET (self, exited, TRUE, "exited");
  set_exit_status (self, status);
  g_object_thaw_notify (G_OBJECT (self));
  if (self->state != LXCMON_STATE_DETACHED)
    lxcmon_monitor_emit_exit (LXCMON_MONITOR (self), status);
}

/*< private >
 * _lxcmon_libvirt_monitor_tell_closed:
 * @error: (nullable): %NULL if EXIT has come
 *
 * The controller has gone.
 */
void
_lxcmon_libvirt_monitor_tell_closed (LxcmonLibvirtMonitor *self, const GError *error)
{
  g_object_freeze_notify (G_OBJECT (self));
  SET (self, state, LXCMON_STATE_CLOSED, "state");
  set_error (self, error);
  g_object_thaw_notify (G_OBJECT (self));
  if (self->state != LXCMON_STATE_DETACHED)
    lxcmon_monitor_emit_closed (LXCMON_MONITOR (self), error);
}

/*< private >
 * _lxcmon_libvirt_monitor_leave:
 *
 * The host has been stopped: nothing more is told.
 */
void
_lxcmon_libvirt_monitor_leave (LxcmonLibvirtMonitor *self)
{
  SET (self, state, LXCMON_STATE_DETACHED, "state");
}
