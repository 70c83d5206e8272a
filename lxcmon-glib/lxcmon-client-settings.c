/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * Owns the properties that say how a client attaches. What is set counts from the next attach on.
 */

#include "lxcmon-client-private.h"

/* The longest time in milliseconds that can be asked for: some 24 days. */
#define MS_MAX G_MAXINT

#define SETTING (G_PARAM_READWRITE | G_PARAM_EXPLICIT_NOTIFY | G_PARAM_STATIC_STRINGS)

static GParamSpec *properties[LXCMON_CLIENT_N_PROPS];

static void
define_settings (void)
{
  /**
   * LxcmonClient:force:
   *
   * Connect to the controller whoever else might want its one place. For an app that *is* the
   * container's driver, such as one that starts the controller itself. What is set counts from the
   * next attach on.
   *
   * Since: 0.1
   */
  properties[LXCMON_CLIENT_PROP_FORCE]
      = g_param_spec_boolean ("force", NULL, NULL, FALSE, SETTING);

  /**
   * LxcmonClient:wait-if-busy:
   *
   * Where somebody else has the controller's one place, wait for it instead of failing with
   * %LXCMON_MONITOR_ERROR_BUSY. What is set counts from the next attach on.
   *
   * Since: 0.1
   */
  properties[LXCMON_CLIENT_PROP_WAIT_IF_BUSY]
      = g_param_spec_boolean ("wait-if-busy", NULL, NULL, FALSE, SETTING);

  /**
   * LxcmonClient:attach-timeout:
   *
   * How long an attach waits where it turns out that somebody else is served, in milliseconds. Where
   * nobody is, it waits as long as it takes: leaving would cost the next client its INIT. What is set
   * counts from the next attach on.
   *
   * Since: 0.1
   */
  properties[LXCMON_CLIENT_PROP_ATTACH_TIMEOUT]
      = g_param_spec_uint ("attach-timeout", NULL, NULL, 1, MS_MAX, LXCMON_CLIENT_ATTACH_TIMEOUT,
                           SETTING);

  /**
   * LxcmonClient:keepalive-interval:
   *
   * After how long a silence, or twice that at the most, to ask the controller whether it still lives,
   * in milliseconds, or 0 for never. A controller that has not answered after as much again is given
   * up, with %LXCMON_MONITOR_ERROR_TIMED_OUT. What is set counts from the next attach on.
   *
   * Since: 0.1
   */
  properties[LXCMON_CLIENT_PROP_KEEPALIVE_INTERVAL]
      = g_param_spec_uint ("keepalive-interval", NULL, NULL, 0, MS_MAX, 0, SETTING);

  /**
   * LxcmonClient:reboot-timeout:
   *
   * How long to wait for the container's next controller after a reboot, in milliseconds, or 0 for
   * not at all. The client attaches to it by itself: after "exit::reboot" and "closed" comes "init"
   * again. While it waits, its state is %LXCMON_STATE_CONNECTING; where it waits in vain, the state
   * becomes %LXCMON_STATE_DETACHED and the error %LXCMON_MONITOR_ERROR_TIMED_OUT. What is set counts
   * from the next attach on.
   *
   * Since: 0.1
   */
  properties[LXCMON_CLIENT_PROP_REBOOT_TIMEOUT]
      = g_param_spec_uint ("reboot-timeout", NULL, NULL, 0, MS_MAX, 0, SETTING);
}

void
_lxcmon_client_install_settings (GObjectClass *klass)
{
  define_settings ();
  for (guint i = LXCMON_CLIENT_PROP_FORCE; i < LXCMON_CLIENT_N_PROPS; i++)
    g_object_class_install_property (klass, i, properties[i]);
}

/*< private >
 * _lxcmon_client_read_setting:
 *
 * Returns: whether there is such a setting
 */
