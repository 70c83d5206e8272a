/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * Owns the model: what is known of a container, as properties of its monitor, and how values are converted for that.
 * It has no references and no events.
 */

#include "lxcmon-model-private.h"

#include <lxcmon/lxcmon-process.h>

#include <string.h>

#include "lxcmon-enums.h"

#define READABLE (G_PARAM_READABLE | G_PARAM_EXPLICIT_NOTIFY | G_PARAM_STATIC_STRINGS)

/* What it is, and that it runs. */
static void
install_properties_of_run (GParamSpec **properties)
{
  /**
   * LxcmonMonitor:source: (getter get_source)
   *
   * The source of the monitor's events.
   *
   * Since: 0.1
   */
  properties[LXCMON_MODEL_SOURCE] = g_param_spec_enum ("source", NULL, NULL, LXCMON_TYPE_SOURCE,
                                                       LXCMON_SOURCE_DIRECT, READABLE);

  /**
   * LxcmonMonitor:uuid: (getter get_uuid)
   *
   * The uuid of the container's libvirt domain, or %NULL if it is not known. It is known through libvirtd, and by
   * the file that libvirtd keeps beside the controller's socket; not of a container that was started without
   * libvirtd.
   *
   * Since: 0.1
   */
  properties[LXCMON_MODEL_UUID] = g_param_spec_string ("uuid", NULL, NULL, NULL, READABLE);

  /**
   * LxcmonMonitor:state: (getter get_state)
   *
   * The state of the connection to the container's controller.
   *
   * Since: 0.1
   */
  properties[LXCMON_MODEL_STATE]
      = g_param_spec_enum ("state", NULL, NULL, LXCMON_TYPE_STATE, LXCMON_STATE_DETACHED, READABLE);

  /**
   * LxcmonMonitor:init-pid: (getter get_init_pid)
   *
   * The pid of the container's init in the pid namespace of the caller, or 0 if it is not known.
   *
   * Since: 0.1
   */
  properties[LXCMON_MODEL_INIT_PID]
      = g_param_spec_int ("init-pid", NULL, NULL, 0, G_MAXINT, 0, READABLE);

  /**
   * LxcmonMonitor:controller-pid: (getter get_controller_pid)
   *
   * The pid of the container's controller in the pid namespace of the caller, or 0 if it is not known.
   *
   * Since: 0.1
   */
  properties[LXCMON_MODEL_CONTROLLER_PID]
      = g_param_spec_int ("controller-pid", NULL, NULL, 0, G_MAXINT, 0, READABLE);

  /**
   * LxcmonMonitor:started-at: (getter get_started_at)
   *
   * When the current run of the container started, or %NULL if it is not known. A run is as long as its controller;
   * the container's init starts a moment later.
   *
   * Since: 0.1
   */
  properties[LXCMON_MODEL_STARTED_AT]
      = g_param_spec_boxed ("started-at", NULL, NULL, G_TYPE_DATE_TIME, READABLE);

  /**
   * LxcmonMonitor:life: (getter get_life)
   *
   * A name for one run of the container, such as "1b4e28ba-3740-224871", or %NULL if it is not known. No other run
   * has it, on any machine, and every process on this machine that watches the container gets the same one, also
   * after it was started again.
   *
   * It consists of the first 8 digits of the machine's boot id, the pid of the controller, and the time at which that
   * started, in ticks since the machine was booted. It is %NULL if the process that asks is in a container, where
   * these numbers differ, and if the container is on another machine.
   *
   * It is set as long as the controller is known, and stays until "closed" has returned.
   *
   * Since: 0.1
   */
  properties[LXCMON_MODEL_LIFE] = g_param_spec_string ("life", NULL, NULL, NULL, READABLE);

  /**
   * LxcmonMonitor:running: (getter get_running)
   *
   * Whether the container runs, as far as is known. It is %TRUE also if the container cannot be watched, or is not
   * watched any more; then [property@Lxcmon.Monitor:error] says why.
   *
   * Since: 0.1
   */
  properties[LXCMON_MODEL_RUNNING] = g_param_spec_boolean ("running", NULL, NULL, FALSE, READABLE);
}