gboolean
_lxcmon_client_read_setting (LxcmonClient *self, guint prop_id, GValue *value)
{
  switch (prop_id)
    {
    case LXCMON_CLIENT_PROP_FORCE:
      g_value_set_boolean (value, self->force);
      return TRUE;
    case LXCMON_CLIENT_PROP_WAIT_IF_BUSY:
      g_value_set_boolean (value, self->wait_if_busy);
      return TRUE;
    case LXCMON_CLIENT_PROP_ATTACH_TIMEOUT:
      g_value_set_uint (value, lxcmon_client_get_attach_timeout (self));
      return TRUE;
    case LXCMON_CLIENT_PROP_KEEPALIVE_INTERVAL:
      g_value_set_uint (value, lxcmon_client_get_keepalive_interval (self));
      return TRUE;
    case LXCMON_CLIENT_PROP_REBOOT_TIMEOUT:
      g_value_set_uint (value, lxcmon_client_get_reboot_timeout (self));
      return TRUE;
    default:
      return FALSE;
    }
}

/*< private >
 * _lxcmon_client_write_setting:
 *
 * Returns: whether there is such a setting
 */
gboolean
_lxcmon_client_write_setting (LxcmonClient *self, guint prop_id, const GValue *value)
{
  switch (prop_id)
    {
    case LXCMON_CLIENT_PROP_FORCE:
      lxcmon_client_set_force (self, g_value_get_boolean (value));
      return TRUE;
    case LXCMON_CLIENT_PROP_WAIT_IF_BUSY:
      lxcmon_client_set_wait_if_busy (self, g_value_get_boolean (value));
      return TRUE;
    case LXCMON_CLIENT_PROP_ATTACH_TIMEOUT:
      lxcmon_client_set_attach_timeout (self, g_value_get_uint (value));
      return TRUE;
    case LXCMON_CLIENT_PROP_KEEPALIVE_INTERVAL:
      lxcmon_client_set_keepalive_interval (self, g_value_get_uint (value));
      return TRUE;
    case LXCMON_CLIENT_PROP_REBOOT_TIMEOUT:
      lxcmon_client_set_reboot_timeout (self, g_value_get_uint (value));
      return TRUE;
    default:
      return FALSE;
    }
}

static void
set_ms (LxcmonClient *self, gsize offset, guint ms, guint prop_id)
{
  const LxcmonClientExtra *extra = _lxcmon_client_get_extra (self);

  if (G_STRUCT_MEMBER (guint, extra, offset) == ms)
    return;
  G_STRUCT_MEMBER (guint, _lxcmon_client_ensure_extra (self), offset) = ms;
  _lxcmon_client_tidy_extra (self);
  g_object_notify_by_pspec (G_OBJECT (self), properties[prop_id]);
}

/**
 * lxcmon_client_get_force:
 * @self: a client
 *
 * See [property@Lxcmon.Client:force].
 *
 * Returns: whether the client takes the place whoever else might want it
 *
 * Since: 0.1
 */
gboolean
lxcmon_client_get_force (LxcmonClient *self)
{
  g_return_val_if_fail (LXCMON_IS_CLIENT (self), FALSE);

  return self->force;
}

/**
 * lxcmon_client_set_force:
 * @self: a client
 * @force: whether to take the place whoever else might want it
 *
 * See [property@Lxcmon.Client:force].
 *
 * Since: 0.1
 */
void
lxcmon_client_set_force (LxcmonClient *self, gboolean force)
{
  g_return_if_fail (LXCMON_IS_CLIENT (self));

  if (self->force == (guint) !!force)
    return;
  self->force = !!force;
  g_object_notify_by_pspec (G_OBJECT (self), properties[LXCMON_CLIENT_PROP_FORCE]);
}

/**
 * lxcmon_client_get_wait_if_busy:
 * @self: a client
 *
 * See [property@Lxcmon.Client:wait-if-busy].
 *
 * Returns: whether the client waits for the place
 *
 * Since: 0.1
 */
gboolean
lxcmon_client_get_wait_if_busy (LxcmonClient *self)
{
  g_return_val_if_fail (LXCMON_IS_CLIENT (self), FALSE);

  return self->wait_if_busy;
}

/**
 * lxcmon_client_set_wait_if_busy:
 * @self: a client
 * @wait_if_busy: whether to wait for the place
 *
 * See [property@Lxcmon.Client:wait-if-busy].
 *
 * Since: 0.1
 */
void
lxcmon_client_set_wait_if_busy (LxcmonClient *self, gboolean wait_if_busy)
{
  g_return_if_fail (LXCMON_IS_CLIENT (self));

  if (self->wait_if_busy == (guint) !!wait_if_busy)
    return;
  self->wait_if_busy = !!wait_if_busy;
  g_object_notify_by_pspec (G_OBJECT (self), properties[LXCMON_CLIENT_PROP_WAIT_IF_BUSY]);
}

/**
 * lxcmon_client_get_attach_timeout:
 * @self: a client
 *
 * See [property@Lxcmon.Client:attach-timeout].
 *
 * Returns: milliseconds
 *
 * Since: 0.1
 */
guint
lxcmon_client_get_attach_timeout (LxcmonClient *self)
{
  g_return_val_if_fail (LXCMON_IS_CLIENT (self), 0);

  return _lxcmon_client_get_extra (self)->attach_timeout;
}

/**
 * lxcmon_client_set_attach_timeout:
 * @self: a client
 * @attach_timeout: milliseconds, from 1 to %G_MAXINT
 *
 * See [property@Lxcmon.Client:attach-timeout].
 *
 * Since: 0.1
 */
void
lxcmon_client_set_attach_timeout (LxcmonClient *self, guint attach_timeout)
{
  g_return_if_fail (LXCMON_IS_CLIENT (self));
  g_return_if_fail (attach_timeout >= 1 && attach_timeout <= MS_MAX);

  set_ms (self, G_STRUCT_OFFSET (LxcmonClientExtra, attach_timeout), attach_timeout,
          LXCMON_CLIENT_PROP_ATTACH_TIMEOUT);
}

/**
 * lxcmon_client_get_keepalive_interval:
 * @self: a client
 *
 * See [property@Lxcmon.Client:keepalive-interval].
 *
 * Returns: milliseconds, or 0 for never
 *
 * Since: 0.1
 */
guint
lxcmon_client_get_keepalive_interval (LxcmonClient *self)
{
  g_return_val_if_fail (LXCMON_IS_CLIENT (self), 0);

  return _lxcmon_client_get_extra (self)->keepalive_interval;
}

/**
 * lxcmon_client_set_keepalive_interval:
 * @self: a client
 * @keepalive_interval: milliseconds, up to %G_MAXINT, or 0 for never
 *
 * See [property@Lxcmon.Client:keepalive-interval].
 *
 * Since: 0.1
 */
void
lxcmon_client_set_keepalive_interval (LxcmonClient *self, guint keepalive_interval)
{
  g_return_if_fail (LXCMON_IS_CLIENT (self));
  g_return_if_fail (keepalive_interval <= MS_MAX);

  set_ms (self, G_STRUCT_OFFSET (LxcmonClientExtra, keepalive_interval), keepalive_interval,
          LXCMON_CLIENT_PROP_KEEPALIVE_INTERVAL);
}

/**
 * lxcmon_client_get_reboot_timeout:
 * @self: a client
 *
 * See [property@Lxcmon.Client:reboot-timeout].
 *
 * Returns: milliseconds, or 0 for not at all
 *
 * Since: 0.1
 */
guint
lxcmon_client_get_reboot_timeout (LxcmonClient *self)
{
  g_return_val_if_fail (LXCMON_IS_CLIENT (self), 0);

  return _lxcmon_client_get_extra (self)->reboot_timeout;
}

/**
 * lxcmon_client_set_reboot_timeout:
 * @self: a client
 * @reboot_timeout: milliseconds, up to %G_MAXINT, or 0 for not at all
 *
 * See [property@Lxcmon.Client:reboot-timeout].
 *
 * Since: 0.1
 */
void
lxcmon_client_set_reboot_timeout (LxcmonClient *self, guint reboot_timeout)
{
  g_return_if_fail (LXCMON_IS_CLIENT (self));
  g_return_if_fail (reboot_timeout <= MS_MAX);

  set_ms (self, G_STRUCT_OFFSET (LxcmonClientExtra, reboot_timeout), reboot_timeout,
          LXCMON_CLIENT_PROP_REBOOT_TIMEOUT);
}