static void
install_properties_of_end (GParamSpec **properties)
{
  /**
   * LxcmonMonitor:exited: (getter get_exited)
   *
   * Whether EXIT was received in the current run. [property@Lxcmon.Monitor:exit-status] is valid only in
   * this case.
   *
   * Since: 0.1
   */
  properties[LXCMON_MODEL_EXITED] = g_param_spec_boolean ("exited", NULL, NULL, FALSE, READABLE);

  /**
   * LxcmonMonitor:exit-status: (getter get_exit_status)
   *
   * How the container ended, as EXIT reports it.
   *
   * Since: 0.1
   */
  properties[LXCMON_MODEL_EXIT_STATUS]
      = g_param_spec_enum ("exit-status", NULL, NULL, LXCMON_TYPE_EXIT_STATUS,
                           LXCMON_EXIT_STATUS_UNKNOWN, READABLE);

  /**
   * LxcmonMonitor:exit-raw: (getter get_exit_raw)
   *
   * The number that EXIT contained, or -1 if it is not known.
   *
   * Since: 0.1
   */
  properties[LXCMON_MODEL_EXIT_RAW]
      = g_param_spec_int ("exit-raw", NULL, NULL, G_MININT, G_MAXINT, -1, READABLE);

  /**
   * LxcmonMonitor:init-exit-code: (getter get_init_exit_code)
   *
   * The exit code of the container's init, or -1 if it is not known, or if a signal killed init. If init powered off
   * or rebooted the container, the code is 0.
   *
   * The controller does not report it. The kernel does since Linux 6.15, if [property@Lxcmon.Client:watch-init] or
   * [property@Lxcmon.Host:watch-init] is set, the container runs on this machine, and descriptors do not run short.
   *
   * It is set when "exit" is emitted. If the controller ended without EXIT, it may be notified up to 5 seconds after
   * "closed", on a monitor that the application keeps.
   *
   * Since: 0.1
   */
  properties[LXCMON_MODEL_INIT_EXIT_CODE]
      = g_param_spec_int ("init-exit-code", NULL, NULL, -1, G_MAXINT, -1, READABLE);

  /**
   * LxcmonMonitor:init-signal: (getter get_init_signal)
   *
   * The signal that killed the container's init, or 0 if it is not known, or if none did. See
   * [property@Lxcmon.Monitor:init-exit-code].
   *
   * Since: 0.1
   */
  properties[LXCMON_MODEL_INIT_SIGNAL]
      = g_param_spec_int ("init-signal", NULL, NULL, 0, G_MAXINT, 0, READABLE);

  /**
   * LxcmonMonitor:end: (getter get_end)
   *
   * How the container ended. It is set before [signal@Lxcmon.Monitor::closed] is emitted. In a handler of
   * this signal, %LXCMON_END_NONE means that the container may still run, but is no longer watched.
   *
   * Since: 0.1
   */
  properties[LXCMON_MODEL_END]
      = g_param_spec_enum ("end", NULL, NULL, LXCMON_TYPE_END, LXCMON_END_NONE, READABLE);
}

/*< private >
 * _lxcmon_model_install_properties:
 * @properties: (out): those of a class, by their numbers
 */
void
_lxcmon_model_install_properties (GParamSpec **properties)
{
  install_properties_of_run (properties);
  install_properties_of_end (properties);
}

/*< private >
 * _lxcmon_model_get_property:
 * @prop_id: one of the model's properties
 */
void
_lxcmon_model_get_property (const LxcmonModel *self, guint prop_id, GValue *value)
{
  switch (prop_id)
    {
    case LXCMON_MODEL_SOURCE:
      g_value_set_enum (value, (int) self->source);
      break;
    case LXCMON_MODEL_UUID:
      g_value_take_string (value, _lxcmon_model_dup_uuid (self));
      break;
    case LXCMON_MODEL_STATE:
      g_value_set_enum (value, (int) self->state);
      break;
    case LXCMON_MODEL_INIT_PID:
      g_value_set_int (value, self->init_pid);
      break;
    case LXCMON_MODEL_CONTROLLER_PID:
      g_value_set_int (value, self->controller_pid);
      break;
    case LXCMON_MODEL_STARTED_AT:
      g_value_take_boxed (value, _lxcmon_model_dup_started_at (self));
      break;
    case LXCMON_MODEL_LIFE:
      g_value_take_string (value, _lxcmon_model_dup_life (self));
      break;
    case LXCMON_MODEL_RUNNING:
      g_value_set_boolean (value, self->running);
      break;
    case LXCMON_MODEL_EXITED:
      g_value_set_boolean (value, self->exited);
      break;
    case LXCMON_MODEL_EXIT_STATUS:
      g_value_set_enum (value, self->exit_status);
      break;
    case LXCMON_MODEL_EXIT_RAW:
      g_value_set_int (value, self->exit_raw);
      break;
    case LXCMON_MODEL_INIT_EXIT_CODE:
      g_value_set_int (value, self->init_exit_code);
      break;
    case LXCMON_MODEL_INIT_SIGNAL:
      g_value_set_int (value, self->init_signal);
      break;
    case LXCMON_MODEL_END:
      g_value_set_enum (value, (int) self->end);
      break;
    default:
      g_assert_not_reached ();
    }
}

#define CHANGED(PROP, field) (self->field != other->field ? 1u << LXCMON_MODEL_##PROP : 0u)

/*< private >
 * _lxcmon_model_compare:
 *
 * Returns: the properties that differ, as bits
 */
guint
_lxcmon_model_compare (const LxcmonModel *self, const LxcmonModel *other)
{
  guint changed = CHANGED (SOURCE, source) | CHANGED (STATE, state) | CHANGED (INIT_PID, init_pid)
                  | CHANGED (CONTROLLER_PID, controller_pid)
                  | CHANGED (STARTED_AT, controller_start) | CHANGED (LIFE, controller_start)
                  | CHANGED (RUNNING, running) | CHANGED (EXITED, exited)
                  | CHANGED (EXIT_STATUS, exit_status) | CHANGED (EXIT_RAW, exit_raw)
                  | CHANGED (INIT_EXIT_CODE, init_exit_code) | CHANGED (INIT_SIGNAL, init_signal)
                  | CHANGED (END, end);

  if (self->controller_pid != other->controller_pid && self->controller_start != 0)
    changed |= 1u << LXCMON_MODEL_LIFE;
  if (memcmp (self->uuid, other->uuid, sizeof self->uuid) != 0)
    changed |= 1u << LXCMON_MODEL_UUID;
  return changed;
}

/*< private >
 * _lxcmon_model_set_controller:
 * @pid: a pid on this host, or 0
 *
 * The controller is known. It runs, so that it can be found out when it started: once, as its number may be another
 * process's later.
 */
void
_lxcmon_model_set_controller (LxcmonModel *self, gint pid)
{
  if (self->controller_pid == pid)
    return;
  self->controller_pid = pid;
  self->controller_start = lxcmon_process_get_start_ticks (pid);
}

/*< private >
 * _lxcmon_model_set_uuid:
 * @uuid: as libvirt writes it; anything else is no uuid
 */
void
_lxcmon_model_set_uuid (LxcmonModel *self, const char *uuid)
{
  guint n = 0;

  if (!g_uuid_string_is_valid (uuid))
    return;
  for (const char *digit = uuid; *digit != '\0'; digit++)
    {
      if (*digit == '-')
        continue;
      guint8 *byte = &self->uuid[n++ / 2];
      *byte = (guint8) (*byte << 4 | g_ascii_xdigit_value (*digit));
    }
}

gboolean
_lxcmon_model_has_uuid (const LxcmonModel *self)
{
  static const guint8 unknown[LXCMON_UUID_SIZE];

  return memcmp (self->uuid, unknown, sizeof unknown) != 0;
}

char *
_lxcmon_model_dup_uuid (const LxcmonModel *self)
{
  if (!_lxcmon_model_has_uuid (self))
    return NULL;

  GString *text = g_string_sized_new (36);
  for (guint i = 0; i < LXCMON_UUID_SIZE; i++)
    g_string_append_printf (text, "%s%02x", i == 4 || i == 6 || i == 8 || i == 10 ? "-" : "",
                            self->uuid[i]);
  return g_string_free (text, FALSE);
}

char *
_lxcmon_model_dup_life (const LxcmonModel *self)
{
  char life[LXCMON_LIFE_SIZE];

  if (!lxcmon_process_get_life (self->controller_pid, self->controller_start, life))
    return NULL;
  return g_strdup (life);
}

GDateTime *
_lxcmon_model_dup_started_at (const LxcmonModel *self)
{
  gint64 started_at = lxcmon_process_ticks_to_time (self->controller_start);
  g_autoptr (GDateTime) seconds = NULL;

  if (started_at == 0)
    return NULL;
  seconds = g_date_time_new_from_unix_utc (started_at / G_USEC_PER_SEC);
  return g_date_time_add (seconds, started_at % G_USEC_PER_SEC);
}
